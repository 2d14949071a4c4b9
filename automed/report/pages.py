"""The pages of a run: `report.html` for each finalist and `index.html`, one file each, without network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from automed.report import dots, matrix, scripts, story, tables, words
from automed.report.audit import forest, gaps, groups, mitigation
from automed.report.checklists.fill import fill
from automed.report.comparison import drawn as compared
from automed.report.comparison.side_by_side import SideBySide
from automed.report.dots import Mark
from automed.report.explanations import overview
from automed.report.explanations.layers import Beneath
from automed.report.facts import Candidate, Facts, gather
from automed.report.figures import Figure, learning_curves
from automed.report.found import finalists, importance
from automed.report.label.label import read_label
from automed.report.language.names import data_of
from automed.report.language.translate import translate
from automed.report.model_card import model_card
from automed.report.performance import calibration, certainty, curves, operating, robustness, slider
from automed.report.records.flow import flow
from automed.report.results import Score, Tested, meaning
from automed.report.review import form
from automed.report.svg import drawing
from automed.report.thin import fitted
from automed.report.twin import twin
from automed.run import Run, write_json, write_text

LEADERBOARD_ROWS = 25


def render(run: Run) -> list[Path]:
    """Write report.html of each finalist, with its twin and model card, and index.html from what the run left behind.

    Stages that have not been done are said to be missing on the page. The same artefacts give the same bytes.

    Returns:
        The pages written, the reports by rank and the index last, so that its links never lead nowhere.

    Raises:
        RunError: names the artefact that is damaged, or the file that cannot be written.
    """
    facts = gather(run)
    written = []
    for finalist, candidate in zip(run.finalists(), facts.candidates, strict=True):
        write_text(finalist.report, report(facts, candidate))
        write_json(finalist.twin, twin(facts, candidate), indent=None)  # for machines, and half the size
        write_text(finalist.card, model_card(facts, candidate))
        written.append(finalist.report)
    write_text(run.index, index(facts))
    return [*written, run.index]


def report(facts: Facts, candidate: Candidate) -> str:
    """The page of one finalist, no larger than it may be."""
    return fitted(partial(_report, facts), candidate)


def _report(facts: Facts, candidate: Candidate, thinned: str) -> str:
    results, board = candidate.results, facts.board
    finding, confusion = "", None
    with drawing():
        if results:
            finding, confusion = _confusion(facts, results.test)
        noun = words.LABEL if facts.labelled else words.CLASS
        figures = {
            "curves": learning_curves(facts.curves, board, own=candidate.number),
            "leaderboard": dots.leaderboard(board, own=candidate.number) if board else None,
            "importance": importance.bars(facts.importance),
            "forest": dots.forest(results.test.scores) if results else None,
            "differences": dots.differences(results.versus()) if results else None,
            "classes": dots.per_class(results.test.classes, noun) if results else None,
            "confusion": confusion,
        }
        traces = _traces(candidate)
        drawn = _drawn(candidate)
        reviewed = form.drawings(candidate.subject) if candidate.subject else {}
    told = candidate.explanations
    overviews = [overview.figures(told, method, place) for place, method in enumerate(told.methods)] if told else []
    page = _fill(
        "report.html",
        facts,
        figures,
        candidate=candidate,
        model_facts=read_label(facts, candidate),
        finding=finding,
        traces=traces,
        drawn=drawn,
        overviews=overviews,
        checklists=fill(facts, candidate),
        reviewed=reviewed,
        pictures=_pictures(candidate),
        thinned=thinned,
        scripted=[*(["slider"] if drawn["slider"] else []), *(["review"] if candidate.subject else [])],
        root="../../index.html",
    )
    return form.shared(page)


def _pictures(candidate: Candidate) -> dict[str, str]:
    """The pictures that layers lie over, by their class, each once."""
    told, subject = candidate.explanations, candidate.subject
    shown = [one for case in (told.cases if told else ()) for one in case.plain]
    shown += [one for item in (subject.items if subject else ()) for one in item.inputs]
    return {one.known: one.picture for one in shown if isinstance(one, Beneath)}


def _drawn(candidate: Candidate) -> dict[str, Any]:
    """The figures of what was asked besides scores, within `svg.drawing`, by their part of the page."""
    told = candidate.performance
    calibrated, operated, selected = (told.calibration, told.operating, told.selective) if told else (None,) * 3
    return {
        "calibration": calibration.diagrams(calibrated) if calibrated else [],
        "operating": curves.curves(operated, told.areas) if told and operated else {},
        "slider": slider.panel(operated) if operated else None,
        "risk": certainty.risk(selected) if selected else None,
        "groups": forest.figures(candidate.audit, forest.whole(candidate.results, told)) if candidate.audit else {},
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
            "importance": importance.bars(facts.importance),
            "models": dots.models(_tested(facts)),
        }
    return _fill("index.html", facts, figures, side_by_side=finalists.lines(facts), root=None)


def comparison(view: SideBySide) -> str:
    """The page of several runs."""
    with drawing():
        figures = compared.figures(view)
    return _fill("comparison.html", view, figures)


def _tested(facts: Facts) -> list[Mark]:
    marks: list[Mark] = []
    baselines: dict[str, Score] = {}
    for candidate in facts.candidates:
        if candidate.results:
            marks.append(Mark(f"{candidate.rank}. {candidate.architecture}", candidate.results.test.score("macro_f1")))
            baselines |= {name: tested.score("macro_f1") for name, tested in candidate.results.baselines}
    return marks + [Mark(words.baseline(name), score, "baseline") for name, score in baselines.items()]


def _fill(
    template: str,
    facts: Facts | SideBySide,
    figures: dict[str, Figure | None],
    scripted: Sequence[str] = (),
    **more: Any,
) -> str:
    """The page; `scripted` names the scripts that it holds."""
    inlined = [scripts.inline(name) for name in scripted]
    more |= {"policy": scripts.policy(scripted), "scripts": inlined, "style": _style(), "rows": LEADERBOARD_ROWS}
    page = environment().get_template(template).render(facts=facts, figures=figures, **more)
    language = facts.plan.language if isinstance(facts, Facts) else facts.language
    if language == "en":
        return page
    data = data_of(facts, more.get("candidate")) if isinstance(facts, Facts) else facts.names
    return translate(page, language, data)


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
    made.globals.update(story=story, ci=words.CI, meaning=meaning, flow=flow)
    made.globals.update(embedded=scripts.data, slid=slider, reviewing=form)
    # What the tables are headed with.
    made.globals.update(calibrated=calibration, operated=operating, gapped=gaps, grouped=groups, mitigated=mitigation)
    return made


@cache
def _style() -> Markup:
    # Ours, and no value from a run goes into it.
    return Markup((resources.files("automed.report") / "templates" / "style.css").read_text(encoding="utf-8"))
