"""The pages of a run: `report.html` for each finalist and `index.html`, one file each, without script or network."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from automed.report import dots, matrix, story, tables, words
from automed.report.audit import forest, gaps, groups, mitigation
from automed.report.dots import Mark
from automed.report.explanations import overview
from automed.report.facts import Candidate, Facts, gather
from automed.report.figures import Figure, learning_curves
from automed.report.performance import calibration, certainty, curves, operating, robustness
from automed.report.results import Score, Tested, meaning
from automed.report.svg import drawing
from automed.run import Run, write_text

# Nothing may be fetched or run, whatever a class is called: pictures and style are inside the page.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
LEADERBOARD_ROWS = 25


def render(run: Run) -> list[Path]:
    """Write report.html of each finalist and index.html from what the run left behind.

    Stages that have not been done are said to be missing on the page. The same artefacts give the same bytes.

    Returns:
        The files written, the reports by rank and the index last, so that its links never lead nowhere.

    Raises:
        RunError: names the artefact that is damaged, or the file that cannot be written.
    """
    facts = gather(run)
    written = []
    for finalist, candidate in zip(run.finalists(), facts.candidates, strict=True):
        write_text(finalist.report, report(facts, candidate))
        written.append(finalist.report)
    write_text(run.index, index(facts))
    return [*written, run.index]


def report(facts: Facts, candidate: Candidate) -> str:
    """The page of one finalist."""
    results, board = candidate.results, facts.board
    finding, confusion = "", None
    with drawing():
        if results:
            finding, confusion = _confusion(facts, results.test)
        noun = words.LABEL if facts.labelled else words.CLASS
        figures = {
            "curves": learning_curves(facts.curves, board, own=candidate.number),
            "leaderboard": dots.leaderboard(board, own=candidate.number) if board else None,
            "forest": dots.forest(results.test.scores) if results else None,
            "differences": dots.differences(results.versus()) if results else None,
            "classes": dots.per_class(results.test.classes, noun) if results else None,
            "confusion": confusion,
        }
        traces = _traces(candidate)
        drawn = _drawn(candidate)
    told = candidate.explanations
    overviews = [overview.figures(told, method, place) for place, method in enumerate(told.methods)] if told else []
    return _fill(
        "report.html",
        facts,
        figures,
        candidate=candidate,
        finding=finding,
        traces=traces,
        drawn=drawn,
        overviews=overviews,
        root="../../index.html",
    )


def _drawn(candidate: Candidate) -> dict[str, Any]:
    """The figures of what was asked besides scores, within `svg.drawing`, by their part of the page."""
    told = candidate.performance
    calibrated, operated, selected = (told.calibration, told.operating, told.selective) if told else (None,) * 3
    whole: dict[str | None, Score] = {}
    if told:
        whole.update(told.sensitivities)
    if candidate.results:
        whole[None] = candidate.results.test.score("macro_f1")
    return {
        "calibration": calibration.diagrams(calibrated) if calibrated else [],
        "operating": curves.curves(operated, told.areas) if told and operated else {},
        "risk": certainty.risk(selected) if selected else None,
        "groups": forest.figures(candidate.audit, whole) if candidate.audit else {},
        "robustness": robustness.figures(candidate.robustness) if candidate.robustness else {},
    }


def _confusion(facts: Facts, test: Tested) -> tuple[str, Figure | None]:
    """What is taken for what, in words and drawn; of labels what is found and missed."""
    if facts.labelled:
        finding = tables.finding(test)
        return finding, tables.two_by_two(test.tables, finding)
    names = facts.cohort.names if facts.cohort else ()
    figure = matrix.confusion(test.confusion, names)
    return matrix.finding(test.confusion, names) if figure else "", figure


def _traces(candidate: Candidate) -> dict[tuple[int, int, int], Markup]:
    """The drawings of those inputs of example cases that need one, by group, case and input."""
    drawn = {
        (g, c, i): shown.drawing(f"trace-{g}-{c}-{i}", case.alt(shown))
        for g, group in enumerate(candidate.examples)
        for c, case in enumerate(group.cases)
        for i, shown in enumerate(case.inputs)
    }
    return {place: markup for place, markup in drawn.items() if markup is not None}


def index(facts: Facts) -> str:
    """The page of the run."""
    with drawing():
        figures = {
            "curves": learning_curves(facts.curves, facts.board),
            "leaderboard": dots.leaderboard(facts.board) if facts.board else None,
            "models": dots.models(_tested(facts)),
        }
    return _fill("index.html", facts, figures, root=None)


def _tested(facts: Facts) -> list[Mark]:
    marks: list[Mark] = []
    baselines: dict[str, Score] = {}
    for candidate in facts.candidates:
        if candidate.results:
            marks.append(Mark(f"{candidate.rank}. {candidate.architecture}", candidate.results.test.score("macro_f1")))
            baselines |= {name: tested.score("macro_f1") for name, tested in candidate.results.baselines}
    return marks + [Mark(words.baseline(name), score, "baseline") for name, score in baselines.items()]


def _fill(template: str, facts: Facts, figures: dict[str, Figure | None], **more: Any) -> str:
    return (
        environment()
        .get_template(template)
        .render(facts=facts, figures=figures, policy=POLICY, style=_style(), rows=LEADERBOARD_ROWS, **more)
    )


@cache
def environment() -> Environment:
    """The templates of this package; every value is escaped, and a name that does not exist is an error."""
    made = Environment(
        loader=PackageLoader("automed.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (
        words.decimal,
        words.integer,
        words.percent,
        words.duration,
        words.plural,
        words.label,
        words.capitalize_first,
        words.headed,
    ):
        made.filters[function.__name__] = function
    made.filters["listing"] = words.listing
    made.filters["baseline"] = words.baseline
    made.filters["brief"] = words.brief
    made.globals.update(story=story, ci=words.CI, meaning=meaning)
    # What the tables are headed with.
    made.globals.update(calibrated=calibration, operated=operating, gapped=gaps, grouped=groups, mitigated=mitigation)
    return made


@cache
def _style() -> Markup:
    # Ours, and no value from a run goes into it.
    return Markup((resources.files("automed.report") / "templates" / "style.css").read_text(encoding="utf-8"))
