"""Calibration maps: fitted on validation, kept as JSON, and chosen by what they do on records held out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from claimed import Floats, Ints, Through, labelled, network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from automed.errors import DataError
from automed.evaluate.calibration.choose import MIN_MEMBERS, MIN_RECORDS, choose
from automed.evaluate.calibration.maps import CLIP, METHODS, Curve, Map, fit, identity, read_map

TASKS = ("multiclass", "multilabel", "ordinal")


def by_sklearn(method: str, scores: Floats, y: Ints, classes: int) -> Floats:
    fitted = CalibratedClassifierCV(FrozenEstimator(Through(classes)), method=method).fit(scores, y)
    return np.asarray(fitted.predict_proba(scores))


@st.composite
def fitted(draw: st.DrawFn, methods: tuple[str, ...] = METHODS) -> tuple[Map, Floats]:
    """A map of any kind and other records to apply it to, probabilities of exactly 0 and 1 among them."""
    task, method = draw(st.sampled_from(TASKS)), draw(st.sampled_from(methods))
    columns, seed = draw(st.integers(2, 4)), draw(st.integers(0, 99))
    if task == "multilabel":
        y, p = labelled(draw(st.integers(1, 40)), columns, seed)
        other = labelled(20, columns, seed + 1)[1]
        other[:2], other[2] = np.eye(columns)[:2], 0.0
    else:
        y, _, p = network(draw(st.integers(1, 40)), columns, stretch=2.0, seed=seed)
        other = network(20, columns, stretch=9.0, seed=seed + 1)[2]
        other[:2] = np.eye(columns)[:2]
    return fit(method, task, y, p), other


@given(fitted())
@settings(max_examples=60, deadline=None)
def test_a_mapped_row_is_a_distribution_without_exact_zeros_and_ones(case: tuple[Map, Floats]) -> None:
    """Whatever the map was fitted on."""
    found, p = case
    mapped = found.apply(p)
    assert mapped.shape == p.shape and mapped.dtype == np.float64
    assert ((mapped > 0) & (mapped < 1)).all()
    if not found.labels:
        np.testing.assert_allclose(mapped.sum(axis=1), 1, atol=1e-10)


@given(fitted())
@settings(max_examples=40, deadline=None)
def test_a_map_survives_json_without_losing_a_bit(case: tuple[Map, Floats]) -> None:
    """It is written as text into the model's card."""
    found, p = case
    again = read_map(json.loads(json.dumps(found.as_json(), allow_nan=False)))
    assert again == found
    np.testing.assert_array_equal(again.apply(p), found.apply(p))


@given(fitted(), st.data())
@settings(max_examples=40, deadline=None)
def test_a_question_of_two_answers_keeps_its_order(case: tuple[Map, Floats], data: st.DataObject) -> None:
    """Two classes and each label: a higher probability never becomes a lower one."""
    found, p = case
    if not found.labels and found.columns > 2:
        return
    mapped = found.apply(p)
    for k in range(found.columns):
        order = np.argsort(p[:, k], kind="stable")
        assert (np.diff(mapped[order, k]) >= -1e-15).all()


@given(fitted(methods=("none", "temperature")))
@settings(max_examples=40, deadline=None)
def test_temperature_keeps_the_most_probable_class(case: tuple[Map, Floats]) -> None:
    """Only a sharper or flatter distribution comes out."""
    found, p = case
    if not found.labels:
        np.testing.assert_array_equal(found.apply(p).argmax(axis=1), p.argmax(axis=1))


@pytest.mark.parametrize("classes", [2, 4])
def test_temperature_is_scikit_learns(classes: int) -> None:
    """But for the weak prior, which a few thousand records outweigh."""
    y, _, p = network(4000, classes, stretch=2.3)
    logits = np.log(p)
    scores = logits[:, 1:] - logits[:, :1] if classes == 2 else logits
    reference = by_sklearn("temperature", scores / (2 if classes == 2 else 1), y, classes)
    np.testing.assert_allclose(fit("temperature", "multiclass", y, p).apply(p), reference, atol=2e-4)


