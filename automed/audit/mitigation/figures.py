"""What one model does in each of several groups, on the records as they are and on many resamples of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from automed.audit.groups import Division
from automed.evaluate import METRICS
from automed.evaluate.intervals import MIN_EVENTS, VALID_SHARE, complete, rests_on, too_few
from automed.evaluate.metrics import Metric
from automed.evaluate.questions import questions
from automed.evaluate.resamples import OVERALL, Floats, Resamples
from automed.evaluate.sample import Sample

MACRO_F1 = "macro_f1"


@dataclass(frozen=True, eq=False)
class Compared:
    """The groups that models are compared in; the reference standard alone decides, so that all models meet the same.

    Attributes:
        names: of the groups that are large enough.
        rows: int64, the records of each.
        reasons: why macro-F1 is not estimable in each; None where it is.
        too_small: by name of each other group how many records it has.
        asked: keys of the questions.
        judged: bool (groups, questions), where a sensitivity rests on enough records to be compared.
    """

    names: tuple[str, ...]
    rows: tuple[NDArray[np.int64], ...]
    reasons: tuple[str | None, ...]
    too_small: dict[str, int]
    asked: tuple[str, ...]
    judged: NDArray[np.bool_]

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Where macro-F1 is estimable: bool (groups,)."""
        return np.array([reason is None for reason in self.reasons], dtype=bool)


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of one model under R weightings of its records, NaN where one is undefined.

    A group that lacks one of its classes under some weighting has no part in it. That hangs on the reference standard
    alone, so two models always have the same groups.

    Attributes:
        macro_f1: float64 (R,), over all records.
        by_group: float64 (R, groups), macro-F1 within each group, NaN where it is not estimable.
        sensitivity: float64 (R, groups, questions).
        judged: bool (groups, questions), those of `Compared`.
    """

    macro_f1: Floats
    by_group: Floats
    sensitivity: Floats
    judged: NDArray[np.bool_]

    @property
    def worst(self) -> Floats:
        """Macro-F1 of the group where it is lowest, of two or more that have one: float64 (R,)."""
        there = ~np.isnan(self.by_group)
        lowest = np.where(there, self.by_group, np.inf).min(axis=1, initial=np.inf)
        return np.where(there.sum(axis=1) > 1, lowest, np.nan)

    @property
    def gap(self) -> Floats:
        """The largest difference in sensitivity between two groups, over all questions: float64 (R,)."""
        gap = self.gaps.max(axis=1)
        return np.where(np.isfinite(gap), gap, np.nan)

    @property
    def gaps(self) -> Floats:
        """The same of each question: float64 (R, questions), minus infinity where no two groups can be compared."""
        there = self.judged & ~np.isnan(self.sensitivity)
        high = np.where(there, self.sensitivity, -np.inf).max(axis=1, initial=-np.inf)
        low = np.where(there, self.sensitivity, np.inf).min(axis=1, initial=np.inf)
        return np.where(there.sum(axis=1) > 1, high - low, -np.inf)


def compared(
    sample: Sample,
    division: Division,
    patient: NDArray[np.int64],
    urgent: Sequence[int],
    min_group: int,
    weights: Iterable[Floats] = (),
) -> Compared:
    """Which groups, and which sensitivities in them, models are compared in.

    Args:
        sample: n records.
        division: of the same records.
        patient: int64 (n,), patient of each record.
        urgent: indices of the classes that must not be missed.
        min_group: records that a group must have.
        weights: float64 (n, R), the resamples of the intervals: what is undefined in too many of them is left out.
    """
    asked = questions(sample, urgent)
    truth = np.stack([question.truth for question in asked], axis=1)
    groups = {name: np.flatnonzero(division.code == place) for place, name in enumerate(division.groups)}
    too_small = {name: len(rows) for name, rows in groups.items() if len(rows) < min_group}
    large = {name: rows for name, rows in groups.items() if name not in too_small}
    metric: Metric = METRICS.load(MACRO_F1)
    reasons, judged = [], np.zeros((len(large), len(asked)), dtype=bool)
    for place, (name, (whole, positive)) in enumerate(_valid(large, sample, truth, weights).items()):
        rows = large[name]
        reasons.append(too_few(patient[rows], rests_on(take(sample, rows), metric), whole))
        judged[place] = (truth[rows].sum(axis=0) >= MIN_EVENTS) & (positive >= VALID_SHARE)
    keys = tuple(question.key for question in asked)
    return Compared(tuple(large), tuple(large.values()), tuple(reasons), too_small, keys, judged)


def _valid(
    groups: Mapping[str, NDArray[np.int64]], sample: Sample, truth: NDArray[np.bool_], weights: Iterable[Floats]
) -> dict[str, tuple[float, Floats]]:
    """By group the share of resamples that hold all its classes, and one with a positive record, of each question."""
    parts = {name: (take(sample, rows), truth[rows].T.astype(np.float64)) for name, rows in groups.items()}
    whole: dict[str, list[Floats]] = {name: [] for name in groups}
    positive: dict[str, list[Floats]] = {name: [] for name in groups}
    for chunk in weights:
        for name, (part, counted) in parts.items():
            here = chunk[groups[name]]
            whole[name].append(complete(Resamples(part, here)))
            positive[name].append((counted @ here > 0).astype(np.float64))
    if not any(whole.values()):
        return {name: (1.0, np.ones(truth.shape[1])) for name in groups}
    return {
        name: (float(np.concatenate(whole[name]).mean()), np.concatenate(positive[name], axis=1).mean(axis=1))
        for name in groups
    }


class Model:
    """One model's records made ready to be counted under many weightings.

    Args:
        sample: n records.
        groups: those that models are compared in.
        urgent: indices of the classes that must not be missed.
    """

    def __init__(self, sample: Sample, groups: Compared, urgent: Sequence[int]) -> None:
        self.sample, self.groups = sample, groups
        self.questions = questions(sample, urgent)
        self.parts = [
            take(sample, rows) if whole else None for rows, whole in zip(groups.rows, groups.whole, strict=True)
        ]
        truth = np.stack([question.truth for question in self.questions])
        found = np.stack([question.truth & question.decided for question in self.questions])
        self._counted = [np.concatenate([found[:, rows], truth[:, rows]]).astype(np.float64) for rows in groups.rows]

    def figures(self, weights: Floats) -> Figures:
        """Under every weighting: float64 (n, R), how often each record was drawn."""
        shape = (weights.shape[1], len(self.groups.rows))
        by_group = np.full(shape, np.nan)
        sensitivity = np.full((*shape, len(self.questions)), np.nan)
        for place, (rows, part, counted) in enumerate(zip(self.groups.rows, self.parts, self._counted, strict=True)):
            here = weights[rows]
            if part is not None:
                by_group[:, place] = _macro_f1(part, here)
            found, positive = np.split(counted @ here, 2)
            with np.errstate(invalid="ignore"):
                sensitivity[:, place] = (found / positive).T
        return Figures(_macro_f1(self.sample, weights), by_group, sensitivity, self.groups.judged)

    def point(self) -> Figures:
        """On the records as they are: R = 1."""
        return self.figures(np.ones((len(self.sample.y), 1)))


def take(sample: Sample, rows: NDArray[np.int64]) -> Sample:
    """The sample of some of its records."""
    return replace(sample, y=sample.y[rows], probabilities=sample.probabilities[rows], predicted=sample.predicted[rows])


def _macro_f1(sample: Sample, weights: Floats) -> Floats:
    weighted = Resamples(sample, weights)
    return np.where(complete(weighted) > 0, OVERALL[MACRO_F1](weighted), np.nan)
