"""Array files whose rows are the records: npy and npz, mapped, never loaded whole and never unpickled."""

from __future__ import annotations

import hashlib
import math
import mmap
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from automed import runtime
from automed.data import digests, store
from automed.errors import DataError

_BLOCK_BYTES = 16_000_000
_DAMAGE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


def names(path: Path) -> tuple[str, ...]:
    """Names of the arrays of an npz file.

    Raises:
        DataError: not there, or no such file.
    """
    _require(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))
    except _DAMAGE as problem:
        raise DataError("not an npz archive, or damaged", where=path.name) from problem


def mapped(path: Path, name: str | None) -> npt.NDArray[Any]:
    """An array as a memory map: of the file itself, or, from a compressed archive, of a copy in the cache.

    Args:
        path: an npy file, or npz with `name`.
        name: of the array in the archive.

    Raises:
        DataError: not there, damaged, or no numbers.
        RunError: the disk is full.
    """
    _require(path)
    try:
        values: npt.NDArray[Any] = _member(path, f"{name}.npy") if name else np.load(path, mmap_mode="r")
    except _DAMAGE as problem:
        raise DataError("not an array of numbers, or damaged", where=path.name) from problem
    if values.dtype.kind not in "iuf":
        raise DataError(f"{name or 'the array'} must hold numbers, got {values.dtype}", where=path.name)
    return values


def content(values: npt.NDArray[Any]) -> str:
    """What an array holds, as a digest; of a map, by the digest of its file, which is read once."""
    if known := store.key_of(values):
        return known
    shape = f"{values.shape} {values.dtype.str}"
    # A slice of a map still names the whole file, but its base is another array.
    file: Any = values
    if getattr(file, "filename", None) and isinstance(file.base, mmap.mmap):
        return f"{digests.of([Path(file.filename)])[0]} {file.offset} {shape} {file.flags.f_contiguous}"
    whole = hashlib.blake2b(shape.encode(), digest_size=16)
    step = max(1, _BLOCK_BYTES // max(1, values[:1].nbytes))
    for start in range(0, len(values), step):
        whole.update(np.ascontiguousarray(values[start : start + step]).data)
    return whole.hexdigest()


def header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order (True: column by column) and type that the head of an npy file tells; its numbers come next."""
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return reader(file)


def _require(path: Path) -> None:
    if not path.is_file():
        raise DataError("the array file is not there", where=path.name, hint=f"Looked in {path.parent}.")


def _member(path: Path, name: str) -> npt.NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(name)
        with archive.open(entry) as file:
            shape, fortran, dtype = header(file)
            inside = file.tell()
    if dtype.hasobject:
        raise DataError("holds Python objects, which are never loaded", where=path.name)
    if entry.compress_type == zipfile.ZIP_STORED:
        with path.open("rb") as plain:  # the local header may be longer than the archive's list says
            plain.seek(entry.header_offset + 26)
            lengths = np.frombuffer(plain.read(4), "<u2")
        offset = entry.header_offset + 30 + int(lengths.sum()) + inside
        return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
    if fortran and len(shape) > 1:
        hint = "Save numpy.ascontiguousarray(...)."
        raise DataError("is stored column by column and compressed", where=path.name, hint=hint)
    return _copied(path, name, shape, dtype)


def _copied(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    key = hashlib.sha256(f"array {digests.of([path])[0]} {name}".encode()).hexdigest()[:32]

    def blocks() -> Iterator[store.Block]:
        row = math.prod(shape[1:]) * dtype.itemsize
        step = max(1, _BLOCK_BYTES // max(1, row))
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            header(file)
            for start in range(0, shape[0], step):
                count = min(step, shape[0] - start)
                yield np.frombuffer(file.read(count * row), dtype).reshape(count, *shape[1:]), {}

    about = f"{'x'.join(f'{side:,}' for side in shape)} numbers, from {path.name}"
    return store.keep(key, shape, str(dtype), blocks, about, runtime.cache_limit_bytes()).values
