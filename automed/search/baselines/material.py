"""What baselines learn from and what they leave: training records by position, and a predictor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from automed.errors import DataError

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Indices = NDArray[np.int64]
Floats = NDArray[np.float32]

GRACE = 3  # a busy machine should make a baseline late rather than another model


@dataclass(frozen=True, eq=False)
class Material:
    """The training records of a run.

    Attributes:
        arrays: by input name, (m, ...) as the model receives them; they may be memory maps.
        facts: by input name, the entry of `inputs` in data.json; `kind` says which kind it is.
        train: int64 (n,), rows of the arrays that are training records.
        y: int64 (n,), the class of each of them; for several labels a record int64 (n, n_classes) of 0 and 1.
        n_classes: classes of the recipe; not all need be there.
        task: multiclass, multilabel or ordinal.
        patient: int64 (n,), the same number for the same patient; left out, each record is one.

    Raises:
        DataError: there are no records, or lengths or classes do not agree.
    """

    arrays: Arrays
    facts: Mapping[str, Mapping[str, Any]]
    train: Indices
    y: Indices
    n_classes: int
    task: str = "multiclass"
    patient: Indices | None = None

    def __post_init__(self) -> None:
        if not len(self.train):
            raise DataError("there are no training records")
        if len(self.train) != len(self.y):
            raise DataError(f"{len(self.train)} training records for {len(self.y)} labels")
        if self.patient is not None and len(self.patient) != len(self.y):
            raise DataError(f"{len(self.y)} training records for the patients of {len(self.patient)}")
        if self.multilabel:
            if self.y.shape[1:] != (self.n_classes,) or not np.isin(self.y, (0, 1)).all():
                raise DataError(f"expected labels of 0 and 1 (n, {self.n_classes}), got {self.y.shape}")
        elif self.y.ndim != 1:
            raise DataError(f"expected one class a record, got {self.y.shape}")
        elif self.y.min() < 0 or self.y.max() >= self.n_classes:
            raise DataError(f"classes run from {self.y.min()} to {self.y.max()}, expected 0 to {self.n_classes - 1}")

    @property
    def multilabel(self) -> bool:
        """Whether a record may bear several labels, or none."""
        return self.task == "multilabel"

    @property
    def strata(self) -> Indices:
        """int64 (n,), what a sample should hold in proportion: the class, or of several the rarest label."""
        if not self.multilabel:
            return self.y
        often = np.where(self.y == 1, self.y.sum(axis=0), len(self.y) + 1)
        return np.where(self.y.any(axis=1), often.argmin(axis=1), self.n_classes).astype(np.int64)

    @property
    def present(self) -> Indices:
        """The classes that training has; of several labels those that some records bear and some do not."""
        if not self.multilabel:
            return np.unique(self.y)
        share = self.shares()
        return np.flatnonzero((share > 0) & (share < 1))

    @property
    def targets(self) -> NDArray[np.bool_]:
        """Which records are of each class that is `present`: bool (n, present)."""
        return np.asarray(self.y[:, self.present] == 1 if self.multilabel else self.y[:, None] == self.present)

    @property
    def settled(self) -> bool:
        """Whether there is nothing to tell apart."""
        return len(self.present) < (1 if self.multilabel else 2)

    def shares(self) -> NDArray[np.float64]:
        """The share of training records of each class: float64 (n_classes,)."""
        counts = self.y.sum(axis=0) if self.multilabel else np.bincount(self.y, minlength=self.n_classes)
        return np.asarray(counts / len(self.y))

    def named(self, kind: str) -> tuple[str, ...]:
        """The inputs of one kind.

        Raises:
            DataError: there is none.
        """
        names = tuple(name for name in self.arrays if self.facts[name]["kind"] == kind)
        if not names:
            raise DataError(f"there is no input of the kind {kind} to learn from")
        return names

    def only(self, kept: Indices) -> Material:
        """The training records at the places `kept` among the n."""
        patient = None if self.patient is None else self.patient[kept]
        return Material(self.arrays, self.facts, self.train[kept], self.y[kept], self.n_classes, self.task, patient)


class Predictor(Protocol):
    """A fitted baseline."""

    def __call__(self, arrays: Arrays, positions: Indices) -> Floats:
        """Probabilities of all classes of the recipe, in order: float32 (len(positions), n_classes).

        Those of a record add up to 1, save where it may bear several labels. Classes that training lacked have 0.
        """
        ...


@dataclass(frozen=True, eq=False)
class Constant:
    """The same probabilities for every record: float64 (n_classes,)."""

    probabilities: NDArray[np.float64]

    def __call__(self, arrays: Arrays, positions: Indices) -> Floats:
        return np.tile(self.probabilities.astype(np.float32), (len(positions), 1))


@dataclass(frozen=True, eq=False)
class Answers:
    """Puts the probabilities of the classes that a model knows into those of the recipe.

    Attributes:
        known: int64 (k,), the classes that the model tells apart.
        others: float32 (n_classes,), what the rest has: 0, or 1 for a label that all training records bear.
    """

    known: Indices
    others: Floats

    @classmethod
    def of(cls, material: Material) -> Answers:
        certain = material.shares() == 1 if material.multilabel else np.zeros(material.n_classes)
        return cls(material.present, certain.astype(np.float32))

    def __call__(self, probabilities: NDArray[np.floating]) -> Floats:
        """Floats (n, k) to float32 (n, n_classes)."""
        answers = np.tile(self.others, (len(probabilities), 1))
        answers[:, self.known] = probabilities
        return answers

    def of_models(self, found: Sequence[NDArray[np.floating]]) -> Floats:
        """What one model of all k classes says, (n, k), or what one a label says, each (n, 2): no and yes."""
        each_label = len(found) == len(self.known)
        return self(np.stack([both[:, 1] for both in found], axis=1) if each_label else found[0])


def thin(strata: Indices, rows: int, seed: int) -> Indices:
    """Places of about `rows` records with the strata in their proportions, at least one of each, in order."""
    if rows >= len(strata):
        return np.arange(len(strata))
    rng = np.random.default_rng(seed)
    members = (np.flatnonzero(strata == k) for k in np.unique(strata))
    chosen = [rng.choice(places, math.ceil(len(places) * rows / len(strata)), replace=False) for places in members]
    return np.sort(np.concatenate(chosen))


def folds(strata: Indices, patient: Indices | None, count: int, seed: int) -> list[Indices]:
    """Places of the records of `count` parts or fewer; no patient is in two, and strata are dealt out like cards.

    Returns:
        No part is empty; a single part where there is nothing to divide.
    """
    # A single patient cannot be divided: the records then count as patients, since some estimate is better than none.
    patient = np.arange(len(strata)) if patient is None or len(np.unique(patient)) < 2 else patient
    rank = np.argsort(np.argsort(np.bincount(strata), kind="stable"), kind="stable")[strata]
    _, whose = np.unique(patient, return_inverse=True)
    rarest = np.full(whose.max() + 1, len(strata))
    np.minimum.at(rarest, whose, rank)
    shuffled = np.random.default_rng(seed).permutation(len(rarest))
    dealt = np.empty(len(rarest), np.int64)
    dealt[shuffled[np.argsort(rarest[shuffled], kind="stable")]] = np.arange(len(rarest)) % count
    return [np.flatnonzero(dealt[whose] == part) for part in range(min(count, len(rarest)))]


def goals(material: Material) -> list[Array]:
    """What each model is to tell apart: the classes at once, or of several labels each by itself."""
    return list(material.targets.T) if material.multilabel else [material.y]


def blocks(values: Array, positions: Indices, rows: int) -> Iterator[Array]:
    """Some rows of an array, copied `rows` at a time, so that a memory map never stands in memory; at least once."""
    for start in range(0, max(len(positions), 1), rows):
        yield np.asarray(values[positions[start : start + rows]])