def test_platt_of_two_classes_is_scikit_learns_sigmoid_on_log_odds() -> None:
    """With Platt's targets."""
    y, _, p = network(600, 2, stretch=1.7, share=[0.8, 0.2])
    reference = by_sklearn("sigmoid", logit(p[:, 1:]), y, 2)
    np.testing.assert_allclose(fit("platt", "multiclass", y, p).apply(p), reference, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_isotonic_is_scikit_learns_away_from_the_floor(classes: int) -> None:
    """One against the rest, and divided by the sum."""
    y, _, p = network(3000, classes, stretch=1.7)
    reference = by_sklearn("isotonic", logit(p[:, 1:] if classes == 2 else p), y, classes)
    np.testing.assert_allclose(fit("isotonic", "multiclass", y, p).apply(p), reference, atol=classes / 3002)


def test_each_label_is_mapped_by_itself() -> None:
    """As if the other labels were not there."""
    y, p = labelled(300)
    found = fit("isotonic", "multilabel", y, p).apply(p)
    for k in range(3):
        alone = IsotonicRegression(out_of_bounds="clip").fit(logit(p[:, k]), y[:, k]).predict(logit(p[:, k]))
        np.testing.assert_allclose(found[:, k], alone.clip(1 / 302, 1 - 1 / 302), atol=1e-12)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_planted_temperature_is_found_again(task: str) -> None:
    """Logits 2.5 times too large need a temperature of 2.5."""
    y, p = labelled(20000, 2, stretch=2.5) if task == "multilabel" else network(20000, 4, stretch=2.5)[::2]
    for curve in fit("temperature", task, y, p).curves:
        assert curve is not None and 1 / curve.slope == pytest.approx(2.5, rel=0.05)


def test_vector_scaling_finds_planted_slopes_and_intercepts() -> None:
    """And then claims each class as often as it occurs: the score equations of the intercepts."""
    y, true, _ = network(20000, 3)
    slopes, intercepts = np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.0, -1.0])
    bent = (np.log(true) - intercepts) / slopes
    p = softmax(bent, axis=1)  # softmax(slopes log p + intercepts) is `true` again only where rows need no rescaling
    found = fit("platt", "multiclass", y, p).apply(p)
    np.testing.assert_allclose(found.mean(axis=0), np.bincount(y) / len(y), atol=1e-4)
    assert log_loss(y, found) < log_loss(y, p) - 0.1
    y, true, _ = network(20000, 3, seed=3)
    y = (
        np.random.default_rng(0).random((len(y), 1)) > softmax(slopes * np.log(true) + intercepts, axis=1).cumsum(1)
    ).sum(1)
    curves = fit("platt", "multiclass", y, true).curves
    np.testing.assert_allclose([c.slope for c in curves if c], slopes, atol=0.15)
    shifts = np.array([c.intercept for c in curves if c])
    np.testing.assert_allclose(shifts - shifts[1], intercepts - intercepts[1], atol=0.15)


@pytest.mark.parametrize("share", [[0.93, 0.07], [0.7, 0.15, 0.1, 0.05]])
def test_probabilities_at_balanced_prevalence_come_back_to_the_natural_one(share: list[float]) -> None:
    """A network trained with class weights claims rare classes far too often; the chosen map undoes it."""
    y, true, _ = network(6000, len(share), share=share)
    bent = true / np.array(share)
    p = bent / bent.sum(axis=1, keepdims=True)
    chosen = choose("auto", "multiclass", y[:1500], p[:1500])
    assert chosen.map.method == "platt"
    mapped, natural = chosen.map.apply(p[1500:]), true.mean(axis=0)
    assert np.abs(p[1500:].mean(axis=0) - natural).max() > 0.1
    np.testing.assert_allclose(mapped.mean(axis=0), natural, atol=0.03)
    assert log_loss(y[1500:], mapped) < log_loss(y[1500:], true[1500:]) + 0.02


@pytest.mark.parametrize("seed", range(5))
def test_even_sixty_records_are_not_left_as_class_weights_bent_them(seed: int) -> None:
    """The difference is judged in pairs, so that its standard error is small beside such a bias."""
    y, true, _ = network(60, 2, share=[0.8, 0.2], seed=seed)
    bent = true * np.array([0.1, 0.9])
    chosen = choose("auto", "multiclass", y, bent / bent.sum(axis=1, keepdims=True))
    assert chosen.map.method in ("platt", "isotonic")


@pytest.mark.parametrize("seed", range(5))
def test_calibrated_probabilities_are_left_alone(seed: int) -> None:
    """No map is the simplest one, and as good."""
    y, true, _ = network(400, 3, seed=seed)
    assert choose("auto", "multiclass", y, true).map.method == "none"


def test_temperature_is_taken_where_it_is_all_that_is_needed() -> None:
    """A more flexible map that is not better by a standard error is not taken."""
    y, _, p = network(600, 4, stretch=3.0)
    chosen = choose("auto", "multiclass", y, p)
    assert chosen.map.method == "temperature"
    assert "Temperature scaling: cross-validated log-loss" in chosen.reason
    assert "600 validation records of 600 patients" in chosen.reason


