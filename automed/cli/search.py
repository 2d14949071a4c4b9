"""The verb `automed search`."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self

import typer

from automed.cli import console, options

if TYPE_CHECKING:
    from automed.cli.tally import Tally
    from automed.events import Event
    from automed.pipeline import Outcome
    from automed.recipe import Recipe
    from automed.run import Run

INTERRUPTED = 130
# What may differ between a run and the recipe that goes on with it.
BUDGET = ("search.trials", "search.minutes", "search.workers", "search.finalists")


class Display(Protocol):
    """What shows a search while it works."""

    @property
    def tally(self) -> Tally: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def stopping(self) -> None:
        """Acknowledge the first Ctrl-C; called from a signal handler."""

    def listen(self, event: Event) -> None:
        """Hear one event."""


def search(
    target: options.RecipeOrRun,
    settings: options.Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The run's folder, instead of reports/NAME/TIME-HASH.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest run of this recipe that is not done.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            metavar="N",
            help="Processes that train at the same time; cores and GPUs are dealt out to them.",
            show_default="one a GPU, or one for every two cores",
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Search for the best models of a recipe, test the best of them once, and
    write the report.

    Candidates are trained in processes of their own, judged by macro-F1
    over the whole validation set after every epoch, and given up early
    where they fall behind. The search ends with the recipe's trials or
    minutes, whichever comes first. The finalists are then tested beside two
    baselines: the majority class, and classical models that suit the inputs.

    Ctrl-C once ends the search cleanly with the best so far (exit code
    130); twice leaves at once. Either way nothing that was finished is
    lost: --resume, or the run's folder, goes on with it. A run that is done
    goes on when it is given more trials or minutes.

    [bold]Examples[/bold]

      automed search skin
      automed search my.yaml --set search.minutes=30 --workers 2
      automed search my.yaml --resume
      automed search reports/skin/20260131T101500Z-1a2b3c4d
    """
    from automed import pipeline
    from automed.errors import Interrupted
    from automed.search.journal import Journal

    overrides = tuple(settings or ()) + ((f"search.workers={workers}",) if workers else ())
    recipe, run = _begin(target, overrides, out, resume, _command(target, overrides, out, resume))
    display = _display(recipe, run, json=json, quiet=quiet)
    display.tally.recall(Journal(run))
    try:
        with display, stoppable(display.stopping) as stop:
            outcome = pipeline.search(recipe, run, display.listen, stop)
    except Interrupted as problem:
        raise Interrupted(problem.what, where=problem.where, hint=problem.hint or _go_on(run)) from None
    except KeyboardInterrupt:
        raise Interrupted("left at once", where=str(run.folder), hint=_go_on(run)) from None
    if json:
        console.emit(_document(outcome))
    else:
        _summarise(recipe, outcome)
    if outcome.status != "done":
        raise typer.Exit(INTERRUPTED)


@contextmanager
def stoppable(acknowledge: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Count Ctrl-C, and SIGTERM like it: `stop()` is true after the first, the second raises KeyboardInterrupt, the
    third ends at once."""
    pressed = 0

    def on_signal(_: int, __: FrameType | None) -> None:
        nonlocal pressed
        pressed += 1
        if pressed == 1:
            acknowledge()
        elif pressed == 2:
            raise KeyboardInterrupt
        else:
            os._exit(INTERRUPTED)

    # A scheduler or a container is ended with SIGTERM: what is finished must be kept then, too.
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: pressed > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _begin(target: str, overrides: tuple[str, ...], out: Path | None, resume: bool, command: str) -> tuple[Recipe, Run]:
    """The recipe and the run folder that a person means: a run to go on with, or a new one."""
    from automed import pipeline
    from automed.errors import UsageError
    from automed.recipe import load
    from automed.runtime import environ

    folder = Path(target)
    if (folder / "manifest.json").is_file():
        if out is not None:
            raise UsageError("--out cannot be given for a run that goes on", hint=f"It stays in {folder}.")
        return pipeline.reopen(folder, overrides)
    recipe = load(target, overrides, environ=environ())
    pipeline.check(recipe)
    if resume:
        return pipeline.reopen(_unfinished(target, recipe, overrides, out), _of_budget(overrides))
    return recipe, pipeline.start(recipe, out=out, command=command)


def _unfinished(target: str, recipe: Recipe, overrides: tuple[str, ...], out: Path | None) -> Path:
    """The folder of the newest run of this recipe that is not done; the budget may differ."""
    from automed.errors import AutomedError, UsageError
    from automed.run import Run, read_json

    if out is not None:
        return out
    wanted = _task(target, overrides)
    parent = options.REPORTS / recipe.name
    other = None
    for run in Run.all(parent):
        try:
            if read_json(run.manifest).get("status") == "done":
                continue
            if _task(str(run.recipe)) == wanted:
                return run.folder
        except AutomedError:
            continue  # damaged, or of another version
        other = other or run.folder
    hint = f"Start one: automed search {target}"
    if other:
        hint = (
            f"{other} is not done, but it has another recipe than {target} now: automed search {other} goes on with it."
        )
    raise UsageError(f"no unfinished run of this recipe below {parent}", hint=hint)


def _task(source: str, overrides: tuple[str, ...] = ()) -> str:
    """A recipe without its budget, as text: runs with equal texts are one task."""
    from automed.recipe import dump, load
    from automed.runtime import environ

    without = ("search.trials=1", "search.minutes=", "search.workers=auto", "search.finalists=1")
    return dump(load(source, (*overrides, *without), environ=environ()), resolved=True)


def _go_on(run: Run) -> str:
    return f"What was finished is kept. Go on with: automed search {run.folder} --resume"


def _of_budget(overrides: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in overrides if text.partition("=")[0].strip() in BUDGET)


def _command(target: str, overrides: tuple[str, ...], out: Path | None, resume: bool) -> str:
    """The command as it can be typed again."""
    words = ["automed", "search", target]
    for text in overrides:
        words += ["--set", text]
    words += ["--out", str(out)] if out else []
    return shlex.join(words + ["--resume"] * resume)


def _display(recipe: Recipe, run: Run, *, json: bool, quiet: bool) -> Display:
    """Rows on a terminal, lines in a log; with --json or --quiet warnings alone, on stderr."""
    import sys

    if json or quiet:
        from automed.cli.plain import Warnings

        return Warnings(console.tell)
    if sys.stdout.isatty():
        from automed.cli.live import Screened

        return Screened(console.out(), f"{recipe.name}  {recipe.title}".rstrip(), str(run.folder))
    from automed.cli.plain import Plain

    console.say(f"{recipe.name}: {run.folder}")
    return Plain(console.say)


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "run": str(outcome.run.folder),
        "status": outcome.status,
        "index": str(outcome.run.index),
        "leaderboard": outcome.leaderboard,
        "finalists": outcome.finalists,
    }


def _summarise(recipe: Recipe, outcome: Outcome) -> None:
    from automed.cli import summary

    summary.print_outcome(
        recipe.name,
        outcome.status,
        str(outcome.run.folder),
        str(outcome.run.index),
        outcome.leaderboard,
        outcome.finalists,
        console.out(),
    )
