"""Decision curves: net benefit against flagging everyone, no one, and by other models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from automed.errors import DataError
from automed.evaluate.intervals import draw
from automed.evaluate.operating.resampling import on_all
from automed.evaluate.operating.utility import NetBenefit, decision_curve, thresholds_up_to

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
DCURVES_MODEL = [0.2333333333, 0.1083333333, -0.1, -0.025]
DCURVES_ALL = [0.2222222222, 0.0666666667, -0.4, -1.8]


def plain(truth: Bools, probability: Floats, threshold: float) -> float:
    """Vickers and Elkin's formula, one record at a time."""
    found = alarms = 0
    for yes, share in zip(truth.tolist(), probability.tolist(), strict=True):
        if share >= threshold:
            found, alarms = found + yes, alarms + (not yes)
    return found / len(truth) - alarms / len(truth) * threshold / (1 - threshold)


def calibrated(n: int, prevalence: float = 0.2, skill: float = 1.5, seed: int = 0) -> tuple[Bools, Floats]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < prevalence
    logit = skill * rng.normal(size=n) + skill**2 * truth - skill**2 / 2 + np.log(prevalence / (1 - prevalence))
    return truth, 1 / (1 + np.exp(-logit))


@st.composite
def records(draw: st.DrawFn) -> tuple[Bools, Floats]:
    """A few, with probabilities that are often thresholds themselves, 0 and 1 among them."""
    n = draw(st.integers(1, 20))
    truth = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return truth, np.array(draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))) / 20


