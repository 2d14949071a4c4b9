"""What models said about the validation and test records of a run, read from its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automed.errors import DataError, RunError
from automed.evaluate import fitted, readout
from automed.evaluate.fitted import Fitted
from automed.evaluate.readout import Readout
from automed.evaluate.sample import Sample, collect
from automed.recipe.evaluate import Evaluate
from automed.run import Finalist, Run, read_json


@dataclass(frozen=True, eq=False)
class Part:
    """One split of a model's predictions.

    Attributes:
        record: int64 (n,), row numbers.
        y: int64 (n,), index of the reference class; of labels (n, labels) of 0 and 1.
        raw: float64 (n, classes), the network's own probabilities.
        patient: int64 (n,), the same number for the same patient.
    """

    record: NDArray[np.int64]
    y: NDArray[np.int64]
    raw: NDArray[np.float64]
    patient: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Task:
    """What all models of a run answer: kind of task, classes, which of them are urgent, the positive one of two."""

    kind: str
    classes: tuple[str, ...]
    urgent: tuple[int, ...]
    seed: int

    @property
    def positive(self) -> int | None:
        return self.urgent[0] if len(self.classes) == 2 and len(self.urgent) == 1 else None


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one model said, and how it is read.

    Attributes:
        name: of the finalist or the baseline.
        task: what it answers.
        test: of the test records.
        validation: of the validation records.
        readout: fitted on the latter.
        fitted: what else was fitted there.
    """

    name: str
    task: Task
    test: Part
    validation: Part
    readout: Readout
    fitted: Fitted = field(default_factory=Fitted)

    def sample(self, split: str = "test") -> Sample:
        """Records with calibrated probabilities and the model's decisions."""
        part = self.test if split == "test" else self.validation
        return self._collect(part, self.readout.probabilities(part.raw))

    def uncalibrated(self, split: str = "test") -> Sample:
        """The same decisions with the network's own probabilities."""
        part = self.test if split == "test" else self.validation
        return self._collect(part, part.raw)

    def _collect(self, part: Part, probabilities: NDArray[np.float64]) -> Sample:
        return collect(
            part.y,
            probabilities,
            predicted=self.readout(part.raw),
            positive=self.task.positive,
            classes=self.task.classes,
            task=self.task.kind,
        )


def task_of(run: Run) -> Task:
    """What the models of a run answer, by data.json."""
    facts = read_json(run.data)
    classes = tuple(entry["key"] for entry in facts["classes"])
    urgent = tuple(place for place, entry in enumerate(facts["classes"]) if entry["urgent"])
    seed = read_json(run.manifest).get("seed") or 0 if run.manifest.is_file() else 0
    return Task(facts.get("task") or "multiclass", classes, urgent, seed)


def of_finalist(run: Run, finalist: Finalist, settings: Evaluate, card: Mapping[str, Any]) -> Predictions:
    """The predictions of a finalist, read as its model's card says.

    Raises:
        RunError: names the file where it is missing, damaged, or holds probabilities that are not numbers.
        DataError: there is no test record.
    """
    return read(finalist.name, finalist.predictions, run, settings, card)


def of_baselines(run: Run, settings: Evaluate) -> dict[str, Predictions]:
    """The predictions of each baseline by name; raises as `of_finalist`."""
    found = {}
    for file in sorted(run.baselines.glob("*.parquet")):
        beside = file.with_suffix(".json")
        card = read_json(beside) if beside.is_file() else {}
        found[file.stem] = read(file.stem, file, run, settings, card)
    return found


def read(name: str, file: Path, run: Run, settings: Evaluate, card: Mapping[str, Any]) -> Predictions:
    """The predictions in one file; a card that says nothing of decisions has them fitted on validation."""
    task = task_of(run)
    table, patients = parquet(file), parquet(run.splits).set_index("record")["patient"]
    try:
        test, validation = (_part(table, split, task, patients) for split in ("test", "validation"))
    except KeyError as problem:
        raise RunError("lacks a column or names a record that is in no split", where=str(file)) from problem
    for part in (test, validation):
        broken = int((~np.isfinite(part.raw)).any(axis=1).sum())
        if broken:
            raise RunError(
                f"{broken} of {len(part.raw)} rows of probabilities are not numbers",
                where=str(file),
                hint="The model is broken: its training diverged, or its file was changed.",
            )
    if not len(test.record):
        raise DataError("there is no test record", where=str(file), hint="Give the split a test part.")
    said = Predictions(name, task, test, validation, _reading(settings, task, validation, card))
    known = fitted.read(card)
    if not known.operating and len(validation.record):
        known = fitted.fit(settings, said.sample("validation"), task.urgent)
    return replace(said, fitted=known)


def _reading(settings: Evaluate, task: Task, validation: Part, card: Mapping[str, Any]) -> Readout:
    if "decision" in card or not len(validation.record):
        return readout.read(card, task.kind, task.classes)
    return fit_readout(settings, task, validation)


def fit_readout(settings: Evaluate, task: Task, validation: Part) -> Readout:
    """How probabilities become decisions, fitted on what a model said about the validation records."""
    return readout.fit(
        settings,
        task.kind,
        validation.y,
        validation.raw,
        validation.patient,
        classes=task.classes,
        positive=task.positive,
        seed=task.seed,
    )


def parquet(path: Path) -> pd.DataFrame:
    """A table of a run; raises RunError that names the file where it is missing or damaged."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as problem:
        raise RunError("cannot be read", where=str(path)) from problem


def _part(table: pd.DataFrame, split: str, task: Task, patients: pd.Series[Any]) -> Part:
    rows = table[table["split"] == split]
    width = range(len(task.classes))
    y = rows[[f"y_{k}" for k in width]] if task.kind == "multilabel" else rows["label"]
    raw = rows[[f"p_{k}" for k in width]].to_numpy(np.float64)
    patient = pd.factorize(patients.loc[rows["record"]])[0].astype(np.int64)
    return Part(rows["record"].to_numpy(np.int64), y.to_numpy(np.int64), raw, patient)
