"""Point values of the metrics, by scikit-learn, over a whole set of records at once.

A metric that the records cannot answer (a class is missing) has no value and a reason; it never raises for that and
never returns a number that only looks like an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    average_precision_score,
    cohen_kappa_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
)

from automed.errors import DataError
from automed.evaluate.sample import Sample, whole

ONE_CLASS = "the reference standard holds one class only"


class Point(NamedTuple):
    """A value, or None with the reason why there is none."""

    value: float | None
    reason: str | None = None


def macro_f1(y: ArrayLike, predicted: ArrayLike, n_classes: int) -> float:
    """Mean over classes, or over labels, of the F1 score, over the whole set.

    A class that is in neither the reference nor the predictions has no F1 (0/0) and is left out of the mean: counting
    it as 0 would charge the model for a class that it was never shown and never named, and as 1 would reward it. A
    class that is predicted but absent from the reference counts 0. Labels likewise; where no record bears any label,
    in the reference or the predictions, nothing was found and the score is 0.

    Args:
        y: integers (n,), index of the reference class; or (n, n_classes) of 0 and 1, the labels of each record.
        predicted: the predictions, shaped like `y`.
        n_classes: classes or labels of the recipe.

    Returns:
        0 to 1.

    Raises:
        DataError: no records, different lengths or shapes, an index that is not in 0 to n_classes - 1, or a label that
            is not 0 or 1.
    """
    reference, decided = whole(y, n_classes, "reference"), whole(predicted, n_classes, "predicted")
    if reference.shape != decided.shape:
        raise DataError(f"{len(reference)} reference classes for {len(decided)} predictions, or of another shape")
    seen = np.flatnonzero((reference | decided).any(axis=0)) if reference.ndim == 2 else np.union1d(reference, decided)
    if not seen.size:
        return 0.0
    return float(f1_score(reference, decided, labels=seen, average="macro", zero_division=0.0))


def confusion(sample: Sample) -> NDArray[np.int64]:
    """Counts of records: int64 (classes, classes), rows the reference standard, columns the predictions.

    Of labels: int64 (labels, 2, 2), a table a label, rows and columns "without" and "with".
    """
    size = sample.answers
    cells = [
        np.bincount(reference * size + decided, minlength=size * size) for reference, decided in _questions(sample)
    ]
    return np.concatenate(cells).astype(np.int64).reshape(sample.table_shape)


def per_class(sample: Sample) -> dict[str, NDArray[np.float64]]:
    """Precision, recall, specificity, F1, AUROC and AUPRC of each class against the rest, or of each label.

    Returns:
        name -> float64 (classes,), NaN where the records cannot answer: no record of the class (recall), none predicted
        (precision), neither (F1), none outside it (specificity), one side missing (AUROC, AUPRC).
    """
    inside, named = sample.inside.astype(np.int64), sample.named.astype(np.int64)
    precision, recall, f1, _ = precision_recall_fscore_support(inside, named, zero_division=np.nan)
    outside = recall_score(1 - inside, 1 - named, average=None, zero_division=np.nan)
    curves = np.array([_curves(sample, k) for k in range(len(sample.classes))])
    return {
        "precision": np.asarray(precision, dtype=np.float64),
        "recall": np.asarray(recall, dtype=np.float64),
        "specificity": np.asarray(outside, dtype=np.float64),
        "f1": np.asarray(f1, dtype=np.float64),
        "auroc": curves[:, 0],
        "auprc": curves[:, 1],
    }


def _questions(sample: Sample) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Of each question the true answers and those decided for: twice int64 (n,)."""
    return list(zip(sample.reference.T, sample.decided.T, strict=True))


def _curves(sample: Sample, k: int) -> tuple[float, float]:
    inside = sample.inside[:, k]
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
    """Of labels: the share of records with every label right (subset accuracy)."""
    return Point(float(np.mean(sample.right)))


def _macro_f1(sample: Sample) -> Point:
    if not (sample.inside | sample.named).any():
        return Point(None, "no record bears a label, in the reference standard or as predicted")
    return Point(macro_f1(sample.y, sample.predicted, len(sample.classes)))


def _balanced_accuracy(sample: Sample) -> Point:
    """Mean of the recalls of all answers in the reference standard; of a label these are sensitivity and specificity.

    Source: Brodersen et al. 2010, ICPR, 3121-3124.
    """
    # recall_score over the answers present is balanced_accuracy_score without its warning about the absent ones.
    recalls = [
        recall_score(reference, decided, labels=np.unique(reference), average=None)
        for reference, decided in _questions(sample)
    ]
    return Point(float(np.concatenate(recalls).mean()))


