"""Figures of calibration against scikit-learn and closed forms, and what their intervals cover."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from claimed import Through, labelled, network
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, softmax
from scipy.stats import binomtest
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss
from threadpoolctl import threadpool_limits

from automed.evaluate.calibration.bins import BINS, PER_BIN, adaptive, binned, settle, wilson
from automed.evaluate.calibration.measures import (
    calibration_intercept,
    calibration_intercept_resampled,
    calibration_slope,
    calibration_slope_resampled,
    ece,
    ece_by_chance,
    ece_estimate,
    ece_resampled,
    multiclass_slope,
    multiclass_slope_resampled,
    top_label_ece,
    top_label_ece_resampled,
)
from automed.evaluate.calibration.report import describe
from automed.evaluate.calibration.slopes import slope_parts
from automed.evaluate.intervals import draw
from automed.evaluate.metrics import Point
from automed.evaluate.questions import questions
from automed.evaluate.sample import Sample, collect

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
SUMMED = ("reliability", "resolution", "uncertainty", "within")


def world(n: int, slope: float = 1.0, level: float = -1.0, seed: int = 0) -> tuple[Bools, Floats]:
    """Answers, and claimed probabilities whose log-odds are 1 / `slope` times the true ones."""
    rng = np.random.default_rng(seed)
    z = rng.normal(level, 1.5, n)
    return rng.random(n) < expit(slope * z), expit(z)


@st.composite
def small(draw: st.DrawFn) -> tuple[Bools, Floats, Floats]:
    """Answers, coarse probabilities from 0 to 1, and how often each record is drawn; at least one is."""
    n = draw(st.integers(1, 90))
    truth = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    p = np.array(draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))) / 20
    times = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any))
    return truth, p, np.array(times, dtype=np.float64)


@pytest.mark.parametrize("n", [400, 1000])
def test_the_bins_are_those_of_scikit_learns_quantile_curve(n: int) -> None:
    """Mean probability and share observed of each bin, and ECE as their mean distance."""
    truth, p = world(n, 0.6)
    observed, predicted = calibration_curve(truth, p, n_bins=BINS, strategy="quantile")
    found = binned(truth, p).whole()
    np.testing.assert_allclose(found["observed"], observed, atol=1e-12)
    np.testing.assert_allclose(found["predicted"], predicted, atol=1e-12)
    assert ece(truth, p).value == pytest.approx(np.mean(np.abs(observed - predicted)), abs=1e-12)  # n / 10 in each bin


def test_a_small_sample_has_fewer_bins() -> None:
    """None of fewer than 20 records, where nothing but chance would be seen."""
    for n in (1, 19, 39, 60, 199, 5000):
        sizes = np.bincount(adaptive(world(n)[1]))
        assert len(sizes) == min(max(n // PER_BIN, 1), BINS) and sizes.min() >= min(n, PER_BIN - 1)


def test_brier_is_scikit_learns_and_its_parts_are_murphys() -> None:
    """Each part against its definition over the records of a bin, and together they are the score."""
    truth, p = world(900, 0.7)
    found = binned(truth, p).whole()
    table = pd.DataFrame({"bin": adaptive(p), "t": truth * 1.0, "p": p})
    mean = table.groupby("bin")[["t", "p"]].transform("mean")
    base = truth.mean()
    assert found["brier"] == pytest.approx(brier_score_loss(truth, p), abs=1e-12)
    assert found["reliability"] == pytest.approx(((mean["t"] - mean["p"]) ** 2).mean(), abs=1e-12)
    assert found["resolution"] == pytest.approx(((mean["t"] - base) ** 2).mean(), abs=1e-12)
    assert found["uncertainty"] == pytest.approx(base * (1 - base), abs=1e-12)
    spread, joint = (p - mean["p"]) ** 2, (p - mean["p"]) * (truth - mean["t"])
    assert found["within"] == pytest.approx((spread - 2 * joint).mean(), abs=1e-12)


@given(small())
@settings(max_examples=80, deadline=None)
def test_figures_of_bins_keep_their_laws(case: tuple[Bools, Floats, Floats]) -> None:
    """Bounds, and the sum of the parts, of the whole and of any resample."""
    truth, p, times = case
    sums = binned(truth, p)
    found = sums.read(sums.rows @ np.stack([np.ones(len(p)), times], axis=1))
    total = found["reliability"] - found["resolution"] + found["uncertainty"] + found["within"]
    np.testing.assert_allclose(total, found["brier"], atol=1e-12)
    for name in ("ece", "reliability", "resolution", "brier"):
        assert ((found[name] >= -1e-12) & (found[name] <= 1 + 1e-12)).all()
    assert (found["ece"] >= np.abs(truth.mean() - p.mean()) - 1e-12)[0]


@given(small())
@settings(max_examples=80, deadline=None)
def test_a_weighted_figure_is_the_figure_of_the_records_written_out_that_often(
    case: tuple[Bools, Floats, Floats],
) -> None:
    """In the bins of the whole sample."""
    truth, p, times = case
    bins, again = adaptive(p), np.repeat(np.arange(len(p)), times.astype(int))
    expected = sum(abs((truth[again] * 1.0 - p[again])[bins[again] == k].sum()) for k in range(BINS)) / len(again)
    assert ece_resampled(truth, p, times[:, None])[0] == pytest.approx(expected, abs=1e-12)
    ratio = binned(truth, p).resampled("observed_expected", times[:, None])[0]
    if p[again].sum():
        assert ratio == pytest.approx(truth[again].sum() / p[again].sum(), abs=1e-12)
    else:
        assert math.isnan(ratio)


@pytest.mark.parametrize("slope", [0.5, 1.0, 1.8])
def test_slope_and_intercept_are_logistic_regressions(slope: float) -> None:
    """scikit-learn's without a penalty by another solver; the intercept makes expected and observed events equal."""
    truth, p = world(1500, slope)
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(p)[:, None], truth)
    assert calibration_slope(truth, p).value == pytest.approx(fitted.coef_[0, 0], abs=1e-4)
    intercept = calibration_intercept(truth, p).value
    assert intercept is not None
    assert expit(intercept + logit(p)).sum() == pytest.approx(truth.sum(), abs=1e-6)


