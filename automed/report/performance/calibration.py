"""Whether probabilities can be believed: calibration before and after the map, read and drawn."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part
from automed.report.charts import Chart, Line, draw
from automed.report.cohort import Cohort
from automed.report.figures import Figure
from automed.report.results import Score, read_score

METHODS = {
    "none": "no map",
    "temperature": "temperature scaling",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression",
}
# What each figure says, in the order of the page.
FIGURES = {
    "ece": ("Calibration error", "mean distance between the probability and the share observed, over bins; 0 is right"),
    "slope": ("Slope", "1 is right; under 1 probabilities are too extreme, over 1 too timid"),
    "intercept": ("Intercept", "0 is right; under 0 probabilities are too high, over 0 too low"),
    "observed_expected": ("Observed / expected", "events observed for each one that the probabilities add up to"),
    "brier": ("Brier score", "mean squared error of the probabilities; lower is better"),
    "reliability": ("Reliability", "the part of it that better calibration would take away; lower is better"),
    "resolution": ("Resolution", "the part that comes from telling records apart; higher is better"),
}
DRAWN = 12  # questions with a curve of their own
OF_QUESTION = ("ece", "slope", "intercept", "observed_expected", "brier")


@dataclass(frozen=True)
class Bin:
    """Records of similar probability: their mean probability, and the share observed with its interval."""

    predicted: float
    observed: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Side:
    """Figures of one set of probabilities, overall or of one question."""

    scores: tuple[Score, ...]
    chance: float | None  # the calibration error that so many records show by chance alone
    curve: tuple[Bin, ...]

    def score(self, key: str) -> Score:
        return next((score for score in self.scores if score.key == key), Score(key, None))

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(score.key for score in self.scores)


@dataclass(frozen=True)
class Asked:
    """One question before and after the map."""

    key: str
    name: str
    before: Side
    after: Side


@dataclass(frozen=True)
class Calibration:
    """What evaluation.json says of probabilities."""

    method: str
    reason: str
    losses: tuple[tuple[str, float], ...]  # by map, cross-validated on the tuning set
    before: Side
    after: Side
    questions: tuple[Asked, ...]
    top: str  # what the overall curve is of

    @property
    def mapped(self) -> bool:
        """Whether probabilities were changed."""
        return self.method != "none"

    @property
    def title(self) -> str:
        return METHODS.get(self.method, words.label(self.method))

    @property
    def sentence(self) -> str:
        """What the slope after the map says, with the calibration error."""
        slope, error = self.after.score("slope"), self.after.score("ece")
        if slope.value is None or slope.low is None or slope.high is None:
            text = f"Whether the probabilities are too extreme or too timid is {slope.text}."
        elif slope.high < 1:
            text = f"The probabilities are too extreme: slope {slope.text}, where 1 is right."
        elif slope.low > 1:
            text = f"The probabilities are too timid: slope {slope.text}, where 1 is right."
        else:
            text = (
                "That the probabilities are too extreme or too timid could not be shown: slope "
                f"{slope.text}, which includes 1."
            )
        if error.value is None:
            return text
        chance = self.after.chance
        by_chance = "" if chance is None else f"; chance alone would give about {words.decimal(chance)}"
        return f"{text} On average a probability misses the share observed by {error.text}{by_chance}."

    @property
    def note(self) -> str:
        """What is said beside a probability elsewhere on the page."""
        if not self.mapped:
            return "It is as the network gave it, without a map of calibration"
        return f"It is calibrated by {self.title}, fitted on the tuning set"


def read_calibration(part: Part, cohort: Cohort) -> Calibration | None:
    """Calibration; None where it was not measured."""
    if not part.value:
        return None
    before, after = part.part("before"), part.part("after")
    asked = [
        Asked(key, cohort.question(key), _side(before.part("questions").part(key)), _side(found))
        for key, found in after.part("questions").parts()
    ]
    losses = part.part("losses")
    top = "all labels together" if cohort.labelled else f"the {words.CLASS[0]} with the highest probability"
    return Calibration(
        part.text("method") or "none",
        words.sentence(part.text("reason") or "why was not recorded"),
        tuple((METHODS.get(key, words.label(key)), losses.need_number(key)) for key in losses.value),
        _side(before.part("overall")),
        _side(after.part("overall")),
        tuple(asked),
        top,
    )


def _side(part: Part) -> Side:
    scores = tuple(read_score(key, part.part(key)) for key in FIGURES if key in part)
    return Side(scores, part.number("chance"), tuple(_bin(row) for row in part.rows("curve")))


def _bin(row: Part) -> Bin:
    low, high = row.pair("ci95") or (None, None)
    return Bin(row.need_number("predicted"), row.need_number("observed"), low, high, row.need_count("n"))


def diagrams(found: Calibration) -> list[Figure]:
    """Reliability diagrams: overall, then of each question; those that have records."""
    asked = [("calibration-overall", found.top, found.before, found.after)]
    asked += [
        (f"calibration-{place}", one.name, one.before, one.after) for place, one in enumerate(found.questions[:DRAWN])
    ]
    return [_diagram(*one, mapped=found.mapped) for one in asked if one[3].curve]


def _diagram(name: str, of: str, before: Side, after: Side, *, mapped: bool) -> Figure:
    lines = []
    if mapped and before.curve:
        points = tuple((one.predicted, one.observed) for one in before.curve)
        lines.append(Line("before", points, colour="--warm", width=1.4, dashes="5 4", dots=2.6))
    points = tuple((one.predicted, one.observed) for one in after.curve)
    bars = tuple(
        (one.predicted, one.low, one.high) for one in after.curve if one.low is not None and one.high is not None
    )
    lines.append(Line("after the map" if mapped else "the network's own", points, bars=bars, dots=3.2, width=1.8))
    worst = max(after.curve, key=lambda one: abs(one.predicted - one.observed))
    between = "" if worst.low is None or worst.high is None else f" ({words.CI} {words.span(worst.low, worst.high)})"
    alt = (
        f"Reliability of the probability of {of}{', after the map' if mapped else ''}: calibration error "
        f"{after.score('ece').text}. Furthest from the diagonal are {words.plural(worst.n, 'record')} with a mean "
        f"probability of {words.decimal(worst.predicted)}, of which {words.decimal(worst.observed)}{between} were."
    )
    chart = Chart(tuple(lines), "mean probability", "share observed", diagonal="right")
    return Figure(name, f"Probability against share observed: {of}", alt, draw(chart, alt), None)
