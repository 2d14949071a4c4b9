"""The area under the ROC curve of one question, under many weightings of its records at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]


class Area:
    """AUROC as the share of pairs, one record with the answer yes and one with no, that the scores put in order.

    The records of the smaller side are sorted into levels of equal score. Where a record of the larger side stands
    among the levels does not depend on the weights, so that adding up the weights below each level is one sparse
    product, and what is left to accumulate is as short as the smaller side.

    Args:
        scores: floats (n,).
        inside: bool (n,), the records with the answer yes; both answers must occur.

    Source: Hanley and McNeil 1982, Radiology 143:29-36 (pairs in order; equal scores count half).
    """

    def __init__(self, scores: Floats, inside: NDArray[np.bool_]) -> None:
        n = len(scores)
        self._flipped = 2 * int(inside.sum()) > n
        few = np.flatnonzero(inside != self._flipped)
        many = np.flatnonzero(inside == self._flipped)
        levels, level = np.unique(scores[few], return_inverse=True)
        # Half of a record counts from the first level that it does not exceed, half from the first that exceeds it.
        starts = np.concatenate([np.searchsorted(levels, scores[many], side=side) for side in ("left", "right")])
        record = np.concatenate([many, many])
        passed = starts < len(levels)
        shape = (len(levels), n)
        halves = np.full(int(passed.sum()), 0.5)
        self._starting = csr_array((halves, (starts[passed], record[passed])), shape=shape)
        self._standing = csr_array((np.ones(len(few)), (level, few)), shape=shape)
        self._many = (inside == self._flipped).astype(np.float64)

    def __call__(self, weights: Floats) -> Floats:
        """AUROC of each resample.

        Args:
            weights: float64 (n, resamples), how often each record was drawn.

        Returns:
            float64 (resamples,), NaN where one side was not drawn.
        """
        standing = np.asarray(self._standing @ weights)
        below = np.cumsum(np.asarray(self._starting @ weights), axis=0)
        pairs = standing.sum(axis=0) * (self._many @ weights)
        ordered = np.einsum("ij,ij->j", standing, below)
        area = np.divide(ordered, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
        return np.asarray(1 - area if self._flipped else area)
