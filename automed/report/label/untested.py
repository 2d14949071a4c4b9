"""What was never tested: the sentence that a figure cannot say."""

from __future__ import annotations

from markupsafe import Markup

from automed.report import words
from automed.report.facts import Candidate, Facts
from automed.report.label.names import named

NAMED = 4  # groups that are too small, and attributes


def untested(facts: Facts, candidate: Candidate) -> tuple[Markup, ...]:
    """Where nothing is known of a finalist, from far to near; each run lacks at least the first two."""
    return (
        _elsewhere(facts, candidate),
        Markup("Use: not tried in a clinic, beside clinicians, or over time."),
        *_small_groups(candidate),
        *_groups(candidate),
        *_worse_input(candidate),
        *_explanations(candidate),
    )


def _elsewhere(facts: Facts, candidate: Candidate) -> Markup:
    text = "Other sources: no external testing."
    if facts.source.split == "site":
        return Markup(f"{text} The sites of the test set were in no other set, but are of the same source.")
    if candidate.robustness and candidate.robustness.sites and candidate.robustness.sites.rows:
        return Markup(f"{text} Within this source, sites were left out of the training in turn.")
    return Markup(f"{text} All records are of one source.")


def _small_groups(candidate: Candidate) -> list[Markup]:
    """Groups of one attribute of which too few are in the test to say anything."""
    divisions = candidate.audit.divisions if candidate.audit else ()
    small = [
        Markup("{} ({})").format(named(f"{division.title} {row.name}"), words.plural(row.n, "record"))
        for division in divisions
        if not division.crossing
        for row in division.rows
        if row.reason is not None
    ]
    if not small:
        return []
    more = len(small) - NAMED
    text = Markup(", ").join(small[:NAMED]) + (f" and {words.plural(more, 'other group')}" if more > 0 else "")
    return [Markup("Groups that are too small: {}.").format(text)]


def _groups(candidate: Candidate) -> list[Markup]:
    # Where an audit found nothing to compare, it stands among the known failures.
    return [] if candidate.audit else [Markup("Differences between groups of patients: not examined.")]


def _worse_input(candidate: Candidate) -> list[Markup]:
    tried = candidate.robustness is not None and candidate.robustness.inputs
    return [] if tried else [Markup("Worse input, as blur or noise: not tried.")]


def _explanations(candidate: Candidate) -> list[Markup]:
    return [] if candidate.explanations else [Markup("What its answers rest on: not examined.")]
