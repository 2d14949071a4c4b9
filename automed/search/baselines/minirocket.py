"""MiniRocket and ridge regression: for regular signals as good as far slower methods, in seconds.

Source: Dempster, Schmidt and Webb 2021, KDD.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from automed.search.baselines.features.signals import channels_of
from automed.search.baselines.majority import fit_majority
from automed.search.baselines.material import (
    Answers,
    Array,
    Arrays,
    Floats,
    Indices,
    Material,
    Predictor,
    blocks,
    folds,
    goals,
    thin,
)
from automed.search.baselines.ridge import Ridge, fit_ridge
from automed.search.baselines.rocket import KERNELS, Rocket

FEATURES = 119 * len(KERNELS)  # the paper's 10,000
FEWEST = 12 * len(KERNELS)
SAMPLE = 256  # training records that thresholds and the scale of channels are taken from
FOLDS = 5
CELLS = 2**27  # features of the training records at once: half a gigabyte
BLOCK_VALUES = 2**24  # of the signals read at once

# Seconds of one thread on a 2.4 GHz EPYC, rounded up: one step of a signal for one feature; the regression, divided by
# the third power of records or features, whichever are fewer.
STEP_S, SOLVE_S = 2.5e-9, 6e-10
CONVOLVING, SOLVING = 0.6, 0.2  # shares of the budget; the rest is for predicting


@dataclass(frozen=True, eq=False)
class Convolved:
    """The MiniRocket features of one input.

    Attributes:
        values, masks: its channels, as `channels_of` gives them.
        mean, scale: float32 (channels, 1), of training records.
        rocket: the kernels.
    """

    values: Indices
    masks: Indices
    mean: Floats
    scale: Floats
    rocket: Rocket

    @classmethod
    def of(cls, material: Material, name: str, features: int, seed: int) -> Convolved:
        """Kernels for an input, from a sample of its training records."""
        array = material.arrays[name]
        values, masks = channels_of(name, array, material.facts[name])
        sample = material.train[thin(material.strata, SAMPLE, seed)]
        raw = _filled(np.asarray(array[sample]), values, masks)
        seen = np.isfinite(raw)
        count = np.maximum(seen.sum(axis=(0, 2)), 1)
        mean = np.where(seen, raw, 0.0).sum(axis=(0, 2), dtype=np.float64) / count
        off = np.where(seen, raw - mean[:, None], 0.0)
        scale = np.sqrt((off**2).sum(axis=(0, 2)) / count)
        scale[scale < 1e-12] = 1.0  # a constant channel
        mean, scale = mean[:, None].astype(np.float32), scale[:, None].astype(np.float32)
        return cls(values, masks, mean, scale, Rocket.of(_standard(raw, mean, scale), features, seed))

    def __call__(self, block: Array, threads: int) -> Floats:
        """Floats (n, steps, channels) to float32 (n, features)."""
        return self.rocket(_standard(_filled(block, self.values, self.masks), self.mean, self.scale), threads)


@dataclass(frozen=True, eq=False)
class Rocketed:
    """Ridge regression on the features of every signal, and a logistic map from its decisions to probabilities."""

    inputs: Mapping[str, Convolved]
    ridge: Ridge
    maps: tuple[LogisticRegression, ...]
    answers: Answers
    threads: int

    def __call__(self, arrays: Arrays, positions: Indices) -> Floats:
        with threadpool_limits(self.threads):
            parts = [self._of_block(x) for x in _features(self.inputs, arrays, positions, self.threads)]
        return np.concatenate(parts)

    def _of_block(self, x: Floats) -> Floats:
        if not len(x):
            return self.answers.others[None, :][:0]
        return self.answers.of_models(
            [m.predict_proba(d) for m, d in zip(self.maps, _apart(self.ridge(x), self.maps), strict=True)]
        )


def fit_minirocket(material: Material, seed: int = 0, seconds: float = math.inf, threads: int = 1) -> Predictor:
    """Fit ridge regression on MiniRocket features of the signals alone.

    What is missing is drawn as a straight line between its neighbours. The penalty is chosen, and decisions become
    probabilities, by records that were held out, patients apart; there every class counts alike. As for
    `fit_boosting` the budget becomes a plan by known costs: fewer features first, then fewer records.

    Args:
        material: the training records.
        seed: of channels, thresholds and folds, and of the records where time is short.
        seconds: about how long it may take.
        threads: how many cores.

    Raises:
        DataError: there is no signal, or an array is not floats (records, steps, channels).
    """
    names = material.named("signal")
    steps = sum(material.arrays[name].shape[1] for name in names) / len(names)
    rows, features = afford(len(material.y), steps, seconds * threads)
    whole, material = material, material.only(thin(material.strata, rows, seed))
    parts = folds(material.strata, material.patient, FOLDS, seed)
    if material.settled or len(parts) < 2:
        return fit_majority(whole)
    with threadpool_limits(threads):
        inputs = {name: Convolved.of(material, name, features // len(names), seed) for name in names}
        x = np.concatenate(list(_features(inputs, material.arrays, material.train, threads)))
        ridge = fit_ridge(x, material.targets, parts)
        apart = goals(material)
        blank = [LogisticRegression(class_weight="balanced") for _ in apart]
        decisions = _apart(ridge.held_out, blank)
        maps = tuple(m.fit(d, goal) for m, d, goal in zip(blank, decisions, apart, strict=True))
    return Rocketed(inputs, ridge, maps, Answers.of(material), threads)


def afford(rows: int, steps: float, seconds: float) -> tuple[int, int]:
    """How many records and features a budget allows.

    Args:
        rows: training records.
        steps: of a signal.
        seconds: the budget, of all threads together.
    """
    square = math.inf if seconds == math.inf else (SOLVING * seconds / SOLVE_S) ** (1 / 3)
    features = min(FEATURES, CELLS / rows, CONVOLVING * seconds / (rows * steps * STEP_S))
    if rows > square:
        features = min(features, square)
    features = max(FEWEST, int(features) // len(KERNELS) * len(KERNELS))
    fitting = min(CELLS / features, CONVOLVING * seconds / (features * steps * STEP_S))
    return max(min(rows, 200), int(min(rows, fitting))), features


def _features(inputs: Mapping[str, Convolved], arrays: Arrays, positions: Indices, threads: int) -> Iterator[Floats]:
    """The features of some records, block by block."""
    values = max(math.prod(arrays[name].shape[1:]) for name in inputs)
    for rows in blocks(positions, np.arange(len(positions)), max(1, BLOCK_VALUES // values)):
        yield np.concatenate([part(np.asarray(arrays[name][rows]), threads) for name, part in inputs.items()], axis=1)


def _apart(decisions: NDArray[np.floating], maps: Sequence[LogisticRegression]) -> list[NDArray[np.floating]]:
    """The decisions that each map is to see: all k of a record, or where there is one map a label its own."""
    labels = len(maps) == decisions.shape[1]
    return [decisions[:, place : place + 1] for place in range(len(maps))] if labels else [decisions]


def _filled(block: Array, values: Indices, masks: Indices) -> Floats:
    """The measured channels, float32 (n, channels, steps), with gaps closed; NaN where nothing was seen."""
    signals = np.ascontiguousarray(block[:, :, values].transpose(0, 2, 1), dtype=np.float32)
    seen = np.isfinite(signals)
    if len(masks):
        seen &= block[:, :, masks].transpose(0, 2, 1) > 0
    time = np.arange(signals.shape[2])
    signals[~seen.any(axis=2)] = np.nan
    for record, channel in np.argwhere(seen.any(axis=2) & ~seen.all(axis=2)):
        here = seen[record, channel]
        signals[record, channel] = np.interp(time, time[here], signals[record, channel, here])
    return signals


def _standard(signals: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.asarray(np.nan_to_num((signals - mean) / scale, nan=0.0), dtype=np.float32)
