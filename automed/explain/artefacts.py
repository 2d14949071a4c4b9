"""What explaining leaves behind: explain.json and attributions.npz of a finalist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.dataset import Dataset
from automed.data.regions import UNKNOWN
from automed.explain.attribution import Attribution
from automed.explain.overview import mean_map, overview
from automed.explain.subject import Array, Arrays, Subject, length
from automed.explain.validation.subject import Cases
from automed.explain.validation.verdict import Finding
from automed.recipe.explain import Explain
from automed.run import Finalist, now, write_atomically

VERSION = 1


@dataclass(frozen=True, eq=False)
class Shown:
    """The records that are shown, and what is known of them.

    Attributes:
        arrays: by input (n, *shape).
        classes: int64 (n,), the class that is explained.
        probabilities: float32 (n, K).
        decided: by the model, int64 (n,) or (n, labels).
        y: the reference standard, like `decided`; None for new records.
        record: int64 (n,), row numbers; of new records from 1.
        reasons: of each (reason, why).
        regions: by input uint8 (n, *map_shape), where known.
    """

    arrays: Arrays
    classes: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    decided: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64] | None
    record: npt.NDArray[np.int64]
    reasons: tuple[tuple[str, str], ...]
    regions: Mapping[str, npt.NDArray[np.uint8]]


def document(
    subject: Subject,
    data: Dataset,
    shown: Shown,
    found: Mapping[str, Attribution],
    missing: list[dict[str, str]],
    tested: Cases | None,
    again: Mapping[str, Attribution],
    verdicts: Mapping[str, tuple[str, tuple[Finding, ...]]],
    settings: Explain,
) -> dict[str, Any]:
    """The content of explain.json."""
    names = {name: list(own) for name in data.arrays if (own := data.region_names(name))}
    return {
        "version": VERSION,
        "made": now(),
        "seed": settings.seed,
        "settings": settings.model_dump(mode="json", by_alias=True),
        "classes": [{"key": entry["key"], "name": entry["name"]} for entry in data.facts["classes"]],
        "cases": [
            {"record": int(record), "class": int(k), "reason": reason, "why": why}
            for record, k, (reason, why) in zip(shown.record, shown.classes, shown.reasons, strict=True)
        ],
        "regions": names,
        "tested": None if tested is None else {"n": len(tested), "patients": len(np.unique(tested.patients))},
        "validated": tested is not None,
        "not_applicable": missing,
        "methods": [
            _method(subject, shown, tested, attribution, again.get(name), *verdicts[name], names)
            for name, attribution in found.items()
        ],
    }


def _method(
    subject: Subject,
    shown: Shown,
    tested: Cases | None,
    found: Attribution,
    again: Attribution | None,
    verdict: str,
    findings: tuple[Finding, ...],
    names: Mapping[str, list[str]],
) -> dict[str, Any]:
    gap = found.gap
    arrays, values, regions = _all(shown, tested, found, again)
    return {
        "name": found.method,
        "explainer": found.explainer,
        "reason": found.reason,
        "parameters": dict(found.parameters),
        "unit": found.unit,
        "signed": found.signed,
        "seconds": round(found.seconds, 2),
        "seconds_per_case": round(found.seconds / max(len(found), 1), 3),
        "gap": None if gap is None else {"mean": float(gap.mean()), "largest": float(gap.max())},
        "cases": [
            {
                "output": float(found.output[i]),
                "base": None if found.base is None else float(found.base[i]),
                "gap": None if gap is None else float(gap[i]),
                "notes": {name: float(numbers[i]) for name, numbers in found.notes.items()},
                "inputs": {name: float(np.nansum(one[i])) for name, one in found.values.items()},
            }
            for i in range(len(found))
        ],
        "overview": overview(subject, arrays, values, regions, {name: tuple(own) for name, own in names.items()}),
        "verdict": verdict,
        "findings": [asdict(finding) for finding in findings],
    }


def _all(
    shown: Shown, tested: Cases | None, found: Attribution, again: Attribution | None
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Arrays, values and regions of the records that were explained, shown ones and tested ones."""
    if tested is None or again is None:
        return dict(shown.arrays), dict(found.values), dict(shown.regions)

    def both(first: Mapping[str, Array], second: Mapping[str, Array]) -> dict[str, Array]:
        return {name: np.concatenate([first[name], second[name]]) for name in first if name in second}

    # New records have no regions: those of the tested ones then stand beside unknown ones.
    known = dict(shown.regions) or {
        name: np.full((length(shown.arrays), *values.shape[1:]), UNKNOWN, np.uint8)
        for name, values in tested.regions.items()
    }
    return both(shown.arrays, tested.arrays), both(found.values, again.values), both(known, tested.regions)


def write_arrays(
    finalist: Finalist,
    shown: Shown,
    found: Mapping[str, Attribution],
    again: Mapping[str, Attribution],
    tested: Cases | None,
    subject: Subject,
) -> None:
    """attributions.npz."""
    arrays: dict[str, Any] = {
        "record": shown.record,
        "decided": shown.decided,
        "probabilities": shown.probabilities,
        "class": shown.classes,
        "reason": np.array([reason for reason, _ in shown.reasons], dtype=np.str_),
    }
    if shown.y is not None:
        arrays["label"] = shown.y
    arrays.update({f"input_{name}": values for name, values in shown.arrays.items()})
    arrays.update({f"region_{name}": values for name, values in shown.regions.items()})
    for name, attribution in found.items():
        arrays.update({f"{name}/{key}": values for key, values in attribution.values.items()})
        arrays.update({f"{name}/{key}/parts": values for key, values in attribution.parts.items()})
        raw, values, _ = _all(shown, tested, attribution, again.get(name))
        for spec in subject.inputs:
            if (mean := mean_map(spec, values[spec.name])) is not None:
                arrays[f"overview/{name}/{spec.name}/mean"] = mean
            if spec.kind == "tabular":
                arrays[f"overview/{name}/{spec.name}/values"] = values[spec.name]
                arrays[f"overview/{spec.name}/raw"] = raw[spec.name]

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    write_atomically(finalist.attributions, write)
