"""What every kind of players in the table must do: laws of cutting a record, of hiding parts, and of sharing out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from madeinputs import CASES, records

from automed.explain.players import DIVISIONS
from automed.explain.players.record import Players, divide, fills
from automed.explain.subject import InputSpec, Subject

MORE = 3  # a signal of many variables may have so many times the parts

made = given(
    case=st.sampled_from(sorted(CASES)),
    seed=st.integers(0, 10**6),
    index=st.integers(0, 5),
    parts=st.one_of(st.integers(1, 60), st.just(1000)),
)
quick = settings(max_examples=60, deadline=None)


def spec_of(case: str) -> InputSpec:
    facts = CASES[case]
    return InputSpec(case, facts.kind, facts.shape, facts.facts["dtype"], facts.facts)


def cut(case: str, seed: int, index: int, parts: int) -> Players:
    """One of six records, of which the last is absent, against six others."""
    subject = Subject(None, (spec_of(case),), ("a", "b"))
    mine, others = ({case: records(CASES[case], 6, seed + k)} for k in range(2))
    return divide(subject, mine, index, others, parts, seed)


def widened(game: Players, case: str, shown: Any) -> Any:
    """Which elements of the raw array stay: bool (m, *shape)."""
    spec = spec_of(case)
    keep = np.concatenate([shown, np.ones((len(shown), 1), bool)], axis=1)[:, game.parts[case]]
    if spec.kind == "image":
        return np.repeat(keep[..., None], spec.shape[2], axis=3)
    return keep[..., spec.owner] if spec.kind == "signal" else keep


def test_every_kind_is_tried() -> None:
    """The records below are of every kind in the table."""
    assert {facts.kind for facts in CASES.values()} == set(DIVISIONS)


@quick
@made
def test_players_are_counted_from_0_without_a_gap(case: str, seed: int, index: int, parts: int) -> None:
    """Every player has an element, a name of its own, and there are not more than asked for."""
    game = cut(case, seed, index, parts)
    part = game.parts[case]
    assert part.dtype == np.int32 and part.shape == spec_of(case).map_shape
    assert set(np.unique(part)) - {-1} == set(range(len(game)))
    assert len(game) <= parts * (MORE if spec_of(case).kind == "signal" else 1)
    assert len(set(game.names)) == len(game.names) == len(game.owner)


@quick
@made
def test_a_record_has_players_unless_it_is_absent(case: str, seed: int, index: int, parts: int) -> None:
    """The last of the six is all 0 or all NaN: nothing of it can be hidden."""
    game = cut(case, seed, index, parts)
    assert (len(game) == 0) == (index == 5)


@quick
@made
def test_everything_shown_is_the_record_bit_for_bit(case: str, seed: int, index: int, parts: int) -> None:
    """Also where it is NaN, and of a record without players."""
    game = cut(case, seed, index, parts)
    for reference in range(game.references):
        found = game.compose(np.ones((2, len(game)), bool), reference)[case]
        assert found.dtype == game.record[case].dtype and found.shape == (2, *spec_of(case).shape)
        assert found[0].tobytes() == found[1].tobytes() == game.record[case].tobytes()


@quick
@made
def test_nothing_shown_is_the_stand_in(case: str, seed: int, index: int, parts: int) -> None:
    """Except for what belongs to no player, which always stays as it is."""
    game = cut(case, seed, index, parts)
    nobody = np.zeros((1, len(game)), bool)
    stays = widened(game, case, nobody)[0]
    for reference in range(game.references):
        found = game.compose(nobody, reference)[case][0]
        assert found[~stays].tobytes() == game.stand_ins[case][reference][~stays].tobytes()
        assert found[stays].tobytes() == game.record[case][stays].tobytes()


@quick
@made
def test_each_player_is_hidden_alone(case: str, seed: int, index: int, parts: int) -> None:
    """A coalition changes the elements of its hidden players and no others."""
    game = cut(case, seed, index, parts)
    shown = np.random.default_rng(seed).random((3, len(game))) < 0.5
    keep = widened(game, case, shown)
    found = game.compose(shown, 0)[case]
    wanted = np.where(keep, game.record[case][None], game.stand_ins[case][0][None])
    assert found.tobytes() == wanted.tobytes()


@quick
@made
def test_values_of_players_sum_over_their_elements(case: str, seed: int, index: int, parts: int) -> None:
    """Spread over the map and added up again they are the same, and elements of one player are alike."""
    game = cut(case, seed, index, parts)
    values = np.random.default_rng(seed).normal(size=len(game))
    spread, part = game.spread(values)[case], game.parts[case]
    assert spread.dtype == np.float32 and spread.shape == part.shape
    again = np.bincount(part[part >= 0], spread[part >= 0], minlength=len(game))
    np.testing.assert_allclose(again, values, rtol=1e-5, atol=1e-6)
    assert not spread[part < 0].any()
    assert all(len(np.unique(spread[part == k])) == 1 for k in range(len(game)))


@quick
@made
def test_a_seed_is_a_promise(case: str, seed: int, index: int, parts: int) -> None:
    """The same record, background and seed give the same players and the same stand-ins."""
    one, two = cut(case, seed, index, parts), cut(case, seed, index, parts)
    assert one.names == two.names
    assert one.parts[case].tobytes() == two.parts[case].tobytes()
    assert one.stand_ins[case].tobytes() == two.stand_ins[case].tobytes()


@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("rows", [[0], [5], [5, 5, 5]])
def test_a_background_of_one_record_or_of_absent_ones_will_do(case: str, rows: list[int]) -> None:
    """There is always something to stand in, of the record's own shape and type."""
    spec, x = spec_of(case), records(CASES[case], 6)
    found = DIVISIONS.load(spec.kind).stand_ins(spec, x[1], x[rows], 0)
    assert len(found) >= 1 and found.shape[1:] == spec.shape and found.dtype == x.dtype


@pytest.mark.parametrize("case", sorted(CASES))
def test_neither_record_nor_background_is_changed(case: str) -> None:
    """They are memory maps, and others read them."""
    spec, x = spec_of(case), records(CASES[case], 6)
    kept = x.copy()
    x.flags.writeable = False
    kind = DIVISIONS.load(spec.kind)
    kind.divide(spec, x[0], 10, 0)
    made_up = kind.stand_ins(spec, x[0], x, 0)
    assert x.tobytes() == kept.tobytes() and not np.shares_memory(made_up, x)


def test_every_kind_says_in_words_what_stands_in() -> None:
    """It is one of the parameters that a report names."""
    subject = Subject(None, tuple(spec_of(case) for case in CASES), ("a", "b"))
    assert set(fills(subject)) == set(CASES) and all(fills(subject).values())
