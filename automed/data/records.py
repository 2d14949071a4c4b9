"""What every source of data returns, and what every later stage reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.recipe import Events

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Files:
    """One file a record, not yet decoded."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, eq=False)
class Arrays:
    """What is an array already, one row a record: pictures (n, h, w) or (n, h, w, c), signals (n, t) or (n, t, c)."""

    values: npt.NDArray[np.generic]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Texts:
    """One text a record, as written; None where the cell is empty."""

    values: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Cells:
    """Columns of a table, one row a record (RangeIndex): numbers, or text where the column holds categories."""

    frame: pd.DataFrame

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, eq=False)
class Observations:
    """Irregular observations of n records in a long table that may be larger than memory.

    Attributes:
        path: csv, csv.gz, tsv or parquet.
        spec: names of its columns, width and number of bins.
        keys: object (n,), text of the column `spec.record` of each record.
        until: float64 (n,) where a record sees only what was observed at or before this time; None: everything.
        start: float64 (n,), the time that bin 0 of a record begins at; None: 0.
    """

    path: Path
    spec: Events
    keys: npt.NDArray[np.object_]
    until: npt.NDArray[np.float64] | None = None
    start: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.keys)


Items = Files | Arrays | Texts | Cells | Observations


def pick(items: Items, index: npt.NDArray[np.int64]) -> Items:
    """The same for the records at `index` only, in that order."""
    if isinstance(items, Files):
        return Files(tuple(items.paths[i] for i in index))
    if isinstance(items, Cells):
        return Cells(items.frame.iloc[index].reset_index(drop=True))
    if isinstance(items, Observations):
        until = None if items.until is None else items.until[index]
        start = None if items.start is None else items.start[index]
        return Observations(items.path, items.spec, items.keys[index], until, start)
    return type(items)(items.values[index])  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Regions:
    """Where in one input what lies, as far as a source knows it without files.

    Attributes:
        values: uint8 (n, h, w), (n, steps, variables), (n, letters) or (n, words): 0 outside, k in `names[k - 1]`.
        names: the first is where the sign is; others are what a model might look at instead.
    """

    values: npt.NDArray[np.uint8]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Records:
    """The records of one recipe, before decoding and splitting.

    Attributes:
        frame: one row a record (RangeIndex), the source's columns without pixel data.
        y: int64 (n,), position in `classes`; for several labels a record int64 (n, len(classes)) of 0 and 1.
        classes: class keys as text; the order is the order of the model's outputs.
        patient: object (n,), text: what must not be in two splits.
        items: by input name, what is to be decoded.
        rows: int64 (n,), 1-based row of the source without its header: what messages name.
        split: object (n,) of train, validation, test where the source has an official split.
        regions: by input name where the sign is, if the source knows: as arrays, or as one mask file a record.
        phantom: True where no patient stands behind the records.
        patients_named: False where the source says nothing about patients, so that each record counts as one.
        task: multiclass, multilabel, ordinal.
    """

    frame: pd.DataFrame
    y: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    patient: npt.NDArray[np.object_]
    items: Mapping[str, Items]
    rows: npt.NDArray[np.int64]
    split: npt.NDArray[np.object_] | None = None
    regions: Mapping[str, Regions | Files] = field(default_factory=dict)
    phantom: bool = False
    patients_named: bool = True
    task: str = "multiclass"

    def __len__(self) -> int:
        return len(self.y)

    @property
    def strata(self) -> npt.NDArray[np.int64]:
        """int64 (n,), the group that a split should deal out in proportion: the class, or of several the rarest label.

        Records without any label are a group of their own, `len(classes)`.
        """
        if self.y.ndim == 1:
            return self.y
        often = np.where(self.y == 1, self.y.sum(axis=0), len(self.y) + 1)
        return np.where(self.y.any(axis=1), often.argmin(axis=1), len(self.classes)).astype(np.int64)

    @property
    def bears(self) -> npt.NDArray[np.bool_]:
        """bool (n, len(classes)), which class or labels each record has."""
        if self.y.ndim == 2:
            return np.asarray(self.y == 1)
        return np.asarray(self.y[:, None] == np.arange(len(self.classes)))

    def take(self, index: npt.NDArray[np.int64]) -> Records:
        """The same records at `index` only, in that order."""
        return Records(
            frame=self.frame.iloc[index].reset_index(drop=True),
            y=self.y[index],
            classes=self.classes,
            patient=self.patient[index],
            items={name: pick(item, index) for name, item in self.items.items()},
            rows=self.rows[index],
            split=None if self.split is None else self.split[index],
            regions={name: _pick_regions(one, index) for name, one in self.regions.items()},
            phantom=self.phantom,
            patients_named=self.patients_named,
            task=self.task,
        )


def _pick_regions(regions: Regions | Files, index: npt.NDArray[np.int64]) -> Regions | Files:
    if isinstance(regions, Files):
        return Files(tuple(regions.paths[i] for i in index))
    return Regions(regions.values[index], regions.names)
