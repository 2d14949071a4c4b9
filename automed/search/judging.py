"""A model in a file, opened as a stranger would: what it says of prepared records, and of corrupted ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.dataset import Dataset
from automed.errors import RunError
from automed.evaluate import fitted, readout
from automed.evaluate.predictions import Part, Predictions, Task
from automed.events import Listen
from automed.explain.foreign import subject_of
from automed.models.card import load
from automed.recipe import Recipe
from automed.run import Finalist, Run
from automed.search.predict import features

BLOCK = 1024  # records read at once


def predict_file(path: Path, data: Dataset, recipe: Recipe) -> tuple[Predictions, npt.NDArray[np.float32] | None]:
    """Predictions of a model for the test and validation records, read as its card says, and its features of the test.

    Raises:
        DataError: the model cannot be opened, or does not fit the data.
        RunError: its probabilities are not numbers.
    """
    model, card = load(path)
    subject = subject_of(model, data, str(path), card)
    task = Task(data.task, data.classes, data.urgent, recipe.search.seed)
    parts: dict[str, Part] = {}
    for split in ("test", "validation"):
        index = data.part(split)
        blocks = [index[start : start + BLOCK] for start in range(0, len(index), BLOCK)]
        said = [subject.predict({name: data.take(name, block) for name in data.arrays}) for block in blocks]
        raw = np.concatenate(said).astype(np.float64) if said else np.empty((0, len(data.classes)))
        broken = int((~np.isfinite(raw)).any(axis=1).sum())
        if broken:
            raise RunError(
                f"gives probabilities that are not numbers for {broken} of {len(raw)} {split} records",
                where=str(path),
                hint="The model is broken: its training diverged, or its file was changed.",
            )
        parts[split] = Part(data.record[index], data.y[index], raw, data.patient[index])
    said_of = Predictions(path.stem, task, parts["test"], parts["validation"], _reading(card, data), fitted.read(card))
    return said_of, _features(subject.model, data)


def stress_finalist(recipe: Recipe, run: Run, finalist: Finalist, data: Dataset, listen: Listen) -> dict[str, Any]:
    """Test a finalist under corruptions, and count that its test records were read: the content of robustness.json."""
    from automed.search.robustness import stress

    model, card = load(finalist.model)
    reading = _reading(card, data)
    run.log("test_read", reason="robustness", model=finalist.name)
    return stress(model, data, reading.probabilities, reading, seed=recipe.search.seed, listen=listen)


def _reading(card: dict[str, Any], data: Dataset) -> readout.Readout:
    return readout.read(card, data.task, data.classes)


def _features(model: Any, data: Dataset) -> npt.NDArray[np.float32] | None:
    """Of a model that reads the arrays as they lie; one that needs them otherwise is audited without the probe."""
    try:
        return features(model, data, data.part("test"))
    except (ValueError, TypeError, KeyError):
        return None
