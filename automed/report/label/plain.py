"""The summary in plain language: four to seven sentences by rules, no figure without its interval, no cause claimed."""

from __future__ import annotations

from markupsafe import Markup

from automed.report import words
from automed.report.facts import Candidate, Facts
from automed.report.label.names import joined, named
from automed.report.label.natural import among, complement, of_hundred
from automed.report.performance.operating import Asked
from automed.report.results import ClassResult, Score

NAMED = 4  # urgent classes


def summary(facts: Facts, candidate: Candidate) -> tuple[Markup, ...]:
    """What a finalist does, for who knows no statistics; names are isolated, so that none turns the text around it."""
    one, many = units(facts, candidate)
    return (
        _tested(facts, candidate),
        *_flagged(facts, candidate, many),
        *_missed(facts, candidate, one, many),
        _groups(facts, candidate),
        _simpler(candidate),
    )


def units(facts: Facts, candidate: Candidate) -> tuple[str, str]:
    """What figures count, one and many: patients only where each has one record in the test."""
    n, patients = size(facts, candidate)
    if facts.cohort is None or not facts.cohort.patients_named or patients is None or patients != n:
        return "record", "records"
    return ("simulated patient", "simulated patients") if facts.phantom else ("patient", "patients")


def size(facts: Facts, candidate: Candidate) -> tuple[int | None, int | None]:
    """Records and patients of the test set; None where that is not known."""
    if candidate.results:
        return candidate.results.test.n, candidate.results.test.patients
    portion = facts.cohort.test if facts.cohort else None
    return (portion.records, portion.patients) if portion else (None, None)


def _tested(facts: Facts, candidate: Candidate) -> Markup:
    if candidate.results is None and candidate.performance is None:
        return Markup("It has not been tested: how often it is right is not known.")
    n, _ = size(facts, candidate)
    one, many = units(facts, candidate)
    counted = f"{words.integer(n)} {one if n == 1 else many}" if n is not None else many
    if one == "record":
        counted += _of_patients(facts, candidate)
    source = "They come from the source it learnt from: how it does elsewhere is not known."
    return Markup("It was tested on {}{}. {}").format(counted, _fresh(facts), source)


def _fresh(facts: Facts) -> str:
    """Whether the model had seen the test records before, as far as that was checked."""
    disjoint = facts.cohort.disjoint if facts.cohort else None
    if facts.cohort is None or disjoint is None:
        return "; whether it had seen them before was not checked"
    if not disjoint:
        return ", some of which belong together with those it learnt from, so that it looks better than it is"
    if not facts.cohort.patients_named:
        return ", none of them a copy of one it learnt from; whether it had seen their patients before is not known"
    return " that it had not seen before"


def _of_patients(facts: Facts, candidate: Candidate) -> str:
    _, patients = size(facts, candidate)
    if patients is None or facts.cohort is None or not facts.cohort.patients_named:
        return ""
    return f" of {words.plural(patients, 'simulated patient' if facts.phantom else 'patient')}"


def _flagged(facts: Facts, candidate: Candidate, many: str) -> list[Markup]:
    """What acting on the threshold of the first question would mean: found, false alarms, right ones of the flagged."""
    chief = first_question(candidate)
    if chief is None:
        return [Markup("How many it would flag is not known: no threshold was examined.")]
    return [_found(facts, chief, many), _alarms(chief), *_right(chief)]


def first_question(candidate: Candidate) -> Asked | None:
    """The question that matters most: the stage puts it first."""
    operating = candidate.performance.operating if candidate.performance else None
    return operating.questions[0] if operating and operating.questions else None


def sought(facts: Facts, asked: Asked) -> Markup:
    """What a question looks for, by name: "Melanoma or Carcinoma"."""
    if asked.name != words.ANY_URGENT or facts.cohort is None:
        return named(asked.name)
    urgent = [label.name for label in facts.cohort.classes if label.urgent]
    return joined(urgent, "or") if 0 < len(urgent) <= NAMED else Markup("one of the urgent classes")


def _found(facts: Facts, asked: Asked, many: str) -> Markup:
    told = of_hundred(asked.score("sensitivity"))
    says = sought(facts, asked)
    if told is None:
        text = "How many it would flag of those whose reference standard says {} cannot be told: {}."
        return Markup(text).format(says, _why(asked.score("sensitivity")))
    figure, base = told
    return Markup("Of {} {} like those tested whose reference standard says {}, it would flag about {}.").format(
        words.integer(base), many, says, figure
    )


