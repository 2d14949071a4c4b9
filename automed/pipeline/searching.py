"""The whole story in one screen: prepare, search, make finalists, evaluate, explain, report.

Every stage reads files and writes files; a run that was cut starts again at the first artefact that is missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automed.errors import AutomedError, DataError, Interrupted, RunError, UsageError
from automed.events import FinalistScored, Listen, StageStarted
from automed.models import ARCHITECTURES, offered
from automed.recipe import Recipe, dump, irregular, load
from automed.recipe.load import digest
from automed.run import Finalist, Run, disk_errors, now, read_json, write_json, write_text
from automed.runtime import environ, git_revision, hardware, peak_memory_mb, prepare_here, versions
from automed.search import BASELINES
from automed.search.baselines import suits


@dataclass(frozen=True)
class Outcome:
    """What a search came to: its run, status (done or interrupted), leaderboard and tested finalists."""

    run: Run
    status: str
    leaderboard: dict[str, Any]
    finalists: list[dict[str, Any]]


def check(recipe: Recipe) -> None:
    """Hold the names in a recipe against the tables; raises RecipeError with file, line and the nearest name."""
    named = [(f"search.architectures.{i}", ARCHITECTURES, n) for i, n in enumerate(recipe.search.architectures)]
    named += [(f"search.baselines.{i}", BASELINES, n) for i, n in enumerate(recipe.search.baselines or ())]
    for key, table, name in named:
        if name not in table:
            try:
                table[name]
            except UsageError as problem:
                raise recipe.fail(key, f"is not known: {problem.what}", hint=problem.hint) from None
    inputs = {name: {"kind": spec.kind, "irregular": irregular(spec)} for name, spec in recipe.inputs.items()}
    offered(recipe, inputs)
    kinds = [spec.kind for spec in recipe.inputs.values()]
    for i, name in enumerate(recipe.search.baselines or ()):
        if not suits(name, kinds):
            raise recipe.fail(
                f"search.baselines.{i}", f"is {name}, which reads no input ({', '.join(sorted(set(kinds)))})"
            )


def inspect(recipe: Recipe, listen: Listen) -> dict[str, Any]:
    """What the data look like and what the check found, in the shape of data.json; raises nothing for a leak."""
    from automed.data import prepare

    check(recipe)
    facts: dict[str, Any] = prepare.describe(recipe, prepare.inspect(recipe, listen))
    return facts


def start(recipe: Recipe, *, out: Path | None, command: str) -> Run:
    """Make the run folder with the resolved recipe and the manifest."""
    check(recipe)
    recipe.root  # noqa: B018  # an unset variable is told before a folder is made
    run = Run.create(recipe.name, digest(recipe), out=out)
    write_text(run.recipe, dump(recipe, resolved=True))
    run.describe(
        status="running",
        started=now(),
        ended=None,
        command=command,
        recipe={"name": recipe.name, "title": recipe.title, "digest": digest(recipe)},
        seed=recipe.search.seed,
        versions=versions(),
        hardware=hardware(),
        git=git_revision(Path(__file__).parent),
    )
    run.log("created", recipe=digest(recipe))
    return run


def reopen(folder: Path, overrides: tuple[str, ...] = ()) -> tuple[Recipe, Run]:
    """A run to go on with; only the budget, the workers and the number of finalists may be changed."""
    run = Run.open(folder)
    allowed = ("search.trials", "search.minutes", "search.workers", "search.finalists")
    for override in overrides:
        key = override.partition("=")[0].strip()
        if key not in allowed:
            raise UsageError(
                f"--set {key}: a run that goes on keeps its recipe; only {', '.join(allowed)} may change",
                hint="Start a new run to change anything else.",
            )
    recipe = load(run.recipe, overrides, environ=environ())
    check(recipe)
    return recipe, run


def search(recipe: Recipe, run: Run, listen: Listen, stop: Callable[[], bool] = lambda: False) -> Outcome:
    """Bring a run to its end, or as far as `stop` allows, from wherever it stands.

    Raises:
        AutomedError: with the run's status set to failed, and everything that was finished kept.
    """
    with run.lock():
        run.describe(status="running", ended=None)
        try:
            with disk_errors(run.folder):
                outcome = _stages(recipe, run, listen, stop)
        except (Interrupted, KeyboardInterrupt):
            _end_quietly(run, "interrupted", "stopped by the user")
            raise
        except AutomedError as problem:
            _end_quietly(run, "failed", str(problem.what))
            raise
        except BaseException as problem:
            _end_quietly(run, "failed", type(problem).__name__)
            raise
        _end(run, outcome.status)
        return outcome


def _stages(recipe: Recipe, run: Run, listen: Listen, stop: Callable[[], bool]) -> Outcome:
    from automed.search.conduct import Conductor
    from automed.search.finalists import explain, make
    from automed.search.pool import Pool

    _prepare(recipe, run, listen)
    if stop():
        raise Interrupted("stopped before the search began", where=str(run.folder))
    pool = Pool(run)
    try:
        listen(StageStarted("search", ", ".join(_architectures(recipe, run))))
        conductor = Conductor(recipe, run, pool, listen, stop)
        whole = conductor.conduct()
        run.log("searched", whole=whole, seconds=round(conductor.journal.used_seconds(), 1))
        _leaderboard(recipe, run, conductor)
        listen(StageStarted("evaluate", "finalists on the test set"))
        made = make(run, pool, conductor.shares[0], recipe.search.finalists, listen)
        finalists = _evaluate(run, made, listen)
        whole = explain(recipe, run, pool, conductor.shares[0], listen, stop) and whole
    finally:
        pool.close()
    board = read_json(run.leaderboard)
    if not made:
        reasons = "; ".join(dict.fromkeys(row["reason"] for row in board["failed"]))
        if not whole:
            raise Interrupted("stopped before any candidate had finished an epoch", where=str(run.folder))
        hint = f"Reasons: {reasons}" if reasons else "Give the search more minutes."
        raise RunError("no candidate finished an epoch", where=str(run.folder), hint=hint)
    # The pages show how the run ended, so the manifest must say it first.
    _end(run, "done" if whole else "interrupted")
    listen(StageStarted("report"))
    from automed.report.pages import render

    render(run)
    return Outcome(run, "done" if whole else "interrupted", board, finalists)


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
    _prepare(recipe, run, listen)
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


def _architectures(recipe: Recipe, run: Run) -> list[str]:
    """What is searched over, each named once."""
    found = offered(recipe, read_json(run.data)["inputs"])
    return list(dict.fromkeys(name for names in found.values() for name in names))


def _prepare(recipe: Recipe, run: Run, listen: Listen) -> None:
    from automed.data import prepare
    from automed.data.dataset import Dataset

    if run.data.is_file() and run.splits.is_file():
        try:
            Dataset.open(run)
            return
        except RunError:
            pass  # the cache was cleared: decode again, and the same split comes out
    before = read_json(run.data)["fingerprint"] if run.data.is_file() else None
    facts = prepare.prepare(recipe, run, listen)
    if before not in (None, facts["fingerprint"]):
        raise DataError("the data have changed since this run began", where=str(run.data), hint="Start a new run.")
    run.log("prepared", fingerprint=facts["fingerprint"])
    run.describe(data_fingerprint=facts["fingerprint"], phantom=facts["phantom"])


def _leaderboard(recipe: Recipe, run: Run, conductor: Any) -> None:
    from automed.search.leaderboard import build

    board = build(
        run,
        trials=recipe.search.trials,
        minutes=recipe.search.minutes,
        finalists=recipe.search.finalists,
        workers=len(conductor.shares),
        used=conductor.journal.used_seconds(),
    )
    write_json(run.leaderboard, board)


def _evaluate(run: Run, made: list[dict[str, Any]], listen: Listen) -> list[dict[str, Any]]:
    from automed.evaluate.finalist import evaluate

    scored = []
    for facts in made:
        finalist = facts["finalist"]
        if not finalist.scores.is_file():
            write_json(finalist.scores, evaluate(run, finalist))
        scores = read_json(finalist.scores)
        estimate = scores["test"]["macro_f1"]
        listen(FinalistScored(facts["rank"], facts["architecture"], estimate["value"], estimate["ci95"]))
        scored.append({**{k: v for k, v in facts.items() if k != "finalist"}, "folder": str(finalist.folder), **scores})
    return scored


def _end(run: Run, status: str) -> None:
    run.describe(
        status=status,
        ended=now(),
        looks_at_test=run.looks_at_test(),
        peak_memory_mb={"parent": round(peak_memory_mb())},
    )


def _end_quietly(run: Run, status: str, reason: str) -> None:
    """Write how it ended; where even that cannot be written (a full disk), the first error is the one to show."""
    with contextlib.suppress(AutomedError, OSError):
        run.describe(status=status, ended=now(), reason=reason)
