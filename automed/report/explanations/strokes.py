"""Small drawings written as SVG by hand: thousands of shaded stretches and letters, a few bytes each.

The colours are variables of style.css, so one drawing serves light and dark pages.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

FOR, AGAINST = "--for", "--against"
LEVELS = 4


def level(value: float, scale: float) -> int:
    """-LEVELS to LEVELS: how strongly to shade a value; 0 for what is under an eighth of the scale."""
    if not scale or value != value:
        return 0
    share = min(1.0, abs(value) / scale)
    steps = 0 if share < 0.125 else min(LEVELS, 1 + int(share * LEVELS))
    return steps if value > 0 else -steps


def shade(steps: int) -> str:
    """The style of a surface shaded by `level`."""
    return f"fill:var({FOR if steps > 0 else AGAINST});fill-opacity:{abs(steps) / LEVELS * 0.75:.2f}"


def rectangle(x: float, y: float, width: float, height: float, style: str) -> Markup:
    """A filled rectangle."""
    place = f'x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"'
    return Markup(f'<rect {place} style="{escape(style)}"></rect>')


def line(points: Iterable[tuple[float, float]], colour: str = "--ink", width: float = 1.0, dashes: str = "") -> Markup:
    """An open line through points."""
    way = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
    dashed = f";stroke-dasharray:{dashes}" if dashes else ""
    style = f"fill:none;stroke:var({colour});stroke-width:{width}{dashed}"
    return Markup(f'<polyline points="{way}" style="{style}"></polyline>')


def dot(x: float, y: float, radius: float, colour: str, opacity: float = 1.0) -> Markup:
    """A filled circle."""
    style = f"fill:var({colour});fill-opacity:{opacity:.2f}"
    return Markup(f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{radius}" style="{style}"></circle>')


def label(text: str, x: float, y: float, *, colour: str = "--ink", size: float = 11, anchor: str = "start") -> Markup:
    """Text; what it says is escaped."""
    style = f"fill:var({colour});font-size:{size}px;text-anchor:{anchor}"
    return Markup(f'<text x="{_short(x)}" y="{_short(y)}" style="{style}">') + escape(text) + Markup("</text>")


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
    return f"{value:.1f}".removesuffix(".0")
