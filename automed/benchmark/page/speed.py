"""Figures of speed and memory: the newest of each, and how their ratios went."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from automed.benchmark.page.chart import Break, Moment, chart
from automed.benchmark.page.material import Material, day
from automed.benchmark.page.trends import other_machine
from automed.benchmark.record import Measurement
from automed.report import words
from automed.report.figures import Figure


@dataclass(frozen=True)
class Measured:
    """One figure as a row; `point` is the last one that has it."""

    name: str
    ours: str
    reference: str
    ratio: str
    against: str
    better: str
    point: int


@dataclass(frozen=True)
class Speed:
    """All figures, the charts of those that were measured twice or more, and what went wrong."""

    rows: tuple[Measured, ...]
    charts: tuple[Figure, ...]


def speed(material: Material) -> Speed | None:
    """None where nothing was measured."""
    if not material.measurements:
        return None
    by_name: dict[tuple[str, str], dict[int, Measurement]] = {}
    for point, one in material.measurements:
        by_name.setdefault((one.name, one.against), {})[point] = one
    rows, charts = [], []
    for place, ((name, against), found) in enumerate(by_name.items()):
        point, last = list(found.items())[-1]
        rows.append(
            Measured(
                name,
                _figure(last.ours, last.unit),
                "" if last.reference is None else _figure(last.reference, last.unit),
                "" if last.ratio is None else f"{words.decimal(last.ratio)} ×",
                against,
                last.better,
                point,
            )
        )
        if len(found) > 1:
            charts.append(_chart(material, place, name, against, found))
    return Speed(tuple(rows), tuple(charts))


def _chart(material: Material, place: int, name: str, against: str, found: dict[int, Measurement]) -> Figure:
    held = [point for point in material.points if point.id in found]
    ratios = all(found[point.id].ratio is not None for point in held)
    moments = []
    for point in held:
        one = found[point.id]
        value = one.ratio if ratios else one.ours
        finite = value is not None and math.isfinite(value)
        moments.append(Moment(point.id, day(point.started), value if finite else None))
    breaks = [
        Break(after.id, "hardware")
        for before, after in pairwise(held)
        if other_machine(before.hardware, after.hardware)
    ]
    what = "ratio" if ratios else "our figure"
    unit = "× the reference" if ratios else next(iter(found.values())).unit
    of = f"{name}, against {against}" if against else name
    return chart(f"speed-{place}", name, what, moments, breaks, of=of, unit=unit)


def _figure(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "not known"
    size = abs(value)
    text = f"{value:,.0f}" if size >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()
