"""The suite: one YAML file of recipes, seeds, engines, a budget for each cell, gates and published numbers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from automed.benchmark import ENGINES, OURS
from automed.errors import RecipeError
from automed.recipe import Recipe
from automed.recipe import load as load_recipe
from automed.recipe.complaint import complain
from automed.recipe.load import digest, named, parse
from automed.recipe.load import shipped as recipes_shipped
from automed.recipe.part import Name, Part, UnitInterval, expanded
from automed.recipe.schema import Lines, locate
from automed.registry import nearest

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
UNLIMITED = 100_000  # trials
GRACE = 120.0  # seconds that a cell may take beyond its share: imports, decoding, scores


class Gates(Part):
    """What a cell of ours must reach: lowest macro-F1, largest gap between groups, longest time, largest memory."""

    macro_f1: UnitInterval | None = None
    gap: UnitInterval | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    memory_gb: Annotated[float, Field(gt=0)] | None = None


class Published(Part):
    """Figures that others reported for the same test set."""

    name: str
    source: str
    year: int | None = None
    metrics: dict[str, UnitInterval]


class Budget(Part):
    """What each cell may use; the first of `minutes` and `trials` that is reached ends its search.

    `patience`: how many times its minutes a cell may take, two minutes more, before it is killed. `cores` and
    `memory_gb` left out: those of the machine.
    """

    minutes: Annotated[float, Field(gt=0)] | None = None
    trials: Annotated[int, Field(ge=1, le=100_000)] | None = None
    cores: Annotated[int, Field(ge=1)] | None = None
    memory_gb: Annotated[float, Field(gt=0)] | None = None
    patience: Annotated[float, Field(ge=1)] = 3.0

    @property
    def seconds(self) -> float | None:
        """For searching and training."""
        return None if self.minutes is None else 60 * self.minutes

    @property
    def longest(self) -> float | None:
        """Seconds after which a cell is killed; None where only trials end it."""
        return None if self.seconds is None else self.patience * self.seconds + GRACE


class RecipeEntry(Part):
    """One recipe of a suite: its name there, where it lies, what is changed in it, gates and published figures."""

    name: Name
    recipe: str
    set: dict[str, Any] = Field(default_factory=dict)
    gates: Gates | None = None
    published: tuple[Published, ...] = ()


class EngineEntry(Part):
    """One engine of a suite, and the interpreter that it needs, if it is not this one."""

    name: str
    python: str | None = None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in ENGINES:
            guess = nearest(name, ENGINES)
            raise ValueError(f"no engine is called {name!r}" + (f"; did you mean {guess!r}?" if guess else ""))
        return name


class Suite(Part):
    """What a benchmark runs: recipes x seeds x engines, a budget for each, gates and published numbers.

    `set` changes every recipe. `margin` is the loss of macro-F1 that does not matter: below it two points are the same.
    `keep` is how many points keep the folders of their runs; histories keep all figures.
    """

    name: Name
    title: str = ""
    recipes: Annotated[tuple[RecipeEntry, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=1)] = (0,)
    engines: Annotated[tuple[EngineEntry, ...], Field(min_length=1)] = (EngineEntry(name="automed"),)
    budget: Budget = Budget()
    set: dict[str, Any] = Field(default_factory=dict)
    gates: Gates = Gates()
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.02
    keep: Annotated[int, Field(ge=1)] = 2

    # Where the suite came from; set by `load`.
    _file: str = PrivateAttr(default="suite")
    _lines: Lines = PrivateAttr(default_factory=dict)
    _folder: Path = PrivateAttr(default=Path())
    _environ: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        given = dict(given)
        for key, name in (("recipes", "recipe"), ("engines", "name")):
            if isinstance(given.get(key), list | tuple):
                given[key] = [{name: one} if isinstance(one, str) else one for one in given[key]]
        if isinstance(given.get("recipes"), list):
            given["recipes"] = [
                {"name": Path(str(one["recipe"])).stem, **one} if isinstance(one, dict) and "recipe" in one else one
                for one in given["recipes"]
            ]
        return given

    @model_validator(mode="after")
    def _each_once(self) -> Suite:
        for what, names in (
            ("recipe", [entry.name for entry in self.recipes]),
            ("engine", [engine.name for engine in self.engines]),
            ("seed", [str(seed) for seed in self.seeds]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} {twice[0]!r} stands there twice")
        if self.budget.minutes is None and self.budget.trials is None:
            rivals = [engine.name for engine in self.engines if engine.name not in OURS]
            if rivals:
                raise ValueError(f"budget.minutes or budget.trials is needed for the rival {rivals[0]}")
        return self

    def recipe(self, name: str, *, seed: int, engine: str = "automed") -> Recipe:
        """One recipe with what the suite changes in it, its budget, and the seed and engine of a cell.

        Raises:
            RecipeError: it is not there, or wrong, or says something that the suite must say.
        """
        entry = self.entry(name)
        changes = {**self.set, **entry.set}
        for key in ("search.engine", "search.seed", "search.minutes", "search.trials"):
            if key in changes:
                raise self.fail("set", f"sets {key}, which is what seeds, engines and budget are for")
        if self.budget.trials is not None or self.budget.minutes is not None:
            # What the suite leaves out has no limit: the recipe's own would end one engine and not the others.
            changes["search.minutes"] = self.budget.minutes
            changes["search.trials"] = self.budget.trials or UNLIMITED
        changes["search.seed"] = seed
        texts = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
        if engine == "automed-keras-tuner":
            texts += ["search.engine=keras-tuner", "search.sampler=hyperband", "search.pruner=hyperband"]
        place = self._folder / expanded(entry.recipe)
        return load_recipe(place if place.is_file() else entry.recipe, texts, environ=self._environ)

    def digest_of(self, name: str) -> str:
        """Of a recipe's meaning with all that the suite changes in it; seed and engine left out."""
        return digest(self.recipe(name, seed=0))

    @cached_property
    def digest(self) -> str:
        """Of everything that decides which cells there are and what they may use."""
        told = {
            "recipes": {entry.name: self.digest_of(entry.name) for entry in self.recipes},
            "seeds": list(self.seeds),
            "engines": [engine.name for engine in self.engines],
            "budget": self.budget.model_dump(mode="json"),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def entry(self, name: str) -> RecipeEntry:
        """The entry of a recipe by its name in the suite."""
        return next(entry for entry in self.recipes if entry.name == name)

    def gates_of(self, name: str) -> Gates:
        """The gates of one recipe: its own, and the suite's where it names none."""
        own = (self.entry(name).gates or Gates()).model_dump(exclude_none=True)
        return Gates(**{**self.gates.model_dump(exclude_none=True), **own})

    def python_of(self, engine: str) -> str | None:
        """The interpreter that the suite names for an engine; None for this one.

        Raises:
            RecipeError: a ${VARIABLE} in it is not set.
        """
        text = next(entry.python for entry in self.engines if entry.name == engine)
        if text is None:
            return None
        missing = [name for name in _VARIABLE.findall(text) if not self._environ.get(name)]
        if missing:
            hint = f"Set it, or name an interpreter: --python {engine}=PATH"
            raise self.fail("engines", f"{engine} needs the variable {missing[0]}, which is not set", hint=hint)
        return _VARIABLE.sub(lambda match: self._environ[match.group(1)], text)

    def fail(self, key: str, what: str, *, hint: str | None = None) -> RecipeError:
        """The error for one key, with the file and the line where it stands."""
        return RecipeError(f"{key} {what}", where=locate(self._file, self._lines, key), hint=hint)


def load(source: str | Path, *, environ: Mapping[str, str] | None = None) -> Suite:
    """Read a suite from a file, or by the name of one that ships with automed.

    Args:
        source: path of a YAML file, or a shipped name ("smoke").
        environ: where ${VARIABLE} is looked up.

    Raises:
        RecipeError: with file, line, key, the wrong value and the nearest known key.
    """
    path, shown = find(source), str(source)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RecipeError(f"cannot be read: {problem.__class__.__name__}", where=shown) from problem
    tree, lines = parse(text, shown)
    try:
        suite = Suite.model_validate(tree)
    except ValidationError as problem:
        raise complain(problem, shown, lines, Suite) from None
    suite._file, suite._lines = shown, lines
    suite._folder, suite._environ = path.resolve().parent, environ or {}
    return suite


def find(source: str | Path) -> Path:
    """The file that a path or a shipped name means; raises RecipeError as for a recipe."""
    return named(source, shipped(), "suite")


def shipped() -> dict[str, Path]:
    """The suites that come with automed, by name."""
    return recipes_shipped("benchmarks")
