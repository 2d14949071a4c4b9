"""The same picture twice: found by digest and perceptual hash, confirmed by structure, and what is done about it.

Turned, mirrored, cropped or shifted copies are not found, nor strongly compressed ones of pictures of 28 pixels.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from automed.data import splits
from automed.data.checks.signatures import SIDE, Signatures, sign
from automed.data.records import SPLITS, Records
from automed.recipe import PatientSplit, Recipe, ScaffoldSplit, TimeSplit

Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# A match is confirmed by two correlations over the 32x32 thumbnail: of everything, and of the fine structure alone
# (what the 8x8 lowest DCT coefficients leave out). The coarse structure says little: two nevi in the same vignette
# reach .98, and no more than .91 in the fine one.
# Pairs of different records above .95 are one picture or two frames of one scan: HAM10000 1 (looked at), PneumoniaMNIST
# 31 (all byte for byte equal), BreastMNIST 142 (of which every fourth was looked at). Between .85 and .95 lie frames of
# one scan (BreastMNIST 56) and look-alikes (HAM10000 5): these are shown to a person, never judged.
DISTANCE = 10
WHOLE, NEAR, SIMILAR = 0.97, 0.95, 0.85
_COARSE = 0.9  # no pair reaches the two others below this; spares most comparisons of 1,024 bytes
_FLAT = 1.0  # grey levels; fine structure below this is rounding
_BRUTE = 60_000  # records up to which every pair of hashes is compared
_BANDED_DISTANCE = 7  # largest distance at which one of 4 bands of 16 bits differs in at most one bit
_TILE = (32, 8192)  # hashes compared at once, so that a tile stays in the processor's cache


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which of n records show the same picture.

    Attributes:
        exact: int64 (n,), the same number for equal pixels; a constant picture equals no other.
        near: int64 (k, 2), pairs of such numbers: practically the same picture.
        similar: int64 (j, 2), pairs of such numbers that a person should look at.
        constant: bool (n,), pictures without any content.
    """

    exact: Index
    near: Index
    similar: Index
    constant: Mask

    def take(self, index: Index) -> Duplicates:
        """The same for the records at `index` only."""
        exact = self.exact[index]

        def present(pairs: Index) -> Index:
            return pairs[np.isin(pairs, exact).all(axis=1)]

        return Duplicates(exact, present(self.near), present(self.similar), self.constant[index])

    @property
    def groups(self) -> Index:
        """int64 (n,), the same number for records that are linked by equal or practically equal pictures."""
        return _linked(self.near, int(self.exact.max(initial=-1)) + 1)[self.exact]


def find(images: Mapping[str, npt.NDArray[np.uint8]], position: Index | None = None) -> Duplicates:
    """Records that show the same picture in any input; brightness and contrast do not count.

    Memory: 1.3 KB a record, besides the pairs that are found. Beyond 60,000 records only hashes that differ in at most
    7 bits are compared, up to there 10.

    Args:
        images: by input name, uint8 (m, h, w, c).
        position: int64 (n,), where the records' pictures lie among the m; all in their order if None.
    """
    return combine([find_pictures(values, position) for values in images.values()])


def find_pictures(values: npt.NDArray[np.uint8], position: Index | None = None) -> Duplicates:
    """Records that show the same picture: as `find`, of one input."""
    return _find(sign(values, position))


def find_equal(content: Sequence[Hashable | None]) -> Duplicates:
    """Records with equal content, which may be a digest; None is nothing at all and equals no other."""
    codes = pd.factorize(np.array([each if each is not None else "" for each in content], object))[0].astype(np.int64)
    constant = np.array([each is None for each in content], bool)
    codes[constant] = int(codes.max(initial=-1)) + 1 + np.arange(constant.sum())
    exact = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    return Duplicates(exact, _distinct([]), _distinct([]), constant)


def none(count: int) -> Duplicates:
    """The answer where nothing was looked for: no record repeats another."""
    return Duplicates(np.arange(count, dtype=np.int64), _distinct([]), _distinct([]), np.zeros(count, bool))


