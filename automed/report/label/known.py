"""What is known to go wrong with a finalist, each with the place on the page where its evidence stands."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from automed.report import words
from automed.report.facts import Candidate, Facts
from automed.report.label.names import named
from automed.report.label.natural import tied
from automed.report.label.plain import least_found

MOST = 2  # kinds of worse input, and of slices, that are named; the sections hold all
NAMED = 4  # classes that are too rare to say anything of


@dataclass(frozen=True)
class Known:
    """One failure: `grave` where it alone may forbid the use; `place` is an id of the page."""

    title: str
    text: Markup
    place: str
    grave: bool = False


def known(facts: Facts, candidate: Candidate) -> tuple[Known, ...]:
    """Failures of a finalist, from grave to small; nothing where none was found or looked for."""
    return (
        *_leaks(facts),
        *_shortcuts(candidate),
        *_gaps(candidate),
        *_classes(facts, candidate),
        *_gathering(candidate),
        *_worse_input(candidate),
        *_baselines(facts, candidate),
    )


def _leaks(facts: Facts) -> list[Known]:
    if facts.cohort is None or facts.cohort.disjoint is not False:
        return []
    text = "Records of different sets belong together: every figure of the test is too good."
    return [Known("The sets are not disjoint.", Markup(text), "data", grave=True)]


def _shortcuts(candidate: Candidate) -> list[Known]:
    found = candidate.explanations.shortcuts if candidate.explanations else ()
    more = Markup("{} The model may have learnt something that is no sign of disease.")
    return [Known("Possible shortcut.", more.format(sentence), "explanations", grave=True) for sentence in found]


def _gaps(candidate: Candidate) -> list[Known]:
    if candidate.audit is None or candidate.audit.warning is None:
        return []
    title, text = candidate.audit.warning
    return [Known(title, Markup("{}").format(text), "groups", grave=candidate.audit.word == "beyond")]


def _classes(facts: Facts, candidate: Candidate) -> list[Known]:
    """What is found least often, and what is too rare to say."""
    found = []
    worst = least_found(candidate)
    if worst is not None:
        text = Markup("{}, recall {}.").format(named(worst.label.name), tied(worst.scores[1].short()))
        found.append(Known("Found least often:", text, "classes"))
    classes = candidate.results.test.classes if candidate.results else ()
    rare = [named(one.label.name) for one in classes if one.scores[1].value is None]
    if rare:
        more = len(rare) - NAMED
        listed = Markup(", ").join(rare[:NAMED]) + (f" and {words.integer(more)} more" if more > 0 else "")
        text = Markup("{}. How many of these it finds is not known.").format(listed)
        found.append(Known(f"Too rare to say of the {facts.noun if len(rare) == 1 else facts.nouns}:", text, "classes"))
    return found


def _gathering(candidate: Candidate) -> list[Known]:
    failures = candidate.performance.failures if candidate.performance else None
    worst = least_found(candidate)
    told = worst.label.name if worst else None
    slices = sorted(
        (
            one
            for one in (failures.slices if failures else ())
            if one.gathers and one.error.interval and one.title != told
        ),
        key=lambda one: -(one.error.value or 0.0),
    )[:MOST]
    return [
        Known(
            "Errors gather in", Markup("{}: wrong in {}.").format(named(one.title), tied(one.error.short())), "failures"
        )
        for one in slices
    ]


def _worse_input(candidate: Candidate) -> list[Known]:
    """What costs most beyond chance at the severity that is spoken of, and a site that the training had not seen."""
    sheet = candidate.robustness
    if sheet is None:
        return []
    costs = [
        (level.difference, f"{words.capitalize_first(corruption.noun)}, severity {sheet.middle}")
        for one in sheet.inputs
        for corruption in one.corruptions
        if (level := corruption.at(sheet.middle)) and (level.difference.high or 0.0) < 0
    ]
    if sheet.sites is not None:
        costs += [
            (site.difference, f"Trained without the site {site.name}")
            for site in sheet.sites.rows
            if (site.difference.high or 0.0) < 0
        ]
    costs.sort(key=lambda cost: cost[0].value or 0.0)
    return [
        Known("Costs macro-F1:", Markup("{}, {}.").format(named(what), tied(score.short())), "robustness")
        for score, what in costs[:MOST]
    ]


def _baselines(facts: Facts, candidate: Candidate) -> list[Known]:
    warning = facts.board.warning(candidate.row) if facts.board else None
    return [Known("A baseline is ahead.", Markup("{}").format(warning), "search")] if warning else []
