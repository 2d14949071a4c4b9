"""Cross-entropy and focal loss on logits, and the weights that classes carry."""

from __future__ import annotations

import keras
import numpy as np

from automed.models.space import Space


def loss(space: Space) -> keras.losses.Loss:
    """The loss that `space` chooses; asks for `loss`, then for `label_smoothing` or `focal_gamma`.

    It takes one-hot or mixed float32 targets (n, classes) and float32 logits (n, classes). Class weights are handed to
    the training as a weight for each sample (`sample_weights`), not kept in here.

    Source: label smoothing Szegedy et al. 2016, arXiv:1512.00567, section 7; focal loss Lin et al. 2017,
    arXiv:1708.02002, equation 4, without its alpha, whose place the class weights take.
    """
    if space.choice("loss", ("cross_entropy", "focal")) == "focal":
        gamma = space.choice("focal_gamma", (1.0, 2.0))
        return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma, from_logits=True)
    smoothing = space.float("label_smoothing", 0.0, 0.2)
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)


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
