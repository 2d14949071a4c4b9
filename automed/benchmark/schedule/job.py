"""What is run at each time: one `automed benchmark run`, with everything in it that another process cannot know."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import automed
from automed.benchmark import hook as hooks
from automed.benchmark import suite as suites
from automed.benchmark.conduct import plan
from automed.benchmark.schedule.cron import Cron
from automed.benchmark.suite import Suite
from automed.errors import UsageError
from automed.recipe.load import find as find_recipe
from automed.recipe.part import expanded

# What a run reads beside what its suite names.
SETTINGS = ("AUTOMED_CACHE", "AUTOMED_CACHE_GB", "KERAS_BACKEND", "CUDA_VISIBLE_DEVICES")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Job:
    """A suite, its times, and the command that runs it.

    Attributes:
        suite: as loaded.
        source: the name of a shipped suite, or the absolute path of a file.
        cron: when.
        parent: absolute folder in which histories lie.
        hook: command that is told the verdict.
        pythons: "ENGINE=PATH" texts.
        gate: whether a run that got worse leaves with an exit code of its own.
        variables: that the suite and its recipes name in ${...}, in order.
        settings: of SETTINGS, what is set here.
        environ: where variables are looked up.
        here: absolute folder in which the command runs: the hook may be meant relative to it.
        image: of a container that holds automed.
    """

    suite: Suite
    source: str
    cron: Cron
    parent: Path
    hook: str | None
    pythons: tuple[str, ...]
    gate: bool
    variables: tuple[str, ...]
    settings: Mapping[str, str]
    environ: Mapping[str, str]
    here: Path
    image: str = f"automed:{automed.__version__}"

    @property
    def name(self) -> str:
        """Of the suite."""
        return self.suite.name

    @property
    def unit(self) -> str:
        """The name under which other schedulers know it."""
        return unit(self.name)

    @property
    def folder(self) -> Path:
        """Of the suite's history."""
        return self.parent / self.name

    @property
    def shipped(self) -> bool:
        """Whether the suite comes with automed."""
        return not Path(self.source).is_absolute()

    @property
    def file(self) -> Path:
        """Where the suite stands on this machine."""
        return suites.find(self.source).resolve()

    def arguments(self, source: str, parent: str) -> list[str]:
        """Of `automed`, for a suite and a folder of histories, wherever they lie."""
        pythons = [word for text in self.pythons for word in ("--python", text)]
        hook = [] if self.hook is None else ["--hook", self.hook]
        return ["benchmark", "run", source, "--in", parent, *pythons, *hook, *(["--gate"] if self.gate else [])]

    def command(self) -> list[str]:
        """The program and its arguments, on this machine."""
        return [sys.executable, "-m", "automed", *self.arguments(self.source, str(self.parent))]

    def environment(self) -> dict[str, str]:
        """Every variable that the command needs, on this machine.

        Raises:
            UsageError: one that the suite names is not set.
        """
        for name in self.variables:
            if not self.environ.get(name):
                raise UsageError(
                    f"the suite needs the environment variable {name}, which is not set",
                    where=self.source,
                    hint=f"Set it first, as in: export {name}=/path/to/data. Its value is written into the schedule.",
                )
        return {**{name: self.environ[name] for name in self.variables}, **self.settings}

    def files(self) -> dict[str, Path]:
        """The files of the suite and its own recipes, by their place below a common folder; none of a shipped one."""
        found = [] if self.shipped else [self.file, *self._own_recipes()]
        top = Path(os.path.commonpath([path.parent for path in found])) if found else Path()
        return {path.relative_to(top).as_posix(): path for path in found}

    def _own_recipes(self) -> list[Path]:
        places = [self.file.parent / expanded(entry.recipe) for entry in self.suite.recipes]
        return sorted({place.resolve() for place in places if place.is_file()})


def make(
    source: str,
    cron: Cron,
    *,
    parent: Path,
    environ: Mapping[str, str],
    hook: str | None = None,
    pythons: tuple[str, ...] = (),
    gate: bool = False,
    image: str | None = None,
) -> Job:
    """The job of a suite.

    Args:
        source: path of a suite's file, or the name of one that comes with automed.
        cron: when it runs.
        parent: in which histories lie.
        environ: the environment.
        hook: command that is told the verdict.
        pythons: "ENGINE=PATH" texts.
        gate: whether a run that got worse leaves with an exit code of its own.
        image: of a container, for Kubernetes.

    Raises:
        UsageError: the suite, the hook or an interpreter's text is wrong, or a value holds a line break.
    """
    suite = suites.load(source, environ=environ)
    plan(suite, pythons=pythons)
    if hook is not None:
        hooks.split(hook)
    path = expanded(source)
    named = {engine.name for engine in suite.engines} & {text.partition("=")[0] for text in pythons}
    job = Job(
        suite=suite,
        source=str(path.resolve()) if path.is_file() else source,
        cron=cron,
        parent=parent.resolve(),
        hook=hook,
        pythons=pythons,
        gate=gate,
        variables=tuple(_variables(suite, suites.find(source).resolve(), named)),
        settings={name: environ[name] for name in SETTINGS if environ.get(name)},
        environ=environ,
        here=Path.cwd(),
        **({} if image is None else {"image": image}),
    )
    _refuse_line_breaks(job)
    return job


def unit(suite: str) -> str:
    """The name of a suite's units, workflows and jobs."""
    return f"automed-benchmark-{suite}"


def _refuse_line_breaks(job: Job) -> None:
    """No line of a unit or a crontab can hold one; a path with one is a slip, or an attack on the line after it."""
    values = [*job.command(), str(job.here), *(job.environ.get(name, "") for name in job.variables)]
    for value in [*values, *job.settings.values()]:
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
            raise UsageError(f"a schedule cannot hold control signs: {value!r}")


def _variables(suite: Suite, file: Path, named: set[str]) -> Iterator[str]:
    """Names in ${...} of a suite and its recipes; not those of engines whose interpreter is named otherwise."""
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    engines = tree.get("engines") or []
    tree["engines"] = [one for one in engines if not (isinstance(one, dict) and one.get("name") in named)]
    trees = [tree]
    for entry in suite.recipes:
        place = file.parent / expanded(entry.recipe)
        recipe = place if place.is_file() else find_recipe(entry.recipe)
        trees.append(yaml.safe_load(recipe.read_text(encoding="utf-8")))
    yield from dict.fromkeys(name for one in trees for text in _texts(one) for name in _VARIABLE.findall(text))


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _texts(value)
