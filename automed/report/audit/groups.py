"""Groups of patients as the page shows them: figures of each group, and whether features tell it."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part
from automed.report.cohort import Cohort
from automed.report.results import Score, read_reason, read_score

# In the order of the page: figures of all classes, then those of one question.
OVERALL = {
    "macro_f1": "Macro-F1",
    "accuracy": "Accuracy",
    "auroc": "AUROC",
    "calibration_slope": "Calibration slope",
    "top_label_ece": "Calibration error",
    "coverage": "Coverage of prediction sets",
}
ASKED = {
    "prevalence": "Prevalence",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "auroc": "AUROC",
    "selection": "Share flagged",
    "calibration_slope": "Calibration slope",
    "ece": "Calibration error",
}
SHOWN_QUESTIONS = 12  # of each division; the others are in audit.json


@dataclass(frozen=True)
class Asked:
    """One question in one group."""

    events: int
    scores: tuple[Score, ...]  # in the order of ASKED

    def score(self, key: str) -> Score:
        return next((score for score in self.scores if score.key == key), Score(key, None))


@dataclass(frozen=True)
class Row:
    """One group; `reason` says why nothing can be said about it."""

    name: str
    n: int
    patients: int | None
    share: float
    reason: str | None
    scores: tuple[Score, ...]
    questions: tuple[tuple[str, Asked], ...]  # by key

    def score(self, key: str) -> Score:
        return next((score for score in self.scores if score.key == key), Score(key, None, reason=self.reason))

    def asked(self, key: str) -> Asked:
        return dict(self.questions).get(key, Asked(0, ()))


@dataclass(frozen=True)
class Probe:
    """Whether the features of the network tell the groups of an attribute."""

    sentence: str
    overall: Score
    within_class: Score
    groups: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Division:
    """One attribute, or a crossing of two."""

    key: str
    note: str
    crossing: bool
    rows: tuple[Row, ...]
    figures: tuple[str, ...]  # those of OVERALL that some row has
    asked: tuple[tuple[str, str], ...]  # questions: key and name
    probe: Probe | None

    @property
    def title(self) -> str:
        """The attribute for people: "sex x age_band" as "sex × age band"."""
        return words.attribute(self.key)

    @property
    def estimable(self) -> int:
        """How many groups are large enough for figures."""
        return sum(row.reason is None for row in self.rows)

    @property
    def shown(self) -> tuple[tuple[str, str], ...]:
        """The questions that the page has room for."""
        return self.asked[:SHOWN_QUESTIONS]

    def scores(self, question: str) -> tuple[str, ...]:
        """The figures of a question that some group has."""
        held = {score.key for row in self.rows for score in row.asked(question).scores}
        return tuple(key for key in ASKED if key in held)


def read_division(part: Part, cohort: Cohort) -> Division:
    """One entry of `divisions` in audit.json; raises RunError where it is damaged."""
    rows = tuple(_row(row) for row in part.rows("rows"))
    asked = dict.fromkeys(key for row in rows for key, _ in row.questions)
    held = {score.key for row in rows for score in row.scores}
    key = part.need_text("key")
    return Division(
        key,
        part.text("note") or "",
        part.flag("crossing"),
        rows,
        tuple(key for key in OVERALL if key in held),
        tuple((key, cohort.question(key)) for key in asked),
        _probe(part.part("probe"), key) if "probe" in part else None,
    )


def _row(part: Part) -> Row:
    figures = part.part("figures")
    asked = tuple(
        (key, Asked(found.count("events") or 0, _scores(found, ASKED))) for key, found in part.part("questions").parts()
    )
    reason = None if part.flag("estimable") else read_reason(part.text("reason")) or "no reason was recorded"
    return Row(
        part.need_text("group"),
        part.need_count("n"),
        part.count("patients"),
        part.number("share") or 0.0,
        reason,
        _scores(figures, OVERALL),
        asked,
    )


def _scores(part: Part, names: dict[str, str]) -> tuple[Score, ...]:
    return tuple(read_score(key, part.part(key)) for key in names if key in part)


def _probe(part: Part, key: str) -> Probe:
    sentence = part.text("sentence") or "What the probe found is not recorded."
    return Probe(
        sentence.replace(f" tell {key} ", f" tell {words.attribute(key)} "),
        read_score("overall", part.part("overall")),
        read_score("within_class", part.part("within_class")),
        part.texts("groups"),
        part.texts("left_out"),
    )
