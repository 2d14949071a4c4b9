"""What a comparison comes to: one document for the hook, for --json and for people, and the exit code of the gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from automed.benchmark import OURS
from automed.benchmark.record import Cell, Point

if TYPE_CHECKING:
    from automed.benchmark.history import History

VERSION = 1
ORDER = ("worse", "undecided", "not comparable", "better", "same")  # what is said first
PASSED, MISSED, UNDECIDED = 0, 4, 5


def conclude(history: History, before: Point | None, after: Point, *, margin: float = 0.02) -> dict[str, Any]:
    """Compare two points and say what it comes to, gates included.

    Args:
        history: of the suite.
        before: what is held against; None where `after` is the first point.
        after: what is asked about.
        margin: the difference that does not matter.

    Returns:
        As `summary`.
    """
    from automed.benchmark.comparison.compare import compare

    changes = [] if before is None else [asdict(change) for change in compare(history, before, after, margin=margin)]
    cells = history.cells(after.id)
    return summary(changes, gates_of(cells), before=before, after=after, failed=failures(cells))


def summary(
    changes: Sequence[dict[str, Any]],
    gates: Sequence[dict[str, Any]],
    *,
    before: Point | None,
    after: Point,
    failed: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """What is said of two points.

    Args:
        changes: fields of Change.
        gates: as `gates_of` gives them.
        before: None where there is no earlier point.
        after: what is asked about.
        failed: as `failures` gives them.

    Returns:
        {"version": 1, "suite", "before": {"id", "revision", "started"} or null, "after": the same, "verdict":
        "worse" | "undecided" | "better" | "same", "changes": [fields of Change], "gates": [{"recipe", "engine", "seed",
        "gate", "limit", "found", "state": "missed" | "undecided", "reason"}], "failed": [{"recipe", "engine", "seed",
        "reason"}], "sentence"}. Without an earlier point there is nothing to decide, and the verdict is undecided.
    """
    told = [{**change, "ci95": None if change["ci95"] is None else list(change["ci95"])} for change in changes]
    told.sort(key=lambda change: ORDER.index(change["verdict"]))
    verdict = _verdict([change["verdict"] for change in told])
    return {
        "version": VERSION,
        "suite": after.suite,
        "before": None if before is None else _point(before),
        "after": _point(after),
        "verdict": verdict,
        "changes": told,
        "gates": [dict(gate) for gate in gates],
        "failed": [dict(cell) for cell in failed],
        "sentence": _sentence(verdict, told, gates, failed, before, after),
    }


def exit_code(document: dict[str, Any]) -> int:
    """Under --gate: 4 where anything is worse or a gate is missed, 5 where anything could not be decided, else 0.

    Where there is no earlier point, none of its changes could be asked for: gates and failures alone decide.
    """
    verdicts = {change["verdict"] for change in document["changes"]}
    states = {gate["state"] for gate in document["gates"]}
    if "worse" in verdicts or "missed" in states:
        return MISSED
    nothing = document["before"] is not None and not verdicts
    if verdicts & {"undecided", "not comparable"} or states or document["failed"] or nothing:
        return UNDECIDED
    return PASSED


def gates_of(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """The gates that cells missed, or that could not be decided: those of `Cell.detail`, with the cell they are of."""
    return [
        {"recipe": cell.recipe, "engine": cell.engine, "seed": cell.seed, "reason": "", **gate}
        for cell in cells
        for gate in cell.detail.get("gates", ())
    ]


def failures(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Our own cells that failed: what was to be checked of them could not be."""
    return [
        {"recipe": cell.recipe, "engine": cell.engine, "seed": cell.seed, "reason": cell.reason}
        for cell in cells
        if cell.status == "failed" and cell.engine in OURS
    ]


def _verdict(verdicts: Sequence[str]) -> str:
    if "worse" in verdicts:
        return "worse"
    if not verdicts or {"undecided", "not comparable"} & set(verdicts):
        return "undecided"
    return "better" if "better" in verdicts else "same"


def _point(point: Point) -> dict[str, Any]:
    return {"id": point.id, "revision": point.revision, "started": point.started}


def _sentence(
    verdict: str,
    changes: Sequence[dict[str, Any]],
    gates: Sequence[dict[str, Any]],
    failed: Sequence[dict[str, Any]],
    before: Point | None,
    after: Point,
) -> str:
    if before is None:
        said = f"Before point {after.id} there is no whole one to compare it with"
    elif not changes:
        said = f"Points {before.id} and {after.id} have no cell of ours: nothing could be compared"
    else:
        counts = {name: [c for c in changes if c["verdict"] == name] for name in ORDER}
        parts = [f"{name}: {_named(found)}" for name, found in counts.items() if found]
        head = "undecided" if verdict == "undecided" else verdict
        said = f"Point {after.id} against point {before.id}: {head} ({'; '.join(parts)})"
    missed = sum(gate["state"] == "missed" for gate in gates)
    if missed:
        said += f"; {missed} {'gate' if missed == 1 else 'gates'} missed"
    if len(gates) > missed:
        said += f"; {len(gates) - missed} could not be checked"
    if failed:
        said += f"; {len(failed)} {'cell' if len(failed) == 1 else 'cells'} of ours failed"
    return said + "."


def _named(changes: Sequence[dict[str, Any]]) -> str:
    """The recipes, each with its engine where there are several engines."""
    several = len({change["engine"] for change in changes}) > 1
    names = [f"{c['recipe']} ({c['engine']})" if several else c["recipe"] for c in changes]
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
