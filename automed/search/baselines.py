"""What every candidate must beat: the majority class, and gradient boosting on simple features of small pictures.

Both see the training records alone and load no TensorFlow. The second is meant to be strong: where a search does not
beat it, that is a result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from automed.errors import DataError

Images = Mapping[str, NDArray[np.uint8]]
Indices = NDArray[np.int64]
Floats = NDArray[np.float32]

BLOCK_BYTES = 64 * 2**20  # pixels held as float32 at once
PIXELS = 240  # of the small copy, over all inputs and channels
BASE = 32  # side of the picture that histograms and gradients are computed from
CELLS = 4
ORIENTATIONS = 8
SHADES = 16
BINS = 200

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
    edges: tuple[Floats, ...]
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
        edges = tuple(np.unique(np.quantile(column, _INNER, method="nearest")) for column in raw.T)
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
    iterations = ITERATIONS
    if left < ITERATIONS * trees * (TREE_S + rows * ROW_S):
        iterations = max(FEWEST, int(left / (trees * (TREE_S + rows * ROW_S))))
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


_INNER = np.linspace(0, 1, BINS + 1)[1:-1]


def _bin(raw: Floats, edges: tuple[Floats, ...]) -> NDArray[np.uint8]:
    # scikit-learn 1.8 and later bin weighted records in a Python loop over quantiles: 35 s for 546 records.
    return np.stack([np.searchsorted(edge, column) for edge, column in zip(edges, raw.T, strict=True)], 1).astype(
        np.uint8
    )


def area_matrix(size: int, target: int) -> Floats:
    """Weights that average `size` pixels, parts of pixels too, into equal stretches: float32 (target, size)."""
    edges = np.linspace(0, size, target + 1)
    left, right = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)
    overlap = np.clip(np.minimum(right, pixel + 1) - np.maximum(left, pixel), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)


def shrink(pictures: Floats, height: int, width: int) -> Floats:
    """Average the areas of pictures: float32 (n, h, w, c) to (n, height, width, c)."""
    rows, columns = area_matrix(pictures.shape[1], height), area_matrix(pictures.shape[2], width)
    return np.asarray(np.einsum("hi,nijc,wj->nhwc", rows, pictures, columns, optimize=True), dtype=np.float32)


def features(images: Images, index: Indices) -> Floats:
    """Simple features of the pictures of some records.

    Of each input: the pixels of a small copy, the spread of its shades in each channel, and histograms of the
    directions of its edges.

    Args:
        images: input -> uint8 (records, h, w, c), which may be a memory map.
        index: int64 (n,), the records.

    Returns:
        float32 (n, 369 for one grey and 368 for one colour input).

    Raises:
        DataError: an input is not uint8 pictures.

    Source: Dalal and Triggs 2005, CVPR, section 6 (orientation histograms; without their overlapping blocks).
    """
    if not images:
        raise DataError("there is no picture to compute features from")
    columns = [np.concatenate(list(_of_input(name, images[name], index, len(images)))) for name in images]
    return np.concatenate(columns, axis=1)


def _of_input(name: str, pictures: NDArray[np.uint8], index: Indices, inputs: int) -> Iterator[Floats]:
    if pictures.ndim != 4 or pictures.dtype != np.uint8:
        raise DataError(
            f"expected uint8 (records, h, w, c), got {pictures.dtype} {pictures.shape}", where=f"input {name}"
        )
    channels = pictures.shape[3]
    side = max(4, min(16, int(math.sqrt(PIXELS / (channels * inputs)))))
    block = max(1, BLOCK_BYTES // (4 * math.prod(pictures.shape[1:])))
    for start in range(0, max(len(index), 1), block):
        # The pictures are copied block by block: a memory map of 100,000 of them never stands in memory.
        raw = np.asarray(pictures[index[start : start + block]], dtype=np.float32)
        base = shrink(raw, BASE, BASE)
        small = shrink(raw, side, side)
        yield np.concatenate(
            [small.reshape(len(raw), side * side * channels), _shades(base), _edges(base.mean(axis=3))], axis=1
        )


def _shades(pictures: Floats) -> Floats:
    """Share of pixels in each of 16 shades of each channel: float32 (n, 16 channels)."""
    n, _, _, channels = pictures.shape
    shade = np.clip(pictures * (SHADES / 256), 0, SHADES - 1).astype(np.int64)
    slot = (np.arange(n)[:, None, None, None] * channels + np.arange(channels)) * SHADES + shade
    counts = np.bincount(slot.ravel(), minlength=n * channels * SHADES).reshape(n, channels * SHADES)
    return np.asarray(counts / (BASE * BASE), dtype=np.float32)


def _edges(grey: Floats) -> Floats:
    """Strength of edges in 8 directions and 4 x 4 cells, as a share of the picture's: float32 (n, 128)."""
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    # Half a step on, so that upright and level edges lie inside a direction and rounding cannot tip them over.
    turn = np.arctan2(down, across) * (ORIENTATIONS / np.pi) + 0.5
    direction = np.floor(turn).astype(np.int64) % ORIENTATIONS
    cell = np.arange(BASE) * CELLS // BASE
    slot = ((np.arange(len(grey))[:, None, None] * CELLS + cell[:, None]) * CELLS + cell) * ORIENTATIONS + direction
    size = CELLS * CELLS * ORIENTATIONS
    total = np.bincount(slot.ravel(), weights=strength.ravel(), minlength=len(grey) * size).reshape(len(grey), size)
    return np.asarray(total / (total.sum(axis=1, keepdims=True) + 1e-6), dtype=np.float32)
