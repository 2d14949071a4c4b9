"""CLAIM 2024 for one finalist of a run on images: 44 items.

Source: Tejani et al. 2024, Radiol Artif Intell 6:e240300, table. Numbers and sections as published; wording ours.
"""

from __future__ import annotations

from automed.report.checklists import evidence as held
from automed.report.checklists.item import Item
from automed.report.facts import Candidate, Facts


def _single(facts: Facts, candidate: Candidate) -> str:
    return "One network answers alone: automed makes no ensemble."


ABSTRACT, INTRODUCTION, DESIGN, DATA = "Title and abstract", "Introduction", "Methods: study design", "Methods: data"
REFERENCE, PARTITIONS = "Methods: reference standard", "Methods: data partitions"
TESTING, MODEL, TRAINING = "Methods: testing data", "Methods: model", "Methods: training"
EVALUATION, FLOW, PERFORMANCE = "Methods: evaluation", "Results: data", "Results: model performance"
DISCUSSION, OTHER = "Discussion", "Other information"

ITEMS = (
    Item("1", ABSTRACT, "Title", "That it is a study of AI, and of what kind", person="a title that says both"),
    Item("2", ABSTRACT, "Abstract", "Design, methods, results, conclusions",
         also=(held.SUMMARY,), person="the abstract"),
    Item("3", INTRODUCTION, "Background", "Background, intended use and role of the model",
         (held.USE,), (held.SCOPE,), "the scientific and clinical background"),
    Item("4", INTRODUCTION, "Aims", "Aims and hypotheses", person="the aims and hypotheses"),
    Item("5", DESIGN, "Direction", "Prospective or retrospective", person="which of the two", of_patients=True),
    Item("6", DESIGN, "Goal", "What the study is for", also=(held.SEARCH, held.SCORES), person="the goal"),
    Item("7", DATA, "Sources", "Where the data come from",
         (held.SOURCE,), (held.FINGERPRINT,), "the institutions, and whether the data are public", True),
    Item("8", DATA, "Criteria", "Who and what was included and excluded", person="the criteria", of_patients=True),
    Item("9", DATA, "Preprocessing", "What was done to the images",
         (held.INPUTS, held.SCALES), (held.RECIPE,), "what was done to the images before automed read them", True),
    Item("10", DATA, "Subsets", "Which parts of the data were selected, and how",
         person="whether images, or parts of them, were selected before", of_patients=True),
    Item("11", DATA, "De-identification", "How identities were removed",
         person="how identities were removed", of_patients=True),
    Item("12", DATA, "Missing data", "What was done about missing data",
         (held.LEFT_OUT,), (held.RECIPE,), "what was missing or filled in before automed read the data", True),
    Item("13", DATA, "Acquisition", "How images were acquired",
         person="devices, protocols, settings", of_patients=True),
    Item("14", REFERENCE, "Definition", "How the reference standard was obtained",
         (held.STANDARD,), (held.CLASSES,), "how the reference standard was obtained", True),
    Item("15", REFERENCE, "Reasons", "Why this reference standard", person="the reasons"),
    Item("16", REFERENCE, "Annotators", "Who annotated, and how they were prepared",
         person="the annotators and their qualification", of_patients=True),
    Item("17", REFERENCE, "Test set", "How the test set was annotated",
         person="how the test set was annotated", of_patients=True),
    Item("18", REFERENCE, "Variability", "Agreement between and within annotators",
         person="the agreement of annotators", of_patients=True),
    Item("19", PARTITIONS, "Assignment", "How records came into each set", (held.SETS,), (held.RECIPE,)),
    Item("20", PARTITIONS, "Level", "At what level the sets share nothing", (held.DISJOINT,)),
    Item("21", TESTING, "Sample size", "The size that was intended",
         (held.PRECISION,), (), "the intended size of the test set, and how it was decided"),
    Item("22", MODEL, "Description", "The model in detail", (held.CHOICES, held.MODEL), (held.RECIPE,)),
    Item("23", MODEL, "Software", "Libraries and frameworks", (held.VERSIONS,)),
    Item("24", MODEL, "Initial weights", "How parameters were initialised", (held.SEED, held.RECIPE), (held.CHOICES,)),
    Item("25", TRAINING, "Training", "How the model was trained", (held.SEARCH, held.CHOICES), (held.RECIPE,)),
    Item("26", TRAINING, "Selection", "How the final model was chosen", (held.SEARCH,), (held.SELECTION,)),
    Item("27", TRAINING, "Ensembles", "How models were combined", spared=_single),
    Item("28", EVALUATION, "Metrics", "Measures of performance", (held.SCORES,), (held.CALIBRATION, held.UTILITY)),
    Item("29", EVALUATION, "Uncertainty", "Measures of significance and uncertainty", (held.INTERVALS,),
         (held.BASELINES,)),
    Item("30", EVALUATION, "Robustness", "Robustness or sensitivity analysis", (held.CORRUPTIONS,), (held.SITES,)),
    Item("31", EVALUATION, "Explanations", "How answers were explained", (held.EXPLANATIONS,)),
    Item("32", EVALUATION, "Internal data", "Test on data of the same source", (held.SCORES,), (held.SETS,)),
    Item("33", EVALUATION, "External data", "Test on data of another source",
         also=(held.SITES,), person="a test on data of another source"),
    Item("34", EVALUATION, "Trial", "Registration of a trial", person="the registration, if it is a trial",
         of_patients=True),
    Item("35", FLOW, "Flow", "Patients or examinations included and excluded",
         (held.SETS, held.LEFT_OUT), (), "how many were excluded before these data were made", True),
    Item("36", FLOW, "Characteristics", "Demographic and clinical characteristics in each set",
         (held.CHARACTERISTICS,), (held.SETS,), "clinical characteristics that the data do not hold", True),
    Item("37", PERFORMANCE, "Performance", "Performance with its uncertainty", (held.INTERVALS,)),
    Item("38", PERFORMANCE, "Diagnostic performance", "Diagnostic performance and its precision",
         (held.SENSITIVITY,), (held.PRECISION,)),
    Item("39", PERFORMANCE, "Failures", "Analysis of wrong answers", (held.FAILURES,)),
    Item("40", DISCUSSION, "Limitations", "Limitations",
         also=(held.UNTESTED, held.PRECISION, held.FAILURES, held.CHECK), person="the limitations of the study"),
    Item("41", DISCUSSION, "Practice", "What it means for practice, intended use and role included",
         (held.USE,), (held.SCOPE,), "what it means for practice"),
    Item("42", OTHER, "Protocol", "Where the protocol and more technical details are",
         also=(held.RECIPE,), person="the protocol"),
    Item("43", OTHER, "Availability", "Whether software, model and data can be had",
         (held.VERSIONS, held.MODEL), (held.FINGERPRINT,), "whether and where they can be had"),
    Item("44", OTHER, "Funding", "Money, and the part of those who gave it", person="funding"),
)  # fmt: skip