def combine(several: Sequence[Duplicates]) -> Duplicates:
    """What several inputs of the same records say together: a record repeats another if it does in any input."""
    first, *others = several
    near, similar, constant = [first.near], [first.similar], first.constant
    for other in others:
        # Numbers of one input become numbers of the first: a record stands for its number, a copy for a near pair.
        numbers, stands = np.unique(other.exact, return_index=True)
        copies = np.stack([stands[np.searchsorted(numbers, other.exact)], np.arange(len(other.exact))], axis=1)
        near += [first.exact[copies], first.exact[stands[other.near]]]
        similar += [first.exact[stands[other.similar]]]
        constant = constant | other.constant
    return Duplicates(first.exact, _distinct(near), _distinct(similar), constant)


def resolve(recipe: Recipe, records: Records, found: Duplicates) -> tuple[Records, npt.NDArray[np.object_], Index]:
    """Split the records by the recipe, doing with duplicates what `data.duplicates` asks for.

    `refuse` leaves them to the check. `group` makes one patient of patients who share a picture, before splitting.
    `drop` leaves out of train and validation what repeats a record of test, and out of train what repeats one of
    validation: the test set stays as published.

    Args:
        recipe: says how to split, and what to do.
        records: n records.
        found: their duplicates.

    Returns:
        Records (n', patients joined where asked), their split, object (n',), and int64 (n',), which of the n they are.

    Raises:
        DataError: as `splits.assign`; patients in two splits are left to the check as well.
        RecipeError: `group` with a split that patients do not decide.
    """
    if isinstance(recipe.split, ScaffoldSplit):
        # Molecules of one scaffold count as one patient: for the proof, and for what intervals are drawn over.
        groups = pd.factorize(splits.scaffolds_of(records, recipe.split.column))[0].astype(np.int64)
        records = replace(records, patient=join_patients(records.patient, groups))
    policy, everything = recipe.data.duplicates, np.arange(len(records), dtype=np.int64)
    if policy == "refuse":
        return records, splits.assign(recipe, records, judge=False), everything
    if policy == "group":
        if not groupable(recipe):
            hint = "Split by patient or by time, or take data.duplicates: drop."
            raise recipe.fail("data.duplicates", f"cannot be group with a split by {recipe.split.by}", hint=hint)
        records = replace(records, patient=join_patients(records.patient, found.groups))
    split = splits.assign(recipe, records, judge=False)
    if policy == "drop":
        kept = np.flatnonzero(~superfluous(split, found.groups))
        return records.take(kept), split[kept], kept
    return records, split, everything


def groupable(recipe: Recipe) -> bool:
    """Whether patients decide the split, so that joining them keeps their pictures together."""
    return isinstance(recipe.split, PatientSplit | TimeSplit)


def join_patients(patient: npt.NDArray[np.object_], groups: Index) -> npt.NDArray[np.object_]:
    """Patients, object (n,), with one name for all who are linked through a group of equal pictures."""
    codes, names = pd.factorize(patient, sort=True)
    links = np.stack([codes, groups + len(names)], axis=1)
    person = _linked(links, len(names) + int(groups.max(initial=-1)) + 1)[codes]
    # The first name in order stands for all, so that the order of the rows does not matter.
    least = np.full(int(person.max(initial=-1)) + 1, len(names), np.int64)
    np.minimum.at(least, person, codes)
    joined: npt.NDArray[np.object_] = np.asarray(names, object)[least[person]]
    return joined


def superfluous(split: npt.NDArray[np.object_], groups: Index) -> Mask:
    """bool (n,), records whose group also stands in a split that counts more: test, then validation, then train."""
    rank = np.array([SPLITS.index(name) for name in split], np.int64)
    highest = np.zeros(int(groups.max(initial=-1)) + 1, np.int64)
    np.maximum.at(highest, groups, rank)
    lower: Mask = rank < highest[groups]
    return lower


def standing(split: npt.NDArray[np.object_], numbers: Index) -> Mask:
    """bool (k, 3), in which of train, validation and test each number 0..k-1 occurs; `numbers`: int64 (n,)."""
    present = np.zeros((int(numbers.max(initial=-1)) + 1, len(SPLITS)), bool)
    for place, name in enumerate(SPLITS):
        present[numbers[split == name], place] = True
    return present