def test_slope_and_intercept_have_closed_forms_where_two_probabilities_or_one_are_claimed() -> None:
    """The slope joins the two observed log-odds; the intercept is the distance of the one."""
    truth, p = np.arange(200) % 10 < 3, np.full(200, 0.1)
    assert calibration_intercept(truth, p).value == pytest.approx(logit(0.3) - logit(0.1), abs=1e-9)
    p = np.where(np.arange(200) < 100, 0.2, 0.9)
    truth = np.where(np.arange(200) < 100, np.arange(200) % 10 < 1, np.arange(200) % 10 < 6)
    expected = (logit(0.6) - logit(0.1)) / (logit(0.9) - logit(0.2))
    assert calibration_slope(truth, p).value == pytest.approx(expected, abs=1e-8)


def test_the_common_slope_is_one_over_scikit_learns_temperature() -> None:
    """Of several classes; of labels it is a logistic regression through the origin over all of them."""
    y, _, p = network(1500, 4, stretch=1.6)
    scaled = CalibratedClassifierCV(FrozenEstimator(Through(4)), method="temperature").fit(np.log(p), y)
    slope = scaled.calibrated_classifiers_[0].calibrators[0].beta_
    assert multiclass_slope(y, p).value == pytest.approx(slope, abs=1e-6)
    y, p = labelled(800, stretch=1.6)
    through = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(logit(p).reshape(-1, 1), y.ravel())
    assert multiclass_slope(y, p).value == pytest.approx(through.coef_[0, 0], abs=1e-4)


