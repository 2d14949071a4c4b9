"""The figures of each group are those of its records, and their intervals those of drawing patients."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    count,
    selection_rate,
    true_negative_rate,
    true_positive_rate,
)
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, roc_auc_score

from automed.audit import table
from automed.audit.figures import part
from automed.audit.groups import MISSING, cross, divide
from automed.audit.subject import Subject
from automed.audit.table import describe
from automed.evaluate import intervals
from automed.evaluate.questions import questions
from automed.evaluate.sample import collect

NAMES = ("prevalence", "sensitivity", "specificity", "ppv", "auroc", "selection", "calibration_slope", "ece")
FIVE = {"value", "ci95", "n", "events", "reason"}


def subject(
    n: int = 400, classes: int = 3, *, per_patient: int = 2, seed: int = 0, urgent: tuple[int, ...] = ()
) -> Subject:
    """Records of patients with several records each, with probabilities that tell the classes somewhat, some tied."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), y] += 1.0
    probabilities = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 2)
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    sample = collect(y, np.clip(probabilities, 0, 1))
    return Subject(
        sample,
        np.arange(n) // per_patient,
        tuple(questions(sample, urgent)),
        {},
        sets=sample.probabilities >= 0.2,
    )


def labelled(n: int = 300, labels: int = 3) -> Subject:
    rng = np.random.default_rng(3)
    y = (rng.random((n, labels)) < 0.4).astype(np.int64)
    probabilities = np.clip(0.3 * y + 0.7 * rng.random((n, labels)), 0, 1)
    sample = collect(y, probabilities, predicted=(probabilities > 0.5).astype(np.int64))
    return Subject(sample, np.arange(n) // 2, tuple(questions(sample)), {})


def by_group(rows: list[dict[str, Any]], question: str, name: str) -> list[Any]:
    return [row["questions"][question][name]["value"] for row in rows]


def column(size: int, names: str = "ab", seed: int = 1) -> NDArray[np.object_]:
    return np.random.default_rng(seed).choice(list(names), size).astype(object)


@pytest.mark.parametrize("kind", ["classes", "two", "labels"])
def test_values_are_those_of_fairlearn_and_scikit_learn(kind: str) -> None:
    """Of every question in every group, on the group's records alone."""
    made = {"classes": lambda: subject(urgent=(1, 2)), "two": lambda: subject(classes=2), "labels": labelled}[kind]()
    division = divide("a", column(len(made.patient), "abc"), 20)
    rows = describe(made, division, 20, 200, 0)
    for asked in made.questions:
        frame = MetricFrame(
            metrics={
                "prevalence": lambda truth, _: float(np.mean(truth)),
                "sensitivity": true_positive_rate,
                "specificity": true_negative_rate,
                "ppv": precision_score,
                "selection": selection_rate,
                "n": count,
            },
            y_true=asked.truth,
            y_pred=asked.decided,
            sensitive_features=division.code,
        ).by_group
        for name in ("prevalence", "sensitivity", "specificity", "ppv", "selection"):
            assert by_group(rows, asked.key, name) == pytest.approx(frame[name].tolist(), abs=1e-12)
        assert [row["n"] for row in rows] == frame["n"].tolist()
        area = MetricFrame(
            metrics=roc_auc_score, y_true=asked.truth, y_pred=asked.probability, sensitive_features=division.code
        ).by_group
        assert by_group(rows, asked.key, "auroc") == pytest.approx(area.tolist(), abs=1e-12)
    y, decided = made.sample.y, made.sample.predicted
    for code, row in enumerate(rows):
        inside = division.code == code
        assert row["figures"]["accuracy"]["value"] == pytest.approx(accuracy_score(y[inside], decided[inside]))
        macro = f1_score(y[inside], decided[inside], average="macro")
        assert row["figures"]["macro_f1"]["value"] == pytest.approx(macro)
        if made.sets is not None:
            covered = made.sets[inside][np.arange(inside.sum()), y[inside]]
            assert row["figures"]["coverage"]["value"] == pytest.approx(covered.mean())


def test_the_slope_of_a_group_is_that_of_its_logistic_regression() -> None:
    """Of the answers on the log-odds, without a penalty, on the group's records alone."""
    made = subject(classes=2)
    division = divide("a", column(400), 20)
    rows = describe(made, division, 20, 200, 0)
    asked = made.questions[0]
    for code, row in enumerate(rows):
        inside = division.code == code
        x = np.log(asked.probability[inside] / (1 - asked.probability[inside]))
        fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[:, None], asked.truth[inside])
        assert row["questions"]["1"]["calibration_slope"]["value"] == pytest.approx(fit.coef_[0, 0], abs=1e-4)


