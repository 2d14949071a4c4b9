"""Groups of patients drawn: sensitivity and macro-F1 of each, with intervals."""

from __future__ import annotations

from automed.report import dots
from automed.report.audit.groups import Division
from automed.report.audit.read import Audit
from automed.report.figures import Figure
from automed.report.results import Score


def figures(audit: Audit, whole: dict[str | None, Score]) -> dict[str, list[Figure]]:
    """Of each attribute the forest plots, within `svg.drawing`.

    Args:
        audit: of one finalist.
        whole: of all records together macro-F1 under None, and sensitivity by the name of a question; where known.
    """
    singles = [division for division in audit.divisions if not division.crossing]
    return {division.key: _of(division, place, whole) for place, division in enumerate(singles)}


def _of(division: Division, place: int, whole: dict[str | None, Score]) -> list[Figure]:
    drawn = []
    for key, name in division.asked[:1]:
        rows = [(row.name, row.asked(key).score("sensitivity")) for row in division.rows]
        known = whole.get(name, Score("sensitivity", None))
        drawn.append(dots.by_group(f"sensitivity-{place}", f"Sensitivity for {name}", division.title, rows, known))
    rows = [(row.name, row.score("macro_f1")) for row in division.rows]
    known = whole.get(None, Score("macro_f1", None))
    drawn.append(dots.by_group(f"macro-{place}", "Macro-F1", division.title, rows, known))
    return [figure for figure in drawn if figure is not None]
