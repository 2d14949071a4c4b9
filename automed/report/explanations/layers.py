"""Pictures of cases in two layers: what the model sees, kept once on the page, and transparent PNGs laid over it.

What the model sees is the background of each of its pictures, by a class that the style of the page knows; what is laid
over it can be taken off without a script.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pixels

from automed.report.inputs.image import Picture

Array = NDArray[Any]

SIDE = 128  # pixels of the longer side of a layer
STEPS = 20  # shades of each side: more cannot be told apart
OPAQUE = 0.8  # of the strongest shade, so that the picture shows through
# Orange and purple of ColorBrewer's PuOr, which stay apart in every common colour blindness.
ORANGE, PURPLE = (224, 110, 10), (94, 60, 153)
WHITE, BLACK = 2 * STEPS + 1, 2 * STEPS + 2  # of the palette; 0 is nothing
DASH = 4  # pixels
_COLOURS = [(0, 0, 0)] + [ORANGE] * STEPS + [PURPLE] * STEPS + [(255, 255, 255), (0, 0, 0)]
_SHADES = [round(255 * OPAQUE * k / STEPS) for k in range(1, STEPS + 1)]
_ALPHAS = [0, *_SHADES, *_SHADES, 255, 255]


@dataclass(frozen=True)
class Beneath(Picture):
    """A picture that other layers lie over: `source` is a layer without anything on it.

    Attributes:
        picture: a data URI of the PNG itself.
        known: the class that it is the background of.
    """

    picture: str
    known: str

    @property
    def look(self) -> str:
        return f"beneath {self.known}"


def beneath(shown: Picture, known: str) -> Beneath:
    """The same picture as a background."""
    blank, size = np.zeros((shown.height, shown.width), np.uint8), (shown.width, shown.height)
    return Beneath(shown.name, encode(blank), *size, shown.source, known)


def heat(values: Array, scale: float, region: Array | None = None) -> tuple[str, tuple[int, int]]:
    """A layer of what speaks for the class in orange and against it in purple, transparent where nothing does.

    Args:
        values: floats (h, w).
        scale: the |value| at which a colour is full.
        region: uint8 (h, w), 1 within a white line; None without one.

    Returns:
        A data URI, and its size (width, height).
    """
    values = _smaller(values)
    share = np.minimum(1.0, np.abs(values) / scale) if scale else np.zeros(values.shape)
    steps = np.rint(share * STEPS).astype(np.uint8)
    layer = np.where((values < 0) & (steps > 0), steps + STEPS, steps).astype(np.uint8)
    if region is not None and (region == 1).any():
        lined = border(_larger(_smaller((region == 1).astype(np.float64)) >= 0.5))
        layer = _larger(layer)
        layer[lined] = WHITE
    return encode(layer), (layer.shape[1], layer.shape[0])


def dashed(inside: Array) -> tuple[str, tuple[int, int]]:
    """A layer with a line in black and white dashes, which is seen on any picture, around places: bool (h, w)."""
    lined = border(_larger(_smaller(inside.astype(np.float64)) >= 0.5))
    down, across = np.indices(lined.shape)
    layer = np.where(lined, np.where((down + across) // DASH % 2, WHITE, BLACK), 0).astype(np.uint8)
    return encode(layer), (layer.shape[1], layer.shape[0])


def border(inside: Array) -> Array:
    """Those places of a shape that have a neighbour outside it: bool (h, w)."""
    padded = np.pad(inside, 1)
    all_around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(padded[1:-1, 1:-1] & ~all_around)


def encode(layer: Array) -> str:
    """A data URI of a PNG with transparency, of uint8 (h, w) places in the palette."""
    image = Pixels.fromarray(layer, mode="L")
    image.putpalette([channel for colour in _COLOURS for channel in colour])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, transparency=bytes(_ALPHAS))
    return _uri(buffer)


def shrunk(source: str, longest: int) -> tuple[str, tuple[int, int]]:
    """A data URI of a PNG with fewer pixels, and its size; one that is small enough stays as it is."""
    image: Pixels.Image = Pixels.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
    if max(image.size) <= longest:
        return source, image.size
    image = image.convert("RGB" if image.mode not in ("L", "RGB") else image.mode)
    image.thumbnail((longest, longest), Pixels.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return _uri(buffer), image.size


def smaller(shown: Picture, longest: int) -> Picture:
    """A picture of fewer pixels."""
    if isinstance(shown, Beneath):
        picture, (width, height) = shrunk(shown.picture, longest)
        return replace(shown, picture=picture, width=width, height=height)
    source, (width, height) = shrunk(shown.source, longest)
    return replace(shown, source=source, width=width, height=height)


def _uri(buffer: io.BytesIO) -> str:
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _smaller(values: Array) -> Array:
    """Means, where there are more places than a layer has."""
    height, width = values.shape
    if max(height, width) <= SIDE:
        return values
    share = SIDE / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(Pixels.fromarray(values.astype(np.float32)).resize(size, Pixels.Resampling.BOX))


def _larger(layer: Array) -> Array:
    """Repeated, so that a line is thin."""
    factor = max(1, SIDE // max(layer.shape))
    return np.repeat(np.repeat(layer, factor, 0), factor, 1)
