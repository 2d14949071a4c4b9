"""TRIPOD+AI for one finalist of a run: 27 items in 52 rows.

Source: Collins et al. 2024, BMJ 385:e078378, table 2. Numbers, sections and topics as published; wording ours.
"""

from __future__ import annotations

from automed.report.checklists import evidence as held
from automed.report.checklists.item import Item
from automed.report.facts import Candidate, Facts


def _unchanged(facts: Facts, candidate: Candidate) -> str:
    return "Automed changes no model after its test: calibration is fitted on the tuning set, before it."


def _unweighted(facts: Facts, candidate: Candidate) -> str | None:
    focal = candidate.row is None or dict(candidate.row.choices).get("loss") == "focal"
    if facts.plan.class_weights == "none" and not focal:
        return "No method against class imbalance was used (train.class_weights: none)."
    return None


def _one_cluster(facts: Facts, candidate: Candidate) -> str | None:
    return None if held.sites_compared(facts, candidate) else "Not examined: no site was left out."


INTRODUCTION, METHODS, OPEN, RESULTS = "Introduction", "Methods", "Open science", "Results"
INVOLVEMENT, DISCUSSION = "Patient and public involvement", "Discussion"

ITEMS = (
    Item("1", "Title", "Title", "Development or testing of a prediction model, for whom, of what outcome",
         person="a title that names all three"),
    Item("2", "Abstract", "Abstract", "Summary by the TRIPOD+AI checklist for abstracts",
         also=(held.SUMMARY,), person="the abstract"),
    Item("3a", INTRODUCTION, "Background", "Diagnosis or prognosis, why a model is wanted, and which ones there are",
         person="the clinical context, the reasons, earlier models"),
    Item("3b", INTRODUCTION, "Background", "For whom, for what, where in the care pathway, in whose hands",
         (held.USE,), (held.SCOPE,), "the place in the care pathway and the users"),
    Item("3c", INTRODUCTION, "Background", "Known inequalities in health between groups",
         person="what is known of them", of_patients=True),
    Item("4", INTRODUCTION, "Objectives", "Aims, and whether a model is developed, tested, or both",
         also=(held.SEARCH, held.SCORES), person="the aims of the study"),
    Item("5a", METHODS, "Data", "Where the data come from, why these, and how representative they are",
         (held.SOURCE,), (), "why these data, and whether they stand for the patients the model is meant for"),
    Item("5b", METHODS, "Data", "From when to when patients were included and followed",
         person="the dates", of_patients=True),
    Item("6a", METHODS, "Participants", "Setting, number and place of centres",
         also=(held.SITES,), person="the setting and the centres", of_patients=True),
    Item("6b", METHODS, "Participants", "Who could take part", person="the criteria", of_patients=True),
    Item("6c", METHODS, "Participants", "Treatments, and how they were dealt with",
         person="treatments before the outcome, where that matters", of_patients=True),
    Item("7", METHODS, "Data preparation", "Preparation and checks of the data, and whether alike in all groups",
         (held.CHECK, held.SCALES), (held.RECIPE,), "what was done to the data before automed read them, and whether "
         "alike in all groups", True),
    Item("8a", METHODS, "Outcome", "The outcome, how and when it is determined, why this one, if alike in all groups",
         (held.CLASSES, held.STANDARD), (), "how and when the reference standard was determined, why it was chosen, "
         "and whether alike in all groups"),
    Item("8b", METHODS, "Outcome", "Who judged the outcome, where it takes judgement",
         person="who gave the reference standard, and their qualification", of_patients=True),
    Item("8c", METHODS, "Outcome", "Blinding of that judgement",
         person="what was hidden from who gave the reference standard", of_patients=True),
    Item("9a", METHODS, "Predictors", "How predictors were chosen before the model was built",
         (held.INPUTS,), (held.RECIPE,), "why these inputs"),
    Item("9b", METHODS, "Predictors", "Every predictor, how and when it is measured, and blinding",
         (held.INPUTS,), (), "how and when each input is measured"),
    Item("9c", METHODS, "Predictors", "Who judged predictors, where that takes judgement",
         person="whether an input takes judgement, and whose", of_patients=True),
    Item("10", METHODS, "Sample size", "How the size of the study was decided, and whether it suffices",
         (held.PRECISION,), (), "how the number of records was decided"),
    Item("11", METHODS, "Missing data", "What was done about missing data, and why records were left out",
         (held.LEFT_OUT,), (held.RECIPE,), "what was missing or filled in before automed read the data", True),
    Item("12a", METHODS, "Analytical methods", "How the data were used and divided",
         (held.SETS,), (held.DISJOINT,)),
    Item("12b", METHODS, "Analytical methods", "How predictors were scaled or transformed",
         (held.SCALES,), (held.CHOICES, held.RECIPE)),
    Item("12c", METHODS, "Analytical methods", "Kind of model and why, steps of building it, tuning, internal testing",
         (held.SEARCH, held.CHOICES, held.BASELINES), (held.RECIPE,)),
    Item("12d", METHODS, "Analytical methods", "Differences between clusters, such as hospitals",
         (held.SITES,)),
    Item("12e", METHODS, "Analytical methods", "Measures and figures of performance, and how models were compared",
         (held.SCORES, held.CALIBRATION, held.UTILITY, held.BASELINES)),
    Item("12f", METHODS, "Analytical methods", "Changes made to the model after its test", spared=_unchanged),
    Item("12g", METHODS, "Analytical methods", "How predictions were computed for the test",
         (held.MODEL, held.VERSIONS), (held.CALIBRATION,)),
    Item("13", METHODS, "Class imbalance", "Methods against class imbalance, why, and recalibration after them",
         (held.WEIGHTS, held.CALIBRATION), (held.CHOICES,), "why classes were weighted so", spared=_unweighted),
    Item("14", METHODS, "Fairness", "What was done about fairness, and why",
         (held.GROUPS,), (held.MITIGATION, held.SELECTION)),
    Item("15", METHODS, "Model output", "What the model gives; classes, thresholds, and how they were found",
         (held.THRESHOLDS,), (held.CALIBRATION,)),
    Item("16", METHODS, "Training versus evaluation", "Differences between the data of development and of testing",
         (held.BY_LOT,)),
    Item("17", METHODS, "Ethical approval", "Ethics committee, consent or waiver",
         person="the approval, and consent or its waiver", of_patients=True),
    Item("18a", OPEN, "Funding", "Money, and the part of those who gave it", person="funding"),
    Item("18b", OPEN, "Conflicts of interest", "Interests of all authors", person="interests of all authors"),
    Item("18c", OPEN, "Protocol", "Where the protocol is, or that there is none", person="the protocol"),
    Item("18d", OPEN, "Registration", "Register and number, or that there is none", person="the registration"),
    Item("18e", OPEN, "Data sharing", "Whether the data can be had",
         (held.FINGERPRINT, held.RECIPE), (), "whether and where the data can be had", True),
    Item("18f", OPEN, "Code sharing", "Whether the code of the analysis can be had",
         (held.VERSIONS, held.RECIPE), (), "where the code can be had, also that which prepared the data before"),
    Item("19", INVOLVEMENT, "Patient and public involvement", "Their part in the study, or that they had none",
         person="what part patients and the public had"),
    Item("20a", RESULTS, "Participants", "Flow of participants, with and without the outcome",
         (held.SETS, held.LEFT_OUT), (), "how many were assessed and left out before these data were made", True),
    Item("20b", RESULTS, "Participants", "Characteristics of participants, missing data, differences between groups",
         (held.CHARACTERISTICS,), (held.SETS,), "dates and treatments, where they matter", True),
    Item("20c", RESULTS, "Participants", "Test data beside development data: predictors, groups, outcome",
         (held.SETS, held.CHARACTERISTICS), (), "how the inputs themselves differ between the sets", True),
    Item("21", RESULTS, "Model development", "Participants and outcomes in each analysis",
         (held.PATIENTS,)),
    Item("22", RESULTS, "Model specification", "The whole model, so that others can use and test it, and on what terms",
         (held.MODEL, held.VERSIONS), (held.RECIPE, held.CHOICES), "who may use the model, and on what terms"),
    Item("23a", RESULTS, "Model performance", "Performance with intervals, also of groups",
         (held.INTERVALS, held.GROUPS), (held.SENSITIVITY,)),
    Item("23b", RESULTS, "Model performance", "Differences in performance between clusters, if examined",
         (held.SITES,), spared=_one_cluster),
    Item("24", RESULTS, "Model updating", "Results of changes to the model after its test", spared=_unchanged),
    Item("25", DISCUSSION, "Interpretation", "What the results mean, fairness included, beside earlier studies",
         also=(held.SUMMARY,), person="the interpretation"),
    Item("26", DISCUSSION, "Limitations", "Limitations, and what they do to bias, certainty and generalisability",
         also=(held.UNTESTED, held.PRECISION, held.FAILURES, held.CHECK), person="the limitations of the study"),
    Item("27a", DISCUSSION, "Usability", "What to do about poor or missing input in use",
         (held.CORRUPTIONS,), (held.ABSTAINING,), "how such input is recognised and handled where the model is used"),
    Item("27b", DISCUSSION, "Usability", "What users must do, and what they must know",
         person="what users do, and the expertise they need"),
    Item("27c", DISCUSSION, "Usability", "Next steps of research, on applicability and generalisability",
         person="the next steps"),
)  # fmt: skip
