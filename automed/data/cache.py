"""Decode once: pictures of a size, memory-mapped by every trial of every run that asks for the same.

The key is the content of every file (not its name or time), the size and the preprocessing. The arrays lie in
`automed.data.store`, the digests of files in `automed.data.digests`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL

from automed import runtime
from automed.data import digests, store
from automed.data.decode import images
from automed.data.decode.unreadable import Unreadable, read
from automed.data.records import Arrays, Files, Records
from automed.data.store import Cached, Stored, attach
from automed.errors import DataError, UsageError
from automed.recipe import ImageInput

__all__ = ["Cached", "Stored", "attach", "clear", "file_of", "load", "refuse_if_many", "show"]

LIMIT = 0.01  # share of records that may be unreadable
_BLOCK_BYTES = 16_000_000  # of decoded pictures, twice in memory: one block is written while the next is decoded

Progress = Callable[[int, int], None]


def load(records: Records, name: str, spec: ImageInput, progress: Progress | None = None) -> Cached:
    """The decoded pictures of one input, from the cache or decoded now.

    Args:
        records: n records.
        name: of the input.
        spec: size, channels, fit, window.
        progress: called with (done, total) while decoding; not called where nothing has to be decoded.

    Returns:
        uint8 (n, h, w, c), memory-mapped. Judging what is unreadable is `refuse_if_many`'s.

    Raises:
        DataError: a file changed while it was read.
        RunError: the disk is full, or the cache folder cannot be written.
    """
    item = records.items[name]
    assert isinstance(item, Files | Arrays)
    shape = (len(item), *spec.size, spec.channels)
    if isinstance(item, Files):
        names = digests.of(item.paths)
        key, one = _key("files", spec, names), _file_reader(item, names, spec, records.rows)
    else:
        known = store.key_of(item.values)
        if known and item.values.shape == shape and item.values.dtype == np.uint8:
            return Cached(item.values, {}, known, store.folder() / known / store.FILE)
        key, one = _key("arrays", spec, [known or _digest(item)]), _array_reader(item, spec)
    about = f"{len(item):,} pictures, {spec.size[0]}x{spec.size[1]}x{spec.channels}, {spec.fit}"

    def blocks() -> Iterator[store.Block]:
        return _decoded(one, shape, progress)

    return store.keep(key, shape, "uint8", blocks, about, runtime.cache_limit_bytes())


def refuse_if_many(
    unreadable: Mapping[int, str], rows: npt.NDArray[np.int64], *, limit: float = LIMIT, noun: str = "picture"
) -> None:
    """Raise DataError where more than `limit` of the records cannot be read; the first rows and reasons are named.

    Args:
        unreadable: reasons by position.
        rows: row number of every record.
        limit: share that is tolerated.
        noun: what is read.
    """
    if len(unreadable) <= limit * len(rows):
        return
    first = sorted(unreadable)[:8]
    listed = "; ".join(f"row {rows[place]}: {unreadable[place]}" for place in first)
    more = f"; and {len(unreadable) - len(first):,} more" if len(unreadable) > len(first) else ""
    raise DataError(
        f"{len(unreadable):,} of {len(rows):,} {noun}s cannot be read ({listed}{more})",
        where="data",
        hint=f"Up to {limit:.0%} are left out. Correct the files, or take the rows out of the table.",
    )


def show() -> list[Stored]:
    """The entries of the cache, least recently used first."""
    return store.entries()


def clear(keys: Iterable[str] | None = None) -> int:
    """Remove entries by key (its beginning is enough), or all; those that a live process uses stay.

    Returns:
        Bytes freed.

    Raises:
        UsageError: no entry has such a key.
    """
    present = [entry.key for entry in store.entries()]
    if keys is None:
        digests.forget()
        return sum(store.remove(key) for key in present)
    chosen: list[str] = []
    for asked in keys:
        matching = [key for key in present if asked and key.startswith(asked)]
        if not matching:
            raise UsageError(f"no entry of the cache is called {asked!r}", hint="automed data cache show lists them.")
        chosen += matching
    return sum(store.remove(key) for key in dict.fromkeys(chosen))


def file_of(key: str) -> Path:
    """The file that an entry's pictures lie in, for `attach`."""
    return store.folder() / key / store.FILE


def _key(kind: str, spec: ImageInput, contents: Iterable[str]) -> str:
    """What the pictures depend on, in 128 bits: decoder, preprocessing, and every content in its order."""
    about = {
        "kind": kind,
        "version": images.VERSION,
        "pillow": PIL.__version__,
        "spec": spec.model_dump(mode="json", include={"size", "channels", "fit", "window"}),
    }
    whole = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for content in contents:
        whole.update(content.encode() + b"\n")
    return whole.hexdigest()[:32]


def _digest(item: Arrays) -> str:
    whole = hashlib.blake2b(repr((item.values.shape, str(item.values.dtype))).encode(), digest_size=16)
    step = max(1, _BLOCK_BYTES // max(1, item.values[:1].nbytes))
    for start in range(0, len(item), step):
        whole.update(np.ascontiguousarray(item.values[start : start + step]).data)
    return whole.hexdigest()


Reader = Callable[[int], npt.NDArray[np.uint8]]


def _file_reader(item: Files, names: list[str], spec: ImageInput, rows: npt.NDArray[np.int64]) -> Reader:
    def one(number: int) -> npt.NDArray[np.uint8]:
        if names[number].startswith(digests.UNREADABLE):
            raise Unreadable(names[number].removeprefix(digests.UNREADABLE))
        path = item.paths[number]
        try:
            data = read(path)
        except Unreadable as problem:
            raise _changed(rows[number]) from problem
        # The entry is found by content: what another content decodes to must never be kept under this one's name.
        if digests.of_bytes(data) != names[number]:
            raise _changed(rows[number])
        return images.decode_bytes(data, spec, dicom=path.suffix.lower() in images.DICOM_EXTENSIONS)

    return one


def _changed(row: int) -> DataError:
    return DataError(f"the file of row {row} changed while it was read", where="data", hint="Start again.")


def _array_reader(item: Arrays, spec: ImageInput) -> Reader:
    return lambda number: images.decode_array(item.values[number], spec)


def _decoded(one: Reader, shape: tuple[int, ...], progress: Progress | None) -> Iterator[store.Block]:
    """All pictures, block by block: threads decode the next block while the caller writes this one."""
    workers, total = runtime.cores(), shape[0]
    length = max(1, min(2048, _BLOCK_BYTES // int(np.prod(shape[1:]))))
    part = max(1, -(-length // (4 * workers)))  # several parts a thread: a slow picture holds up only its own

    def several(out: npt.NDArray[np.uint8], first: int, begin: int) -> dict[int, str]:
        reasons = {}
        for place in range(begin, min(begin + part, len(out))):
            try:
                out[place] = one(first + place)
            except Unreadable as problem:
                reasons[place] = problem.reason
        return reasons

    def start(first: int) -> tuple[npt.NDArray[np.uint8], list[Future[dict[int, str]]]]:
        out = np.zeros((min(length, total - first), *shape[1:]), np.uint8)
        return out, [pool.submit(several, out, first, begin) for begin in range(0, len(out), part)]

    pool = ThreadPoolExecutor(workers)
    try:
        ahead = start(0)
        for first in range(0, total, length):
            out, futures = ahead
            if first + length < total:
                ahead = start(first + length)
            reasons: dict[int, str] = {}
            for future in futures:
                reasons.update(future.result())
            yield out, reasons
            if progress:
                progress(min(first + length, total), total)
    finally:
        pool.shutdown(cancel_futures=True)
