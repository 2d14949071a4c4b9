"""The panel at the operating point that answers for any threshold and prevalence, and the table that prints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from automed.report import words
from automed.report.performance.operating import Asked, Operating
from automed.report.performance.tally import DIGITS, Step
from automed.report.results import Score

LADDERS = 12  # questions with a table
PREVALENCES = (
    0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5,
    0.6,
)  # fmt: skip
# What the panel shows: key, title, what it says.
FIGURES = (
    ("sensitivity", "Sensitivity", "of those to be found, flagged"),
    ("specificity", "Specificity", "of the others, left"),
    ("ppv", "PPV", "of the flagged, right"),
    ("npv", "NPV", "of those left, right"),
    ("net_benefit", "Net benefit", "cases found a record, less the price of false alarms"),
    ("nne", "Flagged for each right one", "number needed to evaluate"),
    ("flagged", "Flagged per 1,000", "records to look at"),
    ("missed", "Missed per 1,000", "records to be found"),
)
COLUMNS = tuple((key, title) for key, title, _ in FIGURES if key != "nne")  # of the table
TRACE = "under 0.1"
# What the script writes; names in braces are filled in there.
TEXT = {
    "of": "Of 1,000 records at a prevalence of {prevalence}, about {found} are to be found.",
    "yields": "With a threshold of {threshold} about {hits} of them are flagged and {missed} missed; {alarms} others "
    "are flagged as well.",
    "none": "With a threshold of {threshold} no record is flagged.",
    "tested": "In the test set that was {hits} of {positives} to be found, and {alarms} of {negatives} others.",
    "chosen": "This is the chosen threshold.",
    "other": "This is not the chosen threshold, so no figure here has an interval.",
    "expected": "Expected prevalence: {prevalence}",
    "trace": TRACE,
    "nearest": "The nearest threshold that was kept is shown.",
    "moved": "At another prevalence than that of the test set, sensitivity and specificity are held to stay the same.",
    "no_interval": "no interval",
    "undefined": "not defined",
    "span": "{low} to {high}",
}


@dataclass(frozen=True)
class Ladder:
    """The table of one question."""

    name: str
    shown: str
    rows: tuple[tuple[bool, Step], ...]  # whether it is the chosen threshold
    scores: dict[str, Score]  # of the chosen threshold

    def threshold(self, step: Step, chosen: bool) -> str:
        """The threshold as the table shows it."""
        return self.shown if chosen else f"{step.threshold:.{DIGITS}g}".removeprefix("0")

    def cell(self, key: str, step: Step) -> str:
        """A figure as the table shows it."""
        return figure(key, getattr(step, key))

    def interval(self, key: str) -> str | None:
        """Of the chosen threshold."""
        limits = _interval(key, self.scores[key])
        return TEXT["span"].format(low=limits[0], high=limits[1]) if limits else None


@dataclass(frozen=True)
class Panel:
    """What the panel needs; `left_out` are questions whose figures are not estimable."""

    questions: tuple[Asked, ...]
    left_out: tuple[str, ...]

    @cached_property
    def ladders(self) -> tuple[Ladder, ...]:
        """Tables of the first questions."""
        return tuple(_ladder(one) for one in self.questions[:LADDERS])

    @cached_property
    def data(self) -> dict[str, Any]:
        """What the script reads: numbers, names, and texts that are ours."""
        return {
            "questions": [_question(one) for one in self.questions],
            "prevalences": PREVALENCES,
            "text": TEXT,
            "minus": words.MINUS,
            "percent": f"{words.THIN}%",
        }


def panel(found: Operating) -> Panel | None:
    """The panel of the questions that have counts and figures; None where no question has them."""
    counted = [one for one in found.questions if one.counts]
    usable = [one for one in counted if None not in (one.score("sensitivity").value, one.score("specificity").value)]
    if not usable:
        return None
    return Panel(tuple(usable), tuple(one.name for one in found.questions if one not in usable))


def figure(key: str, value: float | None) -> str:
    """A figure as the table writes it, and the script likewise."""
    if value is None:
        return "–"
    if key in ("flagged", "missed"):
        return per_thousand(value)
    return words.decimal(value, _digits(key))


def per_thousand(share: float) -> str:
    """.0042 as "4.2", .31 as "310"; a share that is not 0 never reads as 0."""
    count = share * 1000
    if 0 < count < 0.05:
        return TRACE
    return f"{count:.1f}" if 0 < count < 9.95 else f"{count:.0f}"


def _digits(key: str) -> int:
    return {"net_benefit": 3, "nne": 1}.get(key, 2)


def _scores(one: Asked) -> dict[str, Score]:
    """Of the chosen threshold, by what the panel calls them."""
    scores = {key: one.score(key) for key, _, _ in FIGURES if key != "net_benefit"}
    return scores | {"net_benefit": one.benefit.net_benefit}


def _interval(key: str, score: Score | None) -> list[str] | None:
    if score is None or score.value is None or score.low is None or score.high is None:
        return None
    return [figure(key, score.low), figure(key, score.high)]


def _ladder(one: Asked) -> Ladder:
    assert one.counts
    rows = tuple((step.threshold == one.threshold, step) for step in one.counts.ladder(one.threshold))
    return Ladder(one.name, one.shown, rows, _scores(one))


def _question(one: Asked) -> dict[str, Any]:
    assert one.counts
    found, scores = one.counts, _scores(one)
    return {
        "shown": one.shown,
        "thresholds": found.thresholds,
        "hits": found.hits,
        "alarms": found.alarms,
        "positives": found.positives,
        "negatives": found.negatives,
        "complete": found.complete,
        "chosen": found.place(one.threshold),
        "expected": one.prevalence,
        "intervals": {key: _interval(key, score) for key, score in scores.items()},
        "intervals_expected": {key: _interval(key, one.there(key)) for key in ("ppv", "npv", "nne")},
    }
