"""Runs of neighbouring tokens, counted: words and bigrams of a text, k-mers of a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from automed.search.baselines.material import Array, Indices, blocks

BLOCK_TOKENS = 2**20  # read at once
LARGEST = 2**53  # of a number that stands for a run: far inside int64, with room for sums
ABSENT = -1


@dataclass(frozen=True, eq=False)
class Grams:
    """Which runs of one to `longest` tokens are counted.

    A run is a number whose digits are its tokens, in the base `base`. The first digit is never 0, so that runs of
    different lengths are different numbers.

    Attributes:
        longest: tokens of the longest run.
        base: one more than the largest token that training has; larger ones are passed over.
        first: the smallest token that counts; smaller ones stand for padding or an unknown word, and end a run.
        known: int64 (terms,), sorted: the runs that are counted, each in a column of its own.
        documents: int64 (terms,), how many training records have each.
    """

    longest: int
    base: int
    first: int
    known: Indices
    documents: Indices

    @classmethod
    def learn(cls, values: Array, train: Indices, longest: int, first: int, rarest: int, most: int) -> Grams:
        """The runs of at least `rarest` training records, `most` at most: those that most records have.

        Args:
            values: integers (m, length).
            train: int64 (n,), the training records.
            longest: tokens of the longest run; fewer where their number would be too large.
            first: the smallest token that counts.
            rarest: records that must have a run.
            most: runs.
        """
        base = largest(values, train) + 1
        while longest > 1 and base**longest > LARGEST:
            longest -= 1
        known, documents = np.empty(0, np.int64), np.empty(0, np.int64)
        for block in _read(values, train):
            for length in range(1, longest + 1):
                runs = np.sort(_runs(block, length, base, first), axis=1)
                new = runs != np.roll(runs, 1, axis=1)
                new[:, :1] = True
                found, counts = np.unique(runs[new & (runs != ABSENT)], return_counts=True)
                known, places = np.unique(np.concatenate([known, found]), return_inverse=True)
                documents = np.bincount(places, np.concatenate([documents, counts]), len(known)).astype(np.int64)
        kept = np.flatnonzero(documents >= rarest)
        # Among equally frequent ones shorter runs first: their numbers are smaller.
        kept = np.sort(kept[np.argsort(-documents[kept], kind="stable")][:most])
        return cls(longest, base, first, known[kept], documents[kept])

    def keep(self, columns: Indices) -> Grams:
        """With some of the columns, in their order."""
        return Grams(self.longest, self.base, self.first, self.known[columns], self.documents[columns])

    def count(self, values: Array, positions: Indices) -> csr_array:
        """How often each known run stands in some records: float32 (n, terms), sparse."""
        parts: list[csr_array] = [self._count(block) for block in _read(values, positions)]
        return csr_array(vstack(parts, format="csr"))

    def _count(self, block: NDArray[np.int64]) -> csr_array:
        rows, columns = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for length in range(1, self.longest + 1) if len(self.known) else ():
            runs = _runs(block, length, self.base, self.first)
            column = np.searchsorted(self.known, runs).clip(max=len(self.known) - 1)
            row, place = np.nonzero(self.known[column] == runs)
            rows.append(row)
            columns.append(column[row, place])
        row, column = np.concatenate(rows), np.concatenate(columns)
        return csr_array((np.ones(len(row), np.float32), (row, column)), shape=(len(block), len(self.known)))


def largest(values: Array, positions: Indices) -> int:
    """The largest token of some records, 0 where there is none."""
    return max(int(block.max(initial=0)) for block in _read(values, positions))


def _read(values: Array, positions: Indices) -> Iterator[NDArray[np.int64]]:
    rows = max(1, BLOCK_TOKENS // max(1, values.shape[1]))
    return (block.astype(np.int64) for block in blocks(values, positions, rows))


def _runs(tokens: NDArray[np.int64], length: int, base: int, first: int) -> NDArray[np.int64]:
    """The run of `length` tokens that begins at each place: int64 (n, places), -1 where a token does not count."""
    places = tokens.shape[1] - length + 1
    if places < 1:
        return np.empty((len(tokens), 0), np.int64)
    runs = np.zeros((len(tokens), places), np.int64)
    counts = np.ones((len(tokens), places), np.bool_)
    for offset in range(length):
        part = tokens[:, offset : offset + places]
        runs = runs * base + part
        counts &= (part >= first) & (part < base)
    return np.where(counts, runs, ABSENT)
