"""Maps of images: orange and purple over the picture, with the border of the sign where it is known."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image as Pixels

from automed.report import words
from automed.report.explanations import layers
from automed.report.explanations.layers import ORANGE, PURPLE, SIDE, border
from automed.report.explanations.picture import Array, Map, scale_of
from automed.report.inputs.image import Image

COLOURS = 96  # of a palette: a mean map is small, and looks the same


def draw(one: Image, values: Array, *, pixels: bool, region: Array | None) -> Map:
    """A layer over the picture.

    Args:
        one: the input.
        values: floats (h, w).
        pixels: whether each pixel was explained by itself; then means over 3 x 3 are drawn.
        region: uint8 (h, w), where known.
    """
    smooth = neighbours(values) if pixels else values
    uri, size = layers.heat(smooth, scale_of(smooth), region)
    return Map(one.name, f"{one.name}: {where(values)}", image=uri, size=size)


def overlaid(raw: Array, values: Array, scale: float, region: Array | None) -> Array:
    """uint8 (h, w, 3): the image in light grey, orange where it speaks for the class, purple where against."""
    grey = raw.astype(np.float64).mean(axis=-1) if raw.ndim == 3 else raw.astype(np.float64)
    height, width = values.shape
    factor = max(1, SIDE // max(height, width))
    grey, values = (np.repeat(np.repeat(part, factor, 0), factor, 1) for part in (60 + grey * 0.7, values))
    strength = np.minimum(1.0, np.abs(values) / scale)[..., None] if scale else np.zeros((*values.shape, 1))
    colour = np.where(values[..., None] > 0, np.array(ORANGE), np.array(PURPLE))
    made = grey[..., None] * (1 - 0.8 * strength) + colour * 0.8 * strength
    if region is not None and (region == 1).any():
        made[border(np.repeat(np.repeat(region == 1, factor, 0), factor, 1))] = 255.0
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
    if not np.maximum(values, 0.0).sum():
        return "nothing is marked for the class"
    name, share = ninth(values)
    return f"most is marked for the class at the {name} ({words.percent(share)})"


def ninth(values: Array) -> tuple[str, float]:
    """The ninth of a picture with most of what is positive in it, in words, and its share of that.

    Args:
        values: floats (h, w), some of them above 0.
    """
    positive = np.maximum(values, 0.0)
    names = [f"{v} {h}".strip() for v in ("top", "middle", "bottom") for h in ("left", "", "right")]
    names[4] = "centre"
    rows, columns = (np.array_split(np.arange(size), 3) for size in positive.shape)
    cells = [float(positive[np.ix_(r, c)].sum()) for r in rows for c in columns]
    best = int(np.argmax(cells))
    return names[best], cells[best] / sum(cells)


def neighbours(values: Array) -> Array:
    """Mean over 3 x 3 pixels: max pooling leaves a checkerboard in maps of single pixels."""
    padded = np.pad(values, 1, mode="edge")
    height, width = values.shape
    return np.asarray(sum(padded[i : i + height, j : j + width] for i in range(3) for j in range(3)) / 9.0)
