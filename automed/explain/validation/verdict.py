"""What a check says: figures with intervals, a verdict, and what that does not show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special

Verdict = Literal["passed", "failed", "could not be decided", "not applicable"]
PASSED: Verdict = "passed"
FAILED: Verdict = "failed"
UNDECIDED: Verdict = "could not be decided"
NOT_APPLICABLE: Verdict = "not applicable"

TAIL = 0.025
LEAST_PATIENTS = 5


@dataclass(frozen=True)
class Figure:
    """One number: mean over cases with a 95 % interval by bootstrap over patients, and n; None where not estimable."""

    value: float | None
    ci95: tuple[float, float] | None
    n: int
    what: str  # in words: "fall in probability beyond that of a random order"
    reason: str | None = None  # why there is no interval


@dataclass(frozen=True)
class Finding:
    """The outcome of one check of one method.

    Attributes:
        check: its name in CHECKS.
        verdict: what follows.
        sentence: for people, with the figure in it.
        figures: by name.
        limits: what this check does not show.
        counts: whether the verdict on the method rests on it too.
        curves: by name lists of numbers, for drawing.
    """

    check: str
    verdict: Verdict
    sentence: str
    figures: dict[str, Figure]
    limits: str
    counts: bool = True
    curves: dict[str, Any] = field(default_factory=dict)


def overall(findings: Sequence[Finding]) -> Verdict:
    """The worst of the verdicts that count."""
    return worst(finding.verdict for finding in findings if finding.counts)


def mean_with_interval(
    values: npt.NDArray[Any],
    patients: npt.NDArray[np.int64],
    what: str,
    seed: int = 0,
    resamples: int = 2000,
    bounds: tuple[float, float] | None = None,
) -> Figure:
    """Mean over cases with a percentile interval, drawing patients with all their cases.

    Few patients make the plain percentile interval too narrow; its percentiles are moved out until a mean of as many
    normal values would be covered as often as promised.

    Args:
        values: floats (n,); NaN are left out.
        patients: int64 (n,).
        what: the number in words.
        seed: of the resamples.
        resamples: how many.
        bounds: least and greatest possible value. Where all values are one of them the bootstrap would claim
            certainty; the exact binomial limit of as many patients stands in.

    Source: Field and Welsh 2007, J R Stat Soc B 69:369-390 (cluster bootstrap); Hesterberg 2015, Am Stat 69:371-386,
    section 5.3 (expanded percentiles); Clopper and Pearson 1934, Biometrika 26:404-413.
    """
    values, patients = np.asarray(values, np.float64), np.asarray(patients)
    here = np.isfinite(values)
    values, codes = values[here], np.unique(patients[here], return_inverse=True)[1]
    if not len(values):
        return Figure(None, None, 0, what, "not estimable: no case has this number")
    mean, clusters = float(values.mean()), int(codes.max()) + 1
    if clusters < LEAST_PATIENTS:
        return Figure(mean, None, len(values), what, _too_few(clusters))
    for bound in bounds or ():
        if np.allclose(values, bound, rtol=0, atol=1e-12):
            low, high = bounds or (0.0, 0.0)
            reach = (high - low) * TAIL ** (1 / clusters)
            limits = (low, high - reach) if bound == low else (low + reach, high)
            return Figure(mean, limits, len(values), what, f"all are {bound:g}: exact binomial limits instead")
    sums, sizes = np.bincount(codes, values), np.bincount(codes)
    drawn = np.random.default_rng(seed).integers(0, clusters, (resamples, clusters))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return Figure(mean, _limits(means, clusters), len(values), what)


def difference_with_interval(
    values: npt.NDArray[Any],
    first: npt.NDArray[np.bool_],
    second: npt.NDArray[np.bool_],
    patients: npt.NDArray[np.int64],
    what: str,
    seed: int = 0,
    resamples: int = 2000,
    comparisons: int = 1,
) -> Figure:
    """Mean of the first cases less that of the second ones, drawing the patients of each with all their cases.

    Args:
        values: floats (n,); NaN are left out.
        first: bool (n,).
        second: bool (n,), no patient of which is among the first.
        patients: int64 (n,).
        what: the number in words.
        seed: of the resamples.
        resamples: how many.
        comparisons: of how many differences this is the greatest; the interval is wider for it (Bonferroni).
    """
    random, drawn, means, fewest = np.random.default_rng(seed), [], [], np.inf
    here = np.isfinite(values)
    for chosen in (first & here, second & here):
        codes = np.unique(patients[chosen], return_inverse=True)[1]
        clusters = int(codes.max(initial=-1)) + 1
        if clusters < LEAST_PATIENTS:
            return Figure(None, None, int((first | second).sum()), what, _too_few(clusters))
        sums, sizes = np.bincount(codes, values[chosen]), np.bincount(codes)
        draws = random.integers(0, clusters, (resamples, clusters))
        drawn.append(sums[draws].sum(axis=1) / sizes[draws].sum(axis=1))
        means.append(float(values[chosen].mean()))
        fewest = min(fewest, clusters)
    limits = _limits(drawn[0] - drawn[1], int(fewest), TAIL / comparisons)
    return Figure(means[0] - means[1], limits, int(((first | second) & here).sum()), what)


def _limits(means: npt.NDArray[np.float64], clusters: int, tail: float = TAIL) -> tuple[float, float]:
    """Limits with `tail` on each side from means of resamples of so many patients."""
    outer = special.ndtr(np.sqrt(clusters / (clusters - 1)) * special.stdtrit(clusters - 1, tail))
    low, high = np.quantile(means, (outer, 1 - outer))
    return float(low), float(high)


def _too_few(clusters: int) -> str:
    return f"not estimable: {clusters} patient{'s' * (clusters != 1)}, {LEAST_PATIENTS} are needed"


def words(figure: Figure, digits: int = 2) -> str:
    """A figure for a sentence: "0.31 (95 % interval 0.20 to 0.42, 24 cases)"."""
    if figure.value is None:
        return figure.reason or "not estimable"
    cases = f"{figure.n} case{'s' * (figure.n != 1)}"
    if figure.ci95 is None:
        return f"{_number(figure.value, digits)} ({cases}; {figure.reason})"
    low, high = (_number(limit, digits) for limit in figure.ci95)
    return f"{_number(figure.value, digits)} (95 % interval {low} to {high}, {cases})"


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0, so that no "-0.00" is shown


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Failed if one failed, passed if all passed; those that do not apply are left out."""
    found = [verdict for verdict in verdicts if verdict != NOT_APPLICABLE]
    if FAILED in found:
        return FAILED
    return PASSED if found and UNDECIDED not in found else UNDECIDED


def at_least(figure: Figure, limit: float) -> Verdict:
    """Passed where the whole interval is at or above the limit, failed where all of it is below."""
    if figure.ci95 is None:
        return UNDECIDED
    return PASSED if figure.ci95[0] >= limit else FAILED if figure.ci95[1] < limit else UNDECIDED


def above(figure: Figure, limit: float) -> Verdict:
    """As `at_least`, but the limit itself is not enough."""
    if figure.ci95 is None:
        return UNDECIDED
    return PASSED if figure.ci95[0] > limit else FAILED if figure.ci95[1] <= limit else UNDECIDED


def at_most(figure: Figure, limit: float) -> Verdict:
    """Passed where the whole interval is at or below the limit, failed where all of it is above."""
    if figure.ci95 is None:
        return UNDECIDED
    return PASSED if figure.ci95[1] <= limit else FAILED if figure.ci95[0] > limit else UNDECIDED