def _alarms(asked: Asked) -> Markup:
    told = of_hundred(complement(asked.score("specificity")))
    if told is None:
        return Markup("How many others it would flag wrongly cannot be told: {}.").format(
            _why(asked.score("specificity"))
        )
    figure, base = told
    return Markup("Of {} others, it would flag about {} wrongly.").format(words.integer(base), figure)


def _right(asked: Asked) -> list[Markup]:
    """How many of the flagged are right, at the stated prevalence or else that of the test set."""
    there = asked.there("ppv") if asked.prevalence is not None else None
    told = of_hundred(there or asked.score("ppv"))
    if told is None:
        return []
    figure, base = told
    if there is not None and asked.prevalence is not None:
        where = f"Where {among(asked.prevalence)} have it"
    else:
        where = "Where it is as common as in this test"
    return [Markup("{}, about {} of {} flagged would be right.").format(where, figure, words.integer(base))]


def _missed(facts: Facts, candidate: Candidate, one: str, many: str) -> list[Markup]:
    """The class that is found least often."""
    worst = least_found(candidate)
    told = of_hundred(worst.scores[1]) if worst else None
    if worst is None or told is None:
        return []
    figure, base = told
    when = f"Of all {facts.nouns}" if facts.labelled else f"When it names one class for each {one}"
    return [
        Markup("{}, {} is found least often: in about {} of {} {}.").format(
            when, named(worst.label.name), figure, words.integer(base), many
        )
    ]


def least_found(candidate: Candidate) -> ClassResult | None:
    """The class of lowest recall among those whose recall has an interval; None where one question tells of both."""
    classes = candidate.results.test.classes if candidate.results else ()
    if len(classes) < 3 and first_question(candidate) is not None:
        return None
    known = [one for one in classes if one.scores[1].value is not None and one.scores[1].interval]
    return min(known, key=lambda one: one.scores[1].value or 0.0, default=None)


def _groups(facts: Facts, candidate: Candidate) -> Markup:
    audit = candidate.audit
    if audit is None or not audit.gaps:
        return Markup("Whether it serves all groups of patients alike is not known: none were compared.")
    crossings = {division.key for division in audit.divisions if division.crossing}
    counted = [gap for gap in audit.gaps if audit.counts(gap)]
    if audit.word == "beyond":
        counted = [gap for gap in counted if gap.word == "beyond"]
    # What holds for an attribute alone is easier to grasp than a crossing.
    single = [gap for gap in counted if gap.division not in crossings]
    by = joined(list(dict.fromkeys(gap.by for gap in single or counted)))
    limit = words.decimal(audit.limit)
    if not counted:
        return Markup("Whether it serves all groups of patients alike could not be decided.")
    if audit.word == "beyond":
        text = "It does not serve all groups of patients alike: by {}, differences are beyond the limit of {}."
    elif audit.word == "within":
        text = "Between groups of patients, by {}, every difference that counts is within the limit of {}."
    else:
        text = "Whether it serves all groups of patients alike, by {}, could not be decided (limit {})."
    return Markup(text).format(by, limit)


def _simpler(candidate: Candidate) -> Markup:
    """Whether a simpler model does as well: held against the strongest one on the same records."""
    pairs = candidate.results.versus() if candidate.results else ()
    known = [pair for pair in pairs if pair.difference is not None and pair.verdict != "none"]
    if not known:
        return Markup("Whether a simpler model would do as well is not known.")
    strongest = min(known, key=lambda pair: pair.difference or 0.0)
    text = {
        "ahead": "By macro-F1, its main score, it did better than {}, the strongest of the simpler models tried.",
        "behind": "By macro-F1, its main score, it did worse than {}, a simpler model.",
        "open": "That it does better than {}, a simpler model, could not be shown (by macro-F1, its main score).",
    }[strongest.verdict]
    return Markup(text).format(named(words.baseline(strongest.baseline)))


def _why(score: Score) -> str:
    if score.value is not None:
        return "there is no interval" if score.reason is None else score.reason
    return score.why
