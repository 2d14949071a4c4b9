"""What on the pages of a run belongs to its data, where no element can set it apart: in drawings, and in prose."""

from __future__ import annotations

from collections.abc import Iterator

from automed.report import words
from automed.report.facts import Candidate, Facts
from automed.report.inputs.signal import Signal, Trace
from automed.report.inputs.tabular import Tabular


def data_of(facts: Facts, candidate: Candidate | None = None) -> set[str]:
    """Texts of the recipe and the data: titles, classes, inputs, their channels, columns and words."""
    plan, cohort = facts.plan, facts.cohort
    found = {plan.name, plan.title, plan.intended_use, plan.out_of_scope, facts.folder}
    if cohort:
        found.update(text for label in cohort.classes for text in (label.key, label.name))
        found.update(one.name for one in cohort.inputs)
        found.update(words.attribute(key) for key in cohort.sensitive)
    for one in facts.candidates:
        for division in one.audit.divisions if one.audit else ():
            found.update((division.title, *(row.name for row in division.rows)))
    if candidate:
        found.update(_explained(candidate))
    return {text for text in found if text}


def _explained(candidate: Candidate) -> Iterator[str]:
    """Of what drawings name: channels, columns, words and regions come from the data, whatever they say."""
    for group in candidate.examples:
        for case in group.cases:
            for shown in case.inputs:
                yield shown.name
                if isinstance(shown, Trace):
                    yield from (channel.name for channel in shown.channels)
    told = candidate.explanations
    for method in told.methods if told else ():
        for name, part in method.overview:
            yield name
            yield from (row.need_text("name") for row in part.rows("elements"))
            yield from (region for region in part.part("regions").value if region != "elsewhere")
    for one in told.inputs if told else ():
        yield one.name
        if isinstance(one, Signal):
            yield from one.channels
        if isinstance(one, Tabular):
            yield from (feature.name for feature in one.features)
