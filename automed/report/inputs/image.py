"""Pictures of example cases, inside the page as PNG."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pixels

from automed.report import words
from automed.report.artefact import Part
from automed.report.inputs.shown import Absent, Shown

LONGEST = 192  # pixels: what a card shows at most, doubled displays included
SMALL = 96  # pixels: enlarging such a picture shows nothing more


@dataclass(frozen=True)
class Picture(Shown):
    """`source` is a data URI of a PNG, sizes in pixels."""

    source: str
    width: int
    height: int
    macro: ClassVar[str] = "picture"
    narrow: ClassVar[bool] = True

    @property
    def look(self) -> str:
        """Classes of style.css."""
        return ""

    @property
    def small(self) -> bool:
        return max(self.width, self.height) <= SMALL


@dataclass(frozen=True)
class Image:
    """Records are uint8 (height, width[, channels]); one that is zero everywhere has no picture."""

    name: str
    words: str

    @classmethod
    def read(cls, name: str, part: Part) -> Image:
        shape = [words.integer(round(size)) for size in part.numbers("shape")]
        if len(shape) == 3:
            channels = {"1": "grey", "3": "colour"}.get(shape[2], f"{shape[2]} channels")
            return cls(name, f"image of {shape[0]} × {shape[1]} pixels, {channels}")
        return cls(name, " × ".join(shape) or "shape not recorded")

    def problem(self, values: NDArray[Any]) -> str | None:
        return None

    def show(self, values: NDArray[Any]) -> Shown:
        if values.dtype != np.uint8 or not (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (1, 3))):
            return Absent(self.name, "not an image")
        if not values.any():
            return Absent(self.name, "no picture")
        image = Pixels.fromarray(values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values)
        if max(image.size) > LONGEST:
            image.thumbnail((LONGEST, LONGEST), Pixels.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
        return Picture(self.name, f"data:image/png;base64,{encoded}", *image.size)
