"""Figures that are functions of weighted sums over records, so that many resamples are one matrix product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.metrics import Point

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sums:
    """What is added up over records, and what the sums say.

    Attributes:
        rows: float64 (m, n), what each record adds to m sums.
        read: from weighted sums float64 (m, resamples) to name -> float64 (..., resamples), NaN where undefined.
        undefined: name -> why the records give no value.
    """

    rows: Floats
    read: Callable[[Floats], dict[str, Floats]]
    undefined: Mapping[str, str]

    def resampled(self, name: str, weights: Floats) -> Floats:
        """One figure under many weightings: float64 (resamples,), for weights float64 (n, resamples)."""
        if name in self.undefined:
            return np.full(weights.shape[1], np.nan)
        return self.read(self.rows @ weights)[name]

    def whole(self) -> dict[str, Floats]:
        """Every figure of the records themselves, each counted once: float64 (...)."""
        found = self.read(self.rows.sum(axis=1, keepdims=True))
        return {name: values[..., 0] for name, values in found.items()}

    def point(self, name: str) -> Point:
        """One figure of the records themselves."""
        if name in self.undefined:
            return Point(None, self.undefined[name])
        return Point(float(self.whole()[name]))


def ratio(numerator: Floats, denominator: Floats, *, otherwise: float = np.nan) -> Floats:
    """The quotient, `otherwise` where the denominator is not above 0."""
    top, bottom = np.broadcast_arrays(numerator, denominator)
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, otherwise), where=bottom > 0))
