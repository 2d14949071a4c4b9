"""How precisely each figure is known on this test set, and what it would take to know it better."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part
from automed.report.cohort import Cohort
from automed.report.results import Score, read_score

FIGURES = {"sensitivity": "Sensitivity", "specificity": "Specificity", "auroc": "AUROC", "macro_f1": "Macro-F1"}
NAMED = 3  # sentences above the table


@dataclass(frozen=True)
class Known:
    """One figure: how wide its interval is, and how many events would make it as narrow as wished."""

    title: str
    of: str
    score: Score
    half_width: float | None
    design_effect: float | None
    needed: int | None
    sentence: str


@dataclass(frozen=True)
class Precision:
    """What this test set can show."""

    margin: float
    records: int
    patients: int
    figures: tuple[Known, ...]

    @property
    def wide(self) -> tuple[Known, ...]:
        """Those whose interval is wider than wished, or that have none; the worst first."""
        lacking = [one for one in self.figures if one.half_width is None or one.half_width > self.margin]
        return tuple(sorted(lacking, key=lambda one: -1.0 if one.half_width is None else -one.half_width))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What this test set cannot show, of its least certain figures."""
        if not self.wide:
            return (f"Every interval lies within ±{words.decimal(self.margin)} of its figure.",)
        known = [one for one in self.wide if one.half_width is not None] or list(self.wide)
        return tuple(one.sentence for one in known[:NAMED])

    @property
    def counted(self) -> str:
        """How many figures are as precise as wished."""
        good = len(self.figures) - len(self.wide)
        return (
            f"{words.integer(good)} of {words.plural(len(self.figures), 'figure')} "
            f"{'is' if good == 1 else 'are'} known to within ±{words.decimal(self.margin)}."
        )


def read_precision(part: Part, cohort: Cohort) -> Precision | None:
    """The precision panel; None where it was not made."""
    if not part.value:
        return None
    figures = tuple(_known(row, cohort) for row in part.rows("figures"))
    return Precision(part.need_number("margin"), part.need_count("records"), part.need_count("patients"), figures)


def _known(row: Part, cohort: Cohort) -> Known:
    figure, key = row.need_text("figure"), row.text("of")
    return Known(
        FIGURES.get(figure, words.label(figure).capitalize()),
        cohort.question(key),
        read_score(figure, row),
        row.number("half_width"),
        row.number("design_effect"),
        row.count("needed"),
        cohort.renamed(row.text("sentence") or "", "of"),
    )
