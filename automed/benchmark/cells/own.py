"""A cell of ours: `automed search` as a user would type it, in a process of its own, read from the run it leaves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from automed.benchmark.cells.child import Ended
from automed.benchmark.cells.work import Work, figures, gates_missed, import_path
from automed.benchmark.record import Answers, Cell
from automed.errors import AutomedError
from automed.evaluate import predictions
from automed.models.card import read_card
from automed.recipe import dump, load
from automed.run import Run, read_json, read_json_lines, write_text
from automed.runtime import environ


def cell(work: Work) -> tuple[Cell, Answers | None]:
    """Search, and read what came out; whatever goes wrong is the cell's reason."""
    recipe = work.suite.recipe(work.recipe, seed=work.seed, engine=work.engine)
    file, folder = work.folder / "recipe.yaml", work.folder / "run"
    write_text(file, dump(recipe, resolved=True))
    command = [sys.executable, "-m", "automed", "search", str(file), "--out", str(folder), "--quiet"]
    ended = work.run(command, {**environ(), "PYTHONPATH": import_path()})
    detail: dict[str, Any] = {"run": str(folder), "python": sys.executable}
    reason = work.stopped_by_us(ended) or (None if ended.code == 0 else _why(ended, folder))
    if reason:
        return work.cell("failed", reason, ended, detail=detail), None
    try:
        return _read(work, Run.open(folder), ended, detail)
    except AutomedError as problem:
        return work.cell("failed", problem.what, ended, detail=detail), None


def _read(work: Work, run: Run, ended: Ended, detail: dict[str, Any]) -> tuple[Cell, Answers | None]:
    finalist = run.finalists()[0]
    settings = load(run.recipe, environ=environ()).evaluate
    said = predictions.of_finalist(run, finalist, settings, read_card(finalist.model))
    scores, validation, answers, further = figures(said)
    audit = read_json(finalist.audit) if finalist.audit.is_file() else None
    trained = {line["number"] for line in read_json_lines(run.trials) if line.get("event") == "start"}
    detail |= further | {"chosen": finalist.name.partition("-")[2]}
    done = work.cell(
        "done",
        None,
        ended,
        scores=scores,
        validation=validation,
        trials=len(trained),
        fingerprint=read_json(run.data)["fingerprint"],
        detail=detail,
    )
    detail["gates"] = gates_missed(work, done, audit)
    return done, answers


def _why(ended: Ended, folder: Path) -> str:
    """How a search failed: what its manifest says, else its last line."""
    manifest = folder / "manifest.json"
    said = read_json(manifest).get("reason") if manifest.is_file() else None
    return str(said or ended.last or f"ended with exit code {ended.code}")
