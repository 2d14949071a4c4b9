"""Running a suite cell by cell, from wherever it stands: what is in the history is done, what is not is run.

A point is begun when the one before it is whole, or was of other code or of another suite; else it is gone on with.
Every cell is a row as soon as it has ended, whatever became of it.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from automed.benchmark import ENGINES, OURS
from automed.benchmark.cells.code import code_digest, packages
from automed.benchmark.cells.work import Work
from automed.benchmark.history import History
from automed.benchmark.lock import suite_lock
from automed.benchmark.record import Cell, Point
from automed.benchmark.suite import Suite
from automed.errors import AutomedError, Interrupted, UsageError
from automed.events import Event, Note
from automed.recipe import dump
from automed.recipe.load import digest
from automed.run import Run, disk_errors, now, write_text
from automed.runtime import git_revision, hardware

BENCHMARKS = Path("reports/benchmarks")
Key = tuple[str, int, str]  # recipe, seed, engine


@dataclass(frozen=True)
class CellStarted:
    """A cell begins: the `place`-th of `total`, `left` seconds of work are expected with it and after it."""

    recipe: str
    seed: int
    engine: str
    place: int
    total: int
    left: float


@dataclass(frozen=True)
class CellEnded:
    """A cell is in the history."""

    cell: Cell


Listen = Callable[[Event | CellStarted | CellEnded], None]


@dataclass(frozen=True)
class Done:
    """What a benchmark came to: its point, the cells of it that are in the history, and whether it is whole."""

    point: Point
    cells: list[Cell]
    whole: bool


@dataclass(frozen=True)
class Plan:
    """The cells that are wanted, in the order in which they are run, and where each engine's interpreter is."""

    cells: tuple[Key, ...]
    pythons: Mapping[str, str] = field(default_factory=dict)


def plan(suite: Suite, *, only: tuple[str, ...] = (), pythons: tuple[str, ...] = ()) -> Plan:
    """The cells of a suite, those of one recipe together, so that its data are decoded once.

    Args:
        suite: what is run.
        only: names of recipes and engines; the others are left out.
        pythons: "engine=PATH" texts.

    Raises:
        UsageError: a name is not in the suite, or a text is no pair.
    """
    recipes = [entry.name for entry in suite.recipes]
    engines = [entry.name for entry in suite.engines]
    for name in only:
        if name not in (*recipes, *engines):
            raise UsageError(f"--only {name}: no recipe or engine of this suite", hint=_known(recipes, engines))
    kept_recipes = [name for name in recipes if name in only] or recipes
    kept_engines = [name for name in engines if name in only] or engines
    named: dict[str, str] = {}
    for text in pythons:
        engine, equals, path = text.partition("=")
        if not equals or not path or engine not in ENGINES:
            hint = "For example --python autokeras=/opt/autokeras/bin/python"
            raise UsageError(f"--python {text!r} must read ENGINE=PATH", hint=hint)
        named[engine] = path
    cells = tuple((r, s, e) for r in kept_recipes for s in suite.seeds for e in kept_engines)
    return Plan(cells, named)


def run(
    suite: Suite,
    wanted: Plan,
    *,
    parent: Path = BENCHMARKS,
    fresh: bool = False,
    listen: Listen = lambda event: None,
    stop: Callable[[], bool] = lambda: False,
) -> Done:
    """Bring a suite's newest point as far as the plan and `stop` allow.

    Args:
        suite: what is run.
        wanted: of `plan`.
        parent: where the folders of suites lie.
        fresh: begin a new point, even where the last one is not whole.
        listen: told what happens.
        stop: whether the user has asked to stop; the cell that is running then is interrupted, and is run anew later.

    Raises:
        Interrupted: `stop` was true; everything finished is in the history.
        RunError: another process runs this suite, the history cannot be written, or the disk is full.
        RecipeError: a recipe of the suite is wrong.
    """
    for entry in suite.recipes:
        suite.digest_of(entry.name)  # a recipe that is wrong is told before an hour has passed
    folder = parent / suite.name
    with suite_lock(folder), History.open(folder) as history:
        if history.recovered:
            listen(Note(history.recovered, warning=True))
        point = _point(suite, history, fresh, listen)
        known = {cell.key: cell for cell in history.cells(point.id)}
        took = {cell.key: cell.seconds for cell in history.cells(point.id - 1)}  # last time; nothing at the first
        left = deque(key for key in wanted.cells if key not in known)
        total, prepared = len(wanted.cells), dict[str, str | None]()
        while left:
            recipe, seed, engine = left[0]
            if stop():
                raise _stopped(history, point, suite)
            expected = _expected(suite, left, took, list(known.values()))
            listen(CellStarted(recipe, seed, engine, total - len(left) + 1, total, expected))
            work = Work(
                suite,
                point.id,
                recipe,
                seed,
                engine,
                Run(folder / "data" / suite.digest_of(recipe)[:12]),
                folder / "runs" / f"{point.id:04d}" / f"{recipe}-{seed}-{engine}",
                wanted.pythons.get(engine),
                stop,
            )
            # Ours reads its data itself, as when it is typed.
            if engine not in OURS and recipe not in prepared:
                prepared[recipe] = _prepare(work, listen)
            cell, answers = _do(work, None if engine in OURS else prepared[recipe])
            if stop():
                raise _stopped(history, point, suite)
            history.append(cell, answers)
            known[cell.key] = cell
            left.popleft()
            listen(CellEnded(cell))
        cells = history.cells(point.id)
        whole = {cell.key for cell in cells} >= set(plan(suite).cells)
        if whole and not any(note["event"] == "ended" for note in history.notes(point.id)):
            history.note(point.id, "ended")
            _forget(folder, history, suite.keep)
        return Done(point, cells, whole)


