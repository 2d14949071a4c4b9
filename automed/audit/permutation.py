"""Is a gap more than chance: group labels are shuffled among patients of the same classes.

The null hypothesis of the gaps in sensitivity, false-positive rate and macro-F1 is that, given the class, the decision
does not depend on the group. So labels move only between patients with the same numbers of records of each class, and a
gap that follows from another mix of classes alone raises no alarm. The share flagged has another null hypothesis, that
the decision does not depend on the group at all: there labels move between all patients.

Patients move whole, with all their records. A patient whose records are in several groups moves in pieces, one a group;
as the pieces of a patient resemble each other, the test is then conservative.

Source: Good 2005, Permutation, Parametric and Bootstrap Tests of Hypotheses, 3rd edition, chapters 3 and 7; Phipson and
Smyth 2010, Stat Appl Genet Mol Biol 9:39 (the added one); Westfall and Young 1993, Resampling-Based Multiple Testing,
chapter 2 (maxima of studentised statistics).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from automed.audit.rates import Figure, Floats, Pieces, Ratios, sums
from automed.audit.simultaneous import studentise, value_of, variance_floor

CHUNK = 1_000_000  # labels of records held at once
MIN_STRATUM = 5
MAX_PATTERNS = 512
MIN_RANDOM_BITS = 22  # ties among some thousand patients are then too few to matter


def strata(inside: NDArray[np.bool_], units: Pieces) -> NDArray[np.int64]:
    """Which pieces may change places: int64 (pieces,), those of as many records of each class.

    A stratum of fewer than 5 pieces is joined with other small ones that hold the same classes, and if need be with
    those that hold the same rarest class, so that patients with an unusual number of records do not stay put.

    Args:
        inside: bool (n, classes), which records are of each class.
        units: the pieces.
    """
    count = len(units.patient)
    counts = sums(inside.astype(np.float64), units.record, count)
    rarity = np.argsort(np.argsort(inside.sum(axis=0), kind="stable"))
    rarest = np.where(counts > 0, rarity, len(rarity)).min(axis=1)
    found = np.full(count, -1, dtype=np.int64)
    for profile in (counts, counts > 0, rarest[:, None]):
        open_ = np.flatnonzero(found < 0)
        if not open_.size:
            break
        _, code, size = np.unique(profile[open_], axis=0, return_inverse=True, return_counts=True)
        enough = size[code] >= MIN_STRATUM
        if profile.shape[1] == 1:
            enough[:] = True
        found[open_[enough]] = found.max() + 1 + code[enough]
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def movable(units: Pieces, stratum: NDArray[np.int64]) -> bool:
    """Whether any stratum holds pieces of two groups; if none does, the test can tell nothing."""
    pairs = np.unique(np.column_stack([stratum, units.group]), axis=0)
    return len(pairs) > len(np.unique(stratum))


def largest(
    figures: Sequence[Figure],
    parts: Ratios,
    units: Pieces,
    groups: int,
    stratum: NDArray[np.int64],
    permutations: int,
    seed: int,
) -> list[Floats]:
    """The largest studentised difference of each figure: float64 (1 + permutations,), the first one as observed.

    A difference is taken from its mean over the permutations and divided by its standard deviation over them, which is
    the pooled standard error under the null hypothesis. Its floor, with the rate of all groups together, keeps small
    groups from dominating: one miss among five is no miracle.
    """
    wanted = sorted({column for figure in figures for column in figure.ratios})
    top, bottom = parts.top[:, wanted], parts.bottom[:, wanted]
    pooled = value_of(top.sum(axis=0), bottom.sum(axis=0), 0.0)
    values = np.empty((groups, len(wanted), 1 + permutations))
    counted = _count(np.concatenate([top, bottom], axis=1))
    done = 0
    rng = np.random.default_rng([seed, 2])
    with threadpool_limits(1, user_api="blas"):
        for labels in _labels(units, groups, stratum, permutations, rng):
            added = np.concatenate([part.by_group(labels, groups) for part in counted], axis=2)
            ratios = value_of(added[..., : len(wanted)], added[..., len(wanted) :], pooled)
            values[:, :, done : done + len(labels)] = np.moveaxis(ratios, 0, 2)
            done += len(labels)
    everywhere = value_of(parts.top.sum(axis=0), parts.bottom.sum(axis=0), 0.0)
    point = value_of(units.total(units.top, groups), units.total(units.bottom, groups), 0.0)
    floor = variance_floor(units, point, groups, everywhere[None])
    found = []
    for figure in figures:
        chosen, columns = figure.compared, list(figure.ratios)
        places = np.searchsorted(wanted, columns)
        own = values[chosen][:, places].mean(axis=1)
        own -= own.mean(axis=1, keepdims=True)
        least = floor[chosen][:, columns].sum(axis=1) / len(columns) ** 2
        found.append(studentise(own, least).largest)
    return found


def p_value(statistics: Sequence[Floats]) -> float:
    """Of the largest of several figures' statistics, as `largest` gives them; never 0."""
    greatest = np.max(statistics, axis=0)
    hits = int((greatest[1:] >= greatest[0] - 1e-9).sum())
    return (1 + hits) / len(greatest)


