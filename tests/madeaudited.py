"""Evaluations and audits of made-up answers, by the stages' own functions: what the tests of their pages share."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from madeup import CONDUCTION, Story, make_run
from numpy.typing import NDArray

from automed.audit.groups import divide
from automed.audit.mitigation.table import Method, compare
from automed.audit.stage import audit
from automed.audit.subject import Subject
from automed.evaluate import fitted, readout
from automed.evaluate.certainty.conformal import fit
from automed.evaluate.evaluation import evaluation
from automed.evaluate.predictions import Part, Predictions, Task
from automed.evaluate.questions import questions
from automed.evaluate.sample import collect
from automed.recipe.evaluate import Audit, Evaluate
from automed.run import Finalist, Run, write_json

RESAMPLES = 200
Array = NDArray[Any]


@dataclass(frozen=True)
class Made:
    """What is made up.

    Attributes:
        records: of validation, and of the test.
        shares: by attribute the share of each group.
        hurt: attribute and group whose patients the model knows less well.
        harm: what that takes from the logit of the true class; 0 for no disadvantage.
        skill: how far the logit of the true class lies above the others.
        sharp: by how much the network's logits are too large: what calibration must find.
        evaluate: the recipe's part.
        audit: the recipe's part.
        files: which of them are written.
    """

    records: int = 400
    shares: dict[str, dict[str, float]] = field(
        default_factory=lambda: {
            "sex": {"female": 0.5, "male": 0.5},
            "skin_tone": {"light": 0.6, "medium": 0.28, "dark": 0.1, "very dark": 0.02},
        }
    )
    hurt: tuple[str, str] = ("skin_tone", "medium")
    harm: float = 2.5
    skill: float = 3.0
    sharp: float = 2.0
    evaluate: Evaluate = field(default_factory=Evaluate)
    audit: Audit = field(default_factory=lambda: Audit(permutations=400))
    files: tuple[str, ...] = ("evaluation", "audit", "mitigation", "robustness")


def make_audited_run(
    folder: Path, story: Story | None = None, made: Made | None = None, task: str = "multiclass"
) -> Run:
    """A run whose first finalist has evaluation.json, audit.json, mitigation.json and robustness.json."""
    story, made = story or Story(finalists=2, trials=4, examples=6), made or Made()
    run = make_run(folder, story)
    facts = json.loads(run.data.read_text(encoding="utf-8"))
    write_json(run.data, facts | {"task": task})
    if task == "multilabel":
        for finalist in run.finalists():
            finalist.scores.unlink()
            finalist.examples.unlink()
    choose(run)
    first, *others = run.finalists()
    fill(first, story, made, task, [finalist.name for finalist in others])
    return run


def make_labelled_audited_run(folder: Path, made: Made | None = None) -> Run:
    """The same of records that may bear several labels."""
    story = Story(CONDUCTION, finalists=1, trials=3, examples=4, title="Findings in 12-lead ECGs")
    return make_audited_run(folder, story, made, "multilabel")


def fill(finalist: Finalist, story: Story, made: Made, task: str, rivals: list[str]) -> None:
    """Write what the stages after the test leave in the folder of a finalist."""
    rng = np.random.default_rng(11)
    classes = tuple(key for key, _, _ in story.classes)
    urgent = tuple(place for place, (_, _, is_urgent) in enumerate(story.classes) if is_urgent)
    number = np.arange(made.records)
    kind = Task(task, classes, urgent, 0)
    attributes = [_attributes(made, rng), _attributes(made, rng)]
    truth = [_truth(made.records, len(classes), task, rng) for _ in attributes]

    def predictions(name: str, skill: float, harm: float) -> Predictions:
        parts = []
        for place, (y, of) in enumerate(zip(truth, attributes, strict=True)):
            raw = _raw(y, skill, harm * _inside(made, of), made.sharp, rng)
            parts.append(Part(number + 1 + 5000 * place, y, raw, number // 2))
        validation, test = parts
        reading = readout.fit(
            made.evaluate, task, validation.y, validation.raw, validation.patient, classes=classes,
            positive=kind.positive,
        )  # fmt: skip
        said = Predictions(name, kind, test, validation, reading)
        return replace(said, fitted=fitted.fit(made.evaluate, said.sample("validation"), urgent))

    own = predictions(finalist.name, made.skill, made.harm)
    features = rng.normal(size=(made.records, 8)).astype(np.float32) + np.reshape(truth[1], (made.records, -1))[:, :1]
    features[:, 0] += 3 * _inside(made, attributes[1])
    if "evaluation" in made.files:
        others = {name: predictions(name, made.skill - 0.3, made.harm) for name in rivals}
        baselines = {"boosting": predictions("boosting", 1.6, 0.0), "majority": predictions("majority", 0.0, 0.0)}
        told = evaluation(
            own, others, baselines, made.evaluate, features=features, attributes=attributes[1], resamples=RESAMPLES
        )
        write_json(finalist.evaluation, told)
    if "audit" in made.files:
        write_json(finalist.audit, _audit(own, attributes[1], features, urgent, made))
    if "mitigation" in made.files:
        write_json(finalist.mitigation, _mitigation(finalist, own, attributes[1], made))
    if "robustness" in made.files:
        write_json(finalist.robustness, robustness())


def _audit(
    own: Predictions, attributes: dict[str, Array], features: Array, urgent: tuple[int, ...], made: Made
) -> dict[str, Any]:
    sample, sets = own.sample(), None
    if sample.task != "multilabel":
        tuned = own.sample("validation")
        sets = fit(tuned.y, tuned.probabilities, 0.9).apply(sample.probabilities)
    asked = tuple(questions(sample, urgent))
    subject = Subject(sample, own.test.patient, asked, attributes, sets, features)
    return audit(subject, made.audit, resamples=RESAMPLES)


def _attributes(made: Made, rng: np.random.Generator) -> dict[str, Array]:
    """Of each attribute a group for each patient of two records."""
    patients = made.records // 2 + 1
    found = {}
    for key, shares in made.shares.items():
        drawn = rng.choice(np.array(list(shares), object), patients, p=list(shares.values()))
        found[key] = drawn[np.arange(made.records) // 2]
    return found


def _inside(made: Made, attributes: dict[str, Array]) -> Array:
    column, group = made.hurt
    return attributes[column] == group if column in attributes else np.zeros(made.records)


def _truth(n: int, classes: int, task: str, rng: np.random.Generator) -> Array:
    if task == "multilabel":
        return (rng.random((n, classes)) < 0.3).astype(np.int64)
    shares = 1 / (1 + np.arange(classes))
    return rng.choice(classes, n, p=shares / shares.sum())


def _raw(y: Array, skill: float, harm: Array, sharp: float, rng: np.random.Generator) -> Array:
    if y.ndim == 2:
        logits = rng.normal(size=y.shape) + (skill - harm)[:, None] * (y - 0.5)
        return 1 / (1 + np.exp(-sharp * logits))
    classes = int(y.max()) + 1
    logits = rng.normal(size=(len(y), classes)) + (skill - harm)[:, None] * np.eye(classes)[y]
    raised = np.exp(sharp * (logits - logits.max(axis=1, keepdims=True)))
    return raised / raised.sum(axis=1, keepdims=True)


def _mitigation(finalist: Finalist, own: Predictions, attributes: dict[str, Array], made: Made) -> dict[str, Any]:
    """mitigation.json as the search writes it: reweighting did hardly better than plain training."""
    sample = own.sample()
    division = divide(made.hurt[0], attributes[made.hurt[0]], made.audit.min_group) if attributes else None
    if division is None:
        return {
            "finalist": finalist.name, "reason": "no sensitive attribute divides the records into two groups",
            "attribute": None, "groups": [], "rows": [], "conclusion": "Nothing was tried.", "verdict": "none_tried",
            "caveats": [],
        }  # fmt: skip
    moved = np.random.default_rng(3).random(len(sample.y)) < 0.1  # these are put right
    again = collect(
        sample.y,
        sample.probabilities,
        predicted=np.where(moved if sample.y.ndim == 1 else moved[:, None], sample.y, sample.predicted),
        positive=sample.positive,
        classes=sample.classes,
        task=sample.task,
    )
    others = [
        Method("reweight", again, seconds=12.0),
        Method("penalty", replace(sample), {"strength": 1.0, "rule": "the best for the worst validation group"}, 30.0),
        Method(
            "thresholds", None, note="Deciding by group may be unlawful.", reason="not applicable: two classes only"
        ),
    ]
    table = compare(
        Method("plain", sample, seconds=10.0), others, division, own.test.patient, urgent=own.task.urgent,
        min_group=made.audit.min_group, resamples=RESAMPLES,
    )  # fmt: skip
    table["attribute"]["why"] = "its largest gap in sensitivity on the validation set, 0.30, is the largest of all"
    caveats = ["Each method was trained once.", "The choices were made for plain training."]
    return {"finalist": finalist.name, "reason": None, **table, "caveats": caveats}


def figure(value: float | None, half: float = 0.02, reason: str | None = None) -> dict[str, Any]:
    """A figure as stages write it."""
    ci95 = None if value is None else [value - half, value + half]
    return {"value": value, "ci95": ci95, "n": 300, "events": 40, "reason": reason}


def robustness(name: str = "lesion", sites: bool = True) -> dict[str, Any]:
    """robustness.json in the shape of `automed.search.robustness.stress`, with the sites of `leave_one_site_out`."""

    def corruption(key: str, noun: str, costs: tuple[float | None, ...]) -> dict[str, Any]:
        rows = []
        for severity, cost in zip((1, 3, 5), costs, strict=True):
            why = "the model's answers to 3 of 300 records are no numbers" if cost is None else None
            value = None if cost is None else 0.8 - cost
            told = {"macro_f1": figure(value, reason=why), "accuracy": figure(value, reason=why)}
            change = figure(None if cost is None else -cost, reason=why)
            rows.append({"severity": severity, "amount": severity / 25, **told, "difference": {"macro_f1": change}})
        return {
            "name": key, "noun": noun, "summary": f"what {noun} does to pictures", "unit": "standard deviation",
            "severities": rows, "relative": figure(0.9), "finding": f"{noun.capitalize()} at severity 3 costs .12.",
        }  # fmt: skip

    pictures = [
        corruption("blur", "blur", (0.01, 0.12, 0.3)),
        corruption("jpeg", "JPEG compression", (0.0, 0.005, 0.04)),
        corruption("noise", "noise", (0.02, 0.08, None)),
    ]
    left_out = [{"name": "colour", "noun": "colour shift", "summary": "", "reason": "the images have 1 channel"}]
    rows = [
        {"site": "north", "n": 120, "patients": 80, "trained_on": 500, "validated_on": 90, "reason": None,
         "seconds": 3.0, "without": {"macro_f1": figure(0.7)}, "within": {"macro_f1": figure(0.76)},
         "difference": {"macro_f1": {"difference": -0.06, "ci95": [-0.12, -0.01], "p": 0.02, "reason": None}}},
        {"site": "south", "n": 9, "patients": 9, "trained_on": 610, "validated_on": 110, "seconds": None,
         "reason": "not estimable: 9 records, 20 are needed", "without": None, "within": None, "difference": None},
    ]  # fmt: skip
    told = {"finalist": "01-resnet", "column": "hospital", "reason": None, "sites": rows, "notes": ["Trained once."]}
    document = {
        "version": 1, "n": 300, "patients": 210, "of": 2000,
        "drawn": "300 of 2,000 test records, of each class its share, drawn by chance (seed 0)",
        "severities": [1, 3, 5], "clean": {"macro_f1": figure(0.8), "accuracy": figure(0.82)},
        "inputs": {name: {"kind": "image", "n": 300, "corruptions": pictures, "left_out": left_out}},
        "interval": {}, "seconds": 8.0,
    }  # fmt: skip
    return document | ({"sites": told} if sites else {})


def choose(run: Run, rule: str = "fair") -> None:
    """Put a choice between the best and the fairest candidate into leaderboard.json."""
    board = json.loads(run.leaderboard.read_text(encoding="utf-8"))
    best = {"number": 0, "architecture": "resnet", "macro_f1": 0.861, "worst_group": 0.62, "group": "skin_tone: dark"}
    fair = {"number": 3, "architecture": "cnn", "macro_f1": 0.851, "worst_group": 0.71, "group": "sex: female"}
    sentence = "Candidate 3 has the best worst group of those within 0.02 of the best. It was chosen."
    chosen = {"rule": rule, "distance": 0.02, "best": best, "fair": fair, "same": False, "cost": 0.01, "gain": 0.09}
    write_json(run.leaderboard, board | {"selection": chosen | {"sentence": sentence}})
