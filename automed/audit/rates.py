"""What groups are compared in: for each question sensitivity, false-positive rate and share flagged; and macro-F1.

Each figure is a mean of ratios of sums over records: a rate is one ratio, macro-F1 the mean of 2 hits / (records of the
class + records named as it) over classes. So all figures of all groups follow from sums, and those of many resamples
or permutations from matrix products: this is what fairlearn's MetricFrame does not do, which gives the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from automed.audit.groups import Division
from automed.audit.subject import Subject
from automed.evaluate.intervals import MIN_EVENTS, MIN_PATIENTS
from automed.evaluate.sample import Labelled, Sample

Floats = NDArray[np.float64]

SENSITIVITY = "sensitivity"
FALSE_POSITIVE_RATE = "false_positive_rate"
FLAGGED = "flagged"
MACRO_F1 = "macro_f1"
ENOUGH = f"{MIN_EVENTS} records of {MIN_PATIENTS} patients"


@dataclass(frozen=True, eq=False)
class Ratios:
    """The parts of every ratio, record by record.

    Attributes:
        top: float64 (n, ratios), what a record adds to the numerator.
        bottom: float64 (n, ratios), to the denominator.
        risk: bool (n, ratios), the records that the ratio rests on.
    """

    top: Floats
    bottom: Floats
    risk: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Figure:
    """One number of each group, and the groups that it can be compared in.

    Attributes:
        name: SENSITIVITY, FALSE_POSITIVE_RATE, FLAGGED or MACRO_F1.
        question: key of the question; None of macro-F1.
        ratios: the columns of Ratios that it is the mean of.
        compared: int64, codes of the groups that can be compared.
        left_out: of each other group why it cannot.
        note: why nothing can be compared, or over which classes.
    """

    name: str
    question: str | None
    ratios: tuple[int, ...]
    compared: NDArray[np.int64]
    left_out: dict[int, str] = field(default_factory=dict)
    note: str = ""

    @property
    def key(self) -> tuple[str, str | None]:
        """What tells it from the other figures of a subject."""
        return self.name, self.question


@dataclass(frozen=True, eq=False)
class Pieces:
    """Records of one patient in one group: what the bootstrap draws with its patient, and the permutation moves.

    Attributes:
        patient: int64 (pieces,).
        group: int64 (pieces,), ascending.
        record: int64 (n,), the piece of each record.
        top, bottom, risk: float64 (pieces, ratios), sums of the records' parts.
    """

    patient: NDArray[np.int64]
    group: NDArray[np.int64]
    record: NDArray[np.int64]
    top: Floats
    bottom: Floats
    risk: Floats

    def total(self, parts: Floats, groups: int) -> Floats:
        """Sums of pieces by group: float64 (groups, ratios)."""
        return sums(parts, self.group, groups)


def ratios(subject: Subject) -> Ratios:
    """Sensitivity, false-positive rate and share flagged of each question in turn, then F1 of each class or label."""
    tops, bottoms, risks = [], [], []
    for question in subject.questions:
        truth, decided = question.truth, question.decided
        tops += [truth & decided, ~truth & decided, decided]
        bottoms += [truth, ~truth, np.ones_like(truth)]
        risks += [truth, ~truth, np.ones_like(truth)]
    inside, named = subject.sample.inside, subject.sample.named
    top = np.column_stack([*tops, 2 * (inside & named).astype(np.int64)])
    bottom = np.column_stack([*bottoms, inside.astype(np.int64) + named])
    return Ratios(top.astype(np.float64), bottom.astype(np.float64), np.column_stack([*risks, inside]))


def pieces(parts: Ratios, patient: NDArray[np.int64], group: NDArray[np.int64]) -> Pieces:
    """Add up the records of each patient in each group."""
    width = int(patient.max()) + 1
    keys, record = np.unique(group * width + patient, return_inverse=True)
    added = [sums(part.astype(np.float64), record, len(keys)) for part in (parts.top, parts.bottom, parts.risk)]
    return Pieces(keys % width, keys // width, record, *added)


def sums(values: Floats, code: NDArray[np.int64], count: int) -> Floats:
    """Sums of rows by code: float64 (count, columns)."""
    return np.stack([np.bincount(code, weights=column, minlength=count) for column in values.T], axis=1)


def figures(subject: Subject, division: Division, units: Pieces, min_group: int) -> list[Figure]:
    """Every figure with the groups that can carry it.

    A group needs `min_group` records, and 5 records of 5 patients that the rate rests on. Macro-F1 is compared over the
    classes that every compared group has 5 records of 5 patients in: two at least, or one label. Where the groups have
    too few classes in common, the group with the fewest is left out, and so on; this looks at numbers of records only,
    not at decisions, and so favours no result.
    """
    groups = len(division.groups)
    n = np.bincount(division.code, minlength=groups)
    events = units.total(units.risk, groups)
    patients = units.total((units.risk > 0).astype(np.float64), groups)
    small = {code: f"{n[code]} records, {min_group} are needed" for code in np.flatnonzero(n < min_group).tolist()}
    found = []
    for place, question in enumerate(subject.questions):
        for offset, name in enumerate((SENSITIVITY, FALSE_POSITIVE_RATE, FLAGGED)):
            column = 3 * place + offset
            left_out = small | {
                code: reason
                for code in range(groups)
                if code not in small and (reason := _too_few(events[code, column], patients[code, column]))
            }
            compared = np.array([code for code in range(groups) if code not in left_out], dtype=np.int64)
            note = "" if len(compared) > 1 else _alone(len(compared), groups)
            found.append(Figure(name, question.key, (column,), compared, left_out, note))
    first = 3 * len(subject.questions)
    held = (events[:, first:] >= MIN_EVENTS) & (patients[:, first:] >= MIN_PATIENTS)
    return [*found, _macro(subject.sample, held, n, small, first)]


def _too_few(events: float, patients: float) -> str | None:
    if events < MIN_EVENTS:
        return f"rests on {events:.0f} records, {MIN_EVENTS} are needed"
    if patients < MIN_PATIENTS:
        return f"rests on records of {patients:.0f} patients, {MIN_PATIENTS} are needed"
    return None


def _macro(sample: Sample, held: NDArray[np.bool_], n: NDArray[np.int64], small: dict[int, str], first: int) -> Figure:
    """Of `held`, bool (groups, classes), and the groups' records; `first` is the ratio of the first class."""
    needed = 1 if isinstance(sample, Labelled) else 2
    what = "labels" if isinstance(sample, Labelled) else "classes"
    left_out = dict(small)
    for code, count in enumerate(held.sum(axis=1).tolist()):
        if code not in left_out and count < needed:
            left_out[code] = f"has {ENOUGH} in {count} {what}, {needed} {'is' if needed == 1 else 'are'} needed"
    kept = [code for code in range(len(held)) if code not in left_out]
    while len(kept) > 2 and held[kept].all(axis=0).sum() < needed:
        poorest = min(kept, key=lambda code: (held[code].sum(), n[code]))
        left_out[poorest] = f"has too few {what} in common with the other groups"
        kept.remove(poorest)
    columns = np.flatnonzero(held[kept].all(axis=0)) if kept else np.array([], dtype=np.int64)
    if len(kept) < 2:
        return Figure(MACRO_F1, None, (), np.array(kept, dtype=np.int64), left_out, _alone(len(kept), len(held)))
    if len(columns) < needed:
        note = f"the groups have {len(columns)} {what} with {ENOUGH} in common, {needed} are needed"
        return Figure(MACRO_F1, None, (), np.array([], dtype=np.int64), left_out | dict.fromkeys(kept, note), note)
    chosen = tuple((first + columns).tolist())
    return Figure(MACRO_F1, None, chosen, np.array(kept, dtype=np.int64), left_out, _over(sample, columns.tolist()))


def _alone(compared: int, groups: int) -> str:
    return f"{compared} of {groups} groups can be compared, 2 are needed"


def _over(sample: Sample, columns: Sequence[int]) -> str:
    if len(columns) == len(sample.classes):
        return ""
    what = "label" if isinstance(sample, Labelled) else "class"
    return f"over each {what} with {ENOUGH} in every group: {', '.join(sample.classes[k] for k in columns)}"
