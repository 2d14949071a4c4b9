"""Players of a signal: stretches of time of one variable."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from automed.explain.players.record import Division
from automed.explain.subject import Array, InputSpec

STRETCHES = 4  # of each variable at least, as far as that does not make more than MORE times the parts
MORE = 3
DRAWS = 4  # training records whose course stands in for an irregular one


class Stretches:
    """Each variable that the record has, cut into equally many stretches of time.

    There are `parts` // variables stretches, but at least `STRETCHES`, so that something is said about time too: this
    makes more than `parts` players of many variables, up to `MORE` times as many, and beyond that stretches are fewer.
    If even the variables alone are more, neighbouring ones are one player. A stretch of an irregular variable is its
    value, mask and elapsed time together.
    """

    fill = "the mean training record; of an irregular signal, the courses of training records"

    def divide(self, spec: InputSpec, record: Array, parts: int, seed: int) -> Division:
        """Cut a signal; its end without a value, and variables without any value, belong to no player."""
        seen = _observed(spec, record)  # (steps, variables)
        present, steps = np.flatnonzero(seen.any(axis=0)), _end(seen)
        part = np.full(spec.map_shape, -1, np.int32)
        if not len(present):
            return Division(part, ())
        most = MORE * parts
        stretches = max(parts // len(present), min(STRETCHES, most // len(present)))
        groups, stretches = min(len(present), most), min(max(1, stretches), steps)
        time = np.arange(steps) * stretches // steps
        group = np.arange(len(present)) * groups // len(present)
        part[:steps, present] = group[None] * stretches + time[:, None]
        members = [[spec.elements[present[place]] for place in np.flatnonzero(group == g)] for g in range(groups)]
        told = [one[0] if len(one) == 1 else f"{one[0]} to {one[-1]}" for one in members]
        bounds = np.searchsorted(time, np.arange(stretches + 1))
        when = [_when(spec, int(a), int(b)) for a, b in pairwise(bounds)]
        if stretches == 1:
            return Division(part, tuple(told))
        return Division(part, tuple(f"{name}, {stretch}" for name in told for stretch in when))

    def stand_ins(self, spec: InputSpec, record: Array, background: Array, seed: int) -> Array:
        """What stands where a stretch is hidden.

        A regular signal has one stand-in, the mean training record: each channel at each step. An irregular one has no
        mean (a mask is 0 or 1), so up to `DRAWS` training records stand in, each with the value, mask and elapsed
        time of the same step together: what the model reads there has been read of a patient. A value that was
        observed in a hidden stretch and carried forward into a shown one is shown there: it is what the model reads.

        Returns:
            (r, steps, channels).
        """
        there = background[_observed(spec, background).any(axis=(1, 2))]
        if "mask" in _roles(spec):
            if len(there):
                drawn = np.random.default_rng(seed).permutation(len(there))[:DRAWS]
                return np.asarray(there[drawn].astype(record.dtype))
            return _never_observed(spec, record)
        known = ~np.isnan(there)
        count, total = known.sum(axis=0), np.where(known, there, 0.0).sum(axis=0, dtype=np.float64)
        overall = np.where(count.sum(axis=0) > 0, total.sum(axis=0) / np.maximum(count.sum(axis=0), 1), _means(spec))
        usual = np.where(count > 0, total / np.maximum(count, 1), overall[None])
        return np.asarray(usual[None].astype(record.dtype))


def _roles(spec: InputSpec) -> list[str]:
    """Of each channel: value, mask or elapsed."""
    return list(spec.facts.get("roles") or ["value"] * spec.shape[-1])


def _means(spec: InputSpec) -> npt.NDArray[np.float64]:
    """Of each channel over the training records, 0 where it is not known."""
    told = spec.facts.get("mean") or [0.0] * spec.shape[-1]
    return np.array([value or 0.0 for value in told], np.float64)


def _observed(spec: InputSpec, signals: Array) -> npt.NDArray[np.bool_]:
    """Where a variable has a value of its own: bool (..., steps, variables) of signals (..., steps, channels).

    Of an irregular signal that is where its mask says so: its values are carried forward to the end.
    """
    roles = np.array(_roles(spec))
    telling = "mask" if "mask" in roles else "value"
    seen = np.zeros((*signals.shape[:-1], len(spec.elements)), bool)
    for channel in np.flatnonzero(roles == telling):
        values = signals[..., channel]
        seen[..., spec.owner[channel]] |= values > 0.5 if telling == "mask" else ~np.isnan(values)
    return seen


def _end(seen: npt.NDArray[np.bool_]) -> int:
    """Steps up to the last one in which any variable has a value: what follows is padding."""
    return int(np.flatnonzero(seen.any(axis=1)).max(initial=-1)) + 1


def _never_observed(spec: InputSpec, record: Array) -> Array:
    """An irregular signal without any observation: means, masks of 0, and a time since the start that grows."""
    roles, steps = np.array(_roles(spec)), spec.shape[0]
    made = np.where(roles == "value", _means(spec), 0.0)[None].repeat(steps, axis=0)
    made[:, roles == "elapsed"] = np.arange(1, steps + 1)[:, None]
    return np.asarray(made[None].astype(record.dtype))


def _when(spec: InputSpec, first: int, end: int) -> str:
    """The steps from `first` to before `end` in words, as times where it is known how long a step is."""
    step, unit = spec.facts.get("step"), spec.facts.get("unit")
    if not step:
        return f"steps {first + 1} to {end}" if end > first + 1 else f"step {end}"
    decimals = max(0, 1 - math.floor(math.log10((end - first) * step)))  # two figures of how long the stretch is
    begins, ends = (f"{place * step:.{decimals}f}" for place in (first, end))
    if decimals:
        begins, ends = (text.rstrip("0").rstrip(".") for text in (begins, ends))
    return f"{begins} to {ends} {unit}" if unit else f"time {begins} to {ends}"


KIND = Stretches()
