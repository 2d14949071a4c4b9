"""Point values of the metrics, by scikit-learn, over a whole set of records at once.

A metric that the records cannot answer (a class is missing) has no value and a reason; it never raises for that and
never returns a number that only looks like an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
)

from automed.errors import DataError

SUM_TOLERANCE = 0.02  # a bfloat16 softmax over many classes misses 1 by about this much
LOG_FLOOR = float(np.finfo(np.float64).eps)  # the clipping of scikit-learn's log_loss, so that the figures agree


class Point(NamedTuple):
    """A value, or None with the reason why there is none."""

    value: float | None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """Records with their reference class and what a model said about them; made by `collect`.

    Attributes:
        y: int64 (n,), index of the reference class.
        probabilities: float64 (n, classes).
        predicted: int64 (n,), index of the class decided for.
        positive: index of the positive class; used with two classes only.
        classes: one key a class, in the order of the columns.
    """

    y: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    predicted: NDArray[np.int64]
    positive: int
    classes: tuple[str, ...]

    @property
    def support(self) -> NDArray[np.int64]:
        """Records of each class in the reference standard: int64 (classes,)."""
        return np.bincount(self.y, minlength=len(self.classes)).astype(np.int64)

    @property
    def ranked(self) -> tuple[int, ...]:
        """The classes whose one-vs-rest curves AUROC and AUPRC average: the positive one of two, all of more."""
        return (self.positive,) if len(self.classes) == 2 else tuple(range(len(self.classes)))

    @property
    def squared_error(self) -> NDArray[np.float64]:
        """Brier's score of each record, summed over classes: float64 (n,)."""
        reference = np.eye(len(self.classes))[self.y]
        return np.asarray(np.square(self._normalised() - reference).sum(axis=1))

    @property
    def surprise(self) -> NDArray[np.float64]:
        """Negative log-likelihood of each record, in nats: float64 (n,)."""
        likelihood = self._normalised()[np.arange(len(self.y)), self.y]
        return np.asarray(-np.log(np.clip(likelihood, LOG_FLOOR, 1 - LOG_FLOOR)))

    def _normalised(self) -> NDArray[np.float64]:
        # Only for the losses: dividing would break ties between float32 probabilities and so move the ranks.
        return np.asarray(self.probabilities / self.probabilities.sum(axis=1, keepdims=True))


