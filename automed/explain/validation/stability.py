"""Would another seed, or noise that changes nothing, give the same map?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import Attribution
from automed.explain.subject import Array, InputSpec, take
from automed.explain.validation.maps import again, alike, few, there, title
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import (
    FAILED,
    PASSED,
    UNDECIDED,
    Figure,
    Finding,
    at_least,
    mean_with_interval,
    words,
    worst,
)

Floats = npt.NDArray[np.float64]

SEEDS = 2  # beside the first one
LIMITS = (
    "A stable map may be stably wrong. Noise is slight and independent from place to place; it is not another "
    "examination of the same patient."
)


def check(trial: Trial) -> dict[str, Finding]:
    """Rank correlation of maps between seeds, and between a record and the same with slight noise.

    Of noisy records only those count whose decided class stays. Words and letters have no slight noise; for them only
    seeds are compared. A method without chance has the same map from every seed, and rests on noise. Passed where both
    intervals lie wholly at or above `stable` of the recipe's thresholds, failed where one lies wholly below.

    Source: Agarwal et al. 2022 (OpenXAI), arXiv:2206.11104, section 3.3 (relative stability).
    """
    chosen = few(trial)
    noisy = _noisy(trial, chosen)
    found = {}
    for done, name in enumerate(trial.attributions):
        trial.tell("explain again with other seeds and noise", done, len(trial.attributions))
        found[name] = _finding(trial, name, chosen, noisy)
    trial.tell("explain again with other seeds and noise", len(found), len(found))
    return found


def _finding(trial: Trial, name: str, chosen: npt.NDArray[np.int64], noisy: dict[str, Array] | None) -> Finding:
    patients, limit = trial.cases.patients[chosen], trial.settings.thresholds.stable
    own = trial.attributions[name]
    seeds, problem = _between_seeds(trial, name, chosen)
    figures: dict[str, Figure] = {}
    if seeds is not None:
        what = "rank correlation between maps of other seeds"
        figures["seeds"] = mean_with_interval(seeds, patients, what, trial.seed)
    if noisy is not None and not problem:
        other = again(trial, name, trial.subject, chosen, trial.seed, noisy)
        if isinstance(other, str):
            problem = other
        else:
            values = np.where(_stays(trial, chosen, noisy), alike(trial, own, other, chosen), np.nan)
            figures["noise"] = mean_with_interval(
                values, patients, "rank correlation with the map of the record with slight noise", trial.seed
            )
    if problem:
        sentence = f"{title(name)} could not explain the records again: {problem}."
        return Finding("stability", UNDECIDED, sentence, figures, LIMITS)
    verdict = worst(at_least(figure, limit) for figure in figures.values())
    said = []
    if seeds is None:
        said.append("every seed gives the same map")
    else:
        said.append(f"between seeds it is {words(figures['seeds'])}")
    if "noise" in figures:
        said.append(f"with slight noise it is {words(figures['noise'])}")
    if not figures:
        sentence = (
            f"{title(name)} has no chance in it, and these inputs have no slight noise: it is stable by construction."
        )
        return Finding("stability", PASSED, sentence, figures, LIMITS)
    why = {PASSED: f"at least {limit:g}, as it should be", FAILED: f"less than the {limit:g} that it should be"}
    sentence = (
        f"How alike the maps of {title(name)} are (rank correlation): {'; '.join(said)}. "
        f"This is {why.get(verdict, f'not decided against the {limit:g} that it should be')}."
    )
    return Finding("stability", verdict, sentence, figures, LIMITS)


def _between_seeds(trial: Trial, name: str, chosen: npt.NDArray[np.int64]) -> tuple[Floats | None, str]:
    """Mean correlation of each case between the maps of all seeds, None of a method without chance; or a reason."""
    own = trial.attributions[name]
    others: list[Attribution] = []
    for k in range(SEEDS):
        other = again(trial, name, trial.subject, chosen, trial.seed + 1 + k)
        if isinstance(other, str):
            return None, other
        if k == 0 and _same(own, other, chosen):
            return None, ""
        others.append(other)
    pairs = [alike(trial, own, other, chosen) for other in others]
    places = np.arange(len(chosen))
    pairs += [alike(trial, others[0], other, chosen, first=places) for other in others[1:]]
    return np.asarray(np.mean(pairs, axis=0)), ""


def _same(own: Attribution, other: Attribution, chosen: npt.NDArray[np.int64]) -> bool:
    """Whether maps are equal, to the rounding of float32, and not all of them empty."""
    return all(
        np.allclose(values[chosen], other.values[name], rtol=1e-4, atol=1e-7, equal_nan=True)
        for name, values in own.values.items()
    )


def _noisy(trial: Trial, chosen: npt.NDArray[np.int64]) -> dict[str, Array] | None:
    """The records with slight noise, None where no input can have any."""
    random = np.random.default_rng([trial.seed, 2])
    records, changed = take(trial.cases.arrays, chosen), False
    for spec in trial.subject.inputs:
        where = _numbers(spec)
        if not where.any():
            continue
        changed = True
        values, background = records[spec.name], trial.cases.background[spec.name]
        noisy = with_noise(values, background, trial.settings.thresholds.noise, where, random)
        if spec.kind == "image":  # one that is absent stays absent
            noisy = np.where(there(trial)[spec.name][chosen][..., None], noisy, values)
        records[spec.name] = noisy
    return records if changed else None


def _numbers(spec: InputSpec) -> npt.NDArray[np.bool_]:
    """Places along the last axis that hold numbers which may vary slightly."""
    if spec.kind in ("text", "sequence"):
        return np.zeros(1, bool)
    kinds = spec.facts.get("roles") if spec.kind == "signal" else None
    if spec.kind == "tabular":
        kinds = ["value" if one.get("kind") != "category" else "" for one in spec.facts.get("features") or ()]
    return np.array([kind == "value" for kind in kinds], bool) if kinds else np.ones(spec.shape[-1], bool)


def with_noise(
    values: Array, background: Array, share: float, where: npt.NDArray[np.bool_], random: np.random.Generator
) -> Array:
    """Values with normal noise of a share of each element's deviation over the background, of the same type."""
    known = ~np.isnan(background)
    kept = np.where(known, background, 0.0).astype(np.float64)
    count = np.maximum(known.sum(axis=0), 1)
    mean = kept.sum(axis=0) / count
    deviation = np.sqrt(np.where(known, np.square(kept - mean), 0.0).sum(axis=0) / count)
    made = values + random.normal(size=values.shape) * share * deviation * where
    if values.dtype.kind in "iu":
        limits = np.iinfo(values.dtype)
        made = np.clip(np.rint(made), limits.min, limits.max)
    return np.asarray(made.astype(values.dtype))


def _stays(trial: Trial, chosen: npt.NDArray[np.int64], noisy: dict[str, Array]) -> npt.NDArray[np.bool_]:
    """Of which records noise leaves the decision: bool (n,)."""

    def compute() -> npt.NDArray[np.bool_]:
        before = trial.subject.predict(take(trial.cases.arrays, chosen))
        after = trial.subject.predict(noisy)
        if trial.subject.task == "multilabel":
            own = np.arange(len(chosen)), trial.cases.classes[chosen]
            return np.asarray((before[own] >= 0.5) == (after[own] >= 0.5))
        return np.asarray(before.argmax(axis=1) == after.argmax(axis=1))

    stays: npt.NDArray[np.bool_] = trial.once("stays", compute)
    return stays
