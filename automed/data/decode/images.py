"""Image files to arrays: a file becomes uint8 (height, width, channels), or says in a few words why it cannot.

JPEG, PNG, TIFF and BMP are read by Pillow, DICOM by `automed.data.decode.dicom`. Files come from strangers: only these
formats are tried, sizes are judged from the header before memory is taken, and nothing is silently padded or clipped.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from automed.data.decode.unreadable import DAMAGE, QUIET, Unreadable, decoder_reasons, read, refuse_bomb, system_reasons
from automed.recipe import ImageInput

__all__ = ["EXTENSIONS", "ImageFacts", "Unreadable", "decode", "decode_array", "decode_bytes", "probe"]

# Named, so that every plugin is registered before threads ask for it; the others (EPS runs a program) are never tried.
FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        TiffImagePlugin.TiffImageFile,
        BmpImagePlugin.BmpImageFile,
    )
)
DICOM_EXTENSIONS = (".dcm", ".dicom", ".ima")
EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", *DICOM_EXTENSIONS)
VERSION = 1  # raise it when the same file and input would give other pixels: cached ones are then decoded anew

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_GAP = (
    3.0  # reduce in whole steps to 3 times the size first: not to be told from a full filter, and several times faster
)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class ImageFacts:
    """What a header says: size in pixels as shown upright, format, colour mode, bits a channel, camera or scanner."""

    width: int
    height: int
    format: str
    mode: str
    bits: int
    camera: str | None


def decode(path: Path, spec: ImageInput) -> npt.NDArray[np.uint8]:
    """One image file as the model will see it.

    Args:
        path: JPEG, PNG, TIFF, BMP or DICOM.
        spec: size, channels, fit and window.

    Returns:
        uint8 (height, width, channels). Alpha is laid over black, EXIF orientation is applied. Grey with more than 8
        bits goes through `spec.window`, or is scaled by its bit depth; 32-bit values, which have no depth worth scaling
        by, are stretched between their own extremes.

    Raises:
        Unreadable: with the reason.

    Source: Pillow's filters widen with the scale, so that shrinking does not alias: Parmar, Zhang and Zhu 2022,
        arXiv:2104.11222.
    """
    return decode_bytes(read(path), spec, dicom=path.suffix.lower() in DICOM_EXTENSIONS)


def decode_bytes(data: bytes, spec: ImageInput, *, dicom: bool = False) -> npt.NDArray[np.uint8]:
    """`decode` for a file that is in memory; `dicom` accepts DICOM without its preamble."""
    with QUIET, decoder_reasons(data):
        if dicom or data[128:132] == b"DICM":
            from automed.data.decode import dicom as reader

            return _finish(reader.picture(io.BytesIO(data), spec.window), spec)
        with _open(io.BytesIO(data)) as image:
            # A JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the work; both sides stay _GAP times too large.
            side = int(_GAP * max(spec.size))
            image.draft(None, (side, side))
            image.load()
            flat = _deep(image, spec.window) if image.mode in _DEEP else _flat(image)
            if (turn := _UPRIGHT.get(_orientation(image))) is not None:  # one of them is 0
                flat = flat.transpose(turn)
            return _finish(flat, spec)


def decode_array(values: npt.NDArray[np.generic], spec: ImageInput) -> npt.NDArray[np.uint8]:
    """One picture that is an array already, (h, w) or (h, w, 1 or 3) in uint8 or uint16, by the rules of files."""
    if values.dtype == np.uint8 and values.shape == (*spec.size, spec.channels):
        return values.astype(np.uint8, copy=False)
    if values.dtype == np.uint16:
        low, high = limits(spec.window) if spec.window else (0.0, 65535.0)
        values = scale(values, low, high)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    return _finish(Image.fromarray(np.ascontiguousarray(values)), spec)


def probe(path: Path) -> ImageFacts:
    """What a file's header says, without decoding its pixels.

    Raises:
        Unreadable: with the reason; a file that is cut off after its header is not noticed.
    """
    if not path.name:
        raise Unreadable("no file named")
    with system_reasons(), path.open("rb") as file:
        head = file.read(132)
        file.seek(0)
        if not head:
            raise Unreadable("empty")
        with QUIET, decoder_reasons(head):
            if head[128:132] == b"DICM" or path.suffix.lower() in DICOM_EXTENSIONS:
                from automed.data.decode import dicom

                return dicom.facts(file)
            with _open(file) as image:
                return _facts(image)


def scale(values: npt.NDArray[np.generic], low: float, high: float, *, invert: bool = False) -> npt.NDArray[np.uint8]:
    """Map low..high to 0..255, rounded; what lies outside becomes 0 or 255."""
    shades = values.astype(np.float32)
    shades -= low
    shades *= 255.0 / max(high - low, 1e-12)
    np.clip(shades, 0.0, 255.0, out=shades)
    if invert:
        np.subtract(255.0, shades, out=shades)
    shades += 0.5
    return shades.astype(np.uint8)


def limits(window: tuple[float, float]) -> tuple[float, float]:
    """Lower and upper end of a window (centre, width), in the units of the values."""
    centre, width = window
    return centre - width / 2, centre + width / 2


def extremes(values: npt.NDArray[np.generic]) -> tuple[float, float]:
    """Smallest and largest value, where there is no depth to scale by.

    Raises:
        Unreadable: there are values that are not numbers.
    """
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise Unreadable("values that are not finite")
    return low, high


def _open(file: IO[bytes]) -> Image.Image:
    image = Image.open(file, formats=FORMATS)
    refuse_bomb(*image.size)
    return image


def _facts(image: Image.Image) -> ImageFacts:
    width, height = image.size
    # Pillow gives a TIFF's size as shown, and any other's as stored.
    if not isinstance(image, TiffImagePlugin.TiffImageFile) and _orientation(image) >= 5:
        width, height = height, width
    raw = str(image.tile[0][3]) if isinstance(image, ImageFile.ImageFile) and image.tile else ""
    bits = _bits(image) if image.mode in _DEEP else 1 if image.mode == "1" else 16 if ";16" in raw else 8
    camera = None
    with contextlib.suppress(*DAMAGE):
        exif = image.getexif()
        words = " ".join(str(exif.get(tag, "")).replace("\0", " ") for tag in (271, 272))
        camera = " ".join(words.split()) or None
    return ImageFacts(width, height, image.format or "", image.mode, bits, camera)


def _orientation(image: Image.Image) -> int:
    # Damaged EXIF does not damage the picture. Pillow has turned a TIFF by the time it is loaded, and says so here.
    with contextlib.suppress(*DAMAGE):
        return int(image.getexif().get(274, 1))
    return 1


def _bits(image: Image.Image) -> int:
    default = 16 if image.mode.startswith("I;16") else 32
    return int(image.tag_v2.get(258, (default,))[0]) if isinstance(image, TiffImagePlugin.TiffImageFile) else default


def _deep(image: Image.Image, window: tuple[float, float] | None) -> Image.Image:
    """Grey with more than 8 bits, as 8 bits."""
    values, bits = np.asarray(image), _bits(image)
    if window:
        low, high = limits(window)
    elif bits >= 32:
        low, high = extremes(values)
    elif image.mode == "I":
        low, high = -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    else:
        low, high = 0.0, 2.0**bits - 1
    # Pillow inverts "white is zero" for 8 bits, and not for more.
    white_is_zero = isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(262) == 0
    return Image.fromarray(scale(values, low, high, invert=white_is_zero))


def _flat(image: Image.Image) -> Image.Image:
    """Any mode of 8 bits or fewer, as L or RGB; transparent pixels become black, whatever colour hides in them."""
    if image.has_transparency_data:
        if image.mode == "La":
            image = image.convert("LA")
        over = image.convert("RGBA")
        under = Image.new("RGBA", over.size, (0, 0, 0, 255))
        under.alpha_composite(over)
        return under.convert("RGB")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _finish(image: Image.Image, spec: ImageInput) -> npt.NDArray[np.uint8]:
    """Channels, then size: stretch to it, pad to it with black, or cut the middle out."""
    wanted = "L" if spec.channels == 1 else "RGB"
    if wanted == "L" and image.mode != wanted:
        image = image.convert(wanted)
    height, width = spec.size
    if spec.fit == "stretch":
        image = _resize(image, width, height, (0.0, 0.0, image.width, image.height))
    elif spec.fit == "crop":
        ratio = max(width / image.width, height / image.height)
        left, top = (image.width - width / ratio) / 2, (image.height - height / ratio) / 2
        box = (
            max(0.0, left),
            max(0.0, top),
            min(image.width, image.width - left),
            min(image.height, image.height - top),
        )
        image = _resize(image, width, height, box)
    else:
        ratio = min(width / image.width, height / image.height)
        inner = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
        small = _resize(image, *inner, (0.0, 0.0, image.width, image.height))
        image = Image.new(small.mode, (width, height))
        image.paste(small, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    pixels = np.array(image if image.mode == wanted else image.convert(wanted), dtype=np.uint8)
    return pixels.reshape(height, width, spec.channels)


def _resize(image: Image.Image, width: int, height: int, box: tuple[float, float, float, float]) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=_GAP)
