"""Tabular inputs of example cases: the names of the columns and their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automed.report import words
from automed.report.artefact import Part
from automed.report.inputs.shown import Absent, Shown, first
from automed.report.inputs.signal import number

ROWS = 20
UNKNOWN = 0


@dataclass(frozen=True)
class Values(Shown):
    """Names and values, as text; `note` says how many are not there."""

    rows: tuple[tuple[str, str], ...]
    note: str
    macro: ClassVar[str] = "values"


@dataclass(frozen=True)
class Feature:
    """One column: `levels` are those of a category, None for a number; level 0 was not in the training records."""

    name: str
    levels: tuple[str, ...] | None

    def text(self, value: float) -> str:
        """The value for people."""
        if np.isnan(value):
            return "missing"
        if self.levels is None:
            return number(value)
        level = round(value)
        return self.levels[level] if UNKNOWN < level < len(self.levels) else "another level"


@dataclass(frozen=True)
class Tabular:
    """Records are float32 (features,), NaN where a value is missing; of a category the index of its level."""

    name: str
    features: tuple[Feature, ...]

    @classmethod
    def read(cls, name: str, part: Part) -> Tabular:
        features = [
            Feature(row.need_text("name"), row.texts("levels") if row.text("kind") == "category" else None)
            for row in part.rows("features")
        ]
        return cls(name, tuple(features))

    @property
    def words(self) -> str:
        categories = sum(feature.levels is not None for feature in self.features)
        text = words.plural(len(self.features) - categories, "number")
        return f"{text} and {words.plural(categories, 'category', 'categories')}" if categories else text

    def problem(self, values: NDArray[Any]) -> str | None:
        if values.dtype.kind != "f" or values.ndim != 2 or values.shape[1] != len(self.features):
            return f"an array of shape {values.shape} and type {values.dtype} for {len(self.features)} features"
        return None

    def show(self, values: NDArray[Any]) -> Shown:
        if np.isnan(values).all():
            return Absent(self.name, "no value")
        rows = [
            (feature.name, feature.text(float(value))) for feature, value in zip(self.features, values, strict=True)
        ]
        note = first(min(ROWS, len(rows)), len(rows), "value")
        return Values(self.name, tuple(rows[:ROWS]), words.sentence(note))
