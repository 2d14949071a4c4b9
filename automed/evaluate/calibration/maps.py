"""Calibration maps: from a network's probabilities to better ones, kept as plain JSON in the model's card.

Two classes and each label are mapped along their log-odds by a curve that never falls, so that no order changes. Of
several classes temperature keeps the order within a record; Platt scaling and isotonic regression may not, and need
not: after training with class weights the class of highest output is often not the most probable one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax

from automed.errors import DataError
from automed.evaluate.calibration import fitting
from automed.evaluate.sample import whole

Floats = NDArray[np.float64]

METHODS = ("none", "temperature", "platt", "isotonic")  # from the simplest on
# Nothing said is nearer to 0 or 1: one record must not cost an infinite loss. Small enough that no ranks are lost which
# matter, and scikit-learn's own distance before it takes logarithms of probabilities (CalibratedClassifierCV).
CLIP = 1e-12
FIELDS = ("method", "labels", "columns", "floor", "clip", "curves")


@dataclass(frozen=True)
class Curve:
    """What is done to one column: a line over logarithms, or steps.

    Attributes:
        slope: of a line over log-odds, or of several classes over the logarithm of the probability.
        intercept: of that line.
        log_odds: where the steps begin and end, rising; () of a line.
        probability: the probability there, never falling; linear in between, and beyond the ends as at the ends.
    """

    slope: float = 1.0
    intercept: float = 0.0
    log_odds: tuple[float, ...] = ()
    probability: tuple[float, ...] = ()

    def line(self, logarithm: Floats) -> Floats:
        return self.slope * logarithm + self.intercept

    def __call__(self, log_odds: Floats, floor: float) -> Floats:
        """Probabilities of one question, between `floor` and 1 - `floor`."""
        found = np.interp(log_odds, self.log_odds, self.probability) if self.log_odds else expit(self.line(log_odds))
        return np.clip(found, floor, 1 - floor)


@dataclass(frozen=True)
class Map:
    """A fitted map, called as `map.apply(probabilities)`.

    Attributes:
        method: one of METHODS.
        labels: whether each column is a label with a probability of its own; else the columns are classes.
        columns: how many classes or labels; 0 of the map of a card that names none, which takes any number.
        curves: one for two classes (of the second), else one a column; None where a column keeps its probability, since
            the validation records held no such class or nothing else. Empty of the method none.
        floor: no answer of the curves is nearer to 0 or 1. Of steps 1 / (n + 2) with n fitted records: Laplace's rule
            of succession for a step without exception.
        clip: the same for what comes in.
    """

    method: str
    labels: bool
    columns: int
    curves: tuple[Curve | None, ...] = ()
    floor: float = CLIP
    clip: float = CLIP

    def apply(self, probabilities: ArrayLike) -> Floats:
        """Map probabilities.

        The method none only takes exact zeros and ones away. It does not divide by the sum of a row: that would break
        ties between float32 probabilities, and so move ranks.

        Args:
            probabilities: floats (n, columns), a network's own: of classes each row adds up to 1.

        Returns:
            float64 (n, columns), none exactly 0 or 1; of classes each row adds up to 1.

        Raises:
            DataError: another number of columns than the map was fitted on.
        """
        scores = np.asarray(probabilities, dtype=np.float64)
        if scores.ndim != 2 or self.columns not in (0, scores.shape[1]):
            raise DataError(f"a calibration map of {self.columns} columns does not suit shape {scores.shape}")
        if not self.curves:
            return np.clip(scores, self.clip, 1 - self.clip)
        if self.labels or self.columns == 2:
            return self._questions(scores)
        return self._lines(scores) if self.method != "isotonic" else self._steps(scores)

    def _questions(self, scores: Floats) -> Floats:
        log_odds = _log_odds(scores, self.labels, self.clip)
        mapped = np.empty_like(log_odds)
        for k, curve in enumerate(self.curves):
            mapped[:, k] = curve(log_odds[:, k], self.floor) if curve else Curve()(log_odds[:, k], self.clip)
        return mapped if self.labels else np.concatenate([1 - mapped, mapped], axis=1)

    def _lines(self, scores: Floats) -> Floats:
        logarithms = np.log(np.maximum(scores, self.clip))
        lines = [curve.line(logarithms[:, k]) for k, curve in enumerate(self.curves) if curve]
        return self._shared(scores, softmax(np.stack(lines, axis=1), axis=1))

    def _steps(self, scores: Floats) -> Floats:
        log_odds = _log_odds(scores, True, self.clip)  # one against the rest
        steps = [curve(log_odds[:, k], self.floor) for k, curve in enumerate(self.curves) if curve]
        mapped = np.stack(steps, axis=1)
        return self._shared(scores, mapped / mapped.sum(axis=1, keepdims=True))

    def _shared(self, scores: Floats, mapped: Floats) -> Floats:
        """Columns without a curve keep their probability, and the others share what is left."""
        kept = [k for k, curve in enumerate(self.curves) if curve is None]
        result = np.empty_like(scores)
        result[:, kept] = scores[:, kept]
        rest = 1 - np.minimum(scores[:, kept].sum(axis=1, keepdims=True), 1.0)
        result[:, [k for k, curve in enumerate(self.curves) if curve]] = mapped * rest
        result = np.maximum(result, self.clip)
        return np.asarray(result / result.sum(axis=1, keepdims=True))

    def as_json(self) -> dict[str, Any]:
        """What `read_map` reads.

        Returns:
            {"method", "labels": bool, "columns": int, "floor": float, "clip": float, "curves": [null, or of temperature
            and platt {"slope", "intercept"}, or of isotonic {"log_odds": [...], "probability": [...]}]}. The slope of
            temperature is 1 / T.
        """
        if self.method == "isotonic":
            curves: list[Any] = [
                curve and {"log_odds": list(curve.log_odds), "probability": list(curve.probability)}
                for curve in self.curves
            ]
        else:
            curves = [curve and {"slope": curve.slope, "intercept": curve.intercept} for curve in self.curves]
        values = (self.method, self.labels, self.columns, self.floor, self.clip, curves)
        return dict(zip(FIELDS, values, strict=True))


def identity(task: str, columns: int) -> Map:
    """The map that leaves probabilities as they are."""
    return Map("none", task == "multilabel", columns)


def fit(method: str, task: str, y: ArrayLike, probabilities: ArrayLike, *, keep: Sequence[int] = ()) -> Map:
    """Fit a map on validation records.

    A class or label that no record has, or every record, keeps its probability. Temperature of several classes is one
    number, whichever of them occur.

    Args:
        method: one of METHODS.
        task: multiclass, ordinal or multilabel.
        y: integers (n,), index of the reference class; of labels (n, labels) of 0 and 1.
        probabilities: floats (n, columns), the network's own.
        keep: labels that keep their probability whatever the records hold.

    Raises:
        DataError: the method is unknown, or `y` does not suit the probabilities.
    """
    if method not in METHODS:
        raise DataError(f"{method!r} is no calibration map", hint=f"One of: {', '.join(METHODS)}.")
    scores = np.asarray(probabilities, dtype=np.float64)
    n, columns = scores.shape
    labels = task == "multilabel"
    reference = whole(y, columns, "reference")
    if len(reference) != n or (reference.ndim == 2) != labels:
        raise DataError(f"a reference standard of shape {reference.shape} for probabilities of shape {scores.shape}")
    truth = reference == 1 if labels else reference[:, None] == np.arange(columns)
    usable = truth.any(axis=0) & ~truth.all(axis=0)
    usable[list(keep)] = False
    if method == "none" or not usable.any():
        return Map(method, labels, columns) if method == "none" else identity(task, columns)
    floor = 1 / (n + 2) if method == "isotonic" else CLIP
    if labels or columns == 2:
        places = range(columns) if labels else (1,)
        log_odds = _log_odds(scores, labels, CLIP)
        curves = [_curve(method, log_odds[:, i], truth[:, k]) if usable[k] else None for i, k in enumerate(places)]
    elif method == "isotonic":
        log_odds = _log_odds(scores, True, CLIP)
        curves = [_curve(method, log_odds[:, k], truth[:, k]) if usable[k] else None for k in range(columns)]
    else:
        curves = _several(method, np.log(np.maximum(scores, CLIP)), reference, usable)
    return Map(method, labels, columns, tuple(curves), floor)


def _curve(method: str, log_odds: Floats, truth: NDArray[np.bool_]) -> Curve:
    if method == "temperature":
        logits = np.stack([np.zeros_like(log_odds), log_odds], axis=1)
        return Curve(1 / fitting.temperature(logits, truth.astype(np.int64)))
    if method == "platt":
        return Curve(*fitting.platt(log_odds, truth))
    where, share = fitting.isotonic(log_odds, truth)
    return Curve(log_odds=tuple(where.tolist()), probability=tuple(share.tolist()))


def _several(method: str, logarithms: Floats, y: NDArray[np.int64], usable: NDArray[np.bool_]) -> list[Curve | None]:
    if method == "temperature":
        return [Curve(1 / fitting.temperature(logarithms, y))] * len(usable)
    present = np.flatnonzero(usable)
    slopes, intercepts = fitting.vector(logarithms[:, present], np.searchsorted(present, y))
    curves: list[Curve | None] = [None] * len(usable)
    for k, slope, intercept in zip(present.tolist(), slopes.tolist(), intercepts.tolist(), strict=True):
        curves[k] = Curve(slope, intercept)
    return curves


def _log_odds(scores: Floats, labels: bool, clip: float) -> Floats:
    """Of each column against its complement; of two classes (n, 1), of the second against the first."""
    positive = scores if labels else scores[:, 1:]
    # Of two classes both columns are known, and a float32 near 0 tells more than 1 minus one near 1.
    negative = 1 - scores if labels else scores[:, :1]
    return np.asarray(np.log(np.maximum(positive, clip)) - np.log(np.maximum(negative, clip)))


def read_map(value: Any) -> Map:
    """Read what `Map.as_json` gave; None is the identity, for any number of columns.

    Raises:
        DataError: the method is unknown, or the parameters are damaged.
    """
    if value is None:
        return Map("none", False, 0)
    if not isinstance(value, Mapping) or value.get("method") not in METHODS:
        method = value.get("method") if isinstance(value, Mapping) else value
        raise DataError(f"{method!r} is no calibration map", hint=f"One of: {', '.join(METHODS)}.")
    method, labels, columns, floor, clip, curves = (_part(value, key) for key in FIELDS)
    _sound(isinstance(labels, bool), "labels")
    least = 0 if method == "none" else 2
    _sound(isinstance(columns, int) and not isinstance(columns, bool) and columns >= least, "columns")
    _sound(_numbers([floor, clip]) and 0 < floor < 0.5 and 0 < clip < 0.5, "floor and clip")
    wanted = 0 if method == "none" else 1 if columns == 2 and not labels else columns
    _sound(isinstance(curves, list) and len(curves) == wanted, "the number of curves")
    read = tuple(_read_curve(method, curve) for curve in curves)
    _sound(not read or any(read), "curves: none is left")
    return Map(method, labels, columns, read, float(floor), float(clip))


def _part(value: Mapping[str, Any], key: str) -> Any:
    return value.get(key)


def _read_curve(method: str, value: Any) -> Curve | None:
    if value is None:
        return None
    _sound(isinstance(value, Mapping), "a curve")
    if method != "isotonic":
        slope, intercept = value.get("slope"), value.get("intercept")
        _sound(_numbers([slope, intercept]) and slope > 0, "slope and intercept")
        return Curve(float(slope), float(intercept))
    where, share = value.get("log_odds"), value.get("probability")
    _sound(isinstance(where, list) and isinstance(share, list) and len(where) == len(share) > 0, "the steps")
    _sound(_numbers(where) and bool(np.all(np.diff(where) > 0)), "log_odds of the steps")
    _sound(_numbers(share) and bool(np.all(np.diff(share) >= 0)) and 0 <= share[0] <= share[-1] <= 1, "the steps")
    return Curve(log_odds=tuple(map(float, where)), probability=tuple(map(float, share)))


def _numbers(values: Sequence[Any]) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in values
    )


def _sound(good: bool, what: str) -> None:
    if not good:
        raise DataError(f"the calibration map is damaged: {what}", hint="Fit it again: automed evaluate.")
