"""The global view: what a method marks on the whole, over all records that were explained."""

from __future__ import annotations

from collections.abc import Sequence as Many

import numpy as np
from markupsafe import Markup

from automed.report import words
from automed.report.artefact import Part
from automed.report.explanations import strokes
from automed.report.explanations.curves import tests
from automed.report.explanations.image import encode, neighbours, overlaid
from automed.report.explanations.picture import BARS, WIDTH, Array, scale_of, written
from automed.report.explanations.read import Explanations
from automed.report.explanations.tabular import LETTERS, bars
from automed.report.explanations.verdicts import Method
from automed.report.figures import Figure
from automed.report.inputs.image import Image
from automed.report.inputs.shown import Input
from automed.report.inputs.signal import Signal
from automed.report.inputs.tabular import Tabular
from automed.report.inputs.tokens import Sequence, Text

ELEMENT = {Signal: "channel", Text: "word", Sequence: "letter", Tabular: "column"}
BEES = (
    "Each dot is a case. To the right: it spoke for the class that was decided for. Dark: a high value of the column; "
    "light: a low one, or none. Right: mean |value|."
)
ACROSS = 120  # columns of a chart over places


def figures(found: Explanations, method: Method, place: int) -> list[Figure]:
    """All drawings of one method that are about more than one case: its tests, then the global view."""
    drawn = tests(method, place)
    for at, (name, part) in enumerate(method.overview):
        one = next((one for one in found.inputs if one.name == name), None)
        if one is not None:
            drawn += _of_input(found, method, one, part, f"overview-{place}-{at}")
    shares = [(name, part.number("share_of_input")) for name, part in method.overview]
    told = [(name, value) for name, value in shares if value is not None]
    if len(found.inputs) > 1 and told:
        largest, share = max(told, key=lambda pair: pair[1])
        alt = f"{method.title} marks most in {largest}: {words.percent(share)} of |value|."
        drawn.append(Figure(f"shares-{place}", "Share of |value| in each input", alt, bars(told, alt), None))
    return drawn


def _of_input(found: Explanations, method: Method, one: Input, part: Part, key: str) -> list[Figure]:
    several = f"{one.name}: m" if len(found.inputs) > 1 else "M"
    whole = f"{method.key}/{one.name}/parts" not in found.arrays
    mean = found.arrays.get(f"overview/{method.key}/{one.name}/mean")
    drawn = []
    if isinstance(one, Image) and mean is not None:
        known = np.nan_to_num(mean.astype(np.float64))
        picture, alt = _mean_map(neighbours(known) if whole and method.signed else known, method.title)
        drawn.append(Figure(f"{key}-mean", several + "ean |value| at each place", alt, picture, None))
    if isinstance(one, Sequence) and mean is not None:
        picture, alt = columns(one.name, np.nan_to_num(mean), [f"place {k + 1}" for k in range(len(mean))])
        drawn.append(Figure(f"{key}-mean", several + "ean |value| at each place", alt, picture, None))
    if isinstance(one, Tabular) and (swarm := _beeswarm(found, method, one)):
        drawn.append(
            Figure(
                f"{key}-swarm", several + "ean |value| of each column, and each case", swarm[1], swarm[0], None, BEES
            )
        )
    elif rows := _numbers(part, "elements"):
        noun = ELEMENT.get(type(one), "element")
        alt = f"The {noun} {rows[0][0]} has the largest mean |value|: {words.decimal(rows[0][1], 3)}."
        note = f"The first {BARS} of {len(rows)}." if len(rows) > BARS else ""
        picture = bars(rows[:BARS], alt)
        drawn.append(Figure(f"{key}-elements", several + f"ean |value| of each {noun}", alt, picture, None, note))
    if segments := _numbers(part, "segments"):
        names, values = [name for name, _ in segments], np.array([value for _, value in segments])
        picture, alt = columns(one.name, values, names)
        drawn.append(Figure(f"{key}-segments", several + "ean |value| over time", alt, picture, None))
    shares = part.part("regions")
    told = [(name, shares.number(name) or 0.0) for name in shares.value]
    if told:
        alt = "Shares of what is marked: " + ", ".join(f"{name} {words.percent(value)}" for name, value in told) + "."
        title = f"{one.name}: share" if len(found.inputs) > 1 else "Share"
        drawn.append(Figure(f"{key}-regions", f"{title} of |value| in each region", alt, bars(told, alt), None))
    return drawn


def _numbers(part: Part, key: str) -> list[tuple[str, float]]:
    return [(row.need_text("name"), row.number("mean_abs") or 0.0) for row in part.rows(key)]


