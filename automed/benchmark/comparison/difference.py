"""The mean difference of two sides over seeds, on the same test records, and where its error comes from.

A record's share of the difference that belongs to one training alone is counted in both variances, which makes the
interval somewhat wide. Taking it out needs a variance that can come out negative, and few seeds cannot carry that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automed.benchmark.comparison.seeds import Spread
from automed.benchmark.record import Answers
from automed.evaluate import METRICS
from automed.evaluate.intervals import TAIL, bootstrap, complete, encode, rests_on, too_few
from automed.evaluate.metrics import Metric
from automed.evaluate.resamples import OVERALL, Resamples
from automed.evaluate.sample import Sample

ALIKE = 1e-6  # probabilities that are no further apart come from the same training


@dataclass(frozen=True)
class Difference:
    """One metric of two sides.

    Attributes:
        seeds: that both have.
        n: test records.
        before: mean over seeds of the first side; None where it is not defined, as `after` and `difference`.
        after: that of the second side.
        difference: after minus before; None also where the records cannot carry an interval.
        spread: of the difference; None with one seed, without a difference, and of sides that are alike.
        models_ci95: with one seed, over patients alone: of these two models, and of no other training.
        alike: whether both sides answer the same to ALIKE, in every seed.
        reason: why there is no difference.
    """

    seeds: int
    n: int
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    spread: Spread | None = None
    models_ci95: tuple[float, float] | None = None
    alike: bool = False
    reason: str | None = None


def other(one: Answers, two: Answers) -> str | None:
    """Why two answers are not about the same question; None where they are."""
    if (one.classes, one.task, one.positive) != (two.classes, two.task, two.positive):
        return "they tell other classes apart, or have another task"
    if not np.array_equal(one.record, two.record):
        both = len(np.intersect1d(one.record, two.record))
        counts = f"{len(one.record):,} and {len(two.record):,}"
        return f"their test records are not the same: {both:,} are in both, of {counts}"
    if not np.array_equal(one.y, two.y):
        return "the reference standard of their test records is not the same"
    if not np.array_equal(encode(one.patient, len(one.y)), encode(two.patient, len(two.y))):
        return "they group the test records into other patients"
    return None


def differ(
    before: Sequence[Answers], after: Sequence[Answers], *, metric: str = "macro_f1", seed: int = 0
) -> Difference:
    """Hold two sides against each other, seed by seed; all meet the same draws of patients.

    Args:
        before: of one side, one a seed, all about the same question (see `other`).
        after: of the other side, in the same order of seeds.
        metric: of METRICS.
        seed: of the draws.
    """
    figure: Metric = METRICS.load(metric)
    first, second = ([answers.sample() for answers in side] for side in (before, after))
    k, n = len(first), len(first[0].y)
    if not figure.suits(first[0]):
        return Difference(k, n, reason=f"{figure.title} is not a figure of this task")
    points = [[figure(sample) for sample in side] for side in (first, second)]
    lacking = next((point.reason for side in points for point in side if point.value is None), None)
    if lacking:
        return Difference(k, n, reason=f"not estimable: {lacking}")
    values = np.array([[point.value for point in side] for side in points], dtype=np.float64)
    means, by_seed = values.mean(axis=1), values[1] - values[0]
    known = (k, n, float(means[0]), float(means[1]))
    if all(_alike(*pair) for pair in zip(before, after, strict=True)):
        return Difference(*known, difference=0.0, alike=True)
    codes = encode(before[0].patient, n)
    drawn = _draw(first, second, metric, codes, seed)
    valid = drawn[np.isfinite(drawn)]
    why = too_few(codes, rests_on(first[0], figure), len(valid) / len(drawn))
    if why:
        return Difference(*known, reason=why)
    if k == 1:
        low, high = (float(limit) for limit in np.percentile(valid, (100 * TAIL, 100 * (1 - TAIL))))
        return Difference(*known, difference=float(by_seed.mean()), models_ci95=(low, high))
    return Difference(*known, difference=float(by_seed.mean()), spread=_spread(by_seed, valid, first[0], figure, codes))


def _alike(one: Answers, two: Answers) -> bool:
    near = np.allclose(one.probabilities, two.probabilities, rtol=0, atol=ALIKE)
    return bool(near and np.array_equal(one.predicted, two.predicted))


def _draw(
    first: Sequence[Sample], second: Sequence[Sample], metric: str, codes: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """The mean difference in each draw of patients, NaN where the draw leaves it undefined."""

    def mean(weighted: Resamples) -> NDArray[np.float64]:
        sides = [
            np.mean([OVERALL[metric](Resamples(sample, weighted.weights)) for sample in side], axis=0)
            for side in (second, first)
        ]
        return np.asarray(sides[0] - sides[1])

    # One call and not one a sample: drawing patients takes longer than counting their records.
    found = bootstrap(first[0], codes, {"difference": mean, "complete": complete}, seed=seed)
    rarest = METRICS.load(metric).rarest
    return np.where(found["complete"] > 0, found["difference"], np.nan) if rarest else found["difference"]


def _spread(
    by_seed: NDArray[np.float64],
    drawn: NDArray[np.float64],
    sample: Sample,
    figure: Metric,
    codes: NDArray[np.int64],
) -> Spread:
    """The two variances of a mean difference.

    Models that decide alike on all records vary in no draw; other patients might still tell them apart. The least
    error is therefore that of one patient more or less, of the rarest class where the metric rests on that.
    """
    patients = int(codes.max()) + 1
    events = np.unique(codes[rests_on(sample, figure)]).size
    step = 1 / (len(sample.classes) * events) if figure.rarest else 1 / patients
    low, high = figure.bounds(sample)
    # A bootstrap of m patients gives (m - 1) / m of the variance of a mean.
    records = float(drawn.var()) * patients / (patients - 1)
    between = float(by_seed.var(ddof=1)) / len(by_seed)
    return Spread(max(records, (step * (high - low)) ** 2), patients, between, len(by_seed))
