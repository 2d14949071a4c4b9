"""Records that bear several labels, and classes that are ranks: decisions, intervals, scores.json and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from madeup import (
    CONDUCTION,
    ECG,
    Page,
    Story,
    heartbeats,
    is_named_and_in_order,
    links_lead_somewhere,
    make_labelled_run,
    make_run,
    names_no_network,
    only_report,
    pages,
    scored,
)
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, f1_score, precision_recall_curve

from automed.errors import DataError, RunError
from automed.evaluate import METRICS
from automed.evaluate.decide import Rule, decide, selection_score
from automed.evaluate.intervals import estimates
from automed.evaluate.metrics import macro_f1
from automed.evaluate.predictions import of_finalist
from automed.evaluate.sample import collect
from automed.evaluate.scores import compare, score
from automed.recipe.evaluate import Evaluate
from automed.report import words
from automed.run import Run, read_json, write_json

Labels = NDArray[np.int64]


def noisy(n: int, labels: int = 4, skill: float = 1.5, seed: int = 0) -> tuple[Labels, NDArray[np.float64]]:
    """Labels of different prevalence, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n, labels)) < np.linspace(0.15, 0.5, labels)).astype(np.int64)
    return y, 1 / (1 + np.exp(-(rng.normal(size=y.shape) + skill * y - 1)))


# --- decisions ---------------------------------------------------------------------------------------------------


@st.composite
def one_label(draw: st.DrawFn) -> tuple[Labels, NDArray[np.float32]]:
    """A label and coarse or fine scores of it, beside a second label that is always there."""
    n = draw(st.integers(2, 25))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda values: 0 < sum(values) < n))
    scores = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1, width=32)
    p = draw(st.lists(scores, min_size=n, max_size=n))
    return np.array([y, [1] * n]).T, np.array([p, [0.9] * n], dtype=np.float32).T


@given(drawn=one_label())
@settings(max_examples=150, deadline=None)
def test_a_threshold_reaches_the_highest_f1_of_all(drawn: tuple[Labels, NDArray[np.float32]]) -> None:
    """No score would do better as a threshold, .5 included; scikit-learn's curve is the judge."""
    y, p = drawn
    rule = decide("multilabel", y, p)
    found = f1_score(y[:, 0], rule(p)[:, 0])
    precision, recall, _ = precision_recall_curve(y[:, 0], p[:, 0])
    best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
    assert found == pytest.approx(best)
    assert found >= f1_score(y[:, 0], p[:, 0] >= 0.5, zero_division=0.0) - 1e-12


@given(drawn=one_label())
@settings(max_examples=80, deadline=None)
def test_a_threshold_lies_half_way_between_neighbouring_scores(drawn: tuple[Labels, NDArray[np.float32]]) -> None:
    """So that a small shift of the probabilities changes no decision."""
    y, p = drawn
    (threshold, _) = decide("multilabel", y, p).thresholds or ()
    known = np.union1d(p[:, 0].astype(np.float64), [0.0])
    above, below = known[known >= threshold].min(), known[known < threshold].max(initial=0.0)
    assert threshold == pytest.approx((above + below) / 2)


def test_a_label_that_says_nothing_about_thresholds_keeps_the_middle_and_is_named() -> None:
    """Without a positive, or without a negative, any threshold would be a guess."""
    y = np.array([[0, 1, 0], [0, 1, 1], [0, 1, 0]])
    rule = decide(
        "multilabel", y, np.array([[0.1, 0.2, 0.1], [0.3, 0.1, 0.3], [0.2, 0.3, 0.2]]), classes=("a", "b", "c")
    )
    assert rule.thresholds == (0.5, 0.5, 0.25)
    assert "0.5 for a, b," in rule.reason
    assert "highest F1 on the validation set" in rule.reason


