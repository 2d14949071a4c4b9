"""Small sets of every kind of input in which the classes are easy to tell apart, and where that is is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.search.baselines.material import Material

Array = NDArray[Any]
Made = tuple[Array, dict[str, Any]]
CLASSES = 3


def stripes(y: Array, rng: np.random.Generator, channels: int = 1, size: int = 20) -> Made:
    """Pictures whose stripes run across (class 0), down (1) or are absent (2), under noise."""
    wave = 60 * np.sin(np.arange(size))
    pattern = np.stack([np.tile(wave[:, None], size), np.tile(wave, (size, 1)), np.zeros((size, size))])[y % 3]
    pictures = 128 + pattern[..., None] + 20 * rng.normal(size=(len(y), size, size, channels))
    return np.clip(pictures, 0, 255).astype(np.uint8), {"kind": "image"}


def waves(y: Array, rng: np.random.Generator, steps: int = 60) -> Made:
    """Two channels; the second holds a wave of 2, 6 or 15 periods at any phase, the first noise. A tenth is missing."""
    phase = rng.uniform(0, 2 * np.pi, len(y))[:, None]
    turns = np.array([2, 6, 15])[y % 3][:, None] * np.linspace(0, 2 * np.pi, steps)
    signals = np.stack([rng.normal(size=(len(y), steps)), np.sin(turns + phase)], axis=2)
    signals += 0.3 * rng.normal(size=signals.shape)
    signals[rng.random(signals.shape) < 0.1] = np.nan
    facts = {"kind": "signal", "channels": ["I", "II"], "roles": ["value", "value"], "irregular": False}
    return signals.astype(np.float32), facts


def notes(y: Array, rng: np.random.Generator, length: int = 30) -> Made:
    """Words 2 to 59 at random, of each class two words of its own among them, and padding at the end."""
    tokens = rng.integers(2, 60, (len(y), length))
    for record, k in enumerate(y):
        tokens[record, rng.choice(length // 2, 2, replace=False)] = (60 + 2 * k, 61 + 2 * k)
        tokens[record, rng.integers(length // 2, length) :] = 0
    return tokens.astype(np.int32), {"kind": "text", "vocabulary": 80}


def strands(y: Array, rng: np.random.Generator, length: int = 50) -> Made:
    """DNA of any length over 25 with a run of four letters, its own for each class, at any place."""
    motif = np.array([[1, 1, 1, 1], [2, 3, 2, 3], [4, 4, 1, 1]], np.uint8)[y % 3]
    letters = rng.integers(1, 5, (len(y), length)).astype(np.uint8)
    for record in range(len(y)):
        for start in rng.choice(6, 2, replace=False) * 4:
            letters[record, start : start + 4] = motif[record]
        letters[record, rng.integers(26, length) :] = 0
    return letters, {"kind": "sequence", "alphabet": "ACGT", "kind_of": "dna"}


def cells(y: Array, rng: np.random.Generator) -> Made:
    """A category that is the class of most records, a number that leans towards it, and one that says nothing."""
    category = np.where(rng.random(len(y)) < 0.9, y, rng.integers(0, CLASSES, len(y)))
    table = np.stack([category, y + rng.normal(size=len(y)), rng.normal(size=len(y))], axis=1)
    table[rng.random(table.shape) < 0.05] = np.nan
    features = [{"name": "ward", "kind": "category", "levels": list("abc")}]
    features += [{"name": name, "kind": "number"} for name in ("dose", "noise")]
    return table.astype(np.float32), {"kind": "tabular", "features": features}


PLANTED: dict[str, Callable[..., Made]] = {
    "image": stripes,
    "signal": waves,
    "text": notes,
    "sequence": strands,
    "tabular": cells,
}


def labelled(n: int, n_classes: int = CLASSES) -> NDArray[np.int64]:
    """Classes in turn."""
    return (np.arange(n) % n_classes).astype(np.int64)


def planted(*kinds: str, n: int = 90, train: int = 60, n_classes: int = CLASSES) -> tuple[Material, NDArray[np.int64]]:
    """Training records of inputs of these kinds, each named after its kind, and the classes of all n records.

    The first `train` of them train.
    """
    y = labelled(n, n_classes)
    made = {kind: PLANTED[kind](y, np.random.default_rng(0)) for kind in kinds}
    arrays = {kind: array for kind, (array, _) in made.items()}
    facts = {kind: entry for kind, (_, entry) in made.items()}
    return Material(arrays, facts, np.arange(train), y[:train], n_classes), y


def missing(kind: str, array: Array) -> Array:
    """What stands for an absent input of this kind, in the shape of `array`."""
    return np.full_like(array, np.nan if array.dtype.kind == "f" else 0)
