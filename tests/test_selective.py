"""Abstaining: errors among the most certain records, and the threshold from validation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from automed.evaluate.certainty.selective import FEWEST, Abstain, certainty, choose, selective
from automed.evaluate.intervals import encode
from automed.evaluate.sample import Sample, collect


def noisy(n: int, seed: int, skill: float = 1.5, digits: int = 12) -> Sample:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    logits = rng.normal(size=(n, 3))
    logits[np.arange(n), y] += skill
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p = np.round(p, digits)
    return collect(y, p / p.sum(axis=1, keepdims=True))


def plain_risk(sample: Sample) -> list[float]:
    """Of each record the share of errors among the records at least as certain, one by one."""
    sure = sample.probabilities.max(axis=1)
    wrong = sample.probabilities.argmax(axis=1) != sample.y
    return [float(wrong[sure >= level].mean()) for level in sure]


@pytest.mark.parametrize("digits", [12, 1])  # with one digit most records are as certain as others
def test_the_curve_and_its_area_are_those_of_a_plain_loop(digits: int) -> None:
    """The curve at each share answered, the mean over records, and the share of errors of all."""
    sample = noisy(157, seed=1, digits=digits)
    found = selective(noisy(100, 2), sample, encode(None, 157), 0.1, resamples=50)
    risk = plain_risk(sample)
    assert found["aurc"]["value"] == pytest.approx(np.mean(risk))
    sure = sample.probabilities.max(axis=1)
    for point in found["curve"]:
        level = np.sort(sure)[::-1][int(np.ceil(round(point["answered"] * 157, 9))) - 1]
        expected = (sample.probabilities.argmax(axis=1) != sample.y)[sure >= level].mean()
        assert point["error"]["value"] == pytest.approx(expected)
    assert found["error"]["value"] == pytest.approx(1 - sample.right.mean())
    assert found["curve"][-1]["answered"] == 1.0


def test_intervals_are_those_of_patients_written_out_as_often_as_drawn() -> None:
    """The area of each resample, against the plain loop on the records it holds."""
    sample = noisy(60, seed=3, digits=1)
    codes = np.repeat(np.arange(20), 3)
    found = selective(noisy(100, 2), sample, codes, 0.1, resamples=300, seed=5)
    rng = np.random.default_rng(5)
    drawn = rng.integers(0, 20, size=(300, 20))
    areas, errors = [], []
    for patients in drawn:
        rows = np.concatenate([np.flatnonzero(codes == patient) for patient in patients])
        part = collect(sample.y[rows], sample.probabilities[rows])
        areas.append(np.mean(plain_risk(part)))
        errors.append(1 - part.right.mean())
    assert found["aurc"]["ci95"] == pytest.approx(np.percentile(areas, (2.5, 97.5)).tolist())
    assert found["error"]["ci95"] == pytest.approx(np.percentile(errors, (2.5, 97.5)).tolist())


def test_a_perfect_order_leaves_no_excess_and_an_order_by_chance_the_share_of_errors() -> None:
    """The two ends that the area lies between."""
    n = 20_000
    rng = np.random.default_rng(0)
    right = rng.random(n) < 0.7
    for sure, excess in ((np.where(right, 0.8, 0.6), 0.0), (rng.uniform(0.6, 0.9, n), None)):
        sure = sure + rng.uniform(0, 0.05, n)
        sample = collect(np.where(right, 0, 1), np.stack([sure, 1 - sure], axis=1))
        found = selective(sample, sample, encode(None, n), 0.1, resamples=20)
        ideal = 0.3 + 0.7 * np.log(0.7)
        expected = (0.3 - ideal) if excess is None else excess
        assert found["excess"]["value"] == pytest.approx(expected, abs=0.01)


@given(
    seed=st.integers(0, 2000), n=st.integers(1, 120), accept=st.floats(0.02, 0.5), digits=st.sampled_from([1, 2, 12])
)
@settings(max_examples=80, deadline=None)
def test_no_lower_threshold_would_keep_the_accepted_share_of_errors(
    seed: int, n: int, accept: float, digits: int
) -> None:
    """Against every threshold that could be set, one by one."""
    sample = noisy(n, seed, digits=digits)
    found = choose(sample, accept)
    sure = certainty(sample)
    possible = []
    for level in np.unique(sure):
        kept = sure >= level
        if kept.sum() >= min(FEWEST, n) and (~sample.right[kept]).mean() <= accept:
            possible.append(int(kept.sum()))
    if not possible:
        assert found.threshold is None and "no threshold leaves" in found.reason
        assert not found.answers(sample).any()
        return
    kept = found.answers(sample)
    assert kept.sum() == max(possible)
    assert found.answered == pytest.approx(kept.mean())
    assert found.error == pytest.approx((~sample.right[kept]).mean()) and found.error <= accept


def test_a_model_that_is_good_enough_never_abstains_and_one_that_is_not_is_said_to_be() -> None:
    """Both ends are answers, with their reasons, and no figures are made up for the second."""
    y = np.arange(90) % 3
    right = collect(y, np.eye(3)[y] * 0.7 + 0.1)
    wrong = collect((y + 1) % 3, np.eye(3)[y] * 0.7 + 0.1)
    codes = encode(None, 90)
    always = selective(right, right, codes, 0.1, resamples=50)
    assert always["abstain"]["threshold"] == 0 and "no need to abstain" in always["abstain"]["reason"]
    assert always["test"]["answered"]["value"] == 1
    assert always["test"]["error_unanswered"]["value"] is None and always["test"]["error_unanswered"]["reason"]
    never = selective(wrong, right, codes, 0.1, resamples=50)
    assert never["abstain"]["threshold"] is None and never["test"] is None
    assert "lowest share of errors is 1.000" in never["abstain"]["reason"]


def test_what_is_left_answered_on_test_is_measured_there() -> None:
    """Shares, macro-F1 by scikit-learn, and each class, of the records above the threshold of validation."""
    validation, test = noisy(400, seed=1), noisy(500, seed=2)
    found = selective(validation, test, encode(None, 500), 0.1, resamples=200)
    kept = test.probabilities.max(axis=1) >= found["abstain"]["threshold"]
    predicted = test.probabilities.argmax(axis=1)
    figures = found["test"]
    assert figures["answered"]["value"] == pytest.approx(kept.mean())
    assert figures["error"]["value"] == pytest.approx((predicted != test.y)[kept].mean())
    assert figures["error"]["events"] == kept.sum()
    assert figures["error_unanswered"]["value"] == pytest.approx((predicted != test.y)[~kept].mean())
    assert figures["macro_f1"]["value"] == pytest.approx(f1_score(test.y[kept], predicted[kept], average="macro"))
    assert figures["macro_f1"]["ci95"][0] < figures["macro_f1"]["value"] < figures["macro_f1"]["ci95"][1]
    for k, key in enumerate(test.classes):
        assert figures["by_class"][key]["answered"]["value"] == pytest.approx(kept[test.y == k].mean())
        missed = (predicted != k)[kept & (test.y == k)].mean()
        assert figures["by_class"][key]["error"]["value"] == pytest.approx(missed)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_decision_and_not_the_most_probable_class_is_what_is_certain() -> None:
    """A case that a low threshold calls ill at .2 is decided with a certainty of .2."""
    p = np.array([[0.8, 0.2], [0.95, 0.05]])
    sample = collect([1, 0], p, predicted=[1, 0])
    assert certainty(sample).tolist() == [0.2, 0.95]


def test_several_labels_are_as_certain_as_the_least_certain_of_them() -> None:
    """And one wrong label makes the record an error."""
    p = np.array([[0.9, 0.4], [0.2, 0.99]])
    sample = collect([[1, 1], [0, 1]], p, predicted=[[1, 0], [0, 1]])
    assert certainty(sample) == pytest.approx([0.6, 0.8])
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (200, 2))
    p = np.clip(y * 0.5 + rng.uniform(0, 0.5, (200, 2)), 0, 1)
    sample = collect(y, p, predicted=(p > 0.6).astype(int))
    found = selective(sample, sample, encode(None, 200), 0.2, resamples=50)
    assert found["error"]["value"] == pytest.approx(((p > 0.6) != y).any(axis=1).mean())
    assert "least certain label" in found["certainty"]


def test_a_threshold_survives_being_stored() -> None:
    """In the model's card, as JSON."""
    for accept in (0.1, 1e-9):
        found = choose(noisy(200, seed=1), accept)
        assert Abstain.read(json.loads(json.dumps(found.as_json()))) == found
