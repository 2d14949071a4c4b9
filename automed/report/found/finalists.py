"""Finalists side by side: what a reader asks first of each, with its interval, and "not done" where it was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from automed.report import words
from automed.report.audit.read import Audit
from automed.report.explanations.verdicts import Verdict
from automed.report.facts import Candidate, Facts
from automed.report.performance.operating import Asked
from automed.report.results import Score


@dataclass(frozen=True)
class Cell:
    """What one finalist shows in one line; nothing at all means that it was not done.

    Attributes:
        score: a figure.
        verdicts: of what, "" where the line says it, and the verdict.
        note: what the figure is of, in a few words; `name` is data in it.
    """

    score: Score | None = None
    verdicts: tuple[tuple[str, Verdict], ...] = ()
    note: str = ""
    name: str = ""

    @property
    def done(self) -> bool:
        return self.score is not None or bool(self.verdicts)


@dataclass(frozen=True)
class Line:
    """One line of the table; `name` is data that its title ends with."""

    title: str
    meaning: str
    cells: tuple[Cell, ...]
    name: str = ""


def lines(facts: Facts) -> tuple[Line, ...]:
    """The lines of the table, a cell for each finalist in the order of the page."""
    asked = next((one for one in map(_asked, facts.candidates) if one is not None), None)
    name = asked.name if asked else ""
    of = f" for {words.ANY_URGENT}" if name == words.ANY_URGENT else " for" if name else ""
    data = "" if name == words.ANY_URGENT else name

    def line(title: str, meaning: str, cell: Callable[[Candidate], Cell], name: str = "") -> Line:
        return Line(title, meaning, tuple(cell(candidate) for candidate in facts.candidates), name)

    found = [
        line("Macro-F1", "on the test set", lambda one: _tested(one, "macro_f1")),
        line("AUROC", "on the test set; .5 is chance", lambda one: _tested(one, "auroc")),
        line(f"Sensitivity{of}", "at the operating point", lambda one: _operated(one, "sensitivity"), data),
        line(f"Specificity{of}", "at the operating point", lambda one: _operated(one, "specificity"), data),
        line("Calibration error", "after the map; 0 is right", _calibrated),
        line("Macro-F1 in the worst group", "of the groups by one attribute", _worst),
        line("Groups of patients", "the verdict of the audit", _audited),
        line("Explanations", "whether their tests were passed", _explained),
    ]
    return tuple(found)


def _tested(candidate: Candidate, key: str) -> Cell:
    return Cell(candidate.results.test.score(key)) if candidate.results else Cell()


def _asked(candidate: Candidate) -> Asked | None:
    """The first question: the stage puts that first which matters most."""
    operating = candidate.performance.operating if candidate.performance else None
    return operating.questions[0] if operating and operating.questions else None


def _operated(candidate: Candidate, key: str) -> Cell:
    asked = _asked(candidate)
    return Cell(asked.score(key), note=f"from a probability of {asked.shown}") if asked else Cell()


def _calibrated(candidate: Candidate) -> Cell:
    found = candidate.performance.calibration if candidate.performance else None
    if found is None:
        return Cell()
    chance = found.after.chance
    by_chance = "" if chance is None else f"; by chance about {words.decimal(chance)}"
    return Cell(found.after.score("ece"), note=f"{found.title}{by_chance}")


def _worst(candidate: Candidate) -> Cell:
    audit = candidate.audit
    if audit is None:
        return Cell()
    found = _lowest(audit)
    if found is None:
        return Cell(Score("macro_f1", None, reason=f"no group has {audit.min_group} records"))
    attribute, group, score = found
    return Cell(replace(score, reason=None), note=f"{attribute}:", name=group)


def _lowest(audit: Audit) -> tuple[str, str, Score] | None:
    rows = [
        (division.title, row.name, row.score("macro_f1"))
        for division in audit.divisions
        if not division.crossing
        for row in division.rows
    ]
    known = [row for row in rows if row[2].value is not None]
    return min(known, key=lambda row: row[2].value or 0.0, default=None)


def _audited(candidate: Candidate) -> Cell:
    return Cell(verdicts=(("", candidate.audit.verdict),)) if candidate.audit else Cell()


def _explained(candidate: Candidate) -> Cell:
    methods = candidate.explanations.methods if candidate.explanations else ()
    return Cell(verdicts=tuple((method.title, method.verdict) for method in methods))
