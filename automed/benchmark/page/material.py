"""All that a page is made from, read from a history once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from automed.benchmark import ENGINES, KIND, OURS
from automed.benchmark.history import History
from automed.benchmark.record import Cell, Measurement, Point
from automed.benchmark.suite import Suite
from automed.errors import AutomedError

MARGIN = 0.02  # of histories that no suite describes
KINDS = ("ours", "deep", "classical", "baseline")


@dataclass(frozen=True)
class Material:
    """What a history holds.

    Attributes:
        history: itself, for answers.
        suite: None where there is none.
        points: oldest first.
        cells: by point.
        notes: by point.
        measurements: each with its point.
    """

    history: History
    suite: Suite | None
    points: tuple[Point, ...]
    cells: Mapping[int, tuple[Cell, ...]]
    notes: Mapping[int, tuple[Mapping[str, Any], ...]]
    measurements: tuple[tuple[int, Measurement], ...]

    @property
    def margin(self) -> float:
        """The difference of macro-F1 that does not matter."""
        return self.suite.margin if self.suite else MARGIN

    @cached_property
    def latest(self) -> Point | None:
        """The newest point that has anything to show, whole or not."""
        measured = {point for point, _ in self.measurements}
        with_any = [point for point in self.points if self.cells[point.id] or point.id in measured]
        found = with_any or self.points
        return found[-1] if found else None

    @cached_property
    def before(self) -> Point | None:
        """The last whole point before the newest; None where there is none."""
        latest = self.latest
        earlier = [p for p in self.points if latest and p.id < latest.id and self.whole(p) and self.cells[p.id]]
        return earlier[-1] if earlier else None

    @cached_property
    def newest(self) -> tuple[Cell, ...]:
        """The cells of the newest point."""
        return self.cells[self.latest.id] if self.latest else ()

    @cached_property
    def recipes(self) -> tuple[str, ...]:
        """Of the newest point, in the order of the suite."""
        return self.all_recipes({cell.recipe for cell in self.newest})

    @cached_property
    def engines(self) -> tuple[str, ...]:
        """Of the newest point: ours, deep ones, classical ones, baselines."""
        return in_order({cell.engine for cell in self.newest})

    @cached_property
    def ours(self) -> str | None:
        """The engine of ours that rivals are held against."""
        return next((engine for engine in OURS if engine in self.engines), None)

    @cached_property
    def phantoms(self) -> frozenset[str]:
        """The recipes whose records were drawn by a program, as far as the suite can be read."""
        return frozenset(
            entry.name for entry in (self.suite.recipes if self.suite else ()) if self._phantom(entry.name)
        )

    def all_recipes(self, wanted: Iterable[str] | None = None) -> tuple[str, ...]:
        """Recipes in the order of the suite, others after them in the order in which they first came."""
        named = [entry.name for entry in self.suite.recipes] if self.suite else []
        came = (cell.recipe for point in self.points for cell in self.cells[point.id])
        known = dict.fromkeys([*named, *came])
        held = set(wanted) if wanted is not None else {c.recipe for cells in self.cells.values() for c in cells}
        return tuple(recipe for recipe in known if recipe in held)

    def whole(self, point: Point) -> bool:
        """Whether a point was brought to its end."""
        return any(note["event"] == "ended" for note in self.notes[point.id])

    def of(self, point: Point, recipe: str, engine: str) -> list[Cell]:
        """The cells of one recipe and engine at a point, one a seed."""
        return self._grouped.get((point.id, recipe, engine), [])

    @cached_property
    def _grouped(self) -> dict[tuple[int, str, str], list[Cell]]:
        found: dict[tuple[int, str, str], list[Cell]] = {}
        for cells in self.cells.values():
            for cell in cells:
                found.setdefault((cell.point, cell.recipe, cell.engine), []).append(cell)
        return found

    def _phantom(self, recipe: str) -> bool:
        assert self.suite is not None
        try:
            return self.suite.recipe(recipe, seed=self.suite.seeds[0]).data.source == "phantom"
        except AutomedError:  # it has been moved, or needs a variable that is not set: no banner can be asked for
            return False


def gather(history: History, suite: Suite | None) -> Material:
    """Read what a page needs; raises RunError where a row is damaged."""
    points = tuple(history.points())
    cells: dict[int, list[Cell]] = {point.id: [] for point in points}
    for cell in history.cells():
        cells.setdefault(cell.point, []).append(cell)
    return Material(
        history,
        suite,
        points,
        {point: tuple(found) for point, found in cells.items()},
        {point.id: tuple(history.notes(point.id)) for point in points},
        tuple(history.measurements()),
    )


def in_order(engines: Iterable[str]) -> tuple[str, ...]:
    """Engines by kind, ours first, and within a kind as the table of engines has them; unknown ones last."""
    known = list(ENGINES)
    return tuple(
        sorted(
            engines,
            key=lambda name: (
                KINDS.index(KIND[name]) if name in KIND else len(KINDS),
                known.index(name) if name in known else len(known),
                name,
            ),
        )
    )


def day(started: str) -> str:
    """The date of a point, UTC: "2026-11-28"; what is no time as it is, cut."""
    found = _time(started)
    return f"{found:%Y-%m-%d}" if found else started[:10]


def when(started: str) -> str:
    """Date and time of a point: "2026-11-28, 12:33 UTC"; what is no time as it is."""
    found = _time(started)
    return f"{found:%Y-%m-%d, %H:%M} UTC" if found else started


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
