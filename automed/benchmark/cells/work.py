"""One cell that is to be done, and the scores of what a model answered in it: the same for ours and for rivals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from automed.benchmark.cells import child
from automed.benchmark.cells.child import Ended
from automed.benchmark.record import Answers, Cell, Status
from automed.benchmark.suite import Suite
from automed.evaluate.predictions import Predictions
from automed.evaluate.scores import score
from automed.run import Run, now
from automed.runtime import environ

SCORES = ("macro_f1", "accuracy", "balanced_accuracy", "auroc", "auprc", "mcc", "brier", "log_loss")


@dataclass(frozen=True)
class Work:
    """One recipe, one seed and one engine of a suite.

    Attributes:
        suite: that it belongs to.
        point: id of the point.
        recipe: name in the suite.
        seed: of the search or the rival.
        engine: a name of ENGINES.
        prepared: a run folder whose data are ready.
        folder: where the cell leaves its files.
        python: the interpreter that was named for the engine; None for this one.
        stop: whether the user has asked to stop.
    """

    suite: Suite
    point: int
    recipe: str
    seed: int
    engine: str
    prepared: Run
    folder: Path
    python: str | None = None
    stop: Callable[[], bool] = lambda: False

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> Ended:
        """Run the cell's process under the limits of the suite; what it writes goes to log.txt."""
        budget = self.suite.budget
        return child.run(
            command,
            self.folder / "log.txt",
            environment=environment,
            seconds=budget.longest,
            memory_mb=None if budget.memory_gb is None else 1000 * budget.memory_gb,
            cores=budget.cores,
            stop=self.stop,
        )

    def cell(self, status: Status, reason: str | None, ended: Ended | None, **known: Any) -> Cell:
        """What came out; `known` are further fields of Cell."""
        fields: dict[str, Any] = {
            "scores": {},
            "validation": None,
            "trials": None,
            "fingerprint": None,
            "detail": {},
            **known,
        }
        return Cell(
            point=self.point,
            recipe=self.recipe,
            digest=self.suite.digest_of(self.recipe),
            seed=self.seed,
            engine=self.engine,
            status=status,
            reason=reason,
            seconds=round(ended.seconds, 2) if ended else 0.0,
            memory_mb=round(ended.memory_mb, 1) if ended else 0.0,
            ended=now(),
            **fields,
        )

    def stopped_by_us(self, ended: Ended) -> str | None:
        """Why a process did not end by itself, in words."""
        budget = self.suite.budget
        if ended.why == "time":
            return f"took longer than {budget.longest:,.0f} s ({budget.patience:g} x its minutes and two more)"
        if ended.why == "memory":
            return f"used more than {budget.memory_gb:g} GB ({ended.memory_mb / 1000:.1f} GB when it was stopped)"
        return None


def import_path() -> str:
    """The PYTHONPATH under which the code that runs this is what is measured, wherever the command was typed."""
    import automed

    own = str(Path(automed.__file__).resolve().parent.parent)
    known = environ().get("PYTHONPATH")
    return f"{own}:{known}" if known else own


def figures(said: Predictions) -> tuple[dict[str, Any], float | None, Answers, dict[str, Any]]:
    """Scores of the test set, macro-F1 of validation, the answers, and what argmax alone would have scored.

    Every engine's probabilities are read by the rule of the recipe, fitted on its own validation answers; so that a
    score compares models and not how their probabilities happen to be cut. What the most probable class alone scores
    is kept beside it.
    """
    test, validation = said.sample(), said.sample("validation")
    whole = score(
        test.y,
        test.probabilities,
        said.test.patient,
        said.task.classes,
        said.task.seed,
        positive=said.task.positive,
        predicted=test.predicted,
        task=said.task.kind,
    )
    scores = {name: whole[name] for name in SCORES if name in whole}
    order = np.argsort(said.test.record, kind="stable")
    answers = Answers(
        record=said.test.record[order],
        patient=said.test.patient[order],
        y=said.test.y[order],
        predicted=test.predicted[order],
        probabilities=test.probabilities[order],
        classes=said.task.classes,
        task=said.task.kind,
        positive=said.task.positive,
    )
    return scores, macro_f1(validation.y, validation.predicted), answers, {"macro_f1_argmax": _argmax(said)}


def macro_f1(y: Any, predicted: Any) -> float:
    """By scikit-learn, over the classes that are there."""
    from sklearn.metrics import f1_score

    return float(f1_score(y, predicted, average="macro", zero_division=0))


def _argmax(said: Predictions) -> float | None:
    if said.task.kind == "multilabel":
        return macro_f1(said.test.y, (said.test.raw >= 0.5).astype(int))
    return macro_f1(said.test.y, said.test.raw.argmax(axis=1))


def gates_missed(work: Work, cell: Cell, audit: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The gates of a cell of ours that are not met or could not be decided: [{"gate", "limit", "found", "state"}]."""
    gates = work.suite.gates_of(work.recipe)
    found: list[dict[str, Any]] = []

    def hold(gate: str, limit: float | None, value: float | None, missed: bool, reason: str = "") -> None:
        if limit is not None and (missed or value is None):
            state = "missed" if value is not None else "undecided"
            found.append({"gate": gate, "limit": limit, "found": value, "state": state, "reason": reason})

    score_ = cell.value()
    hold("macro_f1", gates.macro_f1, score_, score_ is not None and score_ < (gates.macro_f1 or 0))
    minutes = cell.seconds / 60
    hold("minutes", gates.minutes, minutes, minutes > (gates.minutes or np.inf))
    memory = cell.memory_mb / 1000
    hold("memory_gb", gates.memory_gb, memory, memory > (gates.memory_gb or np.inf))
    if gates.gap is not None:
        _hold_gap(hold, gates.gap, audit)
    return found


def _hold_gap(hold: Callable[..., None], limit: float, audit: Mapping[str, Any] | None) -> None:
    """A gap is beyond its limit where its whole interval is, and within where its whole interval is; else undecided."""
    if audit is None:
        hold("gap", limit, None, missed=False, reason="no group was audited")
        return
    kinds = audit["settings"]["gate"]
    gaps = [gap for gap in audit["gaps"] if gap["kind"] in kinds]
    known = [gap for gap in gaps if gap["ci95"] is not None]
    if not known:
        hold("gap", limit, None, missed=False, reason="no gap is estimable")
        return
    worst = max(known, key=lambda gap: (gap["ci95"][0] > limit, gap["value"]))
    if worst["ci95"][0] > limit:
        hold("gap", limit, worst["value"], missed=True, reason=worst["kind"])
    elif any(gap["ci95"][1] > limit for gap in known) or len(known) < len(gaps):
        hold("gap", limit, None, missed=False, reason=f"{worst['kind']} could not be decided with these records")
