"""The recipe as frozen models: every key, its type, its bounds and its default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from automed.errors import RecipeError
from automed.recipe.evaluate import Audit, Evaluate
from automed.recipe.explain import Explain
from automed.recipe.inputs import Input
from automed.recipe.part import Name, Part, Share, expanded
from automed.recipe.sources import Data

Lines = dict[str, int | str]  # of each dotted key: its line in the file, or the option that set it


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


class ScaffoldSplit(Part):
    """Molecules of one scaffold stay together, the largest groups train: the test asks for unlike molecules.

    `column` holds SMILES.
    """

    by: Literal["scaffold"]
    column: str
    fractions: Fractions = Fractions()


class OfficialSplit(Part):
    """The split that the source itself gives (MedMNIST, train/val/test folders)."""

    by: Literal["official"]


Split = Annotated[
    PatientSplit | ColumnSplit | TimeSplit | SiteSplit | ScaffoldSplit | OfficialSplit,
    Field(discriminator="by"),
]


class Search(Part):
    """How candidates are found; the first of `trials` and `minutes` that is reached ends the search.

    `sampler` and `pruner` belong to the engine. With keras-tuner, what is left out is the sampler hyperband, and the
    pruner that its samplers have: hyperband that of the same name, the others none.
    """

    SAMPLERS: ClassVar[dict[str, tuple[str, ...]]] = {
        "optuna": ("tpe", "random", "gp", "cmaes", "nsga2"),
        "keras-tuner": ("hyperband", "bayesian", "random", "grid"),
    }

    engine: Literal["optuna", "keras-tuner"] = "optuna"
    sampler: Annotated[
        Literal["tpe", "random", "gp", "cmaes", "nsga2", "hyperband", "bayesian", "grid"],
        Field(
            description="of optuna: tpe, random, gp, cmaes, nsga2; of keras-tuner: hyperband, bayesian, random, grid"
        ),
    ] = "tpe"
    pruner: Annotated[
        Literal["hyperband", "asha", "median", "none"],
        Field(description="of optuna: any; of keras-tuner: hyperband with the sampler hyperband, none with the others"),
    ] = "hyperband"
    objective: Literal["macro_f1"] = "macro_f1"
    trials: Annotated[int, Field(ge=1, le=100_000)] = 20
    minutes: Annotated[float, Field(gt=0)] | None = None
    finalists: Annotated[int, Field(ge=1, le=20)] = 3
    architectures: tuple[str, ...] = ()  # left out: those that suit each kind of input
    baselines: tuple[str, ...] | None = None  # left out: the majority class, and what suits the kinds of input
    workers: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="before")
    @classmethod
    def _of_the_engine(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("engine") != "keras-tuner":
            return given
        given = {"sampler": "hyperband", **given}
        return {"pruner": "hyperband" if given["sampler"] == "hyperband" else "none", **given}

    @field_validator("sampler")
    @classmethod
    def _sampler_of_the_engine(cls, sampler: str, others: ValidationInfo) -> str:
        engine = others.data.get("engine")  # missing where it is wrong itself
        if engine in cls.SAMPLERS and sampler not in cls.SAMPLERS[engine]:
            *first, last = cls.SAMPLERS[engine]
            raise ValueError(f"{sampler!r} is no sampler of {engine}, which has {', '.join(first)} and {last}")
        return sampler

    @field_validator("pruner")
    @classmethod
    def _pruner_of_the_engine(cls, pruner: str, others: ValidationInfo) -> str:
        engine, sampler = others.data.get("engine"), others.data.get("sampler")
        own = "hyperband" if sampler == "hyperband" else "none"
        if engine == "keras-tuner" and sampler and pruner != own:
            raise ValueError(f"{pruner!r} does not go with the sampler {sampler} of keras-tuner, only {own!r} does")
        return pruner


Augmentation = Literal[
    # of images
    "flip",
    "vertical_flip",
    "rotate",
    "zoom",
    "translate",
    "brightness",
    "contrast",
    # of signals
    "scale",
    "jitter",
    "time_shift",
    "lead_drop",
    # of DNA; of tokens
    "reverse_complement",
    "word_drop",
]


class Train(Part):
    """How each candidate is trained; `batch` left out is searched.

    `class_weights`: balanced lets every class count alike; root, the square roots of those weights, is milder where
    the rarest class is very rare.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    patience: Annotated[int, Field(ge=1)] = 6
    batch: Annotated[int, Field(ge=1, le=4096)] | None = None
    class_weights: Literal["balanced", "root", "none"] = "balanced"
    augment: tuple[Augmentation, ...] | None = None  # left out: what suits each kind of input
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"


class Pretrained(Part):
    """Where the architecture `pretrained` starts from: `weights` is imagenet, none, or a file."""

    backbones: Annotated[tuple[str, ...], Field(min_length=1)] = ("MobileNetV3Small",)
    weights: str = "imagenet"


class Report(Part):
    """Who reads the pages: how many readers review, and the language."""

    language: Literal["en", "zh"] = "en"
    reviewers: Annotated[int, Field(ge=1)] = 2


class Recipe(Part):
    """One task from records to a page."""

    name: Name
    title: str = ""
    intended_use: str = ""
    out_of_scope: str = ""
    data: Data
    inputs: Annotated[dict[Name, Input], Field(min_length=1)]
    split: Split = PatientSplit(by="patient")
    search: Search = Search()
    train: Train = Train()
    pretrained: Pretrained = Pretrained()
    evaluate: Evaluate = Evaluate()
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
        return self.root / expanded(text)

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
