"""The whole audit: what stands in audit.json whatever the data are, and what it never says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from automed.audit.stage import NO_ATTRIBUTE, audit, overall
from automed.audit.subject import Subject
from automed.evaluate.questions import questions
from automed.evaluate.sample import collect
from automed.recipe.evaluate import Audit

N = 240
QUICK = Audit(permutations=200)


def subject(attributes: dict[str, Any], *, classes: int = 2, certain: bool = False, seed: int = 0) -> Subject:
    """Records of a useful model; decisions know nothing of groups."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, N)
    logits = rng.normal(size=(N, classes)) + 2.0 * np.eye(classes)[y]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if certain:
        p = np.eye(classes)[p.argmax(axis=1)]
    sample = collect(y, p, classes=[f"c{k}" for k in range(classes)])
    features = rng.normal(size=(N, 8)).astype(np.float32)
    return Subject(sample, np.arange(N) // 2, tuple(questions(sample)), attributes, None, features)


def audited(of: Subject, settings: Audit = QUICK) -> dict[str, Any]:
    """The document as a file would hold it: NaN and infinity are no JSON."""
    told = audit(of, settings, resamples=200)
    return json.loads(json.dumps(told, allow_nan=False))


def column(make: Callable[[np.random.Generator], Any]) -> np.ndarray:
    """An attribute that all records of a patient share."""
    return np.asarray(np.repeat(make(np.random.default_rng(5)), 2), dtype=object)


def labels(of: Subject) -> np.ndarray:
    return np.array([f"group {k}" for k in of.sample.y], object)


WRONG: dict[str, Callable[[], Subject]] = {
    "one group": lambda: subject({"sex": column(lambda rng: np.full(N // 2, "f"))}),
    "a group of one patient": lambda: subject({"sex": column(lambda rng: np.array(["m"] + ["f"] * (N // 2 - 1)))}),
    "continuous age": lambda: subject({"age": column(lambda rng: rng.normal(50, 12, N // 2).round(1).astype(str))}),
    "fifty categories": lambda: subject({"town": column(lambda rng: rng.integers(0, 50, N // 2).astype(str) + "x")}),
    "certain to the last digit": lambda: subject(
        {"sex": column(lambda rng: rng.choice(["f", "m"], N // 2))}, certain=True
    ),
    "two in five missing": lambda: subject(
        {"sex": column(lambda rng: np.where(rng.random(N // 2) < 0.4, None, rng.choice(["f", "m"], N // 2)))}
    ),
    "several classes": lambda: subject({"sex": column(lambda rng: rng.choice(["f", "m"], N // 2))}, classes=4),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_audit_of_awkward_data_is_whole_and_holds_every_record(case: str) -> None:
    """Every record is in one row of each division; what cannot be estimated has a reason and no number."""
    told = audited(WRONG[case]())
    for division in told["divisions"]:
        assert sum(row["n"] for row in division["rows"]) == N
    for gap in told["gaps"]:
        if gap["value"] is None:
            assert gap["verdict"] == "undecided" and gap["reason"]
        else:
            assert 0 <= gap["ci95"][0] <= gap["ci95"][1] <= 1


def test_an_attribute_that_equals_the_label_is_never_called_fair() -> None:
    """No group holds both classes: its sensitivity or its false alarms have no meaning, and nothing is within."""
    of = subject({})
    told = audited(Subject(of.sample, of.patient, of.questions, {"label": labels(of)}))
    odds = [gap for gap in told["gaps"] if gap["kind"] in ("equal_opportunity", "equalised_odds")]
    assert odds and all(gap["verdict"] == "undecided" for gap in odds)
    assert told["verdict"] != "within"


def test_one_class_in_a_group_leaves_the_rest_of_its_figures() -> None:
    """Sensitivity of a group without the class is not estimable; its specificity is."""
    of = subject({})
    sex = np.where((of.sample.y == 1) & (np.arange(N) % 3 > 0), "m", np.where(of.sample.y == 1, "f", "healthy"))
    told = audited(Subject(of.sample, of.patient, of.questions, {"sex": sex.astype(object)}))
    (row,) = [row for row in told["divisions"][0]["rows"] if row["group"] == "healthy"]
    figures = row["questions"]["c1"] if isinstance(row["questions"], dict) else row["questions"][0]
    assert figures["sensitivity"]["value"] is None and figures["sensitivity"]["reason"]
    assert figures["specificity"]["value"] is not None


def test_without_an_attribute_nothing_is_decided() -> None:
    """No gap is not the same as no gap found."""
    told = audited(subject({}))
    assert told["verdict"] == "undecided" and told["sentence"] == NO_ATTRIBUTE and told["gaps"] == []


def test_a_missing_attribute_is_a_group_of_its_own() -> None:
    """It is audited like any other."""
    told = audited(WRONG["two in five missing"]())
    rows = {row["group"]: row["n"] for row in told["divisions"][0]["rows"]}
    assert rows["missing"] > 0.25 * N


def test_a_number_is_cut_and_it_is_said() -> None:
    told = audited(WRONG["continuous age"]())
    assert "quartiles" in told["divisions"][0]["note"] and len(told["divisions"][0]["rows"]) == 4


def test_undecided_gaps_never_read_as_passed() -> None:
    """One gap that could not be decided keeps the whole from passing, and one beyond the limit outweighs all."""

    def gap(verdict: str) -> Any:
        return type("Gap", (), {"verdict": verdict})()

    assert overall([gap("within"), gap("undecided")]) == "undecided"
    assert overall([gap("undecided"), gap("beyond")]) == "beyond"
    assert overall([gap("within")]) == "within"
    assert overall([]) == "undecided"
