"""Who is in which set: sensitive attributes and sites by split, and patients in two sets, from splits.parquet."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from automed.report import words
from automed.report.artefact import damaged
from automed.report.cohort import Cohort
from automed.run import Run

SHOWN = 30  # groups of one attribute; the rarest beyond are added up


@dataclass(frozen=True)
class Group:
    """One group: how many records of it are in each portion of the cohort."""

    name: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Attribute:
    """One attribute, or the sites.

    Attributes:
        key: its column.
        site: whether it names sites.
        groups: in the order of the page.
        missing: records without a value, of each portion.
        absent: whether the run does not hold it.
    """

    key: str
    site: bool
    groups: tuple[Group, ...] = ()
    missing: tuple[int, ...] = ()
    absent: bool = False

    @property
    def title(self) -> str:
        return words.attribute(self.key)


@dataclass(frozen=True)
class Groups:
    """What splits.parquet tells; `shared` are patients in more than one set, None where the data name none."""

    attributes: tuple[Attribute, ...]
    shared: int | None


def read_groups(run: Run, cohort: Cohort | None, site: str | None) -> Groups | None:
    """Groups by split; None where the records were not divided.

    Args:
        run: whose splits.parquet is read.
        cohort: gives attributes and portions.
        site: the column of sites, where the recipe names one.

    Raises:
        RunError: splits.parquet is damaged.
    """
    if cohort is None or not run.splits.is_file():
        return None
    wanted = dict.fromkeys([*cohort.sensitive, *([site] if site else [])])
    table = _read(run, [*wanted, "split", *(["patient"] if cohort.patients_named else [])])
    titles = [portion.title for portion in cohort.portions]
    attributes = tuple(_attribute(key, key == site and key not in cohort.sensitive, table, titles) for key in wanted)
    return Groups(attributes, _shared(table) if "patient" in table else None)


def _read(run: Run, wanted: list[str]) -> dict[str, list[Any]]:
    """Columns by their cleaned names; an attribute that is not there is left out."""
    # Taken when it is needed: the pages of a run without it must not wait for the library.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        held = {words.clean(name): name for name in pq.read_schema(run.splits).names}
        if "split" not in held:
            raise damaged(run.splits, "split is missing")
        names = {key: held[key] for key in wanted if key in held}
        table = pq.read_table(run.splits, columns=list(names.values()))
    except (pa.ArrowException, OSError) as problem:
        raise damaged(run.splits, "it cannot be read as parquet") from problem
    return {key: table.column(name).to_pylist() for key, name in names.items()}


def _attribute(key: str, site: bool, table: dict[str, list[Any]], titles: list[str]) -> Attribute:
    if key not in table:
        return Attribute(key, site, absent=True)
    counts: Counter[tuple[str | None, str]] = Counter()
    for value, split in zip(table[key], table["split"], strict=True):
        counts[None if value is None else words.clean(str(value)), _title(split)] += 1

    def of(name: str | None) -> tuple[int, ...]:
        return tuple(counts[name, title] for title in titles)

    names = sorted({name for name, _ in counts if name is not None}, key=_order)
    groups = [Group(name, of(name)) for name in names]
    if len(groups) > SHOWN:
        groups.sort(key=lambda group: -sum(group.counts))
        rest = groups[SHOWN:]
        total = tuple(map(sum, zip(*(group.counts for group in rest), strict=True)))
        groups = [*groups[:SHOWN], Group(words.plural(len(rest), "other group"), total)]
    return Attribute(key, site, tuple(groups), of(None))


def _title(split: object) -> str:
    """As the cohort calls a portion."""
    name = str(split)
    return words.SPLITS.get(name, words.label(name)).capitalize()


def _order(name: str) -> tuple[float, str]:
    """Bands by the number they begin with, then names by their letters."""
    number = re.match(r"\d+(\.\d+)?", name)
    return (float(number.group()) if number else float("inf"), name.casefold())


def _shared(table: dict[str, list[Any]]) -> int:
    pairs = set(zip(table["patient"], table["split"], strict=True))
    return sum(count > 1 for count in Counter(patient for patient, _ in pairs).values())
