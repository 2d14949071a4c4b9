"""What a network's outputs mean: fitted on validation, kept in a card, applied unchanged; predictions in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from madeup import Story, make_run
from sklearn.metrics import roc_curve

from automed.errors import DataError, RunError
from automed.evaluate import fitted, readout
from automed.evaluate.predictions import of_baselines, of_finalist
from automed.evaluate.sample import collect
from automed.recipe.evaluate import Evaluate, Threshold
from automed.run import Run


def network(n: int, classes: int, seed: int = 0, *, rare: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Reference and probabilities of a network that was trained as if all classes were equally common."""
    rng = np.random.default_rng(seed)
    share = np.r_[np.ones(classes - 1), rare]
    y = rng.choice(classes, n, p=share / share.sum())
    logits = rng.normal(size=(n, classes)) + 2.0 * np.eye(classes)[y]
    return y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("positive", [0, 1])
def test_two_classes_are_decided_at_the_threshold_of_the_positive_one(positive: int) -> None:
    """Youden's on validation: as good as the best point of scikit-learn's curve."""
    y, raw = network(400, 2, rare=0.3)
    reading = readout.fit(Evaluate(), "multiclass", y, raw, classes=("a", "b"), positive=positive)
    assert reading.rule.positive == positive and reading.rule.thresholds is not None
    flagged = reading(raw) == positive
    false, true, _ = roc_curve(y == positive, raw[:, positive])
    reached = flagged[y == positive].mean() - flagged[y != positive].mean()
    assert reached == pytest.approx((true - false).max())
    assert "tuning set" in reading.rule.reason


def test_a_model_that_says_the_same_of_all_decides_for_the_majority() -> None:
    """No threshold tells its records apart; flagging them all would make the majority baseline the minority's."""
    y, _ = network(200, 2, rare=0.3)
    raw = np.full((200, 2), [0.77, 0.23])
    reading = readout.fit(Evaluate(), "multiclass", y, raw, classes=("common", "rare"))
    assert (reading(raw) == 0).all() and "same probability" in reading.rule.reason


def test_a_wanted_sensitivity_is_reached_on_validation() -> None:
    """And stands in the reason."""
    y, raw = network(300, 2)
    wanted = Evaluate(threshold=Threshold(rule="sensitivity", value=0.95))
    reading = readout.fit(wanted, "multiclass", y, raw, classes=("a", "b"))
    assert (reading(raw) == 1)[y == 1].mean() >= 0.95


@pytest.mark.parametrize("calibration", ["none", "temperature", "platt", "isotonic"])
def test_of_several_classes_the_networks_own_choice_stands_whatever_the_map(calibration: str) -> None:
    """A map changes what a probability says, and not which class is decided for."""
    y, raw = network(500, 4, rare=0.2)
    reading = readout.fit(Evaluate(calibration=calibration), "multiclass", y, raw, classes=("a", "b", "c", "d"))
    assert (reading(raw) == raw.argmax(axis=1)).all()
    assert np.allclose(reading.probabilities(raw).sum(axis=1), 1.0)


def test_class_weighted_training_is_brought_back_to_natural_prevalence() -> None:
    """One record in eleven is of the rare class; the network says far more, the calibrated mean does not."""
    y, raw = network(4000, 2, rare=0.1)
    reading = readout.fit(Evaluate(), "multiclass", y, raw, classes=("common", "rare"))
    fresh_y, fresh = network(4000, 2, seed=1, rare=0.1)
    observed = (fresh_y == 1).mean()
    assert abs(fresh[:, 1].mean() - observed) > 0.1
    assert abs(reading.probabilities(fresh)[:, 1].mean() - observed) < 0.015


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50), st.sampled_from(["multiclass", "multilabel"]), st.integers(2, 4))
def test_a_card_gives_back_what_was_fitted(seed: int, task: str, classes: int) -> None:
    """Through JSON, to the last digit: probabilities, decisions, thresholds, sets and abstaining."""
    y, raw = network(120, classes, seed)
    reference = np.eye(classes, dtype=int)[y] if task == "multilabel" else y
    names = [f"c{k}" for k in range(classes)]
    reading = readout.fit(Evaluate(), task, reference, raw, classes=names)
    sample = collect(reference, reading.probabilities(raw), predicted=reading(raw), classes=names, task=task)
    others = fitted.fit(Evaluate(), sample, ())
    card = json.loads(json.dumps({**reading.as_json(), **others.as_json()}, allow_nan=False))
    again, those = readout.read(card, task, names), fitted.read(card)
    assert (again.probabilities(raw) == reading.probabilities(raw)).all()
    assert (again(raw) == reading(raw)).all()
    assert those == others


