"""Corruptions of images: uint8 (n, height, width, channels).

The constants are those of three benchmarks, by the size of the pictures: CIFAR-10-C (32 pixels), Tiny ImageNet-C (64)
and ImageNet-C (224), each for pictures nearer to its size than to the next. They differ not only in what a pixel is:
ImageNet-C was made harder.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, section 3; constants from the authors' make_cifar_c.py,
make_tinyimagenet_c.py and make_imagenet_c.py (github.com/hendrycks/robustness). The shift of colours is our own.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image
from scipy import ndimage

from automed.data.corruptions.corruption import Amounts, Array, Corruption, Facts, Shape, fixed

_SMALL, _MIDDLE = 45, 120  # geometric means of 32 and 64, of 64 and 224


def _by_size(small: Amounts, middle: Amounts, large: Amounts) -> Callable[[Shape], Amounts]:
    def amounts(shape: Shape) -> Amounts:
        side = min(shape[:2])
        return small if side <= _SMALL else middle if side <= _MIDDLE else large

    return amounts


def _bytes(pictures: Array) -> Array:
    """Floats 0 to 255 as uint8."""
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)


def _noise(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    return _bytes(values + np.float32(255 * amount) * rng.standard_normal(values.shape, np.float32))


def _blur(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    # Edges and the width of the kernel as in skimage.filters.gaussian, which the benchmarks use.
    sigma = (0.0, amount, amount, 0.0)
    return _bytes(ndimage.gaussian_filter(values.astype(np.float32), sigma, mode="nearest", truncate=4.0))


def _contrast(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    mean = values.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    return _bytes((values - mean) * np.float32(amount) + mean)


def _brightness(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """Raise the value of HSV and keep hue and saturation: all channels are multiplied alike; black becomes grey."""
    pixels = values.astype(np.float32)
    brightest = pixels.max(axis=3, keepdims=True)
    raised = np.minimum(brightest + np.float32(255 * amount), 255)
    return _bytes(np.where(brightest > 0, pixels * (raised / np.maximum(brightest, 1)), raised))


def _jpeg(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    changed = np.empty_like(values)
    for place, picture in enumerate(values):
        file = BytesIO()
        Image.fromarray(picture if picture.shape[2] == 3 else picture[..., 0]).save(file, "JPEG", quality=int(amount))
        with Image.open(file) as again:
            changed[place] = np.asarray(again).reshape(picture.shape)
    return changed


def _colours(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """Multiply the channels of each picture by factors that differ: some up and others down by up to `amount`."""
    drawn = rng.standard_normal((len(values), 1, 1, 3))
    drawn -= drawn.mean(axis=3, keepdims=True)
    drawn /= np.abs(drawn).max(axis=3, keepdims=True)
    return _bytes(values * (1 + amount * drawn).astype(np.float32))


def _no_jpeg(facts: Facts, shape: Shape) -> str | None:
    return None if shape[2] in (1, 3) else f"JPEG holds 1 or 3 channels, the images have {shape[2]}"


def _no_colours(facts: Facts, shape: Shape) -> str | None:
    return None if shape[2] == 3 else f"colours need 3 channels, the images have {shape[2]}"


GAUSSIAN_NOISE = Corruption(
    "Gaussian noise",
    "standard deviation, as a share of the range of values",
    _noise,
    _by_size((0.04, 0.06, 0.08, 0.09, 0.10), (0.04, 0.08, 0.12, 0.15, 0.18), (0.08, 0.12, 0.18, 0.26, 0.38)),
)
GAUSSIAN_BLUR = Corruption(
    "blur",
    "standard deviation of the blur, pixels",
    _blur,
    _by_size((0.4, 0.6, 0.7, 0.8, 1.0), (0.5, 0.75, 1.0, 1.25, 1.5), (1.0, 2.0, 3.0, 4.0, 6.0)),
)
CONTRAST = Corruption(
    "loss of contrast",
    "share of the contrast that is left",
    _contrast,
    _by_size((0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05), (0.4, 0.3, 0.2, 0.1, 0.05)),
)
BRIGHTNESS = Corruption(
    "overexposure",
    "added brightness, as a share of the range of values",
    _brightness,
    _by_size((0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5), (0.1, 0.2, 0.3, 0.4, 0.5)),
)
JPEG = Corruption(
    "JPEG compression",
    "quality, of 100",
    _jpeg,
    _by_size((80, 65, 58, 50, 40), (65, 58, 50, 40, 25), (25, 18, 15, 10, 7)),
    _no_jpeg,
)
COLOUR_SHIFT = Corruption(
    "a shift of colours",
    "largest change of a channel, as a share of its value",
    _colours,
    fixed(0.05, 0.1, 0.15, 0.2, 0.3),
    _no_colours,
)
