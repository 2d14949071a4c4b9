"""Whether a point is better or worse than another, or an engine than a rival: by paired tests, never by eye.

What is held against each other are answers about the same test records, seed by seed. The mean difference over seeds
has two sources of error: other patients would have been tested, and other trainings would have come out. Both enter its
interval (`seeds`); the p values of all recipes and engines are corrected together by Holm's method.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from automed.benchmark import OURS
from automed.benchmark.comparison.difference import ALIKE, differ, other
from automed.benchmark.comparison.seeds import LEVEL
from automed.benchmark.record import Cell, Point
from automed.evaluate import METRICS
from automed.evaluate.metrics import Metric
from automed.evaluate.multiplicity import holm

if TYPE_CHECKING:
    from automed.benchmark.history import History

Verdict = Literal["better", "same", "worse", "undecided", "not comparable"]


@dataclass(frozen=True)
class Change:
    """What became of one recipe and engine from one point to another, or of ours held against a rival.

    Attributes:
        recipe: its name in the suite.
        engine: that was compared; in `against`, the rival.
        verdict: worse and better are differences that chance does not explain, same is a difference that is within
            the margin wherever in its interval it lies.
        difference: mean over seeds, after minus before, or ours minus the rival.
        ci95: of the difference; None where it has none, and `reason` says why.
        p: of no difference, two-sided; None where nothing was tested.
        p_holm: corrected for all tests that were made together.
        seeds: done on both sides.
        n: test records.
        before: mean of the metric over these seeds, or that of the rival.
        after: mean of the metric over these seeds, or ours.
        reason: of the verdict, in one sentence.
    """

    recipe: str
    engine: str
    verdict: Verdict
    difference: float | None
    ci95: tuple[float, float] | None
    p: float | None
    p_holm: float | None
    seeds: int
    n: int
    before: float | None
    after: float | None
    reason: str


@dataclass(frozen=True)
class _Side:
    """The cells of one recipe and engine at one point, by seed, and what that is called."""

    name: str
    cells: Mapping[int, Cell]

    def having(self, status: str) -> list[int]:
        return [seed for seed, cell in self.cells.items() if cell.status == status]

    def why(self, status: str) -> str:
        """The first reason of that status."""
        return next(str(cell.reason or "no reason is kept") for cell in self.cells.values() if cell.status == status)


@dataclass(frozen=True)
class _Pairing:
    recipe: str
    engine: str
    before: _Side
    after: _Side
    between: str  # what two trainings say nothing about: the code, or the engines

    def verdict(self, verdict: Verdict, reason: str, **known: Any) -> Change:
        """`known` are further fields of Change."""
        fields: dict[str, Any] = dict.fromkeys(("difference", "ci95", "p", "p_holm", "before", "after"))
        return Change(self.recipe, self.engine, verdict, reason=reason, **(fields | {"seeds": 0, "n": 0} | known))


def compare(
    history: History,
    before: Point,
    after: Point,
    *,
    margin: float = 0.02,
    engines: Sequence[str] = OURS,
    metric: str = "macro_f1",
    seed: int = 0,
) -> list[Change]:
    """Decide for every recipe and engine of two points what became of it.

    Args:
        history: of the suite.
        before: what is held against.
        after: what is asked about.
        margin: the difference that does not matter.
        engines: that are compared.
        metric: of METRICS.
        seed: of the draws of patients; all seeds and both points meet the same draws.

    Returns:
        One a recipe and engine that is in either point.
    """
    first, second = _sides(history.cells(before.id)), _sides(history.cells(after.id))
    pairings = [
        _Pairing(
            *what,
            before=_Side(f"point {before.id}", first.get(what, {})),
            after=_Side(f"point {after.id}", second.get(what, {})),
            between="the code",
        )
        for what in dict.fromkeys([*second, *first])
        if what[1] in engines
    ]
    settled = [_refuse(pairing) or _recovered(pairing) for pairing in pairings]
    return _decide(history, pairings, settled, margin=margin, metric=metric, seed=seed)


def against(
    history: History, point: Point, ours: str, *, margin: float = 0.02, metric: str = "macro_f1", seed: int = 0
) -> list[Change]:
    """Hold one engine against every other at one point, on every recipe.

    Args:
        history: of the suite.
        point: which.
        ours: the engine that is asked about: better means that it is better than the other.
        margin: the difference that does not matter.
        metric: of METRICS.
        seed: of the draws of patients.

    Returns:
        One a recipe and other engine, whose name is the change's `engine`.
    """
    cells = _sides(history.cells(point.id))
    pairings = [
        _Pairing(recipe, rival, _Side(rival, theirs), _Side(ours, cells.get((recipe, ours), {})), "the engines")
        for (recipe, rival), theirs in cells.items()
        if rival != ours
    ]
    settled = [_refuse(pairing) for pairing in pairings]
    return _decide(history, pairings, settled, margin=margin, metric=metric, seed=seed)


def _sides(cells: Iterable[Cell]) -> dict[tuple[str, str], dict[int, Cell]]:
    found: dict[tuple[str, str], dict[int, Cell]] = {}
    for cell in cells:
        found.setdefault((cell.recipe, cell.engine), {})[cell.seed] = cell
    return found


def _decide(
    history: History,
    pairings: Iterable[_Pairing],
    settled: Iterable[Change | None],
    *,
    margin: float,
    metric: str,
    seed: int,
) -> list[Change]:
    tested = [
        change or _test(history, pairing, metric, seed) for pairing, change in zip(pairings, settled, strict=True)
    ]
    corrected = holm([change.p for change in tested])
    tests = sum(p is not None for p in corrected)
    return [
        change if p is None else _settle(change, p, tests, metric, margin)
        for change, p in zip(tested, corrected, strict=True)
    ]


def _refuse(pairing: _Pairing) -> Change | None:
    """Why two sides cannot be tested, from their cells alone; a cell that fails where it did not is worse for that."""
    before, after = pairing.before, pairing.after
    for side in (before, after):
        if not side.cells:
            return pairing.verdict("not comparable", f"not run: {side.name} has no such cell")
    if len({cell.digest for side in (before, after) for cell in side.cells.values()}) > 1:
        return pairing.verdict("not comparable", f"the recipe has changed between {before.name} and {after.name}")
    prints = {c.fingerprint for side in (before, after) for c in side.cells.values() if c.status == "done"}
    if len(prints - {None}) > 1:
        reason = f"the recipe has changed between {before.name} and {after.name}: its data have another fingerprint"
        return pairing.verdict("not comparable", reason)
    done = before.having("done")
    lost = set(done) & set(after.having("failed"))
    if lost:
        share = f"{len(lost)} of {_seeds(len(done))} that {before.name} had done"
        return pairing.verdict("worse", f"failed: {share}: {after.why('failed')}")
    for side in (before, after):
        if side.having("unsuited"):
            return pairing.verdict("not comparable", f"unsuited: {side.why('unsuited')}")
    return None


def _recovered(pairing: _Pairing) -> Change | None:
    """A recipe that failed in every seed and now runs is better for that, as the opposite is worse."""
    before, after = pairing.before, pairing.after
    if before.having("done") or not set(before.having("failed")) & set(after.having("done")) or after.having("failed"):
        return None
    return pairing.verdict("better", f"done in {after.name}, where {before.name} failed: {before.why('failed')}")


def _test(history: History, pairing: _Pairing, metric: str, seed: int) -> Change:
    """Make the test; without p where it could not be made or need not be."""
    before, after = pairing.before, pairing.after
    shared = sorted(set(before.having("done")) & set(after.having("done")))
    if not shared:
        return pairing.verdict("not comparable", _nothing_shared(before, after))
    cells = [side.cells[seed_] for seed_ in shared for side in (before, after)]
    kept = [history.answers(cell.point, cell.recipe, cell.seed, cell.engine) for cell in cells]
    said = [answers for answers in kept if answers is not None]
    if len(said) < len(kept):
        return pairing.verdict("not comparable", "the answers of a cell are not in the history")
    why = next((why for answers in said[1:] if (why := other(said[0], answers))), None)
    if why:
        return pairing.verdict("not comparable", why)
    found = differ(said[::2], said[1::2], metric=metric, seed=seed)
    known = {"seeds": found.seeds, "n": found.n, "before": found.before, "after": found.after}
    known |= {"difference": found.difference}
    if found.alike:
        reason = f"the answers are the same to {ALIKE:g}, in {_seeds(found.seeds)}"
        return pairing.verdict("same", reason, **known, ci95=(0.0, 0.0))
    if found.models_ci95 is not None:
        span = "({:+.3f} to {:+.3f} over patients alone)".format(*found.models_ci95)
        reason = (
            f"one seed: these two models differ by {found.difference:+.3f} {span}, "
            f"which says nothing about {pairing.between}"
        )
        return pairing.verdict("undecided", reason, **known)
    if found.difference is None or found.spread is None:
        return pairing.verdict("undecided", str(found.reason), **known)
    half = found.spread.half_width()
    ci95 = (found.difference - half, found.difference + half)
    return pairing.verdict("undecided", "", **known, ci95=ci95, p=found.spread.p(found.difference))


def _nothing_shared(before: _Side, after: _Side) -> str:
    for side, rest in ((before, after), (after, before)):
        if not side.having("done") and side.having("failed"):
            also = f", and {rest.name} failed as well" if not rest.having("done") and rest.having("failed") else ""
            return f"{side.name} failed{also}: {side.why('failed')}"
    told = (f"{', '.join(map(str, side.having('done'))) or 'none'} in {side.name}" for side in (before, after))
    return f"no seed is done in both: {' and '.join(told)}"


def _settle(change: Change, p: float, tests: int, metric: str, margin: float) -> Change:
    """Give a tested difference its verdict."""
    assert change.difference is not None and change.ci95 is not None
    figure: Metric = METRICS.load(metric)
    size, (low, high) = change.difference, change.ci95
    told = f"{figure.title} {size:+.3f} ({low:+.3f} to {high:+.3f}) over {_seeds(change.seeds)}"
    verdict: Verdict
    if -margin <= low and high <= margin:
        verdict, reason = "same", f"{told}: within {margin:g} either way"
    elif p < LEVEL:
        # Of a loss, less is better.
        verdict = "better" if (size > 0) == (figure.best > 0) else "worse"
        reason = f"{told}: more than chance, p {_p(p)}{_family(tests)}"
    elif low > 0 or high < 0:
        verdict, reason = "undecided", f"{told}: p {_p(p)}{_family(tests)}"
    else:
        reason = f"{told}: it may be none and may be more than {margin:g}; more seeds or more records decide"
        verdict = "undecided"
    return replace(change, verdict=verdict, p_holm=p, reason=reason)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _family(tests: int) -> str:
    return f" after Holm's correction for {tests} tests" if tests > 1 else ""


def _seeds(k: int) -> str:
    return "one seed" if k == 1 else f"{k} seeds"
