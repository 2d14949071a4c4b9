"""Rows read straight out of a SQLite file's leaf pages, for files that SQLite itself no longer opens.

SQLite finds a row by descending a tree; one damaged page near the root hides everything below it, and a file that was
cut is refused whole. The rows themselves lie in leaf pages that can be read one by one. What looks like a row of ours
is one only if its seal is right. The Python that people have brings neither SQLite's recovery extension nor its shell.

Source: SQLite, "Database File Format", sections 1.6 (B-tree pages, overflow pages) and 2.1 (record format).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Float, Table

from automed.benchmark.storage.store import MAGIC, PAGE
from automed.benchmark.storage.tables import TABLES, Row, seal

_LEAF = 0x0D  # of a table
_WHOLE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type to bytes of a whole number


def rows(file: Path) -> Iterator[tuple[Table, Row]]:
    """Every row in the file whose seal is right, in no order; one that lies there twice comes twice."""
    with file.open("rb") as opened:
        header = opened.read(100)
        told = int.from_bytes(header[16:18], "big") if header.startswith(MAGIC) else PAGE
        told = 65536 if told == 1 else told
        # The size that the header tells may be what was damaged.
        for size in {told, PAGE} if told >= 512 and told & (told - 1) == 0 else {PAGE}:
            yield from _Leaves(opened, size).rows()


class _Leaves:
    """The file as pages of one size."""

    def __init__(self, opened: BinaryIO, size: int) -> None:
        self._opened = opened
        self._size = size
        self._count = -(-opened.seek(0, 2) // size)

    def rows(self) -> Iterator[tuple[Table, Row]]:
        for number in range(1, self._count + 1):
            page = self._page(number)
            start = 100 if number == 1 else 0
            if len(page) < start + 8 or page[start] != _LEAF:
                continue
            for k in range(int.from_bytes(page[start + 3 : start + 5], "big")):
                pointer = start + 8 + 2 * k
                found = self._row(page, int.from_bytes(page[pointer : pointer + 2], "big"))
                if found is not None:
                    yield found

    def _page(self, number: int) -> bytes:
        self._opened.seek((number - 1) * self._size)
        return self._opened.read(self._size)

    def _row(self, page: bytes, at: int) -> tuple[Table, Row] | None:
        """The row whose cell begins at `at`; None where there is none of ours."""
        try:
            length, at = _varint(page, at)
            id, at = _varint(page, at)
            local = self._local(length)
            header, types = _header(page[at : at + local])
            tables = [table for table in TABLES if len(table.columns) == len(types)]
            if not tables or length > self._count * self._size:
                return None
            values = list(_values(self._payload(page, at, length, local)[header:], types))
        except (IndexError, ValueError):  # rubbish read as a row
            return None
        for table in tables:
            row: Row = {}
            for column, value in zip(table.columns, values, strict=True):
                # SQLite keeps a float without a fraction as a whole number.
                whole = isinstance(column.type, Float) and isinstance(value, int)
                row[column.name] = float(value) if whole else value
            row["id"] = id  # kept as the row's number, not among its values
            if row["seal"] == seal(table, row):
                return table, row
        return None

    def _local(self, length: int) -> int:
        """How much of a payload lies in the leaf; the rest is in overflow pages."""
        most = self._size - 35
        least = (self._size - 12) * 32 // 255 - 23
        if length <= most:
            return length
        fitting = least + (length - least) % (self._size - 4)
        return fitting if fitting <= most else least

    def _payload(self, page: bytes, at: int, length: int, local: int) -> bytes:
        parts = [page[at : at + local]]
        left = length - local
        following = int.from_bytes(page[at + local : at + local + 4], "big") if left else 0
        while left > 0:
            if not 0 < following <= self._count:
                raise ValueError("the chain of overflow pages is broken")
            overflow = self._page(following)
            following = int.from_bytes(overflow[:4], "big")
            parts.append(overflow[4 : 4 + left])
            left -= self._size - 4
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A whole number of one to nine bytes, and where it ends."""
    value = 0
    for k in range(8):
        byte = data[at + k]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + k + 1
    return value << 8 | data[at + 8], at + 9


def _header(payload: bytes) -> tuple[int, list[int]]:
    """The length of a record's header, and the serial type of each value."""
    length, at = _varint(payload, 0)
    types = []
    while at < length:
        kind, at = _varint(payload, at)
        types.append(kind)
    return length, types


def _values(body: bytes, types: list[int]) -> Iterator[Any]:
    at = 0
    for kind in types:
        length = _WHOLE.get(kind, 8 if kind == 7 else (kind - 12) // 2 if kind >= 12 else 0)
        part = body[at : at + length]
        if len(part) < length:
            raise ValueError("the record is cut")
        at += length
        if kind == 0:
            yield None
        elif kind in _WHOLE:
            yield int.from_bytes(part, "big", signed=True)
        elif kind == 7:
            yield struct.unpack(">d", part)[0]
        elif kind in (8, 9):
            yield kind - 8
        elif kind >= 12:
            yield part.decode() if kind % 2 else part
        else:
            raise ValueError("no such type of value")
