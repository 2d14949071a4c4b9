"""Which trials become finalists: the best, or the fairest of those nearly as good."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automed.audit.groups import divide
from automed.audit.worst import worst_group
from automed.evaluate.metrics import macro_f1
from automed.recipe.evaluate import Audit
from automed.search.journal import TrialStory
from automed.search.selection import finalists_wanted, ordered, selection

FAIR = Audit(select="fair", distance=0.02)


def story(number: int, score: float, worst: float | None, parameters: int = 100) -> TrialStory:
    return TrialStory(
        number, "cnn", macro_f1=score, worst_group=worst, group="sex: female" if worst else None, parameters=parameters
    )


def test_the_fairest_within_the_distance_wins_and_the_best_stands_beside_it() -> None:
    """Candidate 1 is .01 behind, and its worst group .1 ahead; candidate 2 is fairer still, and too far behind."""
    stories = [story(0, 0.80, 0.60), story(1, 0.79, 0.70), story(2, 0.70, 0.69), story(3, 0.795, None)]
    assert [one.number for one in ordered(stories, FAIR)] == [1, 0, 3, 2]
    told = selection(stories, FAIR)
    assert told is not None
    assert told["best"]["number"] == 0 and told["fair"]["number"] == 1 and not told["same"]
    assert told["cost"] == pytest.approx(0.01) and told["gain"] == pytest.approx(0.10)
    assert "It was chosen" in told["sentence"] and "sex: female" in told["sentence"]


def test_both_winners_are_named_where_the_recipe_asks_for_the_best() -> None:
    """What fairness would cost is told, and changes nothing."""
    stories = [story(0, 0.80, 0.60), story(1, 0.79, 0.70)]
    assert [one.number for one in ordered(stories, Audit())] == [0, 1]
    told = selection(stories, Audit())
    assert told is not None and told["fair"]["number"] == 1 and "best overall, which was chosen" in told["sentence"]


def test_without_a_group_that_is_large_enough_the_best_wins_and_it_is_said() -> None:
    """No group could be compared, which is not the same as fair."""
    stories = [story(0, 0.80, None), story(1, 0.79, None)]
    assert ordered(stories, FAIR)[0].number == 0
    told = selection(stories, FAIR)
    assert told is not None and told["fair"] is None and "could not be compared" in told["sentence"]


def test_a_fair_selection_keeps_two_finalists_at_least() -> None:
    """Both winners must be there to be shown side by side."""
    assert finalists_wanted(1, FAIR) == 2 and finalists_wanted(3, FAIR) == 3 and finalists_wanted(1, Audit()) == 1


def test_no_trial_is_no_selection() -> None:
    assert selection([], FAIR) is None and ordered([], FAIR) == []


@given(
    st.lists(st.tuples(st.floats(0.1, 1), st.none() | st.floats(0.1, 1)), min_size=1, max_size=8),
    st.floats(0, 0.3),
)
def test_no_candidate_within_the_distance_has_a_better_worst_group(
    scores: list[tuple[float, float | None]], distance: float
) -> None:
    """The winner is near the best, and unbeaten among those near it; everybody is still in the list."""
    stories = [story(number, score, worst) for number, (score, worst) in enumerate(scores)]
    chosen = ordered(stories, Audit(select="fair", distance=distance))
    best = max(score for score, _ in scores)
    near = [one for one in stories if one.macro_f1 >= best - distance and one.worst_group is not None]
    assert sorted(one.number for one in chosen) == list(range(len(stories)))
    if near:
        assert chosen[0].worst_group == max(one.worst_group for one in near)
        assert chosen[0].macro_f1 >= best - distance


def test_the_worst_group_is_the_one_that_a_plain_loop_finds() -> None:
    """Of two attributes, groups under the minimum left out."""
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    sex, tone = rng.choice(["f", "m"], 300), np.where(np.arange(300) < 5, "rare", rng.choice(["I", "II"], 300))
    divisions = [divide("sex", sex.astype(object), 20), divide("tone", tone.astype(object), 20)]
    by_hand = {
        f"{key}: {name}": macro_f1(y[values == name], predicted[values == name], 3)
        for key, values in (("sex", sex), ("tone", tone))
        for name in set(values) - {"rare"}
    }
    found = worst_group(y, predicted, 3, divisions, 20)
    assert found.group == min(by_hand, key=lambda name: by_hand[name])
    assert found.macro_f1 == pytest.approx(min(by_hand.values()))
    assert worst_group(y, predicted, 3, divisions, 1000) == (None, None)