def _auroc(sample: Sample) -> Point:
    """Of the positive class of two; of more, the plain mean over classes of one against the rest; of labels, of all.

    Source: Hanley and McNeil 1982, Radiology 143:29-36; Fawcett 2006, Pattern Recognition Letters 27:861-874.
    """
    return _over_curves(sample, 0)


def _auprc(sample: Sample) -> Point:
    """Average precision (no interpolation between thresholds), over the same classes as AUROC."""
    return _over_curves(sample, 1)


def _mcc(sample: Sample) -> Point:
    """0 where one class only is predicted, as scikit-learn has it; of labels the mean over those with both answers.

    Source: Gorodkin 2004, Computational Biology and Chemistry 28:367-374 (several classes).
    """
    found = [matthews_corrcoef(*question) for question in _questions(sample) if np.unique(question[0]).size > 1]
    return Point(float(np.mean(found))) if found else Point(None, ONE_CLASS)


def _qwk(sample: Sample) -> Point:
    """Cohen's kappa with squared distances between ranks as weights.

    Source: Cohen 1968, Psychological Bulletin 70:213-220.
    """
    if np.unique(sample.y).size < 2:
        return Point(None, ONE_CLASS)
    ranks = np.arange(len(sample.classes))
    return Point(float(cohen_kappa_score(sample.y, sample.predicted, labels=ranks, weights="quadratic")))


def _rank_error(sample: Sample) -> Point:
    return Point(float(np.mean(np.abs(sample.y - sample.predicted))))


def _brier(sample: Sample) -> Point:
    """The original form, summed over classes: 0 to 2, and for two classes twice the form that looks at one of them.

    Of labels, each looked at once: 0 to the number of labels.

    Source: Brier 1950, Monthly Weather Review 78:1-3.
    """
    return Point(float(sample.squared_error.mean()))


def _log_loss(sample: Sample) -> Point:
    """Of labels, summed over them, as scikit-learn's networks do: the likelihood of all labels of a record."""
    return Point(float(sample.surprise.mean()))


@dataclass(frozen=True)
class Metric:
    """One figure about a whole sample, called as `metric(sample) -> Point`.

    Attributes:
        title: for people.
        bounds: smallest and largest possible value for a sample.
        best: the value of a perfect prediction, one of the two bounds.
        rarest: whether it rests on the records of the rarest class rather than on all records.
        compute: the point value.
        tasks: the only ones it is given for; every task where left out.
    """

    title: str
    bounds: Callable[[Sample], tuple[float, float]]
    best: float
    rarest: bool
    compute: Callable[[Sample], Point]
    tasks: tuple[str, ...] = ()

    def __call__(self, sample: Sample) -> Point:
        return self.compute(sample)

    def suits(self, sample: Sample) -> bool:
        """Whether it is given for such a sample."""
        return not self.tasks or sample.task in self.tasks


def _unit(_: Sample) -> tuple[float, float]:
    return (0.0, 1.0)


def _correlation(_: Sample) -> tuple[float, float]:
    return (-1.0, 1.0)


MACRO_F1 = Metric("Macro-F1", _unit, 1.0, True, _macro_f1)
ACCURACY = Metric("Accuracy", _unit, 1.0, False, _accuracy)
BALANCED_ACCURACY = Metric("Balanced accuracy", _unit, 1.0, True, _balanced_accuracy)
AUROC = Metric("AUROC", _unit, 1.0, True, _auroc)
AUPRC = Metric("AUPRC", _unit, 1.0, True, _auprc)
MCC = Metric("Matthews correlation", _correlation, 1.0, True, _mcc)
QWK = Metric("Quadratic-weighted kappa", _correlation, 1.0, True, _qwk, ("ordinal",))
RANK_ERROR = Metric(
    "Mean error in ranks", lambda sample: (0.0, len(sample.classes) - 1.0), 0.0, False, _rank_error, ("ordinal",)
)
BRIER = Metric("Brier score", lambda sample: (0.0, sample.largest_error), 0.0, False, _brier)
LOG_LOSS = Metric("Log-loss", lambda sample: (0.0, sample.largest_surprise), 0.0, False, _log_loss)
