"""Logistic regression on TF-IDF of words and bigrams: hard to beat on texts of a few hundred words."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from automed.search.baselines.features.grams import Grams
from automed.search.baselines.features.texts import FIRST_WORD, TOKEN_S, check_tokens
from automed.search.baselines.majority import fit_majority
from automed.search.baselines.material import (
    GRACE,
    Answers,
    Arrays,
    Floats,
    Indices,
    Material,
    Predictor,
    folds,
    goals,
    thin,
)

LONGEST = 2  # words of a term
RAREST = 2  # training records that must have a term
MOST = 50_000  # terms of an input
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)  # C of the regression, weakest fit first, so that each starts from the last
USUAL = 3.0
FOLDS = 4
STEPS = 200  # of the optimiser

# Seconds of one thread: one term of one record in one fit, for each class, rounded up.
TERM_S = 3e-7
BLOCK = 4096  # records predicted at once


@dataclass(frozen=True, eq=False)
class Terms:
    """TF-IDF of words and bigrams, sublinear and each record of length 1, of every text."""

    grams: Mapping[str, Grams]
    weights: Mapping[str, Any]

    @classmethod
    def learn(cls, material: Material, names: tuple[str, ...]) -> Terms:
        """The terms of the training records of these inputs; one whose records hold none is left out."""
        grams, weights = {}, {}
        for name in names:
            check_tokens(name, material.arrays[name])
            rarest = min(RAREST, len(material.train))
            known = Grams.learn(material.arrays[name], material.train, LONGEST, FIRST_WORD, rarest, MOST)
            if len(known.known):
                grams[name] = known
                counts = known.count(material.arrays[name], material.train)
                weights[name] = TfidfTransformer(sublinear_tf=True).fit(counts)
        return cls(grams, weights)

    def __call__(self, arrays: Arrays, positions: Indices) -> csr_array:
        """float32 (n, terms), sparse."""
        return csr_array(
            hstack([self.weights[n].transform(grams.count(arrays[n], positions)) for n, grams in self.grams.items()])
        )


@dataclass(frozen=True, eq=False)
class Weighed:
    """Logistic regression on terms: one of all classes, or of several labels one each."""

    models: tuple[LogisticRegression, ...]
    terms: Terms
    answers: Answers
    threads: int

    def __call__(self, arrays: Arrays, positions: Indices) -> Floats:
        starts = range(0, len(positions), BLOCK)
        with threadpool_limits(self.threads):
            parts = [self._of_block(arrays, positions[start : start + BLOCK]) for start in starts]
        return np.concatenate([*parts, self.answers.others[None, :][:0]])

    def _of_block(self, arrays: Arrays, positions: Indices) -> Floats:
        x = self.terms(arrays, positions)
        return self.answers.of_models([model.predict_proba(x) for model in self.models])


def fit_tfidf(material: Material, seed: int = 0, seconds: float = math.inf, threads: int = 1) -> Predictor:
    """Fit logistic regression with balanced class weights on TF-IDF of the words and bigrams of the texts alone.

    How strongly it is held back is chosen by cross-validation inside training, patients apart. As for `fit_boosting`
    the budget becomes a plan by known costs: where it is short, the usual strength is taken and records are left out.

    Args:
        material: the training records.
        seed: of the folds, and of the records where time is short.
        seconds: about how long it may take.
        threads: how many cores.

    Raises:
        DataError: there is no text, or an array is not whole numbers (records, length).

    Source: Wang and Manning 2012, ACL (bigrams and linear models on texts).
    """
    started = time.monotonic()
    names = material.named("text")
    tokens = sum(material.arrays[name].shape[1] for name in names)
    outputs = max(2, len(material.present))
    reading, fitting = tokens * LONGEST * TOKEN_S, tokens * LONGEST * outputs * TERM_S
    rows = min(len(material.y), max(200, int(seconds / (reading + fitting))) if seconds < math.inf else len(material.y))
    searched = len(material.y) * (reading + fitting * FOLDS * len(STRENGTHS)) <= seconds
    whole, material = material, material.only(thin(material.strata, rows, seed))
    with threadpool_limits(threads):
        terms = Terms.learn(material, names)
        if material.settled or not terms.grams:
            return fit_majority(whole)
        x = terms(material.arrays, material.train)
        strength = _strength(x, material, seed, started + GRACE * seconds) if searched else USUAL
        models = tuple(_fit(_model(strength), x, goal) for goal in goals(material))
    return Weighed(models, terms, Answers.of(material), threads)


def _strength(x: csr_array, material: Material, seed: int, end: float) -> float:
    """The C of the smallest loss on records held out, every class counting alike; the usual one where time is up."""
    parts, apart = folds(material.strata, material.patient, FOLDS, seed), goals(material)
    loss = np.zeros(len(STRENGTHS))
    for held in parts if len(parts) > 1 else []:
        rest = np.setdiff1d(np.arange(len(material.y)), held)
        if any(len(np.unique(goal[rest])) < 2 for goal in apart):
            continue
        models = [_model(STRENGTHS[0], warm=True) for _ in apart]
        for place, strength in enumerate(STRENGTHS):
            for model, goal in zip(models, apart, strict=True):
                _fit(model.set_params(C=strength), x[rest], goal[rest])
                loss[place] += _loss(model, x[held], goal[held])
            if time.monotonic() > end:
                return USUAL
    return STRENGTHS[int(loss.argmin())] if loss.any() else USUAL


def _loss(model: LogisticRegression, x: csr_array, y: NDArray[Any]) -> float:
    """Logarithmic loss with every class counting alike."""
    probabilities = model.predict_proba(x)
    own = np.zeros(len(y))
    for column, known in enumerate(model.classes_):
        own = np.where(y == known, probabilities[:, column], own)
    losses = -np.log(np.maximum(own, 1e-6))
    return float(np.mean([losses[y == k].mean() for k in np.unique(y)]))


def _model(strength: float, *, warm: bool = False) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=STEPS, tol=1e-3, warm_start=warm)


def _fit(model: LogisticRegression, x: csr_array, y: NDArray[Any]) -> LogisticRegression:
    with warnings.catch_warnings():
        # Not quite at the optimum is good enough, and chosen knowingly by STEPS.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)
