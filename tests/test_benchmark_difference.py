"""A mean difference over seeds: its two variances, its interval and its test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from madebenchmark import OURS, answer, made
from scipy.stats import t, ttest_1samp

from automed.benchmark.comparison.difference import differ
from automed.benchmark.comparison.seeds import LEAST, Spread


def test_with_little_variance_of_records_the_test_is_the_t_test_over_seeds() -> None:
    """Against scipy's test of one sample: p and interval."""
    differences = np.random.default_rng(0).normal(0.4, 1, 6)
    spread = Spread(1e-20, 100, float(differences.var(ddof=1) / 6), 6)
    reference = ttest_1samp(differences, 0.0)
    assert spread.p(float(differences.mean())) == pytest.approx(reference.pvalue, rel=1e-6)
    low, high = reference.confidence_interval(0.95)
    assert 2 * spread.half_width() == pytest.approx(high - low)


def test_with_little_variance_of_seeds_the_test_is_that_of_the_records() -> None:
    """As many degrees of freedom as patients less one."""
    spread = Spread(0.04, 50, 0.0, 2)
    assert spread.p(0.5) == pytest.approx(2 * t.sf(0.5 / 0.2, 49), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1e-6, 1), st.integers(5, 500), st.floats(0, 1), st.integers(2, 10), st.floats(-2, 2), st.floats(1e-3, 0.5)
)  # fmt: skip
def test_a_p_is_below_a_level_exactly_where_the_interval_of_that_level_excludes_0(
    records: float, patients: int, between_seeds: float, seeds: int, difference: float, level: float
) -> None:
    """Test and interval never disagree; p is a probability, and the same of the opposite difference."""
    spread = Spread(records, patients, between_seeds, seeds)
    p = spread.p(difference)
    assert LEAST <= p <= 1 and p == spread.p(-difference)
    if not math.isclose(p, level, rel_tol=1e-6):
        assert (p < level) == (spread.half_width(level) < abs(difference))


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0, 5.0, 20.0])
def test_chance_is_taken_for_more_in_no_more_than_5_percent(seeds: int, share: float) -> None:
    """Whatever part of the variance the seeds have; Satterthwaite's degrees of freedom reach 13 % with two seeds."""
    rng = np.random.default_rng(seeds)
    repetitions = 3000
    true = math.sqrt(1 + share) * rng.normal(size=repetitions)
    records = rng.chisquare(150, repetitions) / 150
    between_seeds = share * rng.chisquare(seeds - 1, repetitions) / (seeds - 1)
    quantiles = t.isf(0.025, 150) ** 2, t.isf(0.025, seeds - 1) ** 2
    halves = np.sqrt(quantiles[0] * records + quantiles[1] * between_seeds)
    assert Spread(records[0], 151, between_seeds[0], seeds).half_width() == pytest.approx(halves[0])
    wrong = float((np.abs(true) > halves).mean())
    assert wrong < 0.05 + 3 * math.sqrt(0.05 * 0.95 / repetitions)


def test_the_variance_over_records_of_a_mean_is_that_of_the_differences() -> None:
    """Accuracy: the variance of the mean over seeds of what each record gains, divided by the records."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    sides = [[made(y, rng.random(400) * 0.5 + 0.3 * y) for _ in range(3)] for _ in range(2)]
    found = differ(*sides, metric="accuracy")
    gains = np.mean([b.sample().right * 1.0 - a.sample().right for a, b in zip(*sides, strict=True)], axis=0)
    by_seed = [float((b.sample().right * 1.0 - a.sample().right).mean()) for a, b in zip(*sides, strict=True)]
    assert found.spread is not None and found.difference == pytest.approx(gains.mean())
    assert found.spread.records == pytest.approx(gains.var(ddof=1) / 400, rel=0.12)
    assert found.spread.between == pytest.approx(np.var(by_seed, ddof=1) / 3)


def test_records_of_one_patient_count_as_one() -> None:
    """Every record four times is no more evidence than once."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100)
    p = [[rng.random(100) * 0.5 + 0.3 * y for _ in range(3)] for _ in range(2)]
    once = differ(*([made(y, one) for one in side] for side in p)).spread
    patient = np.repeat(np.arange(100), 4)
    four = differ(*([made(np.repeat(y, 4), np.repeat(one, 4), patient) for one in side] for side in p)).spread
    assert once is not None and four is not None
    assert four.records == pytest.approx(once.records) and four.patients == 100


def test_trainings_of_the_same_code_are_hardly_ever_told_apart() -> None:
    """Forty pairs of points whose seeds differ by luck: at most a few are called better or worse."""
    false = 0
    for number in range(40):
        sides = [[answer(f"r{number}", s, OURS, training=p, spread=0.3) for s in range(3)] for p in (1, 2)]
        found = differ(*sides)
        assert found.spread is not None and found.difference is not None
        false += found.spread.p(found.difference) < 0.05
    assert false <= 5  # 5 % of 40 is 2; 6 or more would come in 1 % of all cases
