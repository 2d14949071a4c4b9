"""Tabular inputs for trees: numbers and categories as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from automed.errors import DataError
from automed.search.baselines.material import Array, Floats, Indices

CODES = 254  # categories that trees can tell apart in one column; one more bin is for missing values


@dataclass(frozen=True)
class Cells:
    """The columns of a table as they are; NaN is missing.

    Attributes:
        width: columns.
        categories: which of them hold codes of categories.
    """

    width: int
    categories: tuple[int, ...] = ()
    seconds: float = 1e-6
    rounding: float = 0.0

    @classmethod
    def of(cls, name: str, values: Array, facts: Mapping[str, Any], alike: int) -> Cells:
        if values.ndim != 2 or values.dtype.kind != "f":
            got = f"{values.dtype} {values.shape}"
            raise DataError(f"expected floats (records, columns), got {got}", where=f"input {name}")
        columns = enumerate(facts.get("features", ()))
        return cls(values.shape[1], tuple(place for place, column in columns if column["kind"] == "category"))

    def fit(self, values: Array, train: Indices, y: Indices) -> Cells:
        """With too many categories their codes are split like numbers."""
        kept = []
        for column in self.categories:
            codes = np.unique(values[train, column])
            codes = codes[np.isfinite(codes)]
            if len(codes) <= CODES and (codes >= 0).all() and (codes % 1 == 0).all():
                kept.append(column)
        return replace(self, categories=tuple(kept))

    def __call__(self, values: Array, positions: Indices) -> Floats:
        cells = np.asarray(values[positions], dtype=np.float32)
        return np.where(np.isfinite(cells), cells, np.float32(np.nan))
