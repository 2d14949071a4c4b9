"""Labels that a record may bear: of each a table of two by two, by reference standard and decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from automed.report import words
from automed.report.axes import write
from automed.report.dots import LETTER
from automed.report.figures import NARROW, Figure, Paint, render
from automed.report.results import Table, Tested
from automed.report.svg import CELL, INK, MUTED, RULE, place

DRAWN = 24  # labels; the counts of all are in the table below the figure
HEAD, CELL_HEIGHT, GAP = 30, 46, 22  # CSS pixels
BESIDE = {True: 3, False: 2}  # tables beside each other on a wide and on a narrow screen


def two_by_two(tables: Sequence[Table], finding: str) -> Figure | None:
    """The tables of a test; None without records.

    Args:
        tables: one a label.
        finding: what they say, in words.
    """
    if not any(_total(table) for table in tables):
        return None
    note = (
        "Upper row: records with the label by the reference standard; lower row: those without. Left column: decided "
    )
    note += "for; right column: not. Each row is shaded by its shares."
    if len(tables) > DRAWN:
        note += f" The first {DRAWN} of {len(tables)} labels are drawn."
    return render("confusion", "Each label in the test set", finding, partial(_draw, tables[:DRAWN]), note=note)


def finding(tested: Tested) -> str:
    """How many records have every label right, and which labels are missed and falsely found most often."""
    sentences = []
    accuracy = tested.score("accuracy").value
    if accuracy is not None and tested.n:
        right = words.integer(round(accuracy * tested.n))
        of = words.plural(tested.n, "test record")
        sentences.append(f"{right} of {of} ({words.percent(accuracy)}) have every label right.")
    missed = _worst((table.missed, table.found + table.missed, table.label.name) for table in tested.tables)
    false = _worst(
        (table.false_alarms, table.false_alarms + table.rightly_not, table.label.name) for table in tested.tables
    )
    sentences += [f"The label missed most often: {missed} with it."] if missed else []
    sentences += [f"The label falsely found most often: {false} without it."] if false else []
    return " ".join(sentences)


def _worst(errors: Iterable[tuple[int, int, str]]) -> str | None:
    """Of (errors, records, label) the largest share, as "Effusion, in 4 of 20 records"; None where nothing is wrong."""
    count, total, name = max(errors, key=lambda one: one[0] / max(one[1], 1), default=(0, 0, ""))
    return f"{name}, in {words.integer(count)} of {words.plural(total, 'record')}" if count else None


def _total(table: Table) -> int:
    return table.found + table.missed + table.false_alarms + table.rightly_not


def _draw(tables: Sequence[Table], width: float) -> tuple[float, Paint]:
    beside = min(BESIDE[width > NARROW], len(tables))
    each = min((width - GAP * (beside - 1)) / beside, 240.0)
    panel = HEAD + 2 * CELL_HEIGHT
    rows = -(-len(tables) // beside)
    height = rows * panel + (rows - 1) * GAP + 4

    def paint(figure: Drawing) -> None:
        for index, table in enumerate(tables):
            row, column = divmod(index, beside)
            left, top = column * (each + GAP), row * (panel + GAP) + HEAD
            axes = place(figure, left, top, width - left - each, height - top - 2 * CELL_HEIGHT)
            axes.set_xlim(0, 2)
            axes.set_ylim(2, 0)
            _paint(axes, table, int(each / LETTER))

    return height, paint


def _paint(axes: Axes, table: Table, letters: int) -> None:
    """One table under the name of its label."""
    counts = ((table.found, table.missed), (table.false_alarms, table.rightly_not))
    names = (("found", "missed"), ("false alarm", "rightly not"))
    cells = [(j, k, counts[j][k], sum(counts[j])) for j in range(2) for k in range(2)]
    colours = [to_rgba(CELL, 0.08 + 0.92 * count / total if count else 0.0) for _, _, count, total in cells]
    patches = [Rectangle((k, j), 1, 1) for j, k, _, _ in cells]
    axes.add_collection(PatchCollection(patches, facecolors=colours, edgecolors="none"))
    grid = [[(0, at), (2, at)] for at in range(3)] + [[(at, 0), (at, 2)] for at in range(3)]
    axes.add_collection(LineCollection(grid, colors=RULE, linewidths=1.0, clip_on=False))
    write(axes, words.shorten(table.label.name, letters), 0, 0, up=9, va="baseline", bold=True)
    for j, k, count, _ in cells:
        colour = INK if count else MUTED
        shown = words.integer(count)
        write(axes, shown, k + 0.5, j + 0.4, ha="center", va="center", colour=colour, size=14, bold=j == k)
        write(axes, names[j][k], k + 0.5, j + 0.76, ha="center", va="center", colour=colour, size=11)
