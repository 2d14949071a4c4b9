"""Corruptions of signals: float32 (n, steps, channels), NaN where nothing is known, which stays so.

What disturbs an ECG comes from electrodes, breath, muscles and the mains. Amounts are counted in standard deviations
of the training records, for units differ; how large they are is our own choice.

Source: Friesen et al. 1990, IEEE Trans Biomed Eng 37(1):85-98 (drift with respiration, electromyographic and powerline
interference as what a reader of ECGs must bear).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automed.data.corruptions.corruption import Array, Corruption, Facts, Shape, as_before, fixed

SLOWEST, FASTEST = 0.15, 0.5  # Hz, breaths at rest and in distress: 9 to 30 a minute
MAINS = 50.0  # Hz

Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def places(facts: Facts, channels: int, role: str = "value") -> Places:
    """The channels of one role, value, mask or elapsed: int64."""
    roles = facts.get("roles") or ["value"] * channels
    return np.array([place for place, each in enumerate(roles) if each == role], np.int64)


def _usable(facts: Facts, channels: int) -> Places:
    """The value channels that training records have."""
    usable = facts.get("usable") or [True] * channels
    return np.array([place for place in places(facts, channels) if usable[place]], np.int64)


def _numbers(facts: Facts, key: str, chosen: Places) -> Floats:
    """`mean` or `std` of channels, 0 where it is not known."""
    return np.array([facts[key][place] or 0.0 for place in chosen], np.float32)


def rate(facts: Facts) -> float | None:
    """Values a second, where it is known."""
    step = facts.get("step")
    return 1.0 / float(step) if step and facts.get("unit") == "s" else None


def _add(values: Array, facts: Facts, waves: Floats) -> Array:
    """Add waves, in standard deviations of each usable channel: (n, steps, 1 or channels)."""
    chosen = _usable(facts, values.shape[2])
    changed = values.copy()
    changed[..., chosen] += waves * _numbers(facts, "std", chosen)
    return changed


def _lead_drop(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """Some leads of each record are a flat line at the mean of the training records; of 12 leads 1, 2, 3, 4 or 6."""
    chosen = _usable(facts, values.shape[2])
    count = min(max(1, round(amount * len(chosen))), len(chosen) - 1)
    rank = rng.random((len(values), len(chosen))).argsort(axis=1).argsort(axis=1)
    lost = np.zeros((len(values), 1, values.shape[2]), bool)
    lost[:, 0, chosen] = rank < count
    mean = np.zeros(values.shape[2], np.float32)
    mean[chosen] = _numbers(facts, "mean", chosen)
    return np.where(lost & ~np.isnan(values), mean, values)


def _wander(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """A sine of one frequency a record, which reaches each lead at another phase."""
    n, steps, _ = values.shape
    chosen = _usable(facts, values.shape[2])
    frequency = rng.uniform(SLOWEST, FASTEST, (n, 1, 1))
    phase = rng.uniform(0, 2 * np.pi, (n, 1, len(chosen)))
    seconds = np.arange(steps)[None, :, None] / (rate(facts) or 1.0)
    return _add(values, facts, (amount * np.sin(2 * np.pi * frequency * seconds + phase)).astype(np.float32))


def _hum(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    phase = rng.uniform(0, 2 * np.pi, (len(values), 1, 1))
    seconds = np.arange(values.shape[1])[None, :, None] / (rate(facts) or 1.0)
    return _add(values, facts, (amount * np.sin(2 * np.pi * MAINS * seconds + phase)).astype(np.float32))


def _noise(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """Noise of each value; of an irregular signal of each observation, which is carried forward with it."""
    n, steps, channels = values.shape
    chosen, masks = _usable(facts, channels), places(facts, channels, "mask")
    noise = rng.standard_normal((n, steps, len(chosen)), np.float32)
    if len(masks):
        observed = values[..., masks[np.searchsorted(places(facts, channels), chosen)]] > 0
        latest = np.maximum.accumulate(np.where(observed, np.arange(steps)[:, None], 0), axis=1)
        noise = np.take_along_axis(noise, latest, axis=1)
    return as_before(values, _add(values, facts, np.float32(amount) * noise))


def _one_lead(facts: Facts, shape: Shape) -> str | None:
    if facts.get("irregular"):
        return "the signal is of observations: missing_variables takes them away"
    return None if len(_usable(facts, shape[1])) > 1 else "nothing would be left of the one lead"


def _no_breath(facts: Facts, shape: Shape) -> str | None:
    known = rate(facts)
    if known is None:
        return "how many values a second has is not known"
    needed = 2 * FASTEST
    return None if known > needed else f"a breath cannot be told at {known:g} values a second"


def _no_mains(facts: Facts, shape: Shape) -> str | None:
    known = rate(facts)
    if known is None:
        return "how many values a second has is not known"
    return None if known > 2 * MAINS else f"{MAINS:g} Hz cannot be told at {known:g} values a second"


LEAD_DROP = Corruption(
    "loss of leads",
    "share of the leads that are lost",
    _lead_drop,
    fixed(1 / 12, 1 / 6, 1 / 4, 1 / 3, 1 / 2),
    _one_lead,
)
_DEVIATIONS = "standard deviations of the training records"
BASELINE_WANDER = Corruption(
    "baseline wander", f"amplitude, {_DEVIATIONS}", _wander, fixed(0.25, 0.5, 1.0, 2.0, 4.0), _no_breath
)
GAUSSIAN_NOISE = Corruption("Gaussian noise", _DEVIATIONS, _noise, fixed(0.1, 0.2, 0.4, 0.8, 1.6))
POWERLINE = Corruption("hum of the mains", f"amplitude, {_DEVIATIONS}", _hum, fixed(0.1, 0.2, 0.4, 0.8, 1.6), _no_mains)
