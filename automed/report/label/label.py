"""The model facts label: everything that the top of a report shows, from the facts of a run.

Source: Sendak et al. 2020, npj Digit Med 3:41 (Model Facts label), whose parts are followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from automed.report import words
from automed.report.facts import Candidate, Facts
from automed.report.label.known import Known, known
from automed.report.label.names import joined, named
from automed.report.label.natural import among, tied
from automed.report.label.plain import first_question, size, sought, summary, units
from automed.report.label.untested import untested
from automed.report.performance.operating import Asked
from automed.report.records.groups import Attribute
from automed.report.results import Score

NO_USE = "No intended use is stated: this model may not be used on patients."
CLASSES = 8  # more are counted, not named
GROUPS = 6  # likewise of one attribute
LIBRARIES = ("automed", "keras", "tensorflow", "jax", "torch")
DIGITS = 12  # of a hash


@dataclass(frozen=True)
class Label:
    """What the label shows, in its order.

    Attributes:
        plain: four to seven sentences.
        note: what the figures in them count.
        population: on whom it was tested, a line each.
        standard: where the reference standard comes from.
        scores: the main figures.
        operating: what acting on the threshold of the first question yields; None where none was examined.
        known: failures, grave ones first.
        untested: what was never tested.
        made: date and versions.
    """

    plain: tuple[Markup, ...]
    note: str
    population: tuple[Markup, ...]
    standard: str
    scores: tuple[Score, ...]
    operating: Markup | None
    known: tuple[Known, ...]
    untested: tuple[Markup, ...]
    made: tuple[Markup, ...]


def read_label(facts: Facts, candidate: Candidate) -> Label:
    """The label of one finalist."""
    results = candidate.results
    asked = first_question(candidate)
    return Label(
        summary(facts, candidate),
        _note(facts, candidate),
        _population(facts, candidate),
        facts.source.standard,
        tuple(results.test.score(key) for key in facts.tiles) if results else (),
        _operating(facts, asked) if asked else None,
        known(facts, candidate),
        untested(facts, candidate),
        _made(facts, candidate),
    )


def _note(facts: Facts, candidate: Candidate) -> str:
    text = f"In brackets: {words.CI}s."
    one, _ = units(facts, candidate)
    if one == "record" and facts.cohort is not None and facts.cohort.patients_named:
        text += " Figures count records; a patient may have several."
    elif one == "record":
        text += " Figures count records; the data name no patients."
    return text


def _population(facts: Facts, candidate: Candidate) -> tuple[Markup, ...]:
    """Size, mix of classes, and groups of the test set."""
    cohort = facts.cohort
    if cohort is None:
        return ()
    n, patients = size(facts, candidate)
    known = "an unknown number of records" if n is None else words.plural(n, "record")
    text = f"{known}"
    if patients is not None and cohort.patients_named:
        text += f" of {words.plural(patients, 'simulated patient' if facts.phantom else 'patient')}"
    lines = [Markup("{}.").format(words.capitalize_first(text))]
    if cohort.test is not None:
        lines.append(_mix(facts, cohort.names, cohort.test.classes))
    place = next((k for k, portion in enumerate(cohort.portions) if portion is cohort.test), None)
    if facts.groups and place is not None:
        lines += [_of(attribute, place) for attribute in facts.groups.attributes if not attribute.absent]
    lacking = [attribute.title for attribute in (facts.groups.attributes if facts.groups else ()) if attribute.absent]
    if not cohort.sensitive:
        lines.append(Markup("Age, sex and other attributes of patients are not known."))
    elif lacking:
        lines.append(Markup("Not recorded: {}.").format(joined(lacking)))
    return tuple(lines)


def _mix(facts: Facts, names: tuple[str, ...], counts: tuple[int, ...]) -> Markup:
    if len(names) > CLASSES:
        few, most = min(counts, default=0), max(counts, default=0)
        text = f"{words.integer(len(names))} {facts.nouns}, of {words.integer(few)} to {words.plural(most, 'record')}."
        return Markup("{}").format(text)
    pairs = zip(names, counts, strict=True)
    return (
        Markup(", ").join(
            Markup("{}\N{NO-BREAK SPACE}{}").format(named(name), words.integer(count)) for name, count in pairs
        )
        + "."
    )


def _of(attribute: Attribute, place: int) -> Markup:
    """The groups of one attribute in the test set, with their shares of its records."""
    total = sum(group.counts[place] for group in attribute.groups) + attribute.missing[place]
    held = [(group.name, group.counts[place]) for group in attribute.groups if group.counts[place]]
    head = Markup("{}: ").format(named(words.capitalize_first(attribute.title)))
    if len(held) > GROUPS:
        few, most = min(count for _, count in held), max(count for _, count in held)
        text = f"{words.integer(len(held))} groups of {words.integer(few)} to {words.plural(most, 'record')}"
        shown = [Markup("{}").format(text)]
    else:
        shown = [
            Markup("{}\N{NO-BREAK SPACE}{}").format(named(name), words.percent(count / total)) for name, count in held
        ]
    if attribute.missing[place]:
        shown.append(Markup("missing {}").format(words.percent(attribute.missing[place] / total)))
    return head + (Markup(", ").join(shown) or Markup("no record")) + "."


def _operating(facts: Facts, asked: Asked) -> Markup:
    name = named(words.headed(asked.name))
    if asked.name == words.ANY_URGENT:
        name += Markup(" ({})").format(sought(facts, asked))
    text = Markup("{}: flagged from a probability of {}. Sensitivity {}, specificity {}, ").format(
        name, asked.shown, *(_told(asked.score(key)) for key in ("sensitivity", "specificity"))
    )
    there = asked.there("ppv")
    if there is not None and asked.prevalence is not None:
        stated = among(asked.prevalence)
        return text + Markup("PPV {} at the stated prevalence of {}.").format(_told(there), stated)
    return text + Markup("PPV {} at the prevalence of this test set; none is stated for its use.").format(
        _told(asked.score("ppv"))
    )


def _told(score: Score) -> str:
    if score.value is None:
        return f"not estimable ({score.why})"
    return tied(score.short()) if score.interval else f"without an interval, so not given ({score.why})"


def _made(facts: Facts, candidate: Candidate) -> tuple[Markup, ...]:
    origin = facts.origin
    versions = dict(origin.versions)
    libraries = [f"{key} {versions[key]}" for key in LIBRARIES if key in versions]
    lines = [Markup("{}; run <code>{}</code>.").format(day(origin.ended or origin.started), facts.folder)]
    if libraries:
        lines.append(Markup("{}.").format(", ".join(libraries)))
    hashes = [("recipe", origin.recipe_digest), ("data", origin.fingerprint)]
    told = [Markup("{} <code>{}</code>").format(what, text[:DIGITS]) for what, text in hashes if text]
    if told:
        lines.append(Markup(", ").join(told) + ".")
    return tuple(lines)


def day(stamp: str | None) -> str:
    """ "2026-03-02T09:14:07+00:00" as "2 March 2026"; what is no date as it stands."""
    if stamp is None:
        return "Date not recorded"
    try:
        date = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{date.day} {date:%B} {date.year}"
