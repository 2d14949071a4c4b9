"""Orders of removal that know nothing of the model: what a method's map has to do better than.

A place in the middle, a place at the edge and a strong value often matter to a classifier, whatever it has learnt. A
map that only repeats one of them explains nothing, and looks convincing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from automed.explain.subject import Array, InputSpec
from automed.explain.validation.subject import Trial

Floats = npt.NDArray[np.float64]

_TINY = 1e-12

CONTROLS = {
    "random": "orders drawn by chance",
    "centre": "the middle first",
    "edges": "the edges first",
    "magnitude": "what differs most from the mean training record first",
}


def orders_of_controls(
    trial: Trial, case: int, where: Mapping[str, npt.NDArray[np.int64]], count: int
) -> dict[str, Floats]:
    """Keys (cells,) by which the cells of one case are ordered, the greatest first; edges are the centre reversed.

    Each input's keys are ranks from 0 to 1, so that inputs of different units mix; an input that has no middle is
    ordered by chance. A control that suits none of the inputs is left out.

    Args:
        trial: for its cases and inputs.
        case: which of the cases.
        where: by input, int64 (*map_shape), the cell of an element, counted through; -1 none.
        count: cells in all.
    """
    random = np.random.default_rng([trial.seed, case, 1])
    keys = {}
    for name, measure in (("centre", _nearness), ("magnitude", _strength)):
        key, suits = np.zeros(count), False
        for spec in trial.subject.inputs:
            own = where[spec.name]
            there = own >= 0
            if not there.any():
                continue
            numbers, place = np.unique(own[there], return_inverse=True)
            values = measure(spec, trial.cases.arrays[spec.name][case], trial.cases.background[spec.name])
            if values is None:
                ranked = random.permutation(len(numbers))
            else:
                suits = True
                means = np.bincount(place, values[there]) / np.bincount(place)
                ranked = np.unique(means, return_inverse=True)[1]
            key[numbers] = (ranked + 0.5) / (ranked.max() + 1)
        if suits:
            keys[name] = key
    return keys


def _nearness(spec: InputSpec, record: Array, background: Array) -> Floats | None:
    """Nearness to the middle of an image, or of the time of a signal or sequence: (*map_shape)."""
    if spec.kind == "image":
        y, x = (np.abs(np.arange(size) - (size - 1) / 2) / max(size, 1) for size in spec.map_shape)
        return np.asarray(-np.hypot(y[:, None], x))
    if spec.kind in ("signal", "sequence"):
        steps = spec.map_shape[0]
        nearness = -np.abs(np.arange(steps) - (steps - 1) / 2)
        return nearness if spec.kind == "sequence" else np.repeat(nearness[:, None], spec.map_shape[1], axis=1)
    return None


def _strength(spec: InputSpec, record: Array, background: Array) -> Floats | None:
    """How unusual each value is: distance from the mean training record, or rarity of a token or category."""
    if spec.kind in ("text", "sequence"):
        tokens, times = np.unique(background, return_counts=True)
        often = dict(zip(tokens.tolist(), times.tolist(), strict=True))
        return np.array([-float(often.get(token, 0)) for token in record.tolist()])
    known = ~np.isnan(background)
    kept = np.where(known, background, 0.0).astype(np.float64)
    count = np.maximum(known.sum(axis=0), 1)
    usual = kept.sum(axis=0) / count
    far = np.nan_to_num(np.abs(record - usual))
    if spec.kind == "image":
        return np.asarray(far.mean(axis=-1))
    spread = np.where(known, np.square(kept - usual), 0.0).sum(axis=0)
    if spec.kind == "signal":  # one unit a channel, for all of its time
        return _of_variables(spec, far / np.sqrt(spread.sum(axis=0) / count.sum(axis=0) + _TINY))
    far = far / np.sqrt(spread / count + _TINY)
    for k, feature in enumerate(spec.facts.get("features") or ()):
        if feature.get("kind") == "category":
            far[k] = 1.0 - float((background[:, k] == record[k]).mean())
    return np.asarray(far)


def _of_variables(spec: InputSpec, far: Floats) -> Floats:
    """What the value channel of each variable has: (steps, variables)."""
    made = np.zeros(spec.map_shape)
    roles = spec.facts.get("roles") or ["value"] * spec.shape[-1]
    for channel, variable in enumerate(spec.owner):
        if roles[channel] == "value":
            made[:, variable] = far[:, channel]
    return made
