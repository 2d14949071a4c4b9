"""Losses on logits, and the weights that classes carry."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from automed.models.space import Space


def loss(space: Space, task: str = "multiclass") -> keras.losses.Loss:
    """The loss that `space` chooses; asks for `loss`, then for `label_smoothing` or `focal_gamma`.

    It takes one-hot or mixed float32 targets (n, classes) and float32 logits (n, classes). Class weights are handed to
    the training as a weight for each sample (`sample_weights`), not kept in here.

    Args:
        space: where each choice comes from.
        task: multiclass; multilabel, where each class has a sigmoid and targets may have several ones; or ordinal,
            where the classes rise and `squared_emd` is offered too.

    Source: label smoothing Szegedy et al. 2016, arXiv:1512.00567, section 7; focal loss Lin et al. 2017,
    arXiv:1708.02002, equation 4, without its alpha, whose place the class weights take.
    """
    several, rising = task == "multilabel", task == "ordinal"
    chosen = space.choice("loss", ("cross_entropy", "focal", *(("squared_emd",) if rising else ())))
    if chosen == "squared_emd":
        return SquaredEMD()
    if chosen == "focal":
        gamma = space.choice("focal_gamma", (1.0, 2.0))
        if several:
            return keras.losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True)
        return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma, from_logits=True)
    smoothing = space.float("label_smoothing", 0.0, 0.2)
    of = keras.losses.BinaryCrossentropy if several else keras.losses.CategoricalCrossentropy
    return of(from_logits=True, label_smoothing=smoothing)


class SquaredEMD(keras.losses.Loss):
    """Squared earth mover's distance between target and softmax of the logits: mistaking neighbours costs less.

    Source: Hou, Yu and Samaras 2016, arXiv:1611.05916: the sum over the classes of the squared difference between
    the two cumulated distributions.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        gap = ops.cumsum(ops.softmax(y_pred, axis=-1) - ops.cast(y_true, y_pred.dtype), axis=-1)
        return ops.sum(ops.square(gap), axis=-1)


POWERS = {"balanced": 1.0, "root": 0.5, "none": 0.0}  # of `train.class_weights`


def class_weights(counts: np.ndarray, power: float = 1.0) -> np.ndarray:
    """Weights that make up for rare classes, one on average over the records; a class without records gets 0.

    Args:
        counts: whole numbers (classes,), training records of each class.
        power: 1 lets every class count alike, 0 every record; between them a rare class is lifted less.

    Returns:
        float32 (classes,).

    Source: King and Zeng 2001, Political Analysis 9(2), section 4.1; the square root as Mahajan et al. 2018,
    arXiv:1805.00932, section 2.2.
    """
    exact = np.asarray(counts, np.float64)
    weights = np.zeros(exact.shape, np.float32)
    present = exact > 0
    weights[present] = exact[present] ** -power
    weights *= exact.sum() / (weights @ exact)
    return weights


def sample_weights(targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weight of each record: the class weights in the proportions of its target, so that mixed images share them.

    Args:
        targets: float32 (n, classes), rows add up to one.
        weights: float32 (classes,).

    Returns:
        float32 (n,).
    """
    return np.asarray(targets, np.float32) @ np.asarray(weights, np.float32)
