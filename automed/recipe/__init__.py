"""The recipe: one YAML file that says what is learnt, from what, and how it is judged.

`schema` holds the frozen models, `load` reads, overrides, checks, dumps and hashes.
"""

from automed.recipe.load import dump, find, load, schema, shipped
from automed.recipe.schema import (
    ClassSpec,
    ColumnSplit,
    FolderData,
    ImageInput,
    MedmnistData,
    NpzData,
    OfficialSplit,
    PatientSplit,
    PhantomData,
    Recipe,
    SiteSplit,
    TableData,
    TimeSplit,
)

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
