"""The confusion matrix: shaded by the share of each reference class, with the counts in the cells."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from automed.report import words
from automed.report.axes import write
from automed.report.dots import LETTER
from automed.report.figures import LINE, NARROW, Figure, Paint, render
from automed.report.svg import CELL, INK, MUTED, RULE, place

NARROW_CLASSES = 5  # more do not fit the width of a phone: the figure scrolls there
SHARE_CLASSES = 8  # up to here a cell has room for count and share
COUNT_CLASSES = 16  # beyond, shades only: the counts are in the table below the figure
NAME_LINES = 3

Counts = Sequence[Sequence[int]]


def confusion(counts: Counts, names: Sequence[str]) -> Figure | None:
    """The confusion matrix of a test; None without records.

    Args:
        counts: (classes, classes), rows the reference standard.
        names: of the classes.
    """
    if not any(map(sum, counts)):
        return None
    note = "Rows are the reference standard, columns the prediction; each row is shaded by its shares."
    if len(names) > COUNT_CLASSES:
        note += " The counts are in the table below."
    title = "Confusion matrix of the test set"
    narrow = len(names) <= NARROW_CLASSES
    return render("confusion", title, finding(counts, names), partial(_draw, counts, names), note=note, narrow=narrow)


def finding(counts: Counts, names: Sequence[str]) -> str:
    """What the matrix says, in words: how many are right, and the most frequent confusion."""
    total = sum(map(sum, counts))
    right = sum(row[k] for k, row in enumerate(counts))
    share = f" ({words.percent(right / total)})" if total else ""
    text = f"{words.integer(right)} of {words.plural(total, 'test record')}{share} agree with the reference standard."
    wrong = [(row[k], j, k) for j, row in enumerate(counts) for k in range(len(row)) if j != k]
    worst, j, k = max(wrong, default=(0, 0, 0), key=lambda cell: (cell[0], -cell[1], -cell[2]))
    if worst:
        of = words.plural(sum(counts[j]), "record")
        text += f" The most frequent confusion: {words.integer(worst)} of {of} of {names[j]} were taken for {names[k]}."
    return text


def _draw(counts: Counts, names: Sequence[str], width: float) -> tuple[float, Paint]:
    size = len(names)
    wide = width > NARROW
    letters = min(max(map(len, names)), 22 if wide else 12)
    left = 36 + letters * LETTER
    side = min(width - left - 12, 116.0 * size if wide else 90.0 * size)
    cell = side / size
    heads = [_wrapped(name, int((cell - 8) / LETTER), NAME_LINES) for name in names]
    upright = any(head is None for head in heads)
    lines = max(len(head or ()) for head in heads)
    top = 32 + (letters * LETTER if upright else lines * LINE) + 6
    row = min(cell, 64.0) if size <= SHARE_CLASSES else cell

    def paint(figure: Drawing) -> None:
        axes = place(figure, left, top, width - left - side, 10)
        axes.set_xlim(0, size)
        axes.set_ylim(size, 0)
        _cells(axes, counts)
        _texts(axes, counts)
        small = 12 if size <= 28 else 10
        for index, (name, head) in enumerate(zip(names, heads, strict=True)):
            short = words.shorten(name, letters)
            beside = _wrapped(name, letters, round(row // LINE)) or [short]
            for line, part in enumerate(beside):
                drop = ((len(beside) - 1) / 2 - line) * LINE
                write(axes, part, 0, index + 0.5, right=-8, up=drop, ha="right", size=small)
            above = (_wrapped(name, letters, round(cell // LINE)) or [short]) if upright else head or []
            for line, part in enumerate(above):
                if upright:
                    shift = (line - (len(above) - 1) / 2) * LINE
                    write(axes, part, index + 0.5, 0, right=shift, up=8, ha="center", va="bottom", size=small, turn=90)
                else:
                    rise = 10 + (len(above) - 1 - line) * LINE
                    write(axes, part, index + 0.5, 0, up=rise, ha="center", va="baseline", size=small)
        write(axes, "Prediction", 0, 0, up=top - 14, va="center", colour=MUTED)
        side_name = "Reference standard"
        write(axes, side_name, 0, size / 2, right=14 - left, ha="center", va="center", turn=90, colour=MUTED)

    return top + row * size + 10, paint


def _wrapped(name: str, letters: int, most: int) -> list[str] | None:
    """The name in at most `most` lines of whole words; None where it does not fit."""
    if letters < 3:
        return None
    lines = textwrap.wrap(name, letters, break_long_words=False, break_on_hyphens=False)
    return lines if 0 < len(lines) <= most and all(len(line) <= letters for line in lines) else None


def _cells(axes: Axes, counts: Counts) -> None:
    shares = [(j, k, count / sum(line)) for j, line in enumerate(counts) for k, count in enumerate(line) if count]
    patches = [Rectangle((k, j), 1, 1) for j, k, _ in shares]
    colours = [to_rgba(CELL, 0.08 + 0.92 * share) for _, _, share in shares]
    axes.add_collection(PatchCollection(patches, facecolors=colours, edgecolors="none"))
    size = len(counts)
    grid = [[(0, at), (size, at)] for at in range(size + 1)] + [[(at, 0), (at, size)] for at in range(size + 1)]
    axes.add_collection(LineCollection(grid, colors=RULE, linewidths=1.0, clip_on=False))


def _texts(axes: Axes, counts: Counts) -> None:
    size = len(counts)
    if size > COUNT_CLASSES:
        return
    shares = size <= SHARE_CLASSES
    font = 15 if size <= 3 else 13 if shares else 11
    for j, line in enumerate(counts):
        total = sum(line)
        for k, count in enumerate(line):
            if not count and not shares:
                continue
            colour = INK if count else MUTED
            shown, y = words.integer(count), j + (0.4 if shares else 0.5)
            write(axes, shown, k + 0.5, y, ha="center", va="center", colour=colour, size=font, bold=j == k)
            if shares and total:
                share = words.percent(count / total)
                write(axes, share, k + 0.5, j + 0.72, ha="center", va="center", colour=colour, size=11)
