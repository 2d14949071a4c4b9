"""Source `npz`: arrays in the MedMNIST layout with its official splits, or plain images and labels.

Archives may be larger than memory: pictures are copied once, in blocks, from the archive to the cache and mapped there.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed import runtime
from automed.data import digests, store
from automed.data.columns import add_bands, check_columns, name_rows, own_patients, positions
from automed.data.records import Arrays, Records
from automed.errors import DataError
from automed.recipe import NpzData, Recipe

_SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
_BLOCK_BYTES = 16_000_000
_DAMAGE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Member:
    """One array of the archive: its name there, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def read(recipe: Recipe) -> Records:
    """Records of an npz file.

    Either train_images, train_labels, val_images, ... (official splits), or images, labels. Further arrays with one
    value a record (patient, sex, train_sex, ...) become columns; `patient` keeps patients apart. Rows are numbered
    through train, validation and test. For several labels a record (`task: multilabel`) labels are (n, labels) of 0
    and 1, and the number of a column is the key of its label; a record without any is a record with none of them.

    Raises:
        DataError: not such an archive, shapes or lengths that do not fit, several labels a record where the recipe
            says one.
    """
    data = recipe.data
    assert isinstance(data, NpzData)
    return records(recipe, recipe.path(data.file))


def records(recipe: Recipe, path: Path) -> Records:
    """The records of the archive at `path`, whatever source it came through."""
    if [spec.kind for spec in recipe.inputs.values()] != ["image"]:
        raise recipe.fail("inputs", "must be one image: an npz file holds one picture a record")
    if not path.is_file():
        raise DataError("the archive is not there", where=path.name, hint=f"Looked in {path.parent}.")
    several = recipe.data.task == "multilabel"
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path.name)
            prefixes = _prefixes(members, path.name)
            pictures = [_pictures(members, prefix, path.name, several=several) for prefix in prefixes]
            lengths = [member.shape[0] for member in pictures]
            columns = _columns(archive, members, prefixes, lengths)
            table = _table(archive, members, prefixes, path.name) if several else None
    except _DAMAGE as problem:
        raise DataError("not an npz archive, or damaged", where=path.name) from problem
    if len({(member.shape[1:], member.dtype) for member in pictures}) > 1:
        raise DataError("the pictures of the splits differ in size or type", where=path.name)

    split = np.repeat(np.array([_SPLITS[prefix[:-1]] for prefix in prefixes], object), lengths) if prefixes[0] else None
    rows = np.arange(1, sum(lengths) + 1, dtype=np.int64)
    if table is None:
        labels = _labels(columns.pop("labels"), path.name)
        y, classes = positions(recipe, labels, rows, f"{path.name}, labels")
        columns = {"label": np.array(labels, object), **columns}
    else:  # several labels are no column: one that holds them all would be taken for a shortcut
        y, classes = _marked(recipe, table, rows, f"{path.name}, labels")
    frame = pd.DataFrame({**({} if split is None else {"split": split}), **columns}, index=range(len(rows)))
    frame = add_bands(recipe, frame, path.name)
    check_columns(recipe, frame, path.name)
    patient = np.array([str(value) for value in columns["patient"]], object) if "patient" in columns else None
    values = _mapped(path, pictures)
    return Records(
        frame=frame,
        y=y,
        classes=classes,
        patient=own_patients(rows) if patient is None else patient,
        items={name: Arrays(values) for name in recipe.inputs},
        rows=rows,
        split=split,
        patients_named=patient is not None,
        task=recipe.data.task,
    )


def _members(archive: zipfile.ZipFile, where: str) -> dict[str, Member]:
    """Names, shapes and types of all arrays, read from their headers."""
    members = {}
    for entry in archive.infolist():
        if not entry.filename.endswith(".npy"):
            continue
        with archive.open(entry) as file:
            shape, fortran, dtype = _header(file)
        name = entry.filename.removesuffix(".npy")
        if dtype.hasobject:
            raise DataError(f"{name} holds Python objects, which are never loaded", where=where)
        if fortran and len(shape) > 1:
            raise DataError(
                f"{name} is stored column by column", where=where, hint="Save numpy.ascontiguousarray(...)."
            )
        members[name] = Member(entry.filename, shape, dtype)
    return members


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return reader(file)


def _prefixes(members: Mapping[str, Member], where: str) -> list[str]:
    """`train_`, `val_`, `test_` as far as they are there, or one empty prefix."""
    found = [f"{name}_" for name in _SPLITS if f"{name}_images" in members]
    if found and found[0] == "train_" and len(found) > 1:
        return found
    if "images" in members:
        return [""]
    hint = f"Arrays: {', '.join(list(members)[:12]) or 'none'}."
    raise DataError("neither train_images with val_images or test_images, nor images", where=where, hint=hint)