def _point(suite: Suite, history: History, fresh: bool, listen: Listen) -> Point:
    code = code_digest()
    points = history.points()
    last = points[-1] if points else None
    if last is not None and not fresh and not any(note["event"] == "ended" for note in history.notes(last.id)):
        if (last.digest, last.code) == (suite.digest, code):
            history.note(last.id, "resumed")
            listen(Note(f"point {last.id} is not whole: going on with it"))
            return last
        changed = "the suite has" if last.digest != suite.digest else "the code has"
        listen(Note(f"point {last.id} stays unfinished, for {changed} changed since: a new one begins", warning=True))
    point = history.start(
        suite=suite.name,
        digest=suite.digest,
        started=now(),
        revision=git_revision(Path(__file__).parent),
        code=code,
        packages=packages(),
        hardware=hardware(),
        budget=suite.budget.model_dump(mode="json"),
    )
    if any(note["event"] == "clock_back" for note in history.notes(point.id)):
        text = "the clock stands before the last point's start: points are kept in the order in which they were run"
        listen(Note(text, warning=True))
    return point


def _prepare(work: Work, listen: Listen) -> str | None:
    """Make the data of a recipe ready for its rivals; why that cannot be, where it cannot."""
    from automed.pipeline.material import prepare_run

    recipe = work.suite.recipe(work.recipe, seed=0)
    run = work.prepared
    try:
        with disk_errors(run.folder):
            run.folder.mkdir(parents=True, exist_ok=True)
        write_text(run.recipe, dump(recipe, resolved=True))
        run.describe(status="running", started=now(), command="benchmark", recipe={"digest": digest(recipe)})
        # Of progress only: what the check finds is on the pages of our own runs.
        prepare_run(recipe, run, lambda event: None if isinstance(event, Note) else listen(event))
    except AutomedError as problem:
        return problem.what
    return None


def _do(work: Work, unready: str | None) -> tuple[Cell, Any]:
    if unready is not None:
        return work.cell("failed", unready, None), None
    with disk_errors(work.folder):
        shutil.rmtree(work.folder, ignore_errors=True)  # of a cell that was cut
        work.folder.mkdir(parents=True)
    try:
        work = replace(work, python=work.python or work.suite.python_of(work.engine))
        cell: tuple[Cell, Any] = ENGINES.load(work.engine)(work)
    except AutomedError as problem:
        return work.cell("failed", problem.what, None), None
    return cell


def _expected(suite: Suite, left: Iterable[Key], took: Mapping[Key, float], known: Iterable[Cell]) -> float:
    """Seconds that the rest will take: each as last time, or as its engine takes now, or its minutes and a start."""
    now_: dict[str, list[float]] = {}
    for cell in known:
        now_.setdefault(cell.engine, []).append(cell.seconds)
    means = {engine: sum(seconds) / len(seconds) for engine, seconds in now_.items()}
    default = 1.3 * (suite.budget.seconds or 60.0)
    return sum(took[key] if key in took else means.get(key[2], default) for key in left)


def _stopped(history: History, point: Point, suite: Suite) -> Interrupted:
    history.note(point.id, "interrupted")
    hint = "What was finished is kept. Go on with the same command."
    return Interrupted(f"stopped in point {point.id} of {suite.name}", where=str(history.file), hint=hint)


def _forget(folder: Path, history: History, keep: int) -> None:
    """Remove the folders of runs of old points; their figures and answers stay in the history."""
    kept = {f"{point.id:04d}" for point in history.points()[-keep:]}
    for runs in (folder / "runs").glob("*"):
        if runs.is_dir() and runs.name not in kept:
            shutil.rmtree(runs, ignore_errors=True)


def _known(recipes: list[str], engines: list[str]) -> str:
    return f"Recipes: {', '.join(recipes)}. Engines: {', '.join(engines)}."
