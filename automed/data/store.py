"""Arrays on disk, written once and memory-mapped by any number of processes, bounded in size.

An entry is a folder `<key>/` with images.npy and index.json. It is written beside its place and renamed when it is
whole, so that a reader never sees half of one. One process writes, the others wait for it. While any process maps an
entry it holds a shared lock on its index, which the system drops when the process dies: such entries are not removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import math
import os
import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from automed import runtime
from automed.errors import RunError

FILE, INDEX = "images.npy", "index.json"
_PART = ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Block = tuple[npt.NDArray[Any], dict[int, str]]  # rows, and which of them (counted in the block) are unreadable


@dataclass(frozen=True, eq=False)
class Cached:
    """Pictures that are decoded.

    Attributes:
        values: read-only memory map (n, h, w, c); uint8 where a model reads it. A picture that could not be read is 0.
        unreadable: reasons by position.
        key: what the content, the size and the preprocessing hash to.
        path: the file that is mapped; other processes use `attach(path)`.
    """

    values: npt.NDArray[Any]
    unreadable: dict[int, str]
    key: str
    path: Path


@dataclass(frozen=True)
class Stored:
    """One entry as `automed data cache show` lists it; `about` says in words what is in it."""

    key: str
    about: str
    bytes: int
    used: datetime
    in_use: bool


def folder() -> Path:
    """Where entries lie."""
    return runtime.cache_folder() / "decoded"


def keep(
    key: str, shape: tuple[int, ...], dtype: str, blocks: Callable[[], Iterable[Block]], about: str, limit: int
) -> Cached:
    """The entry of a key, written from `blocks` unless it is there.

    Args:
        key: the entry's name.
        shape: of the whole array.
        dtype: uint8 or uint16.
        blocks: gives the rows in order; called only where the entry has to be written.
        about: one line for people.
        limit: bytes that all entries together may take; least recently used ones make room.

    Raises:
        RunError: the disk is full, or the folder cannot be written; nothing half-written is left.
    """
    place, needed = folder() / key, math.prod(shape) * np.dtype(dtype).itemsize
    with _in_words(needed):
        folder().mkdir(parents=True, exist_ok=True)
        with FileLock(f"{place}.lock"):
            if (found := _open(place)) is not None:
                return found
            make_room(limit - needed)
            _write(place, shape, np.dtype(dtype), blocks, about)
            found = _open(place)
    if found is None:
        raise RunError("an entry of the cache was damaged while it was written", where=str(place))
    return found


def attach(path: Path) -> npt.NDArray[Any]:
    """Map an entry's file in another process, and keep the entry from being removed while it is mapped.

    Raises:
        RunError: the entry is gone.
    """
    found = _open(path.parent) if path.name == FILE else None
    if found is None:
        raise RunError("the decoded pictures are gone from the cache", where=str(path), hint="Prepare the run again.")
    return found.values


def key_of(values: npt.NDArray[Any]) -> str | None:
    """The key of the entry that an array is the whole map of, else None."""
    name = getattr(values, "filename", None)
    if name is None or not values.flags.c_contiguous or Path(name).parent.parent != folder().resolve():
        return None
    whole = np.load(name, mmap_mode="r", allow_pickle=False)
    return Path(name).parent.name if (whole.shape, whole.dtype) == (values.shape, values.dtype) else None


def entries() -> list[Stored]:
    """What is kept, least recently used first."""
    listed = []
    for place in sorted(folder().iterdir()) if folder().is_dir() else ():
        if not place.is_dir():
            continue
        with contextlib.suppress(FileNotFoundError):  # removed by another process meanwhile
            index = place / INDEX
            used = index.stat().st_mtime if index.is_file() else place.stat().st_mtime
            about = "unfinished" if place.name.endswith(_PART) else _facts(place).get("about", "damaged")
            listed.append(
                Stored(
                    key=place.name,
                    about=about,
                    bytes=sum(file.stat().st_size for file in place.iterdir()),
                    used=datetime.fromtimestamp(used, UTC),
                    in_use=_in_use(place),
                )
            )
    return sorted(listed, key=lambda entry: entry.used)


def remove(key: str) -> int:
    """Remove an entry that no process uses; the bytes that were freed, 0 where it is in use."""
    place = folder() / key
    try:
        with FileLock(f"{folder() / key.removesuffix(_PART)}.lock", timeout=0):
            if _in_use(place):
                return 0
            freed = sum(file.stat().st_size for file in place.iterdir())
            if not key.endswith(_PART):
                # A removal that is cut short leaves something unfinished, never half an entry.
                place = place.rename(place.with_name(key + _PART))
            shutil.rmtree(place)
            return freed
    except (Timeout, FileNotFoundError):
        return 0


def make_room(limit: int) -> None:
    """Remove least recently used entries until the rest takes at most `limit` bytes, or only used ones are left."""
    kept = entries()
    total = sum(entry.bytes for entry in kept)
    for entry in kept:
        if total <= limit and not entry.key.endswith(_PART):
            continue
        total -= remove(entry.key)


def _write(
    place: Path, shape: tuple[int, ...], dtype: np.dtype[Any], blocks: Callable[[], Iterable[Block]], about: str
) -> None:
    part = place.with_name(place.name + _PART)
    shutil.rmtree(part, ignore_errors=True)
    needed = math.prod(shape) * dtype.itemsize
    if shutil.disk_usage(place.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    try:
        part.mkdir()
        unreadable: dict[int, str] = {}
        rows = 0
        # Plain writes: a full disk is an error here, and a killed process (SIGBUS) in a memory map.
        with (part / FILE).open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for block, reasons in blocks():
                file.write(np.ascontiguousarray(block, dtype).data)
                unreadable.update({rows + number: reason for number, reason in reasons.items()})
                rows += len(block)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave a file of the right size, full of zeros
        if rows != shape[0]:
            raise ValueError(f"{rows} rows were written, {shape[0]} announced")
        facts = {"about": about, "shape": shape, "dtype": str(dtype), "unreadable": unreadable}
        (part / INDEX).write_text(json.dumps(facts), encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)  # damaged, or it would have been used
        part.replace(place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _open(place: Path) -> Cached | None:
    """The entry, mapped and held; None where it is not there or damaged."""
    try:
        held = (place / INDEX).open("rb")
    except OSError:
        return None
    try:
        _hold(held.fileno())
        facts = json.load(held)
        values = np.load(place / FILE, mmap_mode="r", allow_pickle=False)
        if list(values.shape) != facts["shape"] or str(values.dtype) != facts["dtype"]:
            raise ValueError("not what its index says")
        unreadable = {int(number): str(reason) for number, reason in facts["unreadable"].items()}
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        held.close()
        return None
    with contextlib.suppress(OSError):  # a cache that is shared read-only keeps its old times
        os.utime(place / INDEX)
    # Views of the array keep its map alive, so the lock lasts exactly as long as anybody can read.
    weakref.finalize(values.base, held.close)
    return Cached(values, unreadable, place.name, place / FILE)


def _hold(descriptor: int) -> None:
    # A file system without locks: the entry works, and may be removed early.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)


def _in_use(place: Path) -> bool:
    try:
        with (place / INDEX).open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _facts(place: Path) -> dict[str, Any]:
    try:
        facts = json.loads((place / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


@contextlib.contextmanager
def _in_words(needed: int) -> Iterator[None]:
    """What the file system refuses, as an error that a person can act on."""
    try:
        yield
    except OSError as problem:
        where = str(folder())
        if problem.errno in _FULL:
            what = f"the disk is full: {needed / 1e6:,.0f} MB are needed for decoded pictures"
            hint = "Free space (automed data cache clear), or set AUTOMED_CACHE to a folder on another disk."
            raise RunError(what, where=where, hint=hint) from problem
        hint = "Set AUTOMED_CACHE to a folder that can be written."
        raise RunError(f"the cache cannot be used: {problem.strerror or problem}", where=where, hint=hint) from problem
