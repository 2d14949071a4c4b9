"""How much of what two maps mark most is the same, and how much of that chance alone would give.

Neighbouring places of a map are alike, so maps overlap more often than single places drawn by chance would. Where
places have an order, chance is therefore what one map gives when it is shifted to every other place, its ends joined;
where they have none, what places drawn by chance give.

Sources: Krishna et al. 2022, arXiv:2202.01602, section 3 (agreement of top features); Lotwick and Silverman 1982, J R
Stat Soc B 44:406-413 (shifts on a torus, which leave each pattern as it is).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.report.explanations.picture import scale_of

TOP = 0.1  # of the places; so much the test of agreement compares too
FEWEST = 3  # places at least, where there are so many that these are still a minor part
FAINT = 0.125  # of the value at which a colour is full: as for what is shaded
RARE = 0.05

Array = NDArray[Any]


@dataclass(frozen=True)
class Overlap:
    """What two maps share.

    Attributes:
        share: of the places that the one that marks fewer marks most.
        chance: the mean of that by chance.
        rarely: what chance exceeds in 1 of 20 cases at most.
        more: whether it is more than by chance: chance gives as much in 1 of 20 cases at most.
    """

    share: float
    chance: float
    rarely: float
    more: bool


def top(values: Array) -> Array:
    """Which places speak most for the class: bool of the shape of `values`, none where nothing does.

    A tenth of the places, or three where that is fewer; more where some are as strong as the last of these, and fewer
    where so few stand out: what is under an eighth of the strong ones is not even shaded.

    Args:
        values: finite floats of any shape.
    """
    flat = values.ravel()
    count = max(1, round(TOP * flat.size), min(FEWEST, flat.size // FEWEST))
    if not flat.size or flat.max() <= 0:
        return np.zeros(values.shape, dtype=bool)
    floor = np.partition(flat, -count)[-count]
    return np.asarray((values >= max(float(floor), scale_of(values) * FAINT)) & (values > 0))


def shifted(first: Array, second: Array) -> Overlap | None:
    """Of places in order, along every axis: bool arrays of one shape; None where one of them marks nothing."""
    fewer = min(first.sum(), second.sum())
    if not fewer:
        return None
    waves = np.fft.rfftn(first) * np.conj(np.fft.rfftn(second))
    common = np.rint(np.fft.irfftn(waves, s=first.shape, axes=range(first.ndim))).ravel()
    own = float((first & second).sum())
    rarely = np.sort(common)[math.ceil((1 - RARE) * common.size) - 1]
    more = bool((common >= own).mean() <= RARE)
    return Overlap(own / float(fewer), float(common.mean() / fewer), float(rarely / fewer), more)


def drawn(first: Array, second: Array) -> Overlap | None:
    """Of places without an order: bool (n,) each; None where one of them marks nothing.

    Source: the hypergeometric distribution, of as many places as the second marks, drawn without replacement.
    """
    a, b, n = int(first.sum()), int(second.sum()), first.size
    fewer = min(a, b)
    if not fewer:
        return None
    own = int((first & second).sum())
    shares = [math.comb(a, k) * math.comb(n - a, b - k) / math.comb(n, b) for k in range(fewer + 1)]
    beyond = [sum(shares[k:]) for k in range(fewer + 2)]  # of k or more
    rarely = next(k for k in range(fewer + 1) if beyond[k + 1] <= RARE)
    return Overlap(own / fewer, a * b / n / fewer, rarely / fewer, beyond[own] <= RARE)
