"""What made a run and would make it again: recipe, seeds, inputs, looks at the test set, the command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from automed.recipe import Recipe
from automed.report import words
from automed.report.artefact import Part, read, read_lines
from automed.run import Run

ENGINES = {"optuna": "Optuna", "keras-tuner": "Keras-Tuner"}
# Why the test set was read, by the reason in the ledger.
REASONS = {
    "finalist": "scores of a finalist",
    "baseline": "scores of a baseline",
    "audit": "groups of patients",
    "robustness": "worse input",
    "mitigation": "ways of narrowing gaps",
    "leave one site out": "each site left out in turn",
    "explanation": "cases to be explained",
}


@dataclass(frozen=True)
class Look:
    """How often the test set was read for one reason, and for which models."""

    reason: str
    times: int
    models: tuple[str, ...]


@dataclass(frozen=True)
class Making:
    """What stands under provenance besides the manifest."""

    recipe: str  # as the run resolved it, with its line ends
    seeds: tuple[tuple[str, str], ...]  # by their place in the recipe
    inputs: tuple[tuple[str, str], ...]  # name, and what is known of its records' cache
    looks: tuple[Look, ...]
    engine: str
    backend: str | None
    command: str
    again: str  # how far the command gives the same


def read_making(run: Run, recipe: Recipe) -> Making:
    """What is known of how the run was made; raises RunError where an artefact is damaged."""
    tree = recipe.model_dump(mode="json", by_alias=True)
    manifest = read(run.manifest)
    versions, hardware = (manifest.part(key) if manifest else None for key in ("versions", "hardware"))
    engine = ENGINES.get(recipe.search.engine, recipe.search.engine)
    version = versions.text(recipe.search.engine) if versions else None
    return Making(
        "\n".join(words.clean(line) for line in run.recipe.read_text(encoding="utf-8").split("\n")).strip("\n"),
        tuple(_seeds(tree)),
        _inputs(run),
        _looks(run),
        f"{engine} {version}" if version else engine,
        hardware.text("backend") if hardware else None,
        "automed search recipe.yaml --out NEW-FOLDER",
        _again(recipe),
    )


def _seeds(tree: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _seeds(value, f"{place}{key}.")
        elif key == "seed" and isinstance(value, int):
            yield words.clean(f"{place}{key}"), str(value)


def _inputs(run: Run) -> tuple[tuple[str, str], ...]:
    data = read(run.data)
    return tuple((name, _input(part)) for name, part in (data.part("inputs").parts() if data else ()))


def _input(part: Part) -> str:
    shape = " × ".join(words.integer(round(size)) for size in part.numbers("shape"))
    known = [part.text("kind"), shape, part.text("dtype"), part.text("cache")]
    return ", ".join(text for text in known if text) or "not recorded"


def _looks(run: Run) -> tuple[Look, ...]:
    lines = [line for line in read_lines(run.ledger) if line.value.get("event") == "test_read"]
    times = Counter(line.text("reason") or "not recorded" for line in lines)
    models: dict[str, dict[str, None]] = {reason: {} for reason in times}
    for line in lines:
        if name := line.text("model"):
            models[line.text("reason") or "not recorded"][name] = None
    return tuple(
        Look(REASONS.get(reason, reason), count, tuple(models[reason])) for reason, count in times.most_common()
    )


def _again(recipe: Recipe) -> str:
    """How far another run of the same recipe is the same run."""
    if recipe.search.minutes is None and recipe.search.workers == 1:
        return (
            "With one worker and a budget in trials, the same software on a machine of the same kind tries the same "
            "candidates."
        )
    return (
        "A budget in minutes, or more than one worker, lets the speed of the machine decide how many candidates are "
        "tried and in which order. The choices of every candidate are in trials.jsonl, so each can be made again."
    )
