"""What is said of each gap once all are known: within the limit, beyond it, or could not be decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scipy.stats import norm

from automed.audit.gap import BEYOND, DEMOGRAPHIC_PARITY, UNDECIDED, WITHIN, WORST_GROUP, Gap, Side
from automed.audit.rates import FALSE_POSITIVE_RATE, FLAGGED, MACRO_F1, SENSITIVITY
from automed.evaluate.multiplicity import holm

LEVEL = 0.05
POWER = 0.80
LARGEST = 0.995  # what rounds to 1 is no difference that two rates can have
NAMES = {
    SENSITIVITY: "Sensitivity",
    FALSE_POSITIVE_RATE: "False-positive rate",
    FLAGGED: "Share flagged",
    MACRO_F1: "Macro-F1",
}
VERDICTS = {
    BEYOND: "Beyond the limit of {limit}.",
    WITHIN: "Within the limit of {limit}.",
    UNDECIDED: "With a limit of {limit}, this could not be decided.",
}


def decide(gaps: Sequence[Gap], limit: float) -> list[Gap]:
    """Correct the tests of all gaps of an audit for their number, and give each gap its verdict and sentence.

    Beyond: the lower limit of the interval is over `limit` and Holm's p under .05. Within: the upper limit is under
    `limit`. All else could not be decided, and so is a gap that is not estimable.

    Args:
        gaps: of all divisions, as `measure` gives them.
        limit: the largest gap that is accepted, 0 to 1.

    Source: Holm 1979, Scand J Stat 6:65-70.
    """
    tests = sum(gap.p is not None for gap in gaps)
    decided = []
    for gap, p in zip(gaps, holm([gap.p for gap in gaps]), strict=True):
        if p is None or gap.ci95 is None:
            verdict = replace(gap, limit=limit, verdict=UNDECIDED)
        else:
            verdict = replace(
                gap,
                limit=limit,
                p_holm=p,
                verdict=_verdict(gap.ci95, p, limit),
                detectable=smallest(gap.error, gap.critical, tests),
                reason=gap.reason or _too_coarse(gap, tests),
            )
        decided.append(replace(verdict, sentence=describe(verdict)))
    return decided


def _verdict(ci95: tuple[float, float], p: float, limit: float) -> str:
    if ci95[0] > limit and p < LEVEL:
        return BEYOND
    return WITHIN if ci95[1] < limit else UNDECIDED


def _too_coarse(gap: Gap, tests: int) -> str | None:
    if tests / (1 + gap.permutations) < LEVEL:
        return None
    return f"{gap.permutations} permutations are too few to find any of {tests} gaps after correction"


def smallest(error: float, critical: float, tests: int) -> float | None:
    """The true difference whose interval would leave out 0 in 80 % of such samples; None where no difference would.

    The critical value is corrected for the pairs and questions within the gap already; here it grows as the number of
    gaps asks, as in the first step of Holm's procedure.

    Args:
        error: standard error of the difference.
        critical: standard errors to either side of the interval of one pair.
        tests: gaps of the whole audit.

    Source: Julious 2004, Stat Med 23:1921-1986, section 3 (normal approximation).
    """
    level = float(norm.sf(critical)) / max(tests, 1)
    found = float(norm.isf(level) + norm.ppf(POWER)) * error
    return found if found < LARGEST else None


def describe(gap: Gap) -> str:
    """A gap in sentences for people; no cause is claimed."""
    asked = f"{NAMES[gap.figure]} for {gap.question}" if gap.question else NAMES[gap.figure]
    if gap.high is None or gap.low is None or gap.value is None or gap.ci95 is None:
        parts = [f"{NAMES[gap.figure]} by {gap.division}: not estimable; {gap.reason}. This could not be decided."]
        return " ".join([*parts, *_left_out(gap)])
    high, low = (f"{share(side.value)} in {side.group} ({_counted(side)})" for side in (gap.high, gap.low))
    p = gap.p_holm if gap.p_holm is not None else gap.p
    parts = [
        f"{asked} is {high} and {low}.",
        f"The largest gap is {share(gap.value)} (95 % interval {share(gap.ci95[0])} to {share(gap.ci95[1])};"
        f" corrected p {p_text(p)}).",
        VERDICTS[gap.verdict].format(limit=share(gap.limit)),
    ]
    if gap.surest and gap.verdict == BEYOND:
        figure, question, more, less = gap.surest
        parts.append(
            f"The surest difference is in {NAMES[figure][0].lower()}{NAMES[figure][1:]}"
            f"{f' for {question}' if question else ''}: {share(more.value)} in {more.group} ({_counted(more)}) and"
            f" {share(less.value)} in {less.group} ({_counted(less)}), at least {share(gap.ci95[0])} apart."
        )
    if gap.kind == DEMOGRAPHIC_PARITY:
        parts.append("Where the prevalence truly differs between groups, such a gap is expected.")
    if gap.kind == WORST_GROUP:
        parts.append("Macro-F1 also depends on how common each class is in a group.")
    if gap.verdict != BEYOND:
        parts.append(_unseen(gap, gap.high.events, gap.low.events))
    if gap.reason:
        parts.append(f"{gap.reason[0].upper()}{gap.reason[1:]}.")
    return " ".join([*parts, *_left_out(gap)])


def _unseen(gap: Gap, one: int, other: int) -> str:
    counts = f"With {min(one, other)} and {max(one, other)} events, "
    if gap.detectable is None:
        return counts + "any gap would mostly have gone unseen."
    return counts + f"a gap under {share(gap.detectable)} would mostly have gone unseen."


def _left_out(gap: Gap) -> list[str]:
    wholly = "; ".join(f"{group.group} (n {group.n})" for group in gap.left_out if group.wholly)
    partly = "; ".join(group.group for group in gap.left_out if not group.wholly)
    found = [f"Not estimable, and so not compared: {wholly}."] if wholly else []
    return [*found, f"Not estimable in some questions: {partly}."] if partly else found


def _counted(side: Side) -> str:
    return f"n {side.n}" if side.n == side.events else f"n {side.n}, {side.events} events"


def share(value: float) -> str:
    """A number from 0 to 1 with two decimals and no leading zero, as medical journals print it."""
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0.") and value != 0 else text.replace("1.00", "1.0").replace("0.00", "0")


def p_text(p: float | None) -> str:
    """A p-value as medical journals print it."""
    if p is None:
        return "not known"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
