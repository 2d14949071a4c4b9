"""One column of a table: what is learnt about it from the training records, and what looks wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.checks.findings import Finding, about
from automed.data.kinds.kind import Index

UNKNOWN = 0  # place of every level that no training record has
UNITS = 1000.0  # times the median: no other patient, but another unit
_WHOLE = re.compile(r"-?\d+")

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Where:
    """What messages and findings say: `column age of visit`, which of the n records train, rows of all n."""

    told: str
    train: Index
    rows: Index


def fit_number(
    name: str, values: Floats, infinite: npt.NDArray[np.bool_], where: Where
) -> tuple[dict[str, Any], list[Finding]]:
    """Mean and standard deviation of the training records; of a constant column the deviation is 1.

    Args:
        name: of the column.
        values: float64 (n,), NaN where missing.
        infinite: bool (n,), which of the missing were infinite.
        where: which train.
    """
    findings = []
    if infinite.any():
        message = f"{int(infinite.sum()):,} values of {where.told} are infinite: they count as missing."
        findings.append(about("infinite_values", "warning", message, where.rows[infinite], "Correct them."))
    seen = values[where.train]
    seen = seen[~np.isnan(seen)]
    if not len(seen):
        return {"name": name, "kind": "number", "mean": 0.0, "std": 1.0}, [*findings, _missing(where)]
    deviation = float(seen.std())
    if seen.min() == seen.max():
        deviation = 0.0
        findings.append(_constant(where))
    elif seen.min() > 0:
        far = values >= UNITS * np.median(seen)
        if far.any():
            message = f"{int(far.sum()):,} values of {where.told} are {UNITS:,.0f} times its median or more."
            remedy = "Look whether these rows are in another unit, or have a slipped decimal point."
            findings.append(about("units", "warning", message, where.rows[far], remedy))
    return {"name": name, "kind": "number", "mean": float(seen.mean()), "std": deviation or 1.0}, findings


def fit_levels(name: str, levels: Levels, where: Where) -> tuple[dict[str, Any], list[Finding]]:
    """The levels of the training records, sorted, numbers by size; place 0 is kept for all others.

    Args:
        name: of the column.
        levels: object (n,), text, None where missing.
        where: which train.
    """
    present = ~pd.isna(levels)
    seen = {str(level) for level in levels[where.train][present[where.train]]}
    whole = all(_WHOLE.fullmatch(level) for level in seen)
    known = sorted(seen, key=int) if whole else sorted(seen)
    findings = []
    if len(known) == 1:
        findings.append(_constant(where))
    strange = present & np.array([level not in seen for level in levels], bool)
    if not known:
        findings.append(_missing(where))
    elif strange.any():
        count = len(set(levels[strange]))
        message = f"{count:,} level{'' if count == 1 else 's'} of {where.told} are in no training record."
        remedy = "A model takes them for one and the same: merge rare levels, or split otherwise."
        findings.append(about("levels_unseen", "note", message, where.rows[strange], remedy))
    return {"name": name, "kind": "category", "levels": ["", *known]}, findings


def place_levels(levels: Levels, known: Sequence[str]) -> Floats:
    """float64 (n,), the place of each level in `known`, `UNKNOWN` for another, NaN where it is missing."""
    place: dict[str | None, float] = {level: float(number) for number, level in enumerate(known) if number > UNKNOWN}
    place[None] = np.nan
    return np.array([place.get(level, float(UNKNOWN)) for level in levels], np.float64)


def _missing(where: Where) -> Finding:
    message = f"The {where.told} is empty in every training record: nothing can be learnt from it."
    return Finding("column_missing", "warning", message, remedy="Take it out of the input, or fill it in.")


def _constant(where: Where) -> Finding:
    message = f"The {where.told} is the same in every training record that has it: it tells nothing."
    return Finding("column_constant", "warning", message, remedy="Take it out of the input, or export it again.")
