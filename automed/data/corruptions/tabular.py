"""Corruptions of tables: float32 (n, columns), NaN where a value is missing, of a category the place of its level.

How much is done is our own choice. Every number is taken for a measurement: a yes or no that the recipe does not list
under categories gets noise too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automed.data.corruptions.corruption import Array, Corruption, Facts, Shape, as_before, fixed, lots


def _columns(facts: Facts, kind: str) -> npt.NDArray[np.int64]:
    """The places of the numbers or categories; of categories those with two levels or more."""
    return np.array(
        [
            place
            for place, feature in enumerate(facts["features"])
            if feature["kind"] == kind and (kind == "number" or len(feature["levels"]) > 2)
        ],
        np.int64,
    )


def _missing(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    return np.where(lots(rng, ~np.isnan(values), amount), np.float32(np.nan), values)


def _noise(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    chosen = _columns(facts, "number")
    deviation = np.array([facts["features"][place]["std"] or 0.0 for place in chosen], np.float32)
    changed = values.copy()
    changed[:, chosen] += np.float32(amount) * deviation * rng.standard_normal((len(values), len(chosen)), np.float32)
    return as_before(values, changed)


def _miscoding(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """Some categories become another known level of their column, each as likely."""
    changed = values.copy()
    for place in _columns(facts, "category"):
        known = len(facts["features"][place]["levels"]) - 1  # the first stands for all that are unknown
        own = values[:, place]
        step = rng.integers(1, known, len(values))
        wrong = (rng.random(len(values)) < amount) & (own >= 1)
        changed[wrong, place] = (own[wrong] - 1 + step[wrong]) % known + 1
    return changed


def _one_column(facts: Facts, shape: Shape) -> str | None:
    return None if shape[0] > 1 else "nothing would be left of the one column"


def _no_numbers(facts: Facts, shape: Shape) -> str | None:
    return None if len(_columns(facts, "number")) else "there are no numbers"


def _no_categories(facts: Facts, shape: Shape) -> str | None:
    return None if len(_columns(facts, "category")) else "there are no categories with two levels or more"


MISSING_VALUES = Corruption(
    "loss of values", "share of the values that are missing", _missing, fixed(0.05, 0.1, 0.2, 0.3, 0.5), _one_column
)
NOISE = Corruption(
    "measurement noise",
    "standard deviations of the training records",
    _noise,
    fixed(0.05, 0.1, 0.2, 0.4, 0.8),
    _no_numbers,
)
MISCODING = Corruption(
    "miscoding", "share of the categories that are wrong", _miscoding, fixed(0.02, 0.05, 0.1, 0.2, 0.4), _no_categories
)
