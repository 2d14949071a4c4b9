"""Do two models differ on the same records: a paired bootstrap over patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError
from automed.evaluate import METRICS
from automed.evaluate.intervals import RESAMPLES, TAIL, bootstrap, complete, encode, rests_on, too_few
from automed.evaluate.metrics import Metric, Point
from automed.evaluate.resamples import OVERALL, Floats
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
    if not np.array_equal(model.y, baseline.y) or (model.classes, model.task) != (baseline.classes, baseline.task):
        raise DataError("a paired test needs two predictions for the same records, in the same order")
    codes = encode(patient, len(model.y))
    measures = {name: OVERALL[name] for name in names} | {"complete": complete}
    first = bootstrap(model, codes, measures, resamples=resamples, seed=seed)
    second = bootstrap(baseline, codes, measures, resamples=resamples, seed=seed)
    found = {}
    for name in names:
        metric: Metric = METRICS.load(name)
        points = metric(model), metric(baseline)
        drawn = first[name] - second[name]
        if metric.rarest:
            drawn = np.where(first["complete"] > 0, drawn, np.nan)
        found[name] = _difference(points, drawn[np.isfinite(drawn)], resamples, codes, rests_on(model, metric))
    return found


def _difference(
    points: tuple[Point, Point], valid: Floats, resamples: int, codes: NDArray[np.int64], events_at: NDArray[np.bool_]
) -> Difference:
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