def test_a_model_of_somebody_else_is_read_plainly() -> None:
    """No card, no thresholds: the most probable class, or one half of each label; nothing is fitted."""
    _, raw = network(50, 3)
    assert (readout.read({}, "multiclass", "abc")(raw) == raw.argmax(axis=1)).all()
    assert (readout.read({}, "multilabel", "abc")(raw) == (raw >= 0.5)).all()
    assert fitted.read({}).operating == {} and fitted.read({}).abstain is None


@pytest.mark.parametrize(
    "card",
    [
        {"decision": {"thresholds": [0.5, 0.5], "positive": 1}},
        {"decision": {"thresholds": None, "positive": None}, "calibration": {"method": "magic"}},
    ],
)
def test_a_damaged_card_is_refused(card: dict[str, object]) -> None:
    """Rather than read as if nothing had been said."""
    with pytest.raises(DataError):
        readout.read(card, "multiclass", ("a", "b"))


@pytest.mark.parametrize("card", [{"operating": {"a": {"threshold": 1}}}, {"prediction_sets": [1]}, {"abstain": "no"}])
def test_damaged_operating_points_are_refused(card: dict[str, object]) -> None:
    with pytest.raises(DataError, match="damaged"):
        fitted.read(card)


# --- predictions in files -----------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with one finalist's predictions of four classes."""
    made = make_run(tmp_path / "run", Story(finalists=1, trials=1, examples=0))
    y, raw = network(200, 4)
    split = np.where(np.arange(200) % 2 == 0, "validation", "test")
    frame = pd.DataFrame({"record": np.arange(200), "split": split, "label": y})
    frame[[f"p_{k}" for k in range(4)]] = raw
    frame.to_parquet(made.finalists()[0].predictions)
    frame[["record", "split"]].assign(patient=(np.arange(200) // 3).astype(str)).to_parquet(made.splits)
    return made


def change(run: Run, what: object) -> None:
    file = run.finalists()[0].predictions
    what(pd.read_parquet(file)).to_parquet(file)  # type: ignore[operator]


def test_predictions_are_read_with_what_was_fitted_on_validation(run: Run) -> None:
    """Patients are numbers, probabilities calibrated, and a baseline is read alike."""
    said = of_finalist(run, run.finalists()[0], Evaluate(), {})
    assert len(said.test.record) == 100 and said.test.patient.max() < 100
    assert (said.sample().predicted == said.test.raw.argmax(axis=1)).all()
    assert set(said.fitted.operating) >= {said.task.classes[0]} and set(said.fitted.sets) == {"marginal", "by_class"}
    assert of_baselines(run, Evaluate()) == {} or all(of_baselines(run, Evaluate()))


def test_a_broken_model_is_named_and_is_a_failure_of_the_run(run: Run) -> None:
    """NaN among probabilities: exit code 1, with the file."""
    change(run, lambda frame: frame.assign(p_1=np.where(frame["record"] < 6, np.nan, frame["p_1"])))
    with pytest.raises(RunError, match="3 of 100 rows of probabilities are not numbers") as told:
        of_finalist(run, run.finalists()[0], Evaluate(), {})
    assert told.value.exit_code == 1 and "predictions.parquet" in str(told.value.where)


def test_no_test_record_is_a_fault_of_the_data(run: Run) -> None:
    """Exit code 3, and what to do."""
    change(run, lambda frame: frame[frame["split"] == "validation"])
    with pytest.raises(DataError, match="no test record") as told:
        of_finalist(run, run.finalists()[0], Evaluate(), {})
    assert told.value.exit_code == 3


def test_without_validation_records_nothing_is_fitted(run: Run) -> None:
    """The model is read plainly, and has no operating points."""
    change(run, lambda frame: frame[frame["split"] == "test"])
    said = of_finalist(run, run.finalists()[0], Evaluate(), {})
    assert said.fitted.operating == {} and said.readout.calibration.as_json()["method"] == "none"


@pytest.mark.parametrize(
    "harm", [lambda frame: frame.drop(columns="p_3"), lambda frame: frame.assign(record=frame["record"] + 1000)]
)
def test_predictions_of_other_records_are_refused(run: Run, harm: object) -> None:
    """A column that is missing, or records that no split knows."""
    change(run, harm)
    with pytest.raises(RunError, match=r"predictions\.parquet"):
        of_finalist(run, run.finalists()[0], Evaluate(), {})
