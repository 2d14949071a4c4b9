"""Probabilities that a network might claim, with the true ones, and scikit-learn's calibration of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Through(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that answers with what it is shown: scores are its decisions."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.classes_ = np.arange(classes)

    def fit(self, X: Floats, y: Ints) -> Through:
        return self

    def decision_function(self, X: Floats) -> Floats:
        return X[:, 0] if self.classes == 2 else X

    def predict(self, X: Floats) -> Ints:
        raise NotImplementedError  # scikit-learn looks whether it is there

    def __sklearn_is_fitted__(self) -> bool:
        return True


def network(
    n: int, classes: int = 3, *, stretch: float = 1.0, share: Any = None, seed: int = 0
) -> tuple[Ints, Floats, Floats]:
    """Reference classes, true probabilities, and those of a network whose logits are `stretch` times too large."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, classes)) * 1.5 + np.log(np.full(classes, 1 / classes) if share is None else share)
    true = softmax(logits, axis=1)
    y = (rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return y, true, softmax(stretch * logits, axis=1)


def labelled(n: int, labels: int = 3, seed: int = 0, stretch: float = 2.0) -> tuple[Ints, Floats]:
    z = np.random.default_rng(seed).normal(-1, 1.2, size=(n, labels))
    y = (np.random.default_rng(seed + 1).random((n, labels)) < expit(z)).astype(np.int64)
    return y, expit(stretch * z)
