"""Groups of patients drawn: every figure of the first question and of all classes together, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from automed.report import dots, words
from automed.report.audit.groups import ASKED, OVERALL, Division
from automed.report.audit.read import Audit
from automed.report.figures import Figure
from automed.report.performance.read import Performance
from automed.report.results import Results, Score

# In the order of the page; the first one that can be drawn is open.
OF_QUESTION = ("sensitivity", "specificity", "ppv", "auroc", "calibration_slope")
OF_ALL = ("macro_f1", "auroc", "calibration_slope")
RIGHT_AT_1 = "1 is right."

Whole = Mapping[tuple[str, str | None], Score]


@dataclass(frozen=True)
class Forest:
    """The forest plots of one attribute, and the titles of those of which no group can be estimated."""

    figures: tuple[Figure, ...]
    lacking: tuple[str, ...]


def whole(results: Results | None, told: Performance | None) -> Whole:
    """The same figures of all records together, by their key and the name of the question; where they are known."""
    found: dict[tuple[str, str | None], Score] = {}
    if told and told.precision:
        found.update({(one.score.key, one.of): one.score for one in told.precision.figures})
    if told and told.calibration:
        found.update({("calibration_slope", one.name): one.after.score("slope") for one in told.calibration.questions})
        found["calibration_slope", None] = told.calibration.after.score("slope")
    if results:
        found.update({(key, None): results.test.score(key) for key in ("macro_f1", "auroc")})
    return found


def figures(audit: Audit, of_all: Whole) -> dict[str, Forest]:
    """Of each attribute the forest plots, within `svg.drawing`.

    Args:
        audit: of one finalist.
        of_all: what `whole` gives.
    """
    singles = [division for division in audit.divisions if not division.crossing]
    return {division.key: _of(division, place, of_all) for place, division in enumerate(singles)}


def _of(division: Division, place: int, of_all: Whole) -> Forest:
    drawn: dict[str, Figure | None] = {}

    def draw(title: str, key: str, question: str | None, rows: list[tuple[str, Score]]) -> None:
        name = f"group-{key}-{place}" if question is None else f"group-asked-{key}-{place}"
        known = of_all.get((key, question), Score(key, None))
        figure = dots.by_group(name, title, division.title, rows, known)
        if figure and key == "calibration_slope":
            figure = replace(figure, note=f"{RIGHT_AT_1} {figure.note}".strip())
        drawn[title] = figure

    # Of the first question, which matters most; the tables have the others.
    for asked, name in division.asked[:1]:
        for key in (key for key in OF_QUESTION if key in division.scores(asked)):
            rows = [(row.name, row.asked(asked).score(key)) for row in division.rows]
            draw(f"{ASKED[key]} for {name}", key, name, rows)
    for key in (key for key in OF_ALL if key in division.figures):
        title = f"{OVERALL[key]} of all {words.CLASS[1]}" if key == "calibration_slope" else OVERALL[key]
        draw(title, key, None, [(row.name, row.score(key)) for row in division.rows])
    found = [figure for figure in drawn.values() if figure is not None]
    return Forest(tuple(found), tuple(title for title, figure in drawn.items() if figure is None))
