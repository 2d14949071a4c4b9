"""Who is trained on, tuned on and tested on: by patient, column, time, site, or as the source says; and its proof."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.allotment import allot, lottery
from automed.data.checks.findings import Finding
from automed.data.columns import name_rows
from automed.data.records import SPLITS, Records
from automed.data.scaffolds import deal, scaffolds
from automed.data.texts import texts
from automed.errors import DataError, LeakError
from automed.recipe import ColumnSplit, OfficialSplit, PatientSplit, Recipe, ScaffoldSplit, SiteSplit, TimeSplit

Names = npt.NDArray[np.object_]

EXACT_ACROSS = "exact_duplicates_across_splits"
NEAR_ACROSS = "near_duplicates_across_splits"
PATIENTS_ACROSS = "patients_in_two_splits"
_WORDS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}


def assign(recipe: Recipe, records: Records, *, judge: bool = True) -> Names:
    """The split of every record, as `recipe.split` asks for it.

    Args:
        recipe: `split` decides.
        records: n records.
        judge: refuse patients who stand in two splits; False leaves them to the check, which lists them.

    Returns:
        object (n,) of train, validation, test.

    Raises:
        RecipeError: an official split that the source does not have.
        DataError: values that are no split, date or site, with row numbers; a split without records or with one class,
            a class that has no record for training.
        LeakError: a patient in two splits.
    """
    if not len(records):
        raise DataError("no records to split", where="split")
    rule = recipe.split
    if isinstance(rule, PatientSplit):
        fractions = rule.fractions
        split = _by_patient(records, (fractions.train, fractions.validation, fractions.test), rule.seed)
    elif isinstance(rule, ColumnSplit):
        split = _by_column(records, rule.column)
    elif isinstance(rule, TimeSplit):
        split = _by_time(records, rule)
    elif isinstance(rule, SiteSplit):
        split = _by_site(records, rule)
    elif isinstance(rule, ScaffoldSplit):
        split = _by_scaffold(records, rule)
    else:
        split = _official(recipe, records, rule)
    _refuse_useless(records, split)
    if judge and (shared := shared_patients(records, split)).any():
        count = len(set(records.patient[shared]))
        what = f"{count:,} patient{'' if count == 1 else 's'} in more than one split"
        raise LeakError(f"{what} ({name_rows(records.rows[shared])})", where="split", hint=PATIENT_REMEDY)
    return split


PATIENT_REMEDY = "Split by patient (split: {by: patient}), or correct the rows so that each patient is in one split."


def shared_patients(records: Records, split: Names) -> npt.NDArray[np.bool_]:
    """bool (n,), records of patients who stand in more than one split."""
    codes = pd.factorize(records.patient)[0]
    rank = np.array([SPLITS.index(name) for name in split], np.int64)
    low, high = np.full(len(records) + 1, len(SPLITS)), np.full(len(records) + 1, -1)
    np.minimum.at(low, codes, rank)
    np.maximum.at(high, codes, rank)
    shared: npt.NDArray[np.bool_] = low[codes] < high[codes]
    return shared


def prove(records: Records, split: Names, findings: Iterable[Finding]) -> dict[str, int]:
    """The disjointness proof for data.json: all three are 0, or the run is refused.

    Args:
        records: n records.
        split: object (n,).
        findings: of `check` on the same records.

    Returns:
        shared_patients: patients in more than one split; exact_duplicates, near_duplicates: records that show the same,
        or practically the same, picture as a record of another split.
    """
    counts = {finding.kind: finding.count for finding in findings}
    return {
        "shared_patients": len(set(records.patient[shared_patients(records, split)])),
        "exact_duplicates": counts.get(EXACT_ACROSS, 0),
        "near_duplicates": counts.get(NEAR_ACROSS, 0),
    }


def _by_patient(records: Records, fractions: tuple[float, float, float], seed: int) -> Names:
    """Patients whole, classes in proportion."""
    patients = len(set(records.patient))
    if patients == 1:
        raise DataError(
            f"all {len(records):,} records are of one patient, who cannot be in three splits",
            where="split",
            hint="Correct data.patient if it names the wrong column; else records of more patients are needed.",
        )
    if patients < len(SPLITS):
        raise DataError(
            f"{patients} patients cannot be in three splits",
            where="split",
            hint="Records of more patients are needed; three are the least, some dozens make sense.",
        )
    return np.array(SPLITS, object)[allot(records.patient, records.strata, fractions, seed)]


def _by_column(records: Records, column: str) -> Names:
    values = records.frame[column].astype("string").str.strip().str.lower().map(_WORDS).to_numpy(object)
    strange = pd.isna(values)
    if strange.any():
        raise DataError(
            f"{int(strange.sum()):,} values are no split ({name_rows(records.rows[strange])})",
            where=f"split.column {column}",
            hint="Write train, validation (or val, valid) or test in every row.",
        )
    return np.asarray(values, object)


def _by_time(records: Records, rule: TimeSplit) -> Names:
    """Training ends before validation begins, which ends before the test begins, judged by each patient's last record.

    Nothing in training is then newer than what tuning and testing stand for; an earlier record of a later patient does
    no harm, a later record of a training patient would. Patients of the same moment stay together.
    """
    moment = _moments(records, rule.column)
    codes, names = pd.factorize(records.patient)
    last = np.full(len(names), -np.inf)
    np.maximum.at(last, codes, moment)
    moments, inverse = np.unique(last[codes], return_inverse=True)
    if len(moments) < len(SPLITS):
        raise DataError(
            f"patients' last records are from {len(moments)} moments, at least three are needed",
            where=f"split.column {rule.column}",
            hint="Name a column with finer dates, or split by patient.",
        )
    until = np.cumsum(np.bincount(inverse)) / len(records)  # share of records up to and with each moment
    first = int(np.argmin(np.abs(until[:-2] - rule.fractions.train)))
    share = rule.fractions.train + rule.fractions.validation
    second = first + 1 + int(np.argmin(np.abs(until[first + 1 : -1] - share)))
    return np.array(SPLITS, object)[np.searchsorted([first, second], inverse, side="left")]


def _moments(records: Records, column: str) -> npt.NDArray[np.float64]:
    """Numbers as they are, or ISO 8601 dates as seconds."""
    values = records.frame[column]
    if pd.api.types.is_numeric_dtype(values):
        moments = values.to_numpy(np.float64, na_value=np.nan)
    else:
        dates = pd.to_datetime(values.astype("string").str.strip(), errors="coerce", format="ISO8601", utc=True)
        stamps = dates.dt.tz_localize(None).to_numpy("datetime64[us]")
        moments = np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64) / 1e6)
    strange = ~np.isfinite(moments)
    if strange.any():
        raise DataError(
            f"{int(strange.sum()):,} values are no dates ({name_rows(records.rows[strange])})",
            where=f"split.column {column}",
            hint="Write dates as 2024-03-31 (or 2024-03-31T12:30:00), or as numbers.",
        )
    return moments


def _by_site(records: Records, rule: SiteSplit) -> Names:
    """Whole sites for the test: external testing. The records of all other sites are split by patient.

    Sites are drawn by the seed, and taken as long as the test set comes nearer to its share.
    """
    values = records.frame[rule.column].astype("string").str.strip()
    values = values.mask(values == "")
    where = f"split.column {rule.column}"
    if values.isna().any():
        empty = records.rows[values.isna().to_numpy()]
        hint = "Fill in the site, or remove these rows: an unknown site cannot be kept apart."
        raise DataError(f"{len(empty):,} records have no site ({name_rows(empty)})", where=where, hint=hint)
    sizes = values.value_counts()
    if len(sizes) < 2:
        raise DataError("all records are of one site", where=where, hint="Split by patient.")
    goal, taken = rule.fractions.test * len(records), set[str]()
    held = 0
    for site in sorted((str(name) for name in sizes.index), key=lambda name: lottery(rule.seed, name)):
        if abs(held + sizes[site] - goal) < abs(held - goal) and len(taken) + 1 < len(sizes):
            taken.add(site)
            held += int(sizes[site])
    if not taken:
        taken = {min((str(name) for name in sizes.index), key=lambda name: (sizes[name], lottery(rule.seed, name)))}
    outside = values.isin(taken).to_numpy(bool)
    inside = np.flatnonzero(~outside)
    if len(set(records.patient[inside])) < 2:
        hint = "Records of more patients are needed there, or another split.seed, which holds out other sites."
        raise DataError("the sites that are left for training have one patient", where=where, hint=hint)
    split = np.full(len(records), "test", object)
    rest = rule.fractions.train + rule.fractions.validation
    shares = (rule.fractions.train / rest, rule.fractions.validation / rest)
    split[inside] = np.array(SPLITS, object)[allot(records.patient[inside], records.strata[inside], shares, rule.seed)]
    return split


def _by_scaffold(records: Records, rule: ScaffoldSplit) -> Names:
    """Molecules of one scaffold whole, the largest scaffolds for training: the test asks for unlike molecules."""
    fractions = (rule.fractions.train, rule.fractions.validation, rule.fractions.test)
    return np.array(SPLITS, object)[deal(scaffolds_of(records, rule.column), fractions)]


def scaffolds_of(records: Records, column: str) -> Names:
    """object (n,), the scaffold of every record's molecule; raises DataError for records without SMILES."""
    smiles = texts(records.frame[column])
    empty = records.rows[[text is None for text in smiles]]
    if len(empty):
        hint = "Fill in the column, or remove these rows: an unknown molecule cannot be kept apart."
        raise DataError(
            f"{len(empty):,} records have no SMILES ({name_rows(empty)})", where=f"split.column {column}", hint=hint
        )
    return scaffolds([text for text in smiles if text is not None])


