"""How many records every threshold flags, held against scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, roc_curve

from automed.errors import DataError
from automed.evaluate.operating.report import describe
from automed.evaluate.operating.tally import KEPT, Tally, tally
from automed.evaluate.questions import questions
from automed.evaluate.sample import collect
from automed.recipe.evaluate import Threshold

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def noisy(n: int, prevalence: float = 0.2, seed: int = 0) -> tuple[Bools, Floats]:
    """Records with probabilities of all digits."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < prevalence
    return truth, 1 / (1 + np.exp(1.5 - 1.5 * truth - rng.normal(size=n)))


def agree(found: Tally, truth: Bools, probability: Floats) -> None:
    """At each threshold the counts are those of scikit-learn."""
    for threshold, hits, alarms in zip(found.thresholds, found.hits, found.alarms, strict=True):
        (left, wrong), (missed, right) = confusion_matrix(truth, probability >= threshold, labels=[False, True])
        assert (hits, alarms) == (right, wrong)
        assert (found.positives, found.negatives) == (right + missed, wrong + left)


@pytest.mark.parametrize(("n", "prevalence"), [(30, 0.5), (380, 0.2), (3000, 0.2), (3000, 0.01)])
def test_counts_are_those_of_scikit_learn(n: int, prevalence: float) -> None:
    """At every threshold that is kept; at most 400 are, the chosen one among them as it is."""
    truth, probability = noisy(n, prevalence)
    chosen = 0.1234567890123
    found = tally(truth, probability, chosen)
    agree(found, truth, probability)
    assert len(found.thresholds) <= KEPT and chosen in found.thresholds.tolist()
    assert found.complete == (n < KEPT)
    assert found.hits[0] + found.alarms[0] == n, "the first flags every record"
    assert found.hits[-1] + found.alarms[-1] >= 1 and (np.diff(found.thresholds) > 0).all()


def test_every_point_of_the_roc_curve_is_there_where_all_probabilities_are_kept() -> None:
    """Those of scikit-learn, without the chosen threshold, which adds none."""
    truth, probability = noisy(300)
    found = tally(truth, probability, 0.5)
    alarm_rate, hit_rate, _ = roc_curve(truth, probability, drop_intermediate=False)
    ours = {(int(a), int(h)) for a, h in zip(found.alarms, found.hits, strict=True)} | {(0, 0)}
    assert ours == {
        (round(a * found.negatives), round(h * found.positives)) for a, h in zip(alarm_rate, hit_rate, strict=True)
    }


def test_rare_records_do_not_fall_between_thresholds() -> None:
    """Sensitivity moves by one record at a time although 5,000 others are thinned."""
    truth, probability = noisy(5000, 0.01)
    found = tally(truth, probability, 0.5)
    assert not found.complete and 300 < len(found.thresholds) <= KEPT
    assert set(found.hits.tolist()) >= set(range(1, int(truth.sum()) + 1))


@given(
    records=st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40),
    asked=st.integers(0, 1_000_000),
    kept=st.sampled_from([4, 7, 400]),
)
@settings(max_examples=200, deadline=None)
def test_a_threshold_of_six_digits_is_looked_up_without_loss(
    records: list[tuple[bool, float]], asked: int, kept: int
) -> None:
    """Where all probabilities are kept, the next threshold at or above any other flags the same records."""
    truth, probability = np.array([one for one, _ in records]), np.array([value for _, value in records])
    found = tally(truth, probability, 0.3, kept)
    flags = probability >= found.thresholds[:, None]
    assert (found.hits == (flags & truth).sum(axis=1)).all() and (found.alarms == (flags & ~truth).sum(axis=1)).all()
    assert len(found.thresholds) <= kept
    if found.complete:
        threshold = asked / 1_000_000
        place = int(np.searchsorted(found.thresholds, threshold))
        hits = found.hits[place] if place < len(found.hits) else 0
        alarms = found.alarms[place] if place < len(found.alarms) else 0
        flagged = probability >= threshold
        assert (hits, alarms) == ((truth & flagged).sum(), (~truth & flagged).sum())


def test_thresholds_are_short_and_decide_all_the_same() -> None:
    """Six digits where they are enough; neighbours that differ in the tenth keep all."""
    probability = np.array([0.123456789012345, 0.25, 0.5 + 1e-10, 0.5 + 2e-10, 0.3])
    found = tally(np.array([True, False, True, False, True]), probability, 0.25)
    assert found.thresholds.tolist() == [0.123456, 0.25, 0.3, 0.5, 0.5 + 2e-10]
    agree(found, np.array([True, False, True, False, True]), probability)


def test_a_chosen_threshold_that_flags_no_one_is_kept() -> None:
    """As the rules of thresholds give it."""
    above = float(np.nextafter(1.0, 2.0))
    found = tally(np.array([True, False]), np.array([1.0, 0.2]), above)
    assert found.thresholds.tolist() == [0.2, 1.0, above] and found.hits.tolist() == [1, 1, 0]


@pytest.mark.parametrize("answer", [True, False])
def test_records_of_one_answer_are_counted(answer: bool) -> None:
    """There is nothing to be found, or nothing else."""
    _, probability = noisy(900)
    found = tally(np.full(900, answer), probability, 0.5)
    assert (found.positives, found.negatives) == ((900, 0) if answer else (0, 900))
    agree(found, np.full(900, answer), probability)


def test_an_evaluation_holds_the_counts_of_every_question() -> None:
    """As JSON, from the test records; at the operating threshold they give its figures."""
    rng = np.random.default_rng(3)

    def asked(n: int) -> list:  # type: ignore[type-arg]
        y = rng.integers(0, 3, n)
        logits = rng.normal(size=(n, 3)) + 2 * np.eye(3)[y]
        return questions(collect(y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)), urgent=[1, 2])

    validation, test = asked(300), asked(700)
    told = json.loads(json.dumps(describe(validation, test, Threshold(), {}, {}, resamples=100)))
    for question, one in zip(test, told["questions"], strict=True):
        counts = one["counts"]
        place = counts["thresholds"].index(one["threshold"])
        assert counts["positives"] == question.truth.sum() and counts["negatives"] == (~question.truth).sum()
        sensitivity = counts["hits"][place] / counts["positives"]
        specificity = 1 - counts["alarms"][place] / counts["negatives"]
        assert sensitivity == pytest.approx(one["test"]["sensitivity"]["value"], abs=1e-4)
        assert specificity == pytest.approx(one["test"]["specificity"]["value"], abs=1e-4)
        missed = (counts["positives"] - counts["hits"][place]) / 700
        assert one["test"]["missed"]["value"] == pytest.approx(missed, abs=1e-4)


def test_other_records_are_refused() -> None:
    """Lengths differ."""
    with pytest.raises(DataError, match="for probabilities of shape"):
        tally(np.array([True]), np.array([0.1, 0.2]), 0.5)
