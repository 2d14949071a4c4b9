"""Points, cells, notes and measurements as the rows of a history hold them, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from automed.benchmark.record import Cell, Measurement, Point
from automed.benchmark.storage.tables import ANSWERS, CELLS, MEASUREMENTS, NOTES, POINTS, Row, sealed


def row_of_point(point: Point) -> Row:
    """A point as the columns hold it."""
    return sealed(
        POINTS,
        {
            "id": point.id,
            "suite": text(point.suite),
            "digest": text(point.digest),
            "started": text(point.started),
            "revision": _maybe(point.revision),
            "code": text(point.code),
            "packages": as_json(point.packages),
            "hardware": as_json(point.hardware),
            "budget": as_json(point.budget),
        },
    )


def point_of(row: Mapping[str, Any]) -> Point:
    """A point from its columns."""
    fields = {name: row[name] for name in ("id", "suite", "digest", "started", "revision", "code")}
    return Point(**fields, **{name: json.loads(row[name]) for name in ("packages", "hardware", "budget")})


def row_of_cell(id: int, cell: Cell, *, answered: bool) -> Row:
    """A cell as the columns hold it."""
    return sealed(
        CELLS,
        {
            "id": id,
            "point": int(cell.point),
            "recipe": text(cell.recipe),
            "digest": text(cell.digest),
            "seed": int(cell.seed),
            "engine": text(cell.engine),
            "status": text(cell.status),
            "reason": _maybe(cell.reason),
            "scores": as_json(cell.scores),
            "validation": number(cell.validation),
            "seconds": number(cell.seconds),
            "memory_mb": number(cell.memory_mb),
            "trials": None if cell.trials is None else int(cell.trials),
            "fingerprint": _maybe(cell.fingerprint),
            "ended": text(cell.ended),
            "detail": as_json(cell.detail),
            "answered": int(answered),
        },
    )


def cell_of(row: Mapping[str, Any]) -> Cell:
    """A cell from its columns."""
    fields = {name: row[name] for name in Cell.__dataclass_fields__}
    for name in ("scores", "detail"):
        fields[name] = json.loads(fields[name])
    for name in ("seconds", "memory_mb"):
        fields[name] = _figure(fields[name])
    return Cell(**fields)


def row_of_note(id: int, point: int, time: str, event: str, detail: Mapping[str, Any]) -> Row:
    """A note as the columns hold it."""
    values = {"id": id, "point": int(point), "time": text(time), "event": text(event), "detail": as_json(detail)}
    return sealed(NOTES, values)


def note_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A note from its columns."""
    detail: dict[str, Any] = json.loads(row["detail"])
    own = {"time": row["time"], "event": row["event"]}
    return own | detail | own


def row_of_measurement(id: int, point: int, measurement: Measurement) -> Row:
    """A measurement as the columns hold it."""
    return sealed(
        MEASUREMENTS,
        {
            "id": id,
            "point": int(point),
            "name": text(measurement.name),
            "ours": number(measurement.ours),
            "reference": number(measurement.reference),
            "unit": text(measurement.unit),
            "against": text(measurement.against),
            "better": text(measurement.better),
            "detail": as_json(measurement.detail),
        },
    )


def measurement_of(row: Mapping[str, Any]) -> Measurement:
    """A measurement from its columns."""
    fields = {name: row[name] for name in Measurement.__dataclass_fields__}
    return Measurement(**fields | {"ours": _figure(fields["ours"]), "detail": json.loads(fields["detail"])})


def text(value: str) -> str:
    """Text that UTF-8 can hold: the halves of characters that a foreign program's output may bear are spelt out."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _maybe(value: str | None) -> str | None:
    return None if value is None else text(value)


def number(value: float | None) -> float | None:
    """A finite float; None where it is none. Negative zero is zero, since SQLite keeps whole numbers as integers."""
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None


def _figure(value: float | None) -> float:
    return math.nan if value is None else value


def as_json(value: Any) -> str:
    """JSON on one line; NaN and infinity become null, arrays lists, paths text."""
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):  # of numpy
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def row_of_answers(id: int, parquet: bytes) -> Row:
    """The answers of the cell with this id as the columns hold them."""
    return sealed(ANSWERS, {"id": id, "parquet": parquet})