def test_top_label_ece_looks_at_the_most_probable_class() -> None:
    """How probable it is called against how often it is right."""
    y, _, p = network(1000, 4, stretch=2.0)
    observed, predicted = calibration_curve(p.argmax(axis=1) == y, p.max(axis=1), n_bins=BINS, strategy="quantile")
    assert top_label_ece(y, p).value == pytest.approx(np.abs(observed - predicted).mean(), abs=1e-12)
    assert top_label_ece_resampled(y, p, np.ones((1000, 2)))[1] == pytest.approx(top_label_ece(y, p).value, abs=1e-12)


def test_drawing_each_record_once_changes_nothing() -> None:
    """Nor does drawing each twice: the step starts from the best fit."""
    truth, p = world(500, 0.7)
    y, _, several = network(500, 3, stretch=1.5)
    weights = np.ones((500, 2)) * [1, 2]
    for point, drawn in (
        (calibration_slope(truth, p), calibration_slope_resampled(truth, p, weights)),
        (calibration_intercept(truth, p), calibration_intercept_resampled(truth, p, weights)),
        (multiclass_slope(y, several), multiclass_slope_resampled(y, several, weights)),
        (ece(truth, p), ece_resampled(truth, p, weights)),
    ):
        np.testing.assert_allclose(drawn, point.value, atol=1e-9)


@pytest.mark.parametrize("n", [300, 1500])
def test_one_step_intervals_are_near_those_of_fitting_every_resample(n: int) -> None:
    """A tenth of their width at most, once there are a hundred events."""
    truth, p = world(n, 0.8, seed=3)
    weights = next(draw(np.arange(n), 300, 0))
    x, refitted = logit(p)[:, None], []
    for k in range(300):
        fitted = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(x, truth, weights[:, k])
        refitted.append(fitted.coef_[0, 0])
    stepped = calibration_slope_resampled(truth, p, weights)
    wanted = np.percentile(refitted, (2.5, 50, 97.5))
    reach = {300: 0.15, 1500: 0.06}[n] * (wanted[2] - wanted[0])
    np.testing.assert_allclose(np.percentile(stepped, (2.5, 50, 97.5)), wanted, atol=reach)
    assert np.corrcoef(stepped, refitted)[0, 1] > 0.98


def test_one_step_intervals_of_a_slope_cover_it() -> None:
    """200 samples of 150 records: about 19 of 20 intervals hold the true slope."""
    held = 0
    for seed in range(200):
        truth, p = world(150, 0.8, seed=seed)
        drawn = calibration_slope_resampled(truth, p, next(draw(np.arange(150), 300, seed)))
        low, high = np.percentile(drawn, (2.5, 97.5))
        held += low <= 0.8 <= high
    assert 180 <= held <= 200


@pytest.mark.parametrize("slope", [1.0, 0.6])
def test_the_interval_of_ece_allows_for_what_chance_adds(slope: float) -> None:
    """The percentile interval of a calibrated model never holds the true ECE, 0; the one that is given does."""
    z = np.random.default_rng(9).normal(-1, 1.5, 200_000)
    bins = adaptive(expit(z))
    true = sum(abs((expit(slope * z) - expit(z))[bins == k].sum()) for k in range(BINS)) / len(z)
    held, by_percentile = 0, 0
    for seed in range(80):
        truth, p = world(300, slope, seed=seed)
        codes, weights = np.arange(300), next(draw(np.arange(300), 200, seed))
        drawn = ece_resampled(truth, p, weights)
        found = ece_estimate(truth, p, drawn, ece_by_chance(truth, p, weights), codes, truth)
        assert found.ci95 is not None and found.value is not None and found.ci95[0] <= found.value <= found.ci95[1]
        held += found.ci95[0] <= true + 1e-12 and true <= found.ci95[1]
        low, high = np.percentile(drawn, (2.5, 97.5))
        by_percentile += low <= true <= high
    assert held >= 73
    assert by_percentile < held and (slope < 1 or by_percentile < 5)


