"""Regions: where in a record the sign is, as far as the source knows; explanations are held against them.

They are brought to the layout of their input once and kept in the cache beside it, with a row for every record of the
source; no model reads them.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image, ImageOps

from automed import runtime
from automed.data import digests, store
from automed.data.checks.findings import Finding, about
from automed.data.decode import images
from automed.data.decode.unreadable import QUIET, Unreadable, decoder_reasons, read, refuse_bomb
from automed.data.kinds import pieces
from automed.data.kinds.kind import Fitted, Held, Progress
from automed.data.kinds.tokens import Corpus
from automed.data.records import Files, Records
from automed.errors import DataError
from automed.recipe import ImageInput, Recipe, TextInput

# A DICOM segmentation is a volume of its own making, and its small numbers would be lost in a window.
EXTENSIONS = tuple(name for name in images.EXTENSIONS if name not in images.DICOM_EXTENSIONS)
UNKNOWN = 255  # everywhere in a record whose regions are not known
VERSION = 1  # raise it when the same mask would give another region
_NONE = ("missing", "no file named")  # reasons that mean: nobody drew a mask
_LABELS = 15  # a mask whose brightest value is no larger holds numbers of labels, not shades
_SAME_ASPECT = 0.01  # relative difference up to which a mask has the shape of its picture
_BLOCK = 512  # masks decoded at once

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Kept:
    """Regions of one input in the cache.

    Attributes:
        stored: uint8 (m, *map_shape), memory-mapped; `unreadable` says which masks are missing or cannot be read.
        names: what 1, 2, ... stand for.
        files: whether they come from mask files.
    """

    stored: store.Cached
    names: tuple[str, ...]
    files: bool


def keep(
    recipe: Recipe,
    source: Records,
    name: str,
    held: Held,
    fitted: Fitted,
    length: int,
    progress: Progress | None = None,
) -> Kept:
    """Bring the regions of all m records to the layout of their input, and into the cache.

    Args:
        recipe: `inputs.<name>` says how the input is laid out.
        source: all m records, with their regions; of mask files also with the picture files.
        name: of the input; what its mask files show is called so.
        held: what its kind has read.
        fitted: what its kind has learnt.
        length: of the input's array along its first axis: rows of an image, steps of a signal, tokens.
        progress: called with (done, total) while masks are decoded.

    Raises:
        DataError: a file changed while it was read.
        RunError: the cache cannot be written.
    """
    regions, spec = source.regions[name], recipe.inputs[name]
    if isinstance(regions, Files):
        assert isinstance(spec, ImageInput)
        return Kept(_masks(regions, spec, source, name, progress), (name,), files=True)
    values = np.asarray(regions.values, np.uint8)
    if isinstance(spec, TextInput) and spec.tokenizer != "words":
        values = _by_piece(values, held.content, str(fitted.facts["state"]))
    values = _cut_or_padded(values, length)
    whole = hashlib.sha256(json.dumps(["regions", VERSION, values.shape]).encode())
    whole.update(np.ascontiguousarray(values).data)
    stored = store.keep(
        whole.hexdigest()[:32],
        values.shape,
        "uint8",
        lambda: iter([(values, {})]),
        f"regions of {len(values):,} records: {', '.join(regions.names)}",
        runtime.cache_limit_bytes(),
    )
    return Kept(stored, regions.names, files=False)


def findings(kept: Kept, name: str, position: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Iterator[Finding]:
    """What the data check has to say about the mask files of one input.

    Args:
        kept: regions of all m records.
        name: of the input.
        position: int64 (n,), where the records that are kept lie among the m.
        rows: int64 (n,), their row numbers.
    """
    if not kept.files:
        return
    reasons = [kept.stored.unreadable.get(int(place)) for place in position]
    none = np.array([reason in _NONE for reason in reasons], bool)
    lost = np.array([reason is not None and reason not in _NONE for reason in reasons], bool)
    if lost.any():
        counted = Counter(reason for reason, gone in zip(reasons, lost, strict=True) if gone)
        listed = ", ".join(f"{count:,} {reason}" for reason, count in counted.most_common())
        message = f"{_masks_of(lost, name)} cannot be read: {listed}. The records stay, without a region."
        yield about("masks_unreadable", "warning", message, rows[lost], "Correct the files, or remove them.")
    if none.any():
        message = f"{int(none.sum()):,} of {len(none):,} records without a mask of {name}."
        yield about("masks_missing", "note", message, rows[none], "Their explanations are held against no region.")
    empty = np.zeros(len(position), bool)
    for start in range(0, len(position), _BLOCK):
        block = kept.stored.values[position[start : start + _BLOCK]]
        empty[start : start + _BLOCK] = ~block.any(axis=(1, 2))
    if empty.any():
        message = f"{_masks_of(empty, name)} without any region."
        yield about("masks_empty", "note", message, rows[empty], "Ask whether nothing was found, or nothing exported.")


def _masks_of(which: npt.NDArray[np.bool_], name: str) -> str:
    return f"{int(which.sum()):,} mask{'' if which.sum() == 1 else 's'} of {name}"


def decode(data: bytes, spec: ImageInput, picture: tuple[int, int] | None = None) -> Bytes:
    """The region in one mask file, laid out as the picture that it belongs to.

    Inside is what is at least half as bright as the brightest of the mask, so that masks of 0 and 1, of 0 and 255 and
    with soft edges mean the same; in a mask of small numbers, which are labels, whatever is not 0. A pixel after
    resizing is inside where most of it is; a region smaller than a pixel keeps the pixels that it fills most.

    Args:
        data: a JPEG, PNG, TIFF or BMP.
        spec: size and fit of the pictures.
        picture: (width, height) of the picture's file, where they matter: a mask of another shape is stretched to it.

    Returns:
        uint8 (h, w) of 0 and 1.

    Raises:
        Unreadable: with the reason.
    """
    with QUIET, decoder_reasons(data):
        with Image.open(io.BytesIO(data), formats=images.FORMATS) as image:
            refuse_bomb(*image.size)
            shades = _shades(ImageOps.exif_transpose(image))
        top = shades.max()
        inside = shades > 0 if top <= _LABELS else shades >= top / 2
        whole = np.where(inside, np.uint8(255), np.uint8(0))
        if picture and not _same_shape((whole.shape[1], whole.shape[0]), picture):
            whole = np.asarray(Image.fromarray(whole).resize(picture, Image.Resampling.NEAREST))
        small = images.decode_array(whole, spec.model_copy(update={"channels": 1, "window": None}))[..., 0]
    return np.asarray(small >= min(128, max(1, int(small.max()))), np.uint8)


def _shades(image: Image.Image) -> npt.NDArray[Any]:
    """How bright each pixel is, in the file's own numbers; what is transparent is black."""
    if image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        return np.nan_to_num(values) if image.mode == "F" else values.astype(np.uint8) if image.mode == "1" else values
    # By colour and not by place in the palette: what is black on the screen is outside.
    colours = np.asarray(image.convert("RGBA"))
    return np.where(colours[..., 3] >= 128, colours[..., :3].max(axis=-1), 0)


