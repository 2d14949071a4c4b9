"""How the cells of a benchmark and what became of them look on a terminal and in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automed.cli import console
from automed.cli.runs import figure, interval

if TYPE_CHECKING:
    from automed.benchmark.record import Cell


def teller(*, quiet: bool) -> Any:
    """What listens to a benchmark: a line when a cell begins and one when it ends; when quiet, warnings alone."""
    from automed.benchmark.conduct import CellEnded, CellStarted
    from automed.events import Note

    def tell(event: Any) -> None:
        if isinstance(event, Note) and event.warning:
            console.tell(f"warning: {event.text}")
        elif quiet:
            return
        elif isinstance(event, Note):
            console.say(event.text)
        elif isinstance(event, CellStarted):
            what = f"{event.recipe}, seed {event.seed}, {event.engine}"
            console.say(f"{event.place} of {event.total}  {what}  (about {_minutes(event.left)} left)")
        elif isinstance(event, CellEnded):
            console.say(f"    {_outcome(event.cell)}")

    return tell


def print_cells(cells: list[Cell]) -> None:
    """A row a cell: its score with the interval, or why there is none."""
    numbers = ("s", "MB", "trials")
    table = console.table("recipe", "seed", "engine", "macro-F1", "95 % interval", "AUROC", *numbers, right=numbers)
    for cell in cells:
        told = (figure(cell.value()), interval(_ci95(cell)), figure(cell.value("auroc")))
        if cell.status != "done":
            told = (cell.status, cell.reason or "", "")
        trials = "" if cell.trials is None else str(cell.trials)
        used = (f"{cell.seconds:.0f}", f"{cell.memory_mb:.0f}", trials)
        table.add_row(cell.recipe, str(cell.seed), cell.engine, *told, *used)
    console.out().print(table)


def print_changes(document: dict[str, Any]) -> None:
    """A row a recipe and engine with its verdict, then the gates that were not met, then the sentence.

    Args:
        document: of `benchmark.verdict.conclude`.
    """
    columns = ("recipe", "engine", "verdict", "difference", "95 % interval", "p (Holm)", "why")
    table = console.table(*columns, fold="why")
    for one in document["changes"]:
        span = "" if one["ci95"] is None else "{:+.3f} to {:+.3f}".format(*one["ci95"])
        difference = "" if one["difference"] is None else f"{one['difference']:+.3f}"
        p = "" if one["p_holm"] is None else f"{one['p_holm']:.3f}"
        table.add_row(one["recipe"], one["engine"], one["verdict"], difference, span, p, one["reason"])
    if document["changes"]:
        console.out().print(table)
    for gate in document["gates"]:
        found = "not known" if gate["found"] is None else f"{gate['found']:.3g}"
        cell = f"{gate['recipe']}, {gate['engine']}, seed {gate['seed']}"
        console.say(f"gate {gate['state']}: {cell}: {gate['gate']} {found}, limit {gate['limit']:g}")
    console.say(f"\n{document['sentence']}")


def _outcome(cell: Cell) -> str:
    if cell.status != "done":
        return f"{cell.status}: {cell.reason}"
    score = f"macro-F1 {figure(cell.value())} ({interval(_ci95(cell))})"
    return f"{score}, {cell.seconds:.0f} s, {cell.memory_mb:.0f} MB"


def _ci95(cell: Cell) -> Any:
    return (cell.scores.get("macro_f1") or {}).get("ci95")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