@pytest.mark.parametrize("task", ["multiclass", "ordinal"])
def test_of_classes_the_most_probable_is_decided_for(task: str) -> None:
    """There is no threshold to fit."""
    p = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    rule = decide(task, [0, 1], p)
    assert rule.thresholds is None and rule.reason
    assert rule(p).tolist() == [1, 0]
    assert selection_score(task, [1, 0], p) == 1.0 == macro_f1([1, 0], [1, 0], 3)


def test_a_rule_decides_from_its_threshold_on() -> None:
    """Equal is enough, each label by its own."""
    assert Rule((0.5, 0.2), "")([[0.5, 0.1], [0.4, 0.2]]).tolist() == [[1, 0], [0, 1]]


def test_labels_must_fit_their_probabilities() -> None:
    """A class index is no label."""
    with pytest.raises(DataError, match="labels of shape"):
        decide("multilabel", [0, 1], [[0.5, 0.5], [0.5, 0.5]])


def test_the_score_that_ranks_candidates_is_macro_f1_at_thresholds_of_the_same_records() -> None:
    """Optimistic, alike for all: never below macro-F1 at .5."""
    y, p = noisy(200)
    found = selection_score("multilabel", y, p.astype(np.float32))
    assert found == pytest.approx(f1_score(y, decide("multilabel", y, p)(p), average="macro"))
    assert found >= f1_score(y, p >= 0.5, average="macro")


# --- intervals ---------------------------------------------------------------------------------------------------


