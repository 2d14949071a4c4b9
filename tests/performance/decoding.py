"""How fast pictures are decoded for the first time, and how fast they are there again, beside a plain loop over Pillow.

    .venv/bin/python tests/performance/decoding.py [first | again] [--quick]

The files are as large as those of HAM10000 (600 x 450, about 250 kB) and are read at 64 x 64. The plain loop keeps what
it decoded in an array; ours also takes the digest of every file, judges it, and writes a memory map.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measuring
import numpy as np
import pandas as pd
from measuring import Asked, Measurement
from PIL import Image

from automed.data import cache
from automed.data.records import Files, Records
from automed.recipe.inputs import ImageInput

SPEC = ImageInput(kind="image", size=(64, 64), channels=3)
PLAIN = "a loop over Pillow: open, convert, resize, np.stack"


def photographs(folder: Path, count: int, size: tuple[int, int] = (600, 450), quality: int = 95) -> list[Path]:
    """JPEG files of a dark blot on skin with some grain, no two alike; size is (width, height)."""
    random = np.random.default_rng(0)
    width, height = size
    down, across = np.mgrid[:height, :width]
    paths = []
    for number in range(count):
        if number % 50 == 0:
            far = np.hypot((down - height / 2) / (0.3 * height), (across - width / 2) / (0.2 * width))
            blot = 1.0 / (1.0 + np.exp(8.0 * (far - random.uniform(0.6, 1.2))))
            base = np.array([205.0, 160.0, 140.0]) - blot[..., None] * random.uniform(60, 110, 3)
            base = base + random.normal(0.0, 7.0, base.shape)
        picture = np.clip(base + random.uniform(-8.0, 8.0), 0, 255).astype(np.uint8)
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(np.roll(picture, number % 50, axis=1)).save(path, quality=quality)
        paths.append(path)
    return paths


def records_of(paths: Sequence[Path]) -> Records:
    """The files as a source of data hands them on."""
    n = len(paths)
    numbers = np.arange(n)
    patients = np.array([str(k) for k in numbers], object)
    items = {"picture": Files(tuple(paths))}
    return Records(pd.DataFrame(index=pd.RangeIndex(n)), numbers % 2, ("0", "1"), patients, items, numbers + 1)


def plain(paths: Sequence[Path], size: tuple[int, int] = SPEC.size) -> Any:
    """uint8 (n, height, width, 3), as anyone would read it."""
    height, width = size
    return np.stack([np.asarray(Image.open(path).convert("RGB").resize((width, height))) for path in paths])


def first(asked: Asked) -> list[Measurement]:
    """Decoding files that were never seen: the digest of each, its pixels, the memory map on the disk."""
    count = asked.size(800, 50)
    paths = photographs(asked.folder, count)
    given, caches = records_of(paths), iter(range(100))

    def ours() -> float:
        os.environ["AUTOMED_CACHE"] = str(asked.folder / f"cache{next(caches)}")
        return count / measuring.clocked(lambda: cache.load(given, "picture", SPEC))

    def reference() -> float:
        return count / measuring.clocked(lambda: plain(paths))

    found = measuring.alternating(ours, reference, asked.size(3, 1))
    return [measuring.row("decode: first time", *found, "pictures/s", PLAIN, better="higher", pictures=count)]


def again(asked: Asked) -> list[Measurement]:
    """Files that were decoded once: opened from the cache, and every pixel read, as the next search does."""
    count = asked.size(800, 50)
    paths = photographs(asked.folder, count)
    given = records_of(paths)
    os.environ["AUTOMED_CACHE"] = str(asked.folder / "cache")
    cache.load(given, "picture", SPEC)

    def ours() -> float:
        return measuring.clocked(lambda: np.array(cache.load(given, "picture", SPEC).values))

    ours()  # the index of digests leaves out files that are younger than two seconds
    found = measuring.alternating(ours, lambda: measuring.clocked(lambda: plain(paths)), asked.size(3, 1))
    return [measuring.row("decode: second time, from the cache", *found, "s", PLAIN, pictures=count)]


FIGURES = {"first": first, "again": again}

if __name__ == "__main__":
    measuring.main(FIGURES)
