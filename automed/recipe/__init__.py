"""The recipe: one YAML file that says what is learnt, from what, and how it is judged.

`schema` and `sources` hold the frozen models; `load` reads, overrides, checks, dumps and hashes; `complaint` says what
is wrong.
"""

from automed.recipe.load import dump, find, load, schema, shipped
from automed.recipe.schema import (
    ColumnSplit,
    ImageInput,
    OfficialSplit,
    PatientSplit,
    Recipe,
    SiteSplit,
    TimeSplit,
)
from automed.recipe.sources import ClassSpec, FolderData, MedmnistData, NpzData, PhantomData, TableData

__all__ = [
    "ClassSpec",
    "ColumnSplit",
    "FolderData",
    "ImageInput",
    "MedmnistData",
    "NpzData",
    "OfficialSplit",
    "PatientSplit",
    "PhantomData",
    "Recipe",
    "SiteSplit",
    "TableData",
    "TimeSplit",
    "dump",
    "find",
    "load",
    "schema",
    "shipped",
]
