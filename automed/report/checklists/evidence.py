"""What a run may hold that answers an item of a checklist, and where it stands."""

from __future__ import annotations

from pathlib import Path

from automed.report.checklists.item import Evidence
from automed.report.facts import Candidate, Facts
from automed.report.performance.read import Performance
from automed.run import Finalist, Run

_RUN, _FINALIST = Run(Path("../..")), Finalist(Path())  # as seen from the report
BY_CHANCE = "patient"  # the split that gives every patient the same chance of each set, or every record


def _told(candidate: Candidate) -> Performance | None:
    return candidate.performance


def _intervals(_: Facts, candidate: Candidate) -> bool:
    """Every score that has a value has its interval, and there is one."""
    known = [score for score in (candidate.results.test.scores if candidate.results else ()) if score.value is not None]
    return bool(known) and all(score.interval for score in known)


def _operated(_: Facts, candidate: Candidate) -> bool:
    told = _told(candidate)
    return bool(told and told.operating and told.operating.questions)


def _operated_precisely(_: Facts, candidate: Candidate) -> bool:
    told = _told(candidate)
    asked = told.operating.questions if told and told.operating else ()
    return any(question.score(key).interval for question in asked for key in ("sensitivity", "specificity"))


def _portioned(facts: Facts, _: Candidate) -> bool:
    portions = facts.cohort.portions if facts.cohort else ()
    return len(portions) > 1 and all(portion.records for portion in portions)


def _counted(facts: Facts, candidate: Candidate) -> bool:
    """Patients and records with each class are known of every set."""
    return (
        facts.cohort is not None
        and _portioned(facts, candidate)
        and all(portion.patients for portion in facts.cohort.portions)
    )


def _audited(_: Facts, candidate: Candidate) -> bool:
    return bool(candidate.audit and any(division.estimable > 1 for division in candidate.audit.divisions))


def _mitigated(_: Facts, candidate: Candidate) -> bool:
    return bool(candidate.mitigation and candidate.mitigation.methods)


def _sites(_: Facts, candidate: Candidate) -> bool:
    sites = candidate.robustness.sites if candidate.robustness else None
    return bool(sites and any(site.difference.value is not None for site in sites.rows))


def sites_compared(facts: Facts, candidate: Candidate) -> bool:
    """Whether networks were tested at sites that they had not seen."""
    return _sites(facts, candidate)


def _explained(_: Facts, candidate: Candidate) -> bool:
    return bool(candidate.explanations and candidate.explanations.methods and candidate.explanations.cases)


