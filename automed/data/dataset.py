"""The prepared records: memory-mapped inputs with labels, splits and what was fitted on the training records.

This is what every stage after preparation reads, in the parent and in the workers. Nothing is decoded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data import cache
from automed.data.records import SPLITS
from automed.errors import RunError
from automed.run import Run, read_json

BLOCK = 2048  # records read at once; bounds memory whatever the size of the set


@dataclass(frozen=True, eq=False)
class Dataset:
    """Records of one run.

    Attributes:
        arrays: by input name, the memory map (m, ...) of the cache, laid out as its kind says.
        position: int64 (n,), the row of a record in the maps.
        y: int64 (n,), the class; for several labels a record int64 (n, classes) of 0 and 1.
        record: int64 (n,), row number in the source.
        patient: int64 (n,), the same number for the same patient.
        split: object (n,).
        classes: keys in the order of the outputs.
        facts: the whole of data.json.
        frame: splits.parquet with the sensitive columns.
        marked: by input name, the memory map uint8 (m, *map_shape) of its regions, where they are known.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    position: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    record: npt.NDArray[np.int64]
    patient: npt.NDArray[np.int64]
    split: npt.NDArray[np.object_]
    classes: tuple[str, ...]
    facts: dict[str, Any]
    frame: pd.DataFrame
    marked: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)

    @classmethod
    def open(cls, run: Run) -> Dataset:
        """The data of a prepared run; raises RunError where the cache entry is gone."""
        facts = read_json(run.data)
        arrays, marked = {}, {}
        for name, entry in facts["inputs"].items():
            arrays[name] = cache.attach(cache.file_of(entry["cache"]))
            if "regions" in entry:
                marked[name] = cache.attach(cache.file_of(entry["regions"]["cache"]))
        try:
            frame = pd.read_parquet(run.splits)
        except (OSError, ValueError) as problem:
            raise RunError("cannot be read", where=str(run.splits)) from problem
        classes = tuple(entry["key"] for entry in facts["classes"])
        several = [f"y_{k}" for k in range(len(classes))]
        return cls(
            arrays=arrays,
            position=frame["position"].to_numpy(np.int64),
            y=frame["label" if "label" in frame else several].to_numpy(np.int64),
            record=frame["record"].to_numpy(np.int64),
            patient=pd.factorize(frame["patient"])[0].astype(np.int64),
            split=frame["split"].to_numpy(object),
            classes=classes,
            facts=facts,
            frame=frame,
            marked=marked,
        )

    def part(self, split: str) -> npt.NDArray[np.int64]:
        """Indices of the records of one split."""
        if split not in SPLITS:
            raise ValueError(f"no split is called {split!r}")
        return np.flatnonzero(self.split == split)

    @property
    def task(self) -> str:
        """multiclass, multilabel or ordinal."""
        return str(self.facts.get("task", "multiclass"))

    @property
    def urgent(self) -> tuple[int, ...]:
        """Indices of the classes that must not be missed."""
        return tuple(place for place, entry in enumerate(self.facts["classes"]) if entry["urgent"])

    @property
    def positive(self) -> int | None:
        """Of two classes the one that is looked for: the urgent one; None where that is not said."""
        return self.urgent[0] if len(self.classes) == 2 and len(self.urgent) == 1 else None

    def attributes(self, index: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.object_]]:
        """By sensitive column object (len(index),): text, or None where the attribute is missing."""
        named = [name for name in self.facts.get("sensitive", ()) if name in self.frame]
        columns = {name: self.frame[name].iloc[index].astype(object) for name in named}
        return {name: values.where(values.notna(), None).to_numpy(object) for name, values in columns.items()}

    def targets(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """What a loss compares with: float32 (len(index), classes), one-hot or several ones."""
        y = self.y[index]
        return y.astype(np.float32) if y.ndim == 2 else np.eye(len(self.classes), dtype=np.float32)[y]

    def take(self, name: str, index: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Rows (len(index), ...) of one input, read in the order of the file."""
        return self._rows(self.arrays[name], index)

    def regions(self, name: str, index: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8] | None:
        """What lies where in one input, as far as it is known; None where no regions of the input were given.

        Returns:
            uint8 (len(index), *map_shape): (h, w) of an image, (steps, variables) of a signal, (tokens,) of a text or
            sequence. 0 outside, k in `region_names(name)[k - 1]`, 255 everywhere in a record without a usable mask.
        """
        values = self.marked.get(name)
        return None if values is None else self._rows(values, index)

    def region_names(self, name: str) -> tuple[str, ...]:
        """What the numbers 1, 2, ... of the regions stand for; the first is where the sign is. () without regions."""
        entry = self.facts["inputs"][name].get("regions")
        return tuple(entry["names"]) if entry else ()

    def _rows(self, values: npt.NDArray[Any], index: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        positions = self.position[index]
        order = np.argsort(positions, kind="stable")
        picked = np.empty((len(index), *values.shape[1:]), values.dtype)
        picked[order] = values[positions[order]]
        return picked

    @property
    def nbytes(self) -> int:
        """Size of all inputs, bytes."""
        return sum(int(np.prod(v.shape[1:])) * v.itemsize * len(self.y) for v in self.arrays.values())


def label_columns(y: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    """Labels as columns of a table: `label`, or y_0, y_1, ... where a record may have several."""
    return {"label": y} if y.ndim == 1 else {f"y_{k}": y[:, k] for k in range(y.shape[1])}


def channel_statistics(
    images: npt.NDArray[np.uint8], positions: npt.NDArray[np.int64]
) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over the given pictures, 0..255, read block by block."""
    total = squares = np.zeros(images.shape[-1])
    count = 0
    positions = np.sort(positions)
    for start in range(0, len(positions), BLOCK):
        block = images[positions[start : start + BLOCK]].reshape(-1, images.shape[-1])
        # A histogram is exact for bytes and needs no float copy of the block.
        histograms = np.stack([np.bincount(channel, minlength=256) for channel in block.T])
        levels = np.arange(256.0)
        total = total + histograms @ levels
        squares = squares + histograms @ levels**2
        count += len(block)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return [round(float(v), 4) for v in mean], [round(float(v), 4) for v in deviation]
