"""Corruptions of irregular signals: observations that were not made.

The array is made again from the observations that are left, as if the others had never been: values carried forward,
masks and elapsed times agree (see `automed.data.decode.observations`).
"""

from __future__ import annotations

import numpy as np

from automed.data.corruptions.corruption import Array, Bools, Corruption, Facts, Shape, fixed, lots
from automed.data.corruptions.signal import places

SHARES = fixed(0.1, 0.2, 0.3, 0.5, 0.7)  # our own choice


def keep(values: Array, facts: Facts, kept: Bools) -> Array:
    """The records with some of their observations alone.

    Args:
        values: float32 (n, steps, channels): values, masks and elapsed times.
        facts: `roles` says which is which.
        kept: bool (n, steps, variables), where an observation stays; where there was none there still is none.
    """
    value, mask, elapsed = (places(facts, values.shape[2], role) for role in ("value", "mask", "elapsed"))
    seen = _observed(values, facts) & kept
    at = np.arange(values.shape[1])[:, None]
    latest = np.maximum.accumulate(np.where(seen, at, -1), axis=1)
    carried = np.take_along_axis(values[..., value], np.maximum(latest, 0), axis=1)
    changed = values.copy()
    changed[..., value] = np.where(latest < 0, np.nan, carried)
    changed[..., mask] = seen
    changed[..., elapsed] = at - latest
    return changed


def _observed(values: Array, facts: Facts) -> Bools:
    """bool (n, steps, variables)."""
    return np.asarray(values[..., places(facts, values.shape[2], "mask")] > 0)


def _variables(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    lost = lots(rng, np.asarray(_observed(values, facts).any(axis=1)), amount)
    return keep(values, facts, ~lost[:, None, :])


def _steps(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    lost = lots(rng, np.asarray(_observed(values, facts).any(axis=2)), amount)
    return keep(values, facts, ~lost[:, :, None])


def _regular(facts: Facts, shape: Shape) -> str | None:
    return None if facts.get("irregular") else "the signal is regular: no single observations can be missing"


MISSING_VARIABLES = Corruption(
    "loss of variables", "share of a record's variables that are lost", _variables, SHARES, _regular
)
MISSING_STEPS = Corruption(
    "loss of time steps", "share of a record's steps with observations that are lost", _steps, SHARES, _regular
)
