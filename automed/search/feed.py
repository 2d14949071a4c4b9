"""Batches for training: shuffled in blocks from the memory maps, with class weights, mixup and cutmix.

Keras' own adapters hold arrays in memory or lean on TensorFlow; this one reads the map block by block on any backend.
Source: Zhang et al. 2018, arXiv:1710.09412 (mixup); Yun et al. 2019, arXiv:1905.04899 (cutmix).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automed.data.dataset import Dataset
from automed.models.assembly import as_input
from automed.models.losses import class_weights, sample_weights
from automed.models.training import Training
from automed.search.change import UNCHANGED, Change

IN_MEMORY = 64_000_000  # bytes of inputs that a worker keeps; larger sets are read in shuffled blocks
BLOCK = 4096  # records of a shuffled block
RUN = 64  # consecutive records that stay together when blocks are drawn, so that a disk reads in long strokes

Inputs = dict[str, npt.NDArray[Any]]
Batch = tuple[Any, npt.NDArray[np.float32], npt.NDArray[np.float32]]


class Feed(keras.utils.PyDataset):
    """Training batches (arrays by input, targets (b, K), weights (b,)) of one trial.

    Order and mixing depend on `seed` and the epoch alone, so that a trial that goes on sees what it would have seen.
    Where a change has a penalty, the one-hot group of each record stands behind its target: (b, K + groups).
    """

    def __init__(
        self, data: Dataset, training: Training, *, seed: int, power: float, change: Change = UNCHANGED
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._data, self._training, self._seed = data, training, seed
        self._train = data.part("train")
        self._batch = min(training.batch, len(self._train))
        counts = data.targets(self._train).sum(axis=0)
        # Where a record may have several labels, thresholds make up for rare ones: no record weighs more.
        self._weights = class_weights(counts, power) if data.task != "multilabel" else None
        self._odds, self._weighed, self._beside = self._changed(change)
        self._kept: Mapping[str, npt.NDArray[Any]] | None = None
        if data.nbytes <= IN_MEMORY:
            self._kept = {name: data.take(name, self._train) for name in data.arrays}
        self._block: tuple[int, Inputs] | None = None
        self.begin(0)

    def __len__(self) -> int:
        # Batches of one size only: a short last batch would be traced once more and would steer batch statistics.
        return max(1, len(self._train) // self._batch)

    def on_epoch_end(self) -> None:
        self.begin(self._epoch + 1)

    def __getitem__(self, step: int) -> Batch:
        places = np.arange(step * self._batch, (step + 1) * self._batch) % len(self._order)
        chosen = self._order[places]
        inputs = self._inputs(places, chosen)
        targets = np.hstack([self._data.targets(self._train[chosen]), self._beside[chosen]])
        if self._training.mix != "none":
            random = np.random.default_rng((self._seed, self._epoch, step))
            inputs, targets = mix(inputs, targets, self._training, random)
        if self._weighed:
            return as_input(inputs), targets[:, :-1], targets[:, -1]
        classes = targets[:, : len(self._data.classes)]
        weights = np.ones(len(targets), np.float32) if self._weights is None else sample_weights(classes, self._weights)
        return as_input(inputs), targets, weights

    def begin(self, epoch: int) -> None:
        """Draw the order of an epoch; a trial that goes on begins where it was cut."""
        self._epoch = epoch
        self._block = None
        random = np.random.default_rng((self._seed, epoch))
        n = len(self._train)
        records = np.arange(n) if self._odds is None else np.sort(random.choice(n, n, p=self._odds))
        if self._kept is not None:
            self._order = records[random.permutation(n)]
            return
        # Shuffle short runs over the whole set, then single records within a block of them.
        in_place = np.argsort(self._data.position[self._train[records]], kind="stable")
        runs = np.array_split(records[in_place], max(1, n // RUN))
        order = np.concatenate([runs[i] for i in random.permutation(len(runs))])
        for start in range(0, n, BLOCK):
            random.shuffle(order[start : start + BLOCK])
        self._order = order

    def _changed(self, change: Change) -> tuple[npt.NDArray[np.float64] | None, bool, npt.NDArray[np.float32]]:
        """The odds of drawing each record, whether the loss is weighed anew, and what is mixed as targets are."""
        odds, columns = None, [np.empty((len(self._train), 0), np.float32)]
        if change.penalty:
            assert change.groups is not None
            columns.append(np.eye(int(change.groups.max()) + 1, dtype=np.float32)[change.groups[self._train]])
        weighed = change.weights is not None and not change.resample
        if change.weights is not None:
            own = change.weights[self._train]
            if change.resample:
                odds = own / own.sum()
            else:
                if self._weights is not None:
                    own = own * sample_weights(self._data.targets(self._train), self._weights)
                columns.append((own / own.mean()).astype(np.float32)[:, None])
        return odds, weighed, np.hstack(columns)

    def _inputs(self, places: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64]) -> Inputs:
        if self._kept is not None:
            return {name: values[chosen] for name, values in self._kept.items()}
        picked = {name: np.empty((len(chosen), *v.shape[1:]), v.dtype) for name, v in self._data.arrays.items()}
        for number in np.unique(places // BLOCK):
            block, here = self._load(int(number)), places // BLOCK == number
            for name, values in block.items():
                picked[name][here] = values[places[here] - number * BLOCK]
        return picked

    def _load(self, number: int) -> Inputs:
        if self._block is None or self._block[0] != number:
            index = self._train[self._order[number * BLOCK : (number + 1) * BLOCK]]
            self._block = (number, {name: self._data.take(name, index) for name in self._data.arrays})
        return self._block[1]


def mix(
    inputs: Inputs,
    targets: npt.NDArray[np.float32],
    training: Training,
    random: np.random.Generator,
) -> tuple[Inputs, npt.NDArray[np.float32]]:
    """Blend each record with another: the whole (mixup), or a rectangle or stretch of it (cutmix); targets alike."""
    other = random.permutation(len(targets))
    share = float(random.beta(training.alpha, training.alpha))
    if training.mix == "mixup":
        inputs = {name: _blend(values, values[other], share) for name, values in inputs.items()}
    else:
        side = (1.0 - share) ** 0.5
        top, left = (float(place) * (1.0 - side) for place in random.random(2))
        inputs = {name: _paste(values, values[other], top, left, side, share) for name, values in inputs.items()}
    return inputs, np.float32(share) * targets + np.float32(1.0 - share) * targets[other]


def _blend(one: npt.NDArray[Any], other: npt.NDArray[Any], share: float) -> npt.NDArray[Any]:
    mixed = np.float32(share) * one.astype(np.float32) + np.float32(1.0 - share) * other
    return np.rint(mixed).astype(one.dtype) if one.dtype == np.uint8 else mixed.astype(one.dtype)


def _paste(
    one: npt.NDArray[Any], other: npt.NDArray[Any], top: float, left: float, side: float, share: float
) -> npt.NDArray[Any]:
    """Put a rectangle of `other` into `one`, of a signal a stretch of time; all places are shares of the whole."""
    if one.ndim == 3:
        steps = one.shape[1]
        first = round(left / max(1.0 - side, 1e-9) * share * steps) if side < 1.0 else 0
        pasted = one.copy()
        pasted[:, first : first + round((1.0 - share) * steps)] = other[:, first : first + round((1.0 - share) * steps)]
        return pasted
    height, width = one.shape[1:3]
    rows = slice(round(top * height), round((top + side) * height))
    columns = slice(round(left * width), round((left + side) * width))
    pasted = one.copy()
    pasted[:, rows, columns] = other[:, rows, columns]
    return pasted
