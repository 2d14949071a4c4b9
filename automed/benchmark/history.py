"""The history of a suite: what every point, cell and measurement came to, kept for years and never changed.

One SQLite file and not parquet files: it is one thing to copy and to back up; a cell and its answers are written in one
transaction that a kill or a full disk cannot cut in two; triggers refuse to change or remove a row, whoever opens it; a
version stands in its header; and a row among thousands is found without reading the others. What a model answered lies
in it as one compressed parquet a cell, so that points can be compared record by record when their runs are long gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import filelock
from sqlalchemy import Connection, Engine, Select, Table, select

from automed.benchmark.record import Answers, Cell, Measurement, Point
from automed.benchmark.storage.blob import pack, unpack
from automed.benchmark.storage.rows import (
    cell_of,
    measurement_of,
    note_of,
    point_of,
    row_of_answers,
    row_of_cell,
    row_of_measurement,
    row_of_note,
    row_of_point,
    text,
)
from automed.benchmark.storage.salvage import begin, mend
from automed.benchmark.storage.store import Damaged, add, check, connect, disk, next_id, reading, writing
from automed.benchmark.storage.tables import ANSWERS, CELLS, MEASUREMENTS, NOTES, POINTS, VERSION, Row, seal
from automed.errors import RunError
from automed.run import now

__all__ = ["NAME", "VERSION", "History"]

NAME = "history.sqlite"


class History:
    """One suite's history, opened with `History.open`: one process writes to it at a time, many read.

    Attributes:
        folder: of the suite.
        file: the SQLite file in it.
        recovered: what was saved and what was lost, in one sentence, where the file was found damaged; else None.
    """

    def __init__(self, folder: Path, engine: Engine, recovered: str | None = None) -> None:
        self.folder = folder
        self.file = folder / NAME
        self.recovered = recovered
        self._engine = engine

    @classmethod
    def open(cls, folder: Path, *, create: bool = True) -> History:
        """Open the history of a suite; one that is damaged is copied aside, and what can be read of it is kept.

        Args:
            folder: of the suite.
            create: begin an empty one where there is none.

        Raises:
            RunError: there is none, a later version wrote it, or it cannot be read or made.
        """
        file = folder / NAME
        if not create and not file.exists():
            hint = "automed benchmark run SUITE begins one."
            raise RunError("there is no history", where=str(folder), hint=hint)
        try:
            check(file)
            recovered = None
        except (FileNotFoundError, Damaged):
            with disk(folder):
                folder.mkdir(parents=True, exist_ok=True)
                # One process begins or mends a history; others wait, and find it done.
                with filelock.FileLock(folder / f".{file.stem}.lock"):
                    recovered = _made_whole(file)
        return cls(folder, connect(file), recovered)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> History:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # --- points ---------------------------------------------------------------------------------------------------

    def start(
        self,
        *,
        suite: str,
        digest: str,
        started: str,
        revision: str | None,
        code: str,
        packages: Mapping[str, str],
        hardware: Mapping[str, Any],
        budget: Mapping[str, Any],
    ) -> Point:
        """Begin a point and note it; a clock that stands before the last point's start is noted as `clock_back`."""
        with writing(self._engine, self.file) as connection:
            id = next_id(connection, POINTS)
            last = connection.execute(select(POINTS.c.started).where(POINTS.c.id == id - 1)).scalar()
            point = Point(id, suite, digest, started, revision, code, packages, hardware, budget)
            add(connection, POINTS, row_of_point(point))
            _note(connection, id, "started")
            if last is not None and _earlier(started, last):
                _note(connection, id, "clock_back", last=last)
        return self.point(id)

    def points(self) -> list[Point]:
        """Every point, oldest first: by id, since a clock can be moved."""
        return [point_of(row) for row in self._rows(POINTS)]

    def point(self, id: int) -> Point:
        """One point; raises RunError where there is none of that id."""
        rows = self._rows(POINTS, id=id)
        if not rows:
            raise RunError(f"there is no point {id}", where=str(self.file), hint="automed benchmark show SUITE.")
        return point_of(rows[0])

    # --- cells ----------------------------------------------------------------------------------------------------

    def append(self, cell: Cell, answers: Answers | None = None) -> None:
        """Add a cell and its answers in one transaction.

        Raises:
            RunError: the point has this cell already or is not there; the disk is full; the file cannot be written.
            DataError: the shapes of the answers disagree.
        """
        blob = None if answers is None else pack(answers)
        key = dict(zip(("recipe", "seed", "engine"), cell.key, strict=True), point=cell.point)
        with writing(self._engine, self.file) as connection:
            self._expect(connection, cell.point)
            if connection.execute(_of(CELLS, **key)).first() is not None:
                what = f"point {cell.point} has {cell.recipe}, seed {cell.seed}, {cell.engine} already"
                hint = "A history is only added to: begin a new point with --fresh."
                raise RunError(what, where=str(self.file), hint=hint)
            # Above the ids of answers too: those whose cells were lost must not become those of another.
            id = next_id(connection, CELLS, ANSWERS)
            add(connection, CELLS, row_of_cell(id, cell, answered=blob is not None))
            if blob is not None:
                add(connection, ANSWERS, row_of_answers(id, blob))

    def cells(self, point: int | None = None) -> list[Cell]:
        """Every cell, or those of one point, in the order in which they were added."""
        return [cell_of(row) for row in self._rows(CELLS, point=point)]

    def answers(self, point: int, recipe: str, seed: int, engine: str) -> Answers | None:
        """What a cell's model said about the test records; None where the cell is not there or has none."""
        cell = _of(CELLS, point=point, recipe=recipe, seed=seed, engine=engine).with_only_columns(CELLS.c.id)
        rows = self._rows(ANSWERS, id=cell.scalar_subquery())
        return unpack(rows[0]["parquet"]) if rows else None

    # --- notes and measurements -----------------------------------------------------------------------------------

    def note(self, point: int, event: str, **detail: Any) -> None:
        """Add an event of a point with the time; raises RunError as `append` does."""
        with writing(self._engine, self.file) as connection:
            self._expect(connection, point)
            _note(connection, point, event, **detail)

    def notes(self, point: int) -> list[dict[str, Any]]:
        """The events of a point in the order in which they were added: [{"time", "event", ...detail}]."""
        return [note_of(row) for row in self._rows(NOTES, point=point)]

    def measure(self, point: int, measurement: Measurement) -> None:
        """Add a figure of speed or memory to a point; raises RunError as `append` does."""
        with writing(self._engine, self.file) as connection:
            self._expect(connection, point)
            row = row_of_measurement(next_id(connection, MEASUREMENTS), point, measurement)
            add(connection, MEASUREMENTS, row)

    def measurements(self, point: int | None = None) -> list[tuple[int, Measurement]]:
        """The figures of every point, or of one, each with its point's id, in the order in which they were added."""
        return [(row["point"], measurement_of(row)) for row in self._rows(MEASUREMENTS, point=point)]

    # --- inside ---------------------------------------------------------------------------------------------------

    def _rows(self, table: Table, **where: Any) -> list[Row]:
        """Rows in the order of their ids, each held against its seal; what is None in `where` may be anything."""
        with reading(self._engine, self.file) as connection:
            rows = [dict(row) for row in connection.execute(_of(table, **where)).mappings()]
        for row in rows:
            if row["seal"] != seal(table, row):
                hint = "Give the same command again: a copy is set aside, and what can be read is kept."
                raise RunError(f"row {row['id']} of {table.name} is damaged", where=str(self.file), hint=hint)
        return rows

    def _expect(self, connection: Connection, point: int) -> None:
        if connection.execute(_of(POINTS, id=point)).first() is None:
            raise RunError(f"there is no point {point} to add to", where=str(self.file))


def _of(table: Table, **where: Any) -> Select[Any]:
    sought = {name: text(value) if isinstance(value, str) else value for name, value in where.items()}
    wanted = (table.c[name] == value for name, value in sought.items() if value is not None)
    return select(table).where(*wanted).order_by(table.c.id)


def _note(connection: Connection, point: int, event: str, **detail: Any) -> None:
    add(connection, NOTES, row_of_note(next_id(connection, NOTES), point, now(), event, detail))


def _made_whole(file: Path) -> str | None:
    try:
        check(file)
    except FileNotFoundError:
        begin(file)
    except Damaged as why:
        return mend(file, str(why))
    return None


def _earlier(time: str, than: str) -> bool:
    try:
        return datetime.fromisoformat(time) < datetime.fromisoformat(than)
    except (ValueError, TypeError):  # no time, or one without a zone: nothing can be said
        return False
