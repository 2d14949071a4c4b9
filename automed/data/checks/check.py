"""The data check: what a careful reader would want to know before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from automed.data.checks import shortcuts
from automed.data.checks.duplicates import Duplicates, groupable, standing
from automed.data.checks.findings import ORDER, Finding, about, raise_on_leak
from automed.data.records import SPLITS, Records
from automed.data.splits import EXACT_ACROSS, NEAR_ACROSS, PATIENT_REMEDY, PATIENTS_ACROSS, Names, shared_patients
from automed.recipe import Recipe

__all__ = ["Finding", "check", "raise_on_leak"]

Mask = npt.NDArray[np.bool_]

FEW = 5  # patients of a class in a split, below which no score of it can be estimated
IMBALANCE = 10  # records of the most frequent class for one of the rarest
_DROP = "data.duplicates: drop leaves out of train and validation what repeats a test record."
_GROUP = "data.duplicates: group keeps patients who share a picture in one split."
_SHORTCUT_REMEDY: dict[shortcuts.Kind, str] = {
    "column": "It is no input; but ask whether the inputs show what stands behind it (a site, a device).",
    "missing": "Ask why it is filled in for one class and not for the others: were they collected differently?",
    "file": "A model can learn how pictures were made instead of what they show: test on another site.",
}


def check(
    recipe: Recipe,
    records: Records,
    found: Duplicates,
    split: Names,
    unreadable: Mapping[int, str],
    *,
    noun: str = "picture",
    further: Iterable[Finding] = (),
) -> list[Finding]:
    """Everything there is to say about records, their inputs and their split; leaks first, notes last.

    Args:
        recipe: names the columns.
        records: n readable records.
        found: which of them repeat others.
        split: object (n,).
        unreadable: reasons by row number, of what was left out before.
        noun: what the inputs are called: picture, signal, text.
        further: what the kinds of input have found.

    Returns:
        Findings; `raise_on_leak` judges them.
    """
    findings = [
        *_files(records, found, unreadable, noun),
        *_patients(records, split),
        *_duplicates(recipe, records, split, found, noun),
        *_look_alikes(records, split, found),
        *_classes(records, split),
        *_shortcuts(recipe, records),
        *further,
    ]
    return sorted(findings, key=lambda finding: ORDER.index(finding.severity))


def _files(records: Records, found: Duplicates, unreadable: Mapping[int, str], noun: str) -> Iterator[Finding]:
    if unreadable:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in Counter(unreadable.values()).most_common())
        yield about(
            "unreadable_records",
            "warning",
            f"{_many(len(unreadable), noun)} cannot be read: {reasons}. Left out.",
            np.array(sorted(unreadable), np.int64),
            "Correct the files, or take the rows out.",
        )
    if found.constant.any():
        yield about(
            "constant_records",
            "warning",
            f"{_many(int(found.constant.sum()), 'picture')} of one colour only: nothing can be seen on them."
            if noun == "picture"
            else f"{_many(int(found.constant.sum()), noun)} without any content: nothing can be learnt from them.",
            records.rows[found.constant],
            "Look at the files: failed exports? If so, export them again or take the rows out.",
        )


def _patients(records: Records, split: Names) -> Iterator[Finding]:
    shared = shared_patients(records, split)
    if shared.any():
        yield about(
            PATIENTS_ACROSS,
            "leak",
            f"{_many(len(set(records.patient[shared])), 'patient')} in more than one split.",
            _side_by_side(records, shared, np.unique(records.patient.astype(str), return_inverse=True)[1]),
            PATIENT_REMEDY,
        )


def _duplicates(recipe: Recipe, records: Records, split: Names, found: Duplicates, noun: str) -> Iterator[Finding]:
    groups, remedy = found.groups, _GROUP if groupable(recipe) else _DROP
    crossing = (standing(split, found.exact).sum(axis=1) > 1)[found.exact]
    near_crossing = np.isin(found.exact, found.near[_apart(split, found, found.near)])
    for kind, words, across in (
        (EXACT_ACROSS, f"exactly the same {noun}", crossing),
        (NEAR_ACROSS, f"practically the same {noun}", near_crossing),
    ):
        if across.any():
            message = f"{_many(int(across.sum()), 'record')} of different splits with {words}."
            yield about(kind, "leak", message, _side_by_side(records, across, groups), remedy)
    # Copies are counted within each split; those that a leak has named already are not named again.
    place = np.array([SPLITS.index(name) for name in split], np.int64)
    cell = found.exact * len(SPLITS) + place
    copied = (np.bincount(cell)[cell] > 1) & ~crossing & ~found.constant
    near = np.isin(found.exact, found.near[~_apart(split, found, found.near)]) & ~near_crossing & ~copied
    for kind, words, within in (
        ("exact_duplicates_within_split", f"exactly the same {noun} as another", copied),
        ("near_duplicates_within_split", f"practically the same {noun} as another", near),
    ):
        if within.any():
            yield about(
                kind,
                "note",
                f"{_many(int(within.sum()), 'record')} with {words} of the same split: each counts more than once.",
                _side_by_side(records, within, groups),
            )
    # What a record is labelled as, as one number: of several labels, the combination.
    named = np.unique(records.y, axis=0, return_inverse=True)[1].reshape(-1)
    labels = np.unique(np.stack([groups, named], axis=1), axis=0)[:, 0]
    torn = (np.bincount(labels) > 1)[groups]
    if torn.any():
        yield about(
            "contradicting_labels",
            "warning",
            f"{_many(int(torn.sum()), 'record')} of the same or practically the same {noun} with different labels.",
            _side_by_side(records, torn, groups),
            "Correct the labels, or take the rows out: at most one of them is right.",
        )


def _look_alikes(records: Records, split: Names, found: Duplicates) -> Iterator[Finding]:
    stand = np.unique(found.exact, return_index=True)[1]
    numbers = found.exact[stand]  # rises, but has gaps where records were left out
    pairs = stand[np.searchsorted(numbers, found.similar[_apart(split, found, found.similar)])].reshape(-1, 2)
    pairs = pairs[records.patient[pairs[:, 0]] != records.patient[pairs[:, 1]]]
    if len(pairs):
        yield about(
            "similar_across_splits",
            "warning",
            f"{_many(len(pairs), 'pair')} of pictures of different patients in different splits look very alike.",
            records.rows[pairs.reshape(-1)],
            "Look at these rows, two by two: if they show one patient, correct data.patient or take one row out.",
        )


def _classes(records: Records, split: Names) -> Iterator[Finding]:
    bears = records.bears
    totals = bears.sum(axis=0)
    people = np.unique(records.patient.astype(str), return_inverse=True)[1]
    for name in SPLITS:
        inside = np.flatnonzero(split == name)
        for label, key in enumerate(records.classes):
            mine = inside[bears[inside, label]]
            patients, rows = np.unique(people[mine]).size, records.rows[mine]
            if not len(rows):
                yield Finding(
                    "class_missing",
                    "warning",
                    f"The class {key} has no record in {name}: nothing can be said about it there.",
                    remedy="Add records of this class, merge it with another, or change the split.",
                )
            elif patients < FEW:
                yield about(
                    "class_too_small",
                    "warning",
                    f"The class {key} has {_many(patients, 'patient')} in {name}: too few for an estimate.",
                    rows,
                    "Add records of this class, or merge it with another.",
                )
    if totals.max() >= IMBALANCE * max(1, totals.min()):
        most, least = records.classes[int(totals.argmax())], records.classes[int(totals.argmin())]
        yield Finding(
            "imbalance",
            "note",
            f"The class {most} has {totals.max():,} records, {least} {totals.min():,}: accuracy alone would mislead.",
            count=int(totals.min()),
            remedy="Judge by macro-F1 and by the recall of each class.",
        )


def _shortcuts(recipe: Recipe, records: Records) -> Iterator[Finding]:
    if len(records) < shortcuts.LEAST:
        yield Finding(
            "shortcuts_undecided",
            "note",
            f"{len(records)} records are too few to decide whether a column or a fact about the files tells the label.",
        )
        return
    subjects = {
        "column": ("column_gives_label_away", "The column {name}"),
        "missing": ("missing_cells_give_label_away", "Whether the column {name} is filled in"),
        "file": ("files_give_label_away", "Of the files, the {name}"),
    }
    for shortcut in shortcuts.search(recipe, records):
        kind, subject = subjects[shortcut.kind]
        severe, key = shortcut.auroc >= shortcuts.SEVERE, records.classes[shortcut.label]
        yield Finding(
            kind,
            "warning" if severe else "note",
            f"{subject.format(name=shortcut.name)} alone tells the class {key} from the others "
            f"with an AUROC of {shortcut.auroc:.2f}{': it gives the label away' if severe else ''}.",
            count=int(records.bears[:, shortcut.label].sum()),
            remedy=_SHORTCUT_REMEDY[shortcut.kind],
        )


def _apart(split: Names, found: Duplicates, pairs: npt.NDArray[np.int64]) -> Mask:
    """bool (k,), pairs of exact numbers whose records do not all stand in one split."""
    present = standing(split, found.exact)
    apart: Mask = (present[pairs[:, 0]] | present[pairs[:, 1]]).sum(axis=1) > 1
    return apart


def _side_by_side(records: Records, mask: Mask, groups: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rows of the masked records, those of one group next to each other, in the order of their first rows."""
    rows, groups = records.rows[mask], groups[mask]
    first = np.full(int(groups.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, groups, rows)
    ordered: npt.NDArray[np.int64] = rows[np.lexsort((rows, first[groups]))]
    return ordered


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
