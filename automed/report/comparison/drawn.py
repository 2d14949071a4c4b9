"""The drawings of a page of several runs."""

from __future__ import annotations

from automed.report import dots, words
from automed.report.comparison.side_by_side import SideBySide
from automed.report.dots import Mark
from automed.report.figures import Figure
from automed.report.results import Score


def figures(view: SideBySide) -> dict[str, Figure | None]:
    """By name what is drawn, within `svg.drawing`; None where nothing of it is estimable."""
    return {
        "models": _metric(view, "models", "macro_f1"),
        "auroc": _metric(view, "auroc", "auroc"),
        "differences": _differences(view),
    }


def _metric(view: SideBySide, name: str, key: str) -> Figure | None:
    rows = [(one.name, one.score(key)) for one in view.ranked]
    return dots.by_group(name, f"Test {words.inline(key)}", "run", rows, Score(key, None))


def _differences(view: SideBySide) -> Figure | None:
    tests = view.tests
    found = [(other.name, test.score) for other in (tests.others if tests else ()) if (test := other.find("macro_f1"))]
    if not any(score.value is not None for _, score in found):
        return None
    title = f"Macro-F1 of {view.first.name} minus that of each other, with {words.CI}s"
    marks = [Mark(name, score) for name, score in found]
    return dots.differences_of("differences", title, view.sentence, marks, f"Right of 0: {view.first.letter} is ahead")
