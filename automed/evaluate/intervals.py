"""95 % intervals by the patient-cluster bootstrap.

Patients are drawn with replacement and bring all their records, because records of one patient resemble each other:
drawing records one by one would make the intervals too narrow. Where the records cannot carry an interval the answer is
"not estimable", with the reason.

Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile interval); Field and Welsh
2007, J R Stat Soc B 69:369-390 (clusters drawn whole).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from automed.errors import DataError
from automed.evaluate import METRICS
from automed.evaluate.metrics import Metric, Point, confusion, per_class
from automed.evaluate.resamples import BY_CLASS, OVERALL, Floats, Resamples
from automed.evaluate.sample import Sample

RESAMPLES = 2000
TAIL = 0.025
MIN_EVENTS = 5
MIN_PATIENTS = 5
VALID_SHARE = 0.95  # a class with records of one or two patients is missing from more than 5 % of the resamples
CHUNK = 1_000_000  # weights held at once: 8 MB, near the size of a processor's cache


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, or None and the reason why it is not estimable.

    Attributes:
        value: the point value on all records.
        ci95: lower and upper limit; None exactly where value is None.
        n: records.
        events: the records that the figure rests on: all, those of the rarest class, or the smaller side of a class.
        reason: why there is no value, or why the limits are not the bootstrap's.
    """

    value: float | None
    ci95: tuple[float, float] | None
    n: int
    events: int
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Estimates:
    """All figures of one sample.

    Attributes:
        overall: metric -> Estimate.
        by_class: name -> one Estimate a class.
        confusion: int64 (classes, classes), rows the reference standard; of labels (labels, 2, 2), a table a label.
        confusion_ci95: float64, of the shape of `confusion` and 2 more, lower and upper limit of each count.
        patients: how many were drawn from.
    """

    overall: dict[str, Estimate]
    by_class: dict[str, list[Estimate]]
    confusion: NDArray[np.int64]
    confusion_ci95: Floats
    patients: int


