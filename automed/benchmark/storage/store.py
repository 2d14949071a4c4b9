"""One SQLite file: how it is opened, locked, written and checked, and what SQLite's complaints mean to a person.

The journal is SQLite's rollback journal and not a write-ahead log: the folder may lie on a network share, where the
log's shared memory does not work, or on a disk that is read-only, where a log cannot be opened at all; and between
writes one file holds everything, so that it can be copied. Every operation opens the file anew: nothing is held between
the cells of a benchmark, which may be hours apart.

Source: SQLite, "Write-Ahead Logging", section 1 (all processes must be on one host), and "PRAGMA synchronous" (EXTRA:
the folder is synchronised as well once the journal is gone).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from automed.benchmark.storage.tables import TABLES, VERSION, Row, metadata, seal, triggers
from automed.errors import RunError
from automed.run import disk_errors

PATIENCE = 30.0  # seconds that a reader or a writer waits for another
MAGIC = b"SQLite format 3\0"
PAGE = 4096  # bytes
_AGAIN = "What was finished is kept; go on with the same command"
_NOT_WRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# A quota and a limit on the size of files do not come as SQLITE_FULL.
_NO_ROOM = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE}


class Damaged(Exception):
    """The file is no whole history; says why, as "it is no SQLite file"."""


def connect(file: Path, *, linked: bool = True) -> Engine:
    """An engine on a file that is there.

    Args:
        file: the history.
        linked: refuse a row of a point or a cell that is not there.
    """

    def opened() -> sqlite3.Connection:
        connection = _open(file)
        connection.execute(f"PRAGMA page_size = {PAGE}")  # of a file that holds nothing yet
        connection.execute(f"PRAGMA foreign_keys = {'ON' if linked else 'OFF'}")
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection

    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: a writer waits for its turn before it reads, so that what it read is still so when it writes.
        wanted = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if wanted else "BEGIN")

    return engine


def _open(file: Path) -> sqlite3.Connection:
    # mode=rw: SQLite would begin an empty file in the place of one that is gone. Transactions are begun by hand.
    uri = f"{file.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)


@contextmanager
def reading(engine: Engine, file: Path) -> Iterator[Connection]:
    """A transaction that sees one state of the file; raises RunError where it cannot be read."""
    with complaints(file), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, file: Path) -> Iterator[Connection]:
    """A transaction that is on the disk when it ends, whole or not at all; raises RunError where it cannot be."""
    with complaints(file), engine.connect().execution_options(writing=True) as connection, connection.begin():
        yield connection


def add(connection: Connection, table: Table, row: Row) -> None:
    """Add one row."""
    connection.execute(insert(table), row)


def next_id(connection: Connection, *tables: Table) -> int:
    """One above the highest id in any of the tables."""
    ids = [connection.execute(select(func.max(table.c.id))).scalar_one() for table in tables]
    return max(id or 0 for id in ids) + 1


def lay_out(file: Path, rows: Iterable[tuple[Table, Row]] = ()) -> None:
    """Make an empty file a history of these rows; of two with one id, the first is taken."""
    engine = connect(file, linked=False)
    with writing(engine, file) as connection:
        metadata.create_all(connection)
        for table, row in rows:
            connection.execute(insert(table).prefix_with("OR IGNORE"), row)
        for trigger in triggers():
            connection.exec_driver_sql(trigger)
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


# --- checks -------------------------------------------------------------------------------------------------------


def check(file: Path) -> None:
    """Hold the version, the structure of every page and the seal of every row.

    Raises:
        FileNotFoundError: there is no such file.
        Damaged: it is not whole.
        RunError: a later version wrote it, or it cannot be read.
    """
    with disk(file):
        version = _version(file)
    if version > VERSION:
        raise RunError(
            f"was written by a later automed (its version is {version}, this one reads {VERSION})",
            where=str(file),
            hint="Nothing was changed. Update automed, or begin another history with --in FOLDER.",
        )
    try:
        with closing(_open(file)) as connection:
            _examine(connection)
    except sqlite3.Error as problem:
        if _code(problem) in _DAMAGED:
            raise Damaged("SQLite cannot read it") from problem
        raise _complaint(problem, file) from problem
    if version < VERSION:
        raise Damaged("its header names no version")


def _version(file: Path) -> int:
    """The version in a file's header, read without SQLite, which may write to what it opens.

    Source: SQLite, "Database File Format", section 1.3.
    """
    with file.open("rb") as opened:
        header = opened.read(100)
    if not header:
        raise Damaged("it holds no bytes")
    if len(header) < 100 or not header.startswith(MAGIC):
        raise Damaged("it is no SQLite file")
    return int.from_bytes(header[60:64], "big")


def _examine(connection: sqlite3.Connection) -> None:
    # A changed byte may be no UTF-8: that is for the seal to find.
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    connection.execute("BEGIN")
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise Damaged("its pages are not as SQLite wrote them")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in TABLES:
        if table.name not in there:
            raise Damaged(f"it has no table {table.name}")
    for table in TABLES:
        names = [column.name for column in table.columns]
        for values in connection.execute(f"SELECT {', '.join(names)} FROM {table.name}"):
            row = dict(zip(names, values, strict=True))
            if row["seal"] != seal(table, row):
                raise Damaged(f"row {row['id']} of {table.name} is not what was written")
    connection.execute("COMMIT")


# --- complaints ---------------------------------------------------------------------------------------------------


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turn complaints about files into errors that a person can act on; that there is no file stays what it is."""
    try:
        with disk_errors(path):
            yield
    except FileNotFoundError:
        raise
    except RunError as problem:
        if not isinstance(problem.__cause__, OSError):
            raise
        raise RunError(problem.what, where=problem.where, hint=f"{_AGAIN} once it can be written.") from problem
    except OSError as problem:
        raise RunError(f"cannot be used: {problem.strerror}", where=str(path), hint="Name a folder.") from problem


@contextmanager
def complaints(file: Path) -> Iterator[None]:
    """Turn SQLite's complaints into errors that a person can act on."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as problem:
        raise _complaint(problem, file) from problem


def _complaint(problem: Exception, file: Path) -> RunError:
    code, where = _code(problem), str(file)
    if not file.exists():
        return RunError("is gone", where=where, hint="It was there when it was opened: was the folder moved?")
    if code == sqlite3.SQLITE_FULL or _extended(problem) in _NO_ROOM:
        free = shutil.disk_usage(file.parent).free / 1e6
        what = f"the disk is full, or a limit on the size of files is reached ({free:.1f} MB free)"
        return RunError(what, where=where, hint=f"{_AGAIN} once there is room.")
    if code == sqlite3.SQLITE_BUSY:
        what = f"another process has been writing to it for {PATIENCE:.0f} s"
        return RunError(what, where=where, hint=f"{_AGAIN} once the other has ended.")
    if code in _NOT_WRITABLE:
        what = "cannot be opened or written (permission)"
        return RunError(what, where=where, hint=f"{_AGAIN} once it can be written.")
    if code in _DAMAGED:
        hint = "Give the same command again: a copy is set aside, and what can be read is kept."
        return RunError("is damaged", where=where, hint=hint)
    return RunError(f"SQLite says: {getattr(problem, 'orig', problem)}", where=where, hint=f"{_AGAIN}.")


def _extended(problem: Exception) -> int:
    return int(getattr(getattr(problem, "orig", problem), "sqlite_errorcode", 0) or 0)


def _code(problem: Exception) -> int:
    return _extended(problem) & 0xFF  # what the extended code is a kind of
