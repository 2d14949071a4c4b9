"""audit.json as typed view data: the verdict, the gaps, the groups, and what is known of what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automed.report import words
from automed.report.artefact import Part, read
from automed.report.audit.gaps import KINDS, VERDICTS, Gap, read_gap
from automed.report.audit.groups import Division, read_division
from automed.report.cohort import Cohort
from automed.report.explanations.verdicts import Verdict

ALL_NAMED = 3  # gaps named in the summary


@dataclass(frozen=True)
class Audit:
    """All that the page shows of groups of patients."""

    word: str  # beyond, within, undecided
    sentence: str
    limit: float
    min_group: int
    gate: tuple[str, ...]  # kinds that count
    divisions: tuple[Division, ...]
    gaps: tuple[Gap, ...]
    made_of: str  # records and patients
    resamples: int | None
    permutations: int | None

    @property
    def verdict(self) -> Verdict:
        return VERDICTS[self.word]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of gap that some division has, in the order of the page."""
        held = {gap.kind for gap in self.gaps}
        return tuple(key for key in KINDS if key in held)

    def gap(self, division: str, kind: str) -> Gap | None:
        return next((gap for gap in self.gaps if (gap.division, gap.kind) == (division, kind)), None)

    def of(self, division: str) -> tuple[Gap, ...]:
        """The gaps of one division, in the order of the page."""
        order = list(KINDS)
        own = [gap for gap in self.gaps if gap.division == division]
        return tuple(sorted(own, key=lambda gap: order.index(gap.kind) if gap.kind in order else len(order)))

    def counts(self, gap: Gap) -> bool:
        """Whether it takes part in the verdict."""
        return gap.kind in self.gate

    @property
    def _crossings(self) -> set[str]:
        return {division.key for division in self.divisions if division.crossing}

    @property
    def warning(self) -> tuple[str, str] | None:
        """What stands at the top of the page: in a word and a sentence; None where every gap is within the limit."""
        counted = [gap for gap in self.gaps if self.counts(gap)]
        beyond = [gap for gap in counted if gap.word == "beyond"]
        if beyond:
            # What holds for an attribute alone is easier to grasp than a crossing, and is not told twice.
            beyond.sort(key=lambda gap: (gap.division in self._crossings, -(gap.score.value or 0.0)))
            told = {(gap.division, gap.score.value, gap.high, gap.low): gap for gap in reversed(beyond)}
            named = [_named(gap) for gap in beyond if gap in told.values()]
            more = len(named) - ALL_NAMED
            shown = named[:ALL_NAMED] + ([f"{words.plural(more, 'other gap')}"] if more > 0 else [])
            return "Beyond the limit:", words.listing(shown) + "."
        if self.word == "within":
            return None
        if not self.gaps:
            return "Groups of patients were not compared:", self.sentence
        if not counted:
            return "Could not be decided:", "the recipe names no gap that counts (audit.gate)."
        undecided = sum(gap.word == "undecided" for gap in counted)
        return (
            "Could not be decided:",
            f"whether {words.integer(undecided)} of {words.plural(len(counted), 'gap')} between groups of patients "
            f"{'is' if undecided == 1 else 'are'} within the limit of {words.decimal(self.limit)}. That is not the "
            "same as being within it.",
        )


def _named(gap: Gap) -> str:
    """What differs by how much, as "sensitivity for Melanoma by skin tone, .64 in dark against .92 in light"."""
    what = gap.title.lower() if gap.kind != "worst_group" else "macro-F1"
    asked = f" for {gap.question}" if gap.kind != "worst_group" else ""
    text = f"{what}{asked} by {gap.by}"
    if gap.high is None or gap.low is None:
        return text
    sides = (
        f"{words.decimal(gap.low.value)} in {gap.low.group} against {words.decimal(gap.high.value)} in {gap.high.group}"
    )
    interval = f", {words.CI} {gap.score.interval}" if gap.score.interval else ""
    return f"{text}, {sides} (gap {gap.score.shown}{interval})"


def read_audit(file: Path, cohort: Cohort) -> Audit | None:
    """The audit of one finalist; None where it was not audited; raises RunError where the file is damaged."""
    found = read(file)
    if found is None:
        return None
    settings, interval = found.part("settings"), found.part("interval")
    word = found.text("verdict") or ""
    return Audit(
        word if word in VERDICTS else "undecided",
        found.text("sentence") or "What the audit found is not recorded.",
        settings.number("gap") or 0.0,
        settings.count("min_group") or 0,
        settings.texts("gate"),
        tuple(read_division(row, cohort) for row in found.rows("divisions")),
        tuple(read_gap(row, cohort) for row in found.rows("gaps")),
        _of(found, cohort),
        interval.count("resamples"),
        interval.count("permutations"),
    )


def _of(found: Part, cohort: Cohort) -> str:
    records, patients = found.count("n"), found.count("patients")
    text = "the test records" if records is None else words.plural(records, "test record")
    if patients is None or not cohort.patients_named:
        return text
    return f"{text} of {words.plural(patients, 'simulated patient' if cohort.phantom else 'patient')}"
