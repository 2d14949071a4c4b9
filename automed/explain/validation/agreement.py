"""Do the methods mark the same places?"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import Attribution
from automed.explain.validation.maps import coarse, flat, spearman, summed, title
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import (
    NOT_APPLICABLE,
    PASSED,
    Figure,
    Finding,
    above,
    mean_with_interval,
    words,
    worst,
)

Floats = npt.NDArray[np.float64]

TOP = 0.1  # share of the units that is ranked
LIMITS = (
    "Methods ask different questions and may differ without one of them being wrong. That they agree does not make "
    "them right: they may share an error."
)


def check(trial: Trial) -> dict[str, Finding]:
    """Rank correlation of the top tenth of each two maps.

    Both maps are summed over the units of the coarser one (its superpixels, segments or words; small cells where
    neither has parts). In each map the tenth of the units that speaks most for the class keeps its ranks, all other
    units share the lowest. The Spearman correlation of the two over all units is 1 where the same units are marked in
    the same order, and 0 on average where they have nothing to do with each other, for no unit is chosen by looking at
    both. Told, not judged: the verdict says whether a method agrees with each of the others more than by chance.

    Source: Krishna et al. 2022, arXiv:2202.01602, section 3 (agreement of top features and of their ranks).
    """
    names = list(trial.attributions)
    if len(names) < 2:
        alone = "There is only one method: nothing to hold it against."
        return {name: Finding("agreement", NOT_APPLICABLE, alone, {}, LIMITS, counts=False) for name in names}
    figures: dict[str, dict[str, Figure]] = {name: {} for name in names}
    pairs = list(combinations(names, 2))
    for done, (one, other) in enumerate(pairs):
        trial.tell("hold methods against each other", done, len(pairs))
        values = _between(trial, trial.attributions[one], trial.attributions[other])
        for name, second in ((one, other), (other, one)):
            figures[name][second] = mean_with_interval(
                values, trial.cases.patients, f"rank correlation of the top tenth with {title(second)}", trial.seed
            )
    trial.tell("hold methods against each other", len(pairs), len(pairs))
    return {name: _finding(name, figures[name]) for name in names}


def _finding(name: str, figures: dict[str, Figure]) -> Finding:
    verdict = worst(above(figure, 0.0) for figure in figures.values())
    told = "; ".join(f"{title(other)} {words(figure)}" for other, figure in figures.items())
    end = "more than by chance with each" if verdict == PASSED else "not with each of them more than by chance"
    sentence = f"Agreement of {title(name)} on the most important tenth (rank correlation): {told}: {end}."
    return Finding("agreement", verdict, sentence, figures, LIMITS, counts=False)


def _between(trial: Trial, one: Attribution, other: Attribution) -> Floats:
    """Agreement of two methods on each case: float64 (n,), NaN where one of them marks nothing."""
    names, found = trial.subject.names, np.full(len(trial.cases), np.nan)
    for case in range(len(found)):
        units = coarse(trial, case, (one, other))
        a, b = (summed(flat(each, case, names), units) for each in (one, other))
        both = np.isfinite(a) & np.isfinite(b)
        found[case] = agreement(a[both], b[both])
    return found


def agreement(a: Floats, b: Floats) -> float:
    """Rank correlation of the top tenth of values (units,); NaN where one has no unit that speaks for the class."""
    tops = [top(values) for values in (a, b)]
    if any(not len(values) or np.ptp(values) == 0 for values in tops):
        return float("nan")
    return spearman(tops[0], tops[1])


def top(values: Floats) -> Floats:
    """Values with all but the greatest tenth lowered to one; nothing that speaks against the class stands out."""
    count = max(1, round(TOP * len(values)))
    if len(values) <= count:
        return np.maximum(values, 0.0)
    floor = np.partition(values, -count - 1)[-count - 1]
    return np.maximum(values, max(float(floor), 0.0))
