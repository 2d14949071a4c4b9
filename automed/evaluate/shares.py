"""Shares of records, and means over some of them, with 95 % intervals by the bootstrap over patients.

Coverage, error rates and the size of prediction sets are each a sum over records divided by another such sum. Of all
resamples and all shares at once that is one matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from automed.evaluate.intervals import RESAMPLES, Estimate, draw, summarise
from automed.evaluate.metrics import Point
from automed.evaluate.resamples import Floats

NO_RECORDS = "not estimable: there is no record to measure it on"


@dataclass(frozen=True, eq=False)
class Share:
    """The mean of a quantity over some of n records.

    Attributes:
        quantity: bool or float (n,), 0 to `high`.
        among: bool (n,), the records that count; they are the events of the estimate.
        high: the largest possible value.
    """

    quantity: NDArray[np.bool_] | Floats
    among: NDArray[np.bool_]
    high: float = 1.0


def shares(
    asked: Mapping[str, Share], codes: NDArray[np.int64], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """Each share with its interval, all on the same resamples.

    Args:
        asked: what to measure, by name.
        codes: int64 (n,), patient of each record, 0 to patients - 1.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    drawn = draw_shares(list(asked.values()), codes, resamples=resamples, seed=seed)
    return {
        name: summarise(point(share), drawn[:, place], codes, share.among, high=share.high)
        for place, (name, share) in enumerate(asked.items())
    }


def draw_shares(asked: list[Share], codes: NDArray[np.int64], *, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """The shares in each resample: float64 (resamples, shares), NaN where no record that counts was drawn."""
    if not asked:
        return np.empty((resamples, 0))
    count = len(asked)
    rows = np.array([share.quantity * share.among for share in asked] + [share.among for share in asked], dtype=float)
    # The products are small: a second BLAS thread waits, spinning, longer than it helps.
    with threadpool_limits(1, user_api="blas"):
        sums = np.concatenate([rows @ weights for weights in draw(codes, resamples, seed)], axis=1)
    undefined = np.full((count, resamples), np.nan)
    return np.asarray(np.divide(sums[:count], sums[count:], out=undefined, where=sums[count:] > 0).T)


def point(share: Share) -> Point:
    """The share on all records, or None with the reason where none counts."""
    if not share.among.any():
        return Point(None, NO_RECORDS)
    return Point(float(np.asarray(share.quantity, dtype=np.float64)[share.among].mean()))
