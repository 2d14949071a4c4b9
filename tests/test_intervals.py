"""Intervals that know about patients, and paired tests."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from automed.errors import DataError
from automed.evaluate import METRICS, intervals
from automed.evaluate.intervals import bootstrap, draw, encode, estimates
from automed.evaluate.metrics import confusion, per_class
from automed.evaluate.paired import paired
from automed.evaluate.resamples import BY_CLASS, OVERALL, Resamples
from automed.evaluate.sample import Sample, collect
from automed.evaluate.scores import compare, score


@st.composite
def weighted_samples(draw: st.DrawFn, task: str) -> tuple[Sample, NDArray[np.int64]]:
    """A few records with coarse probabilities, and how often each is drawn; at least one record is."""
    n_classes, n = draw(st.integers(2, 4)), draw(st.integers(1, 15))
    table = st.lists(st.lists(st.integers(1, 4), min_size=n_classes, max_size=n_classes), min_size=n, max_size=n)
    shares = np.array(draw(table), dtype=np.float64)
    times = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any)))
    if task == "multilabel":
        y, decided = np.array(draw(table)) > 2, np.array(draw(table)) > 2
        return collect(y.astype(int), shares / 5, predicted=decided.astype(int)), times
    y = draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n))
    return collect(y, shares / shares.sum(axis=1, keepdims=True), task=task), times


def noisy(
    n: int, n_classes: int = 3, skill: float = 1.0, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes))
    logits[np.arange(n), y] += skill
    return y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def close(found: float, expected: float | None) -> bool:
    return (
        math.isnan(found) if expected is None or math.isnan(expected) else found == pytest.approx(expected, abs=1e-10)
    )


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "ordinal"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_weighted_metric_is_the_metric_of_the_records_written_out_that_often(task: str, data: st.DataObject) -> None:
    """The contract of every twin in resamples, of the figures of each class, and of the confusions."""
    sample, times = data.draw(weighted_samples(task))
    repeated = collect(
        np.repeat(sample.y, times, axis=0),
        np.repeat(sample.probabilities, times, axis=0),
        predicted=np.repeat(sample.predicted, times, axis=0),
        classes=sample.classes,
        task=task,
    )
    # A second column of other weights shows that resamples do not mix.
    weighted = Resamples(sample, np.stack([times, np.ones_like(times)], axis=1).astype(np.float64))
    for name in METRICS:
        metric = METRICS.load(name)
        if not metric.suits(sample):
            continue
        found = OVERALL[name](weighted)
        assert close(found[0], metric(repeated).value), name
        assert close(found[1], metric(sample).value), name
    for name, expected in per_class(repeated).items():
        found = BY_CLASS[name](weighted)[0]
        assert all(close(a, b) for a, b in zip(found, expected, strict=True)), name
    assert (weighted.confusion[0] == confusion(repeated)).all()


@given(codes=st.lists(st.integers(0, 5), min_size=1, max_size=20), seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_patients_are_drawn_whole_and_as_many_as_there_are(codes: list[int], seed: int) -> None:
    patient = encode(codes, len(codes))
    weights = np.concatenate(list(draw(patient, 20, seed)), axis=1)
    assert weights.shape == (len(codes), 20)
    firsts = np.unique(patient, return_index=True)[1]
    assert (weights == weights[firsts][patient]).all()
    assert (weights[firsts].sum(axis=0) == len(firsts)).all()


def test_every_patient_is_drawn_equally_often_in_the_long_run() -> None:
    weights = np.concatenate(list(draw(np.arange(10), 20_000, 0)), axis=1)
    assert weights.mean(axis=1) == pytest.approx(np.ones(10), abs=0.03)
    assert weights.var(axis=1) == pytest.approx(np.full(10, 0.9), abs=0.05)


def test_neither_chunks_nor_the_names_of_patients_change_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    y, probabilities = noisy(60)
    patient = np.arange(60) // 3
    whole = score(y, probabilities, patient, ("a", "b", "c"), 0, 200)
    renamed = score(y, probabilities, np.array([f"{97 * k % 61}x" for k in patient]), ("a", "b", "c"), 0, 200)
    monkeypatch.setattr(intervals, "CHUNK", 60 * 7)
    chunked = score(y, probabilities, patient, ("a", "b", "c"), 0, 200)
    assert json.dumps(whole) == json.dumps(renamed)
    assert chunked["macro_f1"] == whole["macro_f1"]
    assert chunked["auroc"]["ci95"] == pytest.approx(whole["auroc"]["ci95"])


@pytest.mark.parametrize("name", list(METRICS))
def test_an_interval_holds_its_value_and_stays_within_the_bounds(name: str) -> None:
    y, probabilities = noisy(200)
    metric = METRICS.load(name)
    sample = collect(y, probabilities, task="ordinal")
    low, high = metric.bounds(sample)
    estimate = estimates(sample, np.arange(200) // 2, resamples=500).overall[name]
    assert estimate.value is not None
    assert estimate.ci95 is not None
    assert low <= estimate.ci95[0] < estimate.value < estimate.ci95[1] <= high
    assert estimate.n == 200


def test_records_of_one_patient_make_the_interval_wider() -> None:
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(60) < 0.7, 5)
    y = np.zeros(300, dtype=int)
    sample = collect(y, np.where(right[:, None], [[0.9, 0.1]], [[0.1, 0.9]]))

    def width(patient: NDArray[np.int64] | None) -> float:
        low, high = estimates(sample, patient, resamples=500).overall["accuracy"].ci95 or (0, 0)
        return high - low

    assert width(np.arange(300) // 5) > 1.8 * width(None)


def test_fewer_than_five_events_are_not_estimable_and_never_a_number() -> None:
    y = np.array([0] * 50 + [1] * 4)
    found = estimates(collect(y, np.tile([0.7, 0.3], (54, 1))), resamples=200)
    for name in ("macro_f1", "auroc", "auprc", "balanced_accuracy", "mcc"):
        estimate = found.overall[name]
        assert (estimate.value, estimate.ci95, estimate.events) == (None, None, 4)
        assert "4 records" in str(estimate.reason)
    assert found.overall["accuracy"].value is not None
    assert found.by_class["recall"][1].value is None
    assert found.by_class["recall"][0].value == 1.0


def test_records_of_few_patients_are_not_estimable() -> None:
    y, probabilities = noisy(100)
    one = estimates(collect(y, probabilities), np.zeros(100), resamples=100)
    assert all(estimate.value is None for estimate in one.overall.values())
    assert "1 patients" in str(one.overall["accuracy"].reason)


def test_a_class_of_one_patient_is_not_estimable_though_it_has_many_records() -> None:
    y = np.array([0] * 60 + [1] * 20)
    _, probabilities = noisy(80, 2)
    patient = np.concatenate([np.arange(60), np.full(20, 99)])
    found = estimates(collect(y, probabilities), patient, resamples=300).overall["macro_f1"]
    assert found.value is None
    assert "1 patients" in str(found.reason)


def test_a_missing_class_is_told_and_does_not_stop_the_rest() -> None:
    y, probabilities = noisy(60, 2)
    three = np.concatenate([probabilities * 0.9, np.full((60, 1), 0.1)], axis=1)
    result = score(y, three, None, ("a", "b", "c"), 0, 200)
    assert result["auroc"]["value"] is None
    assert "'c'" in result["auroc"]["reason"]
    assert result["per_class"]["c"]["recall"]["value"] is None
    assert result["per_class"]["c"]["support"] == 0
    assert result["macro_f1"]["value"] is not None


@pytest.mark.parametrize(("patients", "lower"), [(None, 0.025 ** (1 / 40)), (10, 0.025 ** (1 / 10))])
def test_forty_of_forty_right_does_not_claim_certainty(patients: int | None, lower: float) -> None:
    y = np.arange(40) % 2
    patient = None if patients is None else np.arange(40) // (40 // patients)
    found = estimates(collect(y, np.eye(2)[y] * 0.8 + 0.1), patient, resamples=200).overall["accuracy"]
    assert found.ci95 == pytest.approx((lower, 1.0))
    assert "exact" in str(found.reason)


def test_scores_are_plain_json_with_every_promised_part() -> None:
    y, probabilities = noisy(90)
    result = json.loads(
        json.dumps(score(y, probabilities, np.arange(90), ("nv", "mel", "bkl"), 1, 200), allow_nan=False)
    )
    assert set(METRICS) - set(result) == {"qwk", "rank_error"}
    assert set(result["macro_f1"]) == {"value", "ci95", "n", "events", "reason"}
    assert list(result["per_class"]) == ["nv", "mel", "bkl"]
    assert sum(part["support"] for part in result["per_class"].values()) == 90
    matrix, limits = np.array(result["confusion"]["matrix"]), np.array(result["confusion"]["ci95"])
    assert matrix.sum() == 90
    assert limits.shape == (3, 3, 2)
    assert ((limits[..., 0] <= matrix) & (matrix <= limits[..., 1])).all()
    assert (result["n"], result["patients"], result["interval"]["resamples"]) == (90, 90, 200)


def test_a_model_compared_with_itself_shows_no_difference() -> None:
    y, probabilities = noisy(80)
    for found in compare(y, probabilities, probabilities, np.arange(80) // 2, resamples=200).values():
        assert (found["difference"], found["ci95"], found["p"]) == (0.0, [0.0, 0.0], 1.0)


def test_a_better_model_is_found_better_and_the_reverse_is_the_mirror() -> None:
    y, good = noisy(200, skill=3.0)
    _, poor = noisy(200, skill=0.0, seed=1)
    ahead, behind = (compare(y, *pair, None, resamples=500) for pair in ((good, poor), (poor, good)))
    for name, found in ahead.items():
        assert found["ci95"][0] > 0
        assert found["p"] == pytest.approx(2 / 501)
        assert behind[name]["difference"] == pytest.approx(-found["difference"])
        assert behind[name]["p"] == found["p"]


@given(shift=st.floats(-0.6, 0.6), seed=st.integers(0, 20))
@settings(max_examples=8, deadline=None)
def test_p_is_below_five_percent_exactly_where_the_interval_leaves_zero_out(shift: float, seed: int) -> None:
    y, first = noisy(120, skill=1.0, seed=seed)
    rng = np.random.default_rng(seed)
    logits = np.log(first) + rng.normal(size=first.shape)
    logits[np.arange(120), y] += shift
    second = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = paired(collect(y, first), collect(y, second), names=("log_loss",), resamples=399)["log_loss"]
    assert found.p is not None
    assert found.ci95 is not None
    excluded = found.ci95[0] > 0 or found.ci95[1] < 0
    # The added one and the interpolated percentile leave a band of a resample or two.
    assert excluded == (found.p < 0.05) or abs(found.p - 0.05) < 0.011


def test_a_comparison_that_rests_on_four_events_has_no_p() -> None:
    y = np.array([0] * 40 + [1] * 4)
    _, first = noisy(44, 2)
    found = compare(y, first, np.roll(first, 1, axis=0), None, resamples=100)
    assert (found["auroc"]["difference"], found["auroc"]["p"]) == (None, None)
    assert found["accuracy"]["p"] is not None


def test_a_paired_test_refuses_other_records() -> None:
    y, probabilities = noisy(30)
    with pytest.raises(DataError, match="same records"):
        paired(collect(y, probabilities), collect((y + 1) % 3, probabilities))


def test_patients_and_records_must_be_as_many() -> None:
    y, probabilities = noisy(30)
    with pytest.raises(DataError, match="29 patients for 30 records"):
        score(y, probabilities, np.arange(29), ("a", "b", "c"), 0)


@pytest.mark.slow
def test_two_thousand_resamples_of_ten_thousand_records_take_under_ten_seconds() -> None:
    y, probabilities = noisy(10_000, 7)
    started = time.process_time()  # not the wall: the machine may be shared
    score(y, probabilities, np.arange(10_000) // 2, [str(k) for k in range(7)], 0)
    assert time.process_time() - started < 10


@pytest.mark.slow
@pytest.mark.parametrize(("records_each", "patients"), [(1, 300), (3, 100), (6, 50)])
def test_an_interval_covers_the_truth_as_often_as_it_says(records_each: int, patients: int) -> None:
    """300 records, right with probability 0.8; a patient's records agree (intraclass correlation 0.5)."""
    rng = np.random.default_rng(0)
    codes = np.arange(patients * records_each) // records_each
    accuracy: dict[str, Callable[[Resamples], Any]] = {"accuracy": OVERALL["accuracy"]}
    trials = 600
    held = dict.fromkeys(("patients", "records"), 0)
    for trial in range(trials):
        chance = rng.beta(0.8, 0.2, patients)[codes]
        predicted = (rng.random(len(codes)) >= chance).astype(np.int64)
        sample = collect(np.zeros(len(codes), dtype=int), np.tile([0.5, 0.5], (len(codes), 1)), predicted=predicted)
        for unit, drawn_by in (("patients", codes), ("records", np.arange(len(codes)))):
            values = bootstrap(sample, drawn_by, accuracy, resamples=500, seed=trial)["accuracy"]
            low, high = np.percentile(values, (2.5, 97.5))
            held[unit] += low <= 0.8 <= high
    coverage = {unit: count / trials for unit, count in held.items()}
    print(f"coverage with {patients} patients of {records_each} records: {coverage}")
    assert 0.90 <= coverage["patients"] <= 0.98
    if records_each > 1:
        assert coverage["records"] < 0.88
