"""Decode once: the signals of all records as one array in the cache, with notes on what was met on the way.

The notes lie beside the array and go with it. The key is the content and what is done to it, as for pictures.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from automed import runtime
from automed.data import digests, store
from automed.data.decode import arrays, observations, waveforms
from automed.data.decode.steps import LEAST, LaidOut, averaged_length, lay_out
from automed.data.decode.unreadable import Unreadable
from automed.data.records import Arrays, Files, Observations
from automed.data.store import Cached
from automed.errors import DataError
from automed.recipe import SignalInput

VERSION = 1  # raise it when the same content and input would give another array
NOTES = "signals.json"
NOTHING = ""  # the reason where a table or an array has nothing for a record

_BLOCK_BYTES = 16_000_000
_KINDS = ("infinite", "gaps", "shorter", "longer")

Progress = Callable[[int, int], None]


@dataclass
class Notes:
    """What is known of the signals besides their numbers.

    Attributes:
        shape: (m, length, channels) of the array.
        channels: their names; empty where nobody named them.
        variables: how many variables; 0 where the signals are regular.
        bin: how wide a bin of observations is, in the unit of their times; None where the signals are regular.
        positions: of records that held infinity or gaps, and that were shorter or longer than the array.
        rates: steps a second as the files say, and the positions of records with it.
        left_out: rows of a long table, by reason.
    """

    shape: tuple[int, int, int]
    channels: tuple[str, ...] = ()
    variables: int = 0
    bin: float | None = None
    positions: dict[str, list[int]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    rates: dict[str, list[int]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Signals(Cached):
    """float32 (m, length, channels), NaN where nothing is known, and the notes."""

    notes: Notes


@dataclass(frozen=True)
class _Job:
    """One array: `measure` says how large it will be, `blocks` gives its rows and fills the notes."""

    key: str
    measure: Callable[[], Notes]
    blocks: Callable[[Notes], Iterator[store.Block]]


def load(
    item: Files | Arrays | Observations,
    spec: SignalInput,
    rows: npt.NDArray[np.int64],
    progress: Progress | None = None,
) -> Signals:
    """The signals of m records, from the cache or decoded now.

    Args:
        item: what is to be decoded.
        spec: length, channels, scale, average.
        rows: int64 (m,), row numbers for messages.
        progress: called with (done, total) while decoding.

    Raises:
        DataError: a table or an array that cannot be read, or a file that changed while it was read.
        MissingExtra: WFDB records, and the package for them is not there.
        RunError: the disk is full, or the cache folder cannot be written.
    """
    tell = progress or (lambda done, total: None)
    if isinstance(item, Files):
        return _keep(_of_files(item, spec, rows, tell))
    if isinstance(item, Arrays):
        return _keep(_of_arrays(item, spec, tell))
    return _keep(_of_observations(item, tell))


def _keep(job: _Job) -> Signals:
    """The entry with its notes; an entry whose notes are gone is gone through once more."""
    place = store.folder() / job.key / NOTES
    found = _read(place)
    notes = found or job.measure()
    written = False

    def blocks() -> Iterator[store.Block]:
        nonlocal notes, written
        notes, written = Notes(notes.shape, notes.channels, notes.variables, notes.bin), True
        yield from job.blocks(notes)

    shown = "x".join(f"{side:,}" for side in notes.shape[1:])
    about = f"{notes.shape[0]:,} signals, {shown}"
    cached = store.keep(job.key, notes.shape, "float32", blocks, about, runtime.cache_limit_bytes())
    if not found and not written:
        for _ in blocks():
            pass
    if written:
        part = place.with_suffix(".part")
        with contextlib.suppress(OSError):  # a cache that is shared read-only: then they are made anew each time
            part.write_text(json.dumps(asdict(notes)), encoding="utf-8")
            part.replace(place)
    return Signals(cached.values, cached.unreadable, cached.key, cached.path, notes)


def _read(place: Path) -> Notes | None:
    try:
        found = Notes(**json.loads(place.read_text(encoding="utf-8")))
        found.shape, found.channels = (found.shape[0], found.shape[1], found.shape[2]), tuple(found.channels)
    except (OSError, ValueError, TypeError, LookupError):
        return None
    return found


def _key(kind: str, about: object, contents: Iterable[str]) -> str:
    versions = (VERSION, waveforms.VERSION, observations.VERSION)
    whole = hashlib.sha256(json.dumps(["signal", kind, versions, about], sort_keys=True).encode())
    for content in contents:
        whole.update(content.encode() + b"\n")
    return whole.hexdigest()[:32]


def _treatment(spec: SignalInput) -> dict[str, object]:
    return spec.model_dump(mode="json", include={"length", "channels", "scale", "average"})


def _of_files(item: Files, spec: SignalInput, rows: npt.NDArray[np.int64], progress: Progress) -> _Job:
    names = waveforms.contents(item.paths)

    def one(number: int, notes: Notes) -> tuple[LaidOut, float | None]:
        if names[number].startswith(digests.UNREADABLE):
            raise Unreadable(names[number].removeprefix(digests.UNREADABLE))
        path = item.paths[number]
        try:
            wave, digest = waveforms.decode(path)
            values = waveforms.arrange(wave, notes.channels or [""] * notes.shape[2], named=not spec.channels)
        except Unreadable:
            digest = waveforms.contents([path])[0]
            if digest == names[number]:
                raise
        # The entry is found by content: what another content decodes to must never be kept under this one's name.
        if digest != names[number]:
            raise DataError(
                f"the file of row {rows[number]} changed while it was read", where="data", hint="Start again."
            )
        return lay_out(values[None], notes.shape[1], scale=spec.scale, average=spec.average), wave.rate

    def measure() -> Notes:
        if spec.length and spec.channels:
            return Notes((len(item), spec.length, len(spec.channels)), spec.channels)
        readable = [path for path, name in zip(item.paths, names, strict=True) if not name.startswith("!")]
        with ThreadPoolExecutor(runtime.cores()) as pool:
            found = [extent for extent in pool.map(_measured, readable) if extent]
        kinds = Counter((extent.names, extent.channels) for extent in found)
        labels, count = kinds.most_common(1)[0][0] if kinds else ((), 1)
        longest = max((averaged_length(extent.steps, spec.average) for extent in found), default=LEAST)
        channels = spec.channels or labels
        return Notes((len(item), spec.length or longest, len(channels) or count), channels)

    return _Job(_key("files", _treatment(spec), names), measure, partial(_decoded, one, progress))


def _measured(path: Path) -> waveforms.Extent | None:
    try:
        return waveforms.measure(path)
    except Unreadable:
        return None


def _decoded(
    one: Callable[[int, Notes], tuple[LaidOut, float | None]], progress: Progress, notes: Notes
) -> Iterator[store.Block]:
    """All signals of files, block by block: threads decode the next block while the caller writes this one."""
    total, *inner = notes.shape
    length = max(1, min(2048, _BLOCK_BYTES // (4 * int(np.prod(inner)))))

    def attempt(number: int) -> tuple[LaidOut, float | None] | str:
        try:
            return one(number, notes)
        except Unreadable as problem:
            return problem.reason

    pool = ThreadPoolExecutor(runtime.cores())
    try:
        ahead = pool.map(attempt, range(min(length, total)))
        for first in range(0, total, length):
            found = ahead
            ahead = pool.map(attempt, range(first + length, min(first + 2 * length, total)))
            out = np.full((min(length, total - first), *inner), np.nan, np.float32)
            reasons: dict[int, str] = {}
            for place, read in enumerate(found):
                if isinstance(read, str):
                    reasons[place] = read
                    continue
                laid, rate = read
                if useless := _note(notes, laid, first + place, "no number in it"):
                    reasons[place] = useless[0]
                    continue
                out[place] = laid.values[0]
                if rate:
                    notes.rates.setdefault(f"{rate:g}", []).append(first + place)
            yield out, reasons
            progress(first + len(out), total)
    finally:
        pool.shutdown(cancel_futures=True)


def _of_arrays(item: Arrays, spec: SignalInput, progress: Progress) -> _Job:
    content = arrays.content(item.values)
    values = item.values if item.values.ndim == 3 else item.values[..., None]
    total, time, channels = values.shape
    length = spec.length or max(LEAST, averaged_length(time, spec.average))

    def blocks(notes: Notes) -> Iterator[store.Block]:
        step = max(1, _BLOCK_BYTES // (4 * max(time, length) * channels))
        for first in range(0, total, step):
            laid = lay_out(values[first : first + step], length, scale=spec.scale, average=spec.average)
            reasons = _note(notes, laid, first, NOTHING)
            laid.values[list(reasons)] = np.nan
            yield laid.values, reasons
            progress(first + len(laid.values), total)
        if arrays.content(item.values) != content:
            raise DataError("the array changed while it was read", where="data", hint="Start again.")

    return _Job(
        _key("arrays", _treatment(spec), [content]), lambda: Notes((total, length, channels), spec.channels), blocks
    )


def _note(notes: Notes, laid: LaidOut, first: int, empty: str) -> dict[int, str]:
    """Write down what is to be known of a block's signals; reasons of those that cannot be used, by their place."""
    flags = {
        "infinite": laid.infinite,
        "gaps": laid.gaps,
        "shorter": laid.steps < notes.shape[1],
        "longer": laid.steps > notes.shape[1],
    }
    usable = laid.steps >= LEAST
    for kind, flagged in flags.items():
        notes.positions[kind] += (first + np.flatnonzero(flagged & usable)).tolist()
    few = f"1 step, at least {LEAST} are needed"
    return {int(place): few if laid.steps[place] else empty for place in np.flatnonzero(~usable)}


