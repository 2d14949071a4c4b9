"""The tables of a history, what keeps them append-only, and the seal on every row.

Disks and shares flip bits that SQLite's own check does not see: a changed digit inside a value is still a value. Each
row therefore carries a digest of everything in it, so that a figure is either what was written or is known to be
damaged, and a row that is found outside its tree can be told from rubbish.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

VERSION = 1  # PRAGMA user_version

Row = dict[str, Any]

metadata = MetaData()

POINTS = Table(
    "points",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("suite", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("started", Text, nullable=False),
    Column("revision", Text),
    Column("code", Text, nullable=False),
    Column("packages", Text, nullable=False),  # JSON, as are hardware, budget, scores and detail
    Column("hardware", Text, nullable=False),
    Column("budget", Text, nullable=False),
    Column("seal", Text, nullable=False),
)

CELLS = Table(
    "cells",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("point", ForeignKey(POINTS.c.id), nullable=False),
    Column("recipe", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("engine", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("scores", Text, nullable=False),
    Column("validation", Float),
    Column("seconds", Float),  # null where it is no number
    Column("memory_mb", Float),
    Column("trials", Integer),
    Column("fingerprint", Text),
    Column("ended", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("answered", Integer, nullable=False),  # whether there is a row of answers: told even when that row is lost
    Column("seal", Text, nullable=False),
    UniqueConstraint("point", "recipe", "seed", "engine"),
)

# Beside the cells and not in them: a list of cells is read without passing by megabytes of probabilities.
ANSWERS = Table(
    "answers",
    metadata,
    Column("id", ForeignKey(CELLS.c.id), primary_key=True),
    Column("parquet", LargeBinary, nullable=False),
    Column("seal", Text, nullable=False),
)

NOTES = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("point", ForeignKey(POINTS.c.id), nullable=False, index=True),
    Column("time", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("seal", Text, nullable=False),
)

MEASUREMENTS = Table(
    "measurements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("point", ForeignKey(POINTS.c.id), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("ours", Float),
    Column("reference", Float),
    Column("unit", Text, nullable=False),
    Column("against", Text, nullable=False),
    Column("better", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("seal", Text, nullable=False),
)

TABLES = (POINTS, CELLS, ANSWERS, NOTES, MEASUREMENTS)


def triggers() -> Iterable[str]:
    """What refuses to change, remove or replace a row, whoever asks; in SQL.

    INSERT OR REPLACE removes without asking the DELETE trigger on most builds of SQLite, so a row in the place of
    another is refused before it is written.
    """
    refuse = "BEGIN SELECT RAISE(ABORT, 'a history is only added to'); END"
    for table in TABLES:
        name = table.name
        for verb in ("UPDATE", "DELETE"):
            yield f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} {refuse}"
        taken = "id = NEW.id"
        if table is CELLS:
            taken += " OR (point, recipe, seed, engine) = (NEW.point, NEW.recipe, NEW.seed, NEW.engine)"
        when = f"EXISTS (SELECT 1 FROM {name} WHERE {taken})"
        yield f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} WHEN {when} {refuse}"


def sealed(table: Table, row: Row) -> Row:
    """A row with its seal."""
    return {**row, "seal": seal(table, row)}


def seal(table: Table, row: Mapping[str, Any]) -> str:
    """SHA-256 of the table's name and every value of a row, its id included."""
    values = [table.name, *(row[column.name] for column in table.columns if column.name != "seal")]
    return hashlib.sha256(json.dumps(values, default=_digest).encode()).hexdigest()


def _digest(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()
