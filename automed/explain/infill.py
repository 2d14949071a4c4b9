"""What a record looks like when some of it is removed and filled in from what is left around it.

A record is cut into small cells of equal size: what is removed is removed by the cell. Hidden cells of an image are
interpolated from their neighbours (ROAD), those of a regular signal along time, and a little noise covers the traces
of that; a network that sees the result sees something like a record, not a black hole. Other kinds of input have no
values in between: their hidden cells get the stand-ins of the players. No library that is kept interpolates like this
for many masks at once.

Source: Rong et al. 2022, arXiv:2202.00449, section 4.2 (noisy linear interpolation).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.linalg import solveh_banded

from automed.explain.players import DIVISIONS
from automed.explain.subject import Array, InputSpec

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

GRID = 32  # cells along the longer side of an image: the resolution of CIFAR-10, on which ROAD was studied
STRETCHES = 50  # cells along time of each variable of a signal: of a 10 s ECG these are .2 s
TOKENS = 128  # cells of a text or sequence
NOISE = 0.01  # of the range of values; ROAD takes it of values scaled to 0..1
DIRECT, DIAGONAL = 1 / 6, 1 / 12  # weights of neighbours, Rong et al. 2022, section 4.2
_PULL = 1e-4  # towards the background's mean: what stands where nothing at all is left


class Filler(Protocol):
    """One input of one record with its cells hidden.

    Attributes:
        references: how many things may stand where a cell is hidden; the model's answer is their mean.
    """

    @property
    def references(self) -> int: ...

    def fill(self, hidden: Bools, reference: int) -> Array:
        """The record with cells hidden: bool (m, cells) to (m, *shape)."""
        ...


def cells(spec: InputSpec, record: Array, seed: int) -> npt.NDArray[np.int64]:
    """Cut one input of a record into cells: int64 (*map_shape) from 0; -1 for what the record does not have.

    Args:
        spec: of the input.
        record: (*shape).
        seed: of the division that tells what the record does not have.
    """
    if spec.kind == "image":
        rows, columns = _grid(spec.map_shape[0], spec.map_shape[1])
        whole = rows[:, None] * (columns[-1] + 1) + columns
    elif spec.kind == "signal":
        steps, variables = spec.map_shape
        time = np.arange(steps) // -(-steps // STRETCHES)
        whole = time[:, None] * variables + np.arange(variables)
    else:
        size = -(-spec.map_shape[0] // TOKENS) if spec.kind != "tabular" else 1
        whole = np.arange(spec.map_shape[0]) // size
    there = DIVISIONS.load(spec.kind).divide(spec, record, 1, seed).part >= 0
    place = np.full(whole.shape, -1, np.int64)
    place[there] = np.unique(whole[there], return_inverse=True)[1]
    return place


def regular(spec: InputSpec) -> bool:
    """Whether the values of an input have values in between: an image, a signal without masks."""
    roles = spec.facts.get("roles") or ()
    return spec.kind == "image" or (spec.kind == "signal" and all(role == "value" for role in roles))


def filler(
    spec: InputSpec, record: Array, background: Array, where: npt.NDArray[np.int64], seed: int, references: int = 8
) -> Filler:
    """What fills the hidden cells of one input of one record.

    Args:
        spec: of the input.
        record: (*shape).
        background: (b, *shape), training records.
        where: int64 (*map_shape), from `cells`.
        seed: of the noise, which is the same for all that is hidden, so that comparisons are not blurred by it.
        references: stand-ins at most.
    """
    if regular(spec):
        return (Picture if spec.kind == "image" else Trace)(spec, record, background, where, seed)
    stand_ins = DIVISIONS.load(spec.kind).stand_ins(spec, record, background, seed)[:references]
    return Replaced(spec, record, where, stand_ins)


@dataclass(frozen=True, eq=False)
class Replaced:
    """An input whose hidden cells get what the players' stand-ins have there; arguments as of `filler`."""

    spec: InputSpec
    record: Array
    where: npt.NDArray[np.int64]
    stand_ins: Array

    @property
    def references(self) -> int:
        return len(self.stand_ins)

    def fill(self, hidden: Bools, reference: int) -> Array:
        """The record with cells hidden: bool (m, cells) to (m, *shape)."""
        gone = _gone(hidden, self.where)
        if self.spec.kind == "signal":
            gone = gone[..., self.spec.owner]
        other = self.stand_ins[reference % len(self.stand_ins)]
        return np.where(gone, other.astype(self.record.dtype, copy=False), self.record)


