"""What all pictures of explanations share: their form, their scale, and how a value is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from automed.report import words

Array = NDArray[Any]

WIDTH = 340.0  # CSS pixels of a drawing: half the column of text, or the whole of a phone
BROAD = 690.0  # of one that needs the whole column, and scrolls on a phone
STRONG = 99.5  # percentile of |value| at which the colour is full
BARS = 12


@dataclass(frozen=True)
class Map:
    """What one method says of one input of one case; one of `image`, `drawing`, `tokens` holds the picture.

    Attributes:
        input: its name.
        says: the finding, for who does not see it.
        image: a data URI of a PNG: a layer, transparent where nothing is marked.
        base: the class of style.css whose background is the picture beneath it.
        size: of that, in pixels.
        drawing: an SVG.
        tokens: (text, class of its shade, whether a space comes before it).
        letters: whether the tokens are those of a sequence.
        note: what is not shown.
        broad: whether it needs the whole width.
    """

    input: str
    says: str
    image: str = ""
    base: str = ""
    size: tuple[int, int] = (0, 0)
    drawing: Markup = field(default=Markup(""))
    tokens: tuple[tuple[str, str, bool], ...] = ()
    letters: bool = False
    note: str = ""
    broad: bool = False

    @property
    def shaded(self) -> bool:
        """Whether it has shades behind words, letters or traces, which can be taken off."""
        return bool(self.tokens) or 'class="' in self.drawing

    @property
    def layout(self) -> str:
        """Class of its place in style.css."""
        return "map" if self.image else "map broad" if self.broad else "map wide"


def scale_of(values: Array) -> float:
    """The |value| at which a colour is full: robust against a single extreme element."""
    strength = np.abs(values[np.isfinite(values)])
    strong = float(np.percentile(strength, STRONG)) if strength.size else 0.0
    return strong if strong > 0 else float(strength.max(initial=0.0))


def side(value: float) -> str:
    """ "for" or "against" the class."""
    return "for" if value > 0 else "against"


def written(value: float, scale: float) -> str:
    """A value with as many decimals as tell the values of this scale apart: ".12", ".0034", "2.1e-06"."""
    if 0 < scale < 1e-4:
        return f"{value:.1e}".replace("-", words.MINUS)
    return words.decimal(value, 2 if scale >= 0.095 or not scale else 3 if scale >= 0.0095 else 4)
