"""Signals on one grid of steps: scaled, neighbouring steps averaged, padded at the end or cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.decode.unreadable import Unreadable

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

LEAST = 2  # steps: less is no signal
MOST = 2**28  # values of one signal: three days of twelve leads at 80 Hz


@dataclass(frozen=True, eq=False)
class LaidOut:
    """k signals of one length, and what is to be known of each.

    Attributes:
        values: float32 (k, length, channels), NaN where nothing is known.
        steps: int64 (k,), up to the last one with a number in any channel, before padding and cutting.
        infinite: bool (k,), infinity was among the numbers: it became NaN.
        gaps: bool (k,), a number is missing before the last step.
    """

    values: Floats
    steps: npt.NDArray[np.int64]
    infinite: Flags
    gaps: Flags


def lay_out(values: npt.NDArray[Any], length: int, *, scale: float = 1.0, average: int = 1) -> LaidOut:
    """k signals as the model will see them.

    Args:
        values: numbers (k, time, channels).
        length: steps that are wanted, after averaging.
        scale: what stored numbers are multiplied by.
        average: so many neighbouring steps become one, of those that are known; the last may be of fewer.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.array(values, np.float32)
        whole *= np.float32(scale)
    infinite = np.asarray(np.isinf(whole).any(axis=(1, 2)))
    whole[~np.isfinite(whole)] = np.nan  # one NaN and one zero, so that equal signals are equal in bytes
    whole = _averaged(whole, average) if average > 1 else whole
    whole += np.float32(0)  # after averaging: the mean of the smallest numbers below zero rounds to minus zero
    known = ~np.isnan(whole)
    some, time = known.any(axis=2), np.arange(whole.shape[1])
    steps = np.where(some, time + 1, 0).max(axis=1, initial=0)
    gaps = np.any(~known.all(axis=2) & (time < steps[:, None]), axis=1)
    out = np.full((len(whole), length, whole.shape[2]), np.nan, np.float32)
    out[:, : whole.shape[1]] = whole[:, :length]
    return LaidOut(out, steps.astype(np.int64), infinite, np.asarray(gaps))


def refuse_large(values: int) -> None:
    """Raise Unreadable for a size that no signal of a classifier has, before memory is taken."""
    if values > MOST:
        raise Unreadable(f"too large ({values / 1e6:,.0f} million values)")


def averaged_length(steps: int, average: int) -> int:
    """How many steps are left of so many."""
    return -(-steps // average)


def _averaged(values: Floats, average: int) -> Floats:
    count, time, channels = values.shape
    padded = np.full((count, averaged_length(time, average) * average, channels), np.nan, np.float32)
    padded[:, :time] = values
    groups = padded.reshape(count, -1, average, channels)
    known = ~np.isnan(groups)
    number = known.sum(axis=2)
    total = np.where(known, groups, 0).sum(axis=2, dtype=np.float64)
    means: Floats = np.where(number, total / np.maximum(number, 1), np.nan).astype(np.float32)
    return means
