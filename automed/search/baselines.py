"""What every candidate must beat: the majority class, and gradient boosting on simple features of small pictures.

Both see the training records alone and load no TensorFlow. The second is meant to be strong: where a search does not
beat it, that is a result.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from automed.errors import DataError
from automed.search.features import Floats, Images, Indices, features

BINS = 200
NOISE = 1e-5  # of a feature's largest size: far above float32 rounding, which depends on the other records of a block

# Chosen inside the official training and validation parts of BreastMNIST and PneumoniaMNIST and on one lesion-grouped
# fold of HAM10000, never on an official test part: slow and shrunk did as well as the defaults or better, and better
# than early stopping on a held-out tenth, which costs small sets data and puts one patient's pictures on both sides.
ITERATIONS = 200
FEWEST = 60
RATE = 0.06
FASTEST = 0.2
STAGE = 50  # iterations between two looks at the clock
GRACE = 3  # a busy machine should make it late rather than another model

# Seconds of one thread on a 2.4 GHz EPYC, rounded up: one tree, one tree for one row, one pixel value read and shrunk.
TREE_S, ROW_S, VALUE_S = 0.007, 4e-6, 4e-8


class Predictor(Protocol):
    """A fitted baseline."""

    def __call__(self, images: Images, index: Indices) -> Floats:
        """Probabilities of all classes of the recipe, in order: float32 (len(index), classes)."""
        ...


@dataclass(frozen=True, eq=False)
class Constant:
    """The same probabilities for every record: float64 (classes,)."""

    probabilities: NDArray[np.float64]

    def __call__(self, images: Images, index: Indices) -> Floats:
        return np.tile(self.probabilities.astype(np.float32), (len(index), 1))


@dataclass(frozen=True, eq=False)
class Boosted:
    """Gradient-boosted trees on binned `features`; classes that training lacked have probability 0."""

    model: Any
    edges: tuple[NDArray[np.float64], ...]
    n_classes: int
    threads: int

    def __call__(self, images: Images, index: Indices) -> Floats:
        probabilities = np.zeros((len(index), self.n_classes), dtype=np.float32)
        if len(index):
            with threadpool_limits(self.threads):
                probabilities[:, self.model.classes_] = self.model.predict_proba(
                    _bin(features(images, index), self.edges)
                )
        return probabilities


@dataclass(frozen=True)
class Plan:
    """What boosting can afford: how many records and iterations, and how fast it then has to learn."""

    rows: int
    iterations: int
    rate: float


def majority(y: Indices, n_classes: int) -> NDArray[np.float64]:
    """The classes' shares in training, whose largest is the majority class: float64 (classes,).

    Raises:
        DataError: there are no records, or a class index is out of range.
    """
    if not len(y):
        raise DataError("there are no training records")
    if y.min() < 0 or y.max() >= n_classes:
        raise DataError(f"classes run from {y.min()} to {y.max()}, expected 0 to {n_classes - 1}")
    return np.asarray(np.bincount(y, minlength=n_classes) / len(y))


def fit_majority(
    images: Images,
    index_train: Indices,
    y: Indices,
    n_classes: int,
    seed: int = 0,
    seconds: float = math.inf,
    threads: int = 1,
) -> Predictor:
    """Give every record the classes' shares in training; the arguments are those of `fit_boosting`.

    Raises:
        DataError: there are no records, or lengths or classes do not agree.
    """
    if len(index_train) != len(y):
        raise DataError(f"{len(index_train)} training records for {len(y)} labels")
    return Constant(majority(y, n_classes))


def fit_boosting(
    images: Images,
    index_train: Indices,
    y: Indices,
    n_classes: int,
    seed: int = 0,
    seconds: float = math.inf,
    threads: int = 1,
) -> Predictor:
    """Fit gradient boosting with balanced class weights on simple features of the training pictures.

    The budget is turned into records and iterations by known costs and not by the clock, so that a run repeats exactly;
    the clock only cuts what takes three times as long. One thread is the default because trees on two threads wait
    for each other many thousand times, and beside a training process they take several times as long as on one.

    Args:
        images: input -> uint8 (records, h, w, c), which may be a memory map.
        index_train: int64 (n,), positions of the training records in the images.
        y: int64 (n,), the class index of each of these records, and of no other.
        n_classes: classes of the recipe; not all need be there.
        seed: of the features that each split may use, and of the records where time is short.
        seconds: about how long it may take.
        threads: how many cores.

    Raises:
        DataError: there are no records, lengths or classes do not agree, or an input is not uint8 pictures.

    Source: Ke et al. 2017, NeurIPS (histogram-based gradient boosting), as in scikit-learn.
    """
    started = time.monotonic()
    constant = fit_majority(images, index_train, y, n_classes, seed, seconds, threads)
    if np.unique(y).size < 2:
        return constant
    trees = np.unique(y).size if np.unique(y).size > 2 else 1
    plan = afford(len(y), trees, sum(math.prod(picture.shape[1:]) for picture in images.values()), seconds)
    kept = _thin(y, plan.rows, seed)
    with threadpool_limits(threads):
        raw = features(images, index_train[kept])
        edges = tuple(_edges(column) for column in raw.T)
        model = HistGradientBoostingClassifier(
            learning_rate=plan.rate,
            max_leaf_nodes=15,
            min_samples_leaf=max(2, min(20, len(kept) // 25)),
            l2_regularization=1.0,
            max_features=0.3,
            class_weight="balanced",
            early_stopping=False,
            warm_start=True,
            random_state=seed,
        )
        binned = _bin(raw, edges)
        for iterations in [*range(STAGE, plan.iterations, STAGE), plan.iterations]:
            model.set_params(max_iter=iterations).fit(binned, y[kept])
            if time.monotonic() - started > GRACE * seconds:
                break
    return Boosted(model, edges, n_classes, threads)


def afford(rows: int, trees: int, values: int, seconds: float) -> Plan:
    """Fit boosting into a budget: fewer iterations that learn faster first, then fewer records.

    Args:
        rows: training records.
        trees: trees an iteration, one for two classes, one a class for more.
        values: pixel values of one record.
        seconds: the budget.
    """
    left = seconds - rows * values * VALUE_S
    iteration = trees * (TREE_S + rows * ROW_S)
    if left >= ITERATIONS * iteration:
        return Plan(rows, ITERATIONS, RATE)
    iterations = max(FEWEST, int(left / iteration))
    if iterations == FEWEST:
        each = values * VALUE_S + FEWEST * trees * ROW_S
        rows = min(rows, max(200, int((seconds - FEWEST * trees * TREE_S) / each)))
    return Plan(rows, iterations, min(FASTEST, RATE * ITERATIONS / iterations))


def _thin(y: Indices, rows: int, seed: int) -> Indices:
    """Positions of about `rows` records with the classes in their proportions, at least one of each, in order."""
    if rows >= len(y):
        return np.arange(len(y))
    rng = np.random.default_rng(seed)
    members = (np.flatnonzero(y == k) for k in np.unique(y))
    chosen = [rng.choice(places, math.ceil(len(places) * rows / len(y)), replace=False) for places in members]
    return np.sort(np.concatenate(chosen))


def _edges(column: Floats) -> NDArray[np.float64]:
    """Bounds of at most 200 bins of about equal counts, each in the middle of a gap that rounding cannot bridge."""
    values = np.sort(column.astype(np.float64))
    gaps = np.flatnonzero(np.diff(values) > NOISE * np.abs(values).max())
    if len(gaps) >= BINS:
        wanted = np.linspace(0, len(values), BINS + 1)[1:-1]
        gaps = gaps[np.unique(np.searchsorted(gaps + 1, wanted).clip(max=len(gaps) - 1))]
    return np.asarray((values[gaps] + values[gaps + 1]) / 2)


def _bin(raw: Floats, edges: tuple[NDArray[np.float64], ...]) -> NDArray[np.uint8]:
    # scikit-learn 1.8 and later bin weighted records in a Python loop over quantiles: 35 s for 546 records.
    return np.stack([np.searchsorted(edge, column) for edge, column in zip(edges, raw.T, strict=True)], 1).astype(
        np.uint8
    )
