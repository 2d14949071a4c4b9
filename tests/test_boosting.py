"""Gradient boosting on simple features: its budget and its bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import planted

from automed.evaluate.metrics import macro_f1
from automed.search.baselines.bins import BINS, Bins
from automed.search.baselines.boosting import CELLS, afford, fit_boosting

EACH = 64 * 64 * 3 * 4e-8  # seconds for the features of one small picture


@given(rows=st.integers(2, 200_000), trees=st.integers(1, 20), seconds=st.floats(1, 600))
@settings(max_examples=100, deadline=None)
def test_less_time_never_buys_more(rows: int, trees: int, seconds: float) -> None:
    """Fewer iterations learn faster, so that they come as far."""
    full, half = (afford(rows, trees, 368, EACH, budget) for budget in (seconds, seconds / 2))
    assert half.rows <= full.rows <= rows
    assert half.iterations <= full.iterations or half.rows < full.rows
    assert half.rate >= full.rate
    assert full.iterations * full.rate == pytest.approx(12, abs=0.1)


@given(rows=st.integers(300, 100_000), columns=st.integers(1, 5000), seconds=st.floats(1, 600))
@settings(max_examples=100, deadline=None)
def test_more_columns_never_get_more_records(rows: int, columns: int, seconds: float) -> None:
    """Trees on twice the columns take twice as long."""
    narrow, wide = (afford(rows, 3, count, EACH, seconds) for count in (columns, 2 * columns))
    assert (wide.rows <= narrow.rows and wide.iterations <= narrow.iterations) or wide.rows < narrow.rows


@pytest.mark.parametrize("most", [200, 60])
def test_without_a_budget_nothing_is_saved_but_memory(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a million pictures are read whole, what would not fit into memory is not."""
    monkeypatch.setattr("automed.search.baselines.boosting.ITERATIONS", most)
    plan = afford(500_000, 9, 368, 224 * 224 * 3 * 4e-8, float("inf"))
    assert (plan.rows, plan.iterations) == (500_000, most)
    assert afford(10_000_000, 9, 368, EACH, float("inf")).rows == CELLS // 368


def test_a_training_picture_is_predicted_alike_alone_and_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of pixels round differently in another block; no bound between bins may lie within that rounding."""
    monkeypatch.setattr("automed.search.baselines.boosting.ITERATIONS", 60)
    material, _ = planted("image", n=60)
    predictor = fit_boosting(material)
    together = predictor(material.arrays, np.arange(60))
    for size in (1, 7, 31):
        parts = [predictor(material.arrays, np.arange(s, min(60, s + size))) for s in range(0, 60, size)]
        assert np.array_equal(np.concatenate(parts), together)


def test_several_inputs_are_learnt_from_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each tells two of three classes apart, both are needed."""
    monkeypatch.setattr("automed.search.baselines.boosting.ITERATIONS", 20)
    monkeypatch.setattr("automed.search.baselines.boosting.RATE", 0.25)
    material, y = planted("signal", "tabular", n=240, train=150)
    table = np.random.default_rng(1).normal(size=(240, 2)).astype(np.float32)
    table[:, 0] += 3 * (y == 2)
    signals = material.arrays["signal"].copy()
    signals[y == 2] = np.nan_to_num(signals)[np.random.default_rng(2).permutation(160)[: (y == 2).sum()]]
    arrays = {"signal": signals, "tabular": table}
    material = type(material)(arrays, {**material.facts, "tabular": {"kind": "tabular"}}, material.train, material.y, 3)
    found = fit_boosting(material)(arrays, np.arange(150, 240)).argmax(axis=1)
    assert macro_f1(y[150:], found, 3) > 0.8


class TestBins:
    """What trees see of a column."""

    @given(st.lists(st.integers(-400, 400), min_size=1, max_size=900))
    @settings(max_examples=50, deadline=None)
    def test_bins_keep_the_order_and_are_200_at_most(self, values: list[int]) -> None:
        """Larger values never fall into lower bins."""
        raw = np.array(values, np.float32)[:, None]
        binned = Bins.of(raw, np.zeros(1), np.zeros(1, bool))(raw)[:, 0]
        order = np.argsort(raw[:, 0])
        assert binned.dtype == np.uint8 and (np.diff(binned[order].astype(int)) >= 0).all()
        assert len(np.unique(binned)) == min(len(np.unique(raw)), BINS) or len(np.unique(raw)) > BINS
        assert binned.max() < BINS

    def test_missing_values_stay_missing_and_codes_stay_codes(self) -> None:
        """A column that training knows nothing of becomes constant."""
        raw = np.array([[1, 7, np.nan], [2, np.nan, np.nan], [np.nan, 9, np.nan]], np.float32)
        bins = Bins.of(raw, np.zeros(3), np.array([False, True, False]))
        assert bins(raw)[:, 0] == pytest.approx([0, 1, np.nan], nan_ok=True)
        assert bins(raw)[:, 1] == pytest.approx([7, np.nan, 9], nan_ok=True)
        assert bins(np.full((2, 3), 5, np.float32))[:, 2].tolist() == [0, 0]

    def test_a_gap_within_rounding_is_none(self) -> None:
        """Unless the values were copied and not computed."""
        raw = np.array([[1000.0], [1000.001], [2000.0]], np.float32)
        for rounding, expected in ((1e-5, [0, 0, 1]), (0.0, [0, 1, 2])):
            assert Bins.of(raw, np.array([rounding]), np.zeros(1, bool))(raw)[:, 0].tolist() == expected
