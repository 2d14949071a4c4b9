"""Ways of narrowing gaps on arrays: weights, thresholds by group, what is settled on validation, and the table."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, equalized_odds_difference, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from automed.audit.groups import Division
from automed.audit.mitigation.choice import Standing, choose_attribute, choose_strength, standing
from automed.audit.mitigation.table import PLAIN, Method, compare
from automed.audit.mitigation.thresholds import by_group
from automed.audit.mitigation.weights import reweighing
from automed.errors import DataError
from automed.evaluate.multiplicity import holm
from automed.evaluate.sample import Sample, collect

Floats = NDArray[np.float64]


# --- weights ----------------------------------------------------------------------------------------------------------

records = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=80)


@given(records)
def test_weighted_records_have_group_and_class_independent(pairs: list[tuple[int, int]]) -> None:
    """Where every group has every class; margins stay what they were."""
    full = [(g, c) for g in range(4) for c in range(3)]
    group, y = np.array(full + pairs).T
    weights = reweighing(group, y)
    table = pd.crosstab(group, y, values=weights, aggfunc="sum").to_numpy() / len(y)
    plain = pd.crosstab(group, y).to_numpy() / len(y)
    assert np.allclose(table, np.outer(plain.sum(axis=1), plain.sum(axis=0)))
    assert weights.mean() == pytest.approx(1.0)


@given(records)
def test_weights_are_positive_and_one_on_average_whatever_is_missing(pairs: list[tuple[int, int]]) -> None:
    group, y = np.array(pairs).T
    weights = reweighing(group, y)
    assert (weights > 0).all() and weights.mean() == pytest.approx(1.0)


def test_weights_of_a_worked_example() -> None:
    """Six of eight in group 0; one of its six is of class 1, and both of group 1."""
    weights = reweighing([0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 1, 1, 1])
    raw = np.array([6 * 5 / (8 * 5)] * 5 + [6 * 3 / 8] + [2 * 3 / (8 * 2)] * 2)
    assert np.allclose(weights, raw / raw.mean())


def test_weights_of_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="a group and a class of each record"):
        reweighing([], [])


# --- thresholds by group ----------------------------------------------------------------------------------------------


def shifted(seed: int, n: int, groups: int = 2) -> tuple[NDArray[np.bool_], Floats, NDArray[np.int64]]:
    """A score that is as good in each group, and lower in the later ones: one threshold cannot suit them."""
    random = np.random.default_rng(seed)
    group = random.integers(0, groups, n)
    truth = random.random(n) < 0.4
    logit = 2.0 * truth - 1.0 - 1.5 * group + random.normal(0, 1, n)
    return truth, 1 / (1 + np.exp(-logit)), group


def test_thresholds_by_group_make_both_error_rates_alike() -> None:
    truth, p, group = shifted(1, 4000)
    fresh, q, other = shifted(2, 4000)
    plain = q >= 0.5
    found = by_group(truth, p, group, q, other, plain)
    assert found.decided is not None and found.note == ""
    before = equalized_odds_difference(fresh, plain, sensitive_features=other)
    after = equalized_odds_difference(fresh, found.decided, sensitive_features=other)
    assert before > 0.25 and after < 0.06


def test_the_same_seed_decides_alike() -> None:
    truth, p, group = shifted(3, 600)
    first, second = (by_group(truth, p, group, p, group, p >= 0.5, seed=4).decided for _ in range(2))
    assert first is not None and second is not None and np.array_equal(first, second)


def test_small_groups_share_thresholds_and_new_ones_keep_the_plain_decision() -> None:
    truth, p, group = shifted(4, 600, groups=3)
    group = np.where(np.arange(600) < 6, 3, np.where(np.arange(600) < 12, 4, group))
    truth[[0, 6]], truth[[1, 7]] = True, False
    new = group.copy()
    new[-20:] = 9
    plain = p >= 0.5
    found = by_group(truth, p, group, p, new, plain)
    assert found.decided is not None and np.array_equal(found.decided[-20:], plain[-20:])
    assert found.note == (
        "2 small groups share thresholds; 20 test records of groups without thresholds keep the plain decision"
    )


def test_a_small_group_of_one_side_keeps_the_plain_decision() -> None:
    truth, p, group = shifted(5, 600)
    group[:8], truth[:8] = 7, True
    plain = p >= 0.5
    found = by_group(truth, p, group, p, group, plain)
    assert found.decided is not None and np.array_equal(found.decided[:8], plain[:8])
    assert found.note == "8 test records of groups without thresholds keep the plain decision"


@pytest.mark.parametrize("case", ["one group", "one class in a group", "an attribute that equals the label"])
def test_thresholds_that_cannot_be_fitted_have_a_reason(case: str) -> None:
    truth, p, group = shifted(6, 200)
    if case == "one group":
        group = np.zeros_like(group)
    elif case == "one class in a group":
        truth[group == 1] = False
    else:
        group = truth.astype(np.int64)
    found = by_group(truth, p, group, p, group, p >= 0.5)
    assert found.decided is None
    assert found.reason is not None and found.reason.startswith("not applicable: fewer than two groups")


def test_probabilities_of_exactly_0_and_1_can_be_thresholded() -> None:
    truth, p, group = shifted(7, 400)
    found = by_group(truth, np.round(p), group, np.round(p), group, p >= 0.5)
    assert found.decided is not None and found.decided.shape == (400,)


# --- what is settled on validation ------------------------------------------------------------------------------------


def sample_of(y: NDArray[np.int64], right: Floats, seed: int, classes: int = 2) -> Sample:
    """Records decided rightly with the probability `right` of each."""
    random = np.random.default_rng(seed)
    wrong = random.random(len(y)) >= right
    predicted = np.where(wrong, (y + random.integers(1, classes, len(y))) % classes, y)
    p = 0.2 / max(classes - 1, 1) + (0.8 - 0.2 / max(classes - 1, 1)) * np.eye(classes)[predicted]
    return collect(y, p / p.sum(axis=1, keepdims=True), classes=[f"c{k}" for k in range(classes)])


def ward(code: NDArray[np.int64], key: str = "ward") -> Division:
    return Division(key, tuple(f"{key} {k}" for k in range(int(code.max()) + 1)), code)


def people(n: int) -> NDArray[np.int64]:
    return np.arange(n) // 2


def test_the_attribute_with_the_largest_gap_on_validation_is_acted_on() -> None:
    random = np.random.default_rng(0)
    y, sex, age = (random.integers(0, 2, 600) for _ in range(3))
    sample = sample_of(y, np.where(age == 1, 0.6, 0.9), 1)
    divisions = [ward(sex, "sex"), ward(age, "age")]
    place, why = choose_attribute(sample, divisions, people(600), (), 20) or (-1, "")
    gap = MetricFrame(metrics=true_positive_rate, y_true=y, y_pred=sample.predicted, sensitive_features=age)
    assert place == 1 and f"{gap.difference():.2f}" in why


def test_an_attribute_of_one_group_is_no_attribute() -> None:
    y = np.random.default_rng(1).integers(0, 2, 100)
    sample = sample_of(y, np.full(100, 0.8), 1)
    assert choose_attribute(sample, [ward(np.zeros(100, np.int64))], people(100), (), 20) is None
    small = np.r_[np.zeros(97, np.int64), [1, 1, 1]]
    chosen = choose_attribute(sample, [ward(np.zeros(100, np.int64)), ward(small)], people(100), (), 20)
    assert chosen is not None and chosen[0] == 1 and "no gap is estimable" in chosen[1]


def test_the_strength_that_serves_the_worst_group_best_is_kept_if_it_costs_little() -> None:
    plain = Standing(0.80, 0.60)
    weak, good, dear = Standing(0.81, 0.62), Standing(0.785, 0.70), Standing(0.70, 0.75)
    assert choose_strength(plain, [weak, good, dear], 0.02) == 1
    assert choose_strength(plain, [weak, good, dear], 0.0) == 0
    assert choose_strength(plain, [Standing(0.70, 0.7), Standing(0.75, 0.6)], 0.02) == 1, "the nearest"
    assert choose_strength(plain, [Standing(0.80, None), Standing(0.82, None)], 0.02) == 1, "no group can say"


def test_standing_is_that_of_scikit_learn_in_the_worst_group() -> None:
    random = np.random.default_rng(2)
    y, code = random.integers(0, 3, 300), random.integers(0, 3, 300)
    code[code == 2] = np.where(np.arange((code == 2).sum()) < 10, 2, 0)
    sample = sample_of(y, np.where(code == 1, 0.5, 0.9), 3, classes=3)
    found = standing(sample, ward(code), 20)
    by = [f1_score(y[code == k], sample.predicted[code == k], average="macro") for k in (0, 1)]
    assert found.worst == pytest.approx(min(by))
    assert found.macro_f1 == pytest.approx(f1_score(y, sample.predicted, average="macro"))


# --- the table --------------------------------------------------------------------------------------------------------


def tried(
    plain: Floats, *methods: Floats, n: int = 800, classes: int = 2, seed: int = 0, **more: Any
) -> dict[str, Any]:
    """A table of methods that are right with these probabilities in group 0, 1, ...; also its samples."""
    random = np.random.default_rng(seed)
    y, code = random.integers(0, classes, n), random.integers(0, len(plain), n)
    samples = [
        sample_of(y, np.asarray(right)[code], seed + 10 * k, classes) for k, right in enumerate((plain, *methods), 1)
    ]
    keys = ("reweight", "resample", "penalty", "thresholds")
    others = [Method(key, sample, seconds=1.0) for key, sample in zip(keys, samples[1:], strict=False)]
    options = {"resamples": 500, "seed": seed} | more
    document = compare(Method(PLAIN, samples[0], seconds=2.0), others, ward(code), people(n), **options)
    json.dumps(document, allow_nan=False)
    return document | {"samples": samples, "code": code}


def test_figures_are_those_of_scikit_learn_and_fairlearn() -> None:
    document = tried(np.array([0.9, 0.7, 0.8]), np.array([0.85, 0.8, 0.8]))
    code = document["code"]
    for row, sample in zip(document["rows"], document["samples"], strict=True):
        y, decided = sample.y, sample.predicted
        assert row["macro_f1"]["value"] == pytest.approx(f1_score(y, decided, average="macro"))
        by = {k: f1_score(y[code == k], decided[code == k], average="macro") for k in range(3)}
        worst = min(by, key=lambda k: by[k])
        assert row["worst_group"]["value"] == pytest.approx(by[worst])
        assert row["worst_group"]["group"] == f"ward {worst}" and row["worst_group"]["n"] == (code == worst).sum()
        rate = MetricFrame(metrics=true_positive_rate, y_true=y, y_pred=decided, sensitive_features=code)
        assert row["gap"]["value"] == pytest.approx(rate.difference())
        assert row["gap"]["between"] == [f"ward {rate.by_group.idxmin()}", f"ward {rate.by_group.idxmax()}"]
        for figure in (row["macro_f1"], row["worst_group"], row["gap"]):
            assert figure["ci95"][0] <= figure["value"] <= figure["ci95"][1]
    plain, row = document["rows"]
    assert plain["against"] is None
    for measure, test in row["against"].items():
        assert test["difference"] == pytest.approx(row[measure]["value"] - plain[measure]["value"])


def test_a_method_that_lifts_the_worst_group_is_said_to_do_so_and_at_which_cost() -> None:
    document = tried(np.array([0.9, 0.6]), np.array([0.86, 0.86]), np.array([0.9, 0.6]))
    assert document["verdict"] == "better"
    assert document["conclusion"].startswith("Reweighting raised macro-F1 of the worst group from ")
    assert "ward 1" in document["conclusion"] and "in macro-F1 over all records of" in document["conclusion"]
    raw = [row["against"]["worst_group"]["p"] for row in document["rows"][1:]]
    assert [row["against"]["worst_group"]["p_holm"] for row in document["rows"][1:]] == holm(raw)
    assert raw[0] < 0.01 and document["rows"][1]["against"]["worst_group"]["p_holm"] == pytest.approx(2 * raw[0])


def test_methods_that_do_no_better_are_said_to_do_no_better() -> None:
    document = tried(np.array([0.9, 0.7]), np.array([0.9, 0.7]), np.array([0.88, 0.7]), seed=3)
    assert document["verdict"] == "none_better"
    assert document["conclusion"].startswith("None of the 2 methods could be shown to do better than plain training")
    assert "MEDFAIR, ICLR 2023" in document["conclusion"]


def test_a_gap_that_closes_because_the_better_group_gets_worse_is_no_success() -> None:
    document = tried(np.array([0.95, 0.65]), np.array([0.65, 0.65]), n=2000)
    assert document["verdict"] == "none_better"
    assert "Reweighting narrowed the largest gap in sensitivity from" in document["conclusion"]
    assert "without being shown to help the worst group" in document["conclusion"]


def test_a_method_that_harms_the_worst_group_is_named() -> None:
    document = tried(np.array([0.9, 0.8]), np.array([0.9, 0.6]), n=2000)
    assert (
        document["verdict"] == "none_better" and "Reweighting did worse for the worst group" in document["conclusion"]
    )


def test_a_model_against_itself_differs_by_nothing() -> None:
    y = np.random.default_rng(5).integers(0, 2, 300)
    code = np.random.default_rng(6).integers(0, 2, 300)
    sample = sample_of(y, np.full(300, 0.8), 7)
    document = compare(Method(PLAIN, sample), [Method("penalty", sample)], ward(code), people(300), resamples=200)
    for test in document["rows"][1]["against"].values():
        assert (test["difference"], test["ci95"], test["p_holm"]) == (0.0, [0.0, 0.0], 1.0)
    assert document["conclusion"].startswith("The one method tried could not be shown")


def test_small_groups_are_named_and_not_judged() -> None:
    random = np.random.default_rng(8)
    y, code = random.integers(0, 2, 300), random.integers(0, 2, 300)
    code[:12], code[12:40], y[12:40] = 2, 3, 0
    y[12:15] = 1
    sample = sample_of(y, np.full(300, 0.8), 9)
    document = compare(Method(PLAIN, sample), [Method("penalty", sample)], ward(code), people(300), resamples=200)
    reasons = {group["name"]: group["reason"] for group in document["groups"]}
    assert reasons["ward 0"] is None and reasons["ward 1"] is None
    assert reasons["ward 2"] == "not estimable: 12 records, 20 are needed"
    assert reasons["ward 3"] == "not estimable: rests on 3 records, 5 are needed"
    assert document["rows"][0]["worst_group"]["group"] in ("ward 0", "ward 1")


def test_too_few_groups_leave_the_question_open() -> None:
    random = np.random.default_rng(10)
    y = random.integers(0, 2, 200)
    code = (np.arange(200) < 10).astype(np.int64)
    sample = sample_of(y, np.full(200, 0.8), 9)
    document = compare(Method(PLAIN, sample), [Method("penalty", sample)], ward(code), people(200), resamples=200)
    assert document["verdict"] == "undecided" and "could not be decided" in document["conclusion"]
    for figure in (document["rows"][0]["worst_group"], document["rows"][0]["gap"]):
        assert figure["value"] is None and figure["ci95"] is None and "not estimable" in figure["reason"]


def test_methods_without_a_model_keep_their_reason() -> None:
    random = np.random.default_rng(11)
    y, code = random.integers(0, 3, 200), random.integers(0, 2, 200)
    plain = Method(PLAIN, sample_of(y, np.full(200, 0.8), 9, classes=3))
    others = [Method("thresholds", None, reason="not applicable: two classes only")]
    document = compare(plain, others, ward(code), people(200), resamples=200)
    row = document["rows"][1]
    assert row["reason"] == "not applicable: two classes only" and row["macro_f1"] is None and row["against"] is None
    assert document["verdict"] == "none_tried"


def test_several_classes_and_several_labels_can_be_compared() -> None:
    document = tried(np.array([0.9, 0.6, 0.8]), np.array([0.9, 0.9, 0.9]), classes=4, urgent=(1, 2), n=1200)
    assert document["rows"][0]["gap"]["question"] in ("urgent", "c0", "c1", "c2", "c3")
    random = np.random.default_rng(12)
    y = random.integers(0, 2, (400, 3))
    flips = random.random((400, 3)) < 0.2
    labels = collect(y, random.random((400, 3)), predicted=np.where(flips, 1 - y, y), classes=["a", "b", "c"])
    code = random.integers(0, 2, 400)
    several = compare(Method(PLAIN, labels), [Method("penalty", labels)], ward(code), people(400), resamples=200)
    by = [f1_score(y[code == k], labels.predicted[code == k], average="macro") for k in (0, 1)]
    assert several["rows"][0]["worst_group"]["value"] == pytest.approx(min(by))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_every_figure_has_an_interval_or_a_reason(seed: int) -> None:
    """Whatever the groups are: nothing is NaN, and value and interval are there together."""
    random = np.random.default_rng(seed)
    n = int(random.integers(20, 150))
    y, code = random.integers(0, 3, n), random.integers(0, int(random.integers(1, 5)), n)
    samples = [sample_of(y, random.random(n), seed, classes=3) for _ in range(2)]
    document = compare(
        Method(PLAIN, samples[0]), [Method("penalty", samples[1])], ward(code), people(n), min_group=5, resamples=60
    )
    json.dumps(document, allow_nan=False)
    for row in document["rows"]:
        for figure in (row["macro_f1"], row["worst_group"], row["gap"], *(row["against"] or {}).values()):
            value = figure["value"] if "value" in figure else figure["difference"]
            assert (value is None) == (figure["ci95"] is None)
            assert value is not None or figure["reason"]


def test_without_a_difference_few_tables_raise_alarm() -> None:
    """Two methods as good as plain training, 120 tables: about one in twenty may call one of them better or worse."""
    alarms = 0
    right = np.array([0.85, 0.75])
    for seed in range(120):
        document = tried(right, right, right, n=300, seed=seed, resamples=400)
        alarms += any(row["against"]["worst_group"]["p_holm"] < 0.05 for row in document["rows"][1:])
    assert alarms <= 14, "more than 14 of 120 has a chance under 1 in 1,000 at a rate of 5 %"