def _of_observations(item: Observations, progress: Progress) -> _Job:
    spec, total = item.spec, len(item)
    content = digests.of([item.path])[0]
    if content.startswith(digests.UNREADABLE):
        raise DataError(content.removeprefix(digests.UNREADABLE), where=item.path.name)

    def measure() -> Notes:
        names = spec.variables or observations.variables(item)
        if not names:
            hint = f"Compare the column {spec.record} of both tables."
            raise DataError("holds no observation of any record", where=item.path.name, hint=hint)
        kinds = (names, tuple(f"{name} (observed)" for name in names), tuple(f"{name} (elapsed)" for name in names))
        return Notes((total, spec.length, 3 * len(names)), sum(kinds, ()), len(names), spec.bin)

    def blocks(notes: Notes) -> Iterator[store.Block]:
        names = notes.channels[: notes.variables]

        def tell(share: float) -> None:
            progress(int(share * total), total)

        for block in observations.bins(item, names, notes.left_out, tell):
            absent = np.flatnonzero(np.isnan(block[:, 0, -1]))
            yield block, dict.fromkeys(absent.tolist(), NOTHING)
        if digests.of([item.path])[0] != content:
            raise DataError("changed while it was read", where=item.path.name, hint="Start again.")

    windows = [np.asarray(times, np.float64).tobytes().hex() for times in (item.until, item.start) if times is not None]
    said = [spec.model_dump(mode="json"), item.until is None, item.start is None]
    keys = ("" if key is None else f"={key}" for key in item.keys)
    return _Job(_key("observations", said, [content, *windows, *keys]), measure, blocks)
