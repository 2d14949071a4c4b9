"""Runs side by side as typed view data: figures, verdicts on groups, paired tests, what differs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from automed.recipe import dump, load
from automed.report import words
from automed.report.artefact import Part
from automed.report.audit.gaps import Gap
from automed.report.audit.read import Audit
from automed.report.comparison import letters
from automed.report.facts import Candidate, Facts, Origin, Status
from automed.report.performance.comparisons import Comparisons, read_comparisons
from automed.report.results import Score
from automed.run import Run

# Where a run lies and what it is called is no difference in what was done.
NO_DIFFERENCE = ("data.root", "name", "title")
MOST_GAPS = 40


@dataclass(frozen=True)
class Entrant:
    """The best model of one run; `letter` is what the page calls it."""

    letter: str
    run: str
    title: str
    started: str | None
    status: str
    finalist: str
    architecture: str
    parameters: int | None
    index: str | None  # where its pages lie, from this page
    report: str | None
    n: int | None
    patients: int | None
    tuning: float | None  # macro-F1 on its own tuning set
    scores: tuple[Score, ...]  # on its test set; empty where it was not tested
    audit: str | None  # the verdict, in a word
    audited: str  # the same in a sentence

    @property
    def name(self) -> str:
        return f"{self.letter}. {self.architecture}"

    def score(self, key: str) -> Score:
        found = next((score for score in self.scores if score.key == key), None)
        return found or Score(key, None, reason="not tested" if not self.scores else "not recorded")


@dataclass(frozen=True)
class Met:
    """Whether one run was tested on the same records as the first, and why that is so."""

    letter: str
    shared: bool
    sentence: str


@dataclass(frozen=True)
class Line:
    """One thing that differs: what it is of each run, "" where a run does not have it."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Gaps:
    """One gap between groups in each run; None where a run has no such gap."""

    by: str
    kind: str
    found: tuple[Gap | None, ...]


@dataclass(frozen=True)
class SideBySide:
    """All that the page shows; the last four are what the frame of every page asks for."""

    entrants: tuple[Entrant, ...]  # in the order in which the runs were named
    metrics: tuple[str, ...]
    met: tuple[Met, ...]
    notes: tuple[str, ...]  # what must be known to read the tests
    tests: Comparisons | None  # of the first against those that share its test records
    gaps: tuple[Gaps, ...]
    left_out: int  # gaps that the table has no room for
    recipe: tuple[Line, ...]
    versions: tuple[Line, ...]
    labelled: bool
    phantom: bool
    folder: str
    status: Status
    origin: Origin
    language: str = "en"

    @property
    def names(self) -> set[str]:
        """What runs and models are called."""
        return {text for one in self.entrants for text in (one.letter, one.name, one.run, one.title)} | {self.folder}

    @property
    def first(self) -> Entrant:
        return self.entrants[0]

    @property
    def shared(self) -> bool:
        """Whether all runs were tested on the same records."""
        return all(one.shared for one in self.met)

    @property
    def ranked(self) -> tuple[Entrant, ...]:
        """The best by test macro-F1 first where the test records are the same; else in the order of the command."""
        if not self.shared:
            return self.entrants
        return tuple(sorted(self.entrants, key=lambda one: -(one.score("macro_f1").value or 0.0)))

    @property
    def sentence(self) -> str:
        """What the paired tests came to."""
        if self.tests is None:
            return "No two of these models can be held against one another record by record, so nothing is tested."
        clear = []
        for other in self.tests.others:
            test = other.find("macro_f1")
            score = test.score if test else Score("macro_f1", None)
            if test is None or score.value is None or score.low is None or score.high is None:
                clear.append(f"how {self.first.name} and {other.name} differ is not estimable")
                continue
            shown = f"{words.decimal(abs(score.value), 3)}, {words.CI} {words.span(score.low, score.high, 3)}; {test.p}"
            if score.low <= 0 <= score.high or test.p_holm is None or test.p_holm >= 0.05:
                clear.append(f"no difference between {self.first.name} and {other.name} could be shown ({shown})")
            else:
                side = "ahead of" if score.value > 0 else "behind"
                clear.append(f"{self.first.name} is {side} {other.name} ({shown})")
        return words.sentence(f"in macro-F1 on the same test records {words.listing(clear)}")


