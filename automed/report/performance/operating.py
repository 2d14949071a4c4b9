"""How the model would be used: the threshold of each question, and what it yields on the test."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part, damaged
from automed.report.cohort import Cohort
from automed.report.performance.tally import Tally, read_tally
from automed.report.results import Score, read_score

# What each figure says, in the order of the page.
FIGURES = {
    "sensitivity": ("Sensitivity", "of the records to be found, the share that is flagged"),
    "specificity": ("Specificity", "of the others, the share that is left"),
    "ppv": ("PPV", "of the flagged records, the share that is right"),
    "npv": ("NPV", "of the others, the share that is right"),
    "lr_positive": ("LR+", "by how much being flagged multiplies the odds"),
    "lr_negative": ("LR−", "by how much not being flagged multiplies the odds"),
    "nne": ("Number needed to evaluate", "flagged records for each right one"),
    "flagged": ("Share flagged", "of all records"),
    "missed": ("Share missed", "of all records"),
    "prevalence": ("Prevalence", "in this test set"),
}
ELSEWHERE = ("ppv", "npv", "nne")
OF_ALL = ("sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative", "nne")
RULES = {
    "youden": "highest sensitivity + specificity",
    "sensitivity": "a sensitivity that is asked for",
    "specificity": "a specificity that is asked for",
    "cost": "lowest cost of missed cases and false alarms",
    "net_benefit": "a threshold probability that is stated",
    "f1": "highest F1",
}


@dataclass(frozen=True)
class Curve:
    """Points and a pointwise band; empty where `reason` says why."""

    points: tuple[tuple[float, float], ...]
    band: tuple[tuple[float, float, float], ...]
    reason: str | None


@dataclass(frozen=True)
class Benefit:
    """Net benefit over threshold probabilities."""

    model: Curve
    everyone: Curve
    baselines: tuple[tuple[str, Curve], ...]
    net_benefit: Score
    gain: Score
    over: tuple[tuple[str, Score], ...]
    sentence: str
    reason: str | None


@dataclass(frozen=True)
class Asked:
    """One question at its operating threshold."""

    key: str
    name: str
    threshold: float
    reason: str
    scores: tuple[Score, ...]
    prevalence: float | None  # stated by the recipe
    elsewhere: tuple[Score, ...]
    roc: Curve
    pr: Curve
    benefit: Benefit
    counts: Tally | None

    def score(self, key: str) -> Score:
        return next((score for score in self.scores if score.key == key), Score(key, None))

    def there(self, key: str) -> Score | None:
        """The same figure at the stated prevalence."""
        return next((score for score in self.elsewhere if score.key == key), None)

    @property
    def shown(self) -> str:
        """The threshold; with more decimals where it is small."""
        return "over 1" if self.threshold > 1 else words.decimal(self.threshold, 3 if self.threshold < 0.1 else 2)

    @property
    def sentence(self) -> str:
        """What acting on it would mean, in words a clinician uses."""
        sensitivity, specificity, needed = (self.score(key) for key in ("sensitivity", "specificity", "nne"))
        text = f"At a probability of {self.shown} or more a record is flagged. Sensitivity {sensitivity.text}, "
        text += f"specificity {specificity.text}."
        if needed.value is not None:
            text += f" {needed.shown} flagged records for each right one ({words.CI} {needed.interval})."
        return text


@dataclass(frozen=True)
class Operating:
    """The operating part of evaluation.json."""

    rule: str
    questions: tuple[Asked, ...]


def read_operating(part: Part, cohort: Cohort) -> Operating | None:
    """Operating points; None where there were no records to choose a threshold on."""
    if not part.value:
        return None
    rule = part.part("rule")
    value = rule.number("value")
    text = RULES.get(rule.text("rule") or "", rule.text("rule") or "not recorded")
    return Operating(
        text if value is None else f"{text} ({value:g})",
        tuple(_asked(row, cohort) for row in part.rows("questions")),
    )


def _asked(row: Part, cohort: Cohort) -> Asked:
    test, there = row.part("test"), row.part("at_prevalence")
    key = row.need_text("key")
    return Asked(
        key,
        cohort.question(key),
        row.need_number("threshold"),
        words.sentence(row.text("reason") or "why was not recorded"),
        tuple(read_score(name, test.part(name)) for name in FIGURES if name in test),
        there.number("prevalence"),
        tuple(read_score(name, there.part(name)) for name in ELSEWHERE if name in there),
        _curve(row.part("roc")),
        _curve(row.part("pr")),
        _benefit(row.part("decision_curve")),
        read_tally(row.part("counts")),
    )


def _curve(part: Part) -> Curve:
    band = part.part("band")
    points = _together(part, "x", "y")
    limits = _together(band, "x", "lower", "upper")
    return Curve(tuple((x, y) for x, y in points), tuple((x, a, b) for x, a, b in limits), part.text("reason"))


def _benefit(part: Part) -> Benefit:
    at, baselines = part.part("at_threshold"), part.part("baselines")

    def line(of: Part) -> Curve:
        held = Part(of.file, {**of.value, "x": part.value.get("thresholds")}, of.place)
        rows = _together(held, "x", "value", "lower", "upper")
        return Curve(tuple((x, y) for x, y, _, _ in rows), tuple((x, a, b) for x, _, a, b in rows), None)

    return Benefit(
        line(part.part("model")),
        line(part.part("everyone")),
        tuple((name, line(found)) for name, found in baselines.parts()),
        read_score("net_benefit", at.part("net_benefit")),
        read_score("gain", at.part("gain")),
        tuple((name, read_score("over", found)) for name, found in at.part("over").parts()),
        part.text("sentence") or "",
        part.text("reason"),
    )


def _together(part: Part, *keys: str) -> list[tuple[float, ...]]:
    """Lists of one length, side by side."""
    lists = [part.numbers(key) for key in keys]
    if len({len(values) for values in lists}) > 1:
        raise damaged(part.file, f"{part.place} has lists of different lengths")
    return list(zip(*lists, strict=True))
