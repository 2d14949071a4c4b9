"""Maps of two explanations held against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from automed.errors import AutomedError, RunError
from automed.explain.attribution import Attribution
from automed.explain.infill import cells
from automed.explain.players import DIVISIONS
from automed.explain.subject import Arrays, Subject, take
from automed.explain.validation.subject import Trial

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TITLES = {
    "shap": "SHAP",
    "lime": "LIME",
    "gradcam": "Grad-CAM",
    "integrated_gradients": "integrated gradients",
    "occlusion": "occlusion",
}
FEW = 8  # cases that are explained again, with other weights, seeds and noise
_DIGITS = 5  # of the greatest value; smaller differences are those of float32, not of the method
_NOTHING = 1e-9  # a map that varies less than this says nothing


def title(method: str) -> str:
    """The name of a method for people."""
    return TITLES.get(method, method)


def few(trial: Trial) -> npt.NDArray[np.int64]:
    """Up to FEW of the cases: one of each patient first, so that an interval rests on as many patients as it can."""
    first = np.unique(trial.cases.patients, return_index=True)[1]
    rest = np.setdiff1d(np.arange(len(trial.cases)), first)
    return np.sort(np.concatenate([np.sort(first), rest])[:FEW]).astype(np.int64)


def again(
    trial: Trial, method: str, subject: Subject, index: npt.NDArray[np.int64], seed: int, arrays: Arrays | None = None
) -> Attribution | str:
    """Explain some cases once more; where the method cannot, its reason.

    Args:
        trial: for its methods and cases.
        method: by name.
        subject: the model or a copy of it.
        index: which cases.
        seed: of the method.
        arrays: their records where not those of the cases.
    """
    records = take(trial.cases.arrays, index) if arrays is None else arrays
    try:
        return trial.methods[method](subject, records, trial.cases.classes[index], seed)
    except (RunError, MemoryError):
        raise
    except AutomedError as error:
        return error.what
    except Exception as error:  # noqa: BLE001  # random weights and noise are unusual; what fails costs one check
        return f"it failed with {type(error).__name__}"


def there(trial: Trial) -> Mapping[str, Bools]:
    """Elements that the records have (no padding, no lead that is absent): by input bool (n, *map_shape)."""

    def compute() -> dict[str, Bools]:
        found = {}
        for spec in trial.subject.inputs:
            kind = DIVISIONS.load(spec.kind)
            records = trial.cases.arrays[spec.name]
            found[spec.name] = np.stack([kind.divide(spec, record, 1, trial.seed).part >= 0 for record in records])
        return found

    known: Mapping[str, Bools] = trial.once("there", compute)
    return known


def alike(
    trial: Trial,
    one: Attribution,
    other: Attribution,
    index: npt.NDArray[np.int64],
    *,
    first: npt.NDArray[np.int64] | None = None,
    size: bool = False,
) -> Floats:
    """Spearman correlation of the maps of the same cases: float64 (len(index),).

    Values of parts are compared part by part where both maps have the same parts, else element by element. A constant
    map has no order; held against one that has, it counts as no correlation.

    Args:
        trial: for what the records have.
        one: explanations of cases.
        other: explanations of the cases `index`, in that order.
        index: which cases.
        first: where these are in `one`; at `index` where left out.
        size: compare absolute values.

    Returns:
        NaN where `one` is constant or says nothing.
    """
    found = np.full(len(index), np.nan)
    for j, case in enumerate(index):
        i = int(case if first is None else first[j])
        a, b = _vectors(trial, one, i, other, j, int(case))
        if size:
            a, b = np.abs(a), np.abs(b)
        found[j] = spearman(a, b)
    return found


def spearman(a: Floats, b: Floats) -> float:
    """Rank correlation; NaN where the first varies not at all, 0 where only the second does not."""
    a, b = ranks(a), ranks(b)
    if not len(a) or np.ptp(a) == 0:
        return float("nan")
    return 0.0 if np.ptp(b) == 0 else float(np.corrcoef(a, b)[0, 1])


def ranks(values: Floats) -> Floats:
    """Ranks of values, those that are equal within float32 sharing one."""
    if not len(values) or np.ptp(values) < _NOTHING:
        return np.zeros(len(values))
    return np.asarray(rankdata(np.round(values / np.abs(values).max(), _DIGITS)), np.float64)


def _vectors(trial: Trial, one: Attribution, i: int, other: Attribution, j: int, case: int) -> tuple[Floats, Floats]:
    """Values of a case in both explanations, only where both say something."""
    names = trial.subject.names
    same = all(
        name in one.parts and name in other.parts and np.array_equal(one.parts[name][i], other.parts[name][j])
        for name in names
    )
    if same:
        a, b = of_parts(one, i, names), of_parts(other, j, names)
    else:
        shown = {name: known[case] for name, known in there(trial).items()}
        a, b = (
            np.concatenate([found.values[name][k][shown[name]].astype(np.float64) for name in names])
            for found, k in ((one, i), (other, j))
        )
    both = np.isfinite(a) & np.isfinite(b)
    return a[both], b[both]


def of_parts(found: Attribution, i: int, names: tuple[str, ...]) -> Floats:
    """Values of the parts of one explanation, float64 (parts,), counted through over the inputs."""
    return summed(flat(found, i, names), np.concatenate([found.parts[name][i].ravel() for name in names]))


def summed(values: npt.NDArray[Any], parts: npt.NDArray[Any]) -> Floats:
    """Sums of values over each part, float64 (parts,); of a part that holds NaN, NaN."""
    known = parts >= 0
    place = np.unique(parts[known], return_inverse=True)[1]
    return np.asarray(np.bincount(place, values[known].astype(np.float64)), np.float64)


def coarse(trial: Trial, case: int, found: Sequence[Attribution]) -> npt.NDArray[np.int64]:
    """The coarsest division of a case that one of the explanations has; cells of equal size where none has parts.

    Returns:
        int64 (elements of all inputs,), numbers of the units, -1 none.
    """
    names = trial.subject.names
    divisions = [
        np.concatenate([one.parts[name][case].ravel() for name in names]).astype(np.int64)
        for one in found
        if all(name in one.parts for name in names)
    ]
    if divisions:
        return min(divisions, key=lambda one: len(np.unique(one)))
    units, count = [], 0
    for spec in trial.subject.inputs:
        own = cells(spec, trial.cases.arrays[spec.name][case], trial.seed).ravel()
        units.append(np.where(own >= 0, own + count, -1))
        count += int(own.max(initial=-1)) + 1
    return np.concatenate(units)


def flat(found: Attribution, case: int, names: tuple[str, ...]) -> Floats:
    """Values of a case over all inputs: float64 (elements,)."""
    return np.concatenate([found.values[name][case].ravel() for name in names]).astype(np.float64)
