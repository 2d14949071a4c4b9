"""What every front gives, and how it tells what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

FARTHEST = 20.0  # deviations from the mean at which a number is cut: beyond lie typing errors


@dataclass(frozen=True, eq=False)
class Front:
    """One input made ready.

    Args:
        prepared: float32, output of the layer preprocess_<input>: pictures (n, height, width, channels), steps
            (n, steps, channels) that are 0 where the mask is, or columns (n, features).
        mask: float32 (n, steps, 1), 1 up to the last step that holds anything and 0 after it; None without steps.
        deviation: standard deviation that prepared values have, about.
        values: of an irregular signal, how many channels are values; as many masks follow, and as many elapsed times.
    """

    prepared: keras.KerasTensor
    mask: keras.KerasTensor | None = None
    deviation: float = 1.0
    values: int = 0

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """What the encoder is called with."""
        return [self.prepared] if self.mask is None else [self.prepared, self.mask]


def dtype_of(kind: str, facts: Mapping[str, Any]) -> str:
    """The dtype of a raw input: that of the stored array where data.json says it."""
    usual = {"image": "uint8", "text": "int32", "sequence": "int32"}
    return str(facts.get("dtype", usual.get(kind, "float32")))


def present(raw: Any) -> Any:
    """Whether a record has this input: float32 (n, 1), 0 where it is empty.

    Empty is 0 everywhere for whole numbers (a black image, padding alone), NaN everywhere for others.
    """
    axes = tuple(range(1, len(raw.shape)))
    if keras.backend.standardize_dtype(raw.dtype).startswith("float"):
        there = ops.any(ops.logical_not(ops.isnan(raw)), axis=axes)
    else:
        there = ops.any(ops.not_equal(raw, 0), axis=axes)
    return ops.expand_dims(ops.cast(there, "float32"), axis=-1)


def until_last(observed: Any) -> Any:
    """1 up to the last step where something is observed, 0 after it.

    A gap inside stays a step: only what follows the end is no part of the record.

    Args:
        observed: float32 (n, steps, 1), 0 or 1.

    Returns:
        The same shape; 0 everywhere for a record without any observation.
    """
    to_come = ops.flip(ops.cumsum(ops.flip(observed, axis=1), axis=1), axis=1)
    return ops.cast(ops.greater(to_come, 0.0), "float32")
