"""Average ranks and the critical difference as a drawing, and what they can and cannot tell.

Source: Demsar 2006, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7:1-30, figure 1; turned, so
that names stand below one another and fit a phone.
"""

from __future__ import annotations

from markupsafe import Markup

from automed.benchmark import KIND
from automed.benchmark.comparison.ranks import Ranks
from automed.report import words
from automed.report.explanations import strokes
from automed.report.figures import NARROW, WIDE, Figure

ROW, TOP, LETTER = 28.0, 62.0, 6.4  # CSS pixels
COLOURS = {"ours": "--accent", "baseline": "--warm"}


def figure(ranks: Ranks) -> Figure | None:
    """The diagram; None where nothing is ranked."""
    if not ranks.engines:
        return None
    title = f"Average rank over {words.plural(len(ranks.recipes), 'recipe')}; 1 is the best"
    note = ""
    if ranks.critical_difference is not None:
        note = "An upright bar joins engines whose ranks these recipes do not tell apart."
    said = finding(ranks)
    return Figure("ranks", title, said, _draw(ranks, WIDE, said), _draw(ranks, NARROW, said), note)


def finding(ranks: Ranks) -> str:
    """What the ranks say, in words."""
    means = words.listing([f"{words.clean(name)} {words.decimal(ranks.mean_rank[name])}" for name in ranks.engines])
    said = f"Average ranks over {words.plural(len(ranks.recipes), 'recipe')}, 1 is the best: {means}."
    if ranks.critical_difference is not None:
        said += f" The critical difference is {words.decimal(ranks.critical_difference)}."
        groups = [words.listing([words.clean(name) for name in group]) for group in ranks.cliques]
        said += f" Not told apart: {'; '.join(groups)}." if groups else " All are told apart."
    return said


def honest(ranks: Ranks) -> list[str]:
    """What must be known before anything is made of the ranks."""
    if not ranks.engines:
        return []
    told = []
    if ranks.reason:
        told.append(f"These ranks decide nothing: {ranks.reason}.")
    elif ranks.p is not None and ranks.statistic is not None:
        test = f"Friedman, χ² = {words.decimal(ranks.statistic, 1)}, {words.p_value(ranks.p)}"
        told.append(f"The engines are not all alike ({test}).")
    difference, widest = ranks.critical_difference, len(ranks.engines) - 1
    if difference is not None:
        told.append(
            f"Mean ranks that are less than {words.decimal(difference)} apart (Nemenyi) may be so by chance; "
            f"the best and the worst can be {widest} apart."
        )
        if difference >= widest:
            recipes = words.plural(len(ranks.recipes), "recipe")
            told.append(f"With only {recipes} no two engines could be told apart, whatever they do.")
    return told


def _draw(ranks: Ranks, width: float, alt: str) -> Markup:
    names = [words.clean(name) for name in ranks.engines]
    letters = min(max(map(len, names)), 26 if width > NARROW else 19)
    left, right = 16 + letters * LETTER, 52 + 13.0 * len(ranks.cliques)
    last = max(len(names), 2)
    height = TOP + ROW * len(names) + 6

    def x(rank: float) -> float:
        return left + (rank - 1) / (last - 1) * (width - left - right)

    def y(row: int) -> float:
        return TOP + ROW * (row + 0.5)

    parts: list[Markup] = [
        strokes.lines([[(x(at), TOP - 6), (x(at), height - 4)] for at in range(1, last + 1)], "--rule"),
        strokes.line([(x(1), TOP - 6), (x(last), TOP - 6)], "--pale"),
    ]
    parts += [
        strokes.label(str(at), x(at), TOP - 12, colour="--muted", size=12, anchor="middle") for at in range(1, last + 1)
    ]
    parts += _difference(ranks.critical_difference, last, x)
    for row, name in enumerate(ranks.engines):
        mean = ranks.mean_rank[name]
        colour = COLOURS.get(KIND.get(name, ""), "--muted")
        ink = colour if colour != "--muted" else "--ink"
        parts.append(strokes.line([(x(1), y(row)), (x(mean), y(row))], "--pale", 1.4))
        parts.append(strokes.dots([(x(mean), y(row))], 5.5, colour))
        shown = words.shorten(names[row], letters)
        parts.append(strokes.label(shown, left - 14, y(row) + 4, colour=ink, size=12, anchor="end"))
        at = width - right + 14
        parts.append(strokes.label(words.decimal(mean), at, y(row) + 4, colour=ink, size=12))
    for place, group in enumerate(ranks.cliques):
        at = width - right + 54 + 13.0 * place
        rows = [ranks.engines.index(name) for name in group]
        parts.append(strokes.line([(at, y(rows[0]) - 6), (at, y(rows[-1]) + 6)], "--ink", 3))
    return strokes.drawing(parts, width, height, alt)


def _difference(size: float | None, last: int, x: object) -> list[Markup]:
    """The critical difference as a length, where the axis is long enough for it."""
    assert callable(x)
    if size is None:
        return []
    text = f"critical difference {words.decimal(size)}"
    if size > last - 1:
        return [strokes.label(f"{text}: longer than this axis", x(last), 16, colour="--muted", size=12, anchor="end")]
    (start, end), at = (x(1), x(1 + size)), 26.0
    return [
        strokes.lines(
            [[(start, at), (end, at)], [(start, at - 4), (start, at + 4)], [(end, at - 4), (end, at + 4)]], "--ink", 1.6
        ),
        strokes.label(text, start, 14, colour="--muted", size=12),
    ]
