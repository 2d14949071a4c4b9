"""Intervals of the largest difference between groups that hold for all pairs of groups at once.

The largest of many differences is large by chance alone: the percentile interval of its bootstrap values never reaches
0, though nothing be amiss. Here every pair has an interval of its own, d +- c se, with one c so that all of them hold
together in 95 % of samples: the quantile of the largest studentised deviation over all pairs and questions. The largest
gap is then at least the best lower limit and at most the highest upper limit of any pair. Of two groups and one
question this is the usual interval.

Source: Romano and Wolf 2005, J Am Stat Assoc 100:94-108, and Econometrica 73:1237-1282 (studentised maxima by
resampling); Mandel and Betensky 2008, Comput Stat Data Anal 52:2158-2165 (simultaneous intervals from the bootstrap).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from automed.audit.rates import Figure, Floats, Pieces
from automed.evaluate.intervals import MIN_EVENTS, draw

LEVEL = 0.95
BLOCK = 1_000_000  # differences held at once: 8 MB
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every pair of some groups, studentised.

    Attributes:
        first, second: int64 (pairs,), places among the groups.
        error: float64 (pairs,), standard error of each difference.
        largest: float64 (draws,), largest studentised difference of all pairs.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    error: Floats
    largest: Floats


@dataclass(frozen=True, eq=False)
class Spread:
    """A figure in each of its groups, and how sure the differences between them are.

    Attributes:
        figure: its `compared` gives the order of the groups.
        value: float64 (groups,).
        pairs: of these groups, the deviations of resamples.
    """

    figure: Figure
    value: Floats
    pairs: Pairs

    @property
    def difference(self) -> Floats:
        """Of each pair, first minus second: float64 (pairs,)."""
        return np.asarray(self.value[self.pairs.first] - self.value[self.pairs.second])


@dataclass(frozen=True)
class Limits:
    """What can be said of the largest of several differences.

    Attributes:
        low, high: of the interval.
        critical: how many standard errors each pair's interval reaches to either side.
        surest: which spread and which of its pairs has the highest lower limit.
    """

    low: float
    high: float
    critical: float
    surest: tuple[int, int]


def value_of(top: Floats, bottom: Floats, otherwise: Floats | float) -> Floats:
    """Ratios, and `otherwise` where the denominator is 0."""
    return np.asarray(np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), otherwise))


def spreads(figures: Sequence[Figure], units: Pieces, groups: int, resamples: int, seed: int) -> list[Spread]:
    """Measure each figure in each of its groups, and draw patients to see how far the differences would move.

    A bootstrap of few patients is too narrow, and of a rate of 0 or 1 it has no width. So deviations are stretched by
    sqrt(m / (m - 1)) for m patients, and where the variance is still below its floor, normal noise makes it up.
    """
    top, bottom = units.total(units.top, groups), units.total(units.bottom, groups)
    point = value_of(top, bottom, 0.0)
    drawn = _drawn(units, point, resamples, seed)
    floor = variance_floor(units, point, groups)
    rng = np.random.default_rng([seed, 1])
    found = []
    for figure in figures:
        columns, chosen = list(figure.ratios), figure.compared
        residual = (units.top - point[units.group] * units.bottom)[:, columns]
        influence = value_of(residual, bottom[units.group][:, columns], 0.0)
        mean = influence.mean(axis=1)
        variance = np.bincount(units.group, weights=mean**2, minlength=groups)[chosen]
        patients = np.bincount(units.group[units.risk[:, columns].any(axis=1)], minlength=groups)[chosen]
        stretch = patients / (patients - 1)
        lacking = np.maximum(floor[:, columns].sum(axis=1)[chosen] / len(columns) ** 2 - variance * stretch, 0.0)
        moved = (drawn[chosen][:, columns] - point[chosen][:, columns][:, :, None]).mean(axis=1)
        moved = moved * np.sqrt(stretch)[:, None]
        moved += np.sqrt(lacking)[:, None] * rng.standard_normal(moved.shape)
        found.append(Spread(figure, point[chosen][:, columns].mean(axis=1), studentise(moved)))
    return found


def _drawn(units: Pieces, point: Floats, resamples: int, seed: int) -> Floats:
    """Ratios of each group in each resample, point values where nothing was drawn: (groups, ratios, resamples)."""
    groups, count = point.shape
    ends = np.searchsorted(units.group, np.arange(groups + 1))
    parts = np.concatenate([units.top, units.bottom], axis=1).T.copy()
    patients = np.arange(int(units.patient.max()) + 1)
    found = np.empty((groups, count, resamples))
    done = 0
    # The products are small: on a busy machine a second BLAS thread waits, spinning, many times longer than it helps.
    with threadpool_limits(1, user_api="blas"):
        for weights in draw(patients, resamples, seed):
            width = weights.shape[1]
            for group, (start, end) in enumerate(itertools.pairwise(ends.tolist())):
                added = parts[:, start:end] @ weights[units.patient[start:end]]
                found[group, :, done : done + width] = value_of(added[:count], added[count:], point[group][:, None])
            done += width
    return found


def variance_floor(units: Pieces, point: Floats, groups: int, shares: Floats | None = None) -> Floats:
    """The least variance that a ratio is believed to have: p (1 - p) / (m + 4), with p = (successes + 2) / (m + 4).

    m is the number of records that the ratio rests on, divided by the design effect of all groups together: between
    the number of patients (weighted by their records, all records of a patient alike) and that of records (none
    alike). Where fewer than 5 records have the rarer answer the design effect cannot be told, and m is the former.

    Args:
        units: the pieces.
        point: float64 (groups, ratios).
        groups: how many.
        shares: the p of successes, where it is not the group's own: (1, ratios).

    Source: Agresti and Coull 1998, Am Stat 52:119-126; Kish 1965, Survey Sampling, section 8.2 (design effect).
    """
    risk = units.total(units.risk, groups)
    bottom = units.total(units.bottom, groups)
    squared = units.total((units.top - point[units.group] * units.bottom) ** 2, groups)
    spread = point * (1 - point) * risk
    rare = (np.minimum(point, 1 - point) * risk).sum(axis=0)
    clustered = value_of(squared * risk**2, bottom**2, 0.0).sum(axis=0)
    design = np.where(rare < MIN_EVENTS, np.inf, value_of(clustered, spread.sum(axis=0), np.inf))
    alike = value_of(risk**2, units.total(units.risk**2, groups), 0.0)
    m = np.clip(risk / np.maximum(design, 1.0), alike, risk)
    p = ((point if shares is None else shares) * m + 2) / (m + 4)
    return np.asarray(p * (1 - p) / (m + 4))


def studentise(values: Floats, floor: Floats | None = None) -> Pairs:
    """Divide the differences of every pair by their standard error, and keep the largest.

    Args:
        values: float64 (groups, draws), deviations from what is expected.
        floor: float64 (groups,), least variances.
    """
    groups, draws = values.shape
    first, second = np.triu_indices(groups, 1)
    error, largest = np.empty(len(first)), np.zeros(draws)
    step = max(1, BLOCK // draws)
    for start in range(0, len(first), step):
        block = slice(start, start + step)
        moved = np.take(values, first[block], axis=0)
        moved -= np.take(values, second[block], axis=0)
        variance = np.einsum("pr,pr->p", moved, moved) / draws - moved.mean(axis=1) ** 2
        if floor is not None:
            variance = np.maximum(variance, floor[first[block]] + floor[second[block]])
        error[block] = np.sqrt(np.maximum(variance, TINY))
        np.abs(moved, out=moved)
        moved /= error[block][:, None]
        np.maximum(largest, moved.max(axis=0), out=largest)
    return Pairs(first.astype(np.int64), second.astype(np.int64), error, largest)


def limits(chosen: Sequence[Spread]) -> Limits:
    """The interval of the largest difference of all pairs of several figures."""
    largest = np.max([spread.pairs.largest for spread in chosen], axis=0)
    critical = float(np.quantile(largest, LEVEL))
    lows = [np.abs(spread.difference) - critical * spread.pairs.error for spread in chosen]
    highs = [np.abs(spread.difference) + critical * spread.pairs.error for spread in chosen]
    place = int(np.argmax([low.max() for low in lows]))
    surest = (place, int(lows[place].argmax()))
    low, high = float(lows[place].max()), max(float(high.max()) for high in highs)
    return Limits(max(0.0, low), min(1.0, high), critical, surest)
