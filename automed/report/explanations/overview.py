"""The global view and the curves of the tests, drawn."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from automed.report import words
from automed.report.explanations import strokes
from automed.report.explanations.maps import BARS, bars, encode, logo, overlaid, scale_of
from automed.report.explanations.read import Explanations
from automed.report.explanations.verdicts import METHODS, Method
from automed.report.figures import Figure
from automed.report.inputs.image import Image
from automed.report.inputs.tabular import Tabular
from automed.report.inputs.tokens import Sequence

CONTROLS = {
    "random": ("a random order", "--muted", "3 3"),
    "centre": ("the centre first", "--third", "6 3"),
    "edges": ("the edges first", "--pale", "6 3"),
    "magnitude": ("the most unusual first", "--warm", "6 3"),
}
HEIGHT, WIDTH, LEFT, RIGHT = 190.0, 460.0, 34.0, 150.0


def figures(found: Explanations, method: Method, place: int) -> list[Figure]:
    """All drawings of one method that are about more than one case."""
    drawn = [_curves(method, place)] if method.curves else []
    for name, part in method.overview:
        one = next((one for one in found.inputs if one.name == name), None)
        title = f"{method.title}, all explained cases: " + (f"{name}, " if len(found.inputs) > 1 else "")
        key = f"overview-{place}-{len(drawn)}"
        mean = found.arrays.get(f"overview/{method.key}/{name}/mean")
        if isinstance(one, Image) and mean is not None:
            uri, (width, height) = encode(overlaid(np.zeros(mean.shape, np.uint8), mean, scale_of(mean), None))
            alt = f"Mean map of {method.title}; brighter is more, whichever way it counts."
            picture = Markup('<img src="{}" width="{}" height="{}" alt="{}">').format(
                uri, width, height, f"{alt} No single case, so there is no reference standard."
            )
            drawn.append(Figure(key, title + "mean |value| at each place", alt, picture, None))
        if isinstance(one, Sequence) and mean is not None:
            picture, says = logo(["■"] * len(mean), mean, name)
            drawn.append(Figure(key, title + "mean |value| at each place", says, picture, None))
        if isinstance(one, Tabular) and (swarm := _beeswarm(found, method, one)):
            drawn.append(Figure(key, title + "each dot is a case", swarm[1], swarm[0], None, BEES))
        rows = [
            (row.need_text("name"), row.number("mean_abs") or 0.0)
            for row in (part.rows("elements") or part.rows("segments"))
        ]
        if rows and not isinstance(one, Tabular):
            rows = rows[:BARS]
            alt = f"{rows[0][0]} has the largest mean |value|, {words.decimal(rows[0][1])}."
            drawn.append(Figure(f"{key}-elements", title + "mean |value|", alt, bars(rows, alt), None))
        shares = part.part("regions")
        told = [(key, shares.number(key) or 0.0) for key in shares.value]
        if told:
            alt = ", ".join(f"{key} {words.percent(value)}" for key, value in told)
            alt = f"Shares of what is marked: {alt}."
            drawn.append(
                Figure(f"{key}-regions", title + "share of |value| in each region", alt, bars(told, alt), None)
            )
    return drawn


BEES = (
    "To the right: it spoke for the class that was decided for. Dark: a high value of the column; light: a low one, or "
    "none."
)


def _beeswarm(found: Explanations, method: Method, one: Tabular) -> tuple[Markup, str] | None:
    values = found.arrays.get(f"overview/{method.key}/{one.name}/values")
    raw = found.arrays.get(f"overview/{one.name}/raw")
    if values is None or raw is None or values.shape != raw.shape or values.shape[1] != len(one.features):
        return None
    strength = np.nan_to_num(np.abs(values)).mean(axis=0)
    order = np.argsort(-strength, kind="stable")[:BARS]
    scale = float(np.nan_to_num(np.abs(values[:, order])).max()) or 1.0
    row, left, span = 24.0, 170.0, 250.0
    middle = left + span / 2
    parts = [strokes.line([(middle, 0), (middle, len(order) * row)], "--rule")]
    for line, k in enumerate(order):
        y = line * row + row / 2
        parts.append(strokes.label(words.shorten(one.features[k].name, 24), left - 8, y + 4, anchor="end"))
        known = raw[np.isfinite(raw[:, k]), k]
        ranks = np.searchsorted(np.sort(known), raw[:, k]) / max(len(known) - 1, 1)
        # Dots that would lie on each other are moved aside, up and down in turn.
        places = np.round(np.nan_to_num(values[:, k]) / scale * span / 2 / 4).astype(int)
        seen: dict[int, int] = {}
        for case, at in enumerate(places.tolist()):
            seen[at] = seen.get(at, 0) + 1
            shift = (seen[at] // 2) * 3.0 * (1 if seen[at] % 2 else -1)
            x = middle + float(np.nan_to_num(values[case, k])) / scale * span / 2
            high = float(min(1.0, ranks[case])) if np.isfinite(raw[case, k]) else 0.0
            parts.append(strokes.dot(x, y + max(-9.0, min(9.0, shift)), 2.6, "--accent", 0.2 + 0.8 * high))
    name = one.features[order[0]].name
    alt = f"{name} has the largest mean |value|, {words.decimal(float(strength[order[0]]), 3)}."
    return strokes.drawing(parts, left + span + 8, len(order) * row, alt), alt


def _curves(method: Method, place: int) -> Figure:
    """Probability against how much is hidden: the method's order against the controls."""
    assert method.curves is not None
    amounts = method.curves.amounts
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - 30.0
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = 8 + (1 - share) * up
        parts.append(strokes.line([(LEFT, y), (LEFT + across, y)], "--rule"))
        parts.append(strokes.label(words.decimal(share, 1), LEFT - 6, y + 4, colour="--muted", size=10, anchor="end"))
    for share in (0.0, 0.5, 1.0):
        x = LEFT + share * across
        parts.append(strokes.label(words.percent(share), x, HEIGHT - 8, colour="--muted", size=10, anchor="middle"))
    for line, (key, values) in enumerate(method.curves.lines):
        named, colour, dashes = CONTROLS.get(key, (f"what {METHODS.get(key, key)} marks first", "--accent", ""))
        points = [(LEFT + a * across, 8 + (1 - v) * up) for a, v in zip(amounts, values, strict=True)]
        parts.append(strokes.line(points, colour, 1.2 if dashes else 2.4, dashes))
        y = 16 + line * 16.0
        parts.append(strokes.line([(WIDTH - RIGHT + 8, y), (WIDTH - RIGHT + 28, y)], colour, 2.0, dashes))
        parts.append(strokes.label(named, WIDTH - RIGHT + 33, y + 4, size=10))
    own = dict(method.curves.lines).get(method.key, ())
    alt = (
        f"Probability of the explained class while more is hidden: from {words.decimal(own[0])} to "
        f"{words.decimal(min(own))} at the lowest where what {method.title} marks is hidden first."
        if own
        else "Probability of the explained class while more is hidden."
    )
    title = f"{method.title}: probability of the class while more and more is hidden, mean over cases"
    return Figure(f"hidden-{place}", title, alt, strokes.drawing(parts, WIDTH, HEIGHT, alt), None)
