"""The curves of the tests: hiding and showing what a method marks, and random weights from the head down."""

from __future__ import annotations

from markupsafe import Markup

from automed.report import words
from automed.report.explanations import strokes
from automed.report.explanations.picture import WIDTH
from automed.report.explanations.verdicts import METHODS, Curves, Method
from automed.report.figures import Figure

CONTROLS = {
    "random": ("a random order", "--muted", "2 3"),
    "centre": ("the centre first", "--third", "7 3"),
    "edges": ("the edges first", "--pale", "7 3"),
    "magnitude": ("the most unusual first", "--warm", "4 3"),
}
LEFT, TOP, HIGH, LINE = 30.0, 8.0, 132.0, 16.0


def tests(method: Method, place: int) -> list[Figure]:
    """Of the tests of one method, those that have curves."""
    found = []
    for key, verb, curves in (("hidden", "hidden", method.hiding), ("shown", "shown", method.showing)):
        if curves:
            title = f"Probability of the class while more and more is {verb}, what {method.title} marks first"
            picture, alt = _removal(method, curves, verb)
            found.append(Figure(f"{key}-{place}", title, alt, picture, None))
    if method.random:
        values = method.random.lines[0][1]
        alt = (
            f"Rank correlation of the maps of {method.title} with those of the same network with random weights: "
            f"{words.decimal(values[-1])} with those of {method.random.stages[-1]}."
        )
        picture = _stages(method.random, alt)
        title = "Rank correlation with the map when weights are random, from the head down"
        found.append(Figure(f"random-{place}", title, alt, picture, None))
    return found


def _removal(method: Method, curves: Curves, verb: str) -> tuple[Markup, str]:
    across = WIDTH - LEFT - 8
    under = TOP + HIGH + 40
    parts = _frame(0.0)
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        text, x = words.percent(share), LEFT + share * across
        parts.append(strokes.label(text, x, TOP + HIGH + 16, colour="--muted", size=10, anchor=anchor))
    for at, (key, values) in enumerate(curves.lines):
        own = key not in CONTROLS
        named, colour, dashes = CONTROLS.get(key, (f"what {METHODS.get(key, key)} marks", "--accent", ""))
        points = [(LEFT + a * across, TOP + (1 - v) * HIGH) for a, v in zip(curves.at, values, strict=True)]
        parts.append(strokes.line(points, colour, 2.4 if own else 1.4, dashes))
        x, y = (LEFT if at % 2 == 0 else LEFT + across / 2), under + at // 2 * LINE
        parts.append(strokes.line([(x, y - 4), (x + 20, y - 4)], colour, 2.4 if own else 1.6, dashes))
        parts.append(strokes.label(words.shorten(named, 24), x + 26, y, size=10))
    mine = dict(curves.lines).get(method.key)
    alt = f"Probability of the explained class while more and more is {verb}"
    if mine:
        alt += f": from {words.decimal(mine[0])} to {words.decimal(mine[-1])}, what {method.title} marks first"
        middle = min(range(len(curves.at)), key=lambda k: abs(curves.at[k] - 0.35))
        alt += f"; with {words.percent(curves.at[middle])} {verb} it is {words.decimal(mine[middle])}"
        if chance := dict(curves.lines).get("random"):
            alt += f", in a random order {words.decimal(chance[middle])}"
    rows = -(-len(curves.lines) // 2)
    return strokes.drawing(parts, WIDTH, under + rows * LINE - 8, alt + "."), alt + "."


def _stages(curves: Curves, alt: str) -> Markup:
    values = curves.lines[0][1]
    low = min(0.0, *values)
    across, parts = WIDTH - LEFT - 64, _frame(low)
    points = [
        (LEFT + 32 + a * across, TOP + (1 - v) / (1 - low) * HIGH) for a, v in zip(curves.at, values, strict=True)
    ]
    parts += [strokes.line(points, "--accent", 2.4), strokes.dots(points, 3.5, "--accent")]
    for (x, y), value, stage in zip(points, values, curves.stages, strict=True):
        parts.append(strokes.label(words.decimal(value), x, y + (16 if y < TOP + 20 else -8), size=10, anchor="middle"))
        label = words.shorten(stage, 14)
        parts.append(strokes.label(label, x, TOP + HIGH + 16, colour="--muted", size=10, anchor="middle"))
    return strokes.drawing(parts, WIDTH, TOP + HIGH + 22, alt)


def _frame(low: float) -> list[Markup]:
    """Level lines from `low` to 1."""
    parts = []
    for value in (0.0, 0.5, 1.0):
        y = TOP + (1 - value) / (1 - low) * HIGH
        parts.append(strokes.line([(LEFT, y), (WIDTH - 8, y)], "--rule"))
        text = words.decimal(value, 1 if value % 1 else 0)
        parts.append(strokes.label(text, LEFT - 6, y + 4, colour="--muted", size=10, anchor="end"))
    return parts
