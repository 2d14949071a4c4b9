"""A cell of a rival: a script in an interpreter that has what it needs, handed files, answering with files."""

from __future__ import annotations

import shutil
import sys
from typing import Any

from automed.benchmark.cells import handover
from automed.benchmark.cells.code import script_digest
from automed.benchmark.cells.work import Work, figures, import_path
from automed.benchmark.record import Answers, Cell
from automed.benchmark.rivals import RIVALS
from automed.data.dataset import Dataset
from automed.errors import AutomedError
from automed.recipe import load
from automed.runtime import Share, cores, environ, worker_environment

UNSUITED, LACKING = 64, 65  # exit codes of a rival's script


def cell(work: Work) -> tuple[Cell, Answers | None]:
    """Hand over, wait, and score the answer; whatever goes wrong is the cell's reason."""
    data = Dataset.open(work.prepared)
    kinds = [str(entry["kind"]) for entry in data.facts["inputs"].values()]
    fingerprint = data.facts["fingerprint"]
    rival = RIVALS[work.engine]
    if not rival.suits(kinds):
        reason = f"reads no {' and no '.join(sorted(set(kinds)))}"
        return work.cell("unsuited", reason, None, fingerprint=fingerprint), None
    budget = work.suite.budget
    given = work.folder / "given"
    share = min(budget.cores or cores(), cores())
    handover.give(data, given, seed=work.seed, seconds=budget.seconds, trials=budget.trials, cores=share)
    environment = {**worker_environment(Share(share)), "KERAS_BACKEND": "tensorflow"}
    if rival.ours:
        environment["PYTHONPATH"] = import_path()
    else:
        environment.pop("PYTHONPATH", None)
    ended = work.run([work.python or sys.executable, str(rival.script), str(given)], environment)
    detail: dict[str, Any] = {"python": work.python or sys.executable, "script": script_digest(rival.script)}
    try:
        if stopped := work.stopped_by_us(ended):
            return work.cell("failed", stopped, ended, fingerprint=fingerprint, detail=detail), None
        if ended.code == UNSUITED:
            return work.cell("unsuited", ended.last, ended, fingerprint=fingerprint, detail=detail), None
        if ended.code != 0:
            reason = ended.last or f"ended with exit code {ended.code}"
            return work.cell("failed", reason, ended, fingerprint=fingerprint, detail=detail), None
        settings = load(work.prepared.recipe, environ=environ()).evaluate
        said, also = handover.take(data, given, work.engine, settings, work.seed)
        scores, validation, answers, further = figures(said)
    except AutomedError as problem:
        return work.cell("failed", problem.what, ended, fingerprint=fingerprint, detail=detail), None
    finally:
        shutil.rmtree(given, ignore_errors=True)  # the records, as arrays: large, and in the cache already
    detail |= further | {key: also.get(key) for key in ("chosen", "versions", "search_seconds")}
    done = work.cell(
        "done",
        None,
        ended,
        scores=scores,
        validation=validation,
        trials=also.get("trials"),
        fingerprint=fingerprint,
        detail=detail,
    )
    return done, answers