def _mean_map(mean: Array, title: str) -> tuple[Markup, str]:
    uri, (width, height) = encode(overlaid(np.zeros(mean.shape, np.uint8), mean, scale_of(mean), None))
    alt = f"Mean map of {title}: the brighter, the more is marked there, whichever way it counts."
    picture = Markup('<img src="{}" width="{}" height="{}" alt="{}">').format(
        uri, width, height, f"{alt} No single case, so there is no reference standard."
    )
    return picture, alt


def columns(title: str, values: Array, names: Many[str]) -> tuple[Markup, str]:
    """Upright bars side by side in their order, at most ACROSS of them, and the finding in words.

    Args:
        title: of what.
        values: floats (n,), none below 0.
        names: of each.
    """
    if not len(values):
        return Markup(""), f"{title}: nothing is marked."
    best = int(values.argmax())
    says = f"{title}: the largest mean |value| is at {names[best]}."
    if len(values) > ACROSS:
        bounds = np.unique(np.linspace(0, len(values), ACROSS + 1).astype(int))[:-1]
        values = np.maximum.reduceat(values, bounds)
    left, top, high = 8.0, 6.0, 90.0
    scale, each = float(values.max()), (WIDTH - 16) / len(values)
    gap = min(1.5, each / 4)
    parts = []
    for k, value in enumerate(values):
        up = max(0.5, float(value) / scale * high) if scale else 0.5
        parts.append(strokes.rectangle(left + k * each, top + high - up, each - gap, up, strokes.FOR))
    parts.append(strokes.line([(left, top + high + 0.5), (WIDTH - 8, top + high + 0.5)], "--pale"))
    for text, x, anchor in ((names[0], left, "start"), (names[-1], WIDTH - 8, "end")):
        parts.append(
            strokes.label(words.shorten(text, 24), x, top + high + 14, colour="--muted", size=10, anchor=anchor)
        )
    return strokes.drawing(parts, WIDTH, top + high + 20, says), says


def _beeswarm(found: Explanations, method: Method, one: Tabular) -> tuple[Markup, str] | None:
    values = found.arrays.get(f"overview/{method.key}/{one.name}/values")
    raw = found.arrays.get(f"overview/{one.name}/raw")
    if values is None or raw is None or values.shape != raw.shape or not values.size:
        return None
    values = np.nan_to_num(values.astype(np.float64))
    strength = np.abs(values).mean(axis=0)
    order = np.argsort(-strength, kind="stable")[:BARS]
    texts = [written(float(strength[k]), float(strength.max())) for k in order]
    names = [words.shorten(one.features[k].name, LETTERS - 5) for k in order]
    left, row = 8 + max(map(len, names)) * strokes.LETTER, 22.0
    span = WIDTH - left - 8 - max(map(len, texts)) * strokes.LETTER
    middle, scale = left + span / 2, float(np.abs(values[:, order]).max()) or 1.0
    parts = [strokes.line([(middle, 0), (middle, len(order) * row)], "--pale")]
    for at, k in enumerate(order):
        y = at * row + row / 2
        parts.append(strokes.label(names[at], left - 8, y + 4, anchor="end"))
        parts.append(strokes.label(texts[at], WIDTH, y + 4, colour="--muted", size=10, anchor="end"))
        points = _aside(middle + values[:, k] / scale * (span / 2 - 6), y)
        shades = _shades(raw[:, k])
        for shade in np.unique(shades).tolist():
            some = [point for point, own in zip(points, shades, strict=True) if own == shade]
            parts.append(strokes.dots(some, 2.6, "--accent", 0.2 + 0.2 * shade))
    alt = f"The column {one.features[order[0]].name} has the largest mean |value|: {texts[0]}."
    return strokes.drawing(parts, WIDTH, len(order) * row, alt), alt


def _aside(across: Array, y: float) -> list[tuple[float, float]]:
    """Dots that would lie on each other are moved up and down in turn."""
    seen: dict[int, int] = {}
    points = []
    for x in across.tolist():
        count = seen[round(x / 4)] = seen.get(round(x / 4), 0) + 1
        shift = (count // 2) * 3.0 * (1 if count % 2 else -1)
        points.append((x, y + max(-8.0, min(8.0, shift))))
    return points


def _shades(raw: Array) -> Array:
    """0 to 4 by rank among the known values; what is missing has 0."""
    known = np.isfinite(raw)
    ranks = np.searchsorted(np.sort(raw[known]), raw[known]) / max(int(known.sum()) - 1, 1)
    shades = np.zeros(len(raw), int)
    shades[known] = np.rint(np.minimum(ranks, 1.0) * 4).astype(int)
    return shades
