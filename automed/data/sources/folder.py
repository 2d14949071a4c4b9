"""Source `folder`: one folder a class, with or without train, validation and test folders on top."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.columns import add_bands, check_columns, name_rows, own_patients, positions
from automed.data.decode.images import EXTENSIONS
from automed.data.records import SPLITS, Files, Records
from automed.errors import DataError
from automed.recipe import FolderData, Recipe
from automed.registry import nearest

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def read(recipe: Recipe) -> Records:
    """Records of a folder tree; the frame has `file` (below the root), `label`, and `split` where there is one.

    Rows are numbered in the order of the sorted paths. Folders inside a class folder are read as well; hidden files
    and files that are no images by their name are left out.

    Raises:
        RecipeError: a class without a folder, a folder without a class, a patient expression that does not fit.
        DataError: no folder, no image files.
    """
    data = recipe.data
    assert isinstance(data, FolderData)
    if [spec.kind for spec in recipe.inputs.values()] != ["image"]:
        raise recipe.fail("inputs", "must be one image: a folder tree holds one file a record")
    root = recipe.root
    if not root.is_dir():
        raise DataError("no such folder", where=str(root), hint="data.root holds one folder a class.")
    tops = _splits_on_top(root)
    found = [(split, label, file) for split, top in tops for label, file in _labelled(top)]
    found.sort(key=lambda each: (SPLITS.index(each[0]) if each[0] else 0, each[2]))
    if not found:
        hint = (
            f"Expected {root}/<class>/<image>, or {root}/train/<class>/<image>; images end in {', '.join(EXTENSIONS)}."
        )
        raise DataError("no image files in class folders", where=str(root), hint=hint)
    _compare_classes(recipe, {label for _, label, _ in found})

    frame = pd.DataFrame(
        {
            "file": [file.relative_to(root).as_posix() for _, _, file in found],
            "label": [label for _, label, _ in found],
        }
    )
    split = np.array([name for name, _, _ in found], object) if found[0][0] else None
    if split is not None:
        frame["split"] = split
    frame = add_bands(recipe, frame, "a folder tree")
    check_columns(recipe, frame, "a folder tree")
    rows = np.arange(1, len(found) + 1, dtype=np.int64)
    y, classes = positions(recipe, [label for _, label, _ in found], rows, str(root))
    files = tuple(file for _, _, file in found)
    return Records(
        frame=frame,
        y=y,
        classes=classes,
        patient=_patients(recipe, data, files, rows),
        items={name: Files(files) for name in recipe.inputs},
        rows=rows,
        split=split,
        patients_named=data.patient is not None,
    )


def _splits_on_top(root: Path) -> list[tuple[str, Path]]:
    """(split, folder) where train and another split stand on top, else the root itself without a split."""
    tops = sorted(folder for folder in root.iterdir() if folder.is_dir() and not _hidden(folder.name))
    splits = [(SPLIT_FOLDERS[folder.name.lower()], folder) for folder in tops if folder.name.lower() in SPLIT_FOLDERS]
    names = [name for name, _ in splits]
    # A lone folder called "test" may well be a class.
    if "train" not in names or len(set(names)) < 2:
        return [("", root)]
    if len(splits) < len(tops):
        others = ", ".join(folder.name for folder in tops if folder.name.lower() not in SPLIT_FOLDERS)
        hint = f"Move away what is neither train, validation nor test: {others}."
        raise DataError("splits and other folders side by side", where=str(root), hint=hint)
    return splits


def _labelled(top: Path) -> Iterator[tuple[str, Path]]:
    for folder in sorted(top.iterdir()):
        if not folder.is_dir() or _hidden(folder.name):
            continue
        for here, inner, names in os.walk(folder):
            inner[:] = sorted(name for name in inner if not _hidden(name))
            yield from ((folder.name, Path(here) / name) for name in names if _is_image(here, name))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_image(folder: str, name: str) -> bool:
    path = Path(folder) / name
    if _hidden(name):
        return False
    if path.suffix:
        return path.suffix.lower() in EXTENSIONS
    # Scanners write DICOM without an extension.
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _compare_classes(recipe: Recipe, folders: set[str]) -> None:
    """Raise RecipeError where `data.classes` and the folders differ: a folder's name is no patient's."""
    if recipe.data.classes is None:
        return
    classes = set(recipe.data.classes)
    for missing in sorted(classes - folders):
        guess = nearest(missing, folders - classes)
        hint = f"Did you mean {guess!r}?" if guess else f"Folders with images: {', '.join(sorted(folders))}."
        raise recipe.fail(f"data.classes.{missing}", "has no folder with images", hint=hint)
    for extra in sorted(folders - classes):
        raise recipe.fail(
            "data.classes", f"does not name the folder {extra!r}", hint="Add it, or move the folder away."
        )


def _patients(
    recipe: Recipe, data: FolderData, files: tuple[Path, ...], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.object_]:
    """What the first group of `data.patient` finds in each file's name."""
    if data.patient is None:
        return own_patients(rows)
    try:
        expression = re.compile(data.patient)
    except re.error as problem:
        raise recipe.fail("data.patient", f"is not a regular expression: {problem}") from problem
    if expression.groups != 1:
        hint = r"For instance ^(\d+)_ where names look like 0042_2.png"
        raise recipe.fail("data.patient", f"must have one group, has {expression.groups}", hint=hint)
    matches = [expression.search(file.name) for file in files]
    patients = np.array([match.group(1) if match else None for match in matches], object)
    lost = rows[[not patient for patient in patients]]
    if len(lost):
        what = f"finds no patient in {len(lost):,} file names ({name_rows(lost)} of the sorted files)"
        raise recipe.fail("data.patient", what)
    return patients