def side_by_side(runs: Sequence[tuple[Run, Facts]], told: dict[str, Any], page: Path, version: str) -> SideBySide:
    """The view of runs that have a finalist each.

    Args:
        runs: in the order of the command, each with its facts.
        told: {"met": [{"letter", "shared", "sentence"}, ...] of all but the first, "tests": [...] as
            `automed.evaluate.multiplicity.comparisons` returns them, by letter, "notes": sentences}.
        page: where the page will lie, for its links.
        version: of automed.

    Raises:
        RunError: names the recipe that is damaged.
    """
    facts = [found for _, found in runs]
    entrants = tuple(_entrant(place, run, found, page) for place, (run, found) in enumerate(runs))
    names = {one.letter: one.name for one in entrants}
    rows = [Part(page, row, f"tests[{place}]") for place, row in enumerate(told["tests"])]
    gaps = _gaps([found.candidates[0].audit for found in facts])
    origin = facts[0].origin
    versions = [dict(found.origin.versions) for found in facts]
    made_on = [
        {"seed": str(found.origin.seed), "code": found.origin.git or "", "data": _fingerprint(found)}
        | {f"hardware: {key}": value for key, value in found.origin.hardware}
        for found in facts
    ]
    return SideBySide(
        entrants,
        facts[0].metrics,
        tuple(Met(row["letter"], row["shared"], row["sentence"]) for row in told["met"]),
        tuple(told["notes"]),
        read_comparisons(rows, names),
        gaps[:MOST_GAPS],
        max(0, len(gaps) - MOST_GAPS),
        _differing([_flat(_recipe(run)) for run, _ in runs]),
        _differing(versions) + _differing(made_on),
        facts[0].labelled,
        any(found.phantom for found in facts),
        ", ".join(one.run for one in entrants),
        Status("done", None),
        Origin(None, None, None, None, None, None, None, (("automed", version),), (), 0, "", origin.ledger_intact),
        facts[0].plan.language,
    )


def _entrant(place: int, run: Run, facts: Facts, page: Path) -> Entrant:
    candidate: Candidate = facts.candidates[0]
    finalist = run.finalists()[0]
    test = candidate.results.test if candidate.results else None
    audit = candidate.audit
    return Entrant(
        letters(place),
        facts.folder,
        facts.title,
        facts.origin.started,
        facts.status.word,
        candidate.name,
        candidate.architecture,
        candidate.row.parameters if candidate.row else None,
        _link(run.index, page),
        _link(finalist.report, page),
        test.n if test else None,
        test.patients if test and facts.cohort and facts.cohort.patients_named else None,
        candidate.row.score if candidate.row else None,
        test.scores if test else (),
        audit.verdict.word if audit else None,
        audit.sentence if audit else "Groups of patients were not compared.",
    )


def _fingerprint(facts: Facts) -> str:
    return (facts.cohort.fingerprint if facts.cohort else None) or facts.origin.fingerprint or ""


def _link(file: Path, page: Path) -> str | None:
    """The way from the page to a file that is there."""
    if not file.is_file():
        return None
    return quote(os.path.relpath(file.resolve(), page.resolve().parent))


def _gaps(audits: Sequence[Audit | None]) -> tuple[Gaps, ...]:
    """Every gap that counts in some run, attributes before crossings; of crossings those beyond the limit somewhere."""
    found: dict[tuple[str, str], None] = {}
    crossings: set[str] = set()
    for audit in audits:
        if audit is None:
            continue
        crossings |= {division.key for division in audit.divisions if division.crossing}
        for gap in audit.gaps:
            if audit.counts(gap) and (gap.division not in crossings or gap.word == "beyond"):
                found.setdefault((gap.division, gap.kind))
    rows = []
    for division, kind in sorted(found, key=lambda key: key[0] in crossings):
        cells = tuple(audit.gap(division, kind) if audit else None for audit in audits)
        named = next(gap for gap in cells if gap)
        rows.append(Gaps(named.by, named.title, cells))
    return tuple(rows)


def _recipe(run: Run) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(dump(load(run.recipe)))
    return tree


def _flat(tree: Any, before: str = "") -> dict[str, str]:
    """Every value of a recipe by its dotted key."""
    if isinstance(tree, dict) and tree:
        found: dict[str, str] = {}
        for key, inner in tree.items():
            found |= _flat(inner, f"{before}.{key}" if before else str(key))
        return found
    if isinstance(tree, list):
        return {before: ", ".join(str(one) for one in tree) or "none"}
    if tree is None or tree == {}:
        return {before: "none"}
    return {before: ("yes" if tree else "no") if isinstance(tree, bool) else str(tree)}


def _differing(of: Sequence[dict[str, str]]) -> tuple[Line, ...]:
    """What is not the same in all."""
    keys = dict.fromkeys(key for one in of for key in one if key not in NO_DIFFERENCE)
    lines = [Line(words.clean(key), tuple(words.clean(one.get(key, "")) for one in of)) for key in keys]
    return tuple(line for line in lines if len(set(line.values)) > 1)
