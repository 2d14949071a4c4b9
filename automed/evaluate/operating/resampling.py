"""One pass over the resamples for whatever is measured on them: weighted sums by cell, and intervals from these.

Counts above a threshold, along a curve or in a table of two by two are sums of weights by cell. A sparse matrix of
zeros and ones adds them up for all resamples of a chunk at once and touches each record once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from automed.evaluate.intervals import TAIL, Estimate, draw, too_few
from automed.evaluate.resamples import Floats

Measure = Callable[[Floats], Floats]  # weights (n, resamples) to (resamples, ...), NaN where undefined


class Adder:
    """Adds up the weights of the records of each cell.

    Args:
        cell: integers (n,), 0 to cells - 1.
        cells: how many there are, empty ones too.
    """

    def __init__(self, cell: NDArray[np.int64], cells: int) -> None:
        n = len(cell)
        self.matrix = csr_array((np.ones(n), (cell, np.arange(n))), shape=(cells, n))

    def __call__(self, weights: Floats) -> Floats:
        """From weights float64 (n, resamples) to sums float64 (cells, resamples)."""
        return np.asarray(self.matrix @ weights, dtype=np.float64)


def resampled(
    measures: Mapping[str, Measure], codes: NDArray[np.int64], resamples: int, seed: int
) -> dict[str, Floats]:
    """Values of several measures on the same resamples, in one pass.

    Args:
        measures: each takes weights float64 (n, resamples of a chunk) and gives float64 (resamples of a chunk, ...).
        codes: int64 (n,), patient of each record.
        resamples: how many to draw.
        seed: fixes the draws.

    Returns:
        name -> float64 (resamples, ...).
    """
    kept: dict[str, Floats] = {}
    done = 0
    for weights in draw(codes, resamples, seed):
        size = weights.shape[1]
        for name, measure in measures.items():
            values = measure(weights)
            if name not in kept:
                kept[name] = np.empty((resamples, *values.shape[1:]))
            kept[name][done : done + size] = values
        done += size
    return kept


def on_all(measure: Measure, n: int) -> Floats:
    """The measure on the n records themselves, each once: its value without the axis of resamples."""
    return np.asarray(measure(np.ones((n, 1)))[0])


def limits(drawn: Floats) -> tuple[Floats, Floats]:
    """Pointwise 95 % limits of values (resamples, ...); resamples with any undefined value are left out."""
    valid = drawn[np.isfinite(drawn).reshape(len(drawn), -1).all(axis=1)]
    lower, upper = np.percentile(valid, (100 * TAIL, 100 * (1 - TAIL)), axis=0)
    return np.asarray(lower), np.asarray(upper)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, NaN where the denominator is 0."""
    undefined = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator > 0))


def rarer(truth: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The records of the rarer answer, on which a figure of both answers rests: bool (n,)."""
    return truth if 2 * int(truth.sum()) <= len(truth) else ~truth


def unbounded(
    value: float, drawn: Floats, codes: NDArray[np.int64], events_at: NDArray[np.bool_], note: str | None = None
) -> Estimate:
    """The estimate of a figure that has no bound at which the bootstrap could lose its width.

    Args:
        value: on all records.
        drawn: float64 (resamples,), NaN where undefined, infinite where it has no limit.
        codes: int64 (n,), patient of each record.
        events_at: bool (n,), the records that count as events.
        note: what a reader must know of the value.
    """
    n, events = len(codes), int(events_at.sum())
    valid = drawn[~np.isnan(drawn)]
    reason = too_few(codes, events_at, len(valid) / len(drawn))
    endless = np.isinf(valid)
    if not reason and endless.mean() > TAIL:
        reason = f"not estimable: without limit in {endless.mean():.0%} of the resamples"
    if reason:
        return Estimate(None, None, n, events, reason)
    # They are fewer than the upper tail, so that only their rank matters.
    valid = np.where(endless, valid[~endless].max(initial=value), valid)
    lower, upper = (float(limit) for limit in np.percentile(valid, (100 * TAIL, 100 * (1 - TAIL))))
    return Estimate(value, (lower, upper), n, events, note)