def of_patients(n: int, rng: np.random.Generator, *, alike: bool) -> tuple[NDArray[np.int64], Bools, Floats, Floats]:
    """Patients, answers, their true probabilities, and those of an overconfident model.

    Either every record is a patient of its own, or patients have 1 to 6 records that are alike in what the model sees
    and, much more, in what it cannot know.
    """
    patient = np.repeat(np.arange(n), rng.integers(1, 7, n) if alike else 1)[:n]

    def hidden(shared: float) -> Floats:
        common, own = rng.standard_normal((2, n))
        return np.asarray(np.sqrt(shared) * common[patient] + np.sqrt(1 - shared) * own)

    odds, noise = -1.0 + 1.7 * hidden(0.5), logit(ndtr(hidden(0.9)))
    return patient, odds + noise > 0, expit(odds), expit(0.4 + 1.6 * odds)


@pytest.mark.slow
@pytest.mark.parametrize(("alike", "least"), [(False, 240), (True, 135)], ids=["one record a patient", "several"])
def test_intervals_of_ece_hold_the_truth_and_raise_no_false_alarm(alike: bool, least: int) -> None:
    """Of 300 samples of 200 records, of a calibrated and an overconfident model; a model far off is still seen.

    A normal approximation, of bins as if they were independent, says of 36 to 45 calibrated ones that they are not.
    """
    _, _, chance, over = of_patients(200_000, np.random.default_rng(1), alike=False)
    true = np.abs(np.bincount(adaptive(over), chance - over)).sum() / len(over)
    limits = np.empty((300, 3, 2))
    with threadpool_limits(1, user_api="blas"):
        for seed in range(300):
            patient, truth, chance, over = of_patients(200, np.random.default_rng([2, seed, alike]), alike=alike)
            rare = truth if truth.sum() <= 100 else ~truth
            weights = next(draw(patient, 300, seed))
            for place, p in enumerate((chance, over, expit(0.8 + 3 * logit(chance)))):
                sums = binned(truth, p)
                drawn = sums.read(sums.rows @ weights)
                limits[seed, place] = ece_estimate(truth, p, drawn["ece"], drawn["chance"], patient, rare).ci95
    alarms, _, seen = (limits[:, :, 0] > 0).sum(axis=0)
    above, below = (limits[:, 1, 0] > true).sum(), (limits[:, 1, 1] < true).sum()
    assert alarms <= 18  # 7.5 are expected of a limit at 2.5 %
    assert above <= 12 and below <= 15
    assert seen >= least


@pytest.mark.slow
def test_chance_is_the_ece_of_a_calibrated_model() -> None:
    """Its mean over many samples, and what 1 in 40 exceeds."""
    found, expected, limit = [], [], []
    with threadpool_limits(1, user_api="blas"):
        for seed in range(250):
            truth, p = world(400, seed=seed)
            found.append(ece(truth, p).value)
            alone = ece_by_chance(truth, p, next(draw(np.arange(400), 200, seed)))
            expected.append(alone.mean())
            limit.append(np.percentile(alone, 97.5))
    assert np.mean(expected) == pytest.approx(np.mean(found), rel=0.06)
    assert np.mean(np.array(found) > np.array(limit)) <= 0.05


