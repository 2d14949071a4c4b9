"""Prediction sets and abstaining: what a model says when it is not certain."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part, damaged
from automed.report.charts import Chart, Line, draw
from automed.report.cohort import Cohort, Label
from automed.report.figures import Figure
from automed.report.results import Score, read_score

KINDS = {
    "marginal": ("One promise for all records", "Some classes may be covered more often than promised, others less."),
    "by_class": ("One promise for each class", "Held for the records of each class; sets are often larger."),
}
FREQUENT = 5


@dataclass(frozen=True)
class Kind:
    """One kind of prediction sets on the test."""

    title: str
    meaning: str
    reason: str
    coverage: Score
    size: Score
    single: Score
    single_coverage: Score
    empty: Score
    classes: tuple[tuple[Label, Score], ...]  # coverage
    frequent: tuple[tuple[str, int, int], ...]  # classes in words, records, of these with the true class inside


@dataclass(frozen=True)
class Sets:
    """Prediction sets; `reason` says why there are none."""

    promised: float
    kinds: tuple[Kind, ...]
    reason: str | None

    def verdict(self, kind: Kind) -> str:
        """Whether the promise held, in a sentence."""
        found, promised = kind.coverage, words.percent(self.promised)
        if found.value is None or found.low is None or found.high is None:
            return f"Whether the promise of {promised} held is {found.text}."
        if found.high < self.promised:
            return f"The promise of {promised} was not kept: coverage {found.text}."
        if found.low > self.promised:
            return f"More was covered than the promised {promised}: {found.text}."
        return f"The promise of {promised} lies within what was measured: {found.text}."


@dataclass(frozen=True)
class Abstaining:
    """What a threshold of certainty does to the test."""

    answered: Score
    error: Score
    macro_f1: Score
    error_unanswered: Score
    classes: tuple[tuple[Label, Score, Score], ...]  # answered, error


@dataclass(frozen=True)
class Selective:
    """Errors among the most certain records, and the threshold below which a model had better not answer."""

    certainty: str
    curve: tuple[tuple[float, Score], ...]  # share answered, errors among them
    error: Score
    aurc: Score
    excess: Score
    accept: float
    threshold: float | None
    reason: str
    test: Abstaining | None

    @property
    def sentence(self) -> str:
        """What abstaining comes to on the test."""
        if self.test is None:
            return f"No threshold of certainty was found: {self.reason}."
        if not self.threshold:
            return f"There is no need to abstain: {self.reason}."
        return (
            f"Below a certainty of {words.decimal(self.threshold)} the model should leave the answer to people. On the "
            f"test it then answers {_share(self.test.answered)} of records, and {_share(self.test.error)} of these "
            f"answers are wrong; without abstaining it would be {_share(self.error)}."
        )


def read_sets(part: Part, cohort: Cohort) -> Sets | None:
    """Prediction sets; None where they were not made."""
    if not part.value:
        return None
    kinds = tuple(_kind(key, part.part(key), cohort) for key in KINDS if key in part)
    return Sets(part.need_number("coverage"), kinds, part.text("reason"))


def _kind(key: str, part: Part, cohort: Cohort) -> Kind:
    test = part.part("test")
    by_class = test.part("by_class")
    title, meaning = KINDS[key]
    coverage, size, single, held, empty = (
        read_score(name, test.part(name)) for name in ("coverage", "size", "single", "single_coverage", "empty")
    )
    frequent = [
        (_listed(row, cohort), row.need_count("records"), row.need_count("covered")) for row in test.rows("frequent")
    ]
    classes = tuple(
        (label, read_score("coverage", by_class.part(label.key))) for label in cohort.classes if label.key in by_class
    )
    reason = part.part("sets").text("reason") or "how the thresholds were found is not recorded"
    return Kind(title, meaning, reason, coverage, size, single, held, empty, classes, tuple(frequent[:FREQUENT]))


def _listed(row: Part, cohort: Cohort) -> str:
    return words.listing([cohort.question(key) for key in row.texts("classes")], "or") or "none"


def read_selective(part: Part, cohort: Cohort) -> Selective | None:
    """Abstaining; None where it was not looked into."""
    if not part.value:
        return None
    abstain = part.part("abstain")
    curve = tuple((row.need_number("answered"), read_score("error", row.part("error"))) for row in part.rows("curve"))
    threshold = abstain.number("threshold")
    if ("test" in part) != (threshold is not None):
        raise damaged(part.file, f"{part.place}.test does not suit the threshold of {part.place}.abstain")
    error, aurc, excess = (read_score(name, part.part(name)) for name in ("error", "aurc", "excess"))
    return Selective(
        part.text("certainty") or "not recorded",
        curve,
        error,
        aurc,
        excess,
        abstain.need_number("accept"),
        threshold,
        (abstain.text("reason") or "no reason was recorded").rstrip("."),
        _abstaining(part.part("test"), cohort) if "test" in part else None,
    )


def _abstaining(part: Part, cohort: Cohort) -> Abstaining:
    by_class = part.part("by_class")
    answered, error, macro_f1, unanswered = (
        read_score(name, part.part(name)) for name in ("answered", "error", "macro_f1", "error_unanswered")
    )
    parts = [(label, by_class.part(label.key)) for label in cohort.classes if label.key in by_class]
    classes = tuple(
        (label, read_score("answered", of.part("answered")), read_score("error", of.part("error")))
        for label, of in parts
    )
    return Abstaining(answered, error, macro_f1, unanswered, classes)


def risk(found: Selective) -> Figure | None:
    """Errors among the answered against the share answered; None where nothing of it is estimable."""
    known = [(share, score) for share, score in found.curve if score.value is not None]
    if len(known) < 2:
        return None
    points = tuple((share, score.value or 0.0) for share, score in known)
    band = tuple((share, s.low, s.high) for share, s in known if s.low is not None and s.high is not None)
    top = max(*(high for _, _, high in band), *(y for _, y in points), found.accept * 1.2)
    lines = [Line("wrong among the answered", points, band)]
    accepted = ((0.0, found.accept), (1.0, found.accept))
    lines.append(Line(f"accepted: {words.percent(found.accept)}", accepted, colour="--warm", width=1.4, dashes="5 4"))
    if found.test and found.test.answered.value is not None and found.test.error.value is not None:
        here = (found.test.answered.value, found.test.error.value)
        lines.append(Line("with the threshold", (here,), width=0, dots=4.5))
    half = min(known, key=lambda pair: abs(pair[0] - 0.5))
    alt = (
        f"Share of errors among the most certain records: {found.error.shown} when all are answered, "
        f"{half[1].text} when the most certain {words.percent(half[0])} are."
    )
    chart = Chart(tuple(lines), "share of records that are answered", "wrong among them", y=(0.0, _round_up(top)))
    return Figure("risk", "Errors among the records it is most certain of", alt, draw(chart, alt), None)


def _round_up(value: float) -> float:
    return next((step for step in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if value <= step), 1.0)


def _share(score: Score) -> str:
    if score.value is None or score.low is None or score.high is None:
        return score.text
    return f"{words.percent(score.value)} ({words.percent(score.low)} to {words.percent(score.high)})"