def _labels(
    units: Pieces, groups: int, stratum: NDArray[np.int64], permutations: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Groups of the n records, as they are and then shuffled: int64 (chunk, n).

    Stratum, random bits and label are packed into one number each; sorted, the labels stand in random order within
    their stratum. Sorting numbers is several times faster than sorting their places.
    """
    yield units.group[units.record][None]
    order = np.argsort(stratum, kind="stable")
    place = np.argsort(order)[units.record]
    label_bits, stratum_bits = (max(1, int(top).bit_length()) for top in (groups - 1, stratum.max()))
    kind = np.dtype(np.uint32 if 32 - label_bits - stratum_bits >= MIN_RANDOM_BITS else np.uint64)
    random_bits = kind.itemsize * 8 - label_bits - stratum_bits
    packed = (stratum[order].astype(np.uint64) << (random_bits + label_bits)) | units.group[order].astype(np.uint64)
    base = packed.astype(kind)
    step = max(1, CHUNK // len(units.record))
    for start in range(0, permutations, step):
        size = min(step, permutations - start)
        keys = rng.integers(0, 1 << random_bits, size=(size, len(order)), dtype=kind.type)
        keys <<= label_bits
        keys |= base
        keys.sort(axis=1)
        keys &= (1 << label_bits) - 1
        yield keys.astype(np.int64)[:, place]


@dataclass(frozen=True, eq=False)
class _Counted:
    """Columns of records as a few rows that repeat: there are few classes and decisions.

    Attributes:
        patterns: float64 (patterns, columns), the rows.
        pattern: int64 (n,), which of them each record adds.
    """

    patterns: Floats
    pattern: NDArray[np.int64]

    def by_group(self, labels: NDArray[np.int64], groups: int) -> Floats:
        """Sums of each column by group under each labelling: float64 (labellings, groups, columns)."""
        count = len(self.patterns)
        size = groups * count
        cell = labels * count + self.pattern + (np.arange(len(labels)) * size)[:, None]
        table = np.bincount(cell.ravel(), minlength=len(labels) * size).reshape(-1, count)
        return np.asarray(table.astype(np.float64) @ self.patterns).reshape(len(labels), groups, -1)


def _count(columns: Floats) -> list[_Counted]:
    """Columns taken together, or, where their rows do not repeat enough, half by half."""
    patterns, pattern = np.unique(columns, axis=0, return_inverse=True)
    if len(patterns) > MAX_PATTERNS and columns.shape[1] > 1:
        return [part for half in np.array_split(columns, 2, axis=1) for part in _count(half)]
    return [_Counted(patterns, pattern.astype(np.int64))]
