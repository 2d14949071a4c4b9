"""A penalty in the loss on groups of patients being treated unlike: equalised odds, made smooth."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

PRESENT = 0.5  # records that a group needs of a class in a batch; mixing leaves traces of others that are no cell


class EqualisedOdds(keras.losses.Loss):
    """An ordinary loss and `strength` times the squared differences between groups in mean predicted probability.

    It takes float32 targets (n, classes + groups), the groups one-hot behind the classes, and float32 logits
    (n, classes). Weights of records act on the ordinary loss alone: classes are compared within themselves anyway.

    Args:
        ordinary: the loss that is added to.
        classes: how many columns of the targets it takes.
        strength: of the penalty.
        several: whether a record may bear several labels, each with a sigmoid.

    Source: Bechavod and Ligett 2017, arXiv:1707.00044 (squared differences of both error rates' stand-ins, added with a
    weight); Padala and Gujar 2020, IJCAI, 2277-2283, arXiv:1811.00247 (mean probabilities of a batch as stand-ins).
    """

    def __init__(self, ordinary: keras.losses.Loss, classes: int, strength: float, *, several: bool) -> None:
        super().__init__(name="equalised_odds")
        self._ordinary, self._classes, self._strength, self._several = ordinary, classes, strength, several

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch, a number."""
        truth, groups = y_true[:, : self._classes], y_true[:, self._classes :]
        plain = self._ordinary(truth, y_pred, sample_weight)
        logits = ops.cast(y_pred, plain.dtype)
        probabilities = ops.sigmoid(logits) if self._several else ops.softmax(logits, axis=-1)
        penalty = unequal_odds(ops.cast(truth, plain.dtype), ops.cast(groups, plain.dtype), probabilities)
        return plain + self._strength * penalty


def unequal_odds(truth: Any, groups: Any, probabilities: Any) -> Any:
    """How unlike groups are treated given the class: 0 where each has the same mean probability.

    Of each class, among its own records and among the others, the squared difference in mean probability between two
    groups, averaged over the pairs of groups that are present; the two are added up, and averaged over the classes.
    With two classes and two groups: the squared difference in (soft) true-positive rate and that in false-positive
    rate. A group without records of a class in the batch has no part in it.

    Args:
        truth: float (n, classes), one-hot, mixed, or several ones.
        groups: float (n, groups), one-hot or mixed.
        probabilities: float (n, classes).
    """
    total = 0.0
    for side in (truth, 1.0 - truth):
        weight = ops.matmul(ops.transpose(groups), side)  # (groups, classes): records in each cell
        there = ops.cast(weight >= PRESENT, weight.dtype)
        mean = ops.matmul(ops.transpose(groups), side * probabilities) / ops.maximum(weight, PRESENT)
        count = ops.sum(there, axis=0)
        centre = ops.sum(there * mean, axis=0) / ops.maximum(count, 1.0)
        # The mean over pairs of squared differences is twice the sum of squares about the centre over count - 1.
        spread = 2.0 * ops.sum(there * ops.square(mean - centre), axis=0) / ops.maximum(count - 1.0, 1.0)
        total = total + ops.mean(spread)
    return total
