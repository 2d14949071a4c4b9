"""The kind `signal`: series over time, regular from files and tables, or irregular observations in bins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.cache import Cached
from automed.data.checks import signals as checks
from automed.data.checks.duplicates import Duplicates
from automed.data.columns import name_rows, require
from automed.data.decode import arrays, long_table, signals
from automed.data.decode.signals import NOTHING, Signals
from automed.data.decode.waveforms import EXTENSIONS
from automed.data.kinds.kind import ABSENT, Fitted, Held, Index, Progress
from automed.data.paths import Pattern
from automed.data.records import Arrays, Files, Items, Observations, Records
from automed.data.texts import MISSING, texts
from automed.errors import DataError
from automed.recipe import Events, Recipe, SignalInput
from automed.registry import nearest

_BLOCK_BYTES = 16_000_000


class Signal:
    """float32 (m, length, channels); NaN where nothing is known, also beyond a signal's end.

    Of irregular observations the channels are values carried forward, masks and elapsed times, as for GRU-D.
    """

    noun = "signal"

    def fields(self, recipe: Recipe, name: str) -> Iterator[tuple[str, str]]:
        spec = _spec(recipe, name)
        if spec.columns:
            yield from ((f"inputs.{name}.columns", column) for column in spec.columns)
        elif spec.events:
            yield f"inputs.{name}.events.record", spec.events.record
        elif spec.column:
            pattern = Pattern.parse(recipe, name, EXTENSIONS)
            yield from ((pattern.key, field) for field in pattern.fields)

    def items(self, recipe: Recipe, name: str, frame: pd.DataFrame, rows: Index) -> Items:
        spec = _spec(recipe, name)
        if spec.columns:
            return Arrays(_wide(frame[list(spec.columns)], rows))
        if spec.array:
            return Arrays(_array(recipe, name, spec.array, len(frame)))
        if spec.events:
            return _observations(recipe, name, spec, spec.events, frame)
        if spec.column:
            pattern = Pattern.parse(recipe, name, EXTENSIONS)
            return pattern.files(recipe, {field: texts(frame[field]) for field in pattern.fields}, rows)
        hint = "Name a column of files, columns of steps, an array file, or a table of events."
        raise recipe.fail(f"inputs.{name}", "needs column, columns, array or events", hint=hint)

    def read(self, recipe: Recipe, records: Records, name: str, progress: Progress | None = None) -> Held:
        spec, item = _spec(recipe, name), records.items[name]
        if not isinstance(item, Files | Arrays | Observations):
            raise recipe.fail(f"inputs.{name}.kind", f"cannot be signal: {recipe.data.source} gives something else")
        if isinstance(item, Arrays):
            _require_shape(recipe, name, spec, item.values.shape)
        entry = signals.load(item, spec, records.rows, progress)
        reasons = {place: ABSENT if reason == NOTHING else reason for place, reason in entry.unreadable.items()}
        if isinstance(item, Files):
            reasons.update({place: ABSENT for place in reasons if not item.paths[place].name})
        if len(reasons) == len(item):
            first = min(reasons, default=0)
            why = f" (row {records.rows[first]}: {reasons[first]})" if reasons else ""
            raise DataError(f"not one of {len(item):,} signals can be read{why}", where=f"inputs.{name}")
        return Held(entry, reasons)

    def duplicates(self, held: Held, position: Index) -> Duplicates | None:
        entry = _entry(held)
        names, constant = _digests(entry.values, position, entry.notes.variables)
        exact = pd.factorize(np.array(names, object))[0].astype(np.int64)
        exact[constant] = int(exact.max(initial=-1)) + 1 + np.arange(constant.sum())
        exact = np.unique(exact, return_inverse=True)[1].astype(np.int64)
        none = np.empty((0, 2), np.int64)
        # One value of each variable is little, but it is no failed export, as a flat curve is.
        flat = np.zeros_like(constant) if entry.notes.variables else constant
        return Duplicates(exact, none, none, flat)

    def fit(self, recipe: Recipe, held: Held, name: str, position: Index, train: Index, rows: Index) -> Fitted:
        spec, entry = _spec(recipe, name), _entry(held)
        notes = entry.notes
        _, length, channels = notes.shape
        summary = checks.summarise(entry.values, position, train, notes.variables)
        if not summary.count.any():
            raise DataError(f"{name} is missing in every training record", where=f"inputs.{name}")
        names = _names(notes, name)
        usable, flat = summary.count > 0, summary.low == summary.high
        mean = np.where(usable, summary.mean, 0.0)
        std = np.where(usable & ~flat & (summary.std > 0), summary.std, 1.0)
        wide, roles = len(mean), ["value"] * channels
        if notes.variables:
            # Elapsed times run from 0 to the length; a model should see numbers up to about 2.
            mean = np.concatenate([mean, np.zeros(2 * wide)])
            std = np.concatenate([std, np.ones(wide), np.full(wide, max(1.0, length / 2))])
            usable, roles = np.tile(usable, 3), ["value"] * wide + ["mask"] * wide + ["elapsed"] * wide
        step, unit = _step(spec, notes)
        facts = {
            "channels": list(names),
            "roles": roles,
            "values": list(range(wide)),
            "mean": mean.tolist(),
            "std": std.tolist(),
            "usable": usable.tolist(),
            "step": step,
            "unit": unit,
            "irregular": bool(notes.variables),
        }
        return Fitted(facts, tuple(checks.judge(summary, notes, names[:wide], name, position, rows)))

    def store(self, recipe: Recipe, held: Held, name: str, fitted: Fitted) -> Cached:
        return _entry(held)


def _spec(recipe: Recipe, name: str) -> SignalInput:
    spec = recipe.inputs[name]
    assert isinstance(spec, SignalInput)
    return spec


def _entry(held: Held) -> Signals:
    return cast(Signals, held.content)


def _wide(frame: pd.DataFrame, rows: Index) -> npt.NDArray[np.float32]:
    """Cells of a table as float32 (n, T); raises DataError with the rows that hold text."""
    values = np.full(frame.shape, np.nan, np.float32)
    for number, column in enumerate(frame.columns):
        cells = frame[column]
        read = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        lost = np.flatnonzero(np.isnan(read) & cells.notna().to_numpy())
        words = [place for place in lost if str(cells.iloc[place]).strip() not in MISSING]
        if words:
            raise DataError(f"text where numbers are wanted ({name_rows(rows[words])})", where=f"column {column}")
        with np.errstate(over="ignore"):
            values[:, number] = read
    return values


def _array(recipe: Recipe, name: str, text: str, count: int) -> npt.NDArray[np.generic]:
    key = f"inputs.{name}.array"
    file, _, member = text.partition(".npz:")
    path = recipe.path(f"{file}.npz" if member else text)
    if path.suffix.lower() == ".npz":
        present = arrays.names(path)
        if not member and len(present) == 1:
            member = present[0]
        if member not in present:
            guess = nearest(member, present) or (present[0] if present else "x")
            hint = f"Arrays: {', '.join(present) or 'none'}. Write {path.name}:{guess}"
            raise recipe.fail(key, f"names no array of {path.name}", hint=hint)
    elif path.suffix.lower() != ".npy":
        raise recipe.fail(key, "must be a npy file, or an array in a npz file", hint="Write signals.npz:x")
    values = arrays.mapped(path, member or None)
    if len(values.shape) not in (2, 3) or 0 in values.shape:
        raise recipe.fail(key, f"must be (records, steps) or (records, steps, channels), got {values.shape}")
    if len(values) != count:
        raise recipe.fail(key, f"has {len(values):,} rows, the table {count:,}")
    return values


def _observations(recipe: Recipe, name: str, spec: SignalInput, events: Events, frame: pd.DataFrame) -> Observations:
    default = SignalInput(kind="signal")
    for other in ("length", "rate", "channels", "scale", "average"):
        if getattr(spec, other) != getattr(default, other):
            raise recipe.fail(
                f"inputs.{name}.{other}", "does not go with events", hint="See events.bin, events.length."
            )
    path = recipe.path(events.table)
    known = long_table.columns(path)
    for key in ("record", "time", "variable", "value"):
        require(recipe, f"inputs.{name}.events.{key}", getattr(events, key), known, events.table)
    return Observations(path, events, np.array(texts(frame[events.record]), object))


def _require_shape(recipe: Recipe, name: str, spec: SignalInput, shape: tuple[int, ...]) -> None:
    if len(shape) not in (2, 3) or 0 in shape:
        raise recipe.fail(f"inputs.{name}", f"must be (records, steps) or (records, steps, channels), got {shape}")
    channels = shape[2] if len(shape) == 3 else 1
    if spec.channels and len(spec.channels) != channels:
        raise recipe.fail(f"inputs.{name}.channels", f"names {len(spec.channels):,} channels, there are {channels:,}")


def _names(notes: signals.Notes, name: str) -> tuple[str, ...]:
    if notes.channels:
        return notes.channels
    return (name,) if notes.shape[2] == 1 else tuple(f"channel {n}" for n in range(1, notes.shape[2] + 1))


def _step(spec: SignalInput, notes: signals.Notes) -> tuple[float | None, str | None]:
    """How long a step is: in seconds where a rate is known, in the unit of the table's times for observations."""
    if notes.bin:
        return notes.bin, None
    rate = spec.rate or float(max(notes.rates, key=lambda rate: len(notes.rates[rate]), default="0"))
    return (spec.average / rate, "s") if rate else (None, None)


def _digests(
    values: npt.NDArray[np.float32], position: Index, variables: int
) -> tuple[list[bytes], npt.NDArray[np.bool_]]:
    """A digest of each record's numbers, and which records have no content: every channel is constant or empty."""
    names: list[bytes] = [b""] * len(position)
    constant = np.zeros(len(position), bool)
    order = np.argsort(position, kind="stable")
    step = max(1, _BLOCK_BYTES // max(1, values[:1].nbytes))
    for first in range(0, len(order), step):
        chosen = order[first : first + step]
        block = np.ascontiguousarray(values[position[chosen]])
        shown = block[..., :variables] if variables else block
        low, high = np.fmin.reduce(shown, axis=1), np.fmax.reduce(shown, axis=1)
        constant[chosen] = ((low == high) | np.isnan(low)).all(axis=1)
        for place, row in zip(chosen, block, strict=True):
            names[place] = hashlib.blake2b(row.data, digest_size=16).digest()
    return names, constant


KIND = Signal()
