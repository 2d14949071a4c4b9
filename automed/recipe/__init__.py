"""The recipe: one YAML file that says what is learnt, from what, and how it is judged.

`schema`, `sources` and `inputs` hold the frozen models; `load` reads, overrides, checks, dumps and hashes; `complaint`
says what is wrong.
"""

from automed.recipe.inputs import (
    Events,
    ImageInput,
    Input,
    SequenceInput,
    SignalInput,
    TabularInput,
    TextInput,
    irregular,
)
from automed.recipe.load import dump, find, load, schema, shipped
from automed.recipe.schema import (
    ColumnSplit,
    OfficialSplit,
    PatientSplit,
    Recipe,
    ScaffoldSplit,
    SiteSplit,
    TimeSplit,
)
from automed.recipe.sources import ClassSpec, FolderData, MedmnistData, NpzData, PhantomData, SampleData, TableData

__all__ = [
    "ClassSpec",
    "ColumnSplit",
    "Events",
    "FolderData",
    "ImageInput",
    "Input",
    "MedmnistData",
    "NpzData",
    "OfficialSplit",
    "PatientSplit",
    "PhantomData",
    "Recipe",
    "SampleData",
    "ScaffoldSplit",
    "SequenceInput",
    "SignalInput",
    "SiteSplit",
    "TableData",
    "TabularInput",
    "TextInput",
    "TimeSplit",
    "dump",
    "find",
    "irregular",
    "load",
    "schema",
    "shipped",
]
