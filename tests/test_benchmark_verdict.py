"""What a comparison comes to: one document, one sentence, one exit code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from madebenchmark import OURS, held, make_history, trained

from automed.benchmark.comparison.compare import compare
from automed.benchmark.comparison.verdict import conclude, exit_code, summary


def test_the_document_is_json_and_says_it_in_one_sentence(tmp_path: Path) -> None:
    """Worse, with both points named, every change with its reason, and exit code 4."""
    with make_history(tmp_path, seeds=range(5), worse={("splice", OURS): 2.0}) as history:
        first, second = history.points()
        document = conclude(history, first, second, margin=0.02)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["verdict"] == "worse" and exit_code(document) == 4
    assert document["before"] == {"id": 1, "revision": first.revision, "started": first.started}
    assert [change["recipe"] for change in document["changes"]] == ["splice", "breast"]
    assert document["sentence"].startswith("Point 2 against point 1: worse (worse: splice; undecided: breast")
    assert document["suite"] == "made-up" and document["version"] == 1


def test_the_gate_passes_what_is_the_same_and_nothing_that_was_not_decided(tmp_path: Path) -> None:
    """0 for the same and the better, 5 for undecided and not comparable, 4 for worse, whatever else there is."""
    with make_history(tmp_path, recipes=("splice",), engines=(OURS,), identical=True) as history:
        first, second = history.points()
        (change,) = compare(history, first, second)
    expected = {
        (): 5,
        ("same",): 0,
        ("same", "better"): 0,
        ("same", "undecided"): 5,
        ("better", "not comparable"): 5,
        ("undecided", "worse"): 4,
    }
    verdicts = [None, "same", "better", "undecided", "undecided", "worse"]
    for (given_, code), verdict in zip(expected.items(), verdicts, strict=True):
        changes = [asdict(change) | {"verdict": one} for one in given_]
        document = summary(changes, [], before=first, after=second)
        assert exit_code(document) == code and document["verdict"] == (verdict or "undecided"), given_
        assert document["sentence"].endswith(".")


@pytest.mark.parametrize(("state", "code"), [("missed", 4), ("undecided", 5)])
def test_gates_count_as_much_as_changes(tmp_path: Path, state: str, code: int) -> None:
    """A gate of a cell is in the document with its cell, and decides the exit code."""
    gate = {"gate": "macro_f1", "limit": 0.99, "found": 0.8, "state": state, "reason": ""}
    after = {key: (said, {"detail": {"gates": [gate]}}) for key, said in trained(1, 1).items()}
    with held(tmp_path, trained(1, 1), after) as history:
        document = conclude(history, *history.points())
    assert document["verdict"] == "same" and exit_code(document) == code
    assert document["gates"] == [gate | {"recipe": "splice", "engine": OURS, "seed": 0}]
    assert ("1 gate missed" if state == "missed" else "1 could not be checked") in document["sentence"]


def test_a_first_point_has_nothing_to_compare_with_but_its_failures_count(tmp_path: Path) -> None:
    """Without an earlier point the gate passes, unless a cell of ours failed."""
    with held(tmp_path, trained(1), trained(2) | {("splice", 1, OURS): ("failed", "no memory")}) as history:
        first, second = history.points()
        whole, failed = conclude(history, None, first), conclude(history, None, second)
    assert whole["before"] is None and whole["changes"] == [] and exit_code(whole) == 0
    assert "there is no whole one to compare it with" in whole["sentence"]
    assert exit_code(failed) == 5 and "1 cell of ours failed" in failed["sentence"]
    assert failed["failed"] == [{"recipe": "splice", "engine": OURS, "seed": 1, "reason": "no memory"}]
