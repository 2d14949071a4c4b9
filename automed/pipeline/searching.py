"""The main verb: prepare, search, make finalists, judge, stress, explain, audit, report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automed.errors import AutomedError, Interrupted, RunError, UsageError
from automed.events import Listen, StageStarted
from automed.models import ARCHITECTURES, offered
from automed.pipeline.judging import judge_all
from automed.pipeline.material import prepare_run
from automed.recipe import Recipe, dump, irregular, load
from automed.recipe.load import digest
from automed.run import Run, disk_errors, now, read_json, write_json, write_text
from automed.runtime import environ, git_revision, hardware, peak_memory_mb, versions
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
    from automed.search.finalists import explain, make, stress, train_again
    from automed.search.pool import Pool

    prepare_run(recipe, run, listen)
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
        made = make(recipe, run, pool, conductor.shares[0], listen)
        finalists = judge_all(recipe, run, made, listen)
        for later in (stress, explain, train_again):
            whole = later(recipe, run, pool, conductor.shares[0], listen, stop) and whole
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


def _architectures(recipe: Recipe, run: Run) -> list[str]:
    """What is searched over, each named once."""
    found = offered(recipe, read_json(run.data)["inputs"])
    return list(dict.fromkeys(name for names in found.values() for name in names))


def _leaderboard(recipe: Recipe, run: Run, conductor: Any) -> None:
    from automed.search.leaderboard import build
    from automed.search.selection import finalists_wanted

    board = build(
        run,
        recipe.audit,
        trials=recipe.search.trials,
        minutes=recipe.search.minutes,
        finalists=finalists_wanted(recipe.search.finalists, recipe.audit),
        workers=len(conductor.shares),
        used=conductor.journal.used_seconds(),
    )
    write_json(run.leaderboard, board)


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
