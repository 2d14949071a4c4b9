"""Dot plots: one row a model, a score or a class, with a 95 % interval where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from automed.report import words
from automed.report.axes import beside, grid, limits, steps, write
from automed.report.board import Board
from automed.report.figures import NARROW, Figure, Paint, render
from automed.report.results import CLASS_METRICS, ClassResult, Comparison, Score
from automed.report.svg import ACCENT, INK, MUTED, SURFACE, WARM, place

ROW = 30  # CSS pixels
TOP_ROWS = 20
TOP_GROUPS = 24
MANY_CLASSES = 12
COLOURS = {"model": ACCENT, "finalist": ACCENT, "baseline": WARM, "other": MUTED}
LETTER = 6.6  # CSS pixels: a letter of a label, on average
NUMBER = 5.6  # likewise of a score


@dataclass(frozen=True)
class Mark:
    """One row; `role` is "model" (what the page is about), "finalist", "baseline" or "other"."""

    label: str
    score: Score
    role: str = "model"


@dataclass(frozen=True)
class Plot:
    """Rows on one axis; `zero` draws the line of no difference, `whole` a line at the value of all records together."""

    marks: tuple[Mark, ...]
    axis: str
    digits: int = 2
    zero: bool = False
    whole: float | None = None

    @property
    def intervals(self) -> bool:
        return any(mark.score.low is not None for mark in self.marks)

    @property
    def limits(self) -> tuple[float, float]:
        values = [self.whole, *(v for m in self.marks for v in (m.score.value, m.score.low, m.score.high))]
        found = [value for value in values if value is not None]
        return limits([*found, 0.0], whole=False) if self.zero else limits(found, whole=self.intervals)


def leaderboard(board: Board, *, own: int | None = None) -> Figure | None:
    """Candidates and baselines by macro-F1 on the tuning set; None where none has a score."""
    scored = [row for row in board.rows if row.score is not None]
    if not scored:
        return None
    shown = [row for index, row in enumerate(scored) if index < TOP_ROWS or row.baseline or row.finalist]
    marks = []
    for row in shown:
        role = "baseline" if row.baseline else "finalist" if row.finalist else "other"
        if own is not None and own == row.number:
            role = "model"
        elif own is not None and role == "finalist":
            role = "other"
        marks.append(Mark(row.label, Score(board.objective, row.score), role))
    places = "; ".join(
        f"{row.label} has {words.decimal(row.score or 0, 3)}" for row in scored if row.baseline or row is scored[0]
    )
    note = f"{len(shown)} of {words.integer(len(scored))} are drawn." if len(shown) < len(scored) else ""
    kept = "a filled circle is a finalist" if own is None else "the filled circle is this model"
    note = f"Diamonds are baselines; {kept}. {note}"
    metric = f"{words.label(board.objective)} on the tuning set"
    return render(
        "leaderboard",
        "Candidates and baselines on the tuning set",
        f"Candidates and baselines ranked by {metric}: {places}.",
        partial(_draw, Plot(tuple(marks), metric, digits=3)),
        note=note.strip(),
    )


def forest(scores: Sequence[Score]) -> Figure | None:
    """Scores between 0 and 1 with their intervals; None where none is estimable."""
    marks = tuple(Mark(score.title, score) for score in scores if score.value is not None and score.unit)
    if not marks:
        return None
    alt = "Test scores: " + "; ".join(f"{mark.label} {mark.score.text}" for mark in marks) + "."
    title = f"Test scores with {words.CI}s"
    return render("forest", title, alt, partial(_draw, Plot(marks, "1 is perfect")))


def models(marks: Sequence[Mark]) -> Figure | None:
    """Finalists and baselines by test macro-F1 with intervals; None where none is estimable."""
    drawn = tuple(mark for mark in marks if mark.score.value is not None)
    if not drawn:
        return None
    alt = "Macro-F1 on the test set: " + "; ".join(f"{mark.label} {mark.score.text}" for mark in drawn) + "."
    title = f"Finalists and baselines on the test set, with {words.CI}s"
    return render("models", title, alt, partial(_draw, Plot(drawn, "Macro-F1 on the test set")))


def differences(comparisons: Sequence[Comparison]) -> Figure | None:
    """The paired differences from baselines with intervals; None where none is estimable."""
    marks = tuple(
        Mark(f"from {words.brief(words.baseline(one.baseline))}", Score(one.metric, one.difference, one.low, one.high))
        for one in comparisons
        if one.difference is not None
    )
    if not marks:
        return None
    alt = " ".join(one.sentence for one in comparisons)
    title = f"Difference in macro-F1 from each baseline, with {words.CI}s"
    return differences_of("differences", title, alt, marks, "Right of 0: the model is ahead")


def differences_of(name: str, title: str, alt: str, marks: Sequence[Mark], axis: str) -> Figure:
    """Differences with intervals, one a row, and the line of none; arguments as of `figures.render`."""
    return render(name, title, alt, partial(_draw, Plot(tuple(marks), axis, zero=True)))


def by_group(name: str, metric: str, by: str, rows: Sequence[tuple[str, Score]], whole: Score) -> Figure | None:
    """One metric in each group of patients; groups that are not estimable keep their row. None where no group is.

    Args:
        name: of the figure, unique on a page.
        metric: as "Sensitivity for Melanoma".
        by: the attribute.
        rows: group and score.
        whole: the same of all records together; without a value where it is not known.
    """
    drawn = rows[:TOP_GROUPS]
    marks = tuple(Mark(group, score) for group, score in drawn)
    known = [(group, score) for group, score in drawn if score.value is not None]
    if not known:
        return None
    (worst, low), (best, high) = (ends(known, key=lambda row: row[1].value or 0.0) for ends in (min, max))
    alt = f"{metric} by {by}: lowest in {worst}, {low.text}; highest in {best}, {high.text}."
    unknown = [group for group, score in drawn if score.value is None]
    alt += f" Not estimable: {words.listing(unknown)}." if unknown else ""
    notes = ["The dashed line is all records together."] if whole.value is not None else []
    if len(rows) > len(drawn):
        notes.append(f"The first {len(drawn)} of {words.plural(len(rows), 'group')} are drawn; all are in the table.")
    plot = Plot(marks, metric, whole=whole.value)
    return render(name, f"{metric} by {by}, with {words.CI}s", alt, partial(_draw, plot), note=" ".join(notes))


def per_class(classes: Sequence[ClassResult], noun: tuple[str, str] = words.CLASS) -> Figure | None:
    """Precision, recall and F1 of each class, or what `noun` calls it, with intervals; None where none is estimable."""
    if not any(score.value is not None for one in classes for score in one.scores):
        return None
    recalls = [(one, one.scores[1]) for one in classes if one.scores[1].value is not None]
    finding = ""
    if recalls:
        low, score = min(recalls, key=lambda pair: pair[1].value or 0.0)
        finding = f" The {noun[0]} found least often is {low.label.name}: recall {score.text}."
    alt = f"Precision, recall and F1 of {words.plural(len(classes), *noun)} on the test set.{finding}"
    title = f"Precision, recall and F1 of each {noun[0]}, with {words.CI}s"
    narrow = len(classes) <= MANY_CLASSES
    return render("classes", title, alt, partial(_draw_classes, classes), narrow=narrow)


def _draw(plot: Plot, width: float) -> tuple[float, Paint]:
    wide = width > NARROW
    labels = [words.brief(m.label) if m.role == "baseline" and not wide else m.label for m in plot.marks]
    spoken = plot.intervals or any(mark.score.value is None for mark in plot.marks)
    letters = min(max(map(len, labels)), 32 if wide else 17)
    height = ROW * len(plot.marks) + 50.0

    def paint(figure: Drawing) -> None:
        longest = max(len(mark.score.short(plot.digits)) for mark in plot.marks)
        right = max(132.0 if wide else 108.0, 12 + longest * NUMBER) if spoken else 46
        axes = place(figure, 16 + letters * LETTER, 4, right, 46)
        low, high = plot.limits
        axes.set_xlim(low, high)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        if plot.zero:
            axes.axvline(0, color=MUTED, linewidth=1.4)
        if plot.whole is not None:
            axes.axvline(plot.whole, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        _dots(axes, plot.marks)
        for row, (mark, label) in enumerate(zip(plot.marks, labels, strict=True)):
            quieter = MUTED if mark.role == "other" else INK
            colour = WARM if mark.role == "baseline" else ACCENT if mark.role == "finalist" else quieter
            beside(axes, row, words.shorten(label, letters), colour, left=True)
            beside(axes, row, mark.score.short(plot.digits), quieter, left=False)
        grid(axes, steps(low, high, 6 if wide else 4), label=plot.axis)

    return height, paint


def _draw_classes(classes: Sequence[ClassResult], width: float) -> tuple[float, Paint]:
    """Panels side by side, or one below the other on a narrow screen."""
    wide = width > NARROW
    row = ROW if len(classes) <= MANY_CLASSES else 22
    names = [one.label.name for one in classes]
    letters = min(max(map(len, names)), 24 if wide else 18)
    margin = 18 + letters * LETTER
    panels = len(CLASS_METRICS)
    panel = row * len(classes) + 28.0
    height = panel + 34 if wide else panels * (panel + 34)

    def paint(figure: Drawing) -> None:
        each = (width - margin - 16 - 28 * (panels - 1)) / panels
        for index, title in enumerate(CLASS_METRICS.values()):
            if wide:
                left, top = margin + index * (each + 28), 24.0
                axes = place(figure, left, top, width - left - each, height - top - panel + 24)
            else:
                top = index * (panel + 34) + 24
                axes = place(figure, margin, top, 18, height - top - panel + 24)
            axes.set_xlim(0, 1)
            axes.set_ylim(len(classes) - 0.5, -0.5)
            write(axes, title, 0, -0.5, up=8, va="baseline", bold=True)
            grid(axes, [0, 0.5, 1] if wide else [0, 0.25, 0.5, 0.75, 1])
            _dots(axes, [Mark("", one.scores[index]) for one in classes])
            for line, one in enumerate(classes):
                if one.scores[index].value is None:
                    write(axes, "not estimable", 0, line, right=4, colour=MUTED, size=11)
                if index == 0 or not wide:
                    beside(axes, line, words.shorten(one.label.name, letters), INK, left=True)

    return height, paint


def _dots(axes: Axes, marks: Sequence[Mark]) -> None:
    """Row k of `marks` at the height k: few artists, for each costs milliseconds."""
    known = [(row, mark) for row, mark in enumerate(marks) if mark.score.value is not None]
    spans = [(row, m.score.low, m.score.high, COLOURS[m.role]) for row, m in known if m.score.low is not None]
    if spans:
        rows, lows, highs, colours = zip(*spans, strict=True)
        axes.hlines(rows, lows, highs, colors=colours, linewidth=2.4, capstyle="round", clip_on=False)
    for shape, size, baseline in (("o", 81, False), ("D", 49, True)):
        of_shape = [(row, mark) for row, mark in known if (mark.role == "baseline") == baseline]
        if of_shape:
            axes.scatter(
                [mark.score.value or 0.0 for _, mark in of_shape],
                [row for row, _ in of_shape],
                s=size,
                marker=shape,
                c=[SURFACE if mark.role == "other" else COLOURS[mark.role] for _, mark in of_shape],
                edgecolors=[COLOURS[mark.role] for _, mark in of_shape],
                linewidths=1.6,
                zorder=3,
                clip_on=False,
            )
