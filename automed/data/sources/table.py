"""Source `table`: one row a record in a csv, tsv or parquet file, and files of inputs below the root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.columns import add_bands, check_columns, name_rows, own_patients, positions, require, several
from automed.data.kinds import KINDS
from automed.data.kinds.kind import Kind
from automed.data.paths import Pattern
from automed.data.records import Files, Items, Records
from automed.data.regions import EXTENSIONS
from automed.data.texts import texts
from automed.errors import DataError
from automed.recipe import ImageInput, Recipe, SignalInput, TableData, TabularInput
from automed.registry import nearest

SEPARATORS = {".csv": ",", ".data": ",", ".tsv": "\t", ".tab": "\t"}
PARQUET = (".parquet", ".pq")


def read(recipe: Recipe) -> Records:
    """Records of a table; each kind of input says which columns it reads and how.

    Raises:
        RecipeError: a column that is not there, with the nearest that is; a column that leads to no file at all.
        DataError: a table that cannot be read, labels that are no class, rows without a patient; with row numbers.
    """
    data = recipe.data
    assert isinstance(data, TableData)
    path = recipe.path(data.table)
    kinds: dict[str, Kind] = {name: KINDS.load(spec.kind) for name, spec in recipe.inputs.items()}
    masks = dict(_mask_patterns(recipe))
    fields = [field for name, kind in kinds.items() for field in kind.fields(recipe, name)]
    # No model reads a mask, so its columns are none that an input reads.
    fields += [(pattern.key, column) for pattern in masks.values() for column in pattern.fields]
    # Numbers of a table stay numbers; everything else must keep leading zeros and words such as None.
    numbers = {c for spec in recipe.inputs.values() if isinstance(spec, TabularInput) for c in spec.columns}
    numbers |= {c for spec in recipe.inputs.values() if isinstance(spec, SignalInput) for c in spec.columns or ()}
    named = [data.target, *([data.patient] if data.patient else []), *(column for _, column in fields)]
    frame = _load(path, [column for column in dict.fromkeys(named) if column not in numbers])
    if frame.empty:
        raise DataError("no rows", where=data.table)
    require(recipe, "data.target", data.target, frame.columns, data.table)
    if data.patient:
        require(recipe, "data.patient", data.patient, frame.columns, data.table)
    for key, column in fields:
        require(recipe, key, column, frame.columns, data.table)
    frame = add_bands(recipe, frame, data.table)
    check_columns(recipe, frame, data.table)

    rows = np.arange(1, len(frame) + 1, dtype=np.int64)
    known = frozenset(data.classes or ())
    what, labels = f"{data.table}, {data.target}", texts(frame[data.target], keep=known)
    if data.task == "multilabel":
        y, classes, kept = several(recipe, labels, rows, what)
    else:
        kept = np.arange(len(rows), dtype=np.int64)
        y, classes = positions(recipe, labels, rows, what)
    items: dict[str, Items] = {name: kind.items(recipe, name, frame, rows) for name, kind in kinds.items()}
    records = Records(
        frame=frame,
        y=y,
        classes=classes,
        patient=_patients(frame, data, rows),
        items=items,
        rows=rows,
        regions={name: _mask_files(recipe, pattern, frame, rows) for name, pattern in masks.items()},
        patients_named=data.patient is not None,
        task=data.task,
    )
    return records if len(kept) == len(rows) else records.take(kept)


def _mask_patterns(recipe: Recipe) -> Iterator[tuple[str, Pattern]]:
    """Inputs whose masks are named, and where those lie."""
    for name, spec in recipe.inputs.items():
        if isinstance(spec, ImageInput) and spec.mask:
            yield name, Pattern.parse(recipe, name, EXTENSIONS, "mask")


def _mask_files(recipe: Recipe, pattern: Pattern, frame: pd.DataFrame, rows: npt.NDArray[np.int64]) -> Files:
    """One mask a row, which may be missing."""
    return pattern.files(recipe, {field: texts(frame[field]) for field in pattern.fields}, rows, sparse=True)


def _load(path: Path, as_text: list[str]) -> pd.DataFrame:
    """The table; the columns in `as_text` keep leading zeros and words such as None."""
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in (*SEPARATORS, *PARQUET):
        raise DataError("not a csv, tsv or parquet file", where=path.name)
    try:
        if suffix in PARQUET:
            return pd.read_parquet(path).reset_index(drop=True)
        separator = SEPARATORS[suffix]
        # Without index_col=False a trailing comma in each row would make the first column an index.
        names = [str(name).strip() for name in pd.read_csv(path, sep=separator, nrows=0, encoding="utf-8-sig").columns]
        plain: dict[str, Any] = {
            "sep": separator,
            "index_col": False,
            "encoding": "utf-8-sig",
            "names": names,
            "header": 0,
        }
        frame: pd.DataFrame = pd.read_csv(path, low_memory=False, skipinitialspace=True, **plain)
        wanted = [name for name in as_text if name in frame.columns]
        words = pd.read_csv(path, usecols=wanted, dtype=str, na_filter=False, **plain)
    except FileNotFoundError as problem:
        guess = nearest(path.name, [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else [])
        hint = f"Did you mean {guess!r}?" if guess else f"Looked in {path.parent}."
        raise DataError("the table is not there", where=path.name, hint=hint) from problem
    except UnicodeDecodeError as problem:
        raise DataError("not UTF-8 text", where=path.name, hint="Save the table as UTF-8.") from problem
    except (OSError, ValueError) as problem:
        said = f": {problem}" if isinstance(problem, pd.errors.ParserError | pd.errors.EmptyDataError) else ""
        raise DataError(f"the table cannot be read{said}", where=path.name) from problem
    return frame.assign(**{name: words[name] for name in wanted})


def _patients(frame: pd.DataFrame, data: TableData, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    if data.patient is None:
        return own_patients(rows)
    patients = np.array(texts(frame[data.patient]), object)
    if len(empty := rows[patients == np.array(None)]):
        raise DataError(
            f"{len(empty):,} records have no patient ({name_rows(empty)})",
            where=f"{data.table}, {data.patient}",
            hint="Without one they could stand in two splits: fill in the column, or remove the rows.",
        )
    return patients