def _find(signatures: Signatures) -> Duplicates:
    codes, names = pd.factorize(signatures.digest)
    exact = codes.astype(np.int64)
    constant = signatures.constant
    exact[constant] = len(names) + np.arange(constant.sum())
    _, first, exact = np.unique(exact, return_index=True, return_inverse=True)
    # Equal pictures are compared once; those without structure are never near another.
    chosen = np.flatnonzero(~constant[first] & (signatures.spread[first] >= _FLAT))
    stand = first[chosen]
    energy = np.square(signatures.coarse[stand]).sum(axis=1)
    level = np.sqrt(energy + np.square(signatures.spread[stand]) * SIDE**2)
    coarse = signatures.coarse[stand] / level[:, None]
    fine_share = signatures.spread[stand] * SIDE / level
    coarse_share = np.sqrt(energy) / level
    near: list[Index] = []
    similar: list[Index] = []
    for left, right in candidates(signatures.hash[stand]):
        low = np.einsum("ij,ij->i", coarse[left], coarse[right])
        keep = low >= _COARSE * coarse_share[left] * coarse_share[right]
        left, right, low = left[keep], right[keep], low[keep]
        fine = _correlation(signatures.fine[stand[left]], signatures.fine[stand[right]])
        whole = low + fine * fine_share[left] * fine_share[right]
        pairs = np.stack([chosen[left], chosen[right]], axis=1)
        near.append(pairs[(whole >= WHOLE) & (fine >= NEAR)])
        similar.append(pairs[(whole >= WHOLE) & (fine >= SIMILAR) & (fine < NEAR)])
    return Duplicates(exact.astype(np.int64), _distinct(near), _distinct(similar), constant)


def _correlation(left: npt.NDArray[np.int8], right: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    # The mean of fine structure is zero but for rounding, which is below what matters here.
    a, b = left.astype(np.float32), right.astype(np.float32)
    products: npt.NDArray[np.float32] = np.einsum("ij,ij->i", a, b)
    scale = np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
    correlation: npt.NDArray[np.float32] = products / np.maximum(scale, 1e-6)
    return correlation


def candidates(hashes: npt.NDArray[np.uint64]) -> Iterator[tuple[Index, Index]]:
    """Pairs (left < right) of hashes that differ in few bits, in blocks; a pair may come twice.

    Source of the banded search: Norouzi, Punjani and Fleet 2012, Fast Search in Hamming Space with Multi-Index Hashing,
        CVPR, section 2.
    """
    return _every(hashes, DISTANCE) if len(hashes) <= _BRUTE else _banded(hashes, _BANDED_DISTANCE)


def _every(hashes: npt.NDArray[np.uint64], distance: int) -> Iterator[tuple[Index, Index]]:
    height, width = _TILE
    for top in range(0, len(hashes), height):
        rows = hashes[top : top + height, None]
        found: list[tuple[Index, Index]] = []
        for start in range(top, len(hashes), width):
            close = np.bitwise_count(rows ^ hashes[None, start : start + width]) <= distance
            above, right = np.divmod(np.flatnonzero(close), close.shape[1])
            left, right = above + top, right + start
            found.append((left[left < right], right[left < right]))
        yield np.concatenate([left for left, _ in found]), np.concatenate([right for _, right in found])


def _banded(hashes: npt.NDArray[np.uint64], distance: int) -> Iterator[tuple[Index, Index]]:
    """By the pigeonhole: of hashes that differ in at most 7 bits, some 16 bits differ in one bit at most."""
    flips = np.concatenate([[0], 1 << np.arange(16)]).astype(np.int64)
    for shift in range(0, 64, 16):
        key = ((hashes >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
        order = np.argsort(key, kind="stable")
        bounds = np.searchsorted(key[order], np.arange(2**16 + 1))
        for start in range(0, len(hashes), _TILE[1]):
            block = np.arange(start, min(start + _TILE[1], len(hashes)))
            for flip in flips:
                other = key[block] ^ flip
                first, count = bounds[other], np.diff(bounds)[other]
                left = np.repeat(block, count)
                inner = np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
                right = order[np.repeat(first, count) + inner]
                keep = (left < right) & (np.bitwise_count(hashes[left] ^ hashes[right]) <= distance)
                yield left[keep], right[keep]


def _distinct(pairs: list[Index]) -> Index:
    """Pairs with the smaller number first, each once; a number with itself is no pair."""
    joined = np.sort(np.concatenate([np.empty((0, 2), np.int64), *pairs]), axis=1)
    return np.unique(joined[joined[:, 0] != joined[:, 1]], axis=0)


def _linked(pairs: Index, count: int) -> Index:
    """int64 (count,), the same number for those that pairs link, directly or through others."""
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
