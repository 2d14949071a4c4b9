"""Ridge regression on many features of few records, or few features of many, with honest decision values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from automed.search.baselines.material import Floats, Indices

PENALTIES = tuple(10.0**power for power in range(-4, 3))  # as a share of the mean square of a record's length

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ridge:
    """A linear map to k decision values.

    Attributes:
        mean, scale: float32 (features,), of the training records.
        weights: float32 (features, k).
        offset: float32 (k,).
        held_out: float64 (n, k), decision values of the training records when they were held out.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    offset: Floats
    held_out: Matrix

    def __call__(self, x: Floats) -> Floats:
        """float32 (n, features) to (n, k)."""
        return (x - self.mean) @ (self.weights / self.scale[:, None]) + self.offset


def fit_ridge(x: Floats, targets: NDArray[np.bool_], parts: Sequence[Indices]) -> Ridge:
    """Fit targets of -1 and 1 with the penalty whose squared error on records held out is least.

    Either the matrix of records or that of features is worked with, whichever is smaller, and it is made once.

    Args:
        x: float32 (n, features); it is standardised in place.
        targets: bool (n, k).
        parts: places that are held out together, of all n records.
    """
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale < 1e-6] = 1.0  # constant in training
    x -= mean
    x /= scale
    goals = np.where(targets, 1.0, -1.0)
    solve = _by_records if len(x) <= x.shape[1] else _by_features
    # The mean square of a record's length: with it a penalty means the same for any number of features.
    size = max(float(np.square(x, dtype=np.float64).sum() / len(x)), 1e-12)
    held_out, weights = solve(x, goals, parts, size)
    return Ridge(mean, scale, weights.astype(np.float32), goals.mean(axis=0).astype(np.float32), held_out)


def _by_records(x: Floats, goals: Matrix, parts: Sequence[Indices], size: float) -> tuple[Matrix, Matrix]:
    gram = (x @ x.T).astype(np.float64) / size
    found = np.zeros((len(PENALTIES), *goals.shape))
    for held in parts:
        rest = np.setdiff1d(np.arange(len(x)), held)
        offset = goals[rest].mean(axis=0)
        inside, across = gram[np.ix_(rest, rest)], gram[np.ix_(held, rest)]
        for place, penalty in enumerate(PENALTIES):
            found[place, held] = across @ _solve(inside, penalty, goals[rest] - offset) + offset
    best = _least(found, goals)
    return found[best], x.T @ _solve(gram, PENALTIES[best], goals - goals.mean(axis=0)) / size


def _by_features(x: Floats, goals: Matrix, parts: Sequence[Indices], size: float) -> tuple[Matrix, Matrix]:
    gram, moments = (x.T @ x).astype(np.float64) / size, x.T @ goals / size
    found = np.zeros((len(PENALTIES), *goals.shape))
    for held in parts:
        out = x[held]
        offset = (goals.sum(axis=0) - goals[held].sum(axis=0)) / (len(x) - len(held))
        inside = gram - (out.T @ out).astype(np.float64) / size
        # The columns of x add up to 0, so those of the rest add up to what is held out, negative.
        right = moments - out.T @ goals[held] / size + np.outer(out.sum(axis=0), offset) / size
        for place, penalty in enumerate(PENALTIES):
            found[place, held] = out @ _solve(inside, penalty, right) + offset
    best = _least(found, goals)
    return found[best], _solve(gram, PENALTIES[best], moments)


def _solve(gram: Matrix, penalty: float, right: Matrix) -> Matrix:
    ridged = gram.copy()
    ridged[np.diag_indices_from(ridged)] += penalty
    return np.asarray(cho_solve(cho_factor(ridged, overwrite_a=True), right))


def _least(found: Matrix, goals: Matrix) -> int:
    return int(((found - goals) ** 2).mean(axis=(1, 2)).argmin())
