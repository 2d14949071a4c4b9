"""Simple features of sequences for trees: counts of k-mers, letters by place where all are of one length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.search.baselines.features.grams import Grams, largest
from automed.search.baselines.features.texts import check_tokens
from automed.search.baselines.material import Array, Floats, Indices, blocks

LONGEST = {"dna": 4, "protein": 3, "smiles": 3}  # letters of a k-mer
OTHERS = 3
BESIDE_PLACES = 2  # where letters stand by place: trees look at a sample of the columns, and these tell more
MOST = 512  # k-mers counted: all 340 of DNA
RAREST = 3  # training records
PLACES = 200  # letters of the longest sequence whose places are columns
LETTERS = 1024  # columns for letters by place, at most
BLOCK = 4096  # sequences

TOKEN_S = 4e-7  # seconds of one thread for one token, rounded up


@dataclass(frozen=True, eq=False)
class Sequences:
    """Length, counts of k-mers, and which letter stands at each place where all training sequences are of one length.

    Attributes:
        length: tokens of the array.
        longest: letters of a k-mer.
        grams: the k-mers, None before they are chosen.
        place: int64 (letters,), places whose letters are columns.
        letter: int64 (letters,), the letter of each.
    """

    length: int
    longest: int
    grams: Grams | None = None
    place: Indices | None = None
    letter: Indices | None = None
    rounding: float = 0.0
    categories: tuple[int, ...] = ()

    @classmethod
    def of(cls, name: str, values: Array, facts: Mapping[str, Any], alike: int) -> Sequences:
        check_tokens(name, values)
        return cls(values.shape[1], LONGEST.get(facts.get("kind_of", ""), OTHERS))

    @property
    def width(self) -> int:
        if self.grams is None or self.place is None:
            return 1 + max(MOST, min(LETTERS, 4 * self.length) if self.length <= PLACES else 0)
        return 1 + len(self.grams.known) + len(self.place)

    @property
    def seconds(self) -> float:
        return self.length * self.longest * TOKEN_S

    def fit(self, values: Array, train: Indices, y: Indices) -> Sequences:
        base = largest(values, train) + 1
        letters = self._letters(values, train, base)
        longest = min(self.longest, BESIDE_PLACES) if len(letters) else self.longest
        grams = Grams.learn(values, train, longest, first=1, rarest=min(RAREST, len(train)), most=MOST)
        return replace(self, grams=grams, place=letters // base, letter=letters % base)

    def _letters(self, values: Array, train: Indices, base: int) -> Indices:
        """Place times `base` plus letter, of each that is a column: int64 (letters,), sorted."""
        lengths = np.concatenate([(block > 0).sum(axis=1) for block in blocks(values, train, BLOCK)])
        if lengths.min() != lengths.max() or lengths.max() > PLACES:
            return np.empty(0, np.int64)
        size = self.length * base
        slot = np.arange(self.length) * base
        counts = np.zeros(size, np.int64)
        for block in blocks(values, train, BLOCK):
            counts += np.bincount((block + slot).ravel(), minlength=size)
        # A letter that hardly varies at its place tells nothing, and trees look at a sample of the columns.
        varied = np.minimum(counts, len(train) - counts)
        varied[slot] = 0
        order = np.argsort(-varied, kind="stable")[:LETTERS]
        return np.sort(order[varied[order] >= RAREST])

    def __call__(self, values: Array, positions: Indices) -> Floats:
        starts = range(0, max(len(positions), 1), BLOCK)
        return np.concatenate([self._of_block(values, positions[start : start + BLOCK]) for start in starts])

    def _of_block(self, values: Array, positions: Indices) -> Floats:
        if self.grams is None or self.place is None or self.letter is None:
            raise ValueError("the columns are not chosen yet")
        block = np.asarray(values[positions])
        columns: list[NDArray[Any]] = [
            (block > 0).sum(axis=1, keepdims=True),
            self.grams.count(values, positions).toarray(),
            block[:, self.place] == self.letter,
        ]
        return np.concatenate(columns, axis=1).astype(np.float32)