def test_scores_of_labels_are_plain_json_with_every_promised_part() -> None:
    """Every metric with an interval that holds its value, every label, and a table a label with limits."""
    y, p = noisy(200)
    named = ("norm", "mi", "sttc", "cd")
    found = score(y, p, np.arange(200) // 2, named, 1, 300, predicted=(p > 0.4).astype(int))
    result = json.loads(json.dumps(found, allow_nan=False))
    for name in (name for name in METRICS if not METRICS.load(name).tasks):
        low, high = result[name]["ci95"]
        assert low < result[name]["value"] < high, name
    assert "qwk" not in result
    assert list(result["per_class"]) == list(named)
    for k, part in enumerate(result["per_class"].values()):
        assert part["support"] == y[:, k].sum()
        assert all(part[figure]["ci95"][0] < part[figure]["value"] < part[figure]["ci95"][1] for figure in part
                   if figure != "support")  # fmt: skip
    tables, limits = np.array(result["confusion"]["matrix"]), np.array(result["confusion"]["ci95"])
    assert tables.shape == (4, 2, 2) and (tables.sum(axis=(1, 2)) == 200).all()
    assert (tables[:, 1].sum(axis=1) == y.sum(axis=0)).all()
    assert limits.shape == (4, 2, 2, 2) and ((limits[..., 0] <= tables) & (tables <= limits[..., 1])).all()
    assert (result["n"], result["patients"]) == (200, 100)


@pytest.mark.parametrize("flip", [False, True], ids=["few with it", "few without it"])
def test_a_label_of_four_records_makes_what_rests_on_it_not_estimable(flip: bool) -> None:
    """Whichever side is rare; accuracy rests on all records and stays."""
    y, p = noisy(100)
    y[:, 2] = 0
    y[:4, 2] = 1
    if flip:
        y[:, 2] = 1 - y[:, 2]
    found = estimates(collect(y, p, predicted=(p > 0.4).astype(int)), resamples=200)
    for name in ("macro_f1", "balanced_accuracy", "auroc", "auprc", "mcc"):
        assert (found.overall[name].value, found.overall[name].events) == (None, 4), name
        assert "4 records" in str(found.overall[name].reason)
    for name in ("accuracy", "brier", "log_loss"):
        assert found.overall[name].value is not None
    assert found.by_class["auroc"][2].value is None
    assert found.by_class["auroc"][1].value is not None


def test_a_label_that_nobody_bears_is_named_and_does_not_stop_the_rest() -> None:
    """AUROC says which label it lacks; the others have theirs."""
    y, p = noisy(120)
    y[:, 0] = 0
    result = score(y, p, None, ("a", "b", "c", "d"), 0, 200, predicted=(p > 0.4).astype(int))
    assert result["auroc"]["value"] is None and "'a'" in result["auroc"]["reason"]
    assert result["per_class"]["a"]["recall"]["value"] is None
    assert result["per_class"]["b"]["recall"]["value"] is not None
    assert result["macro_f1"]["value"] is not None


def test_records_of_one_patient_make_the_intervals_of_labels_wider() -> None:
    """Labels repeat within a patient: as many records tell less."""
    y, p = (np.repeat(values, 5, axis=0) for values in noisy(60))
    decided = (p > 0.4).astype(int)

    def width(patient: Labels | None) -> float:
        low, high = estimates(collect(y, p, predicted=decided), patient, resamples=300).overall["auroc"].ci95 or (0, 0)
        return high - low

    assert width(np.arange(300) // 5) > 1.6 * width(None)


def test_two_models_of_labels_are_compared_at_decisions_of_their_own() -> None:
    """Equal ones do not differ, and a better one is found better."""
    y, good = noisy(200, skill=4.0)
    _, poor = noisy(200, skill=0.0)
    ours, theirs = ((p > 0.4).astype(int) for p in (good, poor))
    same = compare(y, good, good, None, resamples=200, predicted=ours, predicted_baseline=ours)
    assert all((part["difference"], part["p"]) == (0.0, 1.0) for part in same.values())
    ahead = compare(y, good, poor, None, resamples=200, predicted=ours, predicted_baseline=theirs)
    assert all(part["ci95"][0] > 0 for part in ahead.values())
    with pytest.raises(DataError, match="decisions about labels"):
        compare(y, good, poor, None, resamples=200, predicted=ours)


def test_ranks_have_a_weighted_kappa_with_an_interval() -> None:
    """And classes without an order have none."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 200)
    logits = -np.abs(np.arange(4) - y[:, None]) + rng.normal(size=(200, 4))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    result = score(y, p, None, list("abcd"), 0, 300, task="ordinal")
    assert result["qwk"]["value"] == pytest.approx(cohen_kappa_score(y, p.argmax(1), weights="quadratic"))
    assert result["qwk"]["ci95"][0] < result["qwk"]["value"] < result["qwk"]["ci95"][1]
    assert 0 < result["rank_error"]["value"] < 3
    assert "qwk" not in score(y, p, None, list("abcd"), 0, 100)


@pytest.mark.slow
def test_fourteen_labels_of_ten_thousand_records_have_every_figure() -> None:
    """2,000 resamples of every metric, and each figure has its interval; how long it takes is measured elsewhere."""
    y, p = noisy(10_000, 14)
    decided = decide("multilabel", y, p)(p)
    told = score(y, p, np.arange(10_000) // 2, [str(k) for k in range(14)], 0, predicted=decided)
    assert selection_score("multilabel", y, p) == pytest.approx(told["macro_f1"]["value"])
    assert all(figure["f1"]["ci95"] for figure in told["per_class"].values())


# --- scores.json -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A multilabel run of 12-lead ECGs with eight example cases."""
    return make_labelled_run(tmp_path_factory.mktemp("labelled") / "run", {"ecg": ECG}, {"ecg": heartbeats(8)})


def predictions(run: Run, split: str) -> tuple[Labels, NDArray[np.float64]]:
    """What the finalist said about a split, calibrated."""
    (finalist,) = run.finalists()
    sample = of_finalist(run, finalist, Evaluate(), {}).sample(split)
    return sample.y, sample.probabilities


def test_thresholds_come_from_validation_and_are_applied_to_the_test(labelled: Run) -> None:
    """Written down with the reason; a baseline has thresholds of its own."""
    (finalist,) = labelled.finalists()
    scores = read_json(finalist.scores)
    keys = tuple(key for key, _, _ in CONDUCTION)
    rule = decide("multilabel", *predictions(labelled, "validation"), classes=keys)
    expected = {"thresholds": list(rule.thresholds or ()), "positive": None, "reason": rule.reason}
    assert scores["decision"] == expected
    y, p = predictions(labelled, "test")
    assert scores["test"]["macro_f1"]["value"] == pytest.approx(f1_score(y, rule(p), average="macro"))
    assert scores["validation"]["tuned"] is True and "tuned" not in scores["test"]
    theirs = scores["baselines"]["logistic"]
    assert theirs["decision"]["thresholds"] != scores["decision"]["thresholds"]
    assert scores["against"]["logistic"]["macro_f1"]["baseline"] == theirs["test"]["macro_f1"]["value"]


def test_the_test_set_moves_no_threshold(labelled: Run, tmp_path: Path) -> None:
    """With other test predictions the rule is the same and the score another."""
    (finalist,) = labelled.finalists()
    before = read_json(finalist.scores)
    kept = finalist.predictions.read_bytes()
    table = pd.read_parquet(finalist.predictions)
    test = table["split"] == "test"
    table.loc[test, [f"p_{k}" for k in range(4)]] = 0.01
    table.to_parquet(finalist.predictions)
    after = scored(labelled, finalist)
    finalist.predictions.write_bytes(kept)
    assert after["decision"] == before["decision"]
    assert after["test"]["accuracy"]["value"] != before["test"]["accuracy"]["value"]


def test_predictions_of_other_records_or_without_a_column_name_the_file(labelled: Run) -> None:
    """No comparison of unlike things, and no traceback."""
    (finalist,) = labelled.finalists()
    file = labelled.baseline("logistic")
    kept, table = file.read_bytes(), pd.read_parquet(file)
    for change, said in (
        (lambda t: t.assign(record=t["record"].to_numpy()[::-1]), "other test records"),
        (lambda t: t.drop(columns="y_3"), "lacks a column"),
    ):
        change(table).to_parquet(file)
        with pytest.raises(RunError, match=rf"logistic\.parquet.*{said}"):
            scored(labelled, finalist)
        file.write_bytes(kept)


@pytest.mark.parametrize("task", [None, "ordinal"])
def test_a_run_of_classes_is_scored_as_before(tmp_path: Path, task: str | None) -> None:
    """data.json without a task is of classes; ranks add their metrics; neither has thresholds."""
    run = make_run(tmp_path / "run", Story(finalists=1, trials=2, examples=0))
    (finalist,) = run.finalists()
    rng = np.random.default_rng(0)
    n, y = 240, np.arange(240) % 4
    logits = rng.normal(size=(n, 4)) + 1.5 * np.eye(4)[y]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    split = np.where(np.arange(n) % 3 == 0, "validation", "test")
    frame = pd.DataFrame({"record": np.arange(n), "split": split, "label": y})
    frame[[f"p_{k}" for k in range(4)]] = p
    frame.to_parquet(finalist.predictions)
    frame[["record", "split"]].assign(patient=np.arange(n).astype(str)).to_parquet(run.splits)
    facts: dict[str, Any] = read_json(run.data)
    write_json(run.data, facts | ({"task": task} if task else {}))
    scores = scored(run, finalist)
    assert scores["decision"]["thresholds"] is None and scores["validation"]["tuned"] is False
    expected = f1_score(y[split == "test"], p.argmax(1)[split == "test"], average="macro")
    assert scores["test"]["macro_f1"]["value"] == pytest.approx(expected)
    assert ("qwk" in scores["test"]) == (task == "ordinal")
    write_json(finalist.scores, scores)
    page = only_report(run)
    assert ("Quadratic-weighted kappa" in page.text) == (task == "ordinal")


# --- pages -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(labelled: Run) -> list[Page]:
    """The report and the index of the multilabel run."""
    return pages(labelled)


def test_pages_of_labels_are_whole(shown: list[Page]) -> None:
    """Links, headings, captions, words for drawings, and no network."""
    for page in shown:
        links_lead_somewhere(page)
        names_no_network(page)
        is_named_and_in_order(page)


def test_a_report_of_labels_shows_tables_thresholds_and_what_accuracy_means(labelled: Run, shown: list[Page]) -> None:
    """No matrix of labels against labels; the thresholds and where they come from; validation is marked as tuned."""
    text, (finalist,) = shown[0].text, labelled.finalists()
    scores = read_json(finalist.scores)
    assert "What is found and what is missed" in text and "What is taken for what" not in text
    assert "one wrong label makes the whole record wrong" in text
    assert "The tuning set chose this model, and its thresholds" in text
    assert "For each label the threshold of highest F1 on the validation set." in text
    for threshold in scores["decision"]["thresholds"]:
        assert f"{threshold:.3f}".removeprefix("0") in text
    (rightly, false), (missed, found) = scores["confusion" if "confusion" in scores else "test"]["confusion"]["matrix"][
        1
    ]
    assert f"Myocardial infarction {found} {missed} {false} {rightly}" in text
    assert "Each label" in text and "Each class" not in text
    assert "Specificity" in text and "A record may bear several labels, or none." in text
    assert "Records 800 200 300" in text


def test_a_case_names_every_label_of_it(labelled: Run, shown: list[Page]) -> None:
    """Reference and prediction are lists, and none of the labels is said in words."""
    (finalist,) = labelled.finalists()
    with np.load(finalist.examples) as stored:
        label, predicted = stored["label"], stored["predicted"]
    names = [name for _, name, _ in CONDUCTION]
    spoken = [drawing["aria-label"] for drawing in shown[0].all("svg")]
    for row in label:
        listed = words.listing([names[k] for k in np.flatnonzero(row)]) or "no label"
        assert any(f"reference standard {listed}, " in one for one in spoken), listed
    assert shown[0].text.count("right · row") == (label == predicted).all(axis=1).sum()


def test_labels_without_counts_of_records_have_no_shares(labelled: Run, tmp_path: Path) -> None:
    """The labels of a set do not add up to its records: unknown stays unknown."""
    kept = labelled.data.read_bytes()
    facts = read_json(labelled.data)
    write_json(labelled.data, {key: value for key, value in facts.items() if key != "records"})
    page = only_report(labelled)
    labelled.data.write_bytes(kept)
    assert "Records not known not known not known" in page.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda scores: scores["decision"].update(thresholds=[0.5]), "1 thresholds"),
        (lambda scores: scores["test"]["confusion"].update(matrix=[[1, 2], [3, 4]]), "square table"),
        (lambda scores: scores["test"]["confusion"].update(matrix=[[[1]]] * 4), "two by two"),
        (lambda scores: scores["test"]["confusion"].update(matrix=[[[1, 2], [3, 4]]]), "1 labels"),
    ],
)
def test_damaged_scores_of_labels_name_the_file(labelled: Run, change: Any, said: str) -> None:
    """What cannot be of these labels is refused."""
    (finalist,) = labelled.finalists()
    kept, scores = finalist.scores.read_bytes(), read_json(finalist.scores)
    change(scores)
    write_json(finalist.scores, scores)
    with pytest.raises(RunError, match=rf"scores\.json.*{said}"):
        only_report(labelled)
    finalist.scores.write_bytes(kept)


def test_an_unknown_task_names_the_file(labelled: Run) -> None:
    """A page that took survival times for classes would be wrong throughout."""
    kept, facts = labelled.data.read_bytes(), read_json(labelled.data)
    write_json(labelled.data, facts | {"task": "survival"})
    with pytest.raises(RunError, match=r"data\.json.*task"):
        only_report(labelled)
    labelled.data.write_bytes(kept)
