"""Gaps between groups of patients, and what was decided about each."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part
from automed.report.cohort import Cohort
from automed.report.explanations.verdicts import Verdict
from automed.report.results import Score, read_reason

KINDS = {
    "equal_opportunity": ("Sensitivity", "Are sick patients found as often?"),
    "equalised_odds": ("Sensitivity and false alarms", "Are sick ones found, and healthy ones left, as often?"),
    "worst_group": ("Macro-F1", "How far is the worst group behind the best?"),
    "demographic_parity": ("Share flagged", "Is as large a share flagged? Not where disease is more common."),
}
# Of each verdict a sign, the word on the page, and the class of its colour.
VERDICTS = {
    "beyond": Verdict("✗", "beyond the limit", "wrong"),
    "within": Verdict("✓", "within the limit", "right"),
    "undecided": Verdict("?", "undecided", "open"),
}


@dataclass(frozen=True)
class Side:
    """One of the two groups that differ most."""

    group: str
    value: float
    n: int
    events: int


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups of one division."""

    division: str  # key
    kind: str
    question: str  # in words
    score: Score
    high: Side | None
    low: Side | None
    p: str
    limit: float
    word: str  # beyond, within, undecided
    sentence: str
    left_out: tuple[tuple[str, int, str], ...]
    detectable: float | None

    @property
    def verdict(self) -> Verdict:
        return VERDICTS[self.word]

    @property
    def title(self) -> str:
        return KINDS.get(self.kind, (words.label(self.kind).capitalize(), ""))[0]

    @property
    def by(self) -> str:
        """The attribute, or crossing, for people."""
        return words.attribute(self.division)

    @property
    def unseen(self) -> str:
        """The smallest gap that these records would have shown in 4 of 5 such tests."""
        return "none" if self.detectable is None else words.decimal(self.detectable)


def read_gap(part: Part, cohort: Cohort) -> Gap:
    """One entry of `gaps` in audit.json; raises RunError where it is damaged."""
    low, high = part.pair("ci95") or (None, None)
    most, least = (_side(part.part(key)) if key in part else None for key in ("high", "low"))
    smaller = min((side.events for side in (most, least) if side), default=None)
    key = part.text("question")
    word = part.text("verdict") or ""
    score = Score("gap", part.number("value"), low, high, events=smaller, reason=read_reason(part.text("reason")))
    return Gap(
        part.need_text("division"),
        part.need_text("kind"),
        cohort.question(key),
        score,
        most,
        least,
        words.p_value(part.number("p_holm")),
        part.need_number("limit"),
        word if word in VERDICTS else "undecided",
        cohort.renamed(part.text("sentence") or "", "for"),
        tuple(
            (row.need_text("group"), row.need_count("n"), read_reason(row.text("reason")) or "")
            for row in part.rows("left_out")
        ),
        part.number("detectable"),
    )


def _side(part: Part) -> Side:
    return Side(part.need_text("group"), part.need_number("value"), part.need_count("n"), part.need_count("events"))
