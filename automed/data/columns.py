"""What every source does with columns: classes to positions, numbers to bands, errors that name rows, never values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.errors import DataError
from automed.recipe import ColumnSplit, Recipe, ScaffoldSplit, SiteSplit, TableData, TimeSplit
from automed.registry import nearest

UNKNOWN = "unknown"  # the band of a number that is missing


def name_rows(rows: Iterable[int], *, limit: int = 8) -> str:
    """`row 3`, or `rows 3, 17, 40 and 12 more`."""
    listed = [int(row) for row in rows]
    shown = ", ".join(str(row) for row in listed[:limit])
    more = f" and {len(listed) - limit:,} more" if len(listed) > limit else ""
    return f"row{'s' if len(listed) != 1 else ''} {shown}{more}"


def require(recipe: Recipe, key: str, column: str, known: Iterable[str], where: str) -> None:
    """Raise the RecipeError for a column that is not there, with the nearest one that is."""
    names = [str(name) for name in known]
    if column in names:
        return
    guess = nearest(column, names)
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    hint = f"Did you mean {guess!r}? Columns: {listed}." if guess else f"Columns: {listed or 'none'}."
    raise recipe.fail(key, f"names the column {column!r}, which {where} does not have", hint=hint)


def positions(
    recipe: Recipe, labels: Sequence[str | None], rows: npt.NDArray[np.int64], what: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Class positions of labels given as text (None where empty), and the class keys in order.

    Without `data.classes` the keys are the labels that occur, sorted, numbers by size.

    Raises:
        DataError: empty labels, labels that are not in `data.classes`, or fewer than two classes; with row numbers.
    """
    if recipe.data.classes is None:
        present = {label for label in labels if label is not None}
        whole = all(label.lstrip("-").isdigit() for label in present)
        classes = tuple(sorted(present, key=int) if whole else sorted(present))
    else:
        classes = tuple(recipe.data.classes)
    place = {name: number for number, name in enumerate(classes)}
    y = np.fromiter((-2 if label is None else place.get(label, -1) for label in labels), np.int64, len(labels))
    troubles = []
    if len(empty := rows[y == -2]):
        troubles.append(f"{len(empty):,} labels are empty ({name_rows(empty)})")
    if len(strange := rows[y == -1]):
        troubles.append(f"{len(strange):,} labels are not in data.classes ({name_rows(strange)})")
    if troubles:
        hint = "Correct or remove these rows, or add the class to data.classes."
        raise DataError("; ".join(troubles), where=what, hint=hint)
    if len(classes) < 2:
        raise DataError(f"{len(classes)} classes, at least two are needed", where=what)
    return y, classes


def several(
    recipe: Recipe, labels: Sequence[str | None], rows: npt.NDArray[np.int64], what: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...], npt.NDArray[np.int64]]:
    """Labels of records that may have several, as int64 (n, classes) of 0 and 1, their keys, and which rows to keep.

    Raises:
        DataError: labels that are not in `data.classes`, empty cells that `data.unlabelled` refuses, with row numbers.
    """
    data = recipe.data
    assert isinstance(data, TableData)
    lists = [
        [part.strip() for part in label.split(data.separator) if part.strip()] if label else [] for label in labels
    ]
    known = tuple(data.classes) if data.classes else tuple(sorted({part for parts in lists for part in parts}))
    place = {name: number for number, name in enumerate(known)}
    strange = rows[[any(part not in place for part in parts) for parts in lists]]
    if len(strange):
        hint = "Correct these rows, or add the label to data.classes."
        raise DataError(
            f"{len(strange):,} rows hold labels that are not in data.classes ({name_rows(strange)})",
            where=what,
            hint=hint,
        )
    if len(known) < 2:
        raise DataError(f"{len(known)} labels, at least two are needed", where=what)
    y = np.zeros((len(lists), len(known)), np.int64)
    for number, parts in enumerate(lists):
        y[number, [place[part] for part in parts]] = 1
    empty = ~y.any(axis=1)
    if empty.any() and data.unlabelled == "refuse":
        hint = "Say what an empty cell means, data.unlabelled: drop (leave the record out) or none (no label applies)."
        raise DataError(f"{int(empty.sum()):,} records have no label ({name_rows(rows[empty])})", where=what, hint=hint)
    kept = np.flatnonzero(~empty) if data.unlabelled == "drop" else np.arange(len(rows))
    return y, known, kept.astype(np.int64)


def add_bands(recipe: Recipe, frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The frame with the columns of `data.bands`: edges 0, 40, 60 give "0-39", "40-59", "60+"; missing is "unknown".

    Raises:
        RecipeError: a band's column is not there, or its name is taken.
    """
    added: dict[str, npt.NDArray[np.object_]] = {}
    for name, band in recipe.data.bands.items():
        require(recipe, f"data.bands.{name}.column", band.column, frame.columns, where)
        if name in frame.columns:
            raise recipe.fail(f"data.bands.{name}", f"has the name of a column that {where} already has")
        values = pd.to_numeric(frame[band.column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        names = np.array([*_band_names(band.edges), UNKNOWN], object)
        number = np.searchsorted(np.asarray(band.edges), values, side="right")
        added[name] = names[np.where(np.isnan(values), len(names) - 1, number)]
    return frame.assign(**added) if added else frame


def check_columns(recipe: Recipe, frame: pd.DataFrame, where: str) -> None:
    """Raise RecipeError where `data.sensitive` or `split.column` names a column that is not there."""
    for column in recipe.data.sensitive:
        require(recipe, "data.sensitive", column, frame.columns, where)
    if isinstance(recipe.split, ColumnSplit | TimeSplit | SiteSplit | ScaffoldSplit):
        require(recipe, "split.column", recipe.split.column, frame.columns, where)


def own_patients(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    """Every record its own patient, where the source names none."""
    return np.array([f"row {row}" for row in rows], object)


def _band_names(edges: Sequence[float]) -> list[str]:
    """Names of the bands below, between and above the edges."""
    whole = all(edge == int(edge) for edge in edges)
    between = [
        f"{low:g}-{high - 1:g}" if whole and high - 1 > low else f"{low:g}" if whole else f"{low:g} to {high:g}"
        for low, high in pairwise(edges)
    ]
    return [f"under {edges[0]:g}", *between, f"{edges[-1]:g}+"]
