"""MiniRocket features, the ridge regression on them, and its budget."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import planted
from sklearn.linear_model import Ridge as Plain

from automed.search.baselines.material import folds
from automed.search.baselines.minirocket import FEATURES, FEWEST, afford, fit_minirocket
from automed.search.baselines.ridge import PENALTIES, fit_ridge
from automed.search.baselines.rocket import KERNELS, LENGTH, Rocket

RNG = np.random.default_rng


class TestRocket:
    """Shares of a signal above thresholds after convolution."""

    def test_features_are_those_of_a_plain_convolution(self) -> None:
        """One channel, every kernel, dilation and threshold by numpy's own convolution."""
        signals = RNG(0).normal(size=(2, 1, 40)).astype(np.float32)
        rocket = Rocket.of(signals, 4 * len(KERNELS), seed=1)
        found = rocket(signals)
        column = 0
        for place, dilation in enumerate(rocket.dilations):
            margin = (LENGTH // 2) * dilation
            for kernel, heavy in enumerate(KERNELS):
                weights = np.zeros(8 * dilation + 1)
                weights[::dilation] = -1
                weights[np.array(heavy) * dilation] = 2
                for bound in rocket.thresholds[place][kernel]:
                    for record in range(2):
                        full = np.correlate(np.pad(signals[record, 0], margin), weights, "valid")
                        whole = full[margin:-margin] if (place + kernel) % 2 and 2 * margin < 40 else full
                        assert found[record, column] == pytest.approx((whole > bound).mean(), abs=0.03)
                    column += 1
        assert column == rocket.width == found.shape[1]

    @given(st.integers(1, 70), st.integers(1, 4), st.integers(1, 12))
    @settings(max_examples=15, deadline=None)
    def test_any_length_and_number_of_channels_will_do(self, steps: int, channels: int, each: int) -> None:
        """As many features as asked for, shares from 0 to 1, the same with more threads."""
        signals = RNG(0).normal(size=(3, channels, steps)).astype(np.float32)
        rocket = Rocket.of(signals, each * len(KERNELS), seed=0)
        found = rocket(signals)
        assert found.shape == (3, each * len(KERNELS))
        assert found.min() >= 0 and found.max() <= 1
        assert np.array_equal(found, rocket(signals, threads=2))

    def test_dilations_reach_over_the_whole_signal_and_no_further(self) -> None:
        """The widest kernel is as long as the signal."""
        signals = RNG(0).normal(size=(2, 1, 1000)).astype(np.float32)
        widest = max(Rocket.of(signals, 32 * len(KERNELS), seed=0).dilations)
        assert 1000 // 2 < (LENGTH - 1) * widest < 1000

    def test_a_shift_of_level_changes_nothing_within_whole_windows(self) -> None:
        """The weights of a kernel add up to nothing."""
        signals = RNG(0).normal(size=(4, 1, 64)).astype(np.float32)
        rocket = Rocket.of(signals, len(KERNELS), seed=0)
        assert rocket(signals + 8)[:, 1::2] == pytest.approx(rocket(signals)[:, 1::2], abs=0.02)


class TestRidge:
    """The penalty and honest decisions."""

    @pytest.mark.parametrize(("n", "features"), [(30, 80), (80, 30)])
    def test_it_is_ridge_regression_whichever_side_is_shorter(self, n: int, features: int) -> None:
        """Weights as scikit-learn has them on standardised features, for one of the penalties."""
        x = RNG(0).normal(3, 2, (n, features)).astype(np.float32)
        targets = x[:, :2] + RNG(1).normal(0, 3, (n, 2)) > 3
        ridge = fit_ridge(x.copy(), targets, folds(np.zeros(n, np.int64), None, 5, 0))
        standard = (x - x.mean(axis=0)) / x.std(axis=0)
        plain = [Plain(alpha=p * features).fit(standard, np.where(targets, 1.0, -1.0)) for p in PENALTIES]
        apart = [np.abs(each.predict(standard) - ridge(x)).max() for each in plain]
        assert min(apart) < 1e-3

    def test_decisions_held_out_have_not_seen_the_record(self) -> None:
        """On noise they are no better than chance, while the fit is."""
        x = RNG(0).normal(size=(60, 400)).astype(np.float32)
        targets = RNG(1).random((60, 1)) < 0.5
        ridge = fit_ridge(x, targets, folds(np.zeros(60, np.int64), None, 5, 0))
        assert ((ridge.held_out > 0) == targets).mean() < 0.75

    @pytest.mark.parametrize("n", [20, 200])
    def test_a_constant_feature_has_no_weight(self, n: int) -> None:
        """And divides by nothing."""
        x = np.concatenate([RNG(0).normal(size=(n, 50)), np.full((n, 1), 7.0)], axis=1).astype(np.float32)
        ridge = fit_ridge(x, np.arange(n)[:, None] % 2 == 0, folds(np.zeros(n, np.int64), None, 4, 0))
        assert ridge.weights[-1] == pytest.approx(0, abs=1e-6) and np.isfinite(ridge.weights).all()


@given(st.integers(2, 100_000), st.integers(10, 5000), st.floats(0.1, 600))
@settings(max_examples=100, deadline=None)
def test_less_time_never_buys_more(rows: int, steps: int, seconds: float) -> None:
    """Features are given up first, then records; never all."""
    full, half = afford(rows, steps, seconds), afford(rows, steps, seconds / 2)
    assert half[0] <= full[0] <= rows and half[1] <= full[1] <= FEATURES
    assert half[0] >= min(rows, 200) and half[1] >= FEWEST and half[1] % len(KERNELS) == 0
    assert half[0] == rows or half[1] == FEWEST


def test_a_few_hundred_electrocardiograms_get_all_features_within_the_minute() -> None:
    """350 records of 1,000 steps, two threads; more records or less time cost features."""
    assert afford(350, 1000, 2 * 60) == (350, FEATURES)
    assert afford(350, 1000, math.inf) == (350, FEATURES)
    assert afford(20_000, 1000, 2 * 60)[1] < FEATURES


def test_gaps_are_closed_by_straight_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal with a step left out on a straight stretch is read like the whole one."""
    monkeypatch.setattr("automed.search.baselines.minirocket.FEWEST", 2 * len(KERNELS))
    monkeypatch.setattr("automed.search.baselines.minirocket.FEATURES", 2 * len(KERNELS))
    material, _ = planted("signal")
    predictor = fit_minirocket(material)
    line = np.tile(np.linspace(0, 1, 60, dtype=np.float32)[None, :, None], (1, 1, 2))
    gap = line.copy()
    gap[0, 20:30, 1] = np.nan
    found = [predictor({"signal": each}, np.array([0])) for each in (line, gap)]
    assert found[0] == pytest.approx(found[1], abs=1e-3)
