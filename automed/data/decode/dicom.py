"""DICOM files to pictures: stored values to units, units through a window to 8 bits, MONOCHROME1 inverted.

One frame of a greyscale or colour image; volumes and film loops are refused.

Source: DICOM PS3.3, sections C.7.6.3 (image pixels), C.11.1 (modality LUT) and C.11.2 (window).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, get_decoder
from pydicom.uid import ImplicitVRLittleEndian

from automed.data.decode.images import ImageFacts, extremes, limits, scale
from automed.data.decode.unreadable import Unreadable, refuse_bomb

# Without a handler Python prints pydicom's remarks about odd headers to stderr.
logging.getLogger("pydicom").addHandler(logging.NullHandler())

_GREY = ("MONOCHROME1", "MONOCHROME2")


def picture(file: IO[bytes], window: tuple[float, float] | None) -> Image.Image:
    """The pixels of one DICOM file as an 8-bit picture, L or RGB.

    Grey values are rescaled to their units (Hounsfield for CT), then go through `window` (centre, width), else the
    file's own first window or LUT, else the whole range that the stored bits can hold.

    Raises:
        Unreadable: no picture, several frames, too large, or compressed in a way that needs another decoder.
    """
    with _reasons():
        return _picture(_header(file, pixels=True), window)


def facts(file: IO[bytes]) -> ImageFacts:
    """What the header says, without reading the pixels; `camera` is manufacturer and model of the scanner."""
    with _reasons():
        header = _header(file, pixels=False)
        words = " ".join(str(header.get(key) or "") for key in ("Manufacturer", "ManufacturerModelName"))
        return ImageFacts(
            width=int(header.Columns),
            height=int(header.Rows),
            format="DICOM",
            mode=str(header.get("PhotometricInterpretation", "")),
            bits=int(header.get("BitsStored") or header.BitsAllocated),
            camera=" ".join(words.split()) or None,
        )


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """pydicom's own exceptions, which derive from nothing narrower, as Unreadable."""
    try:
        yield
    except (BytesLengthException, InvalidDicomError) as problem:
        raise Unreadable("damaged") from problem


def _picture(header: Dataset, window: tuple[float, float] | None) -> Image.Image:
    _require_decoder(header)
    kind = str(header.PhotometricInterpretation)
    stored: npt.NDArray[Any] = header.pixel_array
    if kind in _GREY:
        return Image.fromarray(_grey(stored, header, window))
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, header)
        return Image.fromarray(scale(stored, 0.0, float(np.iinfo(stored.dtype).max)))
    bits = int(header.BitsStored)
    return Image.fromarray(stored if stored.dtype == np.uint8 and bits == 8 else scale(stored, 0.0, 2.0**bits - 1))


def _header(file: IO[bytes], *, pixels: bool) -> Dataset:
    # `force` admits files without the preamble; what is no DICOM at all then has no rows and columns.
    header = pydicom.dcmread(file, force=True, stop_before_pixels=not pixels)
    if "Rows" not in header or "Columns" not in header:
        raise Unreadable("not an image")
    if pixels and not any(key in header for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise Unreadable("DICOM without pixels")
    frames = int(header.get("NumberOfFrames") or 1)
    if frames > 1:
        raise Unreadable(f"{frames} frames, one is wanted")
    refuse_bomb(int(header.Columns), int(header.Rows))
    return header


def _require_decoder(header: Dataset) -> None:
    if "TransferSyntaxUID" not in header.file_meta:
        header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # the default of files without a preamble
    syntax = header.file_meta.TransferSyntaxUID
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        # A UID that the standard does not know is its own name, and could be anything.
        if syntax.name == str(syntax):
            raise Unreadable("an unknown transfer syntax")
        raise Unreadable(f"compressed as {syntax.name}: install a decoder (pylibjpeg, pylibjpeg-libjpeg) or decompress")


def _grey(stored: npt.NDArray[Any], header: Dataset, window: tuple[float, float] | None) -> npt.NDArray[np.uint8]:
    invert = header.PhotometricInterpretation == "MONOCHROME1"
    values: npt.NDArray[Any] = apply_modality_lut(stored, header)
    if window:
        return scale(values, *limits(window), invert=invert)
    if header.get("WindowCenter") is not None and header.get("WindowWidth") is not None:
        centre, width = _first(header.WindowCenter), _first(header.WindowWidth)
        return _own_window(values, centre, width, str(header.get("VOILUTFunction") or "LINEAR"), invert=invert)
    if header.get("VOILUTSequence"):
        table = header.VOILUTSequence[0]
        return scale(apply_voi(values, header), 0.0, 2.0 ** int(table.LUTDescriptor[2]) - 1, invert=invert)
    return scale(values, *_whole_range(values, header), invert=invert)


def _own_window(
    values: npt.NDArray[Any], centre: float, width: float, function: str, *, invert: bool
) -> npt.NDArray[np.uint8]:
    """The three functions of DICOM PS3.3, C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            shades = 1.0 / (1.0 + np.exp(-4.0 * (values.astype(np.float64) - centre) / max(width, 1e-12)))
        return scale(shades, 0.0, 1.0, invert=invert)
    if function == "LINEAR_EXACT":
        return scale(values, *limits((centre, width)), invert=invert)
    return scale(values, *limits((centre - 0.5, width - 1.0)), invert=invert)


def _whole_range(values: npt.NDArray[Any], header: Dataset) -> tuple[float, float]:
    if header.get("ModalityLUTSequence"):
        return 0.0, 2.0 ** int(header.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
    if "PixelData" not in header:
        return extremes(values)  # floating point has no depth
    bits = int(header.BitsStored)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if header.PixelRepresentation else (0, 2**bits - 1)
    slope, intercept = float(header.get("RescaleSlope") or 1.0), float(header.get("RescaleIntercept") or 0.0)
    ends = low * slope + intercept, high * slope + intercept
    return min(ends), max(ends)


def _first(value: Any) -> float:
    return float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)