def test_chance_in_one_bin_is_half_normal() -> None:
    """The size of a sum over records, whose variance is known."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.2, 0.8, 39)
    truth = rng.random(39) < p
    assert np.ptp(adaptive(p)) == 0
    alone = ece_by_chance(truth, p, next(draw(np.arange(39), 20_000, 0)))
    gaps = truth - p
    assert alone.mean() == pytest.approx(np.sqrt(2 / np.pi) * gaps.std() * np.sqrt(39) / 39, rel=0.02)


def test_chance_does_not_see_that_a_model_is_wrong() -> None:
    """Every probability too high by as much: ece tells, and what chance alone would show stays as it is."""
    truth, p = world(2000, level=0.0)
    weights = next(draw(np.arange(2000), 500, 0))
    right, wrong = (ece_by_chance(truth, claimed, weights).mean() for claimed in (p, 0.7 * p + 0.3))
    assert wrong == pytest.approx(right, rel=0.1)
    assert ece_resampled(truth, 0.7 * p + 0.3, weights).mean() > 4 * wrong


def test_chance_and_intervals_know_that_records_of_a_patient_are_no_new_evidence() -> None:
    """Records written out four times are as uncertain as the records themselves."""
    truth, p = world(400)
    again = np.repeat(np.arange(400), 4)
    alone = ece_by_chance(truth, p, next(draw(np.arange(400), 500, 0)))
    together, apart = (
        ece_by_chance(truth[again], p[again], next(draw(codes, 500, 0))) for codes in (again, np.arange(1600))
    )
    assert together.mean() == pytest.approx(alone.mean(), rel=0.05)
    assert apart.mean() < 0.6 * alone.mean()


def test_what_cannot_be_estimated_has_no_value_and_a_reason() -> None:
    """One answer only, one probability only, no error at all, certainty claimed."""
    truth, p = world(100)
    nothing = np.zeros(100, dtype=bool)
    cases: list[tuple[Point, str]] = [
        (calibration_slope(nothing, p), "one class only"),
        (calibration_slope(~nothing, p), "one class only"),
        (calibration_intercept(nothing, p), "one class only"),
        (calibration_slope(truth, np.full(100, 0.3)), "same probability"),
        (calibration_slope(p > 0.4, p), "separates"),
        (calibration_slope(p < 0.4, p), "separates"),
        (calibration_slope(truth, np.round(p)), "100 of 100 probabilities are exactly 0 or 1"),
        (calibration_intercept(truth, np.round(p)), "exactly 0 or 1"),
        (multiclass_slope(np.arange(100) % 3, np.eye(3)[np.arange(100) % 3]), "exactly 0 and 1 only"),
        (multiclass_slope(np.arange(99) % 3, np.eye(3)[np.arange(99) % 3] * 0.4 + 0.2), "separates"),
        (multiclass_slope(np.arange(99) % 3, np.full((99, 3), 1 / 3)), "same probability"),
    ]
    for point, why in cases:
        assert point.value is None and why in str(point.reason)
    assert np.isnan(calibration_slope_resampled(nothing, p, np.ones((100, 3)))).all()
    assert calibration_intercept(p > 0.4, p).value is not None


def test_a_few_probabilities_that_were_rounded_to_1_do_not_cost_the_slope() -> None:
    """float32 does not know what lies between 1 - 6e-8 and 1."""
    truth, p = world(400)
    p[:5] = (0.0, 0.0, 1.0, 1.0, 1e-300)
    truth[:5] = (False, False, True, True, False)
    assert calibration_slope(truth, p).value == pytest.approx(calibration_slope(truth[5:], p[5:]).value, abs=0.1)


def test_a_resample_without_one_answer_has_no_slope() -> None:
    """The step would give a number there that means nothing."""
    truth, p = world(100, 0.8)
    weights = np.stack([truth * 1.0, ~truth * 1.0, np.ones(100)], axis=1)
    for drawn in (calibration_slope_resampled(truth, p, weights), calibration_intercept_resampled(truth, p, weights)):
        assert np.isnan(drawn).tolist() == [True, True, False]


def test_the_parts_of_a_slope_add_up_to_nothing_and_to_its_information() -> None:
    """At the best fit the scores cancel, and the inverse information is the familiar standard error."""
    truth, p = world(800, 0.7)
    parts = slope_parts(truth, p)
    np.testing.assert_allclose(parts.scores.sum(axis=0), 0, atol=1e-6)
    design = np.stack([np.ones(800), logit(p)], axis=1)
    spread = expit(design @ parts.theta) * (1 - expit(design @ parts.theta))
    level, both, steep = parts.information.sum(axis=0)
    np.testing.assert_allclose([[level, both], [both, steep]], design.T @ (design * spread[:, None]), rtol=1e-9)


@given(st.integers(1, 200), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_wilson_is_scipys(trials: int, share: float) -> None:
    """Of whole numbers; and the share lies between its limits."""
    hits = round(share * trials)
    wanted = binomtest(hits, trials).proportion_ci(method="wilson")
    found = wilson(hits / trials, trials)
    np.testing.assert_allclose(found, (wanted.low, wanted.high), atol=1e-9)
    assert found[0] <= hits / trials <= found[1]


def test_an_ece_of_too_few_events_is_not_estimable() -> None:
    """Under 5 records of the rarer answer."""
    found = settle(Point(0.1), np.full(50, 0.1), np.full(50, 0.05), np.arange(60), np.arange(60) < 4)
    assert found.value is None and found.ci95 is None and "rests on 4 records" in str(found.reason)


@given(
    st.floats(0, 1),
    st.lists(st.floats(0, 1), min_size=50, max_size=50),
    st.lists(st.floats(0, 0.5), min_size=50, max_size=50),
)
@settings(max_examples=80, deadline=None)
def test_the_limits_of_an_ece_enclose_it(value: float, drawn: list[float], alone: list[float]) -> None:
    """Whatever was drawn, between 0 and 1; and the lower is 0 where chance alone shows as much."""
    found = settle(Point(value), np.array(drawn), np.array(alone), np.arange(60), np.arange(60) < 30)
    assert found.value == value and found.ci95 is not None
    if found.reason is None:
        assert 0 <= found.ci95[0] <= value <= found.ci95[1] <= 1
        if value <= np.percentile(alone, 97.5):
            assert found.ci95[0] == 0


# --- the whole sheet -----------------------------------------------------------------------------------------------


def sheet(raw: Sample, mapped: Sample, patient: Any = None, resamples: int = 300, urgent: tuple[int, ...] = ()) -> Any:
    found = describe(raw, mapped, questions(raw, urgent), questions(mapped, urgent), patient, 0, resamples)
    return json.loads(json.dumps(found, allow_nan=False))


def several(n: int = 600, classes: int = 4, seed: int = 0) -> tuple[Sample, Sample]:
    """A network that is too sure of itself, and the same at its temperature."""
    y, true, p = network(n, classes, stretch=2.0, seed=seed)
    return collect(y, p), collect(y, true)


def test_the_sheet_has_every_figure_with_an_interval_or_a_reason() -> None:
    """Overall and of every question, before and after."""
    raw, mapped = several()
    found = sheet(raw, mapped, urgent=(1, 2))
    assert (found["n"], found["patients"], found["interval"]["resamples"]) == (600, 600, 300)
    for side in (found["before"], found["after"]):
        assert list(side["questions"]) == ["urgent", "0", "1", "2", "3"]
        common = {"ece", "slope", "brier", "chance", "curve", *SUMMED}
        assert set(side["overall"]) == common
        for part in (side["overall"], *side["questions"].values()):
            assert set(part) >= common
            for name in set(part) - {"chance", "curve"}:
                figure = part[name]
                assert figure["ci95"] is not None or figure["reason"]
                if figure["value"] is not None:
                    assert figure["ci95"][0] <= figure["value"] <= figure["ci95"][1], name
            assert sum(cell["n"] for cell in part["curve"]) == 600
            for cell in part["curve"]:
                assert cell["ci95"][0] <= cell["observed"] <= cell["ci95"][1]
                assert cell["limits"] == ("bootstrap" if 5 <= cell["events"] <= cell["n"] - 5 else "wilson")
    assert set(found["after"]["questions"]["0"]) == common | {"intercept", "observed_expected"}
    assert found["before"]["overall"]["slope"]["ci95"][1] < 0.8
    low, high = found["after"]["overall"]["slope"]["ci95"]
    assert low < 1 < high
    assert found["before"]["overall"]["ece"]["value"] > 2 * found["after"]["overall"]["ece"]["value"]


@pytest.mark.parametrize("classes", [2, 4])
def test_the_overall_brier_score_is_the_one_summed_over_classes(classes: int) -> None:
    """And so are its parts, whose sum it is."""
    raw, mapped = several(classes=classes)
    found = sheet(raw, mapped)["before"]["overall"]
    assert found["brier"]["value"] == pytest.approx(raw.squared_error.mean(), abs=1e-12)
    total = sum(sign * found[name]["value"] for sign, name in zip((1, -1, 1, 1), SUMMED, strict=True))
    assert total == pytest.approx(found["brier"]["value"], abs=1e-12)


def test_the_sheet_of_labels_averages_over_them() -> None:
    """ECE is the mean over labels, Brier's score the sum, and the curve is of all labels together."""
    y, p = labelled(400)
    sample = collect(y, p, predicted=(p > 0.5).astype(int))
    found = sheet(sample, sample)
    single = [ece(y[:, k] == 1, p[:, k]).value or 0.0 for k in range(3)]
    overall = found["before"]["overall"]
    assert overall["ece"]["value"] == pytest.approx(np.mean(single), abs=1e-12)
    assert overall["brier"]["value"] == pytest.approx(sample.squared_error.mean(), abs=1e-12)
    assert overall["slope"]["value"] == pytest.approx(multiclass_slope(y, p).value, abs=1e-9)
    assert sum(cell["n"] for cell in overall["curve"]) == 1200
    assert found["before"] == found["after"]


