"""What a picture is recognised by: digest, perceptual hash, coarse and fine structure of a 32x32 grey thumbnail.

The hash is the DCT hash of ImageHash's `phash`, computed for a whole block of pictures at once: the same bits, and the
thumbnails that confirm a match come with it. Rows and columns at the rim that are black or white throughout are cut off
first: a black bar is the sharpest edge of a padded picture, and all padded pictures share it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.fft import dct

SIDE = 32  # of the thumbnail; 8x8 coefficients of it make 64 bits
LOW = 8
_BLOCK_BYTES = 16_000_000
_RIM = 4  # grey levels from black or white that still count as rim: what JPEG leaves of black
_LEAST = 8  # pixels a side that must remain after the rim is cut

# Orthonormal DCT-II; the hash wants the plain one, whose first row and column are sqrt(2) times as large.
_BASIS = dct(np.eye(SIDE), axis=0, norm="ortho")[:LOW].astype(np.float32)
_PLAIN = np.where(np.arange(LOW) == 0, np.sqrt(2.0), 1.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Signatures:
    """Signatures of n pictures, about 1.3 KB each.

    Attributes:
        digest: object (n,), bytes: equal for equal pixels.
        hash: uint64 (n,), as `int(str(imagehash.phash(picture)), 16)`.
        coarse: float32 (n, 64), the 8x8 lowest DCT coefficients without the mean, grey levels.
        fine: int8 (n, 1024), all that the 8x8 coefficients leave out, scaled to use the range of a byte.
        spread: float32 (n,), root mean square of `fine` before scaling, grey levels.
        constant: bool (n,), True where all pixels of each channel are equal.
    """

    digest: npt.NDArray[np.object_]
    hash: npt.NDArray[np.uint64]
    coarse: npt.NDArray[np.float32]
    fine: npt.NDArray[np.int8]
    spread: npt.NDArray[np.float32]
    constant: npt.NDArray[np.bool_]


def sign(images: npt.NDArray[np.uint8], position: npt.NDArray[np.int64] | None = None) -> Signatures:
    """Signatures of pictures, read block by block.

    Args:
        images: uint8 (m, h, w) or (m, h, w, c), c 1 or 3; may be a memory map.
        position: int64 (n,), which of them; all in their order if None.

    Returns:
        Signatures of n pictures.

    Source: Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions, section 3.2.1.
    """
    count = len(images) if position is None else len(position)
    found = Signatures(
        digest=np.empty(count, object),
        hash=np.empty(count, np.uint64),
        coarse=np.empty((count, LOW * LOW), np.float32),
        fine=np.empty((count, SIDE * SIDE), np.int8),
        spread=np.empty(count, np.float32),
        constant=np.empty(count, bool),
    )
    step = max(1, _BLOCK_BYTES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, count, step):
        place = slice(start, min(start + step, count))
        block = np.ascontiguousarray(images[place] if position is None else images[position[place]])
        block = block if block.ndim == 4 else block[..., None]
        found.digest[place] = [hashlib.blake2b(picture.data, digest_size=16).digest() for picture in block]
        found.constant[place] = _constant(block)
        _describe(thumbnails(block), found, place)
    return found


def thumbnails(block: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Grey thumbnails, uint8 (n, SIDE, SIDE), of pictures uint8 (n, h, w, c), without a plain black or white rim."""
    small = np.empty((len(block), SIDE, SIDE), np.uint8)
    rims = _rims(block)
    for place, picture in enumerate(block):
        mode, size = ("RGB" if picture.shape[2] == 3 else "L"), (picture.shape[1], picture.shape[0])
        image = Image.frombuffer(mode, size, picture, "raw", mode, 0, 1).convert("L")
        if box := rims.get(place):
            image = image.crop(box)
        small[place] = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    return small


def _rims(block: npt.NDArray[np.uint8]) -> dict[int, tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) of those pictures that have a plain black or white rim."""
    edges = (block[:, 0], block[:, -1], block[:, :, 0], block[:, :, -1])
    rimmed = np.logical_or.reduce([_plain(edge.reshape(len(block), -1)) for edge in edges])
    boxes: dict[int, tuple[int, int, int, int]] = {}
    for place in np.flatnonzero(rimmed):
        picture = block[place]
        rows = np.flatnonzero(~_plain(picture.reshape(len(picture), -1)))
        columns = np.flatnonzero(~_plain(picture.swapaxes(0, 1).reshape(picture.shape[1], -1)))
        if len(rows) and len(columns):
            box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
            if min(box[2] - box[0], box[3] - box[1]) >= _LEAST:
                boxes[int(place)] = box
    return boxes


def _plain(lines: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which of the lines (n, pixels) are black or white throughout."""
    plain: npt.NDArray[np.bool_] = (lines.max(axis=1) <= _RIM) | (lines.min(axis=1) >= 255 - _RIM)
    return plain


def _constant(block: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which pictures have equal pixels in each channel."""
    constant: npt.NDArray[np.bool_] = (block[:, 0] == block[:, 0, :1]).all(axis=(1, 2))
    maybe = np.flatnonzero(constant)
    constant[maybe] = (block[maybe] == block[maybe][:, :1, :1]).all(axis=(1, 2, 3))
    return constant


def _describe(small: npt.NDArray[np.uint8], found: Signatures, place: slice) -> None:
    """Fill in hash, coarse, fine and spread of one block of thumbnails."""
    grey = small.astype(np.float32)
    low = _BASIS @ grey @ _BASIS.T
    rest = (grey - _BASIS.T @ low @ _BASIS).reshape(len(grey), -1)
    plain = (low * np.outer(_PLAIN, _PLAIN)).reshape(len(grey), -1)
    bits = plain > np.median(plain, axis=1, keepdims=True)
    found.hash[place] = np.packbits(bits, axis=1).view(">u8").reshape(-1)
    low[:, 0, 0] = 0.0
    found.coarse[place] = low.reshape(len(grey), -1)
    found.spread[place] = np.sqrt(np.square(rest).mean(axis=1))
    found.fine[place] = np.rint(rest * (127.0 / np.maximum(np.abs(rest).max(axis=1, keepdims=True), 1e-6)))
