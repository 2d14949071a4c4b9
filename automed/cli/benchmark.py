"""The verbs `automed benchmark run`, `compare` and `show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automed.cli import cells, console, options
from automed.cli.search import stoppable

if TYPE_CHECKING:
    from automed.benchmark.conduct import Done
    from automed.benchmark.history import History
    from automed.benchmark.record import Point
    from automed.benchmark.suite import Suite as SuiteModel

BENCHMARKS = Path("reports/benchmarks")
STOPPING = "stopping: the cell that is running is left, what was finished is kept"


def complete_suite(incomplete: str) -> list[tuple[str, str]]:
    """Shipped suites and files, for the shell's completion."""
    from automed.benchmark.suite import shipped

    names = [(name, options.title(path)) for name, path in shipped().items() if name.startswith(incomplete)]
    return names + [pair for pair in options.complete_recipe(incomplete) if "/" in pair[0] or "." in pair[0]]


Suite = Annotated[
    str,
    typer.Argument(
        metavar="SUITE",
        help="A suite file, or the name of one that comes with automed (smoke, medical, medmnist).",
        autocompletion=complete_suite,
        show_default=False,
    ),
]
Folder = Annotated[
    Path, typer.Option("--in", metavar="FOLDER", help="Where histories lie.", file_okay=False, show_default=True)
]
Pythons = Annotated[
    list[str] | None,
    typer.Option(
        "--python",
        metavar="ENGINE=PATH",
        help="The interpreter of a rival that needs one of its own; may be given several times.",
        show_default=False,
    ),
]
Hook = Annotated[
    str | None,
    typer.Option(
        "--hook",
        metavar="COMMAND",
        help="Called after each run with the verdict as JSON on its input; $AUTOMED_VERDICT names its file.",
        show_default=False,
    ),
]
Gate = Annotated[
    bool,
    typer.Option(
        "--gate",
        help="Leave with 4 where a recipe got worse or a gate was missed, with 5 where that could not be decided.",
    ),
]