def _pictures(members: Mapping[str, Member], prefix: str, where: str, *, several: bool) -> Member:
    member = members[f"{prefix}images"]
    shape, name = member.shape, f"{prefix}images"
    if member.dtype not in (np.uint8, np.uint16):
        hint = "Save uint8 or uint16, for floats in 0..1: (255 * x).round().astype('uint8')."
        raise DataError(f"{name} must be uint8 or uint16, got {member.dtype}", where=where, hint=hint)
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):
        hint = "Save numpy.moveaxis(images, 1, -1)."
        raise DataError(f"{name} {shape} has its channels first", where=where, hint=hint)
    if len(shape) == 5 or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise DataError(f"{name} {shape} holds volumes, which cannot be classified as images yet", where=where)
    if len(shape) not in (3, 4) or 0 in shape:
        raise DataError(f"{name} must be (n, h, w) or (n, h, w, 1 or 3), got {shape}", where=where)
    if f"{prefix}labels" not in members:
        raise DataError(f"{prefix}labels is missing", where=where)
    labelled = members[f"{prefix}labels"].shape
    if not labelled or labelled[0] != shape[0]:
        raise DataError(f"{shape[0]:,} pictures in {name}, labels {labelled}", where=where)
    if several and (len(labelled) != 2 or labelled[1] < 2):
        what = f"{prefix}labels {labelled} does not hold several labels a record, as data.task has it"
        raise DataError(what, where=where, hint="Save (n, labels) of 0 and 1, or take data.task out.")
    if not several and (len(labelled) > 2 or (len(labelled) == 2 and labelled[1] != 1)):
        what = f"{prefix}labels {labelled} holds several labels a record"
        raise DataError(what, where=where, hint="data.task: multilabel learns them all; or save one label a record.")
    return member


def _columns(
    archive: zipfile.ZipFile, members: Mapping[str, Member], prefixes: list[str], lengths: list[int]
) -> dict[str, npt.NDArray[Any]]:
    """Labels, and every array that has one value a record in all splits."""
    columns = {}
    names = [name.removeprefix(prefixes[0]) for name in members if name.startswith(prefixes[0])]
    for name in names:
        parts = [members.get(prefix + name) for prefix in prefixes]
        if any(
            part is None or part.shape not in ((length,), (length, 1))
            for part, length in zip(parts, lengths, strict=True)
        ):
            continue
        values = []
        for part in parts:
            assert part is not None
            with archive.open(part.name) as file:
                values.append(np.lib.format.read_array(file, allow_pickle=False).reshape(-1))
        columns[name] = np.concatenate(values)
    return columns


def _table(
    archive: zipfile.ZipFile, members: Mapping[str, Member], prefixes: list[str], where: str
) -> npt.NDArray[Any]:
    """The labels of all splits, (n, labels)."""
    parts = [members[f"{prefix}labels"] for prefix in prefixes]
    if len({part.shape[1:] for part in parts}) > 1:
        raise DataError("the splits differ in their number of labels", where=where)
    tables = []
    for part in parts:
        with archive.open(part.name) as file:
            tables.append(np.lib.format.read_array(file, allow_pickle=False))
    return np.concatenate(tables)


def _marked(
    recipe: Recipe, table: npt.NDArray[Any], rows: npt.NDArray[np.int64], what: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Which labels each record has, int64 (n, labels) of 0 and 1, and their keys: the numbers of the columns."""
    numbers = tuple(str(number) for number in range(table.shape[1]))
    classes = tuple(recipe.data.classes or numbers)
    if set(classes) != set(numbers):
        hint = f"Its keys are the numbers of the columns: 0 to {numbers[-1]}."
        raise DataError(f"{len(numbers)} columns of labels, and data.classes names others", where=what, hint=hint)
    strange = rows[~np.isin(table, (0, 1)).all(axis=1)]
    if len(strange):
        raise DataError(f"{len(strange):,} rows hold something else than 0 and 1 ({name_rows(strange)})", where=what)
    return table[:, [int(key) for key in classes]].astype(np.int64), classes


def _labels(values: npt.NDArray[Any], where: str) -> list[str | None]:
    if values.dtype.kind == "f" and (np.isfinite(values) & (values == np.round(values))).all():
        values = values.astype(np.int64)
    if values.dtype.kind not in "iubU":
        raise DataError(f"labels must be whole numbers or text, got {values.dtype}", where=where)
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    return [str(value).strip() or None for value in values.tolist()]


def _mapped(path: Path, pictures: list[Member]) -> npt.NDArray[Any]:
    """All pictures as one memory map (n, h, w, c), copied from the archive where the cache does not hold them."""
    content = digests.of([path])[0]
    names = [member.name for member in pictures]
    key = hashlib.sha256(f"npz {content} {names}".encode()).hexdigest()[:32]
    inner = pictures[0].shape[1:]
    inner = inner if len(inner) == 3 else (*inner, 1)
    shape = (sum(member.shape[0] for member in pictures), *inner)
    about = f"{shape[0]:,} pictures, {'x'.join(map(str, inner))}, from {path.name}"
    dtype = str(pictures[0].dtype)

    def blocks() -> Iterator[store.Block]:
        row = int(np.prod(inner)) * pictures[0].dtype.itemsize
        step = max(1, _BLOCK_BYTES // row)
        try:
            with zipfile.ZipFile(path) as archive:
                for member in pictures:
                    with archive.open(member.name) as file:
                        _header(file)
                        for start in range(0, member.shape[0], step):
                            count = min(step, member.shape[0] - start)
                            values = np.frombuffer(file.read(count * row), member.dtype)
                            yield values.reshape(count, *inner), {}
        except _DAMAGE as problem:
            raise DataError("the archive is cut off or damaged", where=path.name) from problem

    return store.keep(key, shape, dtype, blocks, about, runtime.cache_limit_bytes()).values
