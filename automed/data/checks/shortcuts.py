"""Shortcuts: what gives the label away without a look at the picture: a column, its gaps, or how a file was made.

One model a candidate, as simple as can be: the share of each class among the records of other patients that have the
same value (numbers in bins of equal counts). Its area under the ROC curve, class against the rest, says how much the
candidate knows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from automed.data.allotment import lottery
from automed.data.decode.images import ImageFacts, probe
from automed.data.decode.unreadable import Unreadable
from automed.data.records import Files, Records
from automed.recipe import ColumnSplit, Recipe, TableData

SEVERE, SUSPICIOUS = 0.95, 0.80
LEAST = 50  # records below which nothing is decided
_SAMPLE = 20_000
_FOLDS = 5
_BINS = 32
_PRIOR = 1.0  # records' worth of the overall shares that each value is mixed with
_CERTAIN = 4.0  # standard errors above chance: many candidates times many classes are looked at
_MANY = 0.5  # of the cells being different words means names or free text
_EMPTY = frozenset({"", "unknown", "na", "n/a", "nan", "none", "null", "not known", "missing"})

Kind = Literal["column", "missing", "file"]


@dataclass(frozen=True)
class Shortcut:
    """One candidate and the class it knows best.

    Attributes:
        kind: the values of a column, whether they are there, or a fact about the files.
        name: of the column, or the fact in words.
        label: position of the class.
        auroc: of that class against the rest, in patients that were not counted.
    """

    kind: Kind
    name: str
    label: int
    auroc: float


def search(recipe: Recipe, records: Records) -> list[Shortcut]:
    """Candidates that know a class with an area of SUSPICIOUS or more, the strongest first.

    Columns that repeat the target, name the patient, hold the recipe's split, or differ in nearly every record are left
    out. Beyond 20,000 records a sample is looked at in which rare classes are whole. Nothing is found, because nothing
    can be decided, below LEAST records.

    Args:
        recipe: names target, patient and split.
        records: n records; their files are opened for their headers only.
    """
    if len(records) < LEAST:
        return []
    if len(records) > _SAMPLE:
        # Pictures in memory are not looked at, so they are not copied.
        files = {name: item for name, item in records.items.items() if isinstance(item, Files)}
        records = replace(records, items=files, regions={}).take(_sample(records))
    fold, strata = _folds(records.patient), records.strata
    found: list[Shortcut] = []
    for kind, name, codes in _candidates(recipe, records):
        label, area = _best(codes, strata, fold, int(strata.max()) + 1)
        if area >= SUSPICIOUS and label < len(records.classes):
            found.append(Shortcut(kind, name, label, area))
    return sorted(found, key=lambda each: (-each.auroc, each.kind, each.name))


def area(
    codes: npt.NDArray[np.int64], y: npt.NDArray[np.int64], fold: npt.NDArray[np.int64], classes: int
) -> npt.NDArray[np.float64]:
    """Cross-validated area under the ROC curve of each class against the rest, from one categorical value.

    Args:
        codes: int64 (n,), the value of each record, from 0.
        y: int64 (n,).
        fold: int64 (n,); a record is judged by the other folds.
        classes: their number.

    Returns:
        float64 (classes,); 0.5 where chance could have done it or there are too few records to say.
    """
    counts = np.zeros((_FOLDS, int(codes.max()) + 1, classes))
    np.add.at(counts, (fold, codes, y), 1.0)
    others = counts.sum(axis=0) - counts
    shares = others.sum(axis=1) / np.maximum(others.sum(axis=(1, 2))[:, None], 1.0)
    scores = (others + _PRIOR * shares[:, None]) / (others.sum(axis=2, keepdims=True) + _PRIOR)
    # A value's score is compared with the average of its fold, or folds of another prevalence would look like signal.
    scores -= shares[:, None]
    ranks = rankdata(scores[fold, codes], axis=0)
    areas = np.full(classes, 0.5)
    for label in range(classes):
        positive = y == label
        p, q = int(positive.sum()), int((~positive).sum())
        if min(p, q) < _FOLDS:
            continue
        value = (ranks[positive, label].sum() - p * (p + 1) / 2) / (p * q)
        # Standard error of the Mann-Whitney statistic where nothing is known; ties only make it smaller.
        if value - 0.5 >= _CERTAIN * np.sqrt((p + q + 1) / (12.0 * p * q)):
            areas[label] = value
    return areas


def _best(
    codes: npt.NDArray[np.int64], y: npt.NDArray[np.int64], fold: npt.NDArray[np.int64], classes: int
) -> tuple[int, float]:
    areas = area(codes, y, fold, classes)
    label = int(areas.argmax())
    return label, float(areas[label])


def _sample(records: Records) -> npt.NDArray[np.int64]:
    """Records to look at: as many of each class as fit, drawn by a fixed seed."""
    most = _SAMPLE // len(records.classes)
    shuffled = np.random.default_rng(0).permutation(len(records))
    strata = records.strata
    kept = [shuffled[strata[shuffled] == label][:most] for label in range(int(strata.max()) + 1)]
    return np.sort(np.concatenate(kept))


def _folds(patient: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    codes, names = pd.factorize(patient)
    drawn = np.array([int.from_bytes(lottery(0, str(name))) % _FOLDS for name in names], np.int64)
    return drawn[codes]


def _candidates(recipe: Recipe, records: Records) -> Iterator[tuple[Kind, str, npt.NDArray[np.int64]]]:
    """Kind, name and values (codes from 0) of everything that might give a label away."""
    hidden = {recipe.data.target, recipe.data.patient} if isinstance(recipe.data, TableData) else set()
    # What an input reads is meant to tell the label.
    hidden |= {column for spec in recipe.inputs.values() for column in getattr(spec, "columns", None) or ()}
    if isinstance(recipe.split, ColumnSplit):
        hidden.add(recipe.split.column)
    # Several labels a record: no column repeats the target then.
    label = np.array(records.classes, object)[records.y] if records.y.ndim == 1 else None
    for name in records.frame.columns:
        column = records.frame[name]
        text = column.astype("string").str.strip()
        missing = (text.isna() | text.str.lower().isin(_EMPTY)).to_numpy(bool)
        words = text.fillna("").to_numpy(object)
        # The split of the source and the patient, whatever their columns are called.
        known = (label, records.patient, records.split)
        if name in hidden or any(each is not None and (words == each).all() for each in known):
            continue
        if 0 < missing.sum() < len(missing):
            yield "missing", str(name), missing.astype(np.int64)
        codes = _codes(column, words, missing)
        if codes is not None:
            yield "column", str(name), codes
    for name, item in records.items.items():
        if isinstance(item, Files):
            prefix = f"{name}: " if len(records.items) > 1 else ""
            yield from (("file", prefix + fact, codes) for fact, codes in _file_facts(item))


def _codes(
    column: pd.Series[str], words: npt.NDArray[np.object_], missing: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64] | None:
    """Values as codes from 0, numbers in bins of equal counts, missing ones as 0; None for names and constants."""
    present = ~missing
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        present &= np.isfinite(numbers)
        values = np.unique(numbers[present])
        whole = bool((values == np.round(values)).all())
        # Whole numbers that never come twice are numbers of records, not measurements.
        if len(values) < 2 or (whole and len(values) == present.sum()):
            return None
        edges = (
            values[1:] if len(values) <= _BINS else np.quantile(numbers[present], np.linspace(0, 1, _BINS + 1)[1:-1])
        )
        codes = np.searchsorted(np.unique(edges), numbers, side="right").astype(np.int64)
    else:
        codes = np.asarray(pd.factorize(words)[0], np.int64)
        if len(set(words[present])) > _MANY * present.sum():
            return None
    codes = np.where(present, codes + 1, 0)
    return None if (codes == codes[0]).all() else codes


def _file_facts(item: Files) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Facts of the files' headers that differ between files, as codes."""

    def facts(path: Path) -> ImageFacts | None:
        try:
            return probe(path)
        except Unreadable:
            return None

    with ThreadPoolExecutor(4) as pool:
        headers = list(pool.map(facts, item.paths))
    tables: dict[str, list[Hashable]] = {
        "image size": [(head.width, head.height) if head else None for head in headers],
        "aspect ratio": [round(head.width / head.height, 2) if head else None for head in headers],
        "file format": [head.format if head else None for head in headers],
        "colour mode and depth": [(head.mode, head.bits) if head else None for head in headers],
        "camera": [head.camera if head else None for head in headers],
    }
    for name, values in tables.items():
        different = {value: code for code, value in enumerate(dict.fromkeys(values))}
        if 1 < len(different) <= max(2, _MANY * len(values)):
            yield name, np.array([different[value] for value in values], np.int64)
