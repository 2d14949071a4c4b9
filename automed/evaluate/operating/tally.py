"""How many records every threshold flags, rightly and wrongly: what any figure at any threshold is made of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.errors import DataError
from automed.evaluate.resamples import Floats

KEPT = 400  # thresholds
DIGITS = 6  # significant, of a threshold


@dataclass(frozen=True, eq=False)
class Tally:
    """The records of one question that thresholds flag; a probability of at least the threshold is flagged.

    Attributes:
        thresholds: float64 (k,), rising, at most KEPT; the first flags every record, above the last probability none is
            flagged. Between one and the next are no records where `complete`.
        hits: int64 (k,), flagged records whose answer is yes.
        alarms: int64 (k,), flagged records whose answer is no.
        positives: records whose answer is yes.
        negatives: whose answer is no.
        complete: whether every distinct probability has a threshold.
    """

    thresholds: Floats
    hits: NDArray[np.int64]
    alarms: NDArray[np.int64]
    positives: int
    negatives: int
    complete: bool

    def as_json(self) -> dict[str, Any]:
        """The same as lists and numbers."""
        return {
            "thresholds": self.thresholds.tolist(),
            "hits": self.hits.tolist(),
            "alarms": self.alarms.tolist(),
            "positives": self.positives,
            "negatives": self.negatives,
            "complete": self.complete,
        }


def tally(truth: NDArray[np.bool_], probability: Floats, chosen: float, kept: int = KEPT) -> Tally:
    """Count the flagged records at every distinct probability, or at `kept` of them where there are more.

    What is kept then lies at evenly spaced quantiles of the records to be found, and of the others: where one kind is
    rare, its records would otherwise fall between two thresholds. A threshold is the probability itself with 6
    significant digits, rounded down so that it flags the same records; with all digits where it would flag more, and
    with fewer where not all are kept: then no other threshold is looked up among them.

    Args:
        truth: bool (n,), the reference standard.
        probability: float64 (n,), of the answer yes.
        chosen: the operating threshold, which is kept as it is.
        kept: how many thresholds at most, 4 or more.

    Raises:
        DataError: lengths differ.
    """
    if truth.shape != probability.shape or truth.ndim != 1:
        raise DataError(f"answers of shape {truth.shape} for probabilities of shape {probability.shape}")
    found, others = np.sort(probability[truth]), np.sort(probability[~truth])
    every = np.unique(probability)
    complete = len(every) < kept  # the chosen one needs a place too
    values = every if complete else _thinned(np.unique(found), np.unique(others), every, kept - 1)
    thresholds = np.unique([*_shortened(values, every, DIGITS if complete else 1), chosen])
    return Tally(
        thresholds,
        len(found) - np.searchsorted(found, thresholds, side="left"),
        len(others) - np.searchsorted(others, thresholds, side="left"),
        len(found),
        len(others),
        complete,
    )


def _thinned(found: Floats, others: Floats, every: Floats, kept: int) -> Floats:
    """The lowest and the highest probability, and quantiles of both kinds of records, at most `kept` in all."""
    places = kept - 2
    half = places // 2
    of_found = min(len(found), max(half, places - len(others)))
    of_others = min(len(others), places - of_found)
    picked = [one[_even(len(one), count)] for one, count in ((found, of_found), (others, of_others))]
    return np.unique(np.concatenate([*picked, every[[0, -1]]]))


def _even(n: int, count: int) -> NDArray[np.int64]:
    """Positions of `count` of n, evenly spaced, both ends among them."""
    return np.rint(np.linspace(0, n - 1, count)).astype(np.int64) if count else np.empty(0, dtype=np.int64)


def _shortened(values: Floats, every: Floats, digits: int) -> list[float]:
    """Each of `values` with `digits` to 6 significant digits, above the next lower one of `every`."""
    below = np.searchsorted(every, values) - 1
    lower = np.where(below >= 0, every[np.maximum(below, 0)], -1.0)
    ways = [Context(prec=count, rounding=ROUND_FLOOR) for count in range(digits, DIGITS + 1)]
    return [_short(value, floor, ways) for value, floor in zip(values.tolist(), lower.tolist(), strict=True)]


def _short(value: float, floor: float, ways: list[Context]) -> float:
    for way in ways:
        # .3 lies just below its decimal, and is .3 all the same.
        near = float(f"{value:.{way.prec}g}")
        down = near if near == value else float(way.create_decimal_from_float(value))
        if down > floor:
            return down
    return value