RATES = {
    "prevalence": lambda truth, flagged, _: truth.mean(),
    "sensitivity": lambda truth, flagged, _: true_positive_rate(truth, flagged),
    "specificity": lambda truth, flagged, _: true_negative_rate(truth, flagged),
    "ppv": lambda truth, flagged, _: precision_score(truth, flagged),
    "auroc": lambda truth, _, probability: roc_auc_score(truth, probability),
    "selection": lambda _, flagged, __: flagged.mean(),
}
OVERALL = {
    "accuracy": lambda y, decided, _: accuracy_score(y, decided),
    "macro_f1": lambda y, decided, _: f1_score(y, decided, average="macro"),
    "auroc": lambda y, _, probabilities: roc_auc_score(y, probabilities, multi_class="ovr"),
}


def test_intervals_are_those_of_drawing_patients_one_by_one() -> None:
    """A loop that writes out the drawn patients' records and asks scikit-learn gives the same limits."""
    made, resamples, seed = subject(150, urgent=(1, 2)), 40, 7
    division = divide("a", column(150), 20)
    rows = describe(made, division, 20, resamples, seed)
    patients = int(made.patient.max()) + 1
    drawn = np.random.default_rng(seed).integers(0, patients, size=(resamples, patients))
    records = [np.concatenate([np.flatnonzero(made.patient == one) for one in patient]) for patient in drawn]
    for code, row in enumerate(rows):
        inside = [chosen[division.code[chosen] == code] for chosen in records]

        def limits(measure: Any, *given: Any, inside: Any = inside) -> Any:
            values = [measure(*(each[at] for each in given)) for at in inside]
            return pytest.approx(np.percentile(values, (2.5, 97.5)).tolist(), abs=1e-9)

        for asked in made.questions[:2]:
            for name, measure in RATES.items():
                expected = limits(measure, asked.truth, asked.decided, asked.probability)
                assert row["questions"][asked.key][name]["ci95"] == expected, name
        sample = made.sample
        for name, measure in OVERALL.items():
            expected = limits(measure, sample.y, sample.predicted, sample.probabilities)
            assert row["figures"][name]["ci95"] == expected, name
        assert row["figures"]["coverage"]["ci95"] == limits(np.mean, made.sets[np.arange(150), sample.y])


