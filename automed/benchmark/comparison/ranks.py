"""Engines by their average rank over recipes, and which of them these recipes cannot tell apart.

Source: Demsar 2006, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7:1-30.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from automed.benchmark.record import Cell
from automed.evaluate import METRICS
from automed.evaluate.metrics import Metric

ALPHA = 0.05
FEWEST_ENGINES = 3
FEWEST_RECIPES = 2
DECIMALS = 12  # two scores that differ by rounding only are tied


@dataclass(frozen=True)
class Ranks:
    """Where engines stand on average; rank 1 is the best.

    Attributes:
        engines: that are ranked, the best first.
        mean_rank: of each engine, over recipes.
        recipes: that the ranks are of.
        table: recipe -> engine -> rank there.
        statistic: Friedman's chi-square of all engines being equal; None where `reason` says why.
        p: of it.
        critical_difference: Nemenyi's: mean ranks that differ by as much are told apart; None without a test.
        cliques: groups of two or more engines, best first, that are not told apart; largest ones only.
        left_out: engine -> why it has no rank.
        reason: why there is no test, or why it tells no engines apart; None where it does.
    """

    engines: tuple[str, ...]
    mean_rank: Mapping[str, float]
    recipes: tuple[str, ...]
    table: Mapping[str, Mapping[str, float]]
    statistic: float | None
    p: float | None
    critical_difference: float | None
    cliques: tuple[tuple[str, ...], ...]
    left_out: Mapping[str, str]
    reason: str | None = None


def rank(cells: Iterable[Cell], *, metric: str = "macro_f1") -> Ranks:
    """Rank the engines of one point.

    An engine's score on a recipe is its mean over seeds. One that failed there, with any seed, is last, and several
    such are tied. One that does not read a recipe's input, or has no cell of it, has no rank at all. Recipes on which
    no engine has a score rank nobody and are left out.

    Args:
        cells: of one point.
        metric: of METRICS.
    """
    held = list(cells)
    engines = tuple(dict.fromkeys(cell.engine for cell in held))
    figure: Metric = METRICS.load(metric)
    scored = {cell.recipe for cell in held if cell.status == "done" and cell.value(metric) is not None}
    recipes = tuple(dict.fromkeys(cell.recipe for cell in held if cell.recipe in scored))
    scores: dict[str, list[float]] = {}
    left_out: dict[str, str] = {}
    for engine in engines:
        found = [_score([c for c in held if (c.engine, c.recipe) == (engine, r)], metric) for r in recipes]
        why = next(
            (f"{recipe}: {one}" for recipe, one in zip(recipes, found, strict=True) if isinstance(one, str)), None
        )
        if why:
            left_out[engine] = why
        else:
            scores[engine] = [float(one) for one in found]
    return ranks_of(scores, recipes, left_out=left_out, rising=figure.best > 0)


def _score(cells: Sequence[Cell], metric: str) -> float | str:
    """Mean over seeds, NaN where one failed; or why there is none."""
    if not cells:
        return "not run"
    if any(cell.status == "failed" for cell in cells):
        return math.nan
    for cell in cells:
        if cell.status == "unsuited":
            return f"unsuited: {cell.reason}"
    values = [value for cell in cells if (value := cell.value(metric)) is not None]
    return float(np.mean(values)) if len(values) == len(cells) else "a score is not estimable"


def ranks_of(
    scores: Mapping[str, Sequence[float]],
    recipes: Sequence[str],
    *,
    left_out: Mapping[str, str] | None = None,
    rising: bool = True,
    alpha: float = ALPHA,
) -> Ranks:
    """Rank engines by their scores.

    Args:
        scores: engine -> one a recipe; NaN is a failure, and last.
        recipes: names, in the order of the scores.
        left_out: what else to say of engines without a rank.
        rising: whether a higher score is better.
        alpha: of Friedman's test and of the critical difference.
    """
    names = tuple(scores)
    ranks = _ranks(
        np.array([scores[name] for name in names], dtype=np.float64).reshape(len(names), len(recipes)), rising
    )
    means = {name: float(mean) for name, mean in zip(names, ranks.mean(axis=1), strict=True)} if recipes else {}
    engines = tuple(sorted(means, key=means.__getitem__))
    means = {name: means[name] for name in engines}
    table = {
        recipe: {name: float(ranks[row, column]) for row, name in enumerate(names)}
        for column, recipe in enumerate(recipes)
    }
    statistic, p, difference, reason = _test(ranks, alpha)
    cliques = (
        ()
        if difference is None
        else _cliques([means[name] for name in engines], difference, told=p is not None and p < alpha)
    )
    return Ranks(
        engines,
        means,
        tuple(recipes),
        table,
        statistic,
        p,
        difference,
        tuple(engines[first : last + 1] for first, last in cliques),
        dict(left_out or {}),
        reason,
    )


def _ranks(scores: NDArray[np.float64], rising: bool) -> NDArray[np.float64]:
    """Ranks of engines on each recipe, 1 the best, ties sharing theirs: float64 (engines, recipes)."""
    worth = np.round(scores if rising else -scores, DECIMALS)
    worth = np.where(np.isnan(worth), -np.inf, worth)
    return np.asarray(rankdata(-worth, axis=0), dtype=np.float64).reshape(scores.shape)


def _test(ranks: NDArray[np.float64], alpha: float) -> tuple[float | None, float | None, float | None, str | None]:
    """Friedman's statistic and its p, Nemenyi's critical difference, and why they are missing or tell nothing."""
    engines, recipes = ranks.shape
    if engines < FEWEST_ENGINES or recipes < FEWEST_RECIPES:
        needed = f"{FEWEST_ENGINES} engines on {FEWEST_RECIPES} recipes are needed"
        return None, None, None, f"no test: {needed}, there are {engines} on {recipes}"
    if (ranks == ranks[0]).all():
        return None, None, critical_difference(engines, recipes, alpha), "all engines are tied on every recipe"
    found = friedmanchisquare(*ranks)
    statistic, p = float(found.statistic), float(found.pvalue)
    reason = None if p < alpha else f"these {recipes} recipes do not tell the engines apart (Friedman, p {p:.2f})"
    return statistic, p, critical_difference(engines, recipes, alpha), reason


def critical_difference(engines: int, recipes: int, alpha: float = ALPHA) -> float:
    """The least difference of two mean ranks that is more than chance, all pairs considered.

    Args:
        engines: 2 or more.
        recipes: how many the ranks are means over.
        alpha: chance of one or more false differences.

    Source: Nemenyi 1963, Distribution-free multiple comparisons; Demsar 2006, section 3.2.2.
    """
    quantile = float(studentized_range.isf(alpha, engines, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(engines * (engines + 1) / (6 * recipes))


def _cliques(means: Sequence[float], difference: float, *, told: bool) -> list[tuple[int, int]]:
    """First and last place of the groups that are not told apart, `means` rising.

    Without a significant test of all engines together, pairs are not looked at: all are one group.
    """
    if not told:
        return [(0, len(means) - 1)]
    found: list[tuple[int, int]] = []
    for first in range(len(means)):
        last = max(place for place in range(first, len(means)) if means[place] - means[first] < difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
