"""Inputs that a table holds in one column as text: what texts and sequences share before they become tokens."""

from __future__ import annotations

import numpy as np
import pandas as pd

from automed.data.columns import require
from automed.data.records import Records, Texts
from automed.data.texts import texts
from automed.recipe import Recipe


def column_of(recipe: Recipe, name: str) -> tuple[str, str]:
    """The key `inputs.<name>.column` and the column that it names; raises RecipeError where it is missing."""
    key, column = f"inputs.{name}.column", getattr(recipe.inputs[name], "column", None)
    if not column:
        raise recipe.fail(key, "is missing", hint="Name the column of the table that holds the input.")
    return key, str(column)


def read_column(recipe: Recipe, name: str, frame: pd.DataFrame) -> Texts:
    """The cells of the input's column; raises RecipeError where it is not there."""
    key, column = column_of(recipe, name)
    require(recipe, key, column, frame.columns, "the table")
    return Texts(np.array(texts(frame[column]), object))


def written_in(recipe: Recipe, records: Records, name: str) -> list[str]:
    """What is written in an input of each record, "" where nothing is; raises RecipeError for another kind of input."""
    items = records.items[name]
    if not isinstance(items, Texts):
        raise recipe.fail(f"inputs.{name}.kind", f"is {recipe.inputs[name].kind}, but the source has no text for it")
    return [text or "" for text in items.values]
