"""Probabilities of many records through one compiled function."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.dataset import Dataset
from automed.models.assembly import as_input

SMALLEST, LARGEST = 64, 256  # records a batch


def predict(model: Any, data: Dataset, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Probabilities float32 (len(index), K), or whatever else a model gives.

    Every batch has the same size (the last is filled up) whatever the split, so that one function is traced once;
    inputs are read batch by batch, so memory does not grow with the number of records.
    """
    # Validation is predicted after every epoch: where it is small, so are the batches.
    batch = min(LARGEST, max(SMALLEST, int((data.split == "validation").sum())))
    answers = []
    for start in range(0, len(index), batch):
        chosen = index[start : start + batch]
        filled = np.resize(chosen, batch)
        inputs = {name: data.take(name, filled) for name in data.arrays}
        answers.append(np.asarray(model.predict_on_batch(as_input(inputs)), np.float32)[: len(chosen)])
    return np.concatenate(answers) if answers else np.empty((0, int(model.output.shape[-1])), np.float32)


def features(model: Any, data: Dataset, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float32] | None:
    """What the network hands to its last dense layer: float32 (len(index), width); None where it has no such layer."""
    import keras

    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    last = next((layer for layer in layers if layer.name == "logits"), layers[-1] if layers else None)
    if last is None or len(last.input.shape) != 2:
        return None
    return predict(keras.Model(model.input, last.input), data, index)


def log_loss(y: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32]) -> float:
    """Mean negative log-probability of the reference standard, natural logarithm; for ties between epochs, not reports.

    Args:
        y: int64 (n,) classes, or (n, K) of 0 and 1, whose labels' losses are averaged.
        probabilities: float32 (n, K).
    """
    if y.ndim == 2:
        exact = probabilities.astype(np.float64)
        picked = np.where(y == 1, exact, 1.0 - exact)
        return float(-np.log(np.clip(picked, 1e-7, 1.0)).mean())
    picked = probabilities[np.arange(len(y)), y].astype(np.float64)
    return float(-np.log(np.clip(picked, 1e-7, 1.0)).mean())
