"""Source `table`: one row a record in a csv, tsv or parquet file, and image files below the root."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.columns import add_bands, check_columns, name_rows, own_patients, positions, require
from automed.data.paths import Pattern
from automed.data.records import Items, Records
from automed.errors import DataError
from automed.recipe import Recipe, TableData
from automed.registry import nearest

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
PARQUET = (".parquet", ".pq")
_MISSING = frozenset({"", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>"})


def read(recipe: Recipe) -> Records:
    """Records of a table; an input's `column` holds paths, or is a pattern: `images/{image_id}.jpg`.

    A file named without an extension is found by the known ones.

    Raises:
        RecipeError: a column that is not there, with the nearest that is; a column that leads to no file at all.
        DataError: a table that cannot be read, labels that are no class, rows without a patient; with row numbers.
    """
    data = recipe.data
    assert isinstance(data, TableData)
    path = recipe.path(data.table)
    patterns = {name: Pattern.parse(recipe, name) for name in recipe.inputs}
    as_text = list(
        dict.fromkeys(
            [
                data.target,
                *([data.patient] if data.patient else []),
                *(field for pattern in patterns.values() for field in pattern.fields),
            ]
        )
    )
    frame = _load(path, as_text)
    if frame.empty:
        raise DataError("no rows", where=data.table)

    require(recipe, "data.target", data.target, frame.columns, data.table)
    if data.patient:
        require(recipe, "data.patient", data.patient, frame.columns, data.table)
    for pattern in patterns.values():
        for field in pattern.fields:
            require(recipe, pattern.key, field, frame.columns, data.table)
    frame = add_bands(recipe, frame, data.table)
    check_columns(recipe, frame, data.table)

    rows = np.arange(1, len(frame) + 1, dtype=np.int64)
    known = frozenset(data.classes or ())
    y, classes = positions(recipe, _texts(frame[data.target], keep=known), rows, f"{data.table}, {data.target}")
    items: dict[str, Items] = {
        name: pattern.files(recipe, {field: _texts(frame[field]) for field in pattern.fields}, rows)
        for name, pattern in patterns.items()
    }
    return Records(
        frame=frame,
        y=y,
        classes=classes,
        patient=_patients(frame, data, rows),
        items=items,
        rows=rows,
        patients_named=data.patient is not None,
    )


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
        frame = pd.read_csv(path, sep=separator, index_col=False, low_memory=False, encoding="utf-8-sig")
        wanted = [name for name in as_text if name in frame.columns]
        words = pd.read_csv(
            path, sep=separator, index_col=False, usecols=wanted, dtype=str, na_filter=False, encoding="utf-8-sig"
        )
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


def _texts(column: pd.Series[str], *, keep: frozenset[str] = frozenset()) -> list[str | None]:
    """Cells as stripped text, None where empty; words that mean "missing" stay if they are in `keep`."""
    # A parquet column of whole numbers with gaps is one of fractions: 1.0 is the class 1.
    if pd.api.types.is_float_dtype(column.dtype) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64").astype("string")
    texts: list[str | None] = []
    for cell in column.to_numpy(object):
        text = "" if pd.isna(cell) else str(cell).strip()
        texts.append(None if text in _MISSING and text not in keep else text)
    return texts


def _patients(frame: pd.DataFrame, data: TableData, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    if data.patient is None:
        return own_patients(rows)
    patients = np.array(_texts(frame[data.patient]), object)
    if len(empty := rows[patients == np.array(None)]):
        raise DataError(
            f"{len(empty):,} records have no patient ({name_rows(empty)})",
            where=f"{data.table}, {data.patient}",
            hint="Without one they could stand in two splits: fill in the column, or remove the rows.",
        )
    return patients
