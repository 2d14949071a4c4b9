"""Simple features of small pictures, for models that are no networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from automed.errors import DataError

Images = Mapping[str, NDArray[np.uint8]]
Indices = NDArray[np.int64]
Floats = NDArray[np.float32]

BLOCK_BYTES = 64 * 2**20  # pixels held as float32 at once
PIXELS = 240  # of the small copy, over all inputs and channels
BASE = 32  # side of the picture that histograms and gradients are computed from
CELLS = 4
ORIENTATIONS = 8
SHADES = 16


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


def features(images: Images, index: Indices) -> Floats:
    """Simple features of the pictures of some records.

    Of each input: the pixels of a small copy, the spread of its shades in each channel, and histograms of the
    directions of its edges.

    Args:
        images: input -> uint8 (records, h, w, c), which may be a memory map.
        index: int64 (n,), the records.

    Returns:
        float32 (n, 369 for one grey and 368 for one colour input).

    Raises:
        DataError: an input is not uint8 pictures.

    Source: Dalal and Triggs 2005, CVPR, section 6 (orientation histograms; without their overlapping blocks).
    """
    if not images:
        raise DataError("there is no picture to compute features from")
    columns = [np.concatenate(list(_of_input(name, images[name], index, len(images)))) for name in images]
    return np.concatenate(columns, axis=1)


def _of_input(name: str, pictures: NDArray[np.uint8], index: Indices, inputs: int) -> Iterator[Floats]:
    if pictures.ndim != 4 or pictures.dtype != np.uint8:
        raise DataError(
            f"expected uint8 (records, h, w, c), got {pictures.dtype} {pictures.shape}", where=f"input {name}"
        )
    channels = pictures.shape[3]
    side = max(4, min(16, int(math.sqrt(PIXELS / (channels * inputs)))))
    block = max(1, BLOCK_BYTES // (4 * math.prod(pictures.shape[1:])))
    for start in range(0, max(len(index), 1), block):
        # The pictures are copied block by block: a memory map of 100,000 of them never stands in memory.
        raw = np.asarray(pictures[index[start : start + block]], dtype=np.float32)
        base = shrink(raw, BASE, BASE)
        small = shrink(raw, side, side)
        yield np.concatenate(
            [small.reshape(len(raw), side * side * channels), _shades(base), _edges(base.mean(axis=3))], axis=1
        )


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
