"""Signals with gaps made ready for a network."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from automed.models.facts import InputFacts
from automed.models.fronts.front import FARTHEST, Front, until_last
from automed.models.space import Space

LEAST = 1e-8  # a channel that varies less is constant: it says nothing, and dividing by it would make noise of it


def prepare(space: Space, raw: keras.KerasTensor, facts: InputFacts, name: str, architecture: str) -> Front:
    """Normalise channels by the training records, put 0 (their mean) where a value is missing, and say where that is.

    Channels come out in this order: values; masks, 1 where a value was observed; elapsed times. An irregular signal
    brings masks and times; to a regular one masks are added unless its facts say that nothing is ever missing.

    Args:
        space: is not asked.
        raw: float32 (n, steps, channels), NaN where nothing is known. Values of an irregular signal are carried
            forward.
        facts: `mean` and `std` of each channel; `roles` (value, mask or elapsed) and `usable` of each, all values and
            all usable where they are left out; `gaps`, the share of values that are missing, if it is known.
        name: of the input.
        architecture: that will read it.
    """
    stored, channels = facts.facts, facts.shape[-1]
    roles = list(stored.get("roles") or ["value"] * channels)
    usable = list(stored.get("usable") or [True] * channels)
    values = [i for i, role in enumerate(roles) if role == "value"]
    masks = [i for i, role in enumerate(roles) if role == "mask"]
    counted = [i for i in masks if usable[i]] or masks
    elapsed = [i for i, role in enumerate(roles) if role == "elapsed"]
    useful = [i for i in values if usable[i]] or values

    missing = ops.isnan(raw)
    seen = ops.cast(ops.logical_not(missing), "float32")
    filled = ops.where(missing, 0.0, raw)
    scale, offset = _affine(stored, roles, usable)
    x = keras.layers.Rescaling(scale, offset=offset, dtype="float32", name=f"standardise_{name}")(filled)
    x = ops.clip(x, -FARTHEST, FARTHEST)
    x = keras.layers.Multiply(dtype="float32", name=f"fill_{name}")([x, seen])

    observed = ops.cast(ops.greater(_take(filled, counted), 0.5), "float32") if masks else _take(seen, useful)
    mask = until_last(ops.max(observed, axis=2, keepdims=True))
    parts = [x] if values == list(range(channels)) else [_take(x, values), _take(x, masks), _take(x, elapsed)]
    if not masks and stored.get("gaps", 1.0):
        parts.append(observed)
    parts = [part for part in parts if part is not None]
    if len(parts) > 1:
        parts = [keras.layers.Concatenate(dtype="float32", name=f"channels_{name}")(parts)]
    prepared = keras.layers.Multiply(dtype="float32", name=f"preprocess_{name}")([parts[0], mask])
    return Front(prepared, mask, values=len(values) if masks else 0)


def _affine(stored: Any, roles: list[str], usable: list[bool]) -> tuple[list[float], list[float]]:
    """Factor and summand of each channel: (x - mean) / std for values and times, masks as they are, unusable ones 0."""
    scale, offset = [], []
    for role, able, mean, deviation in zip(roles, usable, stored["mean"], stored["std"], strict=True):
        factor = 0.0 if deviation is None or float(deviation) < LEAST else 1.0 / float(deviation)
        factor = able * (1.0 if role == "mask" else factor)
        scale.append(factor)
        offset.append(0.0 if role == "mask" else -float(mean or 0.0) * factor)
    return scale, offset


def _take(x: Any, channels: list[int]) -> Any:
    """These channels of x; None where there is none."""
    if not channels:
        return None
    return x if channels == list(range(x.shape[-1])) else ops.take(x, channels, axis=2)
