"""What every source of data returns, and what every later stage reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Files:
    """One file a record, not yet decoded."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, eq=False)
class Arrays:
    """Pictures that are arrays already: (n, h, w) or (n, h, w, c), uint8 or uint16."""

    values: npt.NDArray[np.generic]

    def __len__(self) -> int:
        return len(self.values)


Items = Files | Arrays


@dataclass(frozen=True, eq=False)
class Records:
    """The records of one recipe, before decoding and splitting.

    Attributes:
        frame: one row a record (RangeIndex), the source's columns without pixel data.
        y: int64 (n,), position in `classes`.
        classes: class keys as text; the order is the order of the model's outputs.
        patient: object (n,), text: what must not be in two splits.
        items: by input name, what is to be decoded.
        rows: int64 (n,), 1-based row of the source without its header: what messages name.
        split: object (n,) of train, validation, test where the source has an official split.
        masks: uint8 (n, h, w) in {0, 1}: where the sign is, if the source knows.
        phantom: True where no patient stands behind the records.
        patients_named: False where the source says nothing about patients, so that each record counts as one.
    """

    frame: pd.DataFrame
    y: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    patient: npt.NDArray[np.object_]
    items: Mapping[str, Items]
    rows: npt.NDArray[np.int64]
    split: npt.NDArray[np.object_] | None = None
    masks: npt.NDArray[np.uint8] | None = None
    phantom: bool = False
    patients_named: bool = True

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: npt.NDArray[np.int64]) -> Records:
        """The same records at `index` only, in that order."""
        items: dict[str, Items] = {}
        for name, item in self.items.items():
            if isinstance(item, Files):
                items[name] = Files(tuple(item.paths[i] for i in index))
            else:
                items[name] = Arrays(item.values[index])
        return Records(
            frame=self.frame.iloc[index].reset_index(drop=True),
            y=self.y[index],
            classes=self.classes,
            patient=self.patient[index],
            items=items,
            rows=self.rows[index],
            split=None if self.split is None else self.split[index],
            masks=None if self.masks is None else self.masks[index],
            phantom=self.phantom,
            patients_named=self.patients_named,
        )
