"""What lies between lesion and camera: hairs, air bubbles in the gel, a printed scale, the tube of the dermatoscope.

In every function `x`, `y` are positions, float32 (1, h, w), in half images from the centre, and `pitch` is the width of
a pixel in that unit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automed.data.phantoms.dermoscopy.patterns import Floats

# Distance of ticks: five pixels on a 64-pixel image.
TICK = 0.16
LONG = 0.24  # of each fifth tick
SEEN = 0.25  # share of the light that something takes where it is told to lie


def planes(values: npt.NDArray[np.floating]) -> Floats:
    """One number an image, (b,), shaped to meet its pixels: float32 (b, 1, 1)."""
    return values.astype(np.float32, copy=False)[:, None, None]


def hairs(image: Floats, table: Floats, x: Floats, y: Floats, pitch: float) -> npt.NDArray[np.bool_]:
    """Draw curved dark lines; thinner than a pixel they only shade it. Returns where they are seen: bool (b, h, w)."""
    seen = np.zeros(image.shape[:3], bool)
    for n in range(table.shape[1]):
        k = np.flatnonzero(table[:, n, 3] > 0)
        offset, angle, curve, half, dark = (planes(table[k, n, i]) for i in range(5))
        along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        away = np.abs(across - offset - curve * along**2) / np.sqrt(1.0 + (2 * curve * along) ** 2)
        cover = np.clip((half - away) / pitch + 0.5, 0.0, 1.0) * np.minimum(1.0, 2 * half / pitch)
        shade = dark * cover
        image[k] *= (1.0 - shade)[..., None]
        seen[k] |= shade >= SEEN
    return seen


def bubbles(image: Floats, table: Floats, x: Floats, y: Floats) -> None:
    """Air in the gel: a bright rim with a glint."""
    for n in range(table.shape[1]):
        k = np.flatnonzero(table[:, n, 2] > 0)
        px, py, radius = (planes(table[k, n, i]) for i in range(3))
        far = np.hypot(x - px, y - py)
        glint = np.exp(-((x - px + 0.4 * radius) ** 2 + (y - py + 0.4 * radius) ** 2) / (0.18 * radius) ** 2)
        shine = 0.30 * np.exp(-(((far - radius) / 0.025) ** 2)) + 0.06 * (far < radius) + 0.5 * glint
        image[k] += shine[..., None]


def ruler(table: Floats, x: Floats, y: Floats, pitch: float) -> Floats:
    """Transmission of a printed scale: ticks along a line, each fifth one longer."""
    clear = np.ones((len(table), *x.shape[1:]), np.float32)
    k = np.flatnonzero(np.isfinite(table[:, 0]))
    angle, distance = planes(table[k, 0]), planes(table[k, 1])
    along, out = np.cos(angle) * y - np.sin(angle) * x, np.cos(angle) * x + np.sin(angle) * y - distance
    tick = np.round(along / TICK)
    line = np.clip((0.022 - np.abs(along - TICK * tick)) / pitch + 0.5, 0.0, 1.0)
    length = np.where(tick % 5 == 0, LONG, 0.14)
    clear[k] -= 0.88 * line * np.clip((length / 2 - np.abs(out)) / pitch + 0.5, 0.0, 1.0)
    return clear


def band(table: Floats, x: Floats, y: Floats, pitch: float) -> npt.NDArray[np.bool_]:
    """Where the ticks of a printed scale lie, with what is between them: bool (b, h, w).

    A map of a few pixels' width that points at a scale falls between its ticks as often as on them.
    """
    angle, distance = planes(table[:, 0]), planes(table[:, 1])
    out = np.cos(angle) * x + np.sin(angle) * y - distance
    # NaN, an image without a scale, is nowhere less.
    return np.asarray(np.abs(out) <= LONG / 2 + pitch / 2)


def tube(radius: Floats, x: Floats, y: Floats) -> Floats:
    """Light that the end of the tube lets through: (b, h, w), nearly none beyond `radius`, (b,)."""
    light: Floats = np.clip((planes(radius) - np.hypot(x, y)) / 0.07 + 0.5, 0.03, 1.0)
    return light
