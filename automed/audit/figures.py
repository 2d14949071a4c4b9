"""What is measured of a group of records: point values, and the same under many weightings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from automed.audit.subject import Subject
from automed.evaluate import METRICS
from automed.evaluate.area import Area
from automed.evaluate.calibration.bins import binned, settle
from automed.evaluate.calibration.measures import top_label
from automed.evaluate.calibration.slopes import common, logistic
from automed.evaluate.calibration.sums import Floats, Sums, ratio
from automed.evaluate.intervals import Estimate, complete, rests_on, summarise
from automed.evaluate.metrics import Metric, Point
from automed.evaluate.questions import Question
from automed.evaluate.resamples import OVERALL, Resamples

TOTAL, RIGHT, COVERED = range(3)  # the rows of `Counts.counted` before those of the questions
NO_POSITIVE = "no record is positive in the reference standard"
NO_NEGATIVE = "no record is negative in the reference standard"
NONE_FLAGGED = "no record is decided to be positive"
ONE_SIDE = "positive and negative records are both needed"


def part(subject: Subject, rows: NDArray[np.int64]) -> Subject:
    """Some records of a subject, with what was said about them; patients keep their numbers."""
    sample = subject.sample
    kept = replace(sample, y=sample.y[rows], probabilities=sample.probabilities[rows], predicted=sample.predicted[rows])
    asked = tuple(
        replace(asked, truth=asked.truth[rows], probability=asked.probability[rows], decided=asked.decided[rows])
        for asked in subject.questions
    )
    return Subject(
        kept,
        subject.patient[rows],
        asked,
        {column: values[rows] for column, values in subject.attributes.items()},
        None if subject.sets is None else subject.sets[rows],
        None if subject.features is None else subject.features[rows],
    )


class Group:
    """A group of records, made ready to be counted under many weightings; each part when it is first asked for.

    Args:
        subject: the n records of the group.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._areas: dict[tuple[int, ...], Area] = {}
        self._sums: dict[tuple[str, str | None], Sums] = {}

    @cached_property
    def rows(self) -> Floats:
        """What is counted: float64 (3 + 3 questions, n)."""
        subject = self.subject
        rows = [np.ones(len(subject.patient), dtype=bool), subject.sample.right, covered(subject)]
        for asked in subject.questions:
            rows += [asked.truth, asked.decided, asked.truth & asked.decided]
        return np.asarray(rows, dtype=np.float64)

    def area(self, classes: tuple[int, ...]) -> Area:
        """The AUROC of some classes together against the rest; records of both sides must be there."""
        if classes not in self._areas:
            sample, chosen = self.subject.sample, list(classes)
            scores = np.clip(sample.probabilities[:, chosen].sum(axis=1), 0.0, 1.0)
            self._areas[classes] = Area(scores, np.asarray(sample.inside[:, chosen].any(axis=1)))
        return self._areas[classes]

    def sums(self, name: str, question: Question | None) -> Sums:
        """What slope or ece are functions of, for a question or for all classes."""
        key = (name, None if question is None else question.key)
        if key not in self._sums:
            self._sums[key] = calibration(name, self.subject, question)
        return self._sums[key]


