"""ROC and precision-recall curves with 95 % bands; the areas under them are metrics and come from elsewhere.

The bands are pointwise: each holds the curve at one false-positive rate (or recall) in 95 of 100 samples, and the whole
curve in fewer. In each resample the curve is exact: records between which nothing can happen are joined beforehand.

Source: Fawcett 2006, Pattern Recognit Lett 27:861-874, algorithm 3 (vertical averaging).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from automed.evaluate.intervals import RESAMPLES, too_few
from automed.evaluate.metrics import ONE_CLASS
from automed.evaluate.operating.resampling import Adder, limits, rarer, ratio, resampled
from automed.evaluate.resamples import Floats

GRID = np.arange(101) / 100
POINTS = 200  # of a curve that is drawn; more are not seen
SLACK = 1e-9  # counts are whole numbers, a rate times a count may miss one by rounding


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve and its band.

    Attributes:
        x: float64 (points,), false-positive rate or recall, rising.
        y: float64 (points,), sensitivity or precision.
        grid: float64 (101,), where the band is given, of the same meaning as x.
        lower: float64 (101,), of the same meaning as y.
        upper: likewise.
        reason: why all of these are empty, or None.
    """

    x: Floats
    y: Floats
    grid: Floats
    lower: Floats
    upper: Floats
    reason: str | None = None


class Roc:
    """Sensitivity at 101 false-positive rates, linear between thresholds; at 0 the highest without a false alarm.

    Args:
        truth: bool (n,), the reference standard.
        probability: float64 (n,), of the answer yes.
    """

    def __init__(self, truth: NDArray[np.bool_], probability: Floats) -> None:
        self.truth = truth
        self.probability = probability
        step = _steps(truth, probability)
        self._add = Adder(2 * step + truth, 2 * (int(step.max()) + 1))

    def __call__(self, weights: Floats) -> Floats:
        """From weights float64 (n, resamples) to float64 (resamples, 101)."""
        sums = self._add(weights)
        alarms, hits = _along(sums[0::2]), _along(sums[1::2])
        wanted = GRID * alarms[:, -1:]
        before = _count(alarms, wanted + SLACK, side="right") - 1
        after = np.minimum(before + 1, alarms.shape[1] - 1)
        start, end = (np.take_along_axis(alarms, place, axis=1) for place in (before, after))
        low, high = (np.take_along_axis(hits, place, axis=1) for place in (before, after))
        way = np.clip((wanted - start) / np.maximum(end - start, 1), 0, 1)
        found = ratio(low + way * (high - low), hits[:, -1:])
        return np.where(alarms[:, -1:] > 0, found, np.nan)

    def curve(self, drawn: Floats, codes: NDArray[np.int64]) -> Curve:
        """The curve with its band, from float64 (resamples, 101) of this.

        At a rate of 0 the curve rises from (0, 0), so that the band begins at 0 there.
        """
        reason = _why_not(self.truth, drawn, codes)
        if reason:
            return _nothing(reason)
        x, y, _ = roc_curve(self.truth, self.probability)
        lower, upper = limits(drawn)
        lower[0] = 0.0
        return Curve(*_thin(x, y), GRID, lower, upper)


