"""Maps of tables: bars from a middle line, one a column, the longest first."""

from __future__ import annotations

from markupsafe import Markup

from automed.report import words
from automed.report.explanations import strokes
from automed.report.explanations.picture import BARS, WIDTH, Array, Map, side, written
from automed.report.inputs.tabular import Tabular

LETTERS = 25  # of a name beside a bar
OF_VALUE = 12
ROW = 20.0


def draw(one: Tabular, raw: Array, values: Array) -> Map:
    """The columns that count most, each with its value.

    Args:
        one: the input.
        raw: float32 (columns,).
        values: floats (columns,).
    """
    rows = [
        (_named(feature.name, feature.text(float(value))), float(own), f"{feature.name} ({feature.text(float(value))})")
        for feature, value, own in zip(one.features, raw, values, strict=True)
    ]
    rows.sort(key=lambda row: -abs(row[1]))
    says = f"{one.name}: nothing is marked"
    if rows and rows[0][1]:
        says = f"{one.name}: {rows[0][2]} counts most, {side(rows[0][1])} the class"
    note = f"{words.plural(len(rows) - BARS, 'column')} with less influence not drawn." if len(rows) > BARS else ""
    return Map(one.name, says, drawing=bars([row[:2] for row in rows[:BARS]], says), note=note)


def _named(name: str, value: str) -> str:
    """Both in one label; what is cut is the name."""
    value = words.shorten(value, OF_VALUE)
    return f"{words.shorten(name, LETTERS - len(value) - 3)} = {value}"


def bars(rows: list[tuple[str, float]], alt: str) -> Markup:
    """Horizontal bars from a middle line: to the right for the class, to the left against it."""
    scale = max((abs(value) for _, value in rows), default=0.0)
    texts = [(words.shorten(name, LETTERS), written(value, scale)) for name, value in rows]
    left = 8 + max((len(name) for name, _ in texts), default=0) * strokes.LETTER
    room = max((len(text) for _, text in texts), default=0) * strokes.LETTER + 6
    negative = any(value < 0 for _, value in rows)
    span = WIDTH - left
    middle = left + (span / 2 if negative else 0.0)
    reach = (span / 2 if negative else span) - room
    parts = []
    for k, ((name, text), (_, value)) in enumerate(zip(texts, rows, strict=True)):
        y, wide = k * ROW, abs(value) / scale * reach if scale else 0.0
        colour = strokes.FOR if value >= 0 else strokes.AGAINST
        start = middle if value >= 0 else middle - wide
        parts.append(strokes.label(name, left - 8, y + 14, anchor="end"))
        parts.append(strokes.rectangle(start, y + 5, max(wide, 0.5), ROW - 9, colour))
        at, anchor = (start + wide + 4, "start") if value >= 0 else (start - 4, "end")
        parts.append(strokes.label(text, at, y + 14, colour="--muted", size=10, anchor=anchor))
    parts.append(strokes.line([(middle, 0), (middle, len(rows) * ROW)], "--pale"))
    return strokes.drawing(parts, WIDTH, max(len(rows), 1) * ROW, alt)