def collect(
    y: ArrayLike,
    probabilities: ArrayLike,
    *,
    predicted: ArrayLike | None = None,
    positive: int | None = None,
    classes: Sequence[str] | None = None,
) -> Sample:
    """Check what a model said about records and hold it together.

    Args:
        y: integers (n,), index of the reference class.
        probabilities: floats (n, classes), each row adding up to 1.
        predicted: integers (n,), the decisions; the class of highest probability where left out.
        positive: index of the positive (urgent) class of two; the last one where left out.
        classes: keys of the classes, in the order of the columns; their indices as text where left out.

    Raises:
        DataError: shapes disagree, there are no records, a class index is out of range, or a row is no distribution.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise DataError(f"probabilities must be (records, 2 or more classes), got shape {scores.shape}")
    n, n_classes = scores.shape
    names = tuple(classes) if classes is not None else tuple(str(index) for index in range(n_classes))
    if len(names) != n_classes:
        raise DataError(f"probabilities have {n_classes} columns for {len(names)} classes")
    bad = int(n - np.isfinite(scores).all(axis=1).sum())
    if bad:
        raise DataError(
            f"{bad} of {n} rows of probabilities hold NaN or infinity", hint="the model's training diverged"
        )
    off = int(((np.abs(scores.sum(axis=1) - 1) > SUM_TOLERANCE) | (scores < 0).any(axis=1)).sum())
    if off:
        raise DataError(f"{off} of {n} rows of probabilities are negative or do not add up to 1")
    reference = _indices(y, n_classes, "reference")
    decided = scores.argmax(axis=1) if predicted is None else _indices(predicted, n_classes, "predicted")
    if not len(reference) == len(decided) == n:
        raise DataError(
            f"{len(reference)} reference classes and {len(decided)} decisions for {n} rows of probabilities"
        )
    if positive is not None and not 0 <= positive < n_classes:
        raise DataError(f"the positive class {positive} is not one of {n_classes} classes")
    return Sample(reference, scores, decided.astype(np.int64), n_classes - 1 if positive is None else positive, names)


def _indices(values: ArrayLike, n_classes: int, what: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or not array.size:
        raise DataError(f"{what} classes must be (records,) with at least one record, got shape {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{what} classes must be integers, got {array.dtype}")
    if array.min() < 0 or array.max() >= n_classes:
        raise DataError(f"{what} classes run from {array.min()} to {array.max()}, expected 0 to {n_classes - 1}")
    return array.astype(np.int64)


def macro_f1(y: ArrayLike, predicted: ArrayLike, n_classes: int) -> float:
    """Mean over classes of the F1 score, over the whole set.

    A class that is in neither the reference nor the predictions has no F1 (0/0) and is left out of the mean: counting
    it as 0 would charge the model for a class that it was never shown and never named, and as 1 would reward it. A
    class that is predicted but absent from the reference counts 0.

    Args:
        y: integers (n,), index of the reference class.
        predicted: integers (n,), index of the predicted class.
        n_classes: classes of the recipe.

    Returns:
        0 to 1.

    Raises:
        DataError: no records, different lengths, or an index that is not in 0 to n_classes - 1.
    """
    reference, decided = _indices(y, n_classes, "reference"), _indices(predicted, n_classes, "predicted")
    if len(reference) != len(decided):
        raise DataError(f"{len(reference)} reference classes for {len(decided)} predictions")
    seen = np.union1d(reference, decided)
    return float(f1_score(reference, decided, labels=seen, average="macro", zero_division=0.0))


def confusion(sample: Sample) -> NDArray[np.int64]:
    """Counts of records: int64 (classes, classes), rows the reference standard, columns the predictions."""
    counts = confusion_matrix(sample.y, sample.predicted, labels=np.arange(len(sample.classes)))
    return np.asarray(counts, dtype=np.int64)


def per_class(sample: Sample) -> dict[str, NDArray[np.float64]]:
    """Precision, recall, specificity, F1, AUROC and AUPRC of each class against the rest.

    Returns:
        name -> float64 (classes,), NaN where the records cannot answer: no record of the class (recall), none predicted
        (precision), neither (F1), none outside it (specificity), one side missing (AUROC, AUPRC).
    """
    n_classes = len(sample.classes)
    precision, recall, f1, _ = precision_recall_fscore_support(
        sample.y, sample.predicted, labels=np.arange(n_classes), zero_division=np.nan
    )
    outside = [
        recall_score(sample.y != k, sample.predicted != k, zero_division=np.nan) if (sample.y != k).any() else np.nan
        for k in range(n_classes)
    ]
    curves = np.array([_curves(sample, k) for k in range(n_classes)])
    return {
        "precision": np.asarray(precision, dtype=np.float64),
        "recall": np.asarray(recall, dtype=np.float64),
        "specificity": np.asarray(outside, dtype=np.float64),
        "f1": np.asarray(f1, dtype=np.float64),
        "auroc": curves[:, 0],
        "auprc": curves[:, 1],
    }


def _curves(sample: Sample, k: int) -> tuple[float, float]:
    inside = sample.y == k
    if inside.all() or not inside.any():
        return (np.nan, np.nan)
    scores = sample.probabilities[:, k]
    return float(roc_auc_score(inside, scores)), float(average_precision_score(inside, scores))


def _over_curves(sample: Sample, which: int) -> Point:
    support = sample.support
    for k in sample.ranked:
        if support[k] in (0, len(sample.y)):
            lacking = (
                f"class {sample.classes[k]!r}" if not support[k] else f"any class other than {sample.classes[k]!r}"
            )
            return Point(None, f"no record of {lacking} in the reference standard")
    return Point(float(np.mean([_curves(sample, k)[which] for k in sample.ranked])))


def _accuracy(sample: Sample) -> Point:
    return Point(float(np.mean(sample.y == sample.predicted)))


def _macro_f1(sample: Sample) -> Point:
    return Point(macro_f1(sample.y, sample.predicted, len(sample.classes)))


def _balanced_accuracy(sample: Sample) -> Point:
    # recall_score over the classes present is balanced_accuracy_score without its warning about the absent ones.
    return Point(float(recall_score(sample.y, sample.predicted, labels=np.unique(sample.y), average="macro")))


def _auroc(sample: Sample) -> Point:
    """Of the positive class of two; of more, the plain mean over classes of one against the rest.

    Source: Hanley and McNeil 1982, Radiology 143:29-36; Fawcett 2006, Pattern Recognition Letters 27:861-874.
    """
    return _over_curves(sample, 0)


def _auprc(sample: Sample) -> Point:
    """Average precision (no interpolation between thresholds), over the same classes as AUROC."""
    return _over_curves(sample, 1)


def _mcc(sample: Sample) -> Point:
    """0 where one class only is predicted, as scikit-learn has it.

    Source: Gorodkin 2004, Computational Biology and Chemistry 28:367-374 (several classes).
    """
    if np.unique(sample.y).size < 2:
        return Point(None, "the reference standard holds one class only")
    return Point(float(matthews_corrcoef(sample.y, sample.predicted)))


def _brier(sample: Sample) -> Point:
    """The original form, summed over classes: 0 to 2, and for two classes twice the form that looks at one of them.

    Source: Brier 1950, Monthly Weather Review 78:1-3.
    """
    return Point(float(sample.squared_error.mean()))


def _log_loss(sample: Sample) -> Point:
    return Point(float(sample.surprise.mean()))


@dataclass(frozen=True)
class Metric:
    """One figure about a whole sample, called as `metric(sample) -> Point`.

    Attributes:
        title: for people.
        low: smallest possible value.
        high: largest possible value.
        best: the value of a perfect prediction, one of the two bounds.
        rarest: whether it rests on the records of the rarest class rather than on all records.
        compute: the point value.
    """

    title: str
    low: float
    high: float
    best: float
    rarest: bool
    compute: Callable[[Sample], Point]

    def __call__(self, sample: Sample) -> Point:
        return self.compute(sample)


MACRO_F1 = Metric("Macro-F1", 0.0, 1.0, 1.0, True, _macro_f1)
ACCURACY = Metric("Accuracy", 0.0, 1.0, 1.0, False, _accuracy)
BALANCED_ACCURACY = Metric("Balanced accuracy", 0.0, 1.0, 1.0, True, _balanced_accuracy)
AUROC = Metric("AUROC", 0.0, 1.0, 1.0, True, _auroc)
AUPRC = Metric("AUPRC", 0.0, 1.0, 1.0, True, _auprc)
MCC = Metric("Matthews correlation", -1.0, 1.0, 1.0, True, _mcc)
BRIER = Metric("Brier score", 0.0, 2.0, 0.0, False, _brier)
LOG_LOSS = Metric("Log-loss", 0.0, -math.log(LOG_FLOOR), 0.0, False, _log_loss)