def test_patients_with_several_records_widen_the_intervals() -> None:
    """Records written out five times are drawn together."""
    raw, mapped = several(300, 2)
    again = np.repeat(np.arange(300), 5)
    raw, mapped = (collect(one.y[again], one.probabilities[again]) for one in (raw, mapped))
    alone, together = sheet(raw, mapped), sheet(raw, mapped, again)
    for name in ("ece", "slope", "intercept", "brier"):
        width = [np.ptp(found["before"]["questions"]["1"][name]["ci95"]) for found in (alone, together)]
        assert width[1] > 1.5 * width[0], name


def test_the_same_seed_gives_the_same_sheet() -> None:
    """And the intervals do not depend on the names of patients."""
    raw, mapped = several(100)
    patient = np.arange(100) // 2
    assert sheet(raw, mapped, patient) == sheet(raw, mapped, [f"#{k}" for k in patient])


@pytest.mark.parametrize("n", [1, 2, 30])
def test_a_sheet_of_few_records_or_one_class_says_what_is_not_estimable(n: int) -> None:
    """It never fails, and never gives a number that only looks like one."""
    p = softmax(np.random.default_rng(0).normal(size=(n, 3)), axis=1)
    sample = collect(np.zeros(n, dtype=int), p)
    found = sheet(sample, sample, resamples=200)
    for part in found["after"]["questions"].values():
        assert part["slope"]["value"] is None and part["slope"]["reason"]
        assert part["ece"]["value"] is None and "not estimable" in part["ece"]["reason"]


def test_probabilities_of_exactly_0_and_1_give_a_sheet() -> None:
    """Without infinities, and with the reason where there is no slope."""
    y = np.arange(120) % 3
    p = np.eye(3)[np.where(np.arange(120) < 20, (y + 1) % 3, y)]
    found = sheet(collect(y, p), collect(y, p))["before"]
    assert found["overall"]["slope"]["value"] is None and "exactly 0 and 1" in found["overall"]["slope"]["reason"]
    gaps = [abs(((y == 0) - p[:, 0])[p[:, 0] == side].sum()) for side in (0, 1)]
    assert found["questions"]["0"]["ece"]["value"] == pytest.approx(sum(gaps) / 120, abs=1e-12)


@pytest.mark.slow
def test_ten_thousand_records_of_seven_classes_take_seconds() -> None:
    """2,000 resamples of every figure, before and after."""
    raw, mapped = several(10_000, 7)
    patient = np.random.default_rng(0).integers(0, 7000, 10_000)
    start = time.process_time()
    sheet(raw, mapped, patient, 2000, (1, 2))
    assert time.process_time() - start < 15
    assert log_loss(raw.y, mapped.probabilities) < log_loss(raw.y, raw.probabilities)
