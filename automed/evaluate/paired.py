"""Do two models differ on the same records: a paired bootstrap over patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError
from automed.evaluate import METRICS
from automed.evaluate.area import Area
from automed.evaluate.intervals import RESAMPLES, TAIL, bootstrap, complete, encode, rests_on, too_few
from automed.evaluate.metrics import Metric, Point
from automed.evaluate.resamples import OVERALL, Floats, Resamples
from automed.evaluate.sample import Sample


@dataclass(frozen=True)
class Difference:
    """A metric of one model minus that of another on the same records.

    Attributes:
        difference: None where it is not estimable.
        ci95: lower and upper limit; None exactly where difference is None.
        p: two-sided, of no difference; None exactly where difference is None.
        model: the metric of the first model.
        baseline: the metric of the second.
        n: records.
        events: as in Estimate.
        reason: why there is no difference.
    """

    difference: float | None
    ci95: tuple[float, float] | None
    p: float | None
    model: float | None
    baseline: float | None
    n: int
    events: int
    reason: str | None = None


def paired(
    model: Sample,
    baseline: Sample,
    patient: ArrayLike | None = None,
    *,
    names: Sequence[str] = ("macro_f1", "auroc", "accuracy"),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """Test whether two models differ on the same records; both meet the same resamples.

    p is twice the smaller of the shares of resampled differences at or below, and at or above, zero, each counted as
    (1 + hits) / (1 + resamples): the level at which the percentile interval would just reach zero, never exactly 0.

    Args:
        model: n records with the first model's predictions.
        baseline: the same records with the second's.
        patient: (n,) what is drawn; None where every record is a patient of its own.
        names: of those METRICS that suit the task.
        resamples: how many to draw.
        seed: fixes the draws.

    Raises:
        DataError: the two samples are not of the same records.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 15.4 (tests from intervals); Davison
    and Hinkley 1997, Bootstrap Methods and their Application, section 4.2 (the added one); Field and Welsh 2007,
    J R Stat Soc B 69:369-390 (clusters drawn whole).
    """
    codes = encode(patient, len(model.y))
    first, second = (draw_metrics(sample, codes, names, resamples=resamples, seed=seed) for sample in (model, baseline))
    return differences(model, baseline, first, second, codes, names)


def draw_metrics(
    sample: Sample, codes: NDArray[np.int64], names: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Floats]:
    """The values of metrics in each resample, for `differences`: name -> float64 (resamples,)."""
    measures = {name: OVERALL[name] for name in names} | {"complete": complete}
    if "auroc" in measures:
        measures["auroc"] = _areas(sample)
    return bootstrap(sample, codes, measures, resamples=resamples, seed=seed)


def _areas(sample: Sample) -> Callable[[Resamples], Floats]:
    """AUROC alone: OVERALL takes it from the curves of all classes, together with AUPRC, in several times the time."""
    sides = [(sample.probabilities[:, k], sample.inside[:, k]) for k in sample.ranked]
    if any(inside.all() or not inside.any() for _, inside in sides):
        return OVERALL["auroc"]
    areas = [Area(scores, inside) for scores, inside in sides]
    return lambda weighted: np.mean([area(weighted.weights) for area in areas], axis=0)


def differences(
    model: Sample,
    baseline: Sample,
    first: Mapping[str, Floats],
    second: Mapping[str, Floats],
    codes: NDArray[np.int64],
    names: Sequence[str],
) -> dict[str, Difference]:
    """The test of `paired` from values that are drawn already, so that many comparisons draw each model once.

    Args:
        model: n records with the first model's predictions.
        baseline: the same records with the second's.
        first: what `draw_metrics` gave of the model.
        second: what it gave of the baseline, with the same codes and seed.
        codes: int64 (n,), patient of each record.
        names: of the metrics that were drawn.

    Raises:
        DataError: the two samples are not of the same records.
    """
    if not np.array_equal(model.y, baseline.y) or (model.classes, model.task) != (baseline.classes, baseline.task):
        raise DataError("a paired test needs two predictions for the same records, in the same order")
    found = {}
    for name in names:
        metric: Metric = METRICS.load(name)
        points = metric(model), metric(baseline)
        drawn = first[name] - second[name]
        if metric.rarest:
            drawn = np.where(first["complete"] > 0, drawn, np.nan)
        found[name] = difference_of(points, drawn[np.isfinite(drawn)], len(drawn), codes, rests_on(model, metric))
    return found


def difference_of(
    points: tuple[Point, Point], valid: Floats, resamples: int, codes: NDArray[np.int64], events_at: NDArray[np.bool_]
) -> Difference:
    """The test of `paired` for any figure of two models.

    Args:
        points: the figure of the first model and of the second.
        valid: float64, its resampled differences, without those that are not defined.
        resamples: how many were drawn.
        codes: int64 (n,), patient of each record.
        events_at: bool (n,), the records that count as events.
    """
    n, events = len(codes), int(events_at.sum())
    model, baseline = points[0].value, points[1].value
    reason = points[0].reason or points[1].reason or too_few(codes, events_at, len(valid) / resamples)
    if model is None or baseline is None or reason:
        return Difference(None, None, None, model, baseline, n, events, reason)
    lower, upper = (float(limit) for limit in np.percentile(valid, (100 * TAIL, 100 * (1 - TAIL))))
    # Two equal models may differ by rounding in a resample; that is no evidence for either.
    below, above = int((valid <= 1e-12).sum()), int((valid >= -1e-12).sum())
    p = min(1.0, 2 * (1 + min(below, above)) / (1 + len(valid)))
    return Difference(model - baseline, (lower, upper), p, model, baseline, n, events)
