"""How a model does in each group of records, every figure with its interval or the reason why it has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from fairlearn.metrics import MetricFrame
from numpy.typing import NDArray
from sklearn import config_context
from threadpoolctl import threadpool_limits

from automed.audit.figures import Counts, Figure, Group, figures, part
from automed.audit.groups import Division
from automed.audit.subject import Subject
from automed.evaluate.intervals import CHUNK, MIN_PATIENTS, RESAMPLES, Estimate, draw, too_few
from automed.evaluate.resamples import Floats
from automed.evaluate.scores import as_json

BLOCK = 50_000_000  # counts of drawn patients held at once, a byte each


def describe(
    subject: Subject, division: Division, min_group: int, resamples: int = RESAMPLES, seed: int = 0
) -> list[dict[str, Any]]:
    """One row a group.

    Patients are drawn from the whole set, and each group reads its own records of a draw, so that a patient with
    records in two groups is drawn for both.

    Args:
        subject: n records.
        division: of the same records.
        min_group: a group of fewer records is not estimable; its n, patients and events are shown all the same.
        resamples: how many to draw.
        seed: fixes the draws.

    Returns:
        {"group", "n", "patients", "share" of all records, "events": records of the rarest answer to any question,
        "estimable", "reason": why it is not, "figures": {name: figure}, "questions": {question: {"events": positive
        records, name: figure, ...}}}; a figure is {"value", "ci95", "n", "events", "reason"}. The names are those of
        `automed.audit.figures.figures`.
    """
    n = len(division.code)
    # Thousands of small calls: what scikit-learn would check in each of them was checked of the whole sample.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        measured = MetricFrame(
            metrics=lambda _, rows: _measure(part(subject, np.asarray(rows)), min_group),
            y_true=division.code,
            y_pred=np.arange(n),
            sensitive_features=division.code,
        ).by_group
    groups: list[_Measured] = [measured[code] for code in range(len(division.groups))]
    _draw(groups, subject.patient, resamples, seed)
    return [_row(name, each, n) for name, each in zip(division.groups, groups, strict=True)]


@dataclass(frozen=True, eq=False)
class _Line:
    """A figure of a group, why it is not estimable, and its values under the draws so far."""

    figure: Figure
    reason: str | None
    values: list[Floats]

    def as_json(self, patient: NDArray[np.int64]) -> dict[str, Any]:
        if self.reason is None:
            return as_json(self.figure.estimate(np.concatenate(self.values, axis=-1), patient))
        return as_json(Estimate(None, None, len(patient), int(self.figure.events_at.sum()), self.reason))


class _Measured(NamedTuple):
    """A group, why nothing can be said about it, and its figures."""

    group: Subject
    reason: str | None
    lines: list[_Line]


def _measure(subject: Subject, min_group: int) -> _Measured:
    reason = too_small(subject, min_group)
    lines = [
        _Line(figure, reason or figure.point.reason or too_few(subject.patient, figure.events_at, 1.0), [])
        for figure in figures(Group(subject))
    ]
    return _Measured(subject, reason, lines)


def too_small(group: Subject, min_group: int) -> str | None:
    """Why nothing can be said about a group, or None where something can."""
    n, patients = len(group.patient), np.unique(group.patient).size
    if n < min_group:
        return f"not estimable: {n} records, {min_group} are needed"
    if patients < MIN_PATIENTS:
        return f"not estimable: the records come from {patients} patients, {MIN_PATIENTS} are needed"
    return None


def _draw(measured: list[_Measured], patient: NDArray[np.int64], resamples: int, seed: int) -> None:
    """Give every figure that can have an interval its values, all from the same draws.

    A small group takes all resamples at once and a large one few, so that what is at work stays in the cache.
    """
    # The products are small: a second BLAS thread would wait longer than it helps.
    with threadpool_limits(1, user_api="blas"):
        for block in _blocks(int(patient.max()) + 1, resamples, seed):
            for each in measured:
                needed = [line for line in each.lines if line.reason is None]
                if needed:
                    _add(needed, each.group, block)


def _add(needed: list[_Line], subject: Subject, block: NDArray[np.uint8]) -> None:
    group = Group(subject)  # made again, for what all groups hold together is many times the records
    rows = block[subject.patient]
    size = max(1, CHUNK // len(rows))
    for start in range(0, rows.shape[1], size):
        counts = Counts(group, rows[:, start : start + size].astype(np.float64))
        for line in needed:
            line.values.append(line.figure.drawn(counts))


def _blocks(patients: int, resamples: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """How often each patient is drawn: uint8 (patients, some resamples).

    A patient is drawn once a resample on average, and at most as often as there are patients: a byte holds that, for a
    count above 255 among more patients has a probability of less than 1e-500.
    """
    size = max(1, BLOCK // patients)
    held: list[NDArray[np.uint8]] = []
    for counts in draw(np.arange(patients), resamples, seed):
        held.append(counts.astype(np.uint8))
        if sum(part.shape[1] for part in held) >= size:
            yield np.concatenate(held, axis=1)
            held = []
    if held:
        yield np.concatenate(held, axis=1)


def _row(name: str, measured: _Measured, n: int) -> dict[str, Any]:
    group = measured.group
    overall: dict[str, Any] = {}
    asked: dict[str, dict[str, Any]] = {each.key: {"events": int(each.truth.sum())} for each in group.questions}
    for line in measured.lines:
        where = overall if line.figure.question is None else asked[line.figure.question]
        where[line.figure.name] = line.as_json(group.patient)
    sides = [int(side.sum()) for question in group.questions for side in (question.truth, ~question.truth)]
    return {
        "group": name,
        "n": len(group.patient),
        "patients": np.unique(group.patient).size,
        "share": len(group.patient) / n,
        "events": min(sides),
        "estimable": measured.reason is None,
        "reason": measured.reason,
        "figures": overall,
        "questions": asked,
    }
