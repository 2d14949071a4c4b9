"""Explaining one model: beside its run, or elsewhere on the data of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automed.errors import DataError, UsageError
from automed.events import Listen, StageStarted
from automed.pipeline.material import prepare_run
from automed.recipe import Recipe, load
from automed.run import Finalist, Run, disk_errors
from automed.runtime import environ, prepare_here


@dataclass(frozen=True)
class Explaining:
    """What to explain: row numbers, or files of one new record (`FILE`, or `NAME=FILE`); settings of the recipe.

    `input_layers` (`NAME=LAYER`) and `output_layer` say of a foreign model what cannot be told.
    """

    rows: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    input_layers: tuple[str, ...] = ()
    output_layer: str | None = None


@dataclass(frozen=True)
class Explained:
    """What explaining came to: the content of explain.json, where it lies, and the page that shows it."""

    document: dict[str, Any]
    folder: Path
    page: str | None


def explain(run: Run, finalist: Finalist, asked: Explaining, listen: Listen) -> Explained:
    """Explain a finalist beside its run, and render its report again.

    Raises:
        AutomedError: a record that is not there, a file that cannot be read, a model that cannot be opened, another
            command that explains the same model.
    """
    from automed.data.dataset import Dataset
    from automed.report.pages import render
    from automed.search.explaining import explain_finalist

    for override in asked.overrides:
        key = override.partition("=")[0].strip()
        if not key.startswith("explain."):
            raise UsageError(
                f"--set {key}: beside its run a model is explained on the run's own data; only explain.* may change",
                hint="Name another recipe with --data.",
            )
    recipe = load(run.recipe, asked.overrides, environ=environ())
    _some_method(recipe)
    prepare_run(recipe, run, listen)
    data = Dataset.open(run)
    new = _newcomer(recipe, data.facts["inputs"], asked.files)
    listen(StageStarted("explain", finalist.name))
    prepare_here()
    document = explain_finalist(recipe.explain, run, data, finalist, listen, rows=asked.rows, new=new)
    run.describe(looks_at_test=run.looks_at_test())
    render(run)
    return Explained(document, finalist.folder, str(finalist.report))


def explain_elsewhere(model: Path, recipe: Recipe, asked: Explaining, out: Path | None, listen: Listen) -> Explained:
    """Explain a model away from its run, or one that automed did not make, on the data of a recipe.

    Records are laid out with what the model's card says of its training data, where it has one.

    Raises:
        AutomedError: as `explain`; also where recipe and model do not fit together.
    """
    from automed.data import prepare
    from automed.data.dataset import Dataset
    from automed.search.explaining import explain_file, known_inputs

    known = known_inputs(model, recipe)
    _some_method(recipe)
    input_layers = _pairs("--input-layer", asked.input_layers)
    folder = out or model.with_name(f"{model.stem}-explained")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder)
    facts = prepare.prepare(recipe, run, listen, known)
    new = _newcomer(recipe, facts["inputs"], asked.files)
    listen(StageStarted("explain", model.name))
    prepare_here()
    document = explain_file(
        model,
        Dataset.open(run),
        recipe.explain,
        folder,
        listen,
        rows=asked.rows,
        new=new,
        input_layers=input_layers,
        output_layer=asked.output_layer,
    )
    return Explained(document, folder, None)


def _some_method(recipe: Recipe) -> None:
    if recipe.explain.methods == ():
        raise UsageError("the recipe asks for no method", where="explain.methods", hint="Name one: --method shap")


def _pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, each name once."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (sign and name and value) or name in found:
            raise UsageError(f"{option} {text}: expected NAME=VALUE, each name once")
        found[name] = value
    return found


def _newcomer(recipe: Recipe, facts: dict[str, Any], files: tuple[str, ...]) -> dict[str, Any] | None:
    """The new record in these files, by input; None where there are none."""
    if not files:
        return None
    from automed.data.newcomer import read

    names = list(recipe.inputs)
    alone = len(names) == len(files) == 1 and not files[0].startswith(f"{names[0]}=")
    given = {names[0]: files[0]} if alone else _pairs("--input", files)
    if set(given) != set(names):
        raise UsageError(
            f"--input must name a file for each input: {', '.join(names)}",
            hint="Write " + " ".join(f"--input {name}=FILE" for name in names),
        )
    read_in = {name: read(Path(given[name]), recipe.inputs[name], facts[name]) for name in names}
    counts = {len(values) for values in read_in.values()}
    if len(counts) > 1:
        held = ", ".join(f"{name} {len(values)}" for name, values in read_in.items())
        raise DataError(f"the files hold different numbers of records: {held}", where="--input")
    return read_in
