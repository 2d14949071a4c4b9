"""Irregular observations to bins: a long table, streamed whatever its size, becomes values, masks and elapsed times.

Memory holds the bins of the records (12 bytes a bin and variable, up to a limit: beyond it the table is read several
times, for some of the records each) and one batch of the table.

Source of the layout: Che et al. 2018, arXiv:1606.01865, section 2.3 (inputs of GRU-D).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from automed.data.decode.long_table import Index, Reals, batches, codes, indices, numbers, words
from automed.data.records import Observations

VERSION = 1  # raise it when the same table would give other bins

Progress = Callable[[float], None]  # share of the work that is done

_CELLS = 100_000_000  # bins of all variables that are in memory at once: 1.2 GB
_PAIRS = 1_000_000  # observations times records that see them, handled at once
_BLOCK_BYTES = 16_000_000
_LARGEST = float(np.finfo(np.float32).max)

EARLY, LATE = "before the first bin", "after the last bin"
NO_VALUE, NO_TIME = "without a usable value", "without a time"
ALL = "all"


def variables(item: Observations) -> tuple[str, ...]:
    """Names of all variables that the records have observations of, sorted; the table is read once for them."""
    keys, _ = _coded(item.keys)
    seen: dict[str, int] = {}
    for batch, _ in batches(item.path, (item.spec.record, item.spec.variable)):
        known = codes(batch.column(0), keys) >= 0
        names = batch.column(1)
        names = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
        for number in np.unique(indices(names)[known]):
            if number < len(names.dictionary) and (name := words(names.dictionary.slice(number, 1))[0]) is not None:
                seen.setdefault(name, len(seen))
    return tuple(sorted(seen))


def bins(
    item: Observations, names: Sequence[str], left_out: dict[str, int], progress: Progress | None = None
) -> Iterator[npt.NDArray[np.float32]]:
    """The observations of all records in bins of `spec.bin`, record by record.

    The last observation by time counts in a bin, of several at one time the lower row. Left out and counted are values
    that are no finite numbers or in `spec.missing`, and times before the first or after the last bin. What lies after a
    record's `until` is not its business, and neither are rows of records or variables that were not asked for.

    Args:
        item: n records; several may share a key, each with a window of its own.
        names: V variables, in their order.
        left_out: receives how many rows were left out, by reason, and under `ALL` how many there are.
        progress: called with the share that is done.

    Yields:
        float32 (k, L, 3V), together n rows: values carried forward (NaN before the first), masks (1 where observed in
        that bin), bins since the last observation (0 in a bin with one; since the start + 1 before the first). A record
        without any observation is NaN.

    Raises:
        DataError: the table cannot be read, or its times are no numbers.
    """
    records, length, wide = _Records(item), item.spec.length, len(names)
    place = {name: number for number, name in enumerate(names)}
    spec, path = item.spec, item.path
    step = max(1, min(len(item), _CELLS // max(1, length * wide)))
    parts = -(-len(item) // step)
    for part, first in enumerate(range(0, len(item), step)):
        count = min(step, len(item) - first)
        when = np.full(count * length * wide, -np.inf)
        values = np.full(count * length * wide, np.nan, np.float32)
        for batch, share in batches(path, (spec.record, spec.variable), (spec.time, spec.value)):
            key, variable = codes(batch.column(0), records.keys), codes(batch.column(1), place)
            kept = np.flatnonzero((key >= 0) & (variable >= 0))
            key, variable = key[kept], variable[kept]
            time, value = numbers(batch.column(2), path)[kept], numbers(batch.column(3), path)[kept]
            usable = (np.abs(value) <= _LARGEST) & ~np.isin(value, spec.missing)  # NaN is never smaller
            timed = np.isfinite(time)
            if not part:
                _count(left_out, records, key, time, usable, timed)
            chosen = np.flatnonzero(usable & timed)
            key, variable, time, value = key[chosen], variable[chosen], time[chosen], value[chosen]
            for of, record in records.seeing(key, time):
                mine = (record >= first) & (record < first + count)
                of, record = of[mine], record[mine]
                since = time[of] - records.start[record]
                bin_ = np.minimum(np.floor(since / spec.bin).astype(np.int64), length - 1)
                cell = ((record - first) * length + bin_) * wide + variable[of]
                _scatter(when, values, cell, time[of], value[of])
            if progress:
                progress((part + share) / parts)
        yield from _laid_out(values.reshape(count, length, wide))
        del when, values


class _Records:
    """Which records see an observation: those of its key, from their start for L bins, and up to their `until`."""

    def __init__(self, item: Observations) -> None:
        self.keys, code = _coded(item.keys)
        count, zeros = len(self.keys), np.zeros(len(item))
        self.start: Reals = zeros if item.start is None else np.asarray(item.start, np.float64)
        self._until: Reals = zeros + np.inf if item.until is None else np.asarray(item.until, np.float64)
        self._span = item.spec.bin * item.spec.length
        self._order = np.lexsort((self.start, code))
        self._order = self._order[code[self._order] >= 0]  # an empty key meets nothing
        begins = self.start[self._order]
        self._starts = np.unique(begins)
        # Keys and starts as one rising number, so that one search finds all windows that an observation lies in.
        self._wide = len(self._starts) + 1
        self._rank = code[self._order] * self._wide + np.searchsorted(self._starts, begins)
        bounds = np.searchsorted(code[self._order], np.arange(count + 1))
        self.first = begins[bounds[:-1]] if len(begins) else np.empty(0)
        self.end = begins[bounds[1:] - 1] + self._span if len(begins) else np.empty(0)

    def seeing(self, key: Index, time: Reals) -> Iterator[tuple[Index, Index]]:
        """Pairs (observation, record), in pieces, in the order of observations.

        Args:
            key: int64 (k,), number of each observation's key.
            time: float64 (k,).
        """
        last = np.searchsorted(self._rank, key * self._wide + np.searchsorted(self._starts, time, side="right"))
        over = np.searchsorted(self._starts + self._span, time, side="right")  # windows that are over by then
        first = np.searchsorted(self._rank, key * self._wide + over)
        count = np.maximum(last - first, 0)
        total = np.cumsum(count)
        begin = 0
        while begin < len(key):
            done = total[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(total, done + _PAIRS, side="right")))
            each = count[begin:end]
            of = np.repeat(np.arange(begin, end), each)
            inner = np.arange(len(of)) - np.repeat(np.cumsum(each) - each, each)
            record = self._order[np.repeat(first[begin:end], each) + inner]
            seen = time[of] <= self._until[record]
            yield of[seen], record[seen]
            begin = end


def _count(
    left_out: dict[str, int],
    records: _Records,
    key: Index,
    time: Reals,
    usable: npt.NDArray[np.bool_],
    timed: npt.NDArray[np.bool_],
) -> None:
    good = usable & timed
    found = {
        ALL: np.ones(len(key), bool),
        EARLY: good & (time < records.first[key]),
        LATE: good & (time >= records.end[key]),
        NO_VALUE: ~usable,
        NO_TIME: usable & ~timed,
    }
    for reason, rows in found.items():
        left_out[reason] = left_out.get(reason, 0) + int(rows.sum())


def _scatter(when: Reals, values: npt.NDArray[np.float32], cell: Index, time: Reals, value: Reals) -> None:
    """Keep the latest value of each cell; of several at one time the one that comes last."""
    order = np.lexsort((time, cell))  # stable: rows of one time stay in their order
    cell, time, value = cell[order], time[order], value[order]
    last = np.flatnonzero(np.append(cell[1:] != cell[:-1], True)) if len(cell) else np.empty(0, np.int64)
    cell, time, value = cell[last], time[last], value[last]
    later = time >= when[cell]
    when[cell[later]] = time[later]
    values[cell[later]] = value[later].astype(np.float32) + np.float32(0)  # -0 and 0 are one number


def _laid_out(values: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    _, length, wide = values.shape
    step = max(1, _BLOCK_BYTES // max(1, 12 * length * wide))
    at = np.arange(length)[:, None]
    for first in range(0, len(values), step):
        seen = values[first : first + step]
        mask = ~np.isnan(seen)
        latest = np.maximum.accumulate(np.where(mask, at, -1), axis=1)
        out = np.empty((len(seen), length, 3 * wide), np.float32)
        out[..., :wide] = np.where(latest < 0, np.nan, np.take_along_axis(seen, np.maximum(latest, 0), axis=1))
        out[..., wide : 2 * wide] = mask
        out[..., 2 * wide :] = at - latest  # before the first, `latest` is -1: bins since the start + 1
        out[~mask.any(axis=(1, 2))] = np.nan
        yield out


def _coded(keys: npt.NDArray[np.object_]) -> tuple[dict[str, int], Index]:
    """A number for each key, and each record's number; -1 where the record has no key."""
    index: dict[str, int] = {}
    code = [-1 if key is None else index.setdefault(str(key), len(index)) for key in keys]
    return index, np.array(code, np.int64)
