"""One explained input of one case as a picture: an overlay, shaded traces, shaded words, letters by height, bars."""

from __future__ import annotations

import base64
import io
import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image as Pixels

from automed.report import words
from automed.report.explanations import strokes
from automed.report.inputs.image import Image
from automed.report.inputs.shown import Input
from automed.report.inputs.signal import Signal, thin
from automed.report.inputs.tabular import Tabular
from automed.report.inputs.tokens import CONTINUES, UNKNOWN, Sequence, Text

Array = NDArray[Any]

SIDE = 128  # pixels of the longer side of an overlay
COLOURS = 96  # of a palette: an overlay is small, and looks the same
# Orange and purple of ColorBrewer's PuOr, which stay apart in every common colour blindness.
ORANGE, PURPLE = np.array([224, 110, 10.0]), np.array([94, 60, 153.0])
CHANNELS, STRETCHES, POINTS = 4, 50, 240
WORDS, LETTERS, BARS = 120, 120, 12
STRONG = 99.5  # percentile of |value| at which the colour is full


@dataclass(frozen=True)
class Map:
    """What one method says of one input of one case; one of `image`, `drawing`, `tokens` holds the picture.

    Attributes:
        says: the finding, for who does not see it.
        image: a data URI of a PNG.
        size: of that, in pixels.
        drawing: an SVG.
        tokens: (text, class of its shade, whether a space comes before it).
        note: what is not shown.
        broad: whether it needs the whole width.
    """

    input: str
    says: str
    image: str = ""
    size: tuple[int, int] = (0, 0)
    drawing: Markup = field(default=Markup(""))
    tokens: tuple[tuple[str, str, bool], ...] = ()
    note: str = ""
    broad: bool = False


def draw(one: Input, raw: Array, values: Array, *, signed: bool, whole: bool, region: Array | None) -> Map | None:
    """The picture of one map; None where the method says nothing of this input.

    Args:
        one: the input, as data.json describes it.
        raw: of one record, as the model reads it.
        values: float32, the map.
        signed: whether negative values mean anything.
        whole: whether elements were explained one by one, rather than in parts.
        region: uint8 of the shape of the map, where known.
    """
    if not np.isfinite(values).any():
        return None
    values = np.nan_to_num(values.astype(np.float64))
    if isinstance(one, Image):
        return _overlay(one, raw, values, whole and signed, region)
    if isinstance(one, Signal):
        return _traces(one, raw, values)
    if isinstance(one, Text):
        return _passage(one, raw, values)
    if isinstance(one, Sequence):
        return _letters(one, raw, values)
    return _bars(one, raw, values) if isinstance(one, Tabular) else None


def scale_of(values: Array) -> float:
    """The |value| at which a colour is full: robust against a single extreme element."""
    strength = np.abs(values[np.isfinite(values)])
    strong = float(np.percentile(strength, STRONG)) if strength.size else 0.0
    return strong if strong > 0 else float(strength.max(initial=0.0))


# --- images --------------------------------------------------------------------------------------------------------


def _overlay(one: Image, raw: Array, values: Array, pixels: bool, region: Array | None) -> Map:
    scale = scale_of(values)
    smooth = _neighbours(values) if pixels else values
    picture = overlaid(raw, smooth, scale_of(smooth) if pixels else scale, region)
    uri, size = encode(picture)
    return Map(one.name, f"{one.name}: {where(values)}", image=uri, size=size)


