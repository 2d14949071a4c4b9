"""Records with their reference standard and what a model said about them: what every metric is computed from.

A sample asks one or several questions about each record, and the answers to one question exclude each other. Where a
record is of one class there is one question, with a class for each answer; where it may bear several labels, each label
is a question with the answers no and yes. Recall, confusions and correlations are figures of questions and answers, so
both kinds of sample share their code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError

SUM_TOLERANCE = 0.02  # a bfloat16 softmax over many classes misses 1 by about this much
LOG_FLOOR = float(np.finfo(np.float64).eps)  # the clipping of scikit-learn's log_loss, so that the figures agree


@dataclass(frozen=True, eq=False)
class Sample:
    """Records that are each of one class; made by `collect`.

    Attributes:
        y: int64 (n,), index of the reference class.
        probabilities: float64 (n, classes).
        predicted: int64 (n,), index of the class decided for.
        positive: index of the positive class; used with two classes only.
        classes: one key a class, in the order of the columns.
        task: multiclass, or ordinal where the classes are ranks.
    """

    y: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    predicted: NDArray[np.int64]
    positive: int
    classes: tuple[str, ...]
    task: str

    @property
    def reference(self) -> NDArray[np.int64]:
        """The true answers: int64 (n, questions)."""
        return self.y[:, None]

    @property
    def decided(self) -> NDArray[np.int64]:
        """The answers decided for: int64 (n, questions)."""
        return self.predicted[:, None]

    @property
    def answers(self) -> int:
        """How many answers each question has."""
        return len(self.classes)

    @property
    def own(self) -> slice:
        """Which answers, counted through all questions, are the classes."""
        return slice(None)

    @property
    def table_shape(self) -> tuple[int, ...]:
        """Of the counts by reference standard and decision."""
        return (len(self.classes), len(self.classes))

    @property
    def ranked(self) -> tuple[int, ...]:
        """The classes whose one-vs-rest curves AUROC and AUPRC average: the positive one of two, all of more."""
        return (self.positive,) if len(self.classes) == 2 else tuple(range(len(self.classes)))

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        """Which answers are true of each record: bool (n, questions times answers), question by question."""
        return self._spread(self.reference)

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which records are of each class: bool (n, classes)."""
        return self.answered[:, self.own]

    @cached_property
    def named(self) -> NDArray[np.bool_]:
        """Which records are taken for each class: bool (n, classes)."""
        return self._spread(self.decided)[:, self.own]

    @property
    def support(self) -> NDArray[np.int64]:
        """Records of each class in the reference standard: int64 (classes,)."""
        return np.asarray(self.inside.sum(axis=0), dtype=np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether every question about a record is decided as the reference standard has it: bool (n,)."""
        return np.asarray((self.reference == self.decided).all(axis=1))

    @cached_property
    def cells(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Where each record is counted: 0 and 1 (n, m), and which of the cells of all tables these m columns are.

        Cells without records are left out: 7 classes have 49, of which many are empty.
        """
        questions = self.reference.shape[1]
        first = np.arange(questions) * self.answers**2
        cell = first + self.reference * self.answers + self.decided
        numbers, where = np.unique(cell, return_inverse=True)
        indicator = np.zeros((len(self.y), len(numbers)))
        indicator[np.arange(len(self.y))[:, None], where.reshape(cell.shape)] = 1.0
        return indicator, numbers

    @property
    def squared_error(self) -> NDArray[np.float64]:
        """Brier's score of each record, summed over classes: float64 (n,)."""
        return np.asarray(np.square(self._normalised() - self.inside).sum(axis=1))

    @property
    def largest_error(self) -> float:
        """The largest possible `squared_error`."""
        return 2.0

    @property
    def surprise(self) -> NDArray[np.float64]:
        """Negative log-likelihood of each record, in nats: float64 (n,)."""
        return _surprise(self._normalised()[np.arange(len(self.y)), self.y])

    @property
    def largest_surprise(self) -> float:
        """The largest possible `surprise`: the logarithm is cut off."""
        return -math.log(LOG_FLOOR) * int(self.reference.shape[1])

    def _spread(self, answers: NDArray[np.int64]) -> NDArray[np.bool_]:
        one_hot = answers[:, :, None] == np.arange(self.answers)
        return np.asarray(one_hot.reshape(len(answers), -1))

    def _normalised(self) -> NDArray[np.float64]:
        # Only for the losses: dividing would break ties between float32 probabilities and so move the ranks.
        return np.asarray(self.probabilities / self.probabilities.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Labelled(Sample):
    """Records that may each bear several labels, or none: `y` and `predicted` are int64 (n, labels) of 0 and 1."""

    @property
    def reference(self) -> NDArray[np.int64]:
        return self.y

    @property
    def decided(self) -> NDArray[np.int64]:
        return self.predicted

    @property
    def answers(self) -> int:
        return 2

    @property
    def own(self) -> slice:
        return slice(1, None, 2)  # of no, yes, no, yes, ...

    @property
    def table_shape(self) -> tuple[int, ...]:
        return (len(self.classes), 2, 2)

    @property
    def ranked(self) -> tuple[int, ...]:
        return tuple(range(len(self.classes)))

    @property
    def largest_error(self) -> float:
        return float(len(self.classes))

    @property
    def surprise(self) -> NDArray[np.float64]:
        """Negative log-likelihood of each record's labels, taken as independent: the binary log-losses summed."""
        likelihood = np.where(self.inside, self.probabilities, 1 - self.probabilities)
        return np.asarray(_surprise(likelihood).sum(axis=1))

    def _normalised(self) -> NDArray[np.float64]:
        return self.probabilities  # of each label a probability of its own


def _surprise(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-np.log(np.clip(likelihood, LOG_FLOOR, 1 - LOG_FLOOR)))


def collect(
    y: ArrayLike,
    probabilities: ArrayLike,
    *,
    predicted: ArrayLike | None = None,
    positive: int | None = None,
    classes: Sequence[str] | None = None,
    task: str | None = None,
) -> Sample:
    """Check what a model said about records and hold it together.

    Args:
        y: integers (n,), index of the reference class; or (n, labels) of 0 and 1 where a record may bear several.
        probabilities: floats (n, classes), each row adding up to 1; of labels, each between 0 and 1.
        predicted: integers, the decisions, shaped like `y`; of classes, the most probable one where left out. Of labels
            they must be given: no threshold suits every label.
        positive: index of the positive (urgent) class of two; the last one where left out.
        classes: keys of the classes or labels, in the order of the columns; their indices as text where left out.
        task: multiclass, multilabel or ordinal; told by the shape of `y` where left out.

    Raises:
        DataError: shapes disagree, there are no records, a class index is out of range, a row is no distribution, or
            decisions about labels are missing.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise DataError(f"probabilities must be (records, 2 or more classes), got shape {scores.shape}")
    n, n_classes = scores.shape
    names = tuple(classes) if classes is not None else tuple(str(index) for index in range(n_classes))
    if len(names) != n_classes:
        raise DataError(f"probabilities have {n_classes} columns for {len(names)} classes")
    labelled = np.ndim(y) == 2
    task = task or ("multilabel" if labelled else "multiclass")
    if labelled != (task == "multilabel"):
        raise DataError(f"a reference standard of shape {np.shape(y)} does not suit the task {task!r}")
    _check_probabilities(scores, labelled=labelled)
    reference = whole(y, n_classes, "reference")
    if predicted is None and labelled:
        raise DataError("decisions about labels must be given: fit a rule with automed.evaluate.decide")
    decided = scores.argmax(axis=1) if predicted is None else whole(predicted, n_classes, "predicted")
    if decided.ndim != reference.ndim or not len(reference) == len(decided) == n:
        raise DataError(
            f"{len(reference)} reference classes and {len(decided)} decisions for {n} rows of probabilities"
        )
    if positive is not None and not 0 <= positive < n_classes:
        raise DataError(f"the positive class {positive} is not one of {n_classes} classes")
    chosen = n_classes - 1 if positive is None else positive
    return (Labelled if labelled else Sample)(reference, scores, decided.astype(np.int64), chosen, names, task)


def _check_probabilities(scores: NDArray[np.float64], *, labelled: bool) -> None:
    n = len(scores)
    bad = int(n - np.isfinite(scores).all(axis=1).sum())
    if bad:
        raise DataError(
            f"{bad} of {n} rows of probabilities hold NaN or infinity", hint="the model's training diverged"
        )
    outside = (scores < 0).any(axis=1)
    if labelled:
        off, what = int((outside | (scores > 1).any(axis=1)).sum()), "are not between 0 and 1"
    else:
        off = int((outside | (np.abs(scores.sum(axis=1) - 1) > SUM_TOLERANCE)).sum())
        what = "are negative or do not add up to 1"
    if off:
        raise DataError(f"{off} of {n} rows of probabilities {what}")


def whole(values: ArrayLike, n_classes: int, what: str) -> NDArray[np.int64]:
    """Check class indices (n,), or labels (n, n_classes) of 0 and 1, and give them as int64; `what` is for messages.

    Raises:
        DataError: no records, no integers, an index that is not in 0 to n_classes - 1, or a label that is not 0 or 1.
    """
    array = np.asarray(values)
    labelled = array.ndim == 2 and array.shape[1] == n_classes
    if not (array.ndim == 1 or labelled) or not array.size:
        expected = f"(records,) or (records, {n_classes})"
        raise DataError(f"{what} classes must be {expected} with at least one record, got shape {array.shape}")
    if array.dtype.kind not in "biu":
        raise DataError(f"{what} classes must be integers, got {array.dtype}")
    highest = 1 if labelled else n_classes - 1
    if array.min() < 0 or array.max() > highest:
        raise DataError(f"{what} classes run from {array.min()} to {array.max()}, expected 0 to {highest}")
    return array.astype(np.int64)
