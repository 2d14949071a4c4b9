"""The global view: what a method marks on the whole, over all records that were explained."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.regions import UNKNOWN
from automed.explain.subject import Array, Arrays, InputSpec, Subject

SEGMENTS = 20  # stretches into which the time of a signal is cut
MOST = 30  # elements that are listed
OFTEN = 3  # a word of fewer records says nothing about words

Floats = npt.NDArray[np.float32]


def overview(
    subject: Subject,
    arrays: Arrays,
    values: Mapping[str, Floats],
    regions: Mapping[str, Array],
    region_names: Mapping[str, tuple[str, ...]],
) -> dict[str, dict[str, Any]]:
    """By input, what explain.json says of it.

    Args:
        subject: whose inputs they are.
        arrays: by input (m, *shape), all explained records.
        values: by input (m, *map_shape).
        regions: by input uint8 (m, *map_shape), where known.
        region_names: their names.

    Returns:
        `kind`, `elements` (name, mean |value|, mean value, records), `segments` of a signal, `regions` (share of
        |value| in each), `share_of_input`.
    """
    strength = {name: np.nan_to_num(np.abs(one)).reshape(len(one), -1).sum(axis=1) for name, one in values.items()}
    whole = np.sum(list(strength.values()), axis=0)
    found = {}
    for spec in subject.inputs:
        own, raw = values[spec.name], arrays[spec.name]
        if np.isnan(own).all():
            continue
        share = strength[spec.name][whole > 0] / whole[whole > 0]
        entry: dict[str, Any] = {
            "kind": spec.kind,
            "elements": _elements(spec, raw, own),
            "share_of_input": float(share.mean()) if len(share) else None,
        }
        if spec.kind == "signal":
            entry["segments"] = _segments(spec, own)
        if spec.name in regions:
            entry["regions"] = _regions(own, regions[spec.name], region_names[spec.name])
        found[spec.name] = entry
    return found


def mean_map(spec: InputSpec, values: Floats) -> Floats | None:
    """Mean |value| at each place, where places mean the same in every record: images, signals, aligned sequences."""
    if spec.kind in ("image", "signal") or spec.facts.get("aligned"):
        strength = np.abs(values)
        count = np.isfinite(strength).sum(axis=0)
        return np.asarray(np.nansum(strength, axis=0) / np.maximum(count, 1), np.float32)
    return None


def _elements(spec: InputSpec, raw: Array, values: Floats) -> list[dict[str, Any]]:
    if spec.kind == "image":
        return []
    if spec.kind in ("text", "sequence"):
        return _tokens(spec, raw, values)
    # Of a signal what each variable has in a record; of a table each column.
    per_record = np.nansum(values, axis=1) if spec.kind == "signal" else values
    strength = np.nansum(np.abs(values), axis=1) if spec.kind == "signal" else np.abs(values)
    rows = [
        {
            "name": name,
            "mean_abs": _mean(strength[:, k]),
            "mean": _mean(per_record[:, k]),
            "n": int(np.isfinite(per_record[:, k]).sum()),
        }
        for k, name in enumerate(spec.elements)
    ]
    return _strongest(rows)


def _tokens(spec: InputSpec, raw: Array, values: Floats) -> list[dict[str, Any]]:
    """Tokens that stand in several records, by their mean |value| where they stand."""
    names = spec.facts.get("vocabulary") or spec.facts.get("alphabet") or ()
    records = np.broadcast_to(np.arange(len(raw))[:, None], raw.shape)
    here = (raw > 1) & np.isfinite(values)
    ids, own, of = raw[here], values[here], records[here]
    rows = []
    for token in np.unique(ids):
        chosen = ids == token
        n = len(np.unique(of[chosen]))
        if n >= OFTEN and token < len(names):
            rows.append(
                {
                    "name": str(names[int(token)]),
                    "mean_abs": _mean(np.abs(own[chosen])),
                    "mean": _mean(own[chosen]),
                    "n": n,
                }
            )
    return _strongest(rows)


def _segments(spec: InputSpec, values: Floats) -> list[dict[str, Any]]:
    step, unit = spec.facts.get("step") or 1, spec.facts.get("unit") or ""
    bounds = np.unique(np.linspace(0, values.shape[1], min(SEGMENTS, values.shape[1]) + 1).astype(int))
    # Sum over variables, mean over steps: segments of other lengths can be compared.
    strength = np.nansum(np.abs(values), axis=2)
    return [
        {
            "name": f"{low * step:g} to {high * step:g} {unit}".rstrip(),
            "mean_abs": float(strength[:, low:high].mean()),
        }
        for low, high in itertools.pairwise(bounds.tolist())
    ]


def _regions(values: Floats, regions: Array, names: tuple[str, ...]) -> dict[str, float]:
    """Share of |value| in each region, mean over the records whose region is known."""
    known = (regions != UNKNOWN).reshape(len(regions), -1).all(axis=1) & (regions > 0).reshape(len(regions), -1).any(
        axis=1
    )
    strength = np.nan_to_num(np.abs(values[known]))
    total = strength.reshape(len(strength), -1).sum(axis=1)
    some = total > 0
    if not some.any():
        return {}
    found = {}
    for k, name in enumerate(("elsewhere", *names)):
        inside = np.where(regions[known] == k, strength, 0.0).reshape(len(strength), -1).sum(axis=1)
        found[name] = float((inside[some] / total[some]).mean())
    return {**{name: found[name] for name in names}, "elsewhere": found["elsewhere"]}


def _strongest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -(row["mean_abs"] or 0.0))[:MOST]


def _mean(values: npt.NDArray[Any]) -> float | None:
    here = values[np.isfinite(values)]
    return float(here.mean()) if len(here) else None
