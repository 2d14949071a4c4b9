"""What a corruption is: a change of records that grows with its severity, and where it does not suit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SEVERITIES = (1, 2, 3, 4, 5)

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Facts = Mapping[str, Any]
Shape = tuple[int, ...]
Amounts = tuple[float, float, float, float, float]
Change = Callable[[Array, Facts, float, np.random.Generator], Array]


def suits_all(facts: Facts, shape: Shape) -> str | None:
    """No reason against any input."""
    return None


@dataclass(frozen=True, eq=False)
class Corruption:
    """One way in which records go wrong, called as `corruption(values, facts, severity, rng)`.

    Attributes:
        noun: in the singular, for sentences: "blur at severity 3 costs .12".
        unit: what the amounts are amounts of.
        change: (values (n, *shape), facts, amount, rng) to changed values; asked for records that have the input.
        amounts: by shape of a record how much is done at severity 1 to 5.
        unsuited: (facts, shape) to the reason why it does not suit an input, or None.
    """

    noun: str
    unit: str
    change: Change
    amounts: Callable[[Shape], Amounts]
    unsuited: Callable[[Facts, Shape], str | None] = suits_all

    def __call__(self, values: Array, facts: Facts, severity: int, rng: np.random.Generator) -> Array:
        """Records as they might have arrived.

        From the same state of `rng` a greater severity does the same and more: the same lots are drawn.

        Args:
            values: (n, *shape), as the model receives them.
            facts: of the input, from data.json or the model's card.
            severity: 1 to 5; 0 changes nothing.
            rng: fixes the outcome.

        Returns:
            (n, *shape) of the same type, never the array that was given; records without the input are left alone.

        Raises:
            ValueError: no such severity.
        """
        if severity != 0 and severity not in SEVERITIES:
            raise ValueError(f"severities run from 0 to {SEVERITIES[-1]}, got {severity}")
        changed = values.copy()
        there = present(values)
        if severity and there.any():
            amount = self.amounts(values.shape[1:])[severity - 1]
            changed[there] = self.change(values[there], facts, amount, rng)
        return changed


def fixed(*amounts: float) -> Callable[[Shape], Amounts]:
    """The same five amounts whatever the shape of a record."""
    one, two, three, four, five = amounts
    return lambda shape: (one, two, three, four, five)


def present(values: Array) -> Bools:
    """Which records have the input: bool (n,). One that is absent is 0 everywhere, or of floats NaN everywhere."""
    flat = values.reshape(len(values), -1)
    there = ~np.isnan(flat) if values.dtype.kind == "f" else flat != 0
    return np.asarray(there.any(axis=1))


def lots(rng: np.random.Generator, among: Bools, share: float) -> Bools:
    """Of each row the members whose lot is below `share`, but never all of them: bool (n, m) of bool (n, m)."""
    drawn = np.where(among, rng.random(among.shape), -1.0)
    spared = np.arange(among.shape[1]) == drawn.argmax(axis=1)[:, None]
    return np.asarray(among & (drawn < share) & ~spared)


def as_before(values: Array, changed: Array) -> Array:
    """Changed numbers, none below 0 of a quantity that never is among these records: (..., quantities)."""
    lowest = np.where(np.isnan(values), np.inf, values).min(axis=tuple(range(values.ndim - 1)))
    return np.where(lowest >= 0, np.maximum(changed, 0), changed)
