"""What is wrong with signals: channels that say nothing, other units, gaps, lengths and rates that differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automed.data.checks.findings import SHOWN, Finding, about
from automed.data.decode import observations
from automed.data.decode.signals import Notes

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

FACTOR = 100.0  # so far from the others, a record is in another unit: mmol and mg, mV and uV, g and kg
SPREADS = 8.0  # and so many standard deviations of the logarithms, told by their median
FEW = 0.1  # share of records; more of them are a wide distribution
_ENOUGH = 10  # records with a channel, before one of them can be unlike the others
_POSITIVE = 0.95  # share of records without a negative value, so that ratios have a meaning; some hold -1 for none
_STEPS = 256  # of a regular signal are looked at for its median
_BLOCK_BYTES = 32_000_000


@dataclass(frozen=True, eq=False)
class Summary:
    """What the values of V channels are like.

    Attributes:
        count: int64 (V,), numbers in the training records.
        mean, std, low, high: float64 (V,), of these; NaN where there is none.
        medians, lows: float32 (n, V), of each record; NaN where it has no number.
    """

    count: Index
    mean: Reals
    std: Reals
    low: Reals
    high: Reals
    medians: Floats
    lows: Floats


def summarise(values: npt.NDArray[np.float32], position: Index, train: Index, variables: int = 0) -> Summary:
    """Look once through the signals of n records, in blocks.

    Args:
        values: float32 (m, length, channels), NaN where nothing is known.
        position: int64 (n,), which of the m.
        train: int64 (k,), which of the n train.
        variables: V where the first 2V channels are values and masks: then only what was observed counts, not what was
            carried forward.

    Source of the way means are joined: Chan, Golub and LeVeque 1983, Am Stat 37:242-247.
    """
    wide = variables or values.shape[2]
    count, mean, square = np.zeros(wide, np.int64), np.zeros(wide), np.zeros(wide)
    low, high = np.full(wide, np.inf), np.full(wide, -np.inf)
    medians, lows = (
        np.full((len(position), wide), np.nan, np.float32),
        np.full((len(position), wide), np.nan, np.float32),
    )
    trains = np.zeros(len(position), bool)
    trains[train] = True
    order = np.argsort(position, kind="stable")  # in the order of the file
    step = max(1, _BLOCK_BYTES // max(1, 4 * values.shape[1] * values.shape[2]))
    stride = 1 if variables else -(-values.shape[1] // _STEPS)
    for first in range(0, len(order), step):
        chosen = order[first : first + step]
        block = values[position[chosen]]
        if variables:
            block = np.where(block[..., wide : 2 * wide] == 1, block[..., :wide], np.nan)
        medians[chosen] = _median(block[:, ::stride])
        lows[chosen] = np.fmin.reduce(block, axis=1)
        mine = block[trains[chosen]].reshape(-1, wide).astype(np.float64)
        known = ~np.isnan(mine)
        more = known.sum(axis=0)
        if not more.any():
            continue
        centre = np.where(known, mine, 0).sum(axis=0) / np.maximum(more, 1)
        total = count + more
        apart = centre - mean
        square += np.square(np.where(known, mine - centre, 0)).sum(axis=0)
        square += np.square(apart) * count * more / np.maximum(total, 1)
        mean += apart * more / np.maximum(total, 1)
        count = total
        low, high = np.fmin(low, np.fmin.reduce(mine, axis=0)), np.fmax(high, np.fmax.reduce(mine, axis=0))
    none = count == 0
    std = np.sqrt(square / np.maximum(count, 1))
    for array in (mean, std, low, high):
        array[none] = np.nan
    return Summary(count, mean, std, low, high, medians, lows)


def judge(
    summary: Summary, notes: Notes, names: Sequence[str], what: str, position: Index, rows: Index
) -> Iterator[Finding]:
    """Findings about the signals of one input.

    Args:
        summary: of V channels.
        notes: from decoding.
        names: of the V channels.
        what: the input's name.
        position: int64 (n,), places of the records that are kept.
        rows: int64 (n,), their row numbers.
    """
    yield from _channels(summary, notes, names, what)
    yield from _units(summary, names, what, rows)
    kept = {kind: rows[np.isin(position, places)] for kind, places in notes.positions.items()}
    if len(infinite := kept["infinite"]):
        yield about(
            "infinite_values", "warning", f"{what}: {_signals(infinite)} held infinity, taken as missing", infinite
        )
    if not notes.variables and len(gaps := kept["gaps"]):
        yield about("missing_steps", "note", f"{what}: {_signals(gaps)} held no number at some steps", gaps)
    length = f"{notes.shape[1]:,} steps"
    if len(shorter := kept["shorter"]):
        yield about(
            "padded", "note", f"{what}: {_signals(shorter)} had fewer than {length}, padded at the end", shorter
        )
    if len(longer := kept["longer"]):
        message = f"{what}: {_signals(longer)} had more than {length}, cut at the end"
        yield about("cut", "note", message, longer, f"Raise inputs.{what}.length where the end matters.")
    yield from _rates(notes, what, position, rows)
    yield from _left_out(notes, what)


def _channels(summary: Summary, notes: Notes, names: Sequence[str], what: str) -> Iterator[Finding]:
    empty = [name for name, count in zip(names, summary.count, strict=True) if not count]
    if empty:
        message = f"{what}: no training record has {_listed(empty)}; the model cannot use it"
        yield Finding(
            "not_in_training", "warning", message, remedy=f"Leave it out of inputs.{what}, or split otherwise."
        )
    flat = [name for name, low, high in zip(names, summary.low, summary.high, strict=True) if low == high]
    if flat:
        message = f"{what}: {_listed(flat)} is the same in all training records"
        remedy = "Only when it was observed can tell something." if notes.variables else "Look whether it was recorded."
        yield Finding("constant_channel", "warning", message, remedy=remedy)
    _, length, channels = notes.shape
    if not notes.variables and channels > length:
        message = f"{what}: {channels:,} channels of {length:,} steps: channels may stand where steps should"
        yield Finding("channels_first", "warning", message, remedy="Arrays are (records, steps, channels).")


def _units(summary: Summary, names: Sequence[str], what: str, rows: Index) -> Iterator[Finding]:
    for number, name in enumerate(names):
        medians, lows = summary.medians[:, number], summary.lows[:, number]
        known = np.isfinite(medians)
        if known.sum() < _ENOUGH or (lows[known] >= 0).mean() < _POSITIVE:
            continue
        positive = known & (medians > 0)
        if not positive.any():
            continue
        ratio = np.log(np.where(positive, medians, np.nan) / np.median(medians[positive]))
        # Enzymes and troponin span decades, and there a hundred times is no error.
        spread = 1.4826 * np.nanmedian(np.abs(ratio))
        strange = np.flatnonzero(np.abs(ratio) >= max(np.log(FACTOR) - 1e-6, SPREADS * spread))
        if 0 < len(strange) <= max(1, FEW * known.sum()):
            message = (
                f"{what}: in {_signals(rows[strange])} the values of {name} are at least {FACTOR:.0f} times larger or "
                "smaller than in the others: another unit?"
            )
            yield about("other_unit", "warning", message, rows[strange], "Convert them to one unit, or take them out.")


def _rates(notes: Notes, what: str, position: Index, rows: Index) -> Iterator[Finding]:
    if len(notes.rates) > 1:
        usual = max(notes.rates, key=lambda rate: len(notes.rates[rate]))
        other = [place for rate, places in notes.rates.items() if rate != usual for place in places]
        strange = rows[np.isin(position, other)]
        if len(strange):
            message = f"{what}: {_signals(strange)} have another rate than {usual} steps a second: time is stretched"
            yield about("rates_differ", "warning", message, strange, "Bring all files to one rate.")


def _left_out(notes: Notes, what: str) -> Iterator[Finding]:
    total = notes.left_out.get(observations.ALL, 0)
    reasons = {reason: n for reason, n in notes.left_out.items() if n and reason != observations.ALL}
    if count := sum(reasons.values()):
        parts = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items())
        message = f"{what}: {count:,} of {total:,} observations are left out: {parts}"
        yield Finding("observations_left_out", "warning" if count > FEW * total else "note", message, count=count)


def _median(values: Floats) -> Floats:
    """The lower median of each record and channel: (k, time, V) to (k, V); NaN where there is no number."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = (~np.isnan(ordered)).sum(axis=1)
    middle = np.maximum(count - 1, 0) // 2
    found: Floats = np.take_along_axis(ordered, middle[:, None, :], axis=1)[:, 0]
    return found


def _signals(rows: Index) -> str:
    return f"{len(rows):,} signal" + ("s" if len(rows) != 1 else "")


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
