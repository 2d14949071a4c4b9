"""Digests of files' contents, each file read once: an index remembers path, size and time of what was read before."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from automed import runtime
from automed.data.decode.unreadable import Unreadable, system_reasons

UNREADABLE = "!"  # first sign of what stands for a file that cannot be read; the reason follows
_FRESH_NS = 2_000_000_000  # a file changed this lately could change again without its time telling
_TABLE = (
    "CREATE TABLE IF NOT EXISTS digests (path TEXT, algorithm TEXT, size INTEGER, changed INTEGER, digest TEXT,"
    " PRIMARY KEY (path, algorithm)) WITHOUT ROWID"
)
_LOOK_UP = "SELECT digest FROM digests WHERE path = ? AND algorithm = ? AND size = ? AND changed = ?"
_REMEMBER = "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?)"
_AT_ONCE = 8192  # files whose facts are in memory together
_SLICE = 256  # files a thread takes at once


def of(paths: Sequence[Path], algorithm: str = "blake2b") -> list[str]:
    """The digest of each file, hexadecimal, or `!reason` where it cannot be read.

    Args:
        paths: files.
        algorithm: blake2b (cut to 128 bits) or md5.
    """
    found: list[str] = []
    with contextlib.closing(_connect()) as index:
        for start in range(0, len(paths), _AT_ONCE):
            found += _some(index, paths[start : start + _AT_ONCE], algorithm)
    return found


def of_bytes(data: bytes) -> str:
    """The digest of bytes that are in memory, as `of` would give for a file that holds them."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def forget() -> None:
    """Empty the index; files are read again when they are needed."""
    _file().unlink(missing_ok=True)


def _file() -> Path:
    return runtime.cache_folder() / "digests.sqlite"


def _some(index: sqlite3.Connection, paths: Sequence[Path], algorithm: str) -> list[str]:
    names = [str(path.absolute()) for path in paths]
    found: dict[int, str] = {}
    stamps: dict[int, tuple[int, int]] = {}
    for number, path in enumerate(paths):
        try:
            stamps[number] = _stamp(path)
        except Unreadable as problem:
            found[number] = UNREADABLE + problem.reason
    with contextlib.suppress(sqlite3.Error):  # an index that fails costs time, nothing else
        for number, (size, changed) in stamps.items():
            row = index.execute(_LOOK_UP, (names[number], algorithm, size, changed)).fetchone()
            if row:
                found[number] = row[0]
    unknown = [number for number in stamps if number not in found]
    found.update(_read(paths, unknown, algorithm))
    horizon = time.time_ns() - _FRESH_NS
    lasting = [n for n in unknown if stamps[n][1] < horizon and not found[n].startswith(UNREADABLE)]
    with contextlib.suppress(sqlite3.Error), index:
        index.executemany(_REMEMBER, ((names[n], algorithm, *stamps[n], found[n]) for n in lasting))
    return [found[number] for number in range(len(paths))]


def _stamp(path: Path) -> tuple[int, int]:
    if not path.name:
        raise Unreadable("no file named")
    with system_reasons():
        facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _read(paths: Sequence[Path], numbers: list[int], algorithm: str) -> dict[int, str]:
    def one(path: Path) -> str:
        try:
            with system_reasons(), path.open("rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_size == 0:
                    return UNREADABLE + "empty"
                if algorithm == "blake2b":
                    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
                return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
        except Unreadable as problem:
            return UNREADABLE + problem.reason

    def several(part: list[int]) -> dict[int, str]:
        return {number: one(paths[number]) for number in part}

    found: dict[int, str] = {}
    # Two a core: a cold disk or a network share keeps a thread waiting, not working.
    with ThreadPoolExecutor(2 * runtime.cores()) as pool:
        for part in pool.map(several, (numbers[i : i + _SLICE] for i in range(0, len(numbers), _SLICE))):
            found.update(part)
    return found


def _connect() -> sqlite3.Connection:
    """The index, or an empty one in memory where the cache folder cannot hold it: then files are read again."""
    with contextlib.suppress(sqlite3.Error, OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(_file(), timeout=30.0)
        try:
            connection.execute(_TABLE)
        except sqlite3.Error:
            connection.close()
            raise
        return connection
    connection = sqlite3.connect(":memory:")
    connection.execute(_TABLE)
    return connection
