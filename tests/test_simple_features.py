"""Simple features of each kind of input, which baselines learn from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import PLANTED, labelled
from scipy import stats

from automed.errors import DataError
from automed.search.baselines.features import FEATURES
from automed.search.baselines.features.cells import CODES
from automed.search.baselines.features.grams import Grams
from automed.search.baselines.features.pictures import area_matrix, shrink
from automed.search.baselines.features.signals import BANDS, QUANTILES, Signals
from automed.search.baselines.features.texts import WORDS

SIGNAL = {"kind": "signal", "roles": ["value"]}


def features_of(kind: str, array: Any, facts: dict[str, Any] | None = None, alike: int = 1) -> Any:
    """Features of an input, not yet fitted."""
    return FEATURES.load(kind).of("a", array, facts or {"kind": kind}, alike)


def of_signals(signals: Any, **facts: Any) -> Any:
    """float32 (n, channels, columns) of signals (n, steps, channels)."""
    array = np.asarray(signals, np.float32)
    made: Signals = features_of("signal", array, {"kind": "signal", **facts})
    return made(array, np.arange(len(array))).reshape(len(array), len(made.values), -1)


class TestEveryKind:
    """Laws, over the table of kinds."""

    @pytest.mark.parametrize("kind", FEATURES)
    def test_features_are_as_many_as_promised_and_no_record_depends_on_the_others(self, kind: str) -> None:
        """float32 (n, width), also of no record at all; about how many is known before."""
        y = labelled(40)
        array, facts = PLANTED[kind](y, np.random.default_rng(0))
        before = features_of(kind, array, facts)
        made = before.fit(array, np.arange(30), y[:30])
        together = made(array, np.arange(40))
        assert together.shape == (40, made.width) and together.dtype == np.float32
        assert made.width <= before.width and made.seconds > 0
        alone = np.concatenate([made(array, np.array([place])) for place in (3, 39)])
        assert alone == pytest.approx(together[[3, 39]], abs=1e-4, nan_ok=True)
        assert made(array, np.array([], np.int64)).shape == (0, made.width)

    @pytest.mark.parametrize("kind", FEATURES)
    def test_an_array_of_another_kind_is_refused(self, kind: str) -> None:
        """By the name of the input, before anything is read."""
        with pytest.raises(DataError, match=r"input a: expected .*, got complex64"):
            features_of(kind, np.zeros((2, 3, 3, 3, 1), np.complex64))


class TestPictures:
    """Small copy, shades, directions of edges."""

    @given(size=st.integers(1, 300), target=st.integers(1, 40))
    @settings(max_examples=60, deadline=None)
    def test_shrinking_keeps_the_mean_shade(self, size: int, target: int) -> None:
        """Whatever the sizes, larger or smaller."""
        weights = area_matrix(size, target)
        assert weights.sum(axis=1) == pytest.approx(np.ones(target), abs=1e-5)
        line = np.random.default_rng(0).random(size, dtype=np.float32)
        assert (weights @ line).mean() == pytest.approx(line.mean(), abs=1e-4)

    def test_shrinking_averages_areas(self) -> None:
        """Each pixel of the copy is the mean of what it covers."""
        picture = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
        assert shrink(picture, 2, 2)[0, :, :, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]

    @pytest.mark.parametrize(("channels", "alike", "width"), [(1, 1, 369), (3, 1, 368), (1, 2, 244)])
    def test_channels_and_inputs_share_the_pixels_of_the_small_copy(
        self, channels: int, alike: int, width: int
    ) -> None:
        """So that several pictures cost little more than one."""
        assert features_of("image", np.zeros((2, 9, 9, channels), np.uint8), alike=alike).width == width

    def test_blocks_make_no_difference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Save by rounding."""
        array, facts = PLANTED["image"](labelled(30), np.random.default_rng(0))
        made = features_of("image", array, facts)
        together = made(array, np.arange(30))
        monkeypatch.setattr("automed.search.baselines.features.pictures.BLOCK_BYTES", 4 * 20 * 20 * 4)
        assert made(array, np.arange(30)) == pytest.approx(together, abs=1e-4)


