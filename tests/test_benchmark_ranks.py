"""Average ranks over recipes, held against scipy and against the example and the tables of Demsar 2006."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from madebenchmark import cell, make_history
from scipy.stats import friedmanchisquare

from automed.benchmark.comparison.ranks import Ranks, critical_difference, rank, ranks_of

# AUC of C4.5 with and without tuning on 14 data sets: the ranks of table 6 of Demsar 2006, JMLR 7:1-30.
C45 = {
    "C4.5": (4, 1, 4, 4, 4, 1, 3, 2.5, 4, 2.5, 4, 3, 4, 3),
    "C4.5+m": (3, 2, 1, 1, 2, 2.5, 2, 2.5, 3, 2.5, 2.5, 2, 1, 1),
    "C4.5+cf": (2, 3, 2, 3, 3, 4, 4, 4, 2, 2.5, 1, 4, 2, 4),
    "C4.5+m+cf": (1, 4, 3, 2, 1, 2.5, 1, 1, 1, 2.5, 2.5, 1, 3, 2),
}
SETS = tuple(f"set {k}" for k in range(14))


def published(alpha: float) -> Ranks:
    """The example: ranks are falling scores."""
    return ranks_of(C45, SETS, rising=False, alpha=alpha)


def test_the_published_example_comes_out_as_published() -> None:
    """Average ranks, Friedman's statistic, the critical difference, and that it tells no pair apart at 5 %."""
    found = published(0.05)
    assert {name: round(mean, 3) for name, mean in found.mean_rank.items()} == {
        "C4.5": 3.143, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964,
    }  # fmt: skip
    assert found.engines == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    # The paper's 9.28 takes no account of ties; scipy's does: three pairs and once all four are tied.
    ties = (3 * (2**3 - 2) + (4**3 - 4)) / (14 * (4**3 - 4))
    assert found.statistic is not None and found.statistic * (1 - ties) == pytest.approx(9.28, abs=0.01)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.cliques == (found.engines,) and (found.p or 1) < 0.05


def test_at_10_percent_the_published_example_has_the_published_groups() -> None:
    """C4.5 is worse than both with tuned m; C4.5+cf belongs to neither."""
    found = published(0.10)
    assert found.critical_difference == pytest.approx(1.12, abs=0.005)
    assert found.cliques == (("C4.5+m+cf", "C4.5+m", "C4.5+cf"), ("C4.5+cf", "C4.5"))


@pytest.mark.parametrize(
    ("alpha", "values"),
    [
        (0.05, (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)),
        (0.10, (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920)),
    ],
)
def test_critical_values_are_those_of_the_published_table(alpha: float, values: tuple[float, ...]) -> None:
    """Demsar 2006, table 5a: two to ten engines."""
    for engines, value in enumerate(values, 2):
        ours = critical_difference(engines, 1, alpha) / math.sqrt(engines * (engines + 1) / 6)
        assert ours == pytest.approx(value, abs=0.0015)


Scores = arrays(
    np.float64, st.tuples(st.integers(3, 6), st.integers(2, 8)), elements=st.integers(0, 8).map(lambda k: k / 8)
)


def of(scores: np.ndarray, **asked: Any) -> Ranks:
    """Engines a, b, c, ... with one row of scores each."""
    return ranks_of(
        {chr(97 + k): list(row) for k, row in enumerate(scores)}, [str(k) for k in range(scores.shape[1])], **asked
    )


@settings(deadline=None)
@given(Scores)
def test_the_ranks_on_a_recipe_add_up_and_ties_share_theirs(scores: np.ndarray) -> None:
    """Engines together have 1 + 2 + ... of rank; equal scores have equal ranks, higher ones lower ranks."""
    k = len(scores)
    found = of(scores)
    for column, ranks in enumerate(found.table.values()):
        assert sum(ranks.values()) == pytest.approx(k * (k + 1) / 2)
        values = scores[:, column]
        for i, one in enumerate(ranks.values()):
            for j, two in enumerate(ranks.values()):
                assert (values[i] == values[j]) == (one == two) and (values[i] > values[j]) == (one < two)
    assert np.mean(list(found.mean_rank.values())) == pytest.approx((k + 1) / 2)