def _official(recipe: Recipe, records: Records, rule: OfficialSplit) -> Names:
    if records.split is None:
        hint = "Take split: {by: patient}, or name a column: split: {by: column, column: ...}."
        raise recipe.fail("split.by", f"is {rule.by}, but the source has no split of its own", hint=hint)
    return records.split.copy()


def _refuse_useless(records: Records, split: Names) -> None:
    """Raise DataError where nothing can be learnt or tested; a class missing elsewhere is the check's to tell."""
    bears = records.bears
    counts = {name: bears[split == name].sum(axis=0) for name in SPLITS}
    if empty := [key for k, key in enumerate(records.classes) if not bears[:, k].any()]:
        hint = "Take it out of data.classes, or add such records."
        raise DataError(f"no record has the class {_listed(empty)}", where="split", hint=hint)
    remedy = "Merge or leave out rare classes, add records, or split otherwise (by patient, by another seed)."
    for name, present in counts.items():
        if not (split == name).any():
            hint = "Every split needs records: split: {by: patient} makes all three."
            raise DataError(f"no record is in {name}", where="split", hint=hint)
        if name != "train" and records.task != "multilabel" and (present > 0).sum() < 2:
            raise DataError(f"{name} has records of one class only", where="split", hint=remedy)
    absent = [key for key, number in zip(records.classes, counts["train"], strict=True) if not number]
    if absent:
        raise DataError(f"train has no record of the class {_listed(absent)}", where="split", hint=remedy)


def _listed(keys: list[str]) -> str:
    return ", ".join(keys[:8]) + (", ..." if len(keys) > 8 else "")
