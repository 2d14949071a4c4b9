"""What a check says: figures with intervals, a verdict, and what that does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Verdict = Literal["passed", "failed", "could not be decided", "not applicable"]
PASSED: Verdict = "passed"
FAILED: Verdict = "failed"
UNDECIDED: Verdict = "could not be decided"
NOT_APPLICABLE: Verdict = "not applicable"


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
    found = [finding.verdict for finding in findings if finding.counts and finding.verdict != NOT_APPLICABLE]
    if FAILED in found:
        return FAILED
    return PASSED if found and UNDECIDED not in found else UNDECIDED


def mean_with_interval(
    values: npt.NDArray[Any], patients: npt.NDArray[np.int64], what: str, seed: int = 0, resamples: int = 2000
) -> Figure:
    """Mean over cases with a percentile interval, drawing patients with all their cases.

    Args:
        values: floats (n,); NaN are left out.
        patients: int64 (n,).
        what: the number in words.
        seed: of the resamples.
        resamples: how many.

    Source: Field and Welsh 2007, J R Stat Soc B 69:369-390 (cluster bootstrap).
    """
    values, patients = np.asarray(values, np.float64), np.asarray(patients)
    here = np.isfinite(values)
    values, codes = values[here], np.unique(patients[here], return_inverse=True)[1]
    if not len(values):
        return Figure(None, None, 0, what, "not estimable: no case has this number")
    mean, clusters = float(values.mean()), int(codes.max()) + 1
    if clusters < 5:
        return Figure(mean, None, len(values), what, f"not estimable: {clusters} patients, 5 are needed")
    sums, sizes = np.bincount(codes, values), np.bincount(codes)
    drawn = np.random.default_rng(seed).integers(0, clusters, (resamples, clusters))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Figure(mean, (float(low), float(high)), len(values), what)


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
