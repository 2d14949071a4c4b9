"""Where the model fails: its most certain errors, its least certain answers, and where errors gather."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part
from automed.report.cohort import Cohort
from automed.report.results import Score, read_score

CONFUSIONS = 3


@dataclass(frozen=True)
class Case:
    """One record: what it is of, what was decided, and with what probability or certainty."""

    record: int
    probability: float
    reference: str
    decided: str
    right: bool


@dataclass(frozen=True)
class Asked:
    """The errors about one question, the most certain first."""

    name: str
    missed: tuple[Case, ...]
    alarms: tuple[Case, ...]


@dataclass(frozen=True)
class Slice:
    """A part of the test, and the share of errors in it against the rest."""

    title: str
    records: int
    errors: int
    error: Score
    rest: Score
    difference: Score
    p: str
    gathers: bool  # beyond chance


@dataclass(frozen=True)
class Cluster:
    """Records that the network sees as alike, among which it errs more often than elsewhere."""

    slice: Slice
    frequent: tuple[str, ...]
    confusions: tuple[str, ...]
    examples: tuple[int, ...]


@dataclass(frozen=True)
class Failures:
    """All of them."""

    asked: tuple[Asked, ...]
    least_certain: tuple[Case, ...]
    slices: tuple[Slice, ...]
    clusters: tuple[Cluster, ...]
    tested: int
    reason: str | None  # why no clusters were looked for

    @property
    def gathering(self) -> str:
        """Where errors gather, in a sentence."""
        found = [one for one in self.slices if one.gathers]
        if not found:
            return "No class and no group has more errors than the rest beyond chance."
        named = [f"{one.title}, wrong in {one.error.text}" for one in found]
        return f"Errors gather in {'; in '.join(named)}."

    @property
    def alike(self) -> str:
        """The same of records that the network sees as alike."""
        if self.reason:
            return f"Whether errors are alike is not known: {self.reason}."
        if not self.clusters:
            return (
                f"Of {words.plural(self.tested, 'cluster')} of records that the network sees as alike, none has more "
                "errors than the rest beyond chance."
            )
        return (
            f"Of {words.plural(self.tested, 'cluster')} of records that the network sees as alike, "
            f"{words.integer(len(self.clusters))} {'has' if len(self.clusters) == 1 else 'have'} more errors than the "
            "rest beyond chance."
        )


def read_failures(part: Part, cohort: Cohort) -> Failures | None:
    """The gallery of failures; None where it was not made."""
    if not part.value:
        return None
    missed, alarms = part.part("missed"), part.part("false_alarms")
    clusters = part.part("clusters")
    asked = tuple(
        Asked(cohort.question(key), _cases(missed, key, cohort), _cases(alarms, key, cohort))
        for key in dict.fromkeys([*missed.value, *alarms.value])
    )
    return Failures(
        asked,
        _cases(part, "least_certain", cohort),
        tuple(_slice(row, cohort) for row in part.rows("slices")),
        tuple(_cluster(row, cohort) for row in clusters.rows("named")),
        clusters.count("tested") or 0,
        clusters.text("reason"),
    )


def _cases(part: Part, key: str, cohort: Cohort) -> tuple[Case, ...]:
    return tuple(
        Case(
            row.need_count("record"),
            row.need_number("certainty" if "certainty" in row else "probability"),
            _listed(row, "truth", cohort),
            _listed(row, "decided", cohort),
            row.flag("right"),
        )
        for row in part.rows(key)
    )


def _listed(row: Part, key: str, cohort: Cohort) -> str:
    return words.listing([cohort.question(name) for name in row.texts(key)]) or "no label"


def _part_name(row: Part, cohort: Cohort) -> str:
    of, name = row.need_text("of"), row.need_text("name")
    if of == "class":
        return cohort.question(name)
    return f"cluster {name}" if of == "cluster" else f"{words.attribute(of)}: {name}"


def _slice(row: Part, cohort: Cohort) -> Slice:
    error, rest, difference = (read_score(key, row.part(key)) for key in ("error", "rest", "difference"))
    return Slice(
        _part_name(row, cohort),
        row.need_count("records"),
        row.need_count("errors"),
        error,
        rest,
        difference,
        words.p_value(row.number("p_holm")),
        row.flag("beyond_chance"),
    )


def _cluster(row: Part, cohort: Cohort) -> Cluster:
    frequent = [
        f"{_part_name(one, cohort)} ({words.integer(one.need_count('inside'))} of "
        f"{words.integer(one.need_count('records'))}; elsewhere {words.integer(one.need_count('outside'))} of "
        f"{words.integer(one.need_count('rest'))})"
        for one in row.rows("frequent")
    ]
    confusions = [
        f"{_listed(one, 'truth', cohort)} taken for {_listed(one, 'decided', cohort)}, "
        f"{words.plural(one.need_count('records'), 'record')}"
        for one in row.rows("confusions")[:CONFUSIONS]
    ]
    examples = tuple(round(number) for number in row.numbers("examples"))
    return Cluster(_slice(row, cohort), tuple(frequent), tuple(confusions), examples)
