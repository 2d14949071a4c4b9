"""Maps of signals: the stretches behind each trace shaded by how much they spoke for or against the class."""

from __future__ import annotations

import itertools

import numpy as np
from markupsafe import Markup

from automed.report import words
from automed.report.explanations import strokes
from automed.report.explanations.picture import WIDTH, Array, Map, scale_of, side
from automed.report.inputs.signal import CHANNELS, FEW, POINTS, POINTS_EACH, ROW, SPARSE, Signal, thin

STRETCHES = 50
ROW_OF_MANY = 21  # CSS pixels


def draw(one: Signal, raw: Array, values: Array) -> Map:
    """The traces of one record; where there are too many, those that matter most.

    Args:
        one: the input.
        raw: float32 (steps, channels), NaN where nothing was measured.
        values: floats (steps, variables), as many as `one.values`.
    """
    measured = np.isfinite(raw[:, list(one.values)])
    bounds = stretches(measured)
    steps = int(bounds[-1])
    values = values[:steps]
    strength = np.where(measured.any(axis=0), np.abs(values).sum(axis=0), -1.0)
    order = np.argsort(-strength, kind="stable")[:CHANNELS]
    shown = sorted(int(k) for k in order if strength[k] >= 0)
    spans = list(itertools.pairwise(bounds.tolist()))
    binned = np.stack([values[low:high].mean(axis=0) for low, high in spans])
    scale = scale_of(binned[:, shown])
    names = [words.shorten(one.channels[one.values[k]], 12) for k in shown]
    row = ROW if len(shown) <= FEW else ROW_OF_MANY
    left = 10 + max(map(len, names), default=0) * strokes.LETTER
    per = (WIDTH - left) / max(steps, 1)
    boxes: dict[int, list[tuple[float, float, float, float]]] = {}
    traces: list[Markup] = []
    for at, (k, name) in enumerate(zip(shown, names, strict=True)):
        top = float(at * row)
        for low, high, level in _runs(spans, [strokes.level(float(value), scale) for value in binned[:, k]]):
            boxes.setdefault(level, []).append((left + low * per, top + 1, (high - low) * per, row - 2.0))
        traces.append(strokes.label(name, left - 8, top + row / 2 + 4, anchor="end"))
        traces += _trace(raw[:steps, one.values[k]], left, per, top, row, min(POINTS_EACH, POINTS // len(shown)))
    height = float(row * max(len(shown), 1))
    axis = [
        strokes.label("0", left, height + 12, colour="--muted", size=10),
        strokes.label(one.span(steps), WIDTH, height + 12, colour="--muted", size=10, anchor="end"),
    ]
    says = f"{one.name}: {_strongest(one, binned, bounds, shown)}"
    hidden = int((strength >= 0).sum()) - len(shown)
    note = f"{words.plural(hidden, 'channel')} with less influence not drawn." if hidden else ""
    picture = strokes.drawing([*strokes.patches(boxes), *traces, *axis], WIDTH, height + 16, says)
    return Map(one.name, says, drawing=picture, note=note)


def stretches(measured: Array) -> Array:
    """Where the stretches of time begin that a map is drawn in, and where the last of them ends.

    Args:
        measured: bool (steps, channels); steps at the end without any value are no part of the record.

    Returns:
        int64 (at most STRETCHES + 1,), rising from 0.
    """
    steps = int(np.flatnonzero(measured.any(axis=1)).max(initial=0)) + 1
    return np.unique(np.linspace(0, steps, min(STRETCHES, steps) + 1).astype(int))


def _runs(spans: list[tuple[int, int]], levels: list[int]) -> list[tuple[int, int, int]]:
    """Neighbouring stretches of one level as one: (first step, end, level); those that are not shaded are left out."""
    found = []
    for level, run in itertools.groupby(zip(spans, levels, strict=True), key=lambda pair: pair[1]):
        whole = [span for span, _ in run]
        if level:
            found.append((whole[0][0], whole[-1][1], level))
    return found


def _trace(values: Array, left: float, per: float, top: float, row: float, most: int) -> list[Markup]:
    """A line that stays open where nothing was measured; few or single values are dots."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return []
    low, high = float(values[known].min()), float(values[known].max())

    def points(at: Array) -> list[tuple[float, float]]:
        share = (values[at] - low) / (high - low) if high > low else np.full(len(at), 0.5)
        return [(left + (x + 0.5) * per, top + row - 4 - y * (row - 8)) for x, y in zip(at, share, strict=True)]

    if len(known) <= SPARSE:
        return [strokes.line(points(known), "--pale"), strokes.dots(points(known), 1.3, "--ink")]
    at = thin(np.where(np.isfinite(values), values, np.nan), most)
    pieces = np.split(at, np.flatnonzero(~np.isfinite(values[at])))
    return [strokes.lines([points(piece[np.isfinite(values[piece])]) for piece in pieces])]


def _strongest(one: Signal, binned: Array, bounds: Array, shown: list[int]) -> str:
    if not shown or not np.abs(binned[:, shown]).max():
        return "nothing is marked"
    place, k = np.unravel_index(int(np.abs(binned[:, shown]).argmax()), (len(binned), len(shown)))
    name = one.channels[one.values[shown[int(k)]]]
    begins = "the start" if bounds[place] == 0 else one.span(int(bounds[place]))
    value = float(binned[place, shown[int(k)]])
    return f"most is marked in {name}, from {begins} to {one.span(int(bounds[place + 1]))}, {side(value)} the class"
