"""Simple features of small pictures: a small copy, shades, directions of edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from automed.errors import DataError
from automed.search.baselines.material import Array, Floats, Indices, blocks

BLOCK_BYTES = 64 * 2**20  # pixels held as float32 at once
PIXELS = 240  # of the small copy, over all inputs and channels
BASE = 32  # side of the picture that histograms and gradients are computed from
CELLS = 4
ORIENTATIONS = 8
SHADES = 16

VALUE_S = 4e-8  # seconds of one thread of a 2.4 GHz EPYC for one pixel value read and shrunk, rounded up


@dataclass(frozen=True)
class Pictures:
    """Of each picture: the pixels of a small copy, the spread of its shades in each channel, directions of its edges.

    There are 369 columns for one grey and 368 for one colour input.

    Attributes:
        shape: of one picture, (h, w, c).
        alike: how many inputs share the pixels of the small copy.

    Source: Dalal and Triggs 2005, CVPR, section 6 (orientation histograms; without their overlapping blocks).
    """

    shape: tuple[int, ...]
    alike: int
    rounding: float = 1e-5  # far above float32 rounding, which depends on the other records of a block
    categories: tuple[int, ...] = ()

    @classmethod
    def of(cls, name: str, values: Array, facts: Mapping[str, Any], alike: int) -> Pictures:
        if values.ndim != 4 or values.dtype != np.uint8:
            got = f"{values.dtype} {values.shape}"
            raise DataError(f"expected uint8 (records, h, w, c), got {got}", where=f"input {name}")
        return cls(values.shape[1:], alike)

    @property
    def side(self) -> int:
        """Of the small copy."""
        return max(4, min(16, int(math.sqrt(PIXELS / (self.shape[2] * self.alike)))))

    @property
    def width(self) -> int:
        return self.shape[2] * (self.side**2 + SHADES) + CELLS * CELLS * ORIENTATIONS

    @property
    def seconds(self) -> float:
        return math.prod(self.shape) * VALUE_S

    def fit(self, values: Array, train: Indices, y: Indices) -> Pictures:
        return self

    def __call__(self, values: Array, positions: Indices) -> Floats:
        rows = max(1, BLOCK_BYTES // (4 * math.prod(self.shape)))
        return np.concatenate([self._of_block(block.astype(np.float32)) for block in blocks(values, positions, rows)])

    def _of_block(self, raw: Floats) -> Floats:
        base = shrink(raw, BASE, BASE)
        small = shrink(raw, self.side, self.side)
        return np.concatenate(
            [small.reshape(len(raw), self.side**2 * self.shape[2]), _shades(base), _edges(base.mean(axis=3))], axis=1
        )


def area_matrix(size: int, target: int) -> Floats:
    """Weights that average `size` pixels, parts of pixels too, into equal stretches: float32 (target, size)."""
    edges = np.linspace(0, size, target + 1)
    left, right = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)
    overlap = np.clip(np.minimum(right, pixel + 1) - np.maximum(left, pixel), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)


def shrink(pictures: Floats, height: int, width: int) -> Floats:
    """Average the areas of pictures: float32 (n, h, w, c) to (n, height, width, c)."""
    rows, columns = area_matrix(pictures.shape[1], height), area_matrix(pictures.shape[2], width)
    return np.asarray(np.einsum("hi,nijc,wj->nhwc", rows, pictures, columns, optimize=True), dtype=np.float32)


def _shades(pictures: Floats) -> Floats:
    """Share of pixels in each of 16 shades of each channel: float32 (n, 16 channels)."""
    n, _, _, channels = pictures.shape
    shade = np.clip(pictures * (SHADES / 256), 0, SHADES - 1).astype(np.int64)
    slot = (np.arange(n)[:, None, None, None] * channels + np.arange(channels)) * SHADES + shade
    counts = np.bincount(slot.ravel(), minlength=n * channels * SHADES).reshape(n, channels * SHADES)
    return np.asarray(counts / (BASE * BASE), dtype=np.float32)


def _edges(grey: Floats) -> Floats:
    """Strength of edges in 8 directions and 4 x 4 cells, as a share of the picture's: float32 (n, 128)."""
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    # Half a step on, so that upright and level edges lie inside a direction and rounding cannot tip them over.
    turn = np.arctan2(down, across) * (ORIENTATIONS / np.pi) + 0.5
    direction = np.floor(turn).astype(np.int64) % ORIENTATIONS
    cell = np.arange(BASE) * CELLS // BASE
    slot = ((np.arange(len(grey))[:, None, None] * CELLS + cell[:, None]) * CELLS + cell) * ORIENTATIONS + direction
    size = CELLS * CELLS * ORIENTATIONS
    total = np.bincount(slot.ravel(), weights=strength.ravel(), minlength=len(grey) * size).reshape(len(grey), size)
    return np.asarray(total / (total.sum(axis=1, keepdims=True) + 1e-6), dtype=np.float32)
