"""MiniRocket: shares of a signal that lie above thresholds after convolution with 84 fixed kernels.

Our own, in numpy: aeon 1.6 and sktime 1.2, which have it, hold pandas below 3.1, and aeon numpy below 2.4 through
numba, so that neither can be installed beside what the rest of this project runs on.

Source: Dempster, Schmidt and Webb 2021, KDD, sections 3.1 and 3.2; several channels as in their published code.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from automed.search.baselines.material import Floats, Indices

LENGTH = 9  # of a kernel: six weights of -1 and three of 2, which add up to 0
KERNELS = tuple(combinations(range(LENGTH), 3))  # where the three stand
DILATIONS = 32  # of a kernel, at most
CHANNELS = 9  # that a kernel adds up, at most
GOLDEN = (5**0.5 + 1) / 2
BLOCK_VALUES = 2**16  # of a sum of channels at once: a quarter of a megabyte stays in a core's own cache


@dataclass(frozen=True, eq=False)
class Rocket:
    """Dilated kernels with their thresholds.

    Attributes:
        dilations: steps between the weights of a kernel.
        channels: of each dilation and kernel, int64 (some,): those that are added up before convolution.
        thresholds: of each dilation and kernel, float32 (some,).
    """

    dilations: tuple[int, ...]
    channels: tuple[tuple[Indices, ...], ...]
    thresholds: tuple[tuple[Floats, ...], ...]

    @classmethod
    def of(cls, sample: Floats, features: int, seed: int) -> Rocket:
        """Kernels whose thresholds are quantiles of what they give on training records.

        Args:
            sample: float32 (n, channels, steps), training records to take thresholds from.
            features: about how many, at least one a kernel.
            seed: of channels and of the record that each threshold is taken from.
        """
        rng = np.random.default_rng(seed)
        n, count, steps = sample.shape
        dilations, each = _dilations(steps, max(1, features // len(KERNELS)))
        channels, thresholds, drawn = [], [], 0
        for dilation, wanted in zip(dilations, each, strict=True):
            sets, bounds = [], []
            for kernel in range(len(KERNELS)):
                size = int(2 ** rng.uniform(0, np.log2(min(count, CHANNELS) + 1)))
                sets.append(np.sort(rng.choice(count, size, replace=False)))
                record = sample[rng.integers(n), sets[-1]][None]
                convolved = _Convolution(record, dilation)(kernel, np.arange(size))
                shares = np.arange(drawn + 1, drawn + wanted + 1) * GOLDEN % 1  # spread evenly whatever their number
                bounds.append(np.quantile(convolved, shares).astype(np.float32))
                drawn += wanted
            channels.append(tuple(sets))
            thresholds.append(tuple(bounds))
        return cls(dilations, tuple(channels), tuple(thresholds))

    @property
    def width(self) -> int:
        """Features of a record."""
        return sum(len(bounds) for row in self.thresholds for bounds in row)

    def __call__(self, signals: Floats, threads: int = 1) -> Floats:
        """The share of each signal above each threshold: float32 (n, channels, steps) to (n, width)."""
        features = np.empty((len(signals), self.width), np.float32)
        rows = max(1, BLOCK_VALUES // signals.shape[2])
        starts = range(0, len(signals), rows)
        with ThreadPoolExecutor(threads) as pool:
            parts = pool.map(lambda start: self._of_block(signals[start : start + rows]), starts)
            for start, part in zip(starts, parts, strict=True):
                features[start : start + rows] = part
        return features

    def _of_block(self, signals: Floats) -> Floats:
        features = np.empty((self.width, len(signals)), np.float32)
        column = 0
        for place, dilation in enumerate(self.dilations):
            convolution = _Convolution(signals, dilation)
            for kernel, bounds in enumerate(self.thresholds[place]):
                convolved = convolution(kernel, self.channels[place][kernel])
                margin = (LENGTH // 2) * dilation
                # Half of the kernels look at whole windows only, so that the zeros beyond the ends do not decide.
                if (place + kernel) % 2 and convolved.shape[1] > 2 * margin:
                    convolved = convolved[:, margin:-margin]
                for bound in bounds:
                    # numpy counts bytes along an axis three times as fast as truth values.
                    features[column] = (convolved > bound).view(np.int8).sum(axis=1, dtype=np.int32)
                    column += 1
                features[column - len(bounds) : column] /= convolved.shape[1]
        return features.T


class _Convolution:
    """What kernels of one dilation give on float32 (n, channels, steps), zeros beyond the ends."""

    def __init__(self, signals: Floats, dilation: int) -> None:
        self._steps, self._dilation = signals.shape[2], dilation
        margin = (LENGTH // 2) * dilation
        self._padded = np.pad(signals, ((0, 0), (0, 0), (margin, margin)))
        self._around = self._shifted(self._padded, 0).copy()
        for offset in range(1, LENGTH):
            self._around += self._shifted(self._padded, offset)

    def _shifted(self, padded: Floats, offset: int) -> Floats:
        start = offset * self._dilation
        return padded[..., start : start + self._steps]

    def __call__(self, kernel: int, channels: Indices) -> Floats:
        """Kernel number `kernel` on the sum of some channels: float32 (n, steps)."""
        added = _add(self._padded, channels)
        first, second, third = KERNELS[kernel]
        found = self._shifted(added, first) + self._shifted(added, second)
        found += self._shifted(added, third)
        found *= 3
        found -= _add(self._around, channels)
        return found


def _add(values: Floats, channels: Indices) -> Floats:
    total: Floats = values[:, channels[0]]
    for channel in channels[1:]:
        total = total + values[:, channel]
    return total


def _dilations(steps: int, each: int) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """Dilations up to the length of the signal on a logarithmic scale, and how many features a kernel has of each."""
    number = min(each, DILATIONS)
    longest = max(0.0, np.log2(max(1, steps - 1) / (LENGTH - 1)))
    scale = np.logspace(0, longest, number, base=2).astype(np.int64)
    dilations, counts = np.unique(scale, return_counts=True)
    counts = counts * each // number
    for place in range(each - counts.sum()):
        counts[place % len(counts)] += 1
    return tuple(int(dilation) for dilation in dilations), counts
