"""Cells of a table as text: what counts as empty, and numbers that were meant as whole."""

from __future__ import annotations

import pandas as pd

MISSING = frozenset({"", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>"})


def texts(column: pd.Series[str], *, keep: frozenset[str] = frozenset()) -> list[str | None]:
    """Cells as stripped text, None where empty; words that mean "missing" stay if they are in `keep`."""
    # A parquet column of whole numbers with gaps is one of fractions: 1.0 is the class 1.
    if pd.api.types.is_float_dtype(column.dtype) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64").astype("string")
    found: list[str | None] = []
    for cell in column.to_numpy(object):
        text = "" if pd.isna(cell) else str(cell).strip()
        found.append(None if text in MISSING and text not in keep else text)
    return found
