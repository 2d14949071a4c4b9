"""The scores of one finalist from its predictions: test and validation, against each baseline, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.errors import RunError
from automed.evaluate.decide import Rule, decide
from automed.evaluate.scores import compare, score
from automed.run import Finalist, Run, read_json


@dataclass(frozen=True, eq=False)
class _Part:
    """One split of a model's predictions: y (n,) or (n, labels), probabilities (n, classes), the others (n,)."""

    record: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    patient: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Predictions:
    """What a model said about test and validation, and the rule of decision fitted on the latter."""

    test: _Part
    validation: _Part
    rule: Rule

    @property
    def decision(self) -> dict[str, Any]:
        thresholds = self.rule.thresholds
        return {"thresholds": None if thresholds is None else list(thresholds), "reason": self.rule.reason}


def evaluate(run: Run, finalist: Finalist) -> dict[str, Any]:
    """The content of scores.json.

    How probabilities become decisions is fitted on the validation predictions of the finalist, and of each baseline on
    its own, and then applied once to the test. Where thresholds were fitted there, the validation figures are marked
    as `tuned`.

    Raises:
        RunError: names the file where an artefact is missing, damaged, or of other records than the finalist's.
    """
    facts = read_json(run.data)
    seed = read_json(run.manifest).get("seed") or 0
    task = facts.get("task") or "multiclass"
    classes = tuple(entry["key"] for entry in facts["classes"])
    urgent = [place for place, entry in enumerate(facts["classes"]) if entry["urgent"]]
    positive = urgent[0] if len(classes) == 2 and len(urgent) == 1 else None
    patients = _table(run.splits).set_index("record")["patient"]

    def figures(part: _Part, rule: Rule) -> dict[str, Any]:
        predicted = rule(part.probabilities)
        return score(
            part.y,
            part.probabilities,
            part.patient,
            classes,
            seed,
            positive=positive,
            predicted=predicted,
            task=task,
        )

    own = _predictions(finalist.predictions, task, classes, patients)
    result: dict[str, Any] = {
        "finalist": finalist.name,
        "decision": own.decision,
        "test": figures(own.test, own.rule),
        "validation": figures(own.validation, own.rule) | {"tuned": own.rule.thresholds is not None},
        "against": {},
        "baselines": {},
    }
    for file in sorted(run.baselines.glob("*.parquet")):
        theirs = _predictions(file, task, classes, patients)
        same = np.array_equal(own.test.record, theirs.test.record) and np.array_equal(own.test.y, theirs.test.y)
        if not same:
            raise RunError("holds other test records than the finalist", where=str(file))
        result["against"][file.stem] = compare(
            own.test.y,
            own.test.probabilities,
            theirs.test.probabilities,
            own.test.patient,
            classes,
            seed=seed,
            positive=positive,
            predicted=own.rule(own.test.probabilities),
            predicted_baseline=theirs.rule(theirs.test.probabilities),
            task=task,
        )
        result["baselines"][file.stem] = {"test": figures(theirs.test, theirs.rule), "decision": theirs.decision}
    return result


def _predictions(path: Path, task: str, classes: tuple[str, ...], patients: pd.Series[Any]) -> _Predictions:
    table = _table(path)
    try:
        test, validation = (_part(table, split, task, len(classes), patients) for split in ("test", "validation"))
    except KeyError as problem:
        raise RunError("lacks a column or names a record that is in no split", where=str(path)) from problem
    return _Predictions(test, validation, decide(task, validation.y, validation.probabilities, classes=classes))


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as problem:
        raise RunError("cannot be read", where=str(path)) from problem


def _part(table: pd.DataFrame, split: str, task: str, classes: int, patients: pd.Series[Any]) -> _Part:
    rows = table[table["split"] == split]
    y = rows[[f"y_{k}" for k in range(classes)]] if task == "multilabel" else rows["label"]
    probabilities = rows[[f"p_{k}" for k in range(classes)]].to_numpy(np.float64)
    patient = pd.factorize(patients.loc[rows["record"]])[0].astype(np.int64)
    return _Part(rows["record"].to_numpy(np.int64), y.to_numpy(np.int64), probabilities, patient)
