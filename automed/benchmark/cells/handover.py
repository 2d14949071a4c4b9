"""What a rival is handed, and what it hands back: plain files, so that any interpreter can take part.

The folder holds task.json, train.npz, validation.npz and test.npz. The reference standard of the test records is not
among them: no rival can look at it, by mistake or otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.data.dataset import Dataset
from automed.errors import RunError
from automed.evaluate.predictions import Part, Predictions, Task, fit_readout
from automed.recipe.evaluate import Evaluate
from automed.run import disk_errors, read_json, write_json

VERSION = 1
SUM_TOLERANCE = 0.02  # as the metrics allow


def give(data: Dataset, folder: Path, *, seed: int, seconds: float | None, trials: int | None, cores: int) -> None:
    """Write the records of a run for a rival.

    Args:
        data: of a prepared run.
        folder: where the files go.
        seed: of the rival.
        seconds: for searching and training together; None where only trials end it.
        trials: how many candidates it may train; None where only seconds end it.
        cores: how many it may use.

    Raises:
        RunError: the disk is full.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for split in ("train", "validation", "test"):
            index = data.part(split)
            arrays: dict[str, Any] = {f"x_{name}": data.take(name, index) for name in data.arrays}
            if split != "test":
                arrays["y"] = data.y[index]
            np.savez(folder / f"{split}.npz", **arrays)
    inputs = {name: {k: v for k, v in entry.items() if k != "cache"} for name, entry in data.facts["inputs"].items()}
    write_json(
        folder / "task.json",
        {
            "version": VERSION,
            "task": data.task,
            "classes": list(data.classes),
            "inputs": inputs,
            "seed": seed,
            "seconds": seconds,
            "trials": trials,
            "cores": cores,
        },
    )


def take(data: Dataset, folder: Path, name: str, settings: Evaluate, seed: int) -> tuple[Predictions, dict[str, Any]]:
    """What a rival answered, read by the same rule as a model of ours, and what else it said.

    Args:
        data: what was given.
        folder: where it was given.
        name: of the rival.
        settings: how probabilities are read; fitted on its own validation answers.
        seed: of what is fitted.

    Raises:
        RunError: there is no answer, or it is none to these records.
    """
    said = read_json(folder / "answer.json")
    try:
        with np.load(folder / "answer.npz", allow_pickle=False) as file:
            raw = {split: np.asarray(file[split], np.float64) for split in ("validation", "test")}
    except (OSError, ValueError, KeyError) as problem:
        raise RunError("holds no answer", where=str(folder / "answer.npz")) from problem
    parts = {split: _part(data, split, raw[split], folder) for split in raw}
    task = Task(data.task, data.classes, data.urgent, seed)
    fitted = fit_readout(settings, task, parts["validation"])
    return Predictions(name, task, parts["test"], parts["validation"], fitted), said


def _part(data: Dataset, split: str, raw: NDArray[np.float64], folder: Path) -> Part:
    index = data.part(split)
    expected = (len(index), len(data.classes))
    where = str(folder / "answer.npz")
    if raw.shape != expected:
        raise RunError(f"answers for {split} have the shape {raw.shape}, not {expected}", where=where)
    if not np.isfinite(raw).all() or raw.min() < -SUM_TOLERANCE or raw.max() > 1 + SUM_TOLERANCE:
        raise RunError(f"answers for {split} are no probabilities", where=where)
    raw = np.clip(raw, 0.0, 1.0)
    if data.task != "multilabel":
        sums = raw.sum(axis=1, keepdims=True)
        if np.abs(sums - 1).max() > SUM_TOLERANCE:
            raise RunError(f"answers for {split} do not add up to 1", where=where)
        raw = raw / sums
    return Part(data.record[index], data.y[index], raw, data.patient[index])
