"""The kind `tabular`: columns of a table as they are, numbers and categories."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed import runtime
from automed.data import store
from automed.data.cache import Cached
from automed.data.checks.duplicates import Duplicates, find_equal
from automed.data.checks.findings import Finding
from automed.data.columns import name_rows, require
from automed.data.kinds import features
from automed.data.kinds.features import Floats, Levels
from automed.data.kinds.kind import ABSENT, Fitted, Held, Index, Progress
from automed.data.records import Cells, Items, Records
from automed.data.texts import texts
from automed.errors import DataError
from automed.recipe import Recipe, TabularInput

VERSION = 1
_TELLING, _FINE = 5, 20  # equal rows mean one origin: so many numbers are there, of columns with so many values
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class _Columns:
    """m records, column by column: float64 (m,) with NaN where a number is missing, text or None of a category.

    `infinite`: bool (m,) of each column of numbers, which of them were; `alone`: the recipe has no other input.
    """

    numbers: dict[str, Floats]
    categories: dict[str, Levels]
    infinite: dict[str, npt.NDArray[np.bool_]]
    alone: bool


class Tabular:
    """float32 (m, columns), NaN where a value is missing; of a category the place of its level, 0 for another."""

    noun = "row"

    def fields(self, recipe: Recipe, name: str) -> Iterator[tuple[str, str]]:
        for column in _spec(recipe, name).columns:
            yield f"inputs.{name}.columns", column

    def items(self, recipe: Recipe, name: str, frame: pd.DataFrame, rows: Index) -> Items:
        spec, key = _spec(recipe, name), f"inputs.{name}.columns"
        read: dict[str, npt.NDArray[Any]] = {}
        for column in spec.columns:
            require(recipe, key, column, frame.columns, "the table")
            if column in spec.categories:
                read[column] = np.array(texts(frame[column]), object)
            else:
                read[column] = _numbers(frame[column], rows, f"{key} {column}")
        return Cells(pd.DataFrame(read, index=pd.RangeIndex(len(frame))))

    def read(self, recipe: Recipe, records: Records, name: str, progress: Progress | None = None) -> Held:
        spec, items = _spec(recipe, name), records.items[name]
        if not isinstance(items, Cells):
            raise recipe.fail(f"inputs.{name}.kind", "is tabular, but the source has no columns for it")
        told = _columns(items.frame, spec.columns, spec.categories, spec.missing, alone=len(recipe.inputs) == 1)
        absent = np.ones(len(items), bool)
        for values in told.numbers.values():
            absent &= np.isnan(values)
        for levels in told.categories.values():
            absent &= pd.isna(levels)
        return Held(told, {int(place): ABSENT for place in np.flatnonzero(absent)})

    def duplicates(self, held: Held, position: Index) -> Duplicates | None:
        told = _held(held)
        numbers = [values[position] for values in told.numbers.values()]
        fine = [values for values in numbers if len(np.unique(values[~np.isnan(values)])) > _FINE]
        # A handful of yes and no is alike in many patients, and so is a row that is nearly empty.
        if not told.alone or len(fine) < _TELLING:
            return None
        telling = (~np.isnan(np.stack(fine, axis=1))).sum(axis=1) >= _TELLING
        table = np.stack(numbers, axis=1)
        table = np.where(np.isnan(table), np.nan, table) + 0.0  # one NaN, one zero
        levels = [levels[position] for levels in told.categories.values()]
        return find_equal(
            [
                table[place].tobytes().hex() + repr([column[place] for column in levels]) if telling[place] else None
                for place in range(len(position))
            ]
        )

    def fit(self, recipe: Recipe, held: Held, name: str, position: Index, train: Index, rows: Index) -> Fitted:
        spec, told = _spec(recipe, name), _held(held)
        columns: list[dict[str, Any]] = []
        findings: list[Finding] = []
        present = False
        for column in spec.columns:
            where = features.Where(f"column {column} of {name}", train, rows)
            if column in told.categories:
                levels = told.categories[column][position]
                present |= not pd.isna(levels[train]).all()
                feature, said = features.fit_levels(column, levels, where)
            else:
                values = told.numbers[column][position]
                present |= not np.isnan(values[train]).all()
                feature, said = features.fit_number(column, values, told.infinite[column][position], where)
            columns.append(feature)
            findings += said
        if not present:
            hint = "Take the input out, or split otherwise."
            raise DataError("is missing in every training record", where=f"inputs.{name}", hint=hint)
        return Fitted({"features": columns, "missing": list(spec.missing)}, tuple(findings))

    def store(self, recipe: Recipe, held: Held, name: str, fitted: Fitted) -> Cached:
        values = _encoded(_held(held), fitted.facts)
        key = hashlib.sha256(json.dumps([VERSION, values.shape]).encode())
        key.update(values.data)
        about = f"{len(values):,} rows of {values.shape[1]:,} columns"
        room = runtime.cache_limit_bytes()
        return store.keep(key.hexdigest()[:32], values.shape, "float32", lambda: [(values, {})], about, room)


def encode(facts: Mapping[str, Any], frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    """New rows as a model reads them.

    Args:
        facts: of the input, from data.json or the model's card.
        frame: n rows with the columns that the facts name, as text or as numbers.

    Returns:
        float32 (n, columns).

    Raises:
        DataError: a column that is not there, cells that are no number; with rows counted from 1.
    """
    columns = [str(feature["name"]) for feature in facts["features"]]
    categories = [str(feature["name"]) for feature in facts["features"] if feature["kind"] == "category"]
    if lacking := [column for column in columns if column not in frame.columns]:
        raise DataError(f"without the columns {', '.join(lacking)}", where="the table")
    rows = np.arange(1, len(frame) + 1)
    read = {
        column: np.array(texts(frame[column]), object)
        if column in categories
        else _numbers(frame[column], rows, f"column {column}")
        for column in columns
    }
    return _encoded(_columns(pd.DataFrame(read), columns, categories, facts["missing"], alone=False), facts)


def _numbers(column: pd.Series[Any], rows: Index, where: str) -> Floats:
    """float64 (n,), NaN where a cell is empty."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    cells = np.array(texts(column), object)
    values = np.asarray(pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce"), np.float64)
    strange = np.isnan(values) & ~pd.isna(cells)
    if strange.any():
        raise DataError(
            f"{int(strange.sum()):,} cells are no number ({name_rows(rows[strange])})",
            where=where,
            hint="Correct them (1.5, not 1,5 or < 1.5), or name the column under categories.",
        )
    return values


def _columns(
    frame: pd.DataFrame, columns: Sequence[str], categories: Collection[str], missing: Sequence[float], *, alone: bool
) -> _Columns:
    numbers: dict[str, Floats] = {}
    levels: dict[str, Levels] = {}
    infinite: dict[str, npt.NDArray[np.bool_]] = {}
    for column in columns:
        if column in categories:
            cells = np.array(texts(frame[column]), object)
            coded = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").isin(missing).to_numpy(bool)
            cells[coded] = None
            levels[column] = cells
        else:
            values = frame[column].to_numpy(np.float64)
            values = np.where(np.isin(values, missing), np.nan, values)
            infinite[column] = np.abs(values) > _LARGEST  # in float32 it is
            numbers[column] = np.where(infinite[column], np.nan, values)
    return _Columns(numbers, levels, infinite, alone)


def _encoded(told: _Columns, facts: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """float32 (m, columns)."""
    parts = [
        features.place_levels(told.categories[feature["name"]], feature["levels"])
        if feature["kind"] == "category"
        else told.numbers[feature["name"]]
        for feature in facts["features"]
    ]
    return np.ascontiguousarray(np.stack(parts, axis=1), np.float32)


def _spec(recipe: Recipe, name: str) -> TabularInput:
    spec = recipe.inputs[name]
    assert isinstance(spec, TabularInput)
    return spec


def _held(held: Held) -> _Columns:
    return cast(_Columns, held.content)


KIND = Tabular()