def test_the_loss_without_a_map_is_scikit_learns_log_loss() -> None:
    """Nothing is fitted there, so that cross-validation changes nothing."""
    y, _, p = network(200, 3, stretch=2.0)
    chosen = choose("auto", "multiclass", y, p, np.arange(200) // 3)
    assert set(chosen.losses) == set(METHODS)
    assert chosen.losses["none"] == pytest.approx(log_loss(y, p), abs=1e-12)
    y, p = labelled(200)
    summed = sum(log_loss(y[:, k], p[:, k]) for k in range(3))
    assert choose("platt", "multilabel", y, p).losses["none"] == pytest.approx(summed, abs=1e-12)


def test_cross_validation_keeps_patients_whole() -> None:
    """Records written out five times tell a map nothing new: alone they look like others, as a patient they do not."""
    y, _, p = network(60, 2, seed=1)
    y, p, patient = np.repeat(y, 5), np.repeat(p, 5, axis=0), np.repeat(np.arange(60), 5)
    alone, whole = choose("isotonic", "multiclass", y, p), choose("isotonic", "multiclass", y, p, patient)
    assert whole.losses["isotonic"] > alone.losses["isotonic"] + 0.05


def test_a_choice_can_be_repeated() -> None:
    """The seed fixes the folds, and hashed patients change nothing."""
    y, _, p = network(150, 3, stretch=2.0)
    patient = np.arange(150) // 2
    one, two = (
        choose("auto", "multiclass", y, p, patient, 7),
        choose("auto", "multiclass", y, p, [f"#{k}" for k in patient], 7),
    )
    assert (one.map, one.losses, one.reason) == (two.map, two.losses, two.reason)


def test_too_few_validation_records_give_no_map_and_say_why() -> None:
    """Too few in all, of a class, or of every label."""
    y, _, p = network(MIN_RECORDS - 1, 2)
    chosen = choose("auto", "multiclass", y, p)
    assert chosen.map == identity("multiclass", 2) and "29 validation records, 30 are needed" in chosen.reason
    y, _, p = network(200, 3)
    rare = np.where(y == 2, 0, y)
    rare[: MIN_MEMBERS - 1] = 2
    chosen = choose("platt", "multiclass", rare, p)
    assert chosen.map.method == "none" and "a class has 4 validation records, 5 are needed" in chosen.reason
    chosen = choose("auto", "multilabel", np.zeros((50, 2), dtype=int), p[:50, :2])
    assert chosen.map.method == "none" and "every label" in chosen.reason
    assert choose("auto", "multiclass", y, p, np.zeros(200)).map.method == "none"


def test_a_rare_label_keeps_its_probability_and_the_others_are_mapped() -> None:
    """One rare label must not leave all others as they are."""
    y, p = labelled(300, stretch=4.0)
    y[:, 1] = 0
    y[:3, 1] = 1
    chosen = choose("platt", "multilabel", y, p)
    assert [curve is None for curve in chosen.map.curves] == [False, True, False]
    np.testing.assert_allclose(chosen.map.apply(p)[:, 1], p[:, 1], rtol=1e-9)
    assert "1 of 3 labels keep their probability" in chosen.reason


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_column_that_validation_does_not_show_keeps_its_probability(task: str, method: str) -> None:
    """A class without records, a label without records or without any exception."""
    if task == "multilabel":
        y, p = labelled(100, 4)
        y[:, 0], y[:, 1] = 0, 1
        kept = [0, 1]
    else:
        y, _, p = network(100, 4)
        y[y == 0], kept = 3, [0]
    mapped = fit(method, task, y, p).apply(p)
    if method != "temperature" or task == "multilabel":
        np.testing.assert_allclose(mapped[:, kept], p[:, kept], rtol=1e-6)
    assert np.isfinite(np.log(mapped)).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_validation_set_of_one_class_changes_nothing(method: str) -> None:
    """There is nothing to learn from it."""
    _, _, p = network(50, 3)
    np.testing.assert_allclose(fit(method, "multiclass", np.zeros(50, int), p).apply(p), p, atol=1e-11)
    np.testing.assert_allclose(
        fit(method, "multiclass", np.zeros(50, int), p[:, :2]).apply(p[:, :2]), p[:, :2], atol=1e-11
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_is_always_sure_can_be_fitted(method: str) -> None:
    """Probabilities of exactly 0 and 1, of which some are wrong: the loss stays finite."""
    y = np.arange(90) % 3
    p = np.eye(3)[np.where(np.arange(90) < 20, (y + 1) % 3, y)]
    mapped = fit(method, "multiclass", y, p).apply(p)
    assert np.isfinite(log_loss(y, mapped))
    if method != "none":
        assert log_loss(y, mapped) < 2


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_a_validation_set_without_errors_does_not_make_probabilities_certain(method: str) -> None:
    """Forty records without an error do not show more than that errors are rare."""
    y = np.arange(40) % 2
    p = np.where(y[:, None] == np.arange(2), 0.9, 0.1)
    mapped = fit(method, "multiclass", y, p).apply(p)
    assert mapped.min() > 1e-5


def test_a_model_worse_than_chance_is_not_turned_round() -> None:
    """A slope under 0 would reverse the order that the model was trained for."""
    y, _, p = network(300, 2)
    found = fit("platt", "multiclass", 1 - y, p)
    assert found.curves[0] is not None and found.curves[0].slope > 0


def test_a_row_that_every_isotonic_curve_denies_is_spread_evenly() -> None:
    """One against the rest, each curve may answer 0."""
    curve = Curve(log_odds=(0.0, 1.0), probability=(0.0, 1.0))
    found = Map("isotonic", False, 3, (curve,) * 3, 0.01)
    np.testing.assert_allclose(found.apply(np.full((1, 3), 1 / 3)), 1 / 3)


def test_the_map_of_a_card_that_names_none_is_the_identity() -> None:
    """For any number of columns; only exact zeros and ones go."""
    found = read_map(None)
    np.testing.assert_array_equal(found.apply([[0.25, 0.75]]), [[0.25, 0.75]])
    np.testing.assert_array_equal(found.apply([[0.0, 0.0, 1.0]]), [[CLIP, CLIP, 1 - CLIP]])
    assert read_map(found.as_json()) == found


GOOD: dict[str, Any] = Map("platt", False, 2, (Curve(1.5, -0.5),)).as_json()
STEPS: dict[str, Any] = Map("isotonic", False, 2, (Curve(log_odds=(0.0, 1.0), probability=(0.1, 0.9)),), 0.01).as_json()


@pytest.mark.parametrize(
    "damaged",
    [
        "platt",
        [],
        {},
        GOOD | {"method": "beta"},
        GOOD | {"columns": 3},
        GOOD | {"columns": True},
        GOOD | {"columns": 1},
        GOOD | {"labels": None},
        GOOD | {"curves": None},
        GOOD | {"curves": [None]},
        GOOD | {"curves": [{"slope": 1.0}]},
        GOOD | {"curves": [{"slope": -1.0, "intercept": 0.0}]},
        GOOD | {"curves": [{"slope": "1", "intercept": 0.0}]},
        GOOD | {"curves": [{"slope": float("nan"), "intercept": 0.0}]},
        GOOD | {"floor": 0.0},
        GOOD | {"clip": 0.7},
        {key: value for key, value in GOOD.items() if key != "clip"},
        STEPS | {"curves": [{"log_odds": [1.0, 0.0], "probability": [0.1, 0.9]}]},
        STEPS | {"curves": [{"log_odds": [0.0, 1.0], "probability": [0.9, 0.1]}]},
        STEPS | {"curves": [{"log_odds": [0.0, 1.0], "probability": [0.1, 1.9]}]},
        STEPS | {"curves": [{"log_odds": [0.0], "probability": [0.1, 0.9]}]},
        STEPS | {"curves": [{"log_odds": [], "probability": []}]},
    ],
)
def test_a_damaged_map_is_refused(damaged: Any) -> None:
    """A card that was edited or cut must not calibrate anything."""
    assert read_map(GOOD).curves and read_map(STEPS).curves
    with pytest.raises(DataError, match="calibration map"):
        read_map(damaged)


def test_wrong_calls_are_refused() -> None:
    """An unknown method, another number of columns, a reference standard of another shape."""
    y, _, p = network(40, 2)
    with pytest.raises(DataError, match="'beta' is no calibration map"):
        fit("beta", "multiclass", y, p)
    with pytest.raises(DataError, match="'beta' is no calibration map"):
        choose("beta", "multiclass", y, p)
    with pytest.raises(DataError, match="2 columns"):
        fit("platt", "multiclass", y, p).apply(np.ones((3, 4)) / 4)
    with pytest.raises(DataError, match="reference standard"):
        fit("platt", "multilabel", y, p)
    with pytest.raises(DataError, match="reference standard"):
        fit("platt", "multiclass", y[:-1], p)
