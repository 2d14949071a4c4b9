"""What every method returns: how much each element of a record spoke for, or against, one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.errors import AutomedError

Floats = npt.NDArray[np.float32]


class NotApplicable(AutomedError):
    """A method cannot explain this model or this kind of input; the message says why, the other methods go on."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """Explanations of n records by one method.

    Attributes:
        method: its name in METHODS.
        explainer: what computed it, "shap.GradientExplainer" or the like.
        reason: why that one, in a sentence for people.
        classes: int64 (n,), the class that is explained of each record.
        values: by input, float32 (n, *InputSpec.map_shape): in units of probability where the method adds up, else in
            units of its own (see `unit`). Positive speaks for the class. NaN where the method says nothing.
        output: float32 (n,), probability of that class.
        base: float32 (n,), what the values are differences from, or None where the method has no such thing.
        parameters: whatever is needed to make the explanation again.
        unit: "probability", or what else one unit means.
        signed: whether negative values mean anything.
        notes: of single records, floats (n,) by name: "r2" (local fit), "spread" (over seeds) and the like.
        parts: by input, int32 (n, *map_shape), the player that an element belongs to, -1 none; only of methods that
            explain parts rather than elements.
        seconds: wall time of the whole.
    """

    method: str
    explainer: str
    reason: str
    classes: npt.NDArray[np.int64]
    values: Mapping[str, Floats]
    output: Floats
    base: Floats | None
    parameters: Mapping[str, Any]
    unit: str = "probability"
    signed: bool = True
    notes: Mapping[str, Floats] = field(default_factory=dict)
    parts: Mapping[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def total(self) -> Floats:
        """Sum of all values of a record: float32 (n,)."""
        summed = [np.nansum(values.reshape(len(values), -1), axis=1) for values in self.values.values()]
        return np.asarray(np.sum(summed, axis=0, dtype=np.float64), np.float32)

    @property
    def gap(self) -> Floats | None:
        """How far values and base are from adding up to the output, in absolute value; None without a base."""
        if self.base is None or self.unit != "probability":
            return None
        return np.asarray(np.abs(self.output - self.base - self.total), np.float32)