@settings(deadline=None)
@given(Scores, st.randoms(use_true_random=False))
def test_the_order_of_engines_and_of_recipes_changes_no_rank(scores: np.ndarray, random: Any) -> None:
    """Whoever is named first is not better for that."""
    rows, columns = list(range(len(scores))), list(range(scores.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    names = [chr(97 + k) for k in rows]
    moved = ranks_of({n: list(scores[r][columns]) for n, r in zip(names, rows, strict=True)}, [str(c) for c in columns])
    found = of(scores)
    assert moved.mean_rank == pytest.approx(found.mean_rank)
    assert moved.table == found.table and moved.p == pytest.approx(found.p)


@settings(deadline=None)
@given(Scores)
def test_the_test_of_all_engines_is_that_of_scipy(scores: np.ndarray) -> None:
    """Friedman's statistic and p, from the scores themselves."""
    assume((scores != scores[0]).any())
    reference = friedmanchisquare(*scores)
    found = of(scores)
    assert found.statistic == pytest.approx(reference.statistic) and found.p == pytest.approx(reference.pvalue)


@settings(deadline=None)
@given(Scores, st.sampled_from([0.05, 0.5, 0.9]))
def test_groups_hold_all_that_is_not_told_apart_and_nothing_else(scores: np.ndarray, alpha: float) -> None:
    """Two engines share a group exactly where their mean ranks differ by less than the critical difference."""
    found = of(scores, alpha=alpha)
    assert found.critical_difference is not None
    for i, one in enumerate(found.engines):
        for two in found.engines[i + 1 :]:
            near = found.mean_rank[two] - found.mean_rank[one] < found.critical_difference
            together = any(one in clique and two in clique for clique in found.cliques)
            assert together == (near or found.p is None or found.p >= alpha)
    for clique in found.cliques:
        assert not any(set(clique) < set(larger) for larger in found.cliques)


def test_of_a_loss_the_lowest_is_first() -> None:
    """Ranks of falling scores are those of rising ones turned round."""
    scores = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    assert of(scores, rising=False).engines == ("a", "b", "c")
    assert of(scores).engines == ("c", "b", "a")


def test_a_score_that_differs_by_rounding_is_tied() -> None:
    """0.1 + 0.2 is 0.3."""
    found = of(np.array([[0.1 + 0.2, 0.5], [0.3, 0.5], [0.2, 0.4]]))
    assert found.mean_rank == {"a": 1.5, "b": 1.5, "c": 3.0}


@pytest.mark.parametrize(("engines", "recipes"), [(2, 5), (4, 1), (0, 3), (1, 0)])
def test_too_few_engines_or_recipes_are_ranked_without_a_test(engines: int, recipes: int) -> None:
    """Means there are, no test, no groups, and a reason."""
    found = of(np.arange(engines * recipes, dtype=np.float64).reshape(engines, recipes))
    assert found.p is None and found.critical_difference is None and found.cliques == ()
    assert found.reason and f"there are {engines} on {recipes}" in found.reason
    assert len(found.mean_rank) == (engines if recipes else 0)


def test_engines_that_are_all_alike_are_one_group() -> None:
    """No statistic of nothing: a reason instead of NaN."""
    found = of(np.full((3, 4), 0.5))
    assert found.statistic is None and "tied" in (found.reason or "") and found.cliques == (("a", "b", "c"),)


def test_a_point_is_ranked_from_its_cells(tmp_path: Path) -> None:
    """Means over seeds decide; the majority class is last; the unsuited and the missing have no rank, and a reason."""
    engines = ("majority", "keras-tuner", "automed", "classical", "minirocket", "optuna")
    with make_history(
        tmp_path,
        points=1,
        recipes=("breast", "splice", "ecg"),
        engines=engines,
        unsuited={("splice", "minirocket"): "reads no text"},
    ) as history:
        cells = history.cells(1)
    found = rank([c for c in cells if (c.recipe, c.engine) != ("ecg", "optuna")])
    assert found.left_out == {"minirocket": "splice: unsuited: reads no text", "optuna": "ecg: not run"}
    assert found.engines[-1] == "majority" and set(found.engines) == {*engines} - {*found.left_out}
    assert found.recipes == ("breast", "splice", "ecg")
    for recipe, ranks in found.table.items():
        means = {e: np.mean([c.value() for c in cells if (c.recipe, c.engine) == (recipe, e)]) for e in found.engines}
        assert sorted(ranks, key=ranks.__getitem__) == sorted(means, key=lambda e: -means[e])


def test_who_fails_is_last_and_two_who_fail_are_tied(tmp_path: Path) -> None:
    """One failed seed is a failure: a mean over the others would reward it."""
    with make_history(
        tmp_path,
        points=1,
        engines=("automed", "majority", "classical", "optuna"),
        failed={("splice", "classical"): "no memory"},
    ) as history:
        cells = history.cells(1)
    one = next(c for c in cells if (c.recipe, c.engine, c.seed) == ("splice", "automed", 1))
    cells[cells.index(one)] = cell(1, "splice", 1, "automed", why=("failed", "no disk"))
    found = rank(cells)
    assert found.table["splice"] == {"automed": 3.5, "classical": 3.5, "majority": 2.0, "optuna": 1.0}
    assert not found.left_out


def test_a_recipe_without_any_score_ranks_nobody(tmp_path: Path) -> None:
    """Where all failed, the recipe is at fault; it is left out and not a tie."""
    engines = ("automed", "majority", "classical")
    with make_history(
        tmp_path, points=1, engines=engines, failed={("splice", engine): "no data" for engine in engines}
    ) as history:
        found = rank(history.cells(1))
    assert found.recipes == ("breast",) and found.p is None and len(found.engines) == 3
    nothing = rank([])
    assert nothing.engines == () and nothing.recipes == () and nothing.reason