@given(made=records(), operating=st.sampled_from([0.0, 0.05, 0.123, 0.5, 0.97]), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_net_benefit_is_the_formula_of_records_written_out(
    made: tuple[Bools, Floats], operating: float, seed: int
) -> None:
    """For the model, a baseline and flagging everyone, at every threshold and in every resample."""
    truth, probability = made
    other = probability[::-1].copy()
    measure = NetBenefit(truth, probability, {"other": other}, operating)
    weights = np.random.default_rng(seed).integers(0, 3, (len(truth), 3)).astype(float)
    weights[0] += 1
    found = measure(weights)
    asked = [*measure.grid, operating]
    for k in range(3):
        times = weights[:, k].astype(int)
        yes = np.repeat(truth, times)
        for row, scores in enumerate((np.ones(len(truth)), probability, other)):
            expected = [plain(yes, np.repeat(scores, times), threshold) for threshold in asked]
            assert found[k, row] == pytest.approx(expected, abs=1e-12)


@given(made=records())
@settings(max_examples=40, deadline=None)
def test_flagging_everyone_has_the_benefit_that_prevalence_gives(made: tuple[Bools, Floats]) -> None:
    """prevalence - (1 - prevalence) odds; a model that gives all the highest probability is the same."""
    truth, probability = made
    everyone = np.ones(len(truth))
    measure = NetBenefit(truth, everyone, {"model": probability}, 0.5)
    found, share, grid = on_all(measure, len(truth)), truth.mean(), measure.grid
    assert found[0, :-1] == pytest.approx(share - (1 - share) * grid / (1 - grid), abs=1e-12)
    assert found[1] == pytest.approx(found[0], abs=1e-12)
    assert (found[2] <= share + 1e-12).all()  # finding every case without a false alarm is the most there is


def test_net_benefit_is_that_of_dcurves() -> None:
    """Figures of dcurves 1.1.7, dca(), on these 40 records."""
    k = np.arange(40)
    truth = k * 7 % 10 < 3
    probability = ((k * 13) % 40 + 0.5) / 40 * 0.8 + 0.1 * truth
    measure = NetBenefit(truth, probability, {}, 0.5)
    found = on_all(measure, 40)
    at = [int(np.flatnonzero(measure.grid == threshold)[0]) for threshold in (0.1, 0.25, 0.5, 0.75)]
    assert found[1, at] == pytest.approx(DCURVES_MODEL, abs=1e-9)
    assert found[0, at] == pytest.approx(DCURVES_ALL, abs=1e-9)


def test_bands_are_percentiles_of_resamples_written_out() -> None:
    """Patients are drawn whole; the limits of the gain are the smaller ones of those over everyone and no one."""
    truth, probability = calibrated(400)
    codes = np.arange(400) // 2
    found = decision_curve(truth, probability, codes, 0.15, {"flat": np.full(400, 0.2)}, resamples=150, seed=5)
    model, gain, over, share = [], [], [], []
    for column in np.concatenate([*draw(codes, 150, 5)], axis=1).T:
        times = column.astype(int)
        yes, scores = np.repeat(truth, times), np.repeat(probability, times)
        model.append([plain(yes, scores, threshold) for threshold in (0.1, 0.4)])
        own, everyone = plain(yes, scores, 0.15), plain(yes, np.ones(len(yes)), 0.15)
        gain.append([own - everyone, own])
        over.append(own - everyone)  # at .15 a flat .2 flags everyone
        share.append(own / yes.mean())
    places = [int(np.flatnonzero(found.thresholds == threshold)[0]) for threshold in (0.1, 0.4)]
    lower, upper = np.percentile(model, (2.5, 97.5), axis=0)
    assert found.model.lower[places] == pytest.approx(lower)
    assert found.model.upper[places] == pytest.approx(upper)
    assert found.gain.ci95 == pytest.approx(np.percentile(gain, (2.5, 97.5), axis=0).min(axis=1))
    assert found.over["flat"].ci95 == pytest.approx(np.percentile(over, (2.5, 97.5)))
    assert found.standardised.ci95 == pytest.approx(np.percentile(share, (2.5, 97.5)))
    assert found.standardised.value == pytest.approx(plain(truth, probability, 0.15) / truth.mean())
    assert found.baselines["flat"].value == pytest.approx(np.where(found.thresholds <= 0.2, found.everyone.value, 0))


def test_a_good_model_is_useful_in_a_range_that_is_named_in_words() -> None:
    """Between thresholds at which everyone, or no one, would be flagged anyway."""
    truth, probability = calibrated(3000)
    found = decision_curve(truth, probability, np.arange(3000), 0.2, resamples=300)
    assert len(found.useful) >= 1
    start, end = found.useful[0]
    assert start < 0.1 < 0.4 < end
    assert f"from {start:g} to {end:g}" in found.sentence
    assert found.gain.ci95 is not None
    assert found.gain.ci95[0] > 0


def test_a_useless_model_is_useful_nowhere() -> None:
    """Probabilities that know nothing are no better than flagging everyone or no one, at any threshold."""
    rng = np.random.default_rng(0)
    truth, probability = rng.random(1000) < 0.3, rng.random(1000)
    found = decision_curve(truth, probability, np.arange(1000), 0.3, resamples=300)
    assert found.useful == ()
    assert found.sentence.startswith("At no threshold probability")
    constant = decision_curve(truth, np.full(1000, 0.3), np.arange(1000), 0.2, resamples=300)
    assert constant.useful == ()
    assert constant.gain.value == pytest.approx(0)
    assert "every resample gives the same" in (constant.gain.reason or "")


def test_a_handful_without_an_error_is_no_evidence() -> None:
    """Ten right of ten flagged may be 69 % right: of use at a threshold of .6, and not shown to be at .9."""
    truth = np.repeat([True, True, False], [10, 40, 450])
    probability = np.repeat([0.95, 0.05, 0.05], [10, 40, 450])
    found = decision_curve(truth, probability, np.arange(500), 0.9, resamples=300)
    assert found.useful[-1][1] == 0.69
    assert 0.08 < found.useful[0][0] < 0.13  # 40 of the 490 others are missed, with an upper limit near .11
    assert found.gain.ci95 is not None
    assert found.gain.ci95[0] > 0
    assert "narrower than so few patients can show" in (found.gain.reason or "")


def test_thresholds_are_as_fine_as_the_probabilities_need() -> None:
    """By .01 up to where no one is flagged; finer where all are small."""
    assert thresholds_up_to(1.0).tolist() == [k / 100 for k in range(1, 100)]
    assert thresholds_up_to(0.5)[-1] == 0.51
    assert thresholds_up_to(0.1)[0] == 0.002
    assert len(thresholds_up_to(0.1)) == 51
    assert thresholds_up_to(0.0).tolist() == [0.001]


@pytest.mark.parametrize("threshold", [1.0, float(np.nextafter(1.0, 2.0))])
def test_at_a_threshold_of_one_there_is_no_net_benefit(threshold: float) -> None:
    """A false alarm would cost infinitely much; the curve below it stands."""
    truth, probability = calibrated(100)
    found = decision_curve(truth, probability, np.arange(100), threshold, resamples=50)
    for estimate in (found.net_benefit, found.standardised, found.gain):
        assert estimate.value is None
        assert "infinitely" in (estimate.reason or "")
    assert np.isfinite(found.model.value).all()


def test_too_few_records_of_an_answer_carry_no_curve() -> None:
    """Four cases, or none, are not estimable, in figures, curves and words."""
    probability = np.linspace(0, 1, 50)
    for cases in (0, 4):
        found = decision_curve(np.arange(50) < cases, probability, np.arange(50), 0.5, {"a": probability}, 50)
        assert found.reason == f"not estimable: rests on {cases} records, 5 are needed"
        assert not found.thresholds.size
        assert found.over["a"].value is None
        assert found.reason in found.sentence


def test_other_records_are_refused() -> None:
    """A baseline is of the same records."""
    truth, probability = calibrated(50)
    with pytest.raises(DataError, match="same 50 records"):
        decision_curve(truth, probability, np.arange(50), 0.5, {"a": probability[:40]})


@pytest.mark.slow
def test_intervals_of_net_benefit_cover_the_truth() -> None:
    """Of 300 samples of a known population about 95 % of the intervals hold the true figure."""
    # At the prevalence flagging everyone and no one are equally good: the hardest case for the gain over both.
    truth, probability = calibrated(400_000, prevalence=0.3, seed=7)
    expected = on_all(NetBenefit(truth, probability, {}, 0.3), len(truth))[:, -1]
    rng = np.random.default_rng(0)
    held = np.zeros(2)
    for seed in range(300):
        rows = rng.integers(0, len(truth), 250)
        found = decision_curve(truth[rows], probability[rows], np.arange(250), 0.3, resamples=400, seed=seed)
        for k, (estimate, value) in enumerate(
            ((found.net_benefit, expected[1]), (found.gain, expected[1] - max(expected[0], 0)))
        ):
            assert estimate.ci95 is not None
            held[k] += estimate.ci95[0] <= value <= estimate.ci95[1]
    assert (held / 300 >= 0.91).all(), held
    assert (held / 300 <= 0.985).all(), held
