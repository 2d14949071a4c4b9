"""Small drawings written as SVG by hand: thousands of shaded stretches and letters, a few bytes each.

The colours are variables and classes of style.css, so one drawing serves light and dark pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

FOR, AGAINST = "--for", "--against"
LEVELS = 4
LETTER = 6.0  # CSS pixels: a letter of a label, on average

Point = tuple[float, float]


def level(value: float, scale: float) -> int:
    """-LEVELS to LEVELS: how strongly to shade a value; 0 for what is under an eighth of the scale."""
    if not scale or value != value:
        return 0
    share = min(1.0, abs(value) / scale)
    steps = 0 if share < 0.125 else min(LEVELS, 1 + int(share * LEVELS))
    return steps if value > 0 else -steps


def look(steps: int) -> str:
    """The class of style.css that shades text or a surface by a `level`: "f1" to "f4", "a1" to "a4", or ""."""
    return f"{'f' if steps > 0 else 'a'}{abs(steps)}" if steps else ""


def patches(boxes: Mapping[int, Sequence[tuple[float, float, float, float]]]) -> list[Markup]:
    """Shaded boxes (x, y, width, height) by level: one path for all of a level."""
    drawn = []
    for steps in sorted(boxes):
        way = "".join(
            f"M{_short(x)} {_short(y)}h{_short(width)}v{_short(height)}h{_short(-width)}z"
            for x, y, width, height in boxes[steps]
        )
        drawn.append(Markup(f'<path class="{look(steps)}" d="{way}"></path>'))
    return drawn


def rectangle(x: float, y: float, width: float, height: float, colour: str) -> Markup:
    """A filled rectangle."""
    place = f'x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"'
    return Markup(f'<rect {place} style="fill:var({colour})"></rect>')


def line(points: Iterable[Point], colour: str = "--ink", width: float = 1.0, dashes: str = "") -> Markup:
    """An open line through points."""
    return lines([list(points)], colour, width, dashes)


def lines(pieces: Sequence[Sequence[Point]], colour: str = "--ink", width: float = 1.0, dashes: str = "") -> Markup:
    """Open lines in one path."""
    way = "".join("M" + " ".join(f"{_short(x)} {_short(y)}" for x, y in piece) for piece in pieces if len(piece))
    dashed = f";stroke-dasharray:{dashes}" if dashes else ""
    return Markup(f'<path d="{way}" style="fill:none;stroke:var({colour});stroke-width:{width}{dashed}"></path>')


def area(points: Iterable[Point], colour: str, opacity: float) -> Markup:
    """A filled shape with the points as corners."""
    way = "M" + " ".join(f"{_short(x)} {_short(y)}" for x, y in points) + "z"
    return Markup(f'<path d="{way}" style="fill:var({colour});fill-opacity:{opacity:.2f}"></path>')


def dots(points: Iterable[Point], radius: float, colour: str, opacity: float = 1.0) -> Markup:
    """Filled circles in one path: lines of no length with round ends."""
    way = "".join(f"M{_short(x)} {_short(y)}h0" for x, y in points)
    seen = f";stroke-opacity:{opacity:.2f}" if opacity < 1 else ""
    style = f"fill:none;stroke:var({colour});stroke-width:{_short(2 * radius)};stroke-linecap:round{seen}"
    return Markup(f'<path d="{way}" style="{style}"></path>')


def label(text: str, x: float, y: float, *, colour: str = "--ink", size: float = 11, anchor: str = "start") -> Markup:
    """Text; what it says is escaped."""
    style = f"fill:var({colour});font-size:{size}px;text-anchor:{anchor}"
    return Markup(f'<text x="{_short(x)}" y="{_short(y)}" style="{style}">') + escape(text) + Markup("</text>")


def upright(text: str, x: float, y: float, *, colour: str = "--ink", size: float = 11) -> Markup:
    """Text that reads from the bottom to the top, with its middle at the point."""
    style = f"fill:var({colour});font-size:{size}px;text-anchor:middle"
    place = f'transform="translate({_short(x)} {_short(y)}) rotate(-90)"'
    return Markup(f'<text {place} style="{style}">') + escape(text) + Markup("</text>")


def letter(text: str, x: float, y: float, height: float, steps: int) -> Markup:
    """One letter 10 wide whose foot is at y, stretched to a height, in the colour of its side."""
    colour = FOR if steps > 0 else AGAINST if steps < 0 else "--muted"
    stretch = _short(height / 8)
    place = f'transform="translate({_short(x)} {_short(y)}) scale(1 {stretch})"'
    style = f"fill:var({colour});font-size:11px;font-weight:600;text-anchor:middle"
    return Markup(f'<text {place} style="{style}">') + escape(text) + Markup("</text>")


def drawing(parts: Iterable[Markup], width: float, height: float, alt: str) -> Markup:
    """The whole drawing; `alt` is for who does not see it."""
    size = f'viewBox="0 0 {_short(width)} {_short(height)}" width="{_short(width)}" height="{_short(height)}"'
    return Markup(f'<svg {size} role="img" aria-label="{escape(alt)}">') + Markup("").join(parts) + Markup("</svg>")


def _short(value: float) -> str:
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