@dataclass(frozen=True, eq=False)
class _Filled:
    """What images and signals share; arguments as of `filler`."""

    spec: InputSpec
    record: Array
    background: Array
    where: npt.NDArray[np.int64]
    seed: int
    references: int = 1

    @cached_property
    def limits(self) -> tuple[Floats, Floats]:
        """Least and greatest value of each channel, of what was ever seen: (channels,)."""
        both = np.concatenate([self.background, self.record[None]]).reshape(-1, self.record.shape[-1])
        known = ~np.isnan(both)
        low = np.where(known, both, np.inf).min(axis=0)
        high = np.where(known, both, -np.inf).max(axis=0)
        some = known.any(axis=0)
        return np.where(some, low, 0.0).astype(np.float64), np.where(some, high, 0.0).astype(np.float64)

    @cached_property
    def noise(self) -> Floats:
        """What is added to filled places: (*shape)."""
        low, high = self.limits
        random = np.random.default_rng(self.seed)
        return np.asarray(random.normal(size=self.record.shape) * NOISE * (high - low))

    def mixed(self, gone: Bools, filled: npt.NDArray[Any]) -> Array:
        """The record where it is shown, else the filling, as values that the model can read: (m, *shape)."""
        low, high = self.limits
        made = np.clip(filled + self.noise.astype(filled.dtype), low.astype(filled.dtype), high.astype(filled.dtype))
        if self.record.dtype.kind in "iu":
            made = np.rint(made)
        return np.where(gone, made.astype(self.record.dtype), self.record)


