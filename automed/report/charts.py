"""Curves with bands on one pair of axes, drawn by hand: small enough to stand side by side, or alone on a phone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from automed.report import words
from automed.report.axes import number, steps
from automed.report.explanations import strokes
from automed.report.explanations.picture import WIDTH

LEFT, TOP, RIGHT, HIGH, LINE = 40.0, 10.0, 12.0, 190.0, 16.0  # CSS pixels
LETTER = 5.6  # CSS pixels: a letter of the key, on average
MOST_TICKS = 6
BAND = 0.16  # opacity

Point = tuple[float, float]
Limits = tuple[float, float, float]  # where, lower, upper


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: in the key; "" where it has no place there.
        points: x and y.
        band: pointwise limits of a curve.
        bars: limits of single points.
        colour: a variable of style.css.
        width: CSS pixels; 0 draws points alone.
        dashes: as SVG has them.
        dots: CSS pixels of the radius of each point; 0 draws none.
    """

    name: str
    points: tuple[Point, ...]
    band: tuple[Limits, ...] = ()
    bars: tuple[Limits, ...] = ()
    colour: str = "--accent"
    width: float = 2.2
    dashes: str = ""
    dots: float = 0.0


@dataclass(frozen=True)
class Chart:
    """Curves and their axes; with `diagonal` the line on which y is x is drawn, and named where that is not ""."""

    lines: tuple[Line, ...]
    across: str
    up: str
    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)
    diagonal: str | None = None


def draw(chart: Chart, alt: str) -> Markup:
    """The chart as SVG for a figure of style.css; `alt` is the finding in words."""
    place = _Place(chart)
    parts = _frame(chart, place)
    for line in chart.lines:
        parts += _band(line, place)
    for line in chart.lines:
        parts += _line(line, place)
    under = TOP + HIGH + 44
    named = [line for line in chart.lines if line.name]
    if chart.diagonal:
        named.append(Line(chart.diagonal, (), colour="--muted", width=1.2, dashes="2 3"))
    for (x, y), line in zip(_places([line.name for line in named], under), named, strict=True):
        parts += _key(line, x, y)
        under = max(under, y)
    return strokes.drawing(parts, WIDTH, under + (10 if named else -6), alt)


def cut(points: Sequence[Point], low: float, high: float) -> list[list[Point]]:
    """The stretches of a line that lie between two heights, ending where it crosses them."""
    pieces: list[list[Point]] = []
    piece: list[Point] = []
    for before, after in itertools.pairwise(points):
        inside = _between(before, after, low, high)
        if inside is None:
            pieces, piece = ([*pieces, piece] if piece else pieces), []
            continue
        start, end = inside
        if piece and piece[-1] != start:
            pieces, piece = [*pieces, piece], []
        piece = [*(piece or [start]), end]
        if end != after:
            pieces, piece = [*pieces, piece], []
    return [*pieces, piece] if piece else pieces


def _between(one: Point, other: Point, low: float, high: float) -> tuple[Point, Point] | None:
    (x, y), (right, last) = one, other
    if max(y, last) < low or min(y, last) > high:
        return None
    if low <= min(y, last) and max(y, last) <= high:
        return one, other

    def at(height: float) -> Point:
        return x + (right - x) * (height - y) / (last - y), height

    start = one if low <= y <= high else at(_nearest(y, low, high))
    return start, other if low <= last <= high else at(_nearest(last, low, high))


def _nearest(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


class _Place:
    """From values to CSS pixels."""

    def __init__(self, chart: Chart) -> None:
        self.x, self.y = chart.x, chart.y
        self.across = WIDTH - LEFT - RIGHT

    def __call__(self, point: Point) -> Point:
        (left, right), (low, high) = self.x, self.y
        return (
            LEFT + (point[0] - left) / (right - left) * self.across,
            TOP + (high - point[1]) / (high - low) * HIGH,
        )

    def all(self, points: Iterable[Point]) -> list[Point]:
        return [self(point) for point in points]


def _frame(chart: Chart, place: _Place) -> list[Markup]:
    (left, right), (low, high) = chart.x, chart.y
    level = [place.all([(left, at), (right, at)]) for at in steps(low, high, MOST_TICKS)]
    upright = [place.all([(at, low), (at, high)]) for at in steps(left, right, MOST_TICKS)]
    parts = [strokes.lines([*level, *upright], "--rule")]
    foot = low if not low < 0 < high else 0.0
    parts.append(strokes.line(place.all([(left, foot), (right, foot)]), "--pale"))
    for at in steps(low, high, MOST_TICKS):
        x, y = place((left, at))
        parts.append(strokes.label(number(at), x - 6, y + 4, colour="--muted", size=10, anchor="end"))
    for at in steps(left, right, MOST_TICKS):
        x, y = place((at, low))
        parts.append(strokes.label(number(at), x, y + 15, colour="--muted", size=10, anchor="middle"))
    middle = LEFT + place.across / 2
    parts.append(strokes.label(chart.across, middle, TOP + HIGH + 29, colour="--muted", size=10, anchor="middle"))
    parts.append(strokes.upright(chart.up, 9, TOP + HIGH / 2, colour="--muted", size=10))
    if chart.diagonal is not None:
        ends = (max(left, low), max(left, low)), (min(right, high), min(right, high))
        parts.append(strokes.line(place.all(ends), "--muted", 1.2, "2 3"))
    return parts


def _band(line: Line, place: _Place) -> list[Markup]:
    if len(line.band) < 2:
        return []
    low, high = place.y
    upper = [(x, _nearest(top, low, high)) for x, _, top in line.band]
    lower = [(x, _nearest(bottom, low, high)) for x, bottom, _ in reversed(line.band)]
    return [strokes.area(place.all([*upper, *lower]), line.colour, BAND)]


def _line(line: Line, place: _Place) -> list[Markup]:
    low, high = place.y
    parts = []
    if line.width and (pieces := cut(line.points, low, high)):
        parts.append(strokes.lines([place.all(piece) for piece in pieces], line.colour, line.width, line.dashes))
    if line.bars:
        bars = [[(x, _nearest(lower, low, high)), (x, _nearest(upper, low, high))] for x, lower, upper in line.bars]
        parts.append(strokes.lines([place.all(bar) for bar in bars], line.colour, 1.4))
    if line.dots:
        seen = [point for point in line.points if low <= point[1] <= high]
        parts.append(strokes.dots(place.all(seen), line.dots, line.colour))
    return parts


def _places(names: Sequence[str], top: float) -> list[Point]:
    """Where each name of the key begins: in rows of as many as fit."""
    places: list[Point] = []
    x, y = 8.0, top + 4
    for name in names:
        wide = 34 + len(words.shorten(name, KEY)) * LETTER
        if x > 8 and x + wide > WIDTH:
            x, y = 8.0, y + LINE
        places.append((x, y))
        x += wide
    return places


KEY = math.floor((WIDTH - 40) / LETTER)  # letters of a name in the key


def _key(line: Line, x: float, y: float) -> list[Markup]:
    parts = []
    if line.width:
        parts.append(strokes.line([(x, y - 4), (x + 18, y - 4)], line.colour, line.width, line.dashes))
    if line.dots:
        parts.append(strokes.dots([(x + 9, y - 4)], line.dots, line.colour))
    return [*parts, strokes.label(words.shorten(line.name, KEY), x + 24, y, size=10)]
