"""Gradient boosting on simple features of all inputs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from automed.errors import DataError
from automed.search.baselines.bins import Bins
from automed.search.baselines.features.columns import Columns
from automed.search.baselines.majority import fit_majority
from automed.search.baselines.material import (
    GRACE,
    Answers,
    Arrays,
    Floats,
    Indices,
    Material,
    Predictor,
    goals,
    thin,
)

# Chosen inside the official training and validation parts of BreastMNIST and PneumoniaMNIST and on one lesion-grouped
# fold of HAM10000, never on an official test part: slow and shrunk did as well as the defaults or better, and better
# than early stopping on a held-out tenth, which costs small sets data and puts one patient's pictures on both sides.
ITERATIONS = 200
FEWEST = 60
RATE = 0.06
FASTEST = 0.2
STAGE = 50  # iterations between two looks at the clock
LOOKED_AT = 0.3  # share of the columns that a split may use
AT_LEAST = 20  # columns that a split may use

# Seconds of one thread on a 2.4 GHz EPYC, rounded up: one tree, one tree for one row, of so many columns.
TREE_S, ROW_S, COLUMNS = 0.007, 4e-6, 400
CELLS = 2**28  # features of the training records at once: two gigabytes as scikit-learn holds them
BLOCK = 8192  # records predicted at once


@dataclass(frozen=True, eq=False)
class Boosted:
    """Gradient-boosted trees on binned features: one model, or of several labels one each."""

    models: tuple[Any, ...]
    columns: Columns
    bins: Bins
    answers: Answers
    threads: int

    def __call__(self, arrays: Arrays, positions: Indices) -> Floats:
        starts = range(0, len(positions), BLOCK)
        with threadpool_limits(self.threads):
            parts = [self._of_block(arrays, positions[start : start + BLOCK]) for start in starts]
        return np.concatenate([*parts, self.answers.others[None, :][:0]])

    def _of_block(self, arrays: Arrays, positions: Indices) -> Floats:
        binned = self.bins(self.columns(arrays, positions))
        return self.answers.of_models([model.predict_proba(binned) for model in self.models])


@dataclass(frozen=True)
class Plan:
    """What boosting can afford: how many records and iterations, and how fast it then has to learn."""

    rows: int
    iterations: int
    rate: float


def fit_boosting(material: Material, seed: int = 0, seconds: float = math.inf, threads: int = 1) -> Predictor:
    """Fit gradient boosting with balanced class weights on simple features of every input.

    The budget is turned into records and iterations by known costs and not by the clock, so that a run repeats exactly;
    the clock only cuts what takes three times as long. One thread is the default because trees on two threads wait
    for each other many thousand times, and beside a training process they take several times as long as on one.

    Args:
        material: the training records.
        seed: of the features that each split may use, and of the records where time is short.
        seconds: about how long it may take.
        threads: how many cores.

    Raises:
        DataError: an array is not as its kind of input has it.

    Source: Ke et al. 2017, NeurIPS (histogram-based gradient boosting), as in scikit-learn.
    """
    return boost(material, tuple(material.arrays), seed, seconds, threads)


def boost(material: Material, names: Sequence[str], seed: int, seconds: float, threads: int) -> Predictor:
    """Fit gradient boosting on the named inputs alone; the rest is as in `fit_boosting`."""
    started = time.monotonic()
    if not names:
        raise DataError("there is no input to compute features from")
    columns = Columns.of(material, names)
    trees = len(material.present) if material.multilabel or len(material.present) > 2 else 1
    plan = afford(len(material.y), max(1, trees), columns.width, columns.seconds, seconds)
    whole, material = material, material.only(thin(material.strata, plan.rows, seed))
    if material.settled:
        return fit_majority(whole)
    with threadpool_limits(threads):
        columns = columns.fit(material)
        if not columns.width:
            return fit_majority(whole)
        raw = columns(material.arrays, material.train)
        bins = Bins.of(raw, columns.rounding, columns.categorical)
        binned = bins(raw)
        apart = goals(material)
        models = [_trees(columns, len(raw), plan.rate, seed) for _ in apart]
        for iterations in [*range(STAGE, plan.iterations, STAGE), plan.iterations]:
            for model, goal in zip(models, apart, strict=True):
                model.set_params(max_iter=iterations).fit(binned, goal)
            if time.monotonic() - started > GRACE * seconds:
                break
    return Boosted(tuple(models), columns, bins, Answers.of(material), threads)


def _trees(columns: Columns, rows: int, rate: float, seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=rate,
        max_leaf_nodes=15,
        min_samples_leaf=max(2, min(20, rows // 25)),
        l2_regularization=1.0,
        max_features=min(1.0, max(LOOKED_AT, AT_LEAST / max(1, columns.width))),
        categorical_features=columns.categorical if columns.categorical.any() else None,
        class_weight="balanced",
        early_stopping=False,
        warm_start=True,
        random_state=seed,
    )


def afford(rows: int, trees: int, columns: int, each: float, seconds: float) -> Plan:
    """Fit boosting into a budget: fewer iterations that learn faster first, then fewer records.

    Args:
        rows: training records.
        trees: trees an iteration: one for two classes, one a class for more, one a label for several.
        columns: features of one record.
        each: seconds for the features of one record.
        seconds: the budget.
    """
    rows = min(rows, max(200, CELLS // max(1, columns)))
    wide = max(1.0, columns / COLUMNS)
    tree, row = trees * TREE_S * wide, trees * ROW_S * wide
    left = seconds - rows * each
    if left >= ITERATIONS * (tree + rows * row):
        return Plan(rows, ITERATIONS, RATE)
    iterations = max(FEWEST, int(left / (tree + rows * row)))
    if iterations == FEWEST:
        rows = min(rows, max(200, int((seconds - FEWEST * tree) / (each + FEWEST * row))))
    return Plan(rows, iterations, min(FASTEST, RATE * ITERATIONS / iterations))
