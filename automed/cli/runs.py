"""The verbs `automed runs ...`, and how a run is found by what a person calls it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from automed.cli import console, options

if TYPE_CHECKING:
    from automed.run import Run

TOP = 10  # rows of a leaderboard that fit beside the rest on a screen


def list_(folder: options.Reports = options.REPORTS, json: options.Json = False) -> None:
    """List the runs below a folder, newest first, with their status and the
    best finalist's macro-F1 on the test set.

    A run whose program was killed reads as killed; it can be resumed.

    [bold]Examples[/bold]

      automed runs list
      automed runs list --in /data/reports
    """
    from automed.run import Run

    rows = [_line(run, folder) for run in Run.all(folder)]
    if json:
        console.emit(rows)
        return
    if not rows:
        console.tell(f"no runs below {folder}; start one with: automed search skin")
        return
    table = console.table("run", "status", "macro-F1", "95 % interval", right=("macro-F1",), fold="run")
    for row in rows:
        best = row["best"] or {}
        table.add_row(row["run"], row["status"], figure(best.get("macro_f1")), interval(best.get("ci95")))
    console.out().print(table)


def show(run: options.Run = "latest", folder: options.Reports = options.REPORTS, json: options.Json = False) -> None:
    """Show one run: status, data, budget, leaderboard, and finalists with
    their figures on the test set.

    RUN is a folder, its name below reports/, a recipe's name (its newest
    run), or latest.

    [bold]Examples[/bold]

      automed runs show
      automed runs show skin
      automed runs show reports/skin/20260131T101500Z-1a2b3c4d --json
    """
    from automed.cli import summary
    from automed.run import read_json

    found = find(run, folder)
    manifest = read_json(found.manifest)
    facts = {
        "run": str(found.folder),
        "status": status(found, manifest),
        "manifest": manifest,
        "data": read_json(found.data) if found.data.is_file() else None,
        "leaderboard": read_json(found.leaderboard) if found.leaderboard.is_file() else None,
        "finalists": [
            {"folder": str(f.folder), **read_json(f.scores)} for f in found.finalists() if f.scores.is_file()
        ],
        "ledger": {"lines": found.verify_ledger(), "looks_at_test": found.looks_at_test()},
        "index": str(found.index) if found.index.is_file() else None,
    }
    if json:
        console.emit(facts)
        return
    summary.print_run(facts, console.out(), TOP)


def find(name: str, parent: Path = options.REPORTS) -> Run:
    """The run that a person means: a folder, a name below `parent`, a recipe's name (its newest run), or "latest".

    Raises:
        UsageError: there is none; the hint names the nearest.
    """
    from automed.errors import UsageError
    from automed.registry import nearest
    from automed.run import Run

    if (Path(name) / "manifest.json").is_file():
        return Run.open(Path(name))
    runs = Run.all(parent)
    if not runs:
        raise UsageError(f"no run is called {name!r}", hint=f"There are no runs below {parent}: automed search skin")
    if name == "latest":
        return runs[0]
    asked = name.rstrip("/")
    for run in runs:  # newest first, so that a recipe's name means its newest run
        if asked in (run.folder.name, run.folder.relative_to(parent).as_posix(), run.folder.parent.name):
            return run
    if Path(name).is_dir():
        return Run.open(Path(name))  # says what a run folder must hold
    known = [run.folder.name for run in runs] + [run.folder.parent.name for run in runs]
    guess = nearest(asked, known)
    hint = f"Did you mean {guess!r}?" if guess else "automed runs list shows them."
    raise UsageError(f"no run is called {name!r}", hint=hint)


def status(run: Run, manifest: dict[str, Any]) -> str:
    """The status as a person should read it: a run that says running with nobody at work was killed."""
    written = str(manifest.get("status", "unknown"))
    if written != "running":
        return written
    from automed.errors import RunError

    try:
        with run.lock():
            return "killed"
    except RunError:
        return "running"
    except OSError:
        return written  # a folder that cannot be written tells no more


def figure(value: float | None) -> str:
    """A score with three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def interval(bounds: list[float] | tuple[float, float] | None) -> str:
    """An interval as "0.771 to 0.850", or a dash."""
    return "-" if not bounds else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _line(run: Run, parent: Path) -> dict[str, Any]:
    from automed.errors import RunError
    from automed.run import read_json

    shown = run.folder.relative_to(parent).as_posix()
    try:
        manifest = read_json(run.manifest)
        board = read_json(run.leaderboard) if run.leaderboard.is_file() else None
        tested = [(f, read_json(f.scores)) for f in run.finalists() if f.scores.is_file()]
    except RunError:
        return {"run": shown, "folder": str(run.folder), "status": "damaged", "trials": None, "best": None}
    best = None
    if tested:
        finalist, scores = tested[0]
        estimate = scores["test"]["macro_f1"]
        best = {"model": finalist.name, "macro_f1": estimate["value"], "ci95": estimate["ci95"], "n": estimate["n"]}
    return {
        "run": shown,
        "folder": str(run.folder),
        "status": status(run, manifest),
        "started": manifest.get("started"),
        "title": (manifest.get("recipe") or {}).get("title") or "",
        "trials": sum(row["kind"] == "trial" for row in board["rows"]) if board else None,
        "best": best,
    }
