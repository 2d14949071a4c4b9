"""Comparing runs: their best models side by side, tested in pairs where the test records are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automed import __version__
from automed.errors import UsageError
from automed.recipe import load
from automed.report.comparison import letters
from automed.run import Run, disk_errors, read_json, write_text
from automed.runtime import environ

MOST = 12  # runs that fit on a page
SAME = 5e-4  # two figures that read alike


@dataclass(frozen=True)
class Comparing:
    """What a comparison came to: its figures, the page that shows them, and what may be said of it in a sentence."""

    document: dict[str, Any]
    page: Path
    sentence: str


def compare(runs: Sequence[Run], page: Path) -> Comparing:
    """Write the page of two or more runs, from their files alone; no training library is loaded.

    The first run is what the others are held against. Nothing is written into a run.

    Raises:
        UsageError: fewer than two runs, the same one twice, one without a finalist, or runs that tell other classes
            apart.
        RunError: a file of a run is missing or damaged.
        DataError: the file of a model is damaged.
    """
    from automed.report.comparison.side_by_side import side_by_side
    from automed.report.facts import gather
    from automed.report.pages import comparison
    from automed.report.twin import plain

    _check(runs)
    facts = [gather(run) for run in runs]
    _same_question(runs)
    said = [_said(run) for run in runs]
    met, answers = [], {letters(0): said[0]}
    for place, (run, own) in enumerate(zip(runs[1:], said[1:], strict=True), 1):
        shared, why = _shared(runs[0], run, said[0], own)
        met.append({"letter": letters(place), "shared": shared, "sentence": f"{letters(place)} and A: {why}"})
        if shared:
            answers[letters(place)] = own
    tests = _tests(answers)
    told = {"met": met, "tests": tests, "notes": _notes(runs, tests)}
    view = side_by_side(list(zip(runs, facts, strict=True)), told, page, __version__)
    with disk_errors(page):
        write_text(page, comparison(view))
    document = {"version": 1, "reference": letters(0)} | {
        key: value for key, value in plain(view).items() if key not in ("origin", "status", "folder", "tests")
    }
    return Comparing(document | {"tests": told["tests"]}, page, view.sentence)


def _check(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        raise UsageError("one run cannot be compared", hint="Name two or more: automed compare RUN RUN")
    if len(runs) > MOST:
        raise UsageError(f"{len(runs)} runs do not fit on a page", hint=f"Name at most {MOST}.")
    folders = [run.folder.resolve() for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if folders.count(folder) > 1:
            raise UsageError("this run is named twice", where=str(run.folder), hint="automed runs list")
    for run in runs:
        if not run.finalists():
            raise UsageError(
                "this run has no model yet", where=str(run.folder), hint="automed search RUN goes on with it."
            )


def _same_question(runs: Sequence[Run]) -> None:
    """Figures of other classes mean something else: side by side they would mislead."""
    first, *others = (_question(run) for run in runs)
    for run, found in zip(runs[1:], others, strict=True):
        if found != first:
            raise UsageError(
                f"this run tells other classes apart than {runs[0].folder.name}",
                where=str(run.folder),
                hint="Compare runs that have the same task and the same classes.",
            )


def _question(run: Run) -> tuple[str, frozenset[str]]:
    facts = read_json(run.data)
    return facts.get("task") or "multiclass", frozenset(str(one["key"]) for one in facts["classes"])


def _said(run: Run) -> Any:
    """The predictions of the best finalist; why there are none, as text, where it has not been tested."""
    from automed.evaluate import predictions
    from automed.models.card import read_card

    finalist = run.finalists()[0]
    if not finalist.predictions.is_file():
        return f"{run.folder.name} has no predictions"
    settings = load(run.recipe, environ=environ()).evaluate
    return predictions.of_finalist(run, finalist, settings, read_card(finalist.model))


def _shared(first: Run, other: Run, one: Any, two: Any) -> tuple[bool, str]:
    """Whether both were tested on the same records, and the sentence that says by what that is known."""
    import numpy as np

    for lacking in (one, two):
        if isinstance(lacking, str):
            return False, f"not tested in pairs, for {lacking}."
    if one.task.classes != two.task.classes:
        return False, "not tested in pairs, for their classes stand in another order."
    mine, theirs = np.argsort(one.test.record), np.argsort(two.test.record)
    if not np.array_equal(one.test.record[mine], two.test.record[theirs]):
        n = len(np.intersect1d(one.test.record, two.test.record))
        return False, (
            f"not tested in pairs, for their test records are not the same ({n:,} rows are in both, of "
            f"{len(one.test.record):,} and {len(two.test.record):,})."
        )
    if not np.array_equal(one.test.y[mine], two.test.y[theirs]):
        return False, "not tested in pairs, for the reference standard of their test records is not the same."
    pairs = np.stack([one.test.patient[mine], two.test.patient[theirs]], axis=1)
    patients = len(np.unique(pairs, axis=0))
    if patients != len(np.unique(pairs[:, 0])) or patients != len(np.unique(pairs[:, 1])):
        return False, "not tested in pairs, for they group the test records into other patients."
    prints = [read_json(run.data).get("fingerprint") for run in (first, other)]
    if prints[0] and prints[0] == prints[1]:
        return True, "the same test records, by the fingerprint of the data."
    return True, (
        "the same test records, by their row numbers and their reference standard; the fingerprints of the data "
        "differ, so inputs or training records may."
    )


def _tests(answers: dict[str, Any]) -> list[dict[str, Any]]:
    """The first against each other on the same records, corrected for their number; [] where there is no other."""
    import numpy as np

    from automed.evaluate.multiplicity import comparisons

    if len(answers) < 2:
        return []
    first = next(iter(answers))
    own = answers[first]
    samples = {}
    for letter, one in answers.items():
        order = np.argsort(one.test.record)
        samples[letter] = _ordered(one, order)
    return comparisons(samples, own.test.patient[np.argsort(own.test.record)], first, seed=own.task.seed)


def _notes(runs: Sequence[Run], tests: list[dict[str, Any]]) -> list[str]:
    """Of each run whose scores are not those of its predictions that they are: an earlier version decided otherwise."""
    held = {letters(0): tests[0]["macro_f1"]["model"]} if tests else {}
    held |= {row["against"]: row["macro_f1"]["baseline"] for row in tests}
    notes = []
    for place, run in enumerate(runs):
        scores = run.finalists()[0].scores
        written = read_json(scores)["test"]["macro_f1"]["value"] if scores.is_file() else None
        now = held.get(letters(place))
        if written is not None and now is not None and abs(written - now) > SAME:
            notes.append(
                f"The scores of {letters(place)} were made by an earlier version, which turned probabilities into "
                "decisions otherwise; the paired tests read its predictions as this version does. "
                "Search anew to see both alike."
            )
    return notes


def _ordered(one: Any, order: Any) -> Any:
    """The test sample of one run, its records in the order of their row numbers."""
    from dataclasses import replace

    part = replace(
        one.test,
        record=one.test.record[order],
        y=one.test.y[order],
        raw=one.test.raw[order],
        patient=one.test.patient[order],
    )
    return replace(one, test=part).sample()