def run(
    suite: Suite,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A recipe or an engine of the suite: leave out the others; may be given several times.",
            show_default=False,
        ),
    ] = None,
    python: Pythons = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, even where the last point is not whole.")] = False,
    gate: Gate = False,
    hook: Hook = None,
    folder: Folder = BENCHMARKS,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run a suite: every recipe with every seed and every engine, each in a
    process of its own with the same minutes and cores, on the same splits.

    Every cell is kept in the history as soon as it has ended; one that
    failed is a row with its reason. A benchmark that was cut goes on where
    it was when the same command is given again. At the end the point is
    held against the one before it, and the page is written.

    [bold]Examples[/bold]

      automed benchmark run smoke
      automed benchmark run medical --only breast --python autokeras=/opt/autokeras/bin/python
    """
    from automed.benchmark import conduct
    from automed.benchmark.hook import split
    from automed.errors import Interrupted

    loaded = _load(suite)
    if hook is not None:
        split(hook)  # told now, and not after an hour
    wanted = conduct.plan(loaded, only=tuple(only or ()), pythons=tuple(python or ()))
    tell = cells.teller(quiet=quiet or json)
    try:
        with stoppable(lambda: console.tell(STOPPING)) as stop:
            done = conduct.run(loaded, wanted, parent=folder, fresh=fresh, listen=tell, stop=stop)
    except KeyboardInterrupt:
        raise Interrupted("left at once", hint="What was finished is kept. Go on with the same command.") from None
    _conclude(loaded, done, folder, hook, gate=gate, json=json)


def compare(
    suite: Suite,
    before: Annotated[
        int | None,
        typer.Argument(metavar="BEFORE", help="A point's number.", show_default="the last whole one before AFTER"),
    ] = None,
    after: Annotated[
        int | None, typer.Argument(metavar="AFTER", help="A point's number.", show_default="the newest whole one")
    ] = None,
    gate: Gate = False,
    folder: Folder = BENCHMARKS,
    json: options.Json = False,
) -> None:
    """Decide for each recipe whether a later point is better, the same or
    worse than an earlier one, or that it could not be decided.

    Models are tested in pairs on the same test records and seeds, corrected
    for the number of tests. A recipe that has changed in between is not
    comparable, and that is said.

    [bold]Examples[/bold]

      automed benchmark compare medical
      automed benchmark compare medical 3 7 --gate
    """
    from automed.benchmark.comparison import verdict

    loaded = _load(suite)
    with _history(loaded, folder) as history:
        first, second = _points(history, loaded, before, after)
        document = verdict.conclude(history, first, second, margin=loaded.margin)
    if json:
        console.emit(document)
    else:
        cells.print_changes(document)
    _leave(document, gate=gate)


def show(
    suite: Suite,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the page goes.", dir_okay=False, show_default="index.html beside the history"
        ),
    ] = None,
    folder: Folder = BENCHMARKS,
    json: options.Json = False,
) -> None:
    """Render the page of a suite's history: the latest table with rivals and
    published numbers, ranks, trends, and what changed.

    [bold]Examples[/bold]

      automed benchmark show medical
      automed benchmark show performance
    """
    from automed.benchmark import page

    loaded = None if suite == PERFORMANCE else _load(suite)
    with _history(loaded, folder) as history:
        shown = page.show(history, loaded, out or history.folder / "index.html")
    if json:
        console.emit({"page": str(shown)})
    else:
        console.say(f"page  {shown}")


PERFORMANCE = "performance"  # the history of `make bench`, which no suite describes


def _load(suite: str) -> SuiteModel:
    from automed.benchmark import suite as suites
    from automed.runtime import environ

    return suites.load(suite, environ=environ())


def _history(suite: SuiteModel | None, parent: Path) -> History:
    from automed.benchmark.history import History

    history = History.open(parent / (suite.name if suite else PERFORMANCE), create=False)
    if history.recovered:
        console.tell(f"warning: {history.recovered}")
    return history


def _points(history: History, suite: SuiteModel, before: int | None, after: int | None) -> tuple[Point, Point]:
    """The two points that a person means."""
    from automed.errors import UsageError

    whole = [point for point in history.points() if any(n["event"] == "ended" for n in history.notes(point.id))]
    if after is None:
        if not whole:
            raise UsageError("no point of this suite is whole yet", hint=f"automed benchmark run {suite.name}")
        second = whole[-1]
    else:
        second = history.point(after)
    if before is not None:
        return history.point(before), second
    earlier = [point for point in whole if point.id < second.id]
    if not earlier:
        raise UsageError(
            f"point {second.id} is the first whole one: there is nothing to compare it with",
            where=str(history.file),
            hint=f"automed benchmark run {suite.name} adds another.",
        )
    return earlier[-1], second


def _conclude(suite: SuiteModel, done: Done, folder: Path, hook: str | None, *, gate: bool, json: bool) -> None:
    """The verdict, the page, the hook, and the exit code."""
    from automed.benchmark import page
    from automed.benchmark.comparison import verdict
    from automed.benchmark.hook import call
    from automed.errors import UsageError

    with _history(suite, folder) as history:
        try:
            before, after = _points(history, suite, None, done.point.id)
        except UsageError:
            before, after = None, done.point
        document = verdict.conclude(history, before, after, margin=suite.margin)
        # Before the page: whoever is on call must hear of it, even where a page cannot be written.
        if hook is not None and (problem := call(hook, document, where=history.folder)):
            console.tell(f"warning: {problem}")
            history.note(after.id, "hook", problem=problem)
        shown = page.show(history, suite, history.folder / "index.html")
    if json:
        console.emit({**document, "page": str(shown)})
    else:
        cells.print_cells(done.cells)
        cells.print_changes(document)
        console.say(f"page  {shown}")
    _leave(document, gate=gate)


def _leave(document: dict[str, Any], *, gate: bool) -> None:
    from automed.benchmark.comparison.verdict import exit_code

    code = exit_code(document) if gate else 0
    if code:
        raise typer.Exit(code)
