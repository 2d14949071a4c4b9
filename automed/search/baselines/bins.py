"""Columns cut into bins of about equal counts before trees see them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automed.search.baselines.material import Floats

BINS = 200


@dataclass(frozen=True, eq=False)
class Bins:
    """Bounds of at most 200 bins a column, each in the middle of a gap that rounding cannot bridge.

    scikit-learn 1.8 and later bin weighted records in a Python loop over quantiles: 35 s for 546 records.

    Attributes:
        edges: of each column, float64 (bounds,); None where codes of categories are left as they are.
        void: bool (columns,), which training never had a value of: they become constant, since trees refuse to see
            nothing but missing values.
    """

    edges: tuple[NDArray[np.float64] | None, ...]
    void: NDArray[np.bool_]

    @classmethod
    def of(cls, raw: Floats, rounding: NDArray[np.float64], categorical: NDArray[np.bool_]) -> Bins:
        """The bins of training records.

        Args:
            raw: float32 (n, columns), NaN where missing.
            rounding: float64 (columns,), gaps of this share of the largest value are none.
            categorical: bool (columns,), which hold codes.
        """
        columns = zip(raw.T, rounding, categorical, strict=True)
        edges = tuple(None if codes else _edges(column, noise) for column, noise, codes in columns)
        return cls(edges, np.asarray(np.isnan(raw).all(axis=0)))

    def __call__(self, raw: Floats) -> NDArray[np.uint8] | Floats:
        """The bin of each value, codes as they are, NaN where missing: uint8 (n, columns), float32 where need be."""
        raw = np.where(self.void, np.float32(0), raw)
        missing = np.isnan(raw)
        whole = not missing.any() and all(edge is not None for edge in self.edges)
        binned = np.empty(raw.shape, np.uint8 if whole else np.float32)
        for place, edge in enumerate(self.edges):
            binned[:, place] = raw[:, place] if edge is None else np.searchsorted(edge, raw[:, place])
        if not whole:
            binned[missing] = np.nan
        return binned


def _edges(column: Floats, noise: float) -> NDArray[np.float64]:
    values = np.sort(column[~np.isnan(column)].astype(np.float64))
    gaps = np.flatnonzero(np.diff(values) > noise * np.abs(values).max(initial=0.0))
    if len(gaps) >= BINS:
        wanted = np.linspace(0, len(values), BINS + 1)[1:-1]
        gaps = gaps[np.unique(np.searchsorted(gaps + 1, wanted).clip(max=len(gaps) - 1))]
    return np.asarray((values[gaps] + values[gaps + 1]) / 2)
