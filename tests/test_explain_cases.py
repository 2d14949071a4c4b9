"""Which records are explained: chosen by rule, in proportion, one patient at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automed.data.dataset import Dataset
from automed.errors import DataError
from automed.evaluate.calibration.maps import read_map
from automed.evaluate.decide import Rule
from automed.evaluate.readout import Readout
from automed.explain import cases
from automed.explain.cases import Answers


def by(thresholds: tuple[float, ...] | None) -> Readout:
    """Probabilities as they are; decisions at these thresholds."""
    return Readout(read_map(None), Rule(thresholds, ""))


MOST = by(None)


def made(n: int = 120, classes: int = 3, seed: int = 0, *, labels: bool = False) -> Dataset:
    """A data set of numbers: two records a patient, the last third is the test set, sex is known of most."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, (n, classes)) if labels else random.integers(0, classes, n)
    split = np.where(np.arange(n) < n // 2, "train", np.where(np.arange(n) < 2 * n // 3, "validation", "test"))
    sex = np.where(np.arange(n) % 7 == 0, None, np.where(random.random(n) < 0.5, "f", "m")).astype(object)
    facts = {"task": "multilabel" if labels else "multiclass", "sensitive": ["sex"], "inputs": {}}
    return Dataset(
        arrays={},
        position=np.arange(n),
        y=y.astype(np.int64),
        record=np.arange(1, n + 1),
        patient=np.arange(n) // 2,
        split=split.astype(object),
        classes=tuple("abcdefgh"[:classes]),
        facts=facts,
        frame=pd.DataFrame({"sex": pd.array(sex, dtype="string")}),
    )


def answered(data: Dataset, skill: float = 0.7, seed: int = 1, readout: Readout = MOST) -> Answers:
    """Answers that are right about as often as `skill` says."""
    random = np.random.default_rng(seed)
    index = data.part("test")
    logits = random.normal(size=(len(index), len(data.classes))) + 3 * skill * data.targets(index)
    odds = np.exp(logits)
    p = 1 / (1 + 1 / odds) if data.y.ndim == 2 else odds / odds.sum(axis=1, keepdims=True)
    return Answers.of(data, index, p.astype(np.float32), readout)


def test_cases_are_shown_for_every_reason_and_of_every_class_and_group() -> None:
    """Errors, doubtful ones, right ones of each class, and one of each group, the unknown among them."""
    data = made()
    answers = answered(data)
    found = cases.shown(data, answers, 16)
    assert len(found) == 16 and len({case.place for case in found}) == 16
    assert {case.reason for case in found} == {cases.WRONG, cases.UNSURE, cases.RIGHT}
    right = [case.place for case in found if case.reason == cases.RIGHT]
    assert {int(data.y[place]) for place in right} == {0, 1, 2}
    assert {"of the group sex: f", "of the group sex: m", "of the group sex: missing"} & {case.why for case in found}
    assert all(data.split[case.place] == "test" for case in found)
    by_place = dict(zip(answers.index.tolist(), answers.right.tolist(), strict=True))
    assert all(by_place[case.place] != (case.reason == cases.WRONG) for case in found if case.reason != cases.UNSURE)


def test_the_first_case_is_the_most_confident_error() -> None:
    """What a reader should see first."""
    data = made()
    answers = answered(data)
    first = cases.shown(data, answers, 4)[0]
    wrong = np.flatnonzero(~answers.right)
    assert first.place == answers.index[wrong[answers.certainty[wrong].argmax()]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 60), st.booleans())
def test_choices_are_within_the_test_set_and_the_same_again(seed: int, count: int, labels: bool) -> None:
    """Whatever the answers: as many as asked or as there are, no record twice, test records only, the same again."""
    data = made(seed=seed, labels=labels)
    answers = answered(data, seed=seed, readout=by((0.5,) * 3) if labels else MOST)
    found = cases.shown(data, answers, count)
    assert found == cases.shown(data, answers, count)
    assert len(found) == min(count, len(answers.index)) == len({case.place for case in found})
    chosen = cases.tested(data, answers, count, seed)
    assert (chosen == cases.tested(data, answers, count, seed)).all()
    patients = data.patient[answers.index[chosen]]
    assert len(set(patients.tolist())) == len(patients) == min(count, len(set(data.patient[answers.index].tolist())))
    background = cases.background(data, count, seed)
    assert set(data.split[background]) == {"train"} and len(background) == min(count, 60)


def test_tested_records_come_from_all_classes_alike() -> None:
    """Classes in turn, so that a rare one is among few records too."""
    data = made(600, classes=4)
    data.y[:] = np.where(np.arange(600) % 20 == 0, 3, data.y % 3)
    answers = answered(data)
    chosen = answers.y[cases.tested(data, answers, 12, 0)]
    assert np.bincount(chosen, minlength=4).tolist() == [3, 3, 3, 3]


def test_of_labels_the_most_certain_one_decided_for_is_explained() -> None:
    """And where none is, the most probable of all."""
    data = made(labels=True)
    p = np.array([[0.6, 0.9, 0.1], [0.2, 0.3, 0.1]], np.float32)
    answers = Answers.of(data, data.part("test")[:2], p, by((0.5, 0.95, 0.5)))
    assert answers.explained.tolist() == [0, 1]


def test_a_record_that_is_not_there_is_named_with_its_row() -> None:
    """And one that is no test record says so where it is shown."""
    data = made()
    with pytest.raises(DataError, match="row 999") as raised:
        cases.asked(data, [999])
    assert "1 to 120" in str(raised.value)
    (train,) = cases.asked(data, [3])
    assert train.reason == cases.ASKED and "train" in train.why


def test_a_group_without_an_attribute_is_a_group() -> None:
    """Named missing."""
    data = made()
    groups: dict[str, Any] = cases.group_of(data, np.arange(14))
    assert groups["sex"][0] == groups["sex"][7] == "missing" and set(groups["sex"]) <= {"f", "m", "missing"}
