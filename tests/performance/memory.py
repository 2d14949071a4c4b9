"""How much memory a search and the decoding of pictures take at most, beside doing the same plainly.

    .venv/bin/python tests/performance/memory.py [search | decoding] [--quick]

Of a search all its processes are added up, as the system counts what is resident: what they share counts twice. It is
held against one process that trains the same network by `model.fit` on the same records and does nothing else.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import decoding as pictures
import measuring
import searching
from measuring import Asked, Measurement

FIT = "one process with model.fit on the same network and records"
ARRAY = "a loop over Pillow that keeps them in an array"
SIDE = 128  # pixels


def search(asked: Asked) -> list[Measurement]:
    """A search of two trials, beside one model.fit; more trials of one size need no more."""
    recipe = searching.make(asked.folder, records=asked.size(1000, 300), trials=2, epochs=2)
    own = searching.searched(recipe, asked.folder / "run")
    bare = measuring.ran([sys.executable, __file__, "fit", str(own.run.folder)], asked.folder / "fit.log")
    return [measuring.row("peak memory: a search", [own.memory_mb], [bare.memory_mb], "MB", FIT)]


def fit(folder: Path) -> None:
    """The network of that run's finalist, trained by itself; only Keras and NumPy are loaded."""
    import keras
    import numpy as np

    with np.load(folder.parent / "bench.npz") as stored:
        x, y = stored["images"][..., None], stored["labels"]
    model = keras.saving.load_model(next(folder.glob("models/*/model.keras")))
    model.compile("adamw", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, epochs=2, validation_split=0.2, verbose=0)


def decoding(asked: Asked) -> list[Measurement]:
    """Decoding files for the first time; what importing the libraries takes is left out on both sides."""
    count = asked.size(5000, 200)
    pictures.photographs(asked.folder, count, size=(160, 120), quality=80)
    peaks = []
    for way in ("ours", "plain"):
        log = asked.folder / f"{way}.log"
        measuring.ran([sys.executable, __file__, way, str(asked.folder)], log)
        peaks.append([float(measuring.last_line(log))])
    return [measuring.row(f"peak memory: decoding {count:,} pictures", *peaks, "MB", ARRAY, side=SIDE)]


def decode(way: str, folder: Path) -> None:
    """Decode every file of a folder and print by how much the peak rose, MB."""
    spec = pictures.ImageInput(kind="image", size=(SIDE, SIDE))
    paths = sorted(folder.glob("*.jpg"))
    # Codecs and pools are there before the peak is read.
    pictures.plain(paths[:2])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if way == "ours":
        pictures.cache.load(pictures.records_of(paths), "picture", spec)
    else:
        pictures.plain(paths, spec.size)
    unit = 1e6 if sys.platform == "darwin" else 1e3
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit)


FIGURES = {"search": search, "decoding": decoding}

if __name__ == "__main__":
    if sys.argv[1:2] == ["fit"]:
        fit(Path(sys.argv[2]))
    elif sys.argv[1:2] in (["ours"], ["plain"]):
        decode(sys.argv[1], Path(sys.argv[2]))
    else:
        measuring.main(FIGURES)
