"""A run whose test records are known to its tests: what the slider on its page must agree with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from madeup import SKIN, Story, make_run
from numpy.typing import NDArray
from sklearn.metrics import precision_score, recall_score

from automed.evaluate.operating.report import describe
from automed.evaluate.questions import Question, questions
from automed.evaluate.sample import collect
from automed.recipe.evaluate import Threshold
from automed.run import Run, write_json

Classes = tuple[tuple[str, str, bool], ...]


def asked(n: int, classes: Classes, seed: int, shares: NDArray[np.float64] | None = None) -> list[Question]:
    """The questions about n records that a model knows fairly well."""
    rng = np.random.default_rng(seed)
    count = len(classes)
    y = rng.choice(count, n, p=1 / count + np.zeros(count) if shares is None else shares)
    logits = rng.normal(size=(n, count)) + 2 * np.eye(count)[y]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    keys = tuple(key for key, _, _ in classes)
    urgent = [place for place, one in enumerate(classes) if one[2]]
    positive = urgent[0] if count == 2 and len(urgent) == 1 else None
    return questions(collect(y, probabilities, classes=keys, positive=positive), urgent)


def make_slider_run(
    folder: Path,
    n: int = 350,
    classes: Classes = SKIN,
    prevalences: dict[str, float] | None = None,
    shares: NDArray[np.float64] | None = None,
) -> tuple[Run, list[Question], dict[str, Any]]:
    """A run with one finalist, the questions about its test records, and what evaluation.json says of them."""
    run = make_run(folder, Story(classes, finalists=1, trials=2, examples=0))
    validation, test = asked(400, classes, 0, shares), asked(n, classes, 1, shares)
    told = describe(validation, test, Threshold(), prevalences or {}, {}, resamples=200)
    write_json(run.finalists()[0].evaluation, {"operating": told})
    return run, test, told


def expected(question: Question, threshold: float, prevalence: float | None = None) -> dict[str, float | None]:
    """By scikit-learn and Bayes' theorem what a threshold yields, at another prevalence than that of the records."""
    truth, flagged = question.truth, question.probability >= threshold
    sensitivity, specificity = recall_score(truth, flagged), recall_score(~truth, ~flagged)
    share = float(truth.mean()) if prevalence is None else prevalence
    right, wrong, missed = share * sensitivity, (1 - share) * (1 - specificity), share * (1 - sensitivity)
    if prevalence is None:
        right, wrong, missed = (
            float((truth & flagged).mean()),
            float((~truth & flagged).mean()),
            (truth & ~flagged).mean(),
        )
        ppv = precision_score(truth, flagged) if flagged.any() else None
        npv = precision_score(~truth, ~flagged) if not flagged.all() else None
    else:
        ppv = right / (right + wrong) if flagged.any() else None
        npv = (1 - share) * specificity / (1 - right - wrong) if not flagged.all() else None
    return {
        "sensitivity": float(sensitivity),
        "specificity": float(specificity),
        "ppv": ppv,
        "npv": npv,
        "nne": 1 / ppv if ppv else None,
        "net_benefit": right - wrong * threshold / (1 - threshold) if threshold < 1 else None,
        "flagged": right + wrong if prevalence is not None else float(flagged.mean()),
        "missed": float(missed),
    }
