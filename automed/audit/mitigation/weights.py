"""Weights under which group and class are independent: for the loss of each record, or for drawing records."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError


def reweighing(group: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """The weight P(group) P(class) / P(group, class) of each record; a missing attribute is a group like others.

    The weighted records have each class in the same share in each group, and class and group shares are what they were.
    Where some group has no record of a class that cannot be reached: its other records stand in, and the weights are
    scaled to one on average.

    Args:
        group: integers (n,).
        y: integers (n,), the class.

    Returns:
        float64 (n,), 1 on average.

    Raises:
        DataError: no records, or different numbers of them.

    Source: Kamiran and Calders 2012, Knowl Inf Syst 33:1-33, section 5.2 (reweighing) and 5.3 (drawing by it).
    """
    groups, classes = np.asarray(group), np.asarray(y)
    if groups.shape != classes.shape or groups.ndim != 1 or not groups.size:
        raise DataError(f"weights need a group and a class of each record, got shapes {groups.shape}, {classes.shape}")
    _, g, of_group = np.unique(groups, return_inverse=True, return_counts=True)
    _, c, of_class = np.unique(classes, return_inverse=True, return_counts=True)
    cells = np.zeros((len(of_group), len(of_class)))
    np.add.at(cells, (g, c), 1.0)
    weights = of_group[g] * of_class[c] / (len(g) * cells[g, c])
    return np.asarray(weights / weights.mean())
