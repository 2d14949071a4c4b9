"""The recipe as frozen models: every key, its type, its bounds and its default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from automed.errors import RecipeError

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
UnitInterval = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


class Part(BaseModel):
    """What all parts of a recipe share: frozen, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ClassSpec(Part):
    """How one class is shown: its display name, and whether missing it is urgent."""

    name: str = ""
    urgent: bool = False


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
    classes: dict[str, ClassSpec] | None = None
    sensitive: tuple[str, ...] = ()
    bands: dict[str, Band] = Field(default_factory=dict)
    duplicates: Literal["refuse", "drop", "group"] = "refuse"

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
    """One row a record in a csv, tsv or parquet file; image files lie below `root`."""

    source: Literal["table"]
    table: str
    target: str
    patient: str | None = None


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
    phantom: Literal["dermoscopy"] = "dermoscopy"
    records: Annotated[int, Field(ge=40, le=1_000_000)] = 2000
    seed: int = 0
    difficulty: UnitInterval = 0.5
    shortcut: UnitInterval = 0.0
    disadvantage: UnitInterval = 0.0
    sensitive: tuple[str, ...] = ("sex", "age_band", "skin_tone")


Data = Annotated[
    TableData | FolderData | NpzData | MedmnistData | PhantomData,
    Field(discriminator="source"),
]


class ImageInput(Part):
    """An image: `size` is (height, width) after decoding; `window` is (centre, width) for DICOM."""

    kind: Literal["image"]
    column: str | None = None
    size: tuple[Annotated[int, Field(ge=8, le=1024)], Annotated[int, Field(ge=8, le=1024)]] = (64, 64)
    channels: Literal[1, 3] = 3
    fit: Literal["stretch", "pad", "crop"] = "stretch"
    window: tuple[float, Annotated[float, Field(gt=0)]] | None = None


class Fractions(Part):
    """Shares of records; they add up to one."""

    train: Share = 0.7
    validation: Share = 0.15
    test: Share = 0.15

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"fractions must add up to 1, got {total:g}")
        return self


class PatientSplit(Part):
    by: Literal["patient"]
    fractions: Fractions = Fractions()
    seed: int = 0


class ColumnSplit(Part):
    by: Literal["column"]
    column: str


class TimeSplit(Part):
    by: Literal["time"]
    column: str
    fractions: Fractions = Fractions()


class SiteSplit(Part):
    by: Literal["site"]
    column: str
    fractions: Fractions = Fractions()
    seed: int = 0


class OfficialSplit(Part):
    """The split that the source itself gives (MedMNIST, train/val/test folders)."""

    by: Literal["official"]


Split = Annotated[
    PatientSplit | ColumnSplit | TimeSplit | SiteSplit | OfficialSplit,
    Field(discriminator="by"),
]


class Search(Part):
    """How candidates are found; the first of `trials` and `minutes` that is reached ends the search."""

    engine: Literal["optuna"] = "optuna"
    sampler: Literal["tpe", "random", "gp", "cmaes", "nsga2"] = "tpe"
    pruner: Literal["hyperband", "asha", "median", "none"] = "hyperband"
    objective: Literal["macro_f1"] = "macro_f1"
    trials: Annotated[int, Field(ge=1, le=100_000)] = 20
    minutes: Annotated[float, Field(gt=0)] | None = None
    finalists: Annotated[int, Field(ge=1, le=20)] = 3
    architectures: Annotated[tuple[str, ...], Field(min_length=1)] = ("cnn", "resnet", "mobilenet")
    baselines: tuple[str, ...] = ("majority", "boosting")
    workers: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


Augmentation = Literal["flip", "vertical_flip", "rotate", "zoom", "translate", "brightness", "contrast"]


class Train(Part):
    """How each candidate is trained; `batch` left out is searched."""

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    patience: Annotated[int, Field(ge=1)] = 6
    batch: Annotated[int, Field(ge=1, le=4096)] | None = None
    class_weights: Literal["balanced", "none"] = "balanced"
    augment: tuple[Augmentation, ...] = ("flip", "rotate", "zoom", "brightness")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"


class Pretrained(Part):
    """Where the architecture `pretrained` starts from: `weights` is imagenet, none, or a file."""

    backbones: Annotated[tuple[str, ...], Field(min_length=1)] = ("MobileNetV3Small",)
    weights: str = "imagenet"


class Explain(Part):
    """What `explain` shows of each finalist."""

    methods: tuple[str, ...] = ("shap", "lime", "gradcam")
    cases: Annotated[int, Field(ge=1)] = 12
    validate_: bool = Field(default=True, alias="validate")


class Audit(Part):
    """Groups under `min_group` records are not estimable; a `gap` beyond the limit is named."""

    min_group: Annotated[int, Field(ge=1)] = 20
    gap: UnitInterval = 0.10
    select: Literal["best", "fair"] = "best"


class Report(Part):
    """Who reads the pages."""

    reviewers: Annotated[int, Field(ge=1)] = 2


class Recipe(Part):
    """One task from records to a page."""

    name: Name
    title: str = ""
    intended_use: str = ""
    out_of_scope: str = ""
    data: Data
    inputs: Annotated[dict[Name, ImageInput], Field(min_length=1)]
    split: Split = PatientSplit(by="patient")
    search: Search = Search()
    train: Train = Train()
    pretrained: Pretrained = Pretrained()
    explain: Explain = Explain()
    audit: Audit = Audit()
    report: Report = Report()

    # Where the recipe came from; set by `load`, never written to YAML.
    _file: str = PrivateAttr(default="recipe")
    _base: Path = PrivateAttr(default=Path())
    _lines: dict[str, int] = PrivateAttr(default_factory=dict)
    _root: Path | str = PrivateAttr(default="")

    @property
    def root(self) -> Path:
        """Absolute folder of the data; raises RecipeError where a ${VARIABLE} in it is not set."""
        if isinstance(self._root, str):
            raise self.fail("data.root", self._root or "is not resolved", hint="Set the variable, or write a path.")
        return self._root

    def path(self, text: str) -> Path:
        """A path of the recipe made absolute: relative ones start at the data's root."""
        return self.root / Path(text).expanduser()

    def beside(self, text: str) -> Path:
        """A path made absolute against the recipe's own folder."""
        return self._base / Path(text).expanduser()

    def fail(self, key: str, what: str, *, hint: str | None = None) -> RecipeError:
        """The error for one key, with the file and the line where it stands."""
        return RecipeError(f"{key} {what}", where=locate(self._file, self._lines, key), hint=hint)


def locate(file: str, lines: dict[str, int], key: str) -> str:
    """`file:line` of the key, or of its nearest parent that is written down."""
    parts = key.split(".")
    while parts:
        if (line := lines.get(".".join(parts))) is not None:
            return f"{file}:{line}"
        parts.pop()
    return file