class Counts(Resamples):
    """A group under many weightings; each part is computed when it is first asked for.

    Args:
        group: n records.
        weights: float64 (n, resamples).
    """

    def __init__(self, group: Group, weights: Floats) -> None:
        super().__init__(group.subject.sample, weights)
        self._group = group
        self._areas: dict[tuple[int, ...], Floats] = {}

    @cached_property
    def counted(self) -> Floats:
        """Records, right ones, covered ones; of each question positive, flagged, both: (3 + 3 questions, resamples)."""
        return np.asarray(self._group.rows @ self.weights)

    def share(self, row: int) -> Floats:
        """Of all records: float64 (resamples,)."""
        return ratio(self.counted[row], self.counted[TOTAL])

    def rate(self, name: str, place: int) -> Floats:
        """Prevalence, sensitivity, specificity, ppv or selection of a question: float64 (resamples,)."""
        total = self.counted[TOTAL]
        positive, flagged, both = self.counted[3 + 3 * place : 6 + 3 * place]
        top, bottom = {
            "prevalence": (positive, total),
            "sensitivity": (both, positive),
            "specificity": (total - positive - flagged + both, total - positive),
            "ppv": (both, flagged),
            "selection": (flagged, total),
        }[name]
        return ratio(top, bottom)

    def area(self, classes: tuple[int, ...]) -> Floats:
        """AUROC of some classes together against the rest: float64 (resamples,)."""
        if classes not in self._areas:
            self._areas[classes] = self._group.area(classes)(self.weights)
        return self._areas[classes]

    def slope(self, question: Question | None) -> Floats:
        """Calibration slope of a question, or of all classes: float64 (resamples,)."""
        return self._group.sums("slope", question).resampled("slope", self.weights)

    def ece(self, question: Question | None) -> Floats:
        """Ece of a question, or of all classes, and what of it chance alone would show: float64 (2, resamples)."""
        sums = self._group.sums("ece", question)
        found = sums.read(sums.rows @ self.weights)
        return np.stack([found["ece"], found["chance"]])


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure of one group.

    Attributes:
        question: key of the question; None of a figure of all classes.
        name: of the figure.
        point: its value.
        drawn: its values under many weightings: float64 (resamples,); of an ece (2, resamples), with chance alone.
        events_at: bool (n,), the records that count as events.
        low: smallest possible value.
        high: largest possible value.
        by_chance: whether it is an ece, of which chance alone would show something.
    """

    question: str | None
    name: str
    point: Point
    drawn: Callable[[Counts], Floats]
    events_at: NDArray[np.bool_]
    low: float = 0.0
    high: float = 1.0
    by_chance: bool = False

    def estimate(self, drawn: Floats, patient: NDArray[np.int64]) -> Estimate:
        """The figure with its interval.

        Args:
            drawn: float64 (..., resamples), as `drawn` gave them.
            patient: int64 (n,), of the group's records.
        """
        if self.by_chance:
            return settle(self.point, drawn[0], drawn[1], patient, self.events_at)
        return summarise(self.point, drawn, patient, self.events_at, low=self.low, high=self.high)


def figures(group: Group) -> list[Figure]:
    """Every figure of a group.

    Of each question prevalence, sensitivity, specificity, ppv, auroc, selection (the share flagged), calibration_slope
    and ece. Of all classes macro_f1, accuracy and auroc as METRICS have them; of several exclusive classes also
    calibration_slope and top_label_ece; of prediction sets their coverage.

    Macro-F1 is the mean over the classes that occur in the group, in its reference standard or its decisions. Two
    groups with different classes are therefore not comparable by it.

    Args:
        group: its records.
    """
    asked = range(len(group.subject.questions))
    return [*_overall(group), *(figure for place in asked for figure in _of(group, place))]


def _overall(group: Group) -> list[Figure]:
    subject, sample = group.subject, group.subject.sample
    every = np.ones(len(sample.y), dtype=bool)
    metrics: dict[str, Metric] = {name: METRICS.load(name) for name in ("macro_f1", "accuracy", "auroc")}
    drawn: dict[str, Callable[[Counts], Floats]] = {
        "macro_f1": lambda counts: np.where(complete(counts) > 0, OVERALL["macro_f1"](counts), np.nan),
        "accuracy": lambda counts: counts.share(RIGHT),
        "auroc": lambda counts: np.mean([counts.area((k,)) for k in sample.ranked], axis=0),
    }
    found = [
        Figure(None, name, metric(sample), drawn[name], rests_on(sample, metric)) for name, metric in metrics.items()
    ]
    if len(sample.classes) > 2 and sample.task != "multilabel":
        found += _calibrated(group, None, every)
    if subject.sets is not None:
        share = Point(float(covered(subject).mean()))
        found.append(Figure(None, "coverage", share, lambda counts: counts.share(COVERED), every))
    return found


def _of(group: Group, place: int) -> list[Figure]:
    """The figures of one question."""
    asked = group.subject.questions[place]
    truth, flagged, p = asked.truth, asked.decided, asked.probability
    rare = truth if 2 * truth.sum() <= len(truth) else ~truth
    every = np.ones(len(truth), dtype=bool)

    def rate(name: str, hits: NDArray[np.bool_], among: NDArray[np.bool_], why: str = "") -> Figure:
        point = Point(float(hits[among].mean())) if among.any() else Point(None, why)
        return Figure(asked.key, name, point, lambda counts: counts.rate(name, place), among)

    one_sided = truth.all() or not truth.any()
    area = Point(None, ONE_SIDE) if one_sided else Point(float(roc_auc_score(truth, p)))
    return [
        replace(rate("prevalence", truth, every), events_at=rare),
        rate("sensitivity", flagged, truth, NO_POSITIVE),
        rate("specificity", ~flagged, ~truth, NO_NEGATIVE),
        rate("ppv", truth, flagged, NONE_FLAGGED),
        Figure(asked.key, "auroc", area, lambda counts: counts.area(asked.classes), rare),
        rate("selection", flagged, every),
        *_calibrated(group, asked, rare),
    ]


def _calibrated(group: Group, asked: Question | None, events_at: NDArray[np.bool_]) -> list[Figure]:
    slope, gap = (group.sums(name, asked).point(name) for name in ("slope", "ece"))
    key = None if asked is None else asked.key
    return [
        Figure(
            key,
            "calibration_slope",
            slope,
            lambda counts: counts.slope(asked),
            events_at,
            -np.inf,
            np.inf,
        ),
        Figure(
            key,
            "ece" if asked else "top_label_ece",
            gap,
            lambda counts: counts.ece(asked),
            events_at,
            by_chance=True,
        ),
    ]


def calibration(name: str, subject: Subject, asked: Question | None) -> Sums:
    """Sums of which slope or ece are functions: of a question; or of all classes the common slope and top-label ECE."""
    if name == "slope" and asked is None:
        return common(subject.sample.y, subject.sample.probabilities)
    return (logistic if name == "slope" else binned)(*judged(subject, asked))


def judged(subject: Subject, asked: Question | None) -> tuple[NDArray[np.bool_], Floats]:
    """Answers bool (n,) and their probabilities (n,): of a question, or whether the most probable class is right."""
    if asked is None:
        return top_label(subject.sample.y, subject.sample.probabilities)
    return asked.truth, asked.probability


def covered(subject: Subject) -> NDArray[np.bool_]:
    """Whether the prediction set of a record holds its class, or all its labels: bool (n,); False without sets."""
    if subject.sets is None:
        return np.zeros(len(subject.patient), dtype=bool)
    return np.asarray((subject.sets | ~subject.sample.inside).all(axis=1))
