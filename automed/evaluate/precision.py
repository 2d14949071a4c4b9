"""What this test set can show: how wide its intervals are, and how many events would make them narrow.

Source: Buderer 1996, Acad Emerg Med 3:895-900 (how many diseased and healthy an accuracy study needs); Riley et al.
2021, Stat Med 40:4230-4251 (sample sizes for a stated width of the interval).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.delong import Z, delong
from automed.evaluate.intervals import RESAMPLES, Estimate, bootstrap, complete, encode, rests_on, summarise, too_few
from automed.evaluate.metrics import MACRO_F1
from automed.evaluate.questions import Question
from automed.evaluate.resamples import OVERALL, Floats
from automed.evaluate.sample import Sample
from automed.evaluate.scores import as_json
from automed.evaluate.shares import Share, draw_shares, point

MARGIN = 0.05
WORST = 0.5  # the share whose interval is the widest, where the share itself is not known
TITLES = {"sensitivity": "sensitivity", "specificity": "specificity", "auroc": "AUROC", "macro_f1": "macro-F1"}


def precision(
    sample: Sample,
    questions: Sequence[Question],
    codes: NDArray[np.int64],
    *,
    margin: float = MARGIN,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """How precisely each figure is known, and what it would take to know it within a margin.

    A share needs as many events as bring Wilson's interval within the margin, times the design effect; AUROC and
    macro-F1 as many as would bring the measured interval there, were it to narrow with the square root of the events.
    The design effect is how much more the figure varies for patients having several records: the variance with
    patients drawn, by that with records drawn (of AUROC, the clustered by the plain variance of DeLong).

    Args:
        sample: n records with decisions.
        questions: whose sensitivity (the recall of a class), specificity and AUROC are looked at.
        codes: int64 (n,), patient of each record, 0 to patients - 1.
        margin: the half width of an interval that is wished for.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        {"margin", "records", "patients", "figures": [{"figure": sensitivity | specificity | auroc | macro_f1, "of": key
        of the question, null of macro_f1, "value", "ci95", "n", "events", "reason", "half_width": of the interval or
        null, "design_effect": null where each patient has one record or it cannot be told, "needed": events, or null,
        "sentence": the same for people}, ...]}.
    """
    clustered = int(codes.max()) + 1 < len(codes)
    figures = []
    asked: dict[tuple[str, str], Share] = {}
    for question in questions:
        asked["sensitivity", question.key] = Share(question.decided, question.truth)
        asked["specificity", question.key] = Share(~question.decided, ~question.truth)
    drawn = draw_shares(list(asked.values()), codes, resamples=resamples, seed=seed)
    alone = encode(None, len(codes))
    plain = draw_shares(list(asked.values()), alone, resamples=resamples, seed=seed) if clustered else None
    for place, ((figure, key), share) in enumerate(asked.items()):
        estimate = summarise(point(share), drawn[:, place], codes, share.among)
        effect = None if plain is None or estimate.ci95 is None else _effect(drawn[:, place], plain[:, place])
        value = point(share).value if estimate.value is None else estimate.value
        figures.append(_row(figure, key, estimate, effect, _needed_share(value, margin, effect), margin))
    figures += [_auroc(question, codes, clustered, margin) for question in questions]
    figures.append(_macro_f1(sample, codes, clustered, margin, resamples, seed))
    order = {question.key: place for place, question in enumerate(questions)}
    figures.sort(key=lambda row: order.get(row["of"], len(order)))
    return {"margin": margin, "records": len(codes), "patients": int(codes.max()) + 1, "figures": figures}


def wilson_events(share: float, margin: float) -> int:
    """The fewest events whose 95 % Wilson interval of a share is no wider than twice the margin.

    The half width is z / (1 + z²/n) times the root of p (1 - p) / n + z² / (4 n²); with v = z² / n, setting it to the
    margin h is the quadratic (1/4 - h²) v² + (p (1 - p) - 2 h²) v - h² = 0.

    Args:
        share: 0 to 1, the value expected.
        margin: above 0 and below .5.

    Source: Wilson 1927; Newcombe 1998, Stat Med 17:857-872, method 3.
    """
    first, second = 0.25 - margin**2, share * (1 - share) - 2 * margin**2
    v = (math.sqrt(second**2 + 4 * first * margin**2) - second) / (2 * first)
    return math.ceil(round(Z**2 / v, 6))


def _needed_share(value: float | None, margin: float, effect: float | None) -> int:
    return math.ceil(wilson_events(WORST if value is None else value, margin) * max(1.0, effect or 1.0))


def _needed_by_width(estimate: Estimate, margin: float) -> int | None:
    half = _half(estimate)
    return None if half is None else max(1, math.ceil(round(estimate.events * (half / margin) ** 2, 6)))


def _half(estimate: Estimate) -> float | None:
    return None if estimate.ci95 is None else (estimate.ci95[1] - estimate.ci95[0]) / 2


def _effect(clustered: Floats, plain: Floats) -> float | None:
    """The ratio of two variances of resampled values; None where one does not vary."""
    above, below = float(np.nanvar(clustered)), float(np.nanvar(plain))
    return above / below if above > 0 and below > 0 else None


def _auroc(question: Question, codes: NDArray[np.int64], clustered: bool, margin: float) -> dict[str, Any]:
    fewer = question.truth if question.truth.sum() * 2 <= len(codes) else ~question.truth
    n, events, effect = len(codes), int(fewer.sum()), None
    reason = too_few(codes, fewer, 1.0)
    value, ci95 = None, None
    if not reason:
        area = delong(question.truth, question.probability, codes)
        if area.se is None or area.ci95 is None:
            reason = f"not estimable: every record of one side ranks alike against the other, at {area.auc:.3f}"
        else:
            value, ci95 = area.auc, area.ci95
            plain = delong(question.truth, question.probability) if clustered else None
            effect = (area.se / plain.se) ** 2 if plain and plain.se else None
    estimate = Estimate(value, ci95, n, events, reason)
    return _row("auroc", question.key, estimate, effect, _needed_by_width(estimate, margin), margin)


def _macro_f1(
    sample: Sample, codes: NDArray[np.int64], clustered: bool, margin: float, resamples: int, seed: int
) -> dict[str, Any]:
    events_at = rests_on(sample, MACRO_F1)
    measures = {"macro_f1": OVERALL["macro_f1"], "complete": complete}

    def values(patient: NDArray[np.int64]) -> Floats:
        found = bootstrap(sample, patient, measures, resamples=resamples, seed=seed)
        return np.where(found["complete"] > 0, found["macro_f1"], np.nan)

    drawn = values(codes)
    estimate = summarise(MACRO_F1(sample), drawn, codes, events_at)
    effect = _effect(drawn, values(encode(None, len(codes)))) if clustered and estimate.ci95 else None
    return _row("macro_f1", None, estimate, effect, _needed_by_width(estimate, margin), margin)


def _row(
    figure: str, key: str | None, estimate: Estimate, effect: float | None, needed: int | None, margin: float
) -> dict[str, Any]:
    half = _half(estimate)
    return {
        "figure": figure,
        "of": key,
        **as_json(estimate),
        "half_width": half,
        "design_effect": effect,
        "needed": needed,
        "sentence": _sentence(figure, key, estimate, half, needed, margin),
    }


def _sentence(
    figure: str, key: str | None, estimate: Estimate, half: float | None, needed: int | None, margin: float
) -> str:
    subject = f"{TITLES[figure]} of {key}" if key else TITLES[figure]
    have = words(estimate.events, "record without it" if figure == "specificity" else "event")
    want = "" if needed is None else f"; about {needed:,} would be needed for ±{decimal(margin)}"
    if half is None:
        return f"With {have} {subject} is not estimable{want}."
    if half <= margin:
        return f"With {have} the interval of {subject} reaches ±{decimal(half)}, which is within ±{decimal(margin)}."
    reach = decimal(half, 3 if decimal(half) == decimal(margin) else 2)
    return f"With {have} the interval of {subject} reaches ±{reach}{want}."


def words(count: int, what: str) -> str:
    """A count of things: "1 event", "41 events", "3 records without it"."""
    first, _, rest = what.partition(" ")
    return f"{count:,} {first if count == 1 else first + 's'} {rest}".rstrip()


def decimal(value: float, digits: int = 2) -> str:
    """As clinicians write shares: ".05"; of small ones a third digit."""
    return f"{value:.{max(digits, 3 if value < 0.01 else 2)}f}".removeprefix("0")
