"""What all figures share: texts, grids and limits.

Drawn by hand and not by matplotlib's own axes: each of their ticks is five objects, and a page has a hundred ticks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.transforms import ScaledTranslation

from automed.report import words
from automed.report.svg import INK, MUTED, PALE, POINTS, RULE


def write(
    axes: Axes,
    text: str,
    x: float,
    y: float,
    *,
    right: float = 0,
    up: float = 0,
    ha: str = "left",
    va: str = "center_baseline",
    colour: str = INK,
    size: float = 12,
    turn: float = 0,
    bold: bool = False,
    outside: bool = False,
) -> None:
    """Text near a point of a drawing.

    Args:
        axes: what is drawn on.
        text: as it is; nothing in it is read as markup.
        x: in the units of the data, or with `outside` 0 for the left edge of the axes and 1 for the right.
        y: in the units of the data.
        right: CSS pixels from the point.
        up: CSS pixels from the point.
        ha: which side of the text is there: "left", "center" or "right".
        va: which height of the text is there.
        colour: one of those in `svg`.
        size: CSS pixels.
        turn: degrees against the clock.
        bold: whether it is.
        outside: whether x is a share of the width.
    """
    figure = axes.get_figure(root=True)
    base = axes.get_yaxis_transform() if outside else axes.transData
    if figure is not None and (right or up):
        base = base + ScaledTranslation(right / POINTS, up / POINTS, figure.dpi_scale_trans)
    axes.text(
        x,
        y,
        text,
        transform=base,
        ha=ha,
        va=va,
        color=colour,
        fontsize=size,
        rotation=turn,
        fontweight="bold" if bold else "normal",
    )


def beside(axes: Axes, y: float, text: str, colour: str, *, left: bool) -> None:
    """Text at the height `y`, to the left or to the right of the axes."""
    side = "right" if left else "left"
    write(axes, text, 0 if left else 1, y, right=-10 if left else 10, ha=side, colour=colour, outside=True)


def grid(axes: Axes, x: Sequence[float], y: Sequence[float] = (), *, label: str = "") -> None:
    """Light lines with their numbers, a line at the bottom, and what the numbers below it are.

    Args:
        axes: with limits.
        x: where upright lines are.
        y: where level lines are.
        label: of the x axis.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    lines = [[(at, bottom), (at, top)] for at in x] + [[(left, at), (right, at)] for at in y]
    for drawn, colour in ((lines, RULE), ([[(left, bottom), (right, bottom)]], PALE)):
        axes.add_collection(LineCollection(drawn, colors=colour, linewidths=1.0, zorder=0.5, clip_on=False))
    for at in x:
        write(axes, number(at), at, bottom, up=-8, ha="center", va="top", colour=MUTED)
    for at in y:
        write(axes, number(at), 0, at, right=-8, ha="right", colour=MUTED, outside=True)
    if label:
        write(axes, label, (left + right) / 2, bottom, up=-26, ha="center", va="top", colour=MUTED)


def limits(values: Sequence[float], *, whole: bool = False) -> tuple[float, float]:
    """Axis limits on tenths around the values, at least two tenths apart, so that small differences stay small.

    Args:
        values: what is drawn.
        whole: end at 1 where the values come near it, so that what is missing can be seen.
    """
    low, high = min(values), max(values)
    start, end = math.floor(low * 10), math.ceil(high * 10)
    if low * 10 - start < 0.1 and start > 0:
        start -= 1
    if whole and 8 < end <= 10:
        end = 10
    return start / 10, max(end, start + 2) / 10


def steps(low: float, high: float, most: int, *, least: float = 0.0) -> tuple[float, ...]:
    """At most `most` round numbers from `low` to `high`, by 1, 2 or 5 times a power of ten, `least` or more apart."""
    power = math.floor(math.log10((high - low) / most))
    for step in (factor * 10.0**exponent for exponent in (power, power + 1, power + 2) for factor in (1, 2, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if step >= least and last - first < most:
            return tuple(round(k * step, 9) for k in range(first, last + 1))
    return (low, high)


def number(value: float) -> str:
    """A number on an axis as short as it can be: "0", ".5", ".25", "10"."""
    if value == round(value):
        return words.decimal(value, 0)
    return words.decimal(value, 2).removesuffix("0")
