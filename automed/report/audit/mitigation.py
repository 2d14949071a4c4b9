"""Ways of narrowing gaps that were tried, each beside plain training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automed.report import words
from automed.report.artefact import Part, read
from automed.report.cohort import Cohort
from automed.report.results import Score, read_reason, read_score

METHODS = {
    "plain": "Plain training",
    "reweight": "Reweighting",
    "resample": "Resampling",
    "penalty": "Fairness penalty",
    "thresholds": "Thresholds by group",
}
MEASURES = {
    "macro_f1": "Macro-F1",
    "worst_group": "Worst group's macro-F1",
    "gap": "Largest gap in sensitivity",
}


@dataclass(frozen=True)
class Change:
    """A measure of one method minus that of plain training; `p` is corrected for the number of methods."""

    score: Score
    p: str

    @property
    def text(self) -> str:
        """ "+.02 (−.01 to .05), p = .41"."""
        if self.score.value is None:
            return f"change not estimable: {self.score.why}"
        sign = "+" if self.score.value > 0 else ""
        return f"{sign}{self.score.short(3)}, {self.p}"


@dataclass(frozen=True)
class Method:
    """One line of the table; `reason` says why there is no model of it."""

    title: str
    plain: bool
    setting: str
    note: str
    reason: str | None
    scores: tuple[Score, ...]  # in the order of MEASURES
    where: tuple[str, ...]  # of each, which group, or between which two
    changes: tuple[Change | None, ...]  # likewise


@dataclass(frozen=True)
class Mitigation:
    """What mitigation.json holds."""

    attribute: str
    why: str
    methods: tuple[Method, ...]
    left_out: tuple[tuple[str, int, str], ...]
    verdict: str
    conclusion: str
    caveats: tuple[str, ...]


def read_mitigation(file: Path, cohort: Cohort) -> Mitigation | None:
    """What was tried; None where nothing was; raises RunError where the file is damaged."""
    found = read(file)
    if found is None:
        return None
    of = found.part("attribute")
    left_out = [
        (row.need_text("name"), row.need_count("n"), read_reason(row.text("reason")) or "")
        for row in found.rows("groups")
        if "reason" in row
    ]
    return Mitigation(
        words.attribute(of.text("key") or "not recorded"),
        words.sentence(of.text("why") or ""),
        tuple(_method(row, cohort) for row in found.rows("rows")),
        tuple(left_out),
        found.text("verdict") or "undecided",
        found.text("conclusion") or "What may be concluded is not recorded.",
        tuple(dict.fromkeys(words.sentence(text) for text in found.texts("caveats"))),
    )


def _method(row: Part, cohort: Cohort) -> Method:
    key = row.need_text("method")
    against = row.part("against")
    parts = [row.part(measure) for measure in MEASURES]
    reason = read_reason(row.text("reason"))
    return Method(
        METHODS.get(key, words.label(key).capitalize()),
        key == "plain",
        _setting(row.part("setting")),
        words.sentence(row.text("note") or ""),
        reason,
        tuple(read_score(measure, part) for measure, part in zip(MEASURES, parts, strict=True)),
        tuple(_where(part, cohort) for part in parts),
        tuple(_change(measure, against.part(measure)) if measure in against else None for measure in MEASURES),
    )


def _setting(part: Part) -> str:
    """What was searched, where something was: "strength 1, the best for the worst validation group ..."."""
    strength = part.number("strength")
    found = [] if strength is None else [f"strength {strength:g}"]
    return ", ".join([*found, *filter(None, [part.text("rule")])])


def _where(part: Part, cohort: Cohort) -> str:
    if group := part.text("group"):
        return group
    low_high = part.texts("between")
    return f"{' and '.join(low_high)}, {cohort.question(part.text('question'))}" if low_high else ""


def _change(measure: str, part: Part) -> Change:
    low, high = part.pair("ci95") or (None, None)
    score = Score(measure, part.number("difference"), low, high, reason=read_reason(part.text("reason")))
    return Change(score, words.p_value(part.number("p_holm")))
