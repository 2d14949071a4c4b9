"""Regions: where in a record the sign is, as far as the source knows; explanations are held against them.

They are decoded once and kept beside the inputs, with a row for every record of the source; no model reads them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from automed import runtime
from automed.data import digests, store
from automed.data.checks.findings import Finding, about
from automed.data.decode import images
from automed.data.decode.unreadable import Unreadable
from automed.data.records import Files, Regions
from automed.recipe import ImageInput

UNKNOWN = 255  # everywhere in a record whose regions are not known
_BLOCK = 512  # masks decoded at once
_THREADS = 4  # Pillow decodes without holding the interpreter


@dataclass(frozen=True, eq=False)
class Kept:
    """Regions of one input in the cache, as data.json names them; `lost` are places whose mask cannot be read."""

    key: str
    names: tuple[str, ...]
    lost: dict[int, str]


def keep(regions: Regions | Files, name: str, spec: object) -> Kept:
    """Put the regions of all m records into the cache.

    Args:
        regions: as arrays, or as mask files of which anything but black is the region.
        name: of the input; what its mask files show is called so.
        spec: of the input; masks are brought to its size in the same way as its images.

    Raises:
        RunError: the cache cannot be written.
    """
    limit = runtime.cache_limit_bytes()
    if isinstance(regions, Regions):
        values = np.ascontiguousarray(regions.values, np.uint8)
        key = hashlib.blake2b(json.dumps(["regions", values.shape]).encode(), digest_size=16)
        key.update(values.data)
        about_it = f"regions of {len(values):,} records"
        entry = store.keep(key.hexdigest(), values.shape, "uint8", lambda: iter([(values, {})]), about_it, limit)
        return Kept(entry.key, regions.names, {})
    assert isinstance(spec, ImageInput)
    wanted = spec.model_copy(update={"channels": 1, "window": None})
    told = ["masks", images.VERSION, list(spec.size), spec.fit, *digests.of(regions.paths)]
    named = hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()

    def one(path: Path) -> npt.NDArray[np.uint8] | str | None:
        if not path.name or not path.is_file():
            return None
        try:
            grey = images.decode(path, wanted)[..., 0]
        except Unreadable as problem:
            return str(problem)
        # Masks are written as 0 and 1 as often as 0 and 255; an edge pixel belongs where most of it lies.
        return np.asarray(grey > int(grey.max()) // 2, np.uint8)

    def blocks() -> Iterator[store.Block]:
        with ThreadPoolExecutor(_THREADS) as threads:
            for start in range(0, len(regions.paths), _BLOCK):
                found = list(threads.map(one, regions.paths[start : start + _BLOCK]))
                rows = np.full((len(found), *spec.size), UNKNOWN, np.uint8)
                for place, mask in enumerate(found):
                    if isinstance(mask, np.ndarray):
                        rows[place] = mask
                yield rows, {place: mask for place, mask in enumerate(found) if isinstance(mask, str)}

    shape = (len(regions.paths), *spec.size)
    entry = store.keep(named, shape, "uint8", blocks, f"masks of {shape[0]:,} pictures", limit)
    return Kept(entry.key, (name,), dict(entry.unreadable))


def findings(kept: Kept, name: str, rows: npt.NDArray[np.int64]) -> list[Finding]:
    """What the data check says of masks that cannot be read."""
    lost = np.array(sorted(kept.lost), np.int64)
    if not len(lost):
        return []
    message = f"{len(lost):,} masks of {name} cannot be read: explanations of these records are not held against them"
    return [about("unreadable_masks", "note", message, rows[lost], "Look at these files.")]
