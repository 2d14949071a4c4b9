"""What happens to the test when inputs are worse, and at a site that the training has not seen: robustness.json."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from automed.report import dots, words
from automed.report.artefact import Part, read
from automed.report.dots import Mark
from automed.report.figures import Figure
from automed.report.results import Score, read_reason, read_score


@dataclass(frozen=True)
class Level:
    """One corruption at one severity: macro-F1, and by how much it differs from the clean test."""

    severity: int
    amount: str
    score: Score
    difference: Score


@dataclass(frozen=True)
class Corruption:
    """One way in which an input goes wrong."""

    noun: str
    summary: str
    unit: str
    levels: tuple[Level, ...]
    relative: Score
    finding: str

    def at(self, severity: int) -> Level | None:
        return next((level for level in self.levels if level.severity == severity), None)


@dataclass(frozen=True)
class Stressed:
    """One input under every corruption that suits it."""

    name: str
    n: int
    corruptions: tuple[Corruption, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Site:
    """One site: a network that never saw it, and the finalist on the same records."""

    name: str
    n: int
    trained_on: int | None
    reason: str | None
    without: Score
    within: Score
    difference: Score


@dataclass(frozen=True)
class Sites:
    """Leaving one site out; `reason` says why nothing was tried."""

    column: str
    reason: str | None
    rows: tuple[Site, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Robustness:
    """What robustness.json holds; without corruptions `severities` is empty."""

    records: str
    drawn: str | None
    severities: tuple[int, ...]
    clean: Score
    inputs: tuple[Stressed, ...]
    sites: Sites | None

    @cached_property
    def middle(self) -> int:
        """The severity that is spoken of."""
        return self.severities[len(self.severities) // 2]

    @property
    def findings(self) -> tuple[str, ...]:
        """What costs most, a sentence each; those first that are clear."""
        told = [
            (level.difference, corruption.finding)
            for one in self.inputs
            for corruption in one.corruptions
            if (level := corruption.at(self.middle)) and level.difference.high is not None
        ]
        clear = sorted(
            (pair for pair in told if pair[0].high is not None and pair[0].high < 0),
            key=lambda pair: pair[0].value or 0,
        )
        if not clear:
            return (f"No corruption costs macro-F1 beyond chance at severity {self.middle}.",) if told else ()
        return tuple(text for _, text in clear[:3])


def read_robustness(file: Path) -> Robustness | None:
    """The sheet; None where the test was not repeated; raises RunError where the file is damaged."""
    found = read(file)
    if found is None:
        return None
    n, of = found.count("n"), found.count("of")
    inputs = tuple(
        Stressed(
            name,
            part.count("n") or 0,
            tuple(_corruption(row) for row in part.rows("corruptions")),
            tuple((row.need_text("noun"), row.text("reason") or "not recorded") for row in part.rows("left_out")),
        )
        for name, part in found.part("inputs").parts()
    )
    records = "" if n is None else words.plural(n, "test record")
    severities = tuple(round(level) for level in found.numbers("severities")) if inputs else ()
    clean = read_score("macro_f1", found.part("clean").part("macro_f1"))
    sites = _sites(found.part("sites")) if "sites" in found else None
    return Robustness(records, found.text("drawn") if n != of else None, severities, clean, inputs, sites)


def _corruption(row: Part) -> Corruption:
    levels = tuple(
        Level(
            level.need_count("severity"),
            f"{level.need_number('amount'):g}",
            read_score("macro_f1", level.part("macro_f1")),
            read_score("difference", level.part("difference").part("macro_f1")),
        )
        for level in row.rows("severities")
    )
    return Corruption(
        row.need_text("noun"),
        row.text("summary") or "",
        row.text("unit") or "",
        levels,
        read_score("relative", row.part("relative")),
        row.text("finding") or "",
    )


def _sites(part: Part) -> Sites:
    return Sites(
        words.attribute(part.text("column") or "site"),
        part.text("reason"),
        tuple(_site(row) for row in part.rows("sites")),
        part.texts("notes"),
    )


def _site(row: Part) -> Site:
    paired = row.part("difference").part("macro_f1")
    low, high = paired.pair("ci95") or (None, None)
    return Site(
        row.need_text("site"),
        row.need_count("n"),
        row.count("trained_on"),
        read_reason(row.text("reason")),
        read_score("macro_f1", row.part("without").part("macro_f1")),
        read_score("macro_f1", row.part("within").part("macro_f1")),
        Score("difference", paired.number("difference"), low, high, reason=read_reason(paired.text("reason"))),
    )


def figures(found: Robustness) -> dict[str, Figure]:
    """Of each input what every corruption costs at the middle severity, within `svg.drawing`."""
    drawn = {one.name: _costs(one, found.middle, place) for place, one in enumerate(found.inputs) if found.severities}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _costs(one: Stressed, severity: int, place: int) -> Figure | None:
    rows = [(row.noun, level.difference) for row in one.corruptions if (level := row.at(severity))]
    known = [(noun, score) for noun, score in rows if score.value is not None]
    if not known:
        return None
    noun, worst = min(known, key=lambda row: row[1].value or 0.0)
    alt = f"Change of macro-F1 under each corruption of {one.name} at severity {severity}: "
    alt += f"most under {noun}, {worst.text}."
    return dots.differences_of(
        f"stress-{place}",
        f"Change of macro-F1 at severity {severity}: {one.name}, with {words.CI}s",
        alt,
        [Mark(noun, score) for noun, score in rows],
        "Left of 0: worse than on the clean test",
    )
