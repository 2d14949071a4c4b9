"""Players of an image: superpixels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import slic

from automed.explain.players.record import Division
from automed.explain.subject import Array, InputSpec

Places = npt.NDArray[np.int32]

COMPACT = 10.0  # of space against colour in L*a*b*; the default of scikit-image, for which lightness runs to 100
COMPACT_OTHERWISE = 0.1  # of channels that are no colours and run to 1
BLUR = 0.25  # of the shorter side: what is smaller than half of it cannot be told in a hidden region
OWN = 0.5  # share of the image's own blurred copy in what stands where it is hidden
_TRIES = 6


class Superpixels:
    """Regions of about one colour, by SLIC; a grid where an image has no regions.

    Source: Achanta et al. 2012, IEEE TPAMI 34(11), 2274 (SLIC).
    """

    fill = "the image heavily blurred, half and half with the mean training image"

    def divide(self, spec: InputSpec, record: Array, parts: int, seed: int) -> Division:
        """Cut an image into at most `parts` superpixels; an image that is absent (0 everywhere) has none."""
        height, width = spec.map_shape
        if _absent(record[None])[0]:
            return Division(np.full((height, width), -1, np.int32), ())
        part = _numbered(_regions(record, parts))
        return Division(part, tuple(f"superpixel {k + 1}" for k in range(int(part.max()) + 1)))

    def stand_ins(self, spec: InputSpec, record: Array, background: Array, seed: int) -> Array:
        """The image heavily blurred, half and half with the mean training image: (1, height, width, channels).

        A hidden region then has about the colour of what is around it, and no edges or texture. Black would not do: it
        is a colour that means something (a dark lesion, air in a radiograph, in automed an image that is absent), and
        its border is an edge that the record does not have.
        """
        own = _numbers(record).astype(np.float32)
        size = BLUR * min(own.shape[:2])
        smooth = ndimage.gaussian_filter(own, (size, size, 0), mode="nearest", truncate=2.0)
        there = background[~_absent(background)]
        if len(there):
            smooth = OWN * smooth + (1.0 - OWN) * _numbers(there).mean(axis=0, dtype=np.float32)
        if np.issubdtype(record.dtype, np.integer):
            limits = np.iinfo(record.dtype)
            smooth = np.clip(np.rint(smooth), limits.min, limits.max)
        return np.asarray(smooth[None].astype(record.dtype))


def _absent(images: Array) -> npt.NDArray[np.bool_]:
    """Which of the images (n, h, w, c) hold nothing but 0."""
    return np.asarray(~_numbers(images).any(axis=(1, 2, 3)))


def _numbers(values: Array) -> Array:
    """The same without NaN: float32 of floats, whole numbers as they are."""
    whole = np.issubdtype(values.dtype, np.integer)
    return values if whole else np.nan_to_num(values.astype(np.float32))


def _regions(record: Array, parts: int) -> Places:
    """Numbers of regions (h, w), at most `parts` different ones."""
    height, width = record.shape[:2]
    image = _numbers(record).astype(np.float64)
    if parts == 1 or parts >= height * width or image.min() == image.max():
        return _grid(height, width, parts)
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    colour = image.shape[2] == 3
    wanted, compact = parts, COMPACT if colour else COMPACT_OTHERWISE
    for _ in range(_TRIES):  # SLIC takes the number for a wish
        found: Places = slic(
            image, n_segments=wanted, compactness=compact, convert2lab=colour, start_label=0, channel_axis=-1
        )
        count = len(np.unique(found))
        if count > parts:
            wanted = max(2, wanted * parts // count - 1)
        elif 2 * count < parts:
            compact *= 2.0  # colours change from pixel to pixel: let space count for more
        else:
            return found
    return _grid(height, width, parts)


def _grid(height: int, width: int, parts: int) -> Places:
    """Rectangles of about one size, about square."""
    if parts >= height * width:
        return np.arange(height * width, dtype=np.int32).reshape(height, width)
    rows = min(height, parts, max(1, round(math.sqrt(parts * height / width))))
    columns = min(width, max(1, parts // rows))
    down, across = np.arange(height) * rows // height, np.arange(width) * columns // width
    return np.asarray(down[:, None] * columns + across[None], np.int32)


def _numbered(regions: Places) -> Places:
    """The same regions counted from 0 without a gap."""
    return np.unique(regions, return_inverse=True)[1].reshape(regions.shape).astype(np.int32)


KIND = Superpixels()
