"""Where records come from: the models under `data`, one a source."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, WithJsonSchema, model_validator

from automed.recipe.part import Part, UnitInterval


class ClassSpec(Part):
    """How one class is shown: its display name, and whether missing it is urgent."""

    name: str = ""
    urgent: bool = False


# What `_short_classes` takes, which pydantic's own schema cannot know: names alone, or keys alone.
_CLASSES_SCHEMA = {
    "anyOf": [
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    {"type": ["string", "null"]},
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"name": {"type": "string"}, "urgent": {"type": "boolean"}},
                    },
                ]
            },
        },
        {"type": "array", "items": {"type": ["string", "integer"]}},
        {"type": "null"},
    ],
    "default": None,
    "description": "Order of the classes, display names, which are urgent; keys are the values of the target.",
}


class Band(Part):
    """A sensitive attribute cut from a number: `edges` [0, 40, 60] of age give 0-39, 40-59, 60+."""

    column: str
    edges: Annotated[tuple[float, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges must rise")
        return self


class AnyData(Part):
    """What every source of records understands."""

    root: str = "."
    classes: Annotated[dict[str, ClassSpec] | None, WithJsonSchema(_CLASSES_SCHEMA)] = None
    sensitive: tuple[str, ...] = ()
    bands: dict[str, Band] = Field(default_factory=dict)
    duplicates: Literal["refuse", "drop", "group"] = "refuse"
    task: Literal["multiclass", "multilabel", "ordinal"] = "multiclass"
    # Columns that are known only afterwards, or were made from the reference standard: never inputs.
    outcomes: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short_classes(cls, value: object) -> object:
        """`classes: {mel: Melanoma}` is short for `{mel: {name: Melanoma}}`; a list gives the order alone."""
        if not isinstance(value, dict) or not value.get("classes"):
            return value
        classes = value["classes"]
        if isinstance(classes, list):
            classes = {str(key): {} for key in classes}
        if isinstance(classes, dict):
            classes = {str(k): {"name": v} if isinstance(v, str) else (v or {}) for k, v in classes.items()}
        return {**value, "classes": classes}

    @model_validator(mode="after")
    def _two_classes(self) -> Self:
        if self.classes is not None and len(self.classes) < 2:
            raise ValueError("a classifier needs at least two classes")
        return self


class TableData(AnyData):
    """One row a record in a csv, tsv or parquet file; files of inputs lie below `root`.

    For several labels a record (`task: multilabel`) `target` holds them with `separator` between; `unlabelled` says
    what an empty cell means: refuse the data, drop the record, or none of the labels.
    """

    source: Literal["table"]
    table: str
    target: str
    patient: str | None = None
    separator: str = ";"
    unlabelled: Literal["refuse", "drop", "none"] = "refuse"


class FolderData(AnyData):
    """One folder a class, with or without train, validation and test folders on top.

    `patient` is a regular expression whose first group finds the patient in a file's name.
    """

    source: Literal["folder"]
    patient: str | None = None


class NpzData(AnyData):
    """Arrays in the MedMNIST layout (train_images, train_labels, ...) or plain images and labels."""

    source: Literal["npz"]
    file: str


class MedmnistData(AnyData):
    """A MedMNIST set, fetched once and checked; `root` may name a folder where the file lies already."""

    source: Literal["medmnist"]
    name: str
    size: Literal[28, 64, 128, 224] = 28


class PhantomData(AnyData):
    """Synthetic records with a known answer; no patients.

    `shortcut` plants an artefact that goes with one class, `disadvantage` weakens the signal in one group.
    """

    source: Literal["phantom"]
    phantom: Literal["dermoscopy", "ecg", "notes", "dna"] = "dermoscopy"
    records: Annotated[int, Field(ge=40, le=1_000_000)] = 2000
    seed: int = 0
    difficulty: UnitInterval = 0.5
    shortcut: UnitInterval = 0.0
    disadvantage: UnitInterval = 0.0
    sensitive: tuple[str, ...] = ("sex", "age_band")


class SampleData(AnyData):
    """Real records that come with a package, so that a recipe runs with no file from outside."""

    source: Literal["sample"]
    sample: Literal["pbcseq", "breast_cancer"]


Data = Annotated[
    TableData | FolderData | NpzData | MedmnistData | PhantomData | SampleData,
    Field(discriminator="source"),
]
