"""Are explanations as good for every group of patients?"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from automed.explain.validation.localisation import inside
from automed.explain.validation.maps import title
from automed.explain.validation.removal import removal
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import (
    FAILED,
    LEAST_PATIENTS,
    NOT_APPLICABLE,
    PASSED,
    UNDECIDED,
    Figure,
    Finding,
    Verdict,
    difference_with_interval,
    mean_with_interval,
    words,
    worst,
)

Floats = npt.NDArray[np.float64]

MISSING = "missing"
GAP = 0.1  # of probability, or of the map: a difference that is let pass; ours
LIMITS = (
    "With few patients a group's gap must be large to be seen. That explanations are equally good does not mean that "
    "the model is equally good: that is what an audit is for."
)


def check(trial: Trial) -> dict[str, Finding]:
    """Faithfulness, and the share inside the sign where it is known, by sensitive group.

    The gap is the greatest difference between two groups; its interval allows for having been chosen. Told, not judged:
    passed where it lies within GAP on either side, failed where it excludes 0 and does not, else undecided. Groups of
    fewer than LEAST_PATIENTS patients are not estimable.
    """
    if not trial.cases.groups:
        none = "The records name no sensitive attribute."
        return {name: Finding("groups", NOT_APPLICABLE, none, {}, LIMITS, counts=False) for name in trial.attributions}
    curves = removal(trial)
    found = {}
    for method, attribution in trial.attributions.items():
        qualities = {"faithfulness": curves.area(method)}
        for name, regions in trial.cases.regions.items():
            if (regions == 1).any():
                sign = next(iter(trial.cases.region_names.get(name) or ()), "region 1")
                key = f"share inside the {sign}"
                key += f" of {name}" if len(trial.subject.inputs) > 1 else ""
                qualities[key] = inside(trial, attribution, name, 1).excess
        found[method] = _finding(trial, method, qualities)
    return found


def _finding(trial: Trial, method: str, qualities: dict[str, Floats]) -> Finding:
    figures: dict[str, Figure] = {}
    verdicts: list[Verdict] = []
    said = []
    for column, groups in trial.cases.groups.items():
        for quality, values in qualities.items():
            own, gap, names = _gap(trial, column, groups, quality, values)
            figures |= own
            if gap is None:
                verdicts.append(UNDECIDED)
                if quality == "faithfulness":
                    said.append(f"{column}: not estimable, fewer than two groups have {LEAST_PATIENTS} patients")
                continue
            figures[f"{column}: gap in {quality}"] = gap
            verdicts.append(_within(gap))
            said.append(f"{column}: {quality} is {words(gap)} higher for {names[0]} than for {names[1]}")
    sentence = f"Largest gaps in the quality of {title(method)} between groups. {'; '.join(said)}."
    return Finding("groups", worst(verdicts), sentence, figures, LIMITS, counts=False)


def _gap(
    trial: Trial, column: str, groups: npt.NDArray[np.object_], quality: str, values: Floats
) -> tuple[dict[str, Figure], Figure | None, tuple[str, str]]:
    """Figures of each group, and the greatest difference between two of them, where there are two."""
    patients, figures, large = trial.cases.patients, {}, []
    for group in sorted({str(one) for one in groups} - {MISSING}):
        here = groups.astype(str) == group
        own = mean_with_interval(np.where(here, values, np.nan), patients, f"{quality} of {group}", trial.seed)
        figures[f"{column} {group}: {quality}"] = own
        if own.ci95 is not None:
            large.append((own.value or 0.0, group, here))
    if len(large) < 2:
        return figures, None, ("", "")
    large.sort(key=lambda one: one[0])
    (_, low, second), (_, high, first) = large[0], large[-1]
    pairs = len(list(combinations(large, 2)))
    what = f"{quality} of {high} less that of {low}"
    gap = difference_with_interval(values, first, second, patients, what, trial.seed, comparisons=pairs)
    return figures, gap, (high, low)


def _within(gap: Figure) -> Verdict:
    if gap.ci95 is None:
        return UNDECIDED
    low, high = gap.ci95
    if low >= -GAP and high <= GAP:
        return PASSED
    return FAILED if low > 0 or high < 0 else UNDECIDED
