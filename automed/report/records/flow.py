"""The way of the records from the source to the three sets."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report.cohort import Cohort


@dataclass(frozen=True)
class Step:
    """How many records there were, and how many were left out next, and why."""

    count: int
    what: str
    left_out: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Set:
    """One set at the end of the way; None where a number is not known."""

    title: str
    records: int | None
    patients: int | None


@dataclass(frozen=True)
class Flow:
    """From the records of the source to the sets."""

    steps: tuple[Step, ...]
    sets: tuple[Set, ...]
    note: str


def flow(cohort: Cohort, *, split: str, unlabelled_dropped: bool) -> Flow:
    """The flow of a cohort.

    Args:
        cohort: the records.
        split: how they were divided, in words.
        unlabelled_dropped: whether records without a label were left out before any count.
    """
    unreadable = len(cohort.unreadable)
    read = cohort.records + cohort.dropped + unreadable
    steps = (
        Step(
            read,
            f"{'record was' if read == 1 else 'records were'} read",
            ((unreadable, "could not be read"), (cohort.dropped, _duplicates(cohort.dropped))),
        ),
        Step(cohort.records, f"{'record was' if cohort.records == 1 else 'records were'} divided {split}"),
    )
    sets = tuple(
        Set(portion.title, portion.records, portion.patients if cohort.patients_named else None)
        for portion in cohort.portions
    )
    note = "Records without a label were left out before they were counted." if unlabelled_dropped else ""
    return Flow(steps, sets, note)


def _duplicates(count: int) -> str:
    return f"{'duplicate of another record was' if count == 1 else 'duplicates of other records were'} left out"
