"""What every check of explanations promises, whatever it checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, get_args

import numpy as np
import planted_maps as planted
import pytest

from automed.explain.subject import Subject
from automed.explain.validation import CHECKS
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import FAILED, PASSED, Finding, Verdict

pytestmark = pytest.mark.slow

METHODS = ("oracle", "chance", "constant", "silent")
each = pytest.mark.parametrize("check", list(CHECKS))


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject(planted.looking_at(planted.SIGN), (planted.SPEC,), ("no", "yes"))


def made(subject: Subject, n: int = 12, **more: Any) -> Trial:
    groups = {"sex": np.array(["f", "m"] * n, object)[:n]}
    cases = planted.cases_of(subject, {"lesion": planted.SIGN, "ruler": planted.RULER}, n=n, groups=groups, **more)
    methods = {
        "oracle": planted.oracle(cases.background["picture"]),
        "chance": planted.of_chance_only,
        "constant": planted.always(0.0),
        "silent": planted.always(np.nan),
    }
    return planted.trial_of(subject, cases, methods)


def run(check: str, trial: Trial) -> dict[str, Finding]:
    found: dict[str, Finding] = CHECKS.load(check)(trial)
    return found


@each
def test_every_method_gets_a_finding_that_can_be_read_and_written(check: str, subject: Subject) -> None:
    """A verdict, a sentence, figures inside their intervals, limits, and all of it fit for JSON without NaN."""
    found = run(check, made(subject))
    assert tuple(found) == METHODS
    for one in found.values():
        assert one.check == check
        assert one.verdict in get_args(Verdict)
        assert one.sentence.endswith(".")
        assert one.sentence[0].isupper()
        assert "nan" not in one.sentence
        assert one.limits.endswith(".")
        json.dumps(asdict(one), allow_nan=False)
        for figure in one.figures.values():
            assert figure.what
            if figure.ci95 is None:
                assert figure.reason
            else:
                assert figure.ci95[0] - 1e-9 <= figure.value <= figure.ci95[1] + 1e-9


@each
def test_the_same_seed_gives_the_same_finding(check: str, subject: Subject) -> None:
    """Chance comes from the trial's seed alone."""
    assert run(check, made(subject)) == run(check, made(subject))


@each
def test_nothing_is_changed(check: str, subject: Subject) -> None:
    """Neither records, nor maps, nor weights."""
    trial = made(subject)
    before = [
        trial.cases.arrays["picture"].copy(),
        *(one.values["picture"].copy() for one in trial.attributions.values()),
        *subject.model.get_weights(),
    ]
    run(check, trial)
    after = [
        trial.cases.arrays["picture"],
        *(one.values["picture"] for one in trial.attributions.values()),
        *subject.model.get_weights(),
    ]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@each
@pytest.mark.parametrize(
    "spoil",
    [
        lambda trial: replace(trial, cases=replace(trial.cases, patients=np.zeros(12, np.int64), judged=None)),
        lambda trial: replace(
            trial,
            cases=replace(
                trial.cases,
                patients=np.zeros(12, np.int64),
                judged=(*(trial.cases.judged or ())[:2], np.zeros(200, np.int64)),
            ),
        ),
    ],
    ids=["judged on the cases", "one patient in all"],
)
def test_one_patient_decides_nothing(check: str, spoil: Callable[[Trial], Trial], subject: Subject) -> None:
    """However many records he has."""
    for one in run(check, spoil(made(subject))).values():
        assert one.verdict not in (PASSED, FAILED)


@each
def test_a_class_that_is_never_predicted_is_no_trouble(check: str, subject: Subject) -> None:
    """All cases are explained for one class, which for half of them the model did not decide for."""
    trial = made(subject)
    cases = replace(trial.cases, classes=np.zeros(12, np.int64), y=np.zeros(12, np.int64))
    assert tuple(run(check, planted.trial_of(subject, cases, trial.methods))) == METHODS


@each
def test_records_that_are_all_alike_are_no_trouble(check: str, subject: Subject) -> None:
    """Nothing varies: not the records, not the background."""
    trial = made(subject)
    flat = {"picture": np.full((12, 16, 16, 1), 90, np.uint8)}
    cases = replace(trial.cases, arrays=flat, background=flat)
    assert tuple(run(check, planted.trial_of(subject, cases, trial.methods))) == METHODS
