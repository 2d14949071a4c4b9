"""ROC, precision and recall, and net benefit of each question, drawn."""

from __future__ import annotations

from automed.report import words
from automed.report.charts import Chart, Line, draw
from automed.report.figures import Figure
from automed.report.performance.operating import Asked, Operating
from automed.report.results import Score

DRAWN = 12  # questions
BASELINES = (("--warm", "6 3"), ("--third", "4 3"), ("--against", "2 2"), ("--pale", "8 3"))  # colour and dashes


def curves(found: Operating, areas: dict[str, Score]) -> dict[str, list[Figure]]:
    """Of each question its curves; of a question that cannot be estimated none.

    Args:
        found: the operating points.
        areas: AUROC by the name of a question, where it is known.
    """
    drawn = {}
    for place, one in enumerate(found.questions[:DRAWN]):
        figures = [_roc(one, place, areas.get(one.name)), _pr(one, place), _benefit(one, place)]
        drawn[one.key] = [figure for figure in figures if figure is not None]
    return drawn


def _roc(one: Asked, place: int, area: Score | None) -> Figure | None:
    if len(one.roc.points) < 2:
        return None
    sensitivity, specificity = one.score("sensitivity"), one.score("specificity")
    lines = [Line("the model", one.roc.points, one.roc.band)]
    lines += _here(None if specificity.value is None else 1 - specificity.value, sensitivity.value)
    alt = f"ROC curve for {one.name}: "
    alt += f"AUROC {area.text}. " if area and area.value is not None else ""
    alt += f"At the threshold of {one.shown} sensitivity is {sensitivity.text} and specificity {specificity.text}."
    chart = Chart(tuple(lines), "1 − specificity (false alarms)", "sensitivity", diagonal="chance")
    return Figure(f"roc-{place}", f"ROC curve: {one.name}", alt, draw(chart, alt), None)


def _pr(one: Asked, place: int) -> Figure | None:
    if len(one.pr.points) < 2:
        return None
    ppv, sensitivity, share = one.score("ppv"), one.score("sensitivity"), one.score("prevalence")
    lines = [Line("the model", one.pr.points, one.pr.band)]
    if share.value is not None:
        line = ((0.0, share.value), (1.0, share.value))
        lines.append(Line(f"chance: {share.shown}", line, colour="--muted", width=1.2, dashes="2 3"))
    lines += _here(sensitivity.value, ppv.value)
    alt = (
        f"Precision and recall for {one.name}: at the threshold of {one.shown} the share of right ones among the "
        f"flagged is {ppv.text}, at a sensitivity of {sensitivity.shown}; chance would give {share.shown}."
    )
    chart = Chart(tuple(lines), "sensitivity (recall)", "PPV (precision)")
    return Figure(f"pr-{place}", f"Precision and recall: {one.name}", alt, draw(chart, alt), None)


def _here(x: float | None, y: float | None) -> list[Line]:
    """The dot of the operating threshold."""
    return [] if x is None or y is None else [Line("threshold", ((x, y),), colour="--ink", width=0, dots=4)]


def _benefit(one: Asked, place: int) -> Figure | None:
    found = one.benefit
    if len(found.model.points) < 2:
        return None
    lines = [Line("the model", found.model.points, found.model.band)]
    lines.append(Line("flag everyone", found.everyone.points, colour="--muted", width=1.4))
    end = found.model.points[-1][0]
    lines.append(Line("flag no one", ((0.0, 0.0), (end, 0.0)), colour="--muted", width=1.4, dashes="2 3"))
    for at, (name, curve) in enumerate(found.baselines):
        colour, dashes = BASELINES[at % len(BASELINES)]
        lines.append(Line(words.baseline(name), curve.points, colour=colour, width=1.5, dashes=dashes))
    if one.threshold < end and found.net_benefit.value is not None:
        lines += _here(one.threshold, found.net_benefit.value)
    top = max(y for line in lines for _, y in line.points)
    top = max(top, *(high for _, _, high in found.model.band))
    alt = f"Net benefit for {one.name} over threshold probabilities. {found.sentence}"
    if found.gain.value is not None:
        alt += f" At the threshold of {one.shown} it gains {found.gain.text} over the better of everyone and no one."
    high = _above(top)
    chart = Chart(tuple(lines), "threshold probability", "net benefit", x=(0.0, end), y=(-0.25 * high, high))
    note = "Net benefit: cases found a record, less false alarms at the price that the threshold sets."
    return Figure(f"benefit-{place}", f"Net benefit: {one.name}", alt, draw(chart, alt), None, note)


def _above(value: float) -> float:
    """The next number by 1, 2 or 5 times a power of ten, or half-way: where an axis ends."""
    return next((step for step in (0.02, 0.04, 0.08, 0.12, 0.16, 0.2, 0.3, 0.4, 0.6, 0.8) if value <= step), 1.0)
