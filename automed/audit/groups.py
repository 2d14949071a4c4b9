"""Groups of records: one a value of a sensitive attribute, or of a crossing of two."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automed.errors import DataError

MISSING = "missing"
MAX_CODES = 10  # a number of more distinct values is a measurement, no code
MAX_CATEGORIES = 20
QUARTILES = "a number: cut at its quartiles; name the bands in data.bands"
# "0-39", "60+", "<40", ">= 65", "-1.5 to 0": names whose order is that of their first number.
_SIGNS = {"<": -1.0, "<=": -1.0, "≤": -1.0, ">": 1.0}
_BAND = re.compile(r"(?P<sign><=?|>=?|≤|≥)?\s*(?P<number>-?\d+(\.\d+)?)")


@dataclass(frozen=True, eq=False)
class Division:
    """How one attribute, or a crossing of two, divides n records.

    Attributes:
        key: the column's name; "sex x age_band" of a crossing.
        groups: names, sorted, MISSING last.
        code: int64 (n,), which of the groups a record is in.
        note: what was done to the attribute (a number cut at its quartiles, rare categories joined); "" where nothing.
    """

    key: str
    groups: tuple[str, ...]
    code: NDArray[np.int64]
    note: str = ""


def divide(key: str, values: Sequence[object] | NDArray[np.object_], min_group: int) -> Division:
    """Divide records by one attribute; every record is in exactly one group.

    A missing value (None, NaN, empty or blank text) is a group of its own. A number of more than MAX_CODES distinct
    values is cut at its quartiles. Of more than MAX_CATEGORIES categories the rare ones are joined.

    Args:
        key: the column's name.
        values: (n,) text, numbers or None.
        min_group: a category of fewer records is rare.

    Raises:
        DataError: there are no records.
    """
    names = [_name(value) for value in values]
    if not names:
        raise DataError("no records to divide into groups", where=key)
    counts = Counter(name for name in names if name != MISSING)
    numbers = {name: number for name in counts if (number := _number(name)) is not None}
    if len(numbers) == len(counts) and len(set(numbers.values())) > MAX_CODES:
        groups, renamed = _quartiles([numbers[name] for name in names if name != MISSING], numbers)
        note = QUARTILES
    else:
        renamed, note = _join(counts, min_group)
        kept = sorted(set(counts) - set(renamed), key=_order)
        groups = list(dict.fromkeys([*kept, *renamed.values()]))
    names = [renamed.get(name, name) for name in names]
    if MISSING in names:
        groups = [*groups, MISSING]
    place = {name: code for code, name in enumerate(groups)}
    return Division(key, tuple(groups), np.array([place[name] for name in names], dtype=np.int64), note)


def cross(one: Division, other: Division) -> Division:
    """Divide records by two attributes at once; only combinations that occur are groups.

    Raises:
        DataError: the two divide different numbers of records.
    """
    key = f"{one.key} x {other.key}"
    if len(one.code) != len(other.code):
        raise DataError(f"{len(one.code)} records cannot be crossed with {len(other.code)}", where=key)
    pairs, code = np.unique(one.code * len(other.groups) + other.code, return_inverse=True)
    parts = [(one.groups[pair // len(other.groups)], other.groups[pair % len(other.groups)]) for pair in pairs.tolist()]
    names = [", ".join(part) for part in parts]
    if len(set(names)) < len(names):  # a category with a comma in it
        names = [", ".join(json.dumps(name, ensure_ascii=False) for name in part) for part in parts]
    note = "; ".join(f"{each.key}: {each.note}" for each in (one, other) if each.note)
    return Division(key, tuple(names), code.astype(np.int64), note)


def _name(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return MISSING
    if isinstance(value, float | np.floating):
        return MISSING if math.isnan(value) else f"{float(value):.10g}"
    text = str(value).strip()
    # Numbers that were written as text before they came here bring their NaN along.
    return MISSING if not text or text.casefold() == "nan" else text


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _quartiles(values: list[float], numbers: dict[str, float]) -> tuple[list[str], dict[str, str]]:
    """Names of the quarters, and which of them each value is in; a quarter is named by its own lowest and highest."""
    quarter = pd.qcut(values, 4, labels=False, duplicates="drop")
    parts = [np.unique(np.array(values)[quarter == number]) for number in np.unique(quarter)]
    ends = [(float(part[0]), float(part[-1])) for part in parts]
    digits = next(count for count in range(4, 18) if _apart(ends, count))
    groups = [" to ".join(dict.fromkeys(_write(end, digits) for end in pair)) for pair in ends]
    names = {value: group for part, group in zip(parts, groups, strict=True) for value in part.tolist()}
    return groups, {name: names[number] for name, number in numbers.items()}


def _apart(ends: list[tuple[float, float]], digits: int) -> bool:
    written = [float(_write(end, digits)) for pair in ends for end in dict.fromkeys(pair)]
    return len(set(written)) == len(written)


def _write(number: float, digits: int) -> str:
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.{digits}g}"


def _join(counts: Counter[str], min_group: int) -> tuple[dict[str, str], str]:
    """What each joined category becomes, and the note."""
    if len(counts) <= MAX_CATEGORIES:
        return {}, ""
    rare = [name for name, count in counts.items() if count < min_group]
    rare = rare if len(rare) > 1 else []
    left = len(counts) - len(rare) + bool(rare)
    other = f"other ({len(rare)} categories)"
    notes = [f"{len(rare)} categories of fewer than {min_group} records are joined"] if rare else []
    if left > MAX_CATEGORIES:
        notes.append(f"{left} categories: each group is small, and few gaps can be decided")
    return dict.fromkeys(rare, other), "; ".join(notes)


def _order(name: str) -> tuple[bool, float, float, str, str]:
    """Bands by their first number, then other names by the alphabet; "<40" before "40-59", ">60" after "60"."""
    band = _BAND.match(name)
    number, sign = (float(band["number"]), _SIGNS.get(band["sign"], 0.0)) if band else (0.0, 0.0)
    return band is None, number, sign, name.casefold(), name