def _masks(masks: Files, spec: ImageInput, source: Records, name: str, progress: Progress | None) -> store.Cached:
    """All masks in the cache; a record without one, or whose mask cannot be read, is unknown everywhere."""
    names = digests.of(masks.paths)
    pictures = source.items[name]
    # Stretched, a mask lies over its picture whatever their sizes; else both must be cut or padded alike.
    shaped = spec.fit != "stretch" and isinstance(pictures, Files)
    what = {"kind": "masks", "version": VERSION, "decoder": images.VERSION, "pillow": PIL.__version__}
    what |= {"size": list(spec.size), "fit": spec.fit}
    whole = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    for content in [*names, *(digests.of(pictures.paths) if shaped and isinstance(pictures, Files) else ())]:
        whole.update(content.encode() + b"\n")
    total, rows = len(masks), source.rows

    def one(number: int) -> Bytes | str:
        if names[number].startswith(digests.UNREADABLE):
            return names[number].removeprefix(digests.UNREADABLE)
        try:
            data = read(masks.paths[number])
            # The entry is found by content: another content's region must never be kept under this one's name.
            if digests.of_bytes(data) != names[number]:
                raise DataError(f"the mask of row {rows[number]} changed while it was read", hint="Start again.")
            shape = _shape_of(pictures, number) if shaped else None
            return decode(data, spec, shape)
        except Unreadable as problem:
            return problem.reason

    def blocks() -> Iterator[store.Block]:
        with ThreadPoolExecutor(runtime.cores()) as pool:
            for start in range(0, total, _BLOCK):
                found = list(pool.map(one, range(start, min(start + _BLOCK, total))))
                block = np.full((len(found), *spec.size), UNKNOWN, np.uint8)
                for place, mask in enumerate(found):
                    if not isinstance(mask, str):
                        block[place] = mask
                yield block, {place: mask for place, mask in enumerate(found) if isinstance(mask, str)}
                if progress:
                    progress(min(start + _BLOCK, total), total)

    about_it = f"masks of {total:,} pictures, {spec.size[0]}x{spec.size[1]}, {spec.fit}"
    shape = (total, *spec.size)
    return store.keep(whole.hexdigest()[:32], shape, "uint8", blocks, about_it, runtime.cache_limit_bytes())


def _shape_of(pictures: object, number: int) -> tuple[int, int] | None:
    assert isinstance(pictures, Files)
    try:
        facts = images.probe(pictures.paths[number])
    except Unreadable:
        return None
    return facts.width, facts.height


def _same_shape(mask: tuple[int, int], picture: tuple[int, int]) -> bool:
    return abs(mask[0] * picture[1] / (mask[1] * picture[0]) - 1.0) <= _SAME_ASPECT


def _by_piece(values: Bytes, corpus: Corpus, state: str) -> Bytes:
    """Regions of words, uint8 (m, words), as those of the pieces that the words are cut into."""
    pieces_of = np.array([len(parts) for parts in pieces.cut(state, corpus.tokens)], np.int64)
    rows = [np.repeat(row[: len(corpus.one(i))], pieces_of[corpus.one(i)]) for i, row in enumerate(values)]
    found = np.zeros((len(values), max((len(row) for row in rows), default=0)), np.uint8)
    for i, row in enumerate(rows):
        found[i, : len(row)] = row
    return found


def _cut_or_padded(values: Bytes, length: int) -> Bytes:
    """Regions whose first axis is as long as that of the input, as its kind cuts and pads it: at the end."""
    missing = length - values.shape[1]
    if missing <= 0:
        return values[:, :length]
    return np.pad(values, [(0, 0), (0, missing), *[(0, 0)] * (values.ndim - 2)])
