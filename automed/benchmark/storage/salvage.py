"""Mending a damaged history: the file is copied aside, and every row that can be read goes into a fresh one.

Nothing is thrown away: what cannot be read is still in the copy. A kill at any moment leaves the damaged file in its
place, and mending begins anew.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Table, func, select, union

from automed.benchmark.record import Point
from automed.benchmark.storage import leaves
from automed.benchmark.storage.rows import row_of_note, row_of_point
from automed.benchmark.storage.store import add, connect, lay_out, next_id, writing
from automed.benchmark.storage.tables import ANSWERS, CELLS, MEASUREMENTS, NOTES, POINTS, TABLES
from automed.run import now, write_atomically

_SIDE = ("-journal", "-wal", "-shm")  # what SQLite lays beside a file


def begin(file: Path) -> None:
    """Put an empty history in its place, in one step."""
    _side_files_aside(file, _aside(file))
    write_atomically(file, lay_out)


def mend(file: Path, why: str) -> str:
    """Copy a damaged history aside and put a fresh one, with every row that can be read, in its place.

    Args:
        file: the damaged one.
        why: what is wrong with it, as "it is no SQLite file".

    Returns:
        What was saved and what was lost, in one sentence.
    """
    aside = _aside(file)
    write_atomically(aside, lambda temporary: _copy(file, temporary))
    _side_files_aside(file, aside)
    said = ""

    def rebuild(temporary: Path) -> None:
        nonlocal said
        lay_out(temporary, leaves.rows(aside))
        with writing(connect(temporary), temporary) as connection:
            said = _sentence(file, aside, why, _saved(connection), _lost(connection))
            for point in sorted(_named(connection) - _ids(connection, POINTS)):
                _stand_in(connection, point, file.parent.name)
            points = _ids(connection, POINTS)
            if points:
                _note(connection, max(points), said)

    write_atomically(file, rebuild)
    return said


def _aside(file: Path) -> Path:
    """A name beside the file that nothing has yet: history-damaged-20260131T030000Z.sqlite."""
    stem, attempt = f"{file.stem}-damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}", 1
    while any(file.parent.glob(f"{stem}{f'-{attempt}' if attempt > 1 else ''}{file.suffix}*")):
        attempt += 1
    return file.with_name(f"{stem}{f'-{attempt}' if attempt > 1 else ''}{file.suffix}")


def _copy(file: Path, to: Path) -> None:
    shutil.copy2(file, to)


def _side_files_aside(file: Path, aside: Path) -> None:
    """Move away what SQLite left beside a file: it would be played back into the one that takes its place."""
    for side in _SIDE:
        beside = file.with_name(file.name + side)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + side))


# --- what is there, and what is not -------------------------------------------------------------------------------


def _ids(connection: Connection, table: Table) -> set[int]:
    return set(connection.execute(select(table.c.id)).scalars())


def _named(connection: Connection) -> set[int]:
    """The points that rows of other tables belong to."""
    return set(connection.execute(union(*(select(table.c.point) for table in (CELLS, NOTES, MEASUREMENTS)))).scalars())


def _saved(connection: Connection) -> dict[str, int]:
    return {table.name: len(_ids(connection, table)) for table in TABLES}


def _lost(connection: Connection) -> dict[str, int]:
    """Rows that must have been there: ids count up without gaps, and rows name others. More may have followed."""
    there = {table.name: _ids(connection, table) for table in TABLES}
    named = {"points": _named(connection), "cells": there["answers"]}
    lost = {}
    for name in ("points", "cells", "notes", "measurements"):
        known = there[name] | named.get(name, set())
        lost[name] = max(known, default=0) - len(there[name])
    answered = set(connection.execute(select(CELLS.c.id).where(CELLS.c.answered == 1)).scalars())
    lost[ANSWERS.name] = len(answered - there["answers"])
    return lost


def _sentence(file: Path, aside: Path, why: str, saved: dict[str, int], lost: dict[str, int]) -> str:
    begun = f"{file.name} was damaged ({why})"
    kept = f"the damaged file is kept as {aside.name}"
    if not any(saved.values()):
        return f"{begun}: nothing in it could be read, and a new history is begun; {kept}."
    missing = f"at least {_counts(lost)} lost" if any(lost.values()) else "no row is known to be lost"
    return f"{begun}: {_counts(saved)} saved, {missing}; {kept}."


def _counts(of: dict[str, int]) -> str:
    """As "3 points, 1 cell and the answers of 2 cells"."""
    said = []
    for name, count in of.items():
        if count and name == ANSWERS.name:
            said.append(f"the answers of {count:,} {'cell' if count == 1 else 'cells'}")
        elif count:
            said.append(f"{count:,} {name.removesuffix('s') if count == 1 else name}")
    return " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))


def _stand_in(connection: Connection, id: int, suite: str) -> None:
    """A point in the place of one whose own row is lost, so that its cells still have one; it is like no suite."""
    times = [
        connection.execute(select(func.min(table.c[column])).where(table.c.point == id)).scalar()
        for table, column in ((CELLS, "ended"), (NOTES, "time"))
    ]
    started = min(filter(None, times), default=now())
    add(connection, POINTS, row_of_point(Point(id, suite, "", started, None, "", {}, {}, {})))
    _note(connection, id, "the row of this point is lost: its start is that of the first thing that is known of it")


def _note(connection: Connection, point: int, said: str) -> None:
    add(connection, NOTES, row_of_note(next_id(connection, NOTES), point, now(), "recovered", {"said": said}))
