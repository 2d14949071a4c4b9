"""Does a map point at the sign, where that is known, or at something else that is known?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import Attribution
from automed.explain.validation.maps import there, title
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import (
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    UNDECIDED,
    Figure,
    Finding,
    Verdict,
    above,
    at_least,
    mean_with_interval,
    words,
    worst,
)

Floats = npt.NDArray[np.float64]

DRAWN = 1.5  # times what its area draws by chance: less is no pointing at; ours
LIMITS = (
    "A model may rightly use what lies outside a region. A map that points at something else may be a true "
    "explanation of a model that learnt the wrong thing, so this does not count towards the trust in the method."
)


@dataclass(frozen=True, eq=False)
class Inside:
    """What falls into one region, of each case: float64 (n,), NaN where the case has no such region.

    Attributes:
        share: of all that speaks for the class.
        area: share of the region of all elements.
        hit: whether the strongest element lies inside; of equally strong ones the share that does.
    """

    share: Floats
    area: Floats
    hit: Floats

    @property
    def excess(self) -> Floats:
        """How much more falls into the region than its area would draw by chance."""
        return self.share - self.area

    @property
    def density(self) -> Floats:
        """Times of what its area would draw by chance."""
        return self.share / self.area


def inside(trial: Trial, found: Attribution, name: str, number: int) -> Inside:
    """How much of the maps of one input falls into one of its regions."""
    n = len(trial.cases)
    share, area, hit = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    for case in range(n):
        known = there(trial)[name][case]
        region = (trial.cases.regions[name][case] == number)[known]
        if not region.any() or region.all():
            continue
        area[case] = region.mean()
        values = np.maximum(np.nan_to_num(found.values[name][case][known].astype(np.float64)), 0.0)
        if values.sum() > 0:
            share[case] = values[region].sum() / values.sum()
            hit[case] = region[values == values.max()].mean()
    return Inside(share, area, hit)


def check(trial: Trial) -> dict[str, Finding]:
    """The share of a map that lies in the region of the sign, the pointing game, and the same of other regions.

    Only what speaks for the class is counted. Passed where the share lies wholly above that of the area, failed where
    wholly below, or where another region that is known draws more for its area than the sign does, and at least DRAWN
    times what chance would put there.

    Source: Zhang et al. 2018, Int J Comput Vis 126:1084-1102, section 4.1 (pointing game, here without a margin).
    """
    if not any((regions > 0).any() for regions in trial.cases.regions.values()):
        nowhere = "Where the sign is in these records is not known."
        return {
            name: Finding("localisation", NOT_APPLICABLE, nowhere, {}, LIMITS, counts=False)
            for name in trial.attributions
        }
    return {name: _finding(trial, name, found) for name, found in trial.attributions.items()}


def _finding(trial: Trial, method: str, found: Attribution) -> Finding:
    figures: dict[str, Figure] = {}
    verdicts: list[Verdict] = []
    sentences = []
    for name in trial.cases.regions:
        if not (trial.cases.regions[name] > 0).any():
            continue
        prefix = f"{name}: " if len(trial.subject.inputs) > 1 else ""
        verdict, sentence, own = _of_input(trial, method, found, name)
        verdicts.append(verdict)
        sentences.append(prefix + sentence)
        figures |= {prefix + key: figure for key, figure in own.items()}
    return Finding("localisation", worst(verdicts), " ".join(sentences), figures, LIMITS, counts=False)


def _of_input(trial: Trial, method: str, found: Attribution, name: str) -> tuple[Verdict, str, dict[str, Figure]]:
    """The verdict, the sentence and the figures of one input."""
    patients, seed = trial.cases.patients, trial.seed
    names = trial.cases.region_names.get(name) or ()
    count = max(int(trial.cases.regions[name].max()), len(names))
    names = (*names, *(f"region {k + 1}" for k in range(len(names), count)))
    each = [inside(trial, found, name, k + 1) for k in range(count)]
    figures: dict[str, Figure] = {}
    for region, one in zip(names, each, strict=True):
        marked = np.isfinite(one.share)
        figures |= {
            f"share in {region}": mean_with_interval(
                one.share, patients, f"share of the map inside {region}", seed, bounds=(0.0, 1.0)
            ),
            f"area of {region}": mean_with_interval(
                np.where(marked, one.area, np.nan), patients, f"share of {region} of the area", seed
            ),
            f"excess in {region}": mean_with_interval(
                one.excess, patients, f"share of the map inside {region} beyond that of its area", seed
            ),
            f"pointing at {region}": mean_with_interval(
                one.hit, patients, f"cases whose strongest place is inside {region}", seed, bounds=(0.0, 1.0)
            ),
        }
    sign, others = names[0], names[1:]
    shortcuts = []
    for region, one in zip(others, each[1:], strict=True):
        lead = np.where(np.isfinite(each[0].density), one.density - each[0].density, one.density - 1.0)
        key = f"{region} before {sign}"
        figures[key] = mean_with_interval(lead, patients, f"density of the map in {region} beyond that in {sign}", seed)
        density = mean_with_interval(one.density, patients, f"times of what chance would put into {region}", seed)
        figures[f"density in {region}"] = density
        if above(figures[key], 0.0) == PASSED and at_least(density, DRAWN) == PASSED:
            shortcuts.append(region)
    share, area, pointing = (figures[key] for key in (f"share in {sign}", f"area of {sign}", f"pointing at {sign}"))
    verdict = above(figures[f"excess in {sign}"], 0.0)
    sentence = (
        f"Of what {title(method)} marks for the class, a share of {words(share)} lies inside the {sign}, "
        f"which takes {area.value:.2f} of the area; the strongest place is inside in a share of {words(pointing)}."
        if share.value is not None and area.value is not None
        else f"How much of what {title(method)} marks lies inside the {sign} is {words(share)}."
    )
    if shortcuts:
        told = " and ".join(
            f"the {region} (a share of {words(figures[f'share in {region}'])} "
            f"on {figures[f'area of {region}'].value:.2f} of the area)"
            for region in shortcuts
        )
        which = " and the ".join(shortcuts)
        part = "which is" if len(shortcuts) == 1 else "which are"
        sentence = f"The maps point at the {which}, {part} no part of the {sign}: {told}. {sentence}"
        return FAILED, sentence, figures
    if verdict == FAILED:
        sentence += " That is less than chance would put there."
    elif verdict == UNDECIDED:
        sentence += " Whether that is more than chance cannot be told."
    return verdict, sentence, figures
