"""The confusion matrix: shaded by the share of each reference class, with the counts in the cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from automed.report import words
from automed.report.dots import LETTER
from automed.report.figures import NARROW, Figure, Paint, render
from automed.report.svg import CELL, INK, MUTED, RULE, place

NARROW_CLASSES = 5  # more do not fit the width of a phone: the figure scrolls there
SHARE_CLASSES = 8  # up to here a cell has room for count and share
COUNT_CLASSES = 16  # beyond, shades only: the counts are in the table below the figure

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
    text = f"{words.integer(right)} of {words.plural(total, 'test record')} are on the diagonal."
    wrong = [(row[k], j, k) for j, row in enumerate(counts) for k in range(len(row)) if j != k]
    worst, j, k = max(wrong, default=(0, 0, 0), key=lambda cell: (cell[0], -cell[1], -cell[2]))
    if worst:
        of = words.integer(sum(counts[j]))
        text += f" The most frequent confusion: {words.integer(worst)} of {of} {names[j]} predicted as {names[k]}."
    return text


def _draw(counts: Counts, names: Sequence[str], width: float) -> tuple[float, Paint]:
    size = len(names)
    wide = width > NARROW
    letters = min(max(map(len, names)), 22 if wide else 11)
    left = 36 + letters * LETTER
    side = min(width - left - 12, 108.0 * size if wide else 90.0 * size)
    cell = side / size
    upright = max(map(len, names)) * LETTER > cell - 6
    top = 34 + (letters * LETTER if upright else LETTER * 3)
    row = min(cell, 64.0) if size <= SHARE_CLASSES else cell
    height = top + row * size + 10

    def paint(figure: Drawing) -> None:
        axes = place(figure, left, top, width - left - side, 10)
        axes.set_xlim(0, size)
        axes.set_ylim(size, 0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        for j, line in enumerate(counts):
            for k, count in enumerate(line):
                _cell(axes, j, k, count, sum(line), size)
        _frame(axes, size)
        for index, name in enumerate(names):
            _names(axes, index, words.shorten(name, letters), upright=upright, size=size)
        axes.annotate(
            "Prediction", (0, 1), xycoords="axes fraction", xytext=(0, top - 12), textcoords="offset points",
            va="center", color=MUTED,
        )  # fmt: skip
        axes.annotate(
            "Reference standard", (0, 0.5), xycoords="axes fraction", xytext=(14 - left, 0),
            textcoords="offset points", va="center", ha="center", rotation=90, color=MUTED,
        )  # fmt: skip

    return height, paint


def _cell(axes: Axes, j: int, k: int, count: int, total: int, size: int) -> None:
    share = count / total if total else 0.0
    if count:
        axes.add_patch(Rectangle((k, j), 1, 1, facecolor=CELL, alpha=0.08 + 0.92 * share, edgecolor="none"))
    if size > COUNT_CLASSES or (not count and size > SHARE_CLASSES):
        return
    colour = INK if count else MUTED
    shares = size <= SHARE_CLASSES and total > 0
    font = 15 if size <= 3 else 13 if size <= SHARE_CLASSES else 11
    axes.text(
        k + 0.5, j + (0.4 if shares else 0.5), words.integer(count), ha="center", va="center", color=colour,
        fontsize=font, fontweight="bold" if j == k else "normal",
    )  # fmt: skip
    if shares:
        axes.text(k + 0.5, j + 0.72, words.percent(share), ha="center", va="center", color=colour, fontsize=11)


def _frame(axes: Axes, size: int) -> None:
    for line in range(size + 1):
        axes.plot([0, size], [line, line], color=RULE, linewidth=1, clip_on=False)
        axes.plot([line, line], [0, size], color=RULE, linewidth=1, clip_on=False)


def _names(axes: Axes, index: int, name: str, *, upright: bool, size: int) -> None:
    font = 12 if size <= 28 else 10
    axes.annotate(
        name, (0, index + 0.5), xytext=(-8, 0), textcoords="offset points", ha="right", va="center_baseline",
        fontsize=font, annotation_clip=False,
    )  # fmt: skip
    axes.annotate(
        name, (index + 0.5, 0), xytext=(0, 8), textcoords="offset points", ha="center", va="bottom",
        rotation=90 if upright else 0, fontsize=font, annotation_clip=False,
    )  # fmt: skip