def overlaid(raw: Array, values: Array, scale: float, region: Array | None) -> Array:
    """uint8 (h, w, 3): the image in light grey, orange where it speaks for the class, purple where against."""
    grey = raw.astype(np.float64).mean(axis=-1) if raw.ndim == 3 else raw.astype(np.float64)
    height, width = values.shape
    factor = max(1, SIDE // max(height, width))
    grey, values = (np.repeat(np.repeat(part, factor, 0), factor, 1) for part in (60 + grey * 0.7, values))
    strength = np.minimum(1.0, np.abs(values) / scale)[..., None] if scale else np.zeros((*values.shape, 1))
    colour = np.where(values[..., None] > 0, ORANGE, PURPLE)
    made = grey[..., None] * (1 - 0.8 * strength) + colour * 0.8 * strength
    if region is not None and (region == 1).any():
        made[_outline(np.repeat(np.repeat(region == 1, factor, 0), factor, 1))] = 255.0
    return np.asarray(np.clip(made, 0, 255), np.uint8)


def encode(picture: Array) -> tuple[str, tuple[int, int]]:
    """A data URI of a PNG with a palette, and its size (width, height)."""
    image = Pixels.fromarray(picture)
    if max(image.size) > SIDE:
        image.thumbnail((SIDE, SIDE), Pixels.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.quantize(COLOURS).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}", image.size


def where(values: Array) -> str:
    """In which ninth of the picture most of what speaks for the class lies."""
    positive = np.maximum(values, 0.0)
    if not positive.sum():
        return "nothing is marked for the class"
    names = [f"{v} {h}".strip() for v in ("top", "middle", "bottom") for h in ("left", "", "right")]
    names[4] = "centre"
    rows, columns = (np.array_split(np.arange(size), 3) for size in positive.shape)
    cells = [float(positive[np.ix_(r, c)].sum()) for r in rows for c in columns]
    best = int(np.argmax(cells))
    return f"most is marked for the class at the {names[best]} ({words.percent(cells[best] / sum(cells))})"


def _neighbours(values: Array) -> Array:
    """Mean over 3 x 3 pixels: max pooling leaves a checkerboard in maps of single pixels."""
    padded = np.pad(values, 1, mode="edge")
    height, width = values.shape
    return np.asarray(sum(padded[i : i + height, j : j + width] for i in range(3) for j in range(3)) / 9.0)


def _outline(inside: Array) -> Array:
    padded = np.pad(inside, 1)
    core = padded[1:-1, 1:-1]
    all_around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(core & ~all_around)


# --- signals -------------------------------------------------------------------------------------------------------


def _traces(one: Signal, raw: Array, values: Array) -> Map:
    """The channels that matter most, the stretches behind them shaded."""
    steps = int(np.flatnonzero(np.isfinite(raw[:, list(one.values)]).any(axis=1)).max(initial=0)) + 1
    values = values[:steps]
    strength = np.abs(values).sum(axis=0)
    order = np.argsort(-strength, kind="stable")[:CHANNELS]
    shown = sorted(int(k) for k in order if strength[k] > 0)
    bounds = np.unique(np.linspace(0, steps, min(STRETCHES, steps) + 1).astype(int))
    spans = list(itertools.pairwise(bounds.tolist()))
    binned = np.stack([values[low:high].mean(axis=0) for low, high in spans])
    scale = scale_of(binned)
    width, row, left = 420.0, 44.0, 62.0
    per = (width - left) / max(steps, 1)
    parts = []
    for line, k in enumerate(shown):
        top = line * row
        for (low, high), value in zip(spans, binned[:, k], strict=True):
            if step := strokes.level(float(value), scale):
                parts.append(
                    strokes.rectangle(left + low * per, top + 2, (high - low) * per, row - 4, strokes.shade(step))
                )
        parts.append(strokes.label(words.shorten(one.channels[one.values[k]], 9), 0, top + row / 2 + 4))
        parts += _trace(raw[:steps, one.values[k]], left, per, top, row)
    height = row * max(len(shown), 1)
    parts.append(strokes.label("0", left, height + 12, colour="--muted", size=10))
    parts.append(strokes.label(one.span(steps), width, height + 12, colour="--muted", size=10, anchor="end"))
    says = f"{one.name}: " + _strongest(one, binned, bounds, shown)
    hidden = len(one.values) - len(shown)
    note = f"{words.plural(hidden, 'channel')} with less influence not drawn." if hidden else ""
    return Map(one.name, says, drawing=strokes.drawing(parts, width, height + 16, says), note=note)


def _trace(values: Array, left: float, per: float, top: float, row: float) -> list[Markup]:
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return []
    at = known if len(known) <= POINTS else np.intersect1d(thin(values, POINTS), known)
    low, high = float(values[known].min()), float(values[known].max())
    share = (values[at] - low) / (high - low) if high > low else np.full(len(at), 0.5)
    points = [(left + (x + 0.5) * per, top + row - 6 - y * (row - 12)) for x, y in zip(at, share, strict=True)]
    if len(points) == 1:
        return [strokes.dot(*points[0], 2.0, "--ink")]
    return [strokes.line(points)]


def _strongest(one: Signal, binned: Array, bounds: Array, shown: list[int]) -> str:
    if not shown:
        return "no channel is marked"
    place, k = np.unravel_index(int(np.abs(binned).argmax()), binned.shape)
    name = one.channels[one.values[int(k)]]
    return f"most is marked in {name}, {one.span(int(bounds[place])) if bounds[place] else 'the start'} on"


# --- texts and sequences --------------------------------------------------------------------------------------------


def _passage(one: Text, raw: Array, values: Array) -> Map:
    places = np.flatnonzero(raw != 0)
    scale = scale_of(values[places])
    tokens, strongest = [], ("", 0.0)
    for place in places[:WORDS]:
        token = one.vocabulary[raw[place]] if UNKNOWN < raw[place] < len(one.vocabulary) else "□"
        goes_on = token.startswith(CONTINUES)
        bare = token.removeprefix(CONTINUES).lstrip("Ġ▁") or token
        tokens.append((bare, _class(strokes.level(float(values[place]), scale)), not goes_on))
        if abs(values[place]) > abs(strongest[1]):
            strongest = (bare, float(values[place]))
    says = (
        f"{one.name}: the strongest word is {strongest[0]!r}, {_side(strongest[1])} the class" if tokens else one.name
    )
    note = f"The first {WORDS} of {len(places)} words." if len(places) > WORDS else ""
    return Map(one.name, says, tokens=tuple(tokens), note=note)


def _class(steps: int) -> str:
    return "" if not steps else f"{'f' if steps > 0 else 'a'}{abs(steps)}"


def _side(value: float) -> str:
    return "for" if value > 0 else "against"


def _letters(one: Sequence, raw: Array, values: Array) -> Map:
    """Letters as high as their influence: up for the class, down against it."""
    places = np.flatnonzero(raw != 0)
    shown = places[:LETTERS]
    names = [one.alphabet[raw[p]] if UNKNOWN < raw[p] < len(one.alphabet) else "·" for p in shown]
    picture, says = logo(names, values[shown], one.name)
    note = f"The first {LETTERS} of {len(places)} letters." if len(places) > LETTERS else ""
    return Map(one.name, says, drawing=picture, note=note, broad=True)


def logo(names: list[str], values: Array, title: str, across: int = 60) -> tuple[Markup, str]:
    """Letters in lines of `across`, each as high as its value."""
    scale = scale_of(values)
    up, row = 30.0, 66.0
    parts = []
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        line, column = divmod(place, across)
        x, foot = 6 + column * 10.5, line * row + up + 6
        share = min(1.0, abs(float(value)) / scale) if scale else 0.0
        height = max(3.0, share * up)
        steps = strokes.level(float(value), scale)
        parts.append(strokes.letter(name[:2], x, foot if value >= 0 else foot + 2 + height, height, steps))
    lines = -(-len(names) // across)
    parts += [strokes.label(str(k * across + 1), 0, k * row + row - 2, colour="--muted", size=8) for k in range(lines)]
    best = int(np.abs(values).argmax()) if len(values) else 0
    said = f"the highest letter is {names[best]} at place {best + 1}" if names else "no letters"
    says = f"{title}: {said}" + (f", {_side(float(values[best]))} the class" if names else "")
    return strokes.drawing(parts, 12 + min(across, max(len(names), 1)) * 10.5, max(lines, 1) * row, says), says


# --- tables --------------------------------------------------------------------------------------------------------


def _bars(one: Tabular, raw: Array, values: Array) -> Map:
    rows = [
        (f"{feature.name} = {feature.text(float(value))}", float(own))
        for feature, value, own in zip(one.features, raw, values, strict=True)
    ]
    rows.sort(key=lambda row: -abs(row[1]))
    says = f"{one.name}: {rows[0][0]} counts most, {_side(rows[0][1])} the class" if rows else one.name
    note = f"{words.plural(len(rows) - BARS, 'column')} with less influence not drawn." if len(rows) > BARS else ""
    return Map(one.name, says, drawing=bars(rows[:BARS], says), note=note)


def bars(rows: list[tuple[str, float]], alt: str, *, letters: int = 30) -> Markup:
    """Horizontal bars from a middle line: to the right for the class, to the left against it."""
    scale = max((abs(value) for _, value in rows), default=0.0) or 1.0
    negative = any(value < 0 for _, value in rows)
    left, span, row = 200.0, 200.0, 20.0
    middle = left + (span / 2 if negative else 0.0)
    reach = (span / 2 if negative else span) - 34.0
    parts = []
    for k, (name, value) in enumerate(rows):
        y, wide = k * row, abs(value) / scale * reach
        colour = strokes.FOR if value >= 0 else strokes.AGAINST
        start = middle if value >= 0 else middle - wide
        parts.append(strokes.label(words.shorten(name, letters), left - 8, y + 14, anchor="end"))
        parts.append(strokes.rectangle(start, y + 4, max(wide, 0.5), row - 8, f"fill:var({colour})"))
        at, anchor = (start + wide + 4, "start") if value >= 0 else (start - 4, "end")
        parts.append(strokes.label(words.decimal(value), at, y + 14, colour="--muted", size=10, anchor=anchor))
    parts.append(strokes.line([(middle, 0), (middle, len(rows) * row)], "--rule"))
    return strokes.drawing(parts, left + span, max(len(rows), 1) * row, alt)
