"""The recipe as frozen models: every key, its type, its bounds and its default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from automed.errors import RecipeError
from automed.recipe.part import Name, Part, Share, UnitInterval
from automed.recipe.sources import Data

Lines = dict[str, int | str]  # of each dotted key: its line in the file, or the option that set it


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
    """How each candidate is trained; `batch` left out is searched.

    `class_weights`: balanced lets every class count alike; root, the square roots of those weights, is milder where
    the rarest class is very rare.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    patience: Annotated[int, Field(ge=1)] = 6
    batch: Annotated[int, Field(ge=1, le=4096)] | None = None
    class_weights: Literal["balanced", "root", "none"] = "balanced"
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
    _lines: Lines = PrivateAttr(default_factory=dict)
    _places: dict[str, Path | str] = PrivateAttr(default_factory=dict)  # of each path's key: absolute, or what is wrong

    @property
    def root(self) -> Path:
        """Absolute folder of the data; raises RecipeError where a ${VARIABLE} in it is not set."""
        return self.place("data.root")

    def place(self, key: str) -> Path:
        """The absolute path under `key` (data.root, pretrained.weights); raises RecipeError as `root` does."""
        found = self._places.get(key, "is not resolved")
        if isinstance(found, str):
            raise self.fail(key, found, hint="Set the variable, or write a path.")
        return found

    def path(self, text: str) -> Path:
        """A path of the recipe made absolute: relative ones start at the data's root."""
        return self.root / Path(text).expanduser()

    def fail(self, key: str, what: str, *, hint: str | None = None) -> RecipeError:
        """The error for one key, with the file and the line where it stands."""
        return RecipeError(f"{key} {what}", where=locate(self._file, self._lines, key), hint=hint)


def locate(file: str, lines: Lines, key: str) -> str:
    """`file:line` of the key, or of its nearest parent that is written down; the option where one set it."""
    if key not in lines:
        for name, place in lines.items():
            if isinstance(place, str) and name.startswith(f"{key}."):
                return place
    parts = key.split(".")
    while parts:
        line = lines.get(".".join(parts))
        if line is not None:
            return line if isinstance(line, str) else f"{file}:{line}"
        parts.pop()
    return file
