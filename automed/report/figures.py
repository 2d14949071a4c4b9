"""Figures of a page: each a drawing for wide and narrow screens, with a title and the finding in words.

The learning curves are here; `dots` and `matrix` hold the other figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure as Drawing

from automed.report import words
from automed.report.axes import beside, grid, limits, steps
from automed.report.board import Board, Curve
from automed.report.svg import ACCENT, INK, MUTED, PALE, THIRD, WARM, canvas, inline, place

WIDE, NARROW = 650, 342  # CSS pixels: the column of text less a tenth, for there it is shown enlarged; and a phone
BACKGROUND_CURVES = 150
NAMED_CURVES = 6
RANK_COLOURS = (ACCENT, THIRD, INK)
LINE = 16  # CSS pixels from one line of small text to the next

Paint = Callable[[Drawing], None]


@dataclass(frozen=True)
class Figure:
    """A drawing for a page; `narrow` is None where the wide one scrolls on a small screen."""

    name: str
    title: str
    alt: str
    wide: Markup
    narrow: Markup | None
    note: str = ""


def render(
    name: str,
    title: str,
    alt: str,
    draw: Callable[[float], tuple[float, Paint]],
    *,
    note: str = "",
    narrow: bool = True,
) -> Figure:
    """Draw for both widths, within `svg.drawing`.

    Args:
        name: unique on a page.
        title: what is drawn.
        alt: the finding.
        draw: from a width in CSS pixels to the height and a function that paints.
        note: what a reader must know to read it.
        narrow: False where nothing can be read at the width of a phone.
    """

    def at(width: float, kind: str) -> Markup:
        height, paint = draw(width)
        figure = canvas(width, height)
        paint(figure)
        return inline(figure, f"{name}-{kind}", alt)

    return Figure(name, title, alt, at(WIDE, "wide"), at(NARROW, "narrow") if narrow else None, note)


def learning_curves(curves: Sequence[Curve], board: Board | None, *, own: int | None = None) -> Figure | None:
    """Macro-F1 on the tuning set after each epoch; `own` is the number of the page's finalist. None without curves."""
    if not curves:
        return None
    lines = [(row.label, row.score) for row in (board.baselines if board else ()) if row.score is not None]
    best = max(curves, key=lambda curve: curve.best)
    alt = (
        f"Learning curves of {words.plural(len(curves), 'candidate')}: the best, number {best.number} "
        f"({best.architecture}), reached a macro-F1 of {words.decimal(best.best, 3)} on the tuning set"
        + "".join(f"; {label} reached {words.decimal(value, 3)}" for label, value in lines)
        + "."
    )
    others = [curve for curve in curves if curve.rank is None]
    key = ["A dot marks where training ended."]
    if len(others) > BACKGROUND_CURVES:
        key.insert(
            0, f"Thin: the {BACKGROUND_CURVES} best of {words.integer(len(others))} candidates that were not kept."
        )
    elif others:
        key.insert(0, "Thin: candidates that were not kept; short ones were pruned.")
    if lines:
        key.insert(0, "Dashed: the baselines, which are not trained in epochs.")
    if len(curves) > len(others):
        key.insert(0, "Bold: the finalists." if own is None else "Blue: this model. Dark: other finalists.")
    title = "Macro-F1 on the tuning set after each epoch of training"
    return render("curves", title, alt, partial(_draw_curves, curves, lines, own), note=" ".join(key))


def _draw_curves(
    curves: Sequence[Curve], lines: Sequence[tuple[str, float]], own: int | None, width: float
) -> tuple[float, Paint]:
    wide = width > NARROW
    height, top, bottom = (380.0 if wide else 330.0), 12, 46
    finalists = sorted((curve for curve in curves if curve.rank is not None), key=lambda curve: curve.rank or 0)
    others = sorted((curve for curve in curves if curve.rank is None), key=lambda curve: -curve.best)

    def paint(figure: Drawing) -> None:
        axes = place(figure, 34, top, 150 if wide else 92, bottom)
        thin = [list(zip(curve.epochs, curve.scores, strict=True)) for curve in others[:BACKGROUND_CURVES]]
        if thin:
            axes.add_collection(LineCollection(thin, colors=PALE, linewidths=1.1, capstyle="round"))
            ends, last_scores = zip(*(line[-1] for line in thin), strict=True)
            axes.scatter(ends, last_scores, s=14, color=PALE, clip_on=False)
        for _, value in lines:
            axes.axhline(value, color=WARM, linewidth=1.4, linestyle=(0, (5, 4)))
        for curve in reversed(finalists):
            _curve(axes, curve, _colour(curve, own), 2.6 if own in (None, curve.number) else 1.6)
        last = max(curve.epochs[-1] for curve in curves)
        axes.set_xlim(1, max(last, 2))
        low, high = limits([*(s for curve in curves for s in curve.scores), *(value for _, value in lines)])
        axes.set_ylim(low, high)
        grid(axes, steps(*axes.get_xlim(), 8 if wide else 5, least=1), steps(low, high, 10), label="Epoch")
        labels = [(label if wide else words.brief(label), value, WARM) for label, value in lines]
        labels += [
            (f"#{c.number} {words.shorten(c.architecture, 14 if wide else 10)}", c.scores[-1], _colour(c, own))
            for c in finalists[:NAMED_CURVES]
        ]
        _name_lines(axes, labels, (high - low) * LINE / (height - top - bottom), high)

    return height, paint


def _curve(axes: Axes, curve: Curve, colour: str, width: float) -> None:
    axes.plot(curve.epochs, curve.scores, color=colour, linewidth=width, solid_capstyle="round")
    end = 2.4 + 1.4 * width
    axes.plot(curve.epochs[-1:], curve.scores[-1:], color=colour, marker="o", markersize=end, clip_on=False)


def _colour(curve: Curve, own: int | None) -> str:
    if own is not None:
        return ACCENT if curve.number == own else MUTED
    return RANK_COLOURS[min((curve.rank or 1) - 1, len(RANK_COLOURS) - 1)]


def _name_lines(axes: Axes, labels: Sequence[tuple[str, float, str]], gap: float, high: float) -> None:
    """Names at the right end of lines, pushed apart where they would touch; `gap` is one line of text."""
    ordered = sorted(labels, key=lambda label: label[1])
    places: list[float] = []
    for _, value, _ in ordered:
        places.append(max(value, places[-1] + gap) if places else value)
    ceiling = high
    for index in reversed(range(len(places))):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    for (text, _, colour), y in zip(ordered, places, strict=True):
        beside(axes, y, text, colour, left=False)