class TestSignals:
    """Moments, quantiles, trend, what was observed, spectrum."""

    @given(st.lists(st.one_of(st.none(), st.floats(-100, 100, width=32)), min_size=1, max_size=20))
    @settings(max_examples=80, deadline=None)
    def test_summaries_are_those_of_the_observed_values(self, values: list[float | None]) -> None:
        """As numpy and scipy have them; NaN where nothing was observed."""
        series = np.array([math.nan if value is None else value for value in values])
        found = of_signals(series[None, :, None], irregular=True)[0, 0]
        seen = series[np.isfinite(series)]
        time = np.flatnonzero(np.isfinite(series))
        assert found[0] == pytest.approx(len(seen) / len(series))
        if not len(seen):
            assert np.isnan(found[1:]).all()
            return
        slope = stats.linregress(time, seen).slope if len(seen) > 1 else math.nan
        expected = [seen.mean(), seen.std(), *np.quantile(seen, (0, *QUANTILES, 1)), seen[0], seen[-1]]
        expected += [time[0], len(series) - 1 - time[-1], slope]
        assert found[1:-1] == pytest.approx(expected, rel=1e-4, abs=1e-3, nan_ok=True)

    def test_a_mask_says_what_was_observed_and_other_channels_are_left_out(self) -> None:
        """Values carried forward are no observations."""
        signal = np.array([[[5.0, 1.0, 0.0], [5.0, 0.0, 1.0], [7.0, 1.0, 0.0]]])
        found = of_signals(signal, roles=["value", "mask", "elapsed"], irregular=True)
        assert found.shape[1] == 1
        assert found[0, 0, :2].tolist() == pytest.approx([2 / 3, 6.0])

    def test_the_spectrum_of_a_regular_signal_tells_slow_from_fast(self) -> None:
        """A slow wave has its power in the lower bands, a fast one in the highest."""
        time = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        found = of_signals(np.stack([np.sin(2 * time), np.sin(100 * time)])[..., None])[:, 0, -BANDS:]
        assert found[0].argmax() < BANDS - 4 and found[1].argmax() == BANDS - 1

    @pytest.mark.parametrize("steps", [1, 2, 3, 7])
    def test_short_signals_have_features_too(self, steps: int) -> None:
        """A single step has no trend and no spectrum."""
        assert np.isfinite(of_signals(np.ones((2, steps, 1)))[..., 0]).all()


class TestGrams:
    """Runs of neighbouring tokens."""

    @given(
        st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=8),
        st.integers(1, 3),
        st.integers(1, 2),
    )
    @settings(max_examples=80, deadline=None)
    def test_counts_are_those_of_plain_slicing(self, tokens: list[list[int]], longest: int, first: int) -> None:
        """No run crosses a token that does not count."""
        values = np.array(tokens, np.uint8)
        grams = Grams.learn(values, np.arange(len(values)), longest, first, rarest=1, most=10_000)
        runs: set[tuple[int, ...]] = set()
        plain = []
        for row in tokens:
            parts = [tuple(row[s : s + k]) for k in range(1, longest + 1) for s in range(6 - k + 1)]
            parts = [part for part in parts if min(part) >= first]
            runs |= set(parts)
            plain.append(sorted(parts.count(part) for part in set(parts)))
        counts = grams.count(values, np.arange(len(values))).toarray()
        assert counts.shape == (len(values), len(runs))
        assert [sorted(int(count) for count in row if count) for row in counts] == plain
        assert grams.documents.tolist() == (counts > 0).sum(axis=0).tolist()

    def test_rare_runs_are_left_out_and_of_the_rest_the_most_frequent_kept(self) -> None:
        """Rare means in few records, however often there."""
        values = np.array([[1, 1, 1], [2, 3, 0], [2, 3, 0], [2, 0, 0]])
        learnt = Grams.learn(values, np.arange(4), 1, 1, rarest=2, most=9)
        assert learnt.known.tolist() == [2, 3]
        assert Grams.learn(values, np.arange(4), 1, 1, rarest=1, most=1).known.tolist() == [2]

    def test_tokens_that_training_lacked_are_passed_over(self) -> None:
        """They neither count nor read as another run."""
        values = np.array([[1, 2, 2], [5, 1, 2], [1, 9, 0]])
        grams = Grams.learn(values, np.array([0]), 2, 1, rarest=1, most=9)
        assert grams.count(values, np.array([1, 2])).toarray().sum(axis=1).tolist() == [3, 1]


class TestTokens:
    """Texts and sequences."""

    def test_of_many_words_those_that_tell_classes_apart_are_kept(self) -> None:
        """A word of one class alone goes before a hundred that are everywhere."""
        rng = np.random.default_rng(0)
        y = labelled(300, 2)
        tokens = rng.integers(2, 3 * WORDS, (300, 40)).astype(np.int32)
        tokens[:, 0] = 3 * WORDS + 5 * y
        made = features_of("text", tokens).fit(tokens, np.arange(300), y)
        assert made.width == WORDS
        assert {3 * WORDS, 3 * WORDS + 5} <= set(made.grams.known.tolist())

    def test_letters_have_places_where_all_training_sequences_are_of_one_length(self) -> None:
        """Of letters that vary at a place; later sequences of another length are read all the same."""
        letters = np.random.default_rng(0).integers(1, 5, (40, 12)).astype(np.uint8)
        letters[:, 4] = 2
        letters[39, 8:] = 0
        made = features_of("sequence", letters).fit(letters, np.arange(39), labelled(39))
        assert set(made.place.tolist()) == set(range(12)) - {4}
        assert made(letters, np.arange(40)).shape == (40, made.width)
        assert not len(features_of("sequence", letters).fit(letters, np.arange(40), labelled(40)).place)


class TestCells:
    """Numbers and categories."""

    def test_categories_stay_categories_as_long_as_trees_can_hold_them(self) -> None:
        """A column of more codes is split like a number."""
        table = np.stack([np.arange(600) % 7, np.arange(600) % (CODES + 9), np.arange(600)], axis=1).astype(np.float32)
        table[5, 0] = np.nan
        kinds = ("category", "category", "number")
        facts = {"kind": "tabular", "features": [{"name": n, "kind": k} for n, k in zip("abc", kinds, strict=True)]}
        assert features_of("tabular", table, facts).fit(table, np.arange(600), labelled(600)).categories == (0,)