class Picture(_Filled):
    """An image (height, width, channels): each hidden cell is the weighted mean of its eight neighbours."""

    @cached_property
    def _sides(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        return _grid(self.record.shape[0], self.record.shape[1])

    @cached_property
    def _means(self) -> Floats:
        """Mean of each cell: (cells, channels)."""
        rows, columns = self._sides
        sums = np.add.reduceat(self.record.astype(np.float64), np.unique(rows, return_index=True)[1], axis=0)
        sums = np.add.reduceat(sums, np.unique(columns, return_index=True)[1], axis=1)
        sizes = np.bincount(rows)[:, None] * np.bincount(columns)
        return np.asarray((sums / sizes[..., None]).reshape(-1, self.record.shape[-1]))

    def fill(self, hidden: Bools, reference: int) -> Array:
        """The record with cells hidden: bool (m, cells) to (m, *shape)."""
        if not hidden.shape[1]:  # an image that the record does not have
            return np.repeat(self.record[None], len(hidden), axis=0)
        rows, columns = self._sides
        height, width = rows[-1] + 1, columns[-1] + 1
        rest = self.background.reshape(-1, self.record.shape[-1]).mean(axis=0, dtype=np.float64)
        solved = interpolate(hidden.reshape(-1, height, width), self._means.reshape(height, width, -1), rest)
        up, across = _hats(rows), _hats(columns)
        filled = np.einsum("ya,mabc->mybc", up, solved.astype(np.float32), optimize=True)
        filled = np.einsum("xb,mybc->myxc", across, filled, optimize=True)
        return self.mixed(_gone(hidden, self.where)[..., None], filled)


class Trace(_Filled):
    """A regular signal (steps, channels): hidden stretches are straight lines between what is left on both sides."""

    def fill(self, hidden: Bools, reference: int) -> Array:
        """The record with cells hidden: bool (m, cells) to (m, *shape)."""
        gone = _gone(hidden, self.where)[..., self.spec.owner]
        signal = self.record.astype(np.float64)
        unknown = gone | np.isnan(signal)
        steps = np.arange(gone.shape[1])[:, None]
        left = np.maximum.accumulate(np.where(unknown, -1, steps), axis=1)
        right = np.minimum.accumulate(np.where(unknown, len(steps), steps)[:, ::-1], axis=1)[:, ::-1]
        none_left, none_right = left < 0, right == len(steps)
        start = np.where(none_left, np.where(none_right, 0, right), left)
        stop = np.where(none_right, start, right)
        channels = np.arange(gone.shape[2])
        share = (steps - start) / np.maximum(stop - start, 1)
        filled = signal[start, channels] * (1 - share) + signal[stop, channels] * share
        known = ~np.isnan(self.background)
        total = np.where(known, self.background, 0.0).sum(axis=(0, 1), dtype=np.float64)
        level = total / np.maximum(known.sum(axis=(0, 1)), 1)
        return self.mixed(gone, np.where(none_left & none_right, level, filled))


def interpolate(hidden: Bools, values: Floats, rest: npt.NDArray[Any]) -> Floats:
    """Solve for the hidden cells of a grid, each the weighted mean of its neighbours, hidden ones among them.

    The system is symmetric and banded, so a direct solver takes about a millisecond a mask at 32 x 32.

    Args:
        hidden: bool (m, height, width).
        values: float64 (height, width, channels).
        rest: float64 (channels,), what stands where everything is hidden.

    Returns:
        float64 (m, height, width, channels), what is not hidden unchanged.
    """
    if hidden.shape[2] > hidden.shape[1]:  # the band is as wide as a row
        turned = interpolate(hidden.transpose(0, 2, 1), values.transpose(1, 0, 2), rest)
        return turned.transpose(0, 2, 1, 3)
    (m, height, width), channels = hidden.shape, values.shape[2]
    size = height * width
    gone, known = hidden.reshape(m, size), values.reshape(size, channels)
    column = np.arange(size) % width
    links: dict[int, Floats] = {}  # of cell i to cell i + offset; on a narrow grid two links may share an offset
    for offset, weight, there in (
        (1, DIRECT, column < width - 1),
        (width - 1, DIAGONAL, column > 0),
        (width, DIRECT, column >= 0),
        (width + 1, DIAGONAL, column < width - 1),
    ):
        if 0 < offset < size:
            reach = np.where(there & (np.arange(size) < size - offset), weight, 0.0)
            links[offset] = links.get(offset, np.zeros(size)) + reach
    degree = np.full(size, _PULL)
    given = np.where(gone[..., None], _PULL * np.asarray(rest, np.float64), known)
    bands = np.zeros((m, max(links, default=0) + 1, size))
    for offset, weights in links.items():
        here, there = weights[: size - offset], slice(offset, size)
        degree[: size - offset] += here
        degree[there] += here
        first, second = gone[:, : size - offset], gone[:, there]
        bands[:, offset, : size - offset] = -here * (first & second)
        given[:, : size - offset] += (here * (first & ~second))[..., None] * known[there]
        given[:, there] += (here * (second & ~first))[..., None] * known[: size - offset]
    bands[:, 0] = np.where(gone, degree, 1.0)
    solved = [
        solveh_banded(band, each, overwrite_ab=True, overwrite_b=True, lower=True, check_finite=False)
        for band, each in zip(bands, given, strict=True)
    ]
    return np.asarray(solved).reshape(m, height, width, channels)


def _grid(height: int, width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Of each row and of each column of an image that of its cell."""
    size = -(-max(height, width) // GRID)
    return np.arange(height) // size, np.arange(width) // size


def _hats(places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Weights of linear interpolation between the middles of cells: float32 (pixels, cells)."""
    count = int(places[-1]) + 1
    middles = np.array([np.flatnonzero(places == k).mean() for k in range(count)])
    return np.stack([np.interp(np.arange(len(places)), middles, row) for row in np.eye(count)], axis=1).astype(
        np.float32
    )


def _gone(hidden: Bools, where: npt.NDArray[np.int64]) -> Bools:
    """Elements whose cell is hidden: bool (m, *map_shape)."""
    padded = np.concatenate([hidden, np.zeros((len(hidden), 1), bool)], axis=1)
    return np.asarray(padded[:, where])