def encode(patient: ArrayLike | None, n: int) -> NDArray[np.int64]:
    """Number the patients of n records in order of appearance, so that hashing their names changes no interval.

    Args:
        patient: (n,) hashable keys; None where every record is a patient of its own.
        n: records.

    Raises:
        DataError: the lengths differ.
    """
    if patient is None:
        return np.arange(n)
    keys = np.asarray(patient).tolist()
    if len(keys) != n:
        raise DataError(f"{len(keys)} patients for {n} records")
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def draw(codes: NDArray[np.int64], resamples: int, seed: int) -> Iterator[Floats]:
    """Draw patients with replacement and yield how often each record comes with them.

    Args:
        codes: int64 (n,), patient of each record, 0 to patients - 1.
        resamples: how many in all.
        seed: fixes the draws, whatever their division into chunks.

    Yields:
        float64 (n, resamples of this chunk), whole numbers.
    """
    rng = np.random.default_rng(seed)
    patients = int(codes.max()) + 1
    chunk = max(1, CHUNK // len(codes))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = rng.integers(0, patients, size=(size, patients))
        flat = (drawn * size + np.arange(size)[:, None]).ravel()
        counts = np.bincount(flat, minlength=patients * size).reshape(patients, size)
        yield counts.astype(np.float64)[codes]


def bootstrap(
    sample: Sample,
    codes: NDArray[np.int64],
    measures: Mapping[str, Callable[[Resamples], Floats]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Floats]:
    """Values of several measures on the same resamples.

    Returns:
        name -> float64 (resamples, ...), NaN where a resample leaves the measure undefined.
    """
    chunks: dict[str, list[Floats]] = {name: [] for name in measures}
    # The products are small: on a busy machine a second BLAS thread waits, spinning, many times longer than it helps.
    with threadpool_limits(1, user_api="blas"):
        for weights in draw(codes, resamples, seed):
            weighted = Resamples(sample, weights)
            for name, measure in measures.items():
                chunks[name].append(measure(weighted))
    return {name: np.concatenate(parts) for name, parts in chunks.items()}


def estimates(
    sample: Sample, patient: ArrayLike | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimates:
    """Every metric of METRICS that suits the task, every class's figures and the confusions, with 95 % intervals.

    Args:
        sample: n records with predictions.
        patient: (n,) what is drawn; None where every record is a patient of its own.
        resamples: how many to draw.
        seed: fixes the draws.
    """
    codes = encode(patient, len(sample.y))
    metrics: dict[str, Metric] = {name: METRICS.load(name) for name in METRICS}
    metrics = {name: metric for name, metric in metrics.items() if metric.suits(sample)}
    measures = {f"overall/{name}": OVERALL[name] for name in metrics} | {f"class/{k}": m for k, m in BY_CLASS.items()}
    measures |= {"complete": complete, "confusion": lambda weighted: weighted.confusion}
    drawn = bootstrap(sample, codes, measures, resamples=resamples, seed=seed)
    overall = {}
    for name, metric in metrics.items():
        values = drawn[f"overall/{name}"]
        if metric.rarest:
            values = np.where(drawn["complete"] > 0, values, np.nan)
        low, high = metric.bounds(sample)
        overall[name] = summarise(metric(sample), values, codes, rests_on(sample, metric), low=low, high=high)
    by_class = {}
    for name, points in per_class(sample).items():
        by_class[name] = [
            summarise(
                Point(float(point)) if np.isfinite(point) else Point(None, _UNDEFINED[name]),
                drawn[f"class/{name}"][:, k],
                codes,
                _class_rests_on(sample, name, k),
            )
            for k, point in enumerate(points)
        ]
    limits = np.moveaxis(np.percentile(drawn["confusion"], (100 * TAIL, 100 * (1 - TAIL)), axis=0), 0, -1)
    return Estimates(overall, by_class, confusion(sample), limits, int(codes.max()) + 1)


def summarise(
    point: Point,
    drawn: Floats,
    codes: NDArray[np.int64],
    events_at: NDArray[np.bool_],
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> Estimate:
    """Turn a point value and its bootstrap values into an estimate, or say why there is none.

    Where every resample gives the metric's bound (all right, all wrong), the bootstrap has no width and would claim
    certainty. The exact binomial limit of as many patients without exception stands in, scaled to the metric's range.

    Args:
        point: the value on all records.
        drawn: float64 (resamples,), NaN where undefined.
        codes: int64 (n,), patient of each record.
        events_at: bool (n,), the records that count as events.
        low: smallest possible value.
        high: largest possible value.

    Source: Clopper and Pearson 1934, Biometrika 26:404-413.
    """
    n, events = len(codes), int(events_at.sum())
    valid = drawn[np.isfinite(drawn)]
    reason = point.reason or too_few(codes, events_at, len(valid) / len(drawn))
    if point.value is None or reason:
        return Estimate(None, None, n, events, reason)
    lower, upper = (float(limit) for limit in np.percentile(valid, (100 * TAIL, 100 * (1 - TAIL))))
    at_low, at_high = bool(np.allclose(valid, low, atol=1e-12)), bool(np.allclose(valid, high, atol=1e-12))
    if at_low or at_high:
        patients = np.unique(codes[events_at]).size
        reach = (high - low) * TAIL ** (1 / patients)
        lower, upper = (low, high - reach) if at_low else (low + reach, high)
        reason = f"every resample gives {point.value:g}: exact binomial limits of {patients} patients instead"
    return Estimate(point.value, (lower, upper), n, events, reason)


def too_few(codes: NDArray[np.int64], events_at: NDArray[np.bool_], valid: float) -> str | None:
    """Why no interval can be given, or None where it can; `valid` is the share of resamples with a value."""
    events, patients = int(events_at.sum()), np.unique(codes).size
    if events < MIN_EVENTS:
        return f"not estimable: rests on {events} records, {MIN_EVENTS} are needed"
    if patients < MIN_PATIENTS:
        return f"not estimable: the records come from {patients} patients, {MIN_PATIENTS} are needed"
    if valid < VALID_SHARE:
        share = f"{np.unique(codes[events_at]).size} patients; defined in {valid:.0%} of the resamples"
        return f"not estimable: rests on {events} records of {share}, {VALID_SHARE:.0%} are needed"
    return None


def complete(weighted: Resamples) -> Floats:
    """1 where a resample holds every class, or of every label both sides, that the sample holds, else 0: (resamples,).

    Without one of them a mean over classes would be the mean of fewer classes, another quantity.
    """
    held = weighted.sample.answered.any(axis=0)
    return np.asarray((weighted.true[:, held] > 0).all(axis=1), dtype=np.float64)


def rests_on(sample: Sample, metric: Metric) -> NDArray[np.bool_]:
    """The records that count as a metric's events, all or those of the rarest class present: bool (n,).

    Of labels those of the rarest side: the records with it, or without it where these are fewer.
    """
    if not metric.rarest:
        return np.ones(len(sample.y), dtype=bool)
    counts = sample.answered.sum(axis=0)
    return sample.answered[:, np.where(counts > 0, counts, len(sample.y) + 1).argmin()]


def _class_rests_on(sample: Sample, name: str, k: int) -> NDArray[np.bool_]:
    inside = sample.inside[:, k]
    if name == "precision":
        return sample.named[:, k]
    if name == "specificity":
        return ~inside
    return ~inside if name in ("auroc", "auprc") and inside.sum() * 2 > len(inside) else inside


_UNDEFINED = {
    "precision": "no record was predicted as this class",
    "recall": "no record of this class in the reference standard",
    "specificity": "no record outside this class in the reference standard",
    "f1": "this class is neither in the reference standard nor predicted",
    "auroc": "records inside and outside this class are both needed",
    "auprc": "records inside and outside this class are both needed",
}
