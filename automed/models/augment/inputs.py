"""Several inputs: one is left out by chance, so that a model learns to do without it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from automed.models.fronts.front import present


class DropInputs(keras.layers.Layer):
    """Empties inputs of a record by chance while training, never the last that it has; passes them on otherwise.

    Args:
        share: chance of each input of each record.
        name: of the layer.

    List of raw inputs (n, ...) -> the same shapes and types; emptied are 0 for whole numbers and NaN for others, the
    marks by which a model knows that an input is absent.

    Source: Neverova et al. 2016, arXiv:1501.00102 (ModDrop).
    """

    def __init__(self, share: float, name: str | None = None) -> None:
        super().__init__(name=name, dtype="float32")
        self._share = share
        self._draw = keras.random.SeedGenerator()

    def call(self, inputs: list[Any], training: bool = False) -> list[Any]:
        if not training:
            return inputs
        n = ops.shape(inputs[0])[0]
        there = ops.concatenate([present(x) for x in inputs], axis=1)
        # Of the inputs that a record has, the one with the greatest lot is safe.
        lot = keras.random.uniform((n, len(inputs)), dtype="float32", seed=self._draw) + there
        safe = ops.equal(ops.arange(len(inputs))[None, :], ops.expand_dims(ops.argmax(lot, axis=1), -1))
        drawn = keras.random.uniform((n, len(inputs)), dtype="float32", seed=self._draw) < self._share
        emptied = ops.logical_and(drawn, ops.logical_not(safe))
        out = []
        for place, x in enumerate(inputs):
            which = ops.reshape(emptied[:, place], (-1, *(1 for _ in x.shape[1:])))
            floating = keras.backend.standardize_dtype(x.dtype).startswith("float")
            empty = ops.full_like(x, float("nan")) if floating else ops.zeros_like(x)
            out.append(ops.where(which, empty, x))
        return out

    def compute_output_spec(self, inputs: list[Any], training: bool = False) -> list[Any]:
        return [keras.KerasTensor(x.shape, dtype=x.dtype) for x in inputs]
