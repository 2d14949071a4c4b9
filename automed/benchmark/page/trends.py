"""How the figures of ours went over points, and where a recipe or the machine became another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from automed.benchmark import OURS
from automed.benchmark.page.chart import Break, Moment, chart
from automed.benchmark.page.estimate import over_seeds, spread
from automed.benchmark.page.material import Material, day, in_order
from automed.benchmark.record import Cell, Point
from automed.report.figures import Figure

SAME = 0.03  # machines whose memory differs by less are one machine, seen twice


@dataclass(frozen=True)
class Trend:
    """One recipe: charts of macro-F1, and those of seconds and memory."""

    recipe: str
    scores: tuple[Figure, ...]
    costs: tuple[Figure, ...]


def trends(material: Material) -> list[Trend]:
    """Charts for each recipe and engine of ours that is in two points or more."""
    found = []
    for index, recipe in enumerate(material.all_recipes()):
        engines = in_order({c.engine for cells in material.cells.values() for c in cells if c.recipe == recipe})
        scores: list[Figure] = []
        costs: list[Figure] = []
        for engine in (engine for engine in engines if engine in OURS):
            held = [(point, material.of(point, recipe, engine)) for point in material.points]
            held = [(point, cells) for point, cells in held if cells]
            if len(held) < 2:
                continue
            breaks = _breaks(held)
            name = f"{index}-{engine}"
            scores.append(chart(f"trend-{name}", engine, "macro-F1", _scores(held), breaks, of=recipe, score=True))
            for key, what, unit in (("seconds", "seconds", "s"), ("memory_mb", "memory", "MB")):
                moments = _costs(held, partial(_cost, key))
                title = f"{engine}: {what}"
                costs.append(chart(f"{key}-{name}", title, what, moments, breaks, of=f"{recipe}, {engine}", unit=unit))
        if scores:
            found.append(Trend(recipe, tuple(scores), tuple(costs)))
    return found


def other_machine(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether two points ran on different hardware; a machine does not always report the same memory."""
    return any(not _alike(one.get(key), two.get(key)) for key in {*one, *two})


def _alike(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=SAME)
    return bool(one == two)


def _breaks(held: Sequence[tuple[Point, Sequence[Cell]]]) -> list[Break]:
    """Where the recipe or its data became others, or the machine did."""
    found = []
    for (before, old), (after, new) in pairwise(held):
        prints = {c.fingerprint for c in old} - {None}, {c.fingerprint for c in new} - {None}
        if {c.digest for c in old} != {c.digest for c in new} or (all(prints) and prints[0] != prints[1]):
            found.append(Break(after.id, "recipe"))
        if other_machine(before.hardware, after.hardware):
            found.append(Break(after.id, "hardware"))
    return found


def _scores(held: Sequence[tuple[Point, Sequence[Cell]]]) -> list[Moment]:
    moments = []
    for point, cells in held:
        score = over_seeds(cells)
        failed = any(cell.status == "failed" for cell in cells)
        moments.append(Moment(point.id, day(point.started), score.value, score.low, score.high, failed))
    return moments


def _cost(key: str, cell: Cell) -> float:
    return float(getattr(cell, key))


def _costs(held: Sequence[tuple[Point, Sequence[Cell]]], figure: Callable[[Cell], float]) -> list[Moment]:
    """The mean over seeds that are done, and the smallest and the largest."""
    moments = []
    for point, cells in held:
        found = spread([figure(cell) for cell in cells if cell.status == "done"])
        failed = any(cell.status == "failed" for cell in cells)
        mean, low, high = found or (None, None, None)
        one = low == high
        moments.append(Moment(point.id, day(point.started), mean, None if one else low, None if one else high, failed))
    return moments