class PrecisionRecall:
    """Precision at 101 recalls: that of the highest threshold that reaches the recall; at 0 that finds any record.

    Precision is no straight line between thresholds, so that none is drawn.

    Args:
        truth: bool (n,), the reference standard.
        probability: float64 (n,), of the answer yes.

    Source: Davis and Goadrich 2006, ICML, 233-240, section 4 (why not to interpolate linearly).
    """

    def __init__(self, truth: NDArray[np.bool_], probability: Floats) -> None:
        self.truth = truth
        self.probability = probability
        # Recall grows only at the probabilities of records inside; those outside join the next lower of these.
        levels = np.unique(probability[truth])
        step = len(levels) - np.searchsorted(levels, probability, side="right")
        self._add = Adder(2 * step + truth, 2 * (len(levels) + 1))

    def __call__(self, weights: Floats) -> Floats:
        """From weights float64 (n, resamples) to float64 (resamples, 101)."""
        sums = self._add(weights)
        alarms, hits = _along(sums[0::2]), _along(sums[1::2])
        wanted = np.maximum(GRID * hits[:, -1:] - SLACK, 0.5)
        first = np.minimum(_count(hits, wanted, side="left"), hits.shape[1] - 1)
        found, wrong = (np.take_along_axis(counts, first, axis=1) for counts in (hits, alarms))
        return np.where(hits[:, -1:] > 0, ratio(found, found + wrong), np.nan)

    def curve(self, drawn: Floats, codes: NDArray[np.int64]) -> Curve:
        """The curve with its band, from float64 (resamples, 101) of this."""
        reason = _why_not(self.truth, drawn, codes)
        if reason:
            return _nothing(reason)
        precision, recall, _ = precision_recall_curve(self.truth, self.probability, drop_intermediate=True)
        # The last point of scikit-learn's, recall 0 with precision 1, belongs to no threshold.
        return Curve(*_thin(recall[-2::-1], precision[-2::-1]), GRID, *limits(drawn))


def roc(
    truth: NDArray[np.bool_],
    probability: Floats,
    codes: NDArray[np.int64],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Curve:
    """The ROC curve of one question with its band; arguments as those of `utility.decision_curve`."""
    measure = Roc(truth, probability)
    return measure.curve(resampled({"": measure}, codes, resamples, seed)[""], codes)


def precision_recall(
    truth: NDArray[np.bool_],
    probability: Floats,
    codes: NDArray[np.int64],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Curve:
    """The precision-recall curve of one question with its band; arguments as those of `utility.decision_curve`."""
    measure = PrecisionRecall(truth, probability)
    return measure.curve(resampled({"": measure}, codes, resamples, seed)[""], codes)


def _steps(truth: NDArray[np.bool_], probability: Floats) -> NDArray[np.int64]:
    """Number the straight pieces of the ROC curve from its start: int64 (n,), the piece that each record lies on.

    Records of one probability enter together. Neighbours that all lie inside, or all outside, are one straight line
    however they are weighted.
    """
    falling, level = np.unique(-probability, return_inverse=True)
    inside = np.bincount(level, weights=truth, minlength=len(falling))
    kind = np.select([inside == 0, inside == np.bincount(level)], [0, 1], 2)
    new = np.concatenate([[False], (kind[1:] != kind[:-1]) | (kind[1:] == 2)])
    return np.asarray(np.cumsum(new)[level], dtype=np.int64)


def _along(sums: Floats) -> Floats:
    """Running totals with a 0 in front: from float64 (steps, resamples) to (resamples, steps + 1)."""
    totals = np.zeros((sums.shape[1], len(sums) + 1))
    np.cumsum(sums.T, axis=1, out=totals[:, 1:])
    return totals


def _count(rising: Floats, wanted: Floats, side: Literal["left", "right"]) -> NDArray[np.int64]:
    """How many of each rising row lie below each wanted value (or, from the right, not above): one search for all rows.

    Each row is lifted above the one before.
    """
    rows, width = rising.shape
    lift = (np.arange(rows) * (rising.max() + 2))[:, None]
    found = np.searchsorted((rising + lift).ravel(), (wanted + lift).ravel(), side=side)
    return np.asarray(found.reshape(wanted.shape) - np.arange(rows)[:, None] * width, dtype=np.int64)


def _thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most POINTS of a curve, evenly spaced along it, ends included."""
    if len(x) <= POINTS:
        return x, y
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    chosen = np.unique(np.searchsorted(way, np.linspace(0, way[-1], POINTS)).clip(0, len(x) - 1))
    chosen[-1] = len(x) - 1
    return x[chosen], y[chosen]


def _why_not(truth: NDArray[np.bool_], drawn: Floats, codes: NDArray[np.int64]) -> str | None:
    if truth.all() or not truth.any():
        return f"not estimable: {ONE_CLASS}"
    defined = float(np.isfinite(drawn).all(axis=1).mean())
    return too_few(codes, rarer(truth), defined)


def _nothing(reason: str) -> Curve:
    none = np.empty(0)
    return Curve(none, none, none, none, none, reason)
