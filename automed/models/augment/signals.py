"""Signals: amplitude, noise, a shift in time, a lost channel; before they are normalised, so that a gap is a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from automed.models.facts import InputFacts


@dataclass(frozen=True)
class Strength:
    """How far a signal may be changed."""

    scale: float  # logarithm of the factor on the amplitude, either way
    jitter: float  # standard deviations of the channel
    shift: float  # share of the length, either way
    drop: float  # chance of a record that it loses a channel


STRENGTHS = {
    "light": Strength(scale=0.1, jitter=0.05, shift=0.05, drop=0.1),
    "strong": Strength(scale=0.25, jitter=0.15, shift=0.15, drop=0.3),
}


class AugmentSignals(keras.layers.Layer):
    """Changes each signal of a batch by chance while training, and passes signals through otherwise.

    Args:
        kinds: among scale (amplitude about the mean), jitter (noise), time_shift (what comes in is missing), lead_drop
            (one channel is missing).
        strength: light or strong.
        facts: of the input: `mean`, `std` and `roles` of the channels; masks and times are left alone.
        name: of the layer.

    float32 (n, steps, channels), raw, NaN where a value is missing -> the same shape; what is missing stays missing.
    """

    raw = True  # it changes the input before the front

    def __init__(self, kinds: tuple[str, ...], strength: str, facts: InputFacts, name: str | None = None) -> None:
        super().__init__(name=name, dtype="float32")
        self._kinds = frozenset(kinds)
        self._strength = STRENGTHS[strength]
        self._draw = keras.random.SeedGenerator()
        channels = facts.shape[-1]
        roles = facts.facts.get("roles") or ["value"] * channels
        value = np.array([role == "value" for role in roles])
        self._value = value.astype(np.float32)
        self._mean = np.where(value, _numbers(facts.facts["mean"]), 0.0).astype(np.float32)
        self._std = np.where(value, _numbers(facts.facts["std"]), 0.0).astype(np.float32)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            return x
        if "scale" in self._kinds:
            reach = self._strength.scale
            factor = ops.exp(self._even((ops.shape(x)[0], 1, 1), -reach, reach))
            # Masks and times have a mean of 0 here, and their factor is 1.
            factor = 1.0 + (factor - 1.0) * self._value
            x = self._mean + factor * (x - self._mean)
        if "jitter" in self._kinds:
            noise = keras.random.normal(ops.shape(x), dtype="float32", seed=self._draw)
            x = x + self._strength.jitter * self._std * noise
        if "time_shift" in self._kinds:
            x = self._shifted(x)
        if "lead_drop" in self._kinds and self._value.sum() > 1:
            x = self._without_a_lead(x)
        return x

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def _shifted(self, x: Any) -> Any:
        steps, channels = x.shape[1:]
        n = ops.shape(x)[0]
        reach = max(1.0, self._strength.shift * steps)
        shift = ops.cast(ops.round(self._even((n, 1), -reach, reach)), "int32")
        source = ops.arange(steps, dtype="int32")[None, :] - shift
        inside = ops.logical_and(source >= 0, source < steps)
        rows = ops.arange(n, dtype="int32")[:, None] * steps + ops.clip(source, 0, steps - 1)
        moved = ops.take(ops.reshape(x, (-1, channels)), ops.reshape(rows, (-1,)), axis=0)
        return ops.where(inside[:, :, None], ops.reshape(moved, (-1, steps, channels)), float("nan"))

    def _without_a_lead(self, x: Any) -> Any:
        n, channels = ops.shape(x)[0], x.shape[2]
        # The value channel with the greatest lot is the one that goes.
        lot = self._even((n, channels), 0.0, 1.0) + self._value
        chosen = ops.equal(ops.arange(channels)[None, :], ops.expand_dims(ops.argmax(lot, axis=1), -1))
        unlucky = self._even((n, 1), 0.0, 1.0) < self._strength.drop
        return ops.where(ops.logical_and(chosen, unlucky)[:, None, :], float("nan"), x)

    def _even(self, shape: tuple[Any, ...], low: float, high: float) -> Any:
        return keras.random.uniform(shape, low, high, dtype="float32", seed=self._draw)


def _numbers(values: Any) -> np.ndarray:
    """None, of a channel that was never seen, as 0."""
    return np.array([value or 0.0 for value in values], np.float32)