SUMMARY = Evidence("model facts", "#summary", "a test of this model", lambda _, one: one.results is not None)
USE = Evidence(
    "intended use", "#summary", "an intended use (intended_use in the recipe)",
    lambda facts, _: bool(facts.plan.intended_use),
)  # fmt: skip
SCOPE = Evidence(
    "out of scope", "#summary", "what the model is not for", lambda facts, _: bool(facts.plan.out_of_scope)
)
UNTESTED = Evidence(
    "what was never tested", "#summary", "what was never tested", lambda _, one: one.results is not None
)  # fmt: skip
STANDARD = Evidence(
    "where the reference standard was taken from", "#summary", "where the reference standard was taken from",
    lambda facts, _: bool(facts.source.standard),
)  # fmt: skip
SCORES = Evidence("test scores", "#scores", "scores on the test set", lambda _, one: one.results is not None)
INTERVALS = Evidence("scores with intervals", "#scores", "scores with intervals on the test set", _intervals)
BASELINES = Evidence(
    "tests against baselines", "#baselines", "a comparison with baselines",
    lambda _, one: bool(one.results and one.results.against),
)  # fmt: skip
CALIBRATION = Evidence(
    "calibration", "#calibration", "a measurement of calibration",
    lambda _, one: bool(one.performance and one.performance.calibration),
)  # fmt: skip
THRESHOLDS = Evidence("thresholds and why", "#operating", "operating thresholds with their reasons", _operated)
UTILITY = Evidence(
    "operating point and net benefit", "#operating", "an operating point with its net benefit", _operated
)
SENSITIVITY = Evidence(
    "sensitivity and specificity with intervals", "#operating", "sensitivity and specificity with intervals",
    _operated_precisely,
)  # fmt: skip
ABSTAINING = Evidence(
    "when it should not answer", "#certainty", "a rule for when not to answer",
    lambda _, one: bool(one.performance and (one.performance.sets or one.performance.selective)),
)  # fmt: skip
GROUPS = Evidence("figures by groups of patients", "#groups", "an audit of groups of patients", _audited)
MITIGATION = Evidence("what was tried against gaps", "#groups", "methods against gaps", _mitigated)
SELECTION = Evidence(
    "choice among candidates by groups", "#groups", "a choice by groups", lambda facts, _: facts.selection is not None
)
SITES = Evidence(
    "sites left out in turn", "#robustness", "a test with each site left out (evaluate.sites in the recipe)", _sites
)
CORRUPTIONS = Evidence(
    "tests with worse input", "#robustness", "a test with worse input",
    lambda _, one: bool(one.robustness and one.robustness.severities),
)  # fmt: skip
FAILURES = Evidence(
    "its errors", "#failures", "an analysis of its errors",
    lambda _, one: bool(one.performance and one.performance.failures),
)  # fmt: skip
PRECISION = Evidence(
    "what this test set can show", "#precision", "how precisely the figures are known",
    lambda _, one: bool(one.performance and one.performance.precision),
)  # fmt: skip
EXPLANATIONS = Evidence("explanations of its answers", "#explanations", "explanations of its answers", _explained)
SOURCE = Evidence(
    "where the records come from", "#data", "a description of the records", lambda facts, _: facts.cohort is not None
)
CLASSES = Evidence(
    "the classes", "#data", "the classes", lambda facts, _: bool(facts.cohort and facts.cohort.classes)
)  # fmt: skip
INPUTS = Evidence("the inputs", "#data", "the inputs", lambda facts, _: bool(facts.cohort and facts.cohort.inputs))
CHECK = Evidence(
    "what the check of the data found", "#data", "a check of the data", lambda facts, _: facts.cohort is not None
)
LEFT_OUT = Evidence(
    "flow of the records", "#data", "the flow of the records", lambda facts, _: facts.cohort is not None
)
SETS = Evidence("records of each class in each set", "#data", "the division into sets", _portioned)
PATIENTS = Evidence(
    "patients and records of each class in each set", "#data", "how many patients are in each set", _counted
)
DISJOINT = Evidence(
    "proof that no patient is in two sets", "#data", "proof that no patient is in two sets",
    lambda facts, _: bool(facts.cohort and facts.cohort.disjoint and facts.cohort.patients_named),
)  # fmt: skip
BY_LOT = Evidence(
    "sets drawn by chance from the same records", "#data", "in what the sets differ, as chance did not draw them",
    lambda facts, one: _portioned(facts, one) and facts.source.split == BY_CHANCE,
)  # fmt: skip
SEARCH = Evidence("how the model was found", "#search", "the leaderboard", lambda facts, _: facts.board is not None)
CHOICES = Evidence(
    "hyper-parameters of this model", "#choices", "the hyper-parameters of this model",
    lambda _, one: bool(one.row and one.row.choices),
)  # fmt: skip
VERSIONS = Evidence(
    "software with versions", "#provenance", "the versions of the software",
    lambda facts, _: bool(facts.origin.versions),
)  # fmt: skip
SEED = Evidence("seed", "#provenance", "the seed", lambda facts, _: facts.origin.seed is not None)
CHARACTERISTICS = Evidence(
    "groups of patients in each set", "#data", "a table of who is in each set (data.sensitive in the recipe)",
    lambda facts, _: any(not one.site and one.groups for one in (facts.groups.attributes if facts.groups else ())),
)  # fmt: skip
FINGERPRINT = Evidence(
    "fingerprint of the data", "#provenance", "the fingerprint of the data",
    lambda facts, _: bool(facts.origin.fingerprint),
)  # fmt: skip
RECIPE = Evidence("recipe.yaml", _RUN.recipe.as_posix(), "the recipe", lambda *_: True)  # no page is made without it
SCALES = Evidence(
    "size and scale of each input in data.json", _RUN.data.as_posix(), "size and scale of each input",
    INPUTS.held,
)  # fmt: skip
WEIGHTS = Evidence(
    "class weights in recipe.yaml", _RUN.recipe.as_posix(), "how classes were weighted",
    lambda facts, _: bool(facts.plan.class_weights),
)  # fmt: skip
MODEL = Evidence("model.keras", _FINALIST.model.as_posix(), "the file of the model", lambda _, one: one.model)
