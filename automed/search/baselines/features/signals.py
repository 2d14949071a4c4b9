"""Simple features of signals: moments, quantiles, trend and what was observed; of regular ones the spectrum too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from automed.errors import DataError
from automed.search.baselines.material import Array, Floats, Indices, blocks

BLOCK_VALUES = 2**21  # of the signals read at once
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
BANDS = 8  # of the spectrum, each as wide as all below it

VALUE_S = 1.5e-7  # seconds of one thread for one value, rounded up: most goes into sorting

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Signals:
    """Of each channel: what was observed when, moments, quantiles, trend; of regular signals the power in bands.

    Attributes:
        length: steps.
        values: int64 (channels,), the channels that are measurements; masks and elapsed times are left out.
        masks: int64 (channels,) or empty, for each of them the channel that is 1 where it was observed.
        regular: whether steps are alike, so that there is a spectrum.
    """

    length: int
    values: Indices
    masks: Indices
    regular: bool
    rounding: float = 1e-5
    categories: tuple[int, ...] = ()

    @classmethod
    def of(cls, name: str, values: Array, facts: Mapping[str, Any], alike: int) -> Signals:
        measured, masks = channels_of(name, values, facts)
        return cls(values.shape[1], measured, masks, not facts.get("irregular", False))

    @property
    def width(self) -> int:
        return len(self.values) * (len(QUANTILES) + 11 + (BANDS + 1 if self.regular else 0))

    @property
    def seconds(self) -> float:
        return self.length * (len(self.values) + len(self.masks)) * VALUE_S

    def fit(self, values: Array, train: Indices, y: Indices) -> Signals:
        return self

    def __call__(self, values: Array, positions: Indices) -> Floats:
        rows = max(1, BLOCK_VALUES // math.prod(values.shape[1:]))
        return np.concatenate([self._of_block(block) for block in blocks(values, positions, rows)])

    def _of_block(self, block: Array) -> Floats:
        measured = block[:, :, self.values].transpose(0, 2, 1).astype(np.float64)
        seen = np.isfinite(measured)
        if len(self.masks):
            seen &= block[:, :, self.masks].transpose(0, 2, 1) > 0
        columns = _summaries(np.where(seen, measured, np.nan), seen)
        if self.regular:
            columns.append(_powers(np.where(seen, measured, np.nan), seen))
        # Infinite where a sum of squares overflows, which no measurement should.
        features = np.concatenate(columns, axis=2).reshape(len(block), self.width).astype(np.float32)
        return np.where(np.isfinite(features), features, np.float32(np.nan))


def channels_of(name: str, values: Array, facts: Mapping[str, Any]) -> tuple[Indices, Indices]:
    """The channels that are measurements, and those that say where each was observed (empty where none do).

    Raises:
        DataError: the array is not floats (records, steps, channels).
    """
    if values.ndim != 3 or values.dtype.kind != "f":
        got = f"{values.dtype} {values.shape}"
        raise DataError(f"expected floats (records, steps, channels), got {got}", where=f"input {name}")
    roles = np.array(facts.get("roles") or ["value"] * values.shape[2])
    measured, masks = np.flatnonzero(roles == "value"), np.flatnonzero(roles == "mask")
    return measured, masks if len(masks) == len(measured) else masks[:0]


def _summaries(values: Values, seen: NDArray[np.bool_]) -> list[Values]:
    """Numbers (n, channels, some) of values (n, channels, steps), NaN where none was seen."""
    steps = values.shape[2]
    time = np.arange(steps, dtype=np.float64)
    count = seen.sum(axis=2, keepdims=True)
    some = np.where(count > 0, count, np.nan)
    zeroed = np.where(seen, values, 0.0)
    mean = zeroed.sum(axis=2, keepdims=True) / some
    off = np.where(seen, values - mean, 0.0)
    when = np.where(seen, time, 0.0).sum(axis=2, keepdims=True) / some
    apart = np.where(seen, time - when, 0.0)
    spread = (apart**2).sum(axis=2, keepdims=True)
    slope = (apart * off).sum(axis=2, keepdims=True) / np.where(spread > 0, spread, np.nan)
    ordered = np.sort(values, axis=2)  # what is missing comes last
    first = seen.argmax(axis=2)[..., None]
    last = steps - 1 - seen[:, :, ::-1].argmax(axis=2)[..., None]
    both = seen[:, :, 1:] & seen[:, :, :-1]
    pairs = both.sum(axis=2, keepdims=True)
    change = np.where(both, np.abs(np.diff(zeroed, axis=2)), 0.0).sum(axis=2, keepdims=True)
    return [
        count / steps,
        mean,
        np.sqrt((off**2).sum(axis=2, keepdims=True) / some),
        *(_quantile(ordered, count, share) for share in (0.0, *QUANTILES, 1.0)),
        np.take_along_axis(values, first, axis=2),
        np.take_along_axis(values, last, axis=2),
        np.where(count > 0, first, np.nan),
        np.where(count > 0, steps - 1 - last, np.nan),
        slope,
        change / np.where(pairs > 0, pairs, np.nan),
    ]


def _quantile(ordered: Values, count: NDArray[np.int64], share: float) -> Values:
    """Of the first `count` (n, channels, 1) of ordered values, between neighbours in proportion: as numpy does."""
    place = np.maximum(count - 1, 0) * share
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = np.take_along_axis(ordered, below, axis=2), np.take_along_axis(ordered, above, axis=2)
    return np.asarray(low + (high - low) * (place - below))


def _powers(values: Values, seen: NDArray[np.bool_]) -> Values:
    """Logarithms of the power, and of its share in each band: (n, channels, 1 + bands); NaN where none was seen."""
    count = seen.sum(axis=2, keepdims=True)
    mean = np.where(seen, values, 0.0).sum(axis=2, keepdims=True) / np.maximum(count, 1)
    power = np.abs(rfft(np.where(seen, values - mean, 0.0), axis=2)[:, :, 1:]) ** 2 / values.shape[2] ** 2
    total = power.sum(axis=2, keepdims=True)
    edges = [0, *(power.shape[2] * 2 ** np.arange(1 - BANDS, 1.0)).round().astype(int)]
    parts = [power[:, :, start:stop].sum(axis=2) for start, stop in pairwise(edges)]
    shares = np.stack(parts, axis=2) / np.where(total > 0, total, np.nan)
    found = np.concatenate([np.log10(total + 1e-12), np.log10(shares + 1e-6)], axis=2)
    return np.where(count > 0, found, np.nan)