def test_the_interval_of_ece_is_freed_of_what_the_same_draws_show_by_chance() -> None:
    """Limits by a loop that writes out the drawn patients' records, bin by bin, on the records of the group."""
    made, resamples, seed = subject(150, classes=2), 60, 7
    division = divide("a", column(150), 20)
    rows = describe(made, division, 20, resamples, seed)
    patients = int(made.patient.max()) + 1
    drawn = np.random.default_rng(seed).integers(0, patients, size=(resamples, patients))
    records = [np.concatenate([np.flatnonzero(made.patient == one) for one in patient]) for patient in drawn]
    asked = made.questions[0]
    gap = asked.truth - asked.probability
    for code, row in enumerate(rows):
        inside = np.flatnonzero(division.code == code)
        limits = np.quantile(asked.probability[inside], np.linspace(0, 1, len(inside) // 20 + 1))[1:-1]
        bins = np.searchsorted(limits, asked.probability)

        def gaps(chosen: NDArray[np.int64], bins: Any = bins, size: int = len(limits) + 1) -> NDArray[np.float64]:
            return np.array([gap[chosen][bins[chosen] == k].sum() for k in range(size)])

        whole, groups = gaps(inside), [chosen[division.code[chosen] == code] for chosen in records]
        value = np.abs(whole).sum() / len(inside)
        errors = np.array([np.abs(gaps(chosen)).sum() / len(chosen) for chosen in groups])
        alone = np.array([np.abs(gaps(chosen) - whole).sum() / len(inside) for chosen in groups])
        low, high = value + np.percentile(errors, (2.5, 97.5)) - errors.mean()
        floor = 0.0 if value <= np.percentile(alone, 97.5) else np.sqrt(max(low**2 - alone.mean() ** 2, 0.0))
        ceiling = np.sqrt(max(high**2 - alone.mean() ** 2, 0.0))
        figure = row["questions"]["1"]["ece"]
        assert figure["value"] == pytest.approx(value, abs=1e-12)
        assert figure["ci95"] == pytest.approx([floor, max(ceiling, value)], abs=1e-9)


def test_a_patient_with_records_in_two_groups_is_drawn_for_both() -> None:
    """Where every patient has the same record in each of two groups, both have the same figures and intervals."""
    one = subject(200, per_patient=1)
    twice = np.repeat(np.arange(200), 2)
    made = part(one, twice)
    rows = describe(made, divide("side", np.array(["left", "right"] * 200, dtype=object), 20), 20, 200, 0)
    assert {key: rows[0][key] for key in ("figures", "questions")} == {
        key: rows[1][key] for key in ("figures", "questions")
    }


def test_how_many_draws_are_held_at_once_changes_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether all draws of all patients fit into one block or a few of them do."""
    made, division = subject(100), divide("a", column(100), 20)
    whole = describe(made, division, 20, 90, 0)
    monkeypatch.setattr(intervals, "CHUNK", 50 * 7)
    monkeypatch.setattr(table, "BLOCK", 50 * 20)
    monkeypatch.setattr(table, "CHUNK", 1000)
    for row, expected in zip(describe(made, division, 20, 90, 0), whole, strict=True):
        for name, figure in row["figures"].items():
            assert figure["ci95"] == pytest.approx(expected["figures"][name]["ci95"]), name


def test_a_row_holds_figures_and_whom_they_are_of() -> None:
    """Records, patients, share and events; every figure with the same five fields, and plain JSON."""
    made = subject(urgent=(1, 2))
    rows = describe(made, divide("a", column(400), 20), 20, 200, 0)
    json.dumps(rows, allow_nan=False)
    assert [row["group"] for row in rows] == ["a", "b"]
    assert sum(row["n"] for row in rows) == 400
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    row = rows[0]
    inside = column(400) == "a"
    assert row["patients"] == np.unique(made.patient[inside]).size
    sides = [int((asked.truth[inside] == side).sum()) for asked in made.questions for side in (True, False)]
    assert row["events"] == min(sides)
    assert list(row["questions"]) == ["urgent", "0", "1", "2"]
    assert row["questions"]["urgent"]["events"] == int(made.questions[0].truth[inside].sum())
    assert set(row["questions"]["urgent"]) == {"events", *NAMES}
    assert set(row["figures"]) == {"macro_f1", "accuracy", "auroc", "calibration_slope", "top_label_ece", "coverage"}
    assert all(set(figure) == FIVE for figure in row["figures"].values())


def test_two_classes_and_labels_have_no_figures_of_several_classes() -> None:
    """The one question of two classes has slope and ece of its own; labels have one each."""
    for made in (subject(classes=2), labelled()):
        row = describe(made, divide("a", column(len(made.patient)), 20), 20, 100, 0)[0]
        assert {"calibration_slope", "top_label_ece"}.isdisjoint(row["figures"])


def test_a_small_group_is_not_estimable_but_shown() -> None:
    """Under the minimum no figure has a value, and records, patients and events are there all the same."""
    values = np.array(["large"] * 388 + ["small"] * 12, dtype=object)
    rows = describe(subject(), divide("a", values, 20), 20, 100, 0)
    small = rows[1]
    assert (small["n"], small["patients"], small["estimable"]) == (12, 6, False)
    assert small["reason"] == "not estimable: 12 records, 20 are needed"
    figures = [*small["figures"].values(), *(small["questions"]["0"][name] for name in NAMES)]
    assert {(figure["value"], figure["ci95"], figure["reason"]) for figure in figures} == {
        (None, None, small["reason"])
    }
    assert rows[0]["estimable"]


def test_a_group_of_one_patient_is_not_estimable() -> None:
    """However many records the patient has."""
    made = subject(per_patient=40)
    rows = describe(made, divide("a", np.array(["one"] * 40 + ["more"] * 360, dtype=object), 20), 20, 100, 0)
    assert rows[1]["reason"] == "not estimable: the records come from 1 patients, 5 are needed"
    assert rows[1]["questions"]["1"]["sensitivity"]["value"] is None


def test_one_class_in_a_group_leaves_what_can_be_said() -> None:
    """Without a positive record there is a specificity and no sensitivity."""
    made = subject(classes=2)
    values = np.where(made.sample.y == 0, "negative", "both").astype(object)
    values[:100] = "both"
    rows = describe(made, divide("a", values, 20), 20, 200, 0)
    asked = rows[1]["questions"]["1"]
    assert rows[1]["group"] == "negative" and rows[1]["estimable"]
    assert asked["sensitivity"]["value"] is None
    assert asked["sensitivity"]["reason"] == "no record is positive in the reference standard"
    assert asked["auroc"]["value"] is None
    assert asked["specificity"]["ci95"] is not None
    assert asked["selection"]["ci95"] is not None
    assert rows[1]["figures"]["accuracy"]["ci95"] is not None


def test_an_attribute_that_equals_the_label_is_described() -> None:
    """Each group then holds one class, and nothing that needs two has a value."""
    made = subject()
    rows = describe(made, divide("a", made.sample.y.astype(str).astype(object), 20), 20, 200, 0)
    json.dumps(rows, allow_nan=False)
    for k, row in enumerate(rows):
        assert row["questions"][str(k)]["specificity"]["value"] is None
        assert row["questions"][str(k)]["sensitivity"]["ci95"] is not None
        assert row["figures"]["auroc"]["value"] is None


def test_probabilities_of_exactly_zero_and_one_are_described() -> None:
    """A model that is certain of everything has figures or reasons, and no NaN."""
    made = subject(classes=3)
    hard = np.eye(3)[made.sample.probabilities.argmax(axis=1)]
    sample = collect(made.sample.y, hard)
    made = Subject(sample, made.patient, tuple(questions(sample)), {})
    rows = describe(made, divide("a", column(400), 20), 20, 200, 0)
    json.dumps(rows, allow_nan=False)
    assert rows[0]["questions"]["1"]["auroc"]["ci95"] is not None
    assert "exactly 0 or 1" in rows[0]["questions"]["1"]["calibration_slope"]["reason"]


def test_the_missing_and_fifty_categories_are_described_and_crossed() -> None:
    """40 % without an attribute are a row; small ones of 50 categories are one row together."""
    made = subject(600)
    tone = column(600, "xyz")
    tone[np.random.default_rng(0).random(600) < 0.4] = None
    ward = np.array([f"ward {k % 50:02d}" if k % 2 else "ward 00" for k in range(600)], dtype=object)
    first, second = divide("tone", tone, 20), divide("ward", ward, 20)
    rows = describe(made, first, 20, 100, 0)
    assert rows[-1]["group"] == MISSING
    assert rows[-1]["share"] == pytest.approx(0.4, abs=0.06)
    assert rows[-1]["figures"]["accuracy"]["ci95"] is not None
    crossed = describe(made, cross(first, second), 20, 100, 0)
    assert sum(row["n"] for row in crossed) == 600
    assert {row["group"] for row in crossed} >= {"missing, ward 00", "missing, other (25 categories)"}


def test_the_events_of_a_figure_decide_whether_it_is_estimable() -> None:
    """With four positive records a group has no sensitivity, and its specificity stays."""
    made = subject(classes=2, per_patient=1)
    positive, negative = np.flatnonzero(made.sample.y == 1), np.flatnonzero(made.sample.y == 0)
    values = np.full(400, "rest", dtype=object)
    values[positive[:4]] = values[negative[:60]] = "few"
    asked = describe(made, divide("a", values, 20), 20, 200, 0)[0]["questions"]["1"]
    assert asked["sensitivity"]["reason"] == "not estimable: rests on 4 records, 5 are needed"
    assert asked["specificity"]["value"] is not None
