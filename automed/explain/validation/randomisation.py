"""Does the map depend on what the network has learnt?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import NotApplicable
from automed.explain.copies import STAGES, randomised, redraw
from automed.explain.validation.maps import again, alike, few, title
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import (
    FAILED,
    PASSED,
    UNDECIDED,
    Finding,
    at_most,
    mean_with_interval,
    words,
)

LIMITS = (
    "A map that changes with the weights need not be right. One draw of random weights is shared by all cases, so the "
    "interval is over patients and not over draws."
)


def check(trial: Trial) -> dict[str, Finding]:
    """Rank correlation of maps with those of the same network, weights drawn anew from the head down.

    Signs are left out, since random weights turn them at will. A map that becomes constant has lost what it showed:
    no correlation. The verdict is that of all layers; passed where the whole interval is at most `randomised` of the
    recipe's thresholds.

    Source: Adebayo et al. 2018, arXiv:1810.03292, section 3 (cascading randomisation).
    """
    chosen = few(trial)
    alikes: dict[str, list[npt.NDArray[np.float64] | str]] = {name: [] for name in trial.attributions}
    try:
        copy = randomised(trial.subject, trial.seed, STAGES[0])
    except NotApplicable as error:
        reason = f"The network cannot be copied with random weights: {error.what}."
        return {name: Finding("randomisation", UNDECIDED, reason, {}, LIMITS) for name in trial.attributions}
    done, total = 0, len(STAGES) * len(alikes)
    for stage in STAGES:
        if stage != STAGES[0]:
            redraw(copy.model, trial.seed, stage)
        for name, found in alikes.items():
            trial.tell("explain random weights", done, total)
            # A subject of its own, in case a method remembers whom it has explained.
            other = again(trial, name, replace(copy), chosen, trial.seed)
            own = trial.attributions[name]
            found.append(other if isinstance(other, str) else alike(trial, own, other, chosen, size=True))
            done += 1
    trial.tell("explain random weights", total, total)
    return {name: _finding(trial, name, chosen, found) for name, found in alikes.items()}


def _finding(
    trial: Trial, name: str, chosen: npt.NDArray[np.int64], alikes: list[npt.NDArray[np.float64] | str]
) -> Finding:
    limit, patients = trial.settings.thresholds.randomised, trial.cases.patients[chosen]
    last = alikes[-1]
    if isinstance(last, str):
        sentence = f"{title(name)} cannot explain the network with random weights: {last}."
        return Finding("randomisation", UNDECIDED, sentence, {}, LIMITS)
    figures = {}
    for stage, values in zip(STAGES, alikes, strict=True):
        if not isinstance(values, str):
            what = f"rank correlation with the map when the weights of {_said(stage)} are random"
            figures[stage] = mean_with_interval(values, patients, what, trial.seed)
    figure = figures[STAGES[-1]]
    verdict = at_most(figure, limit)
    if figure.value is None:
        sentence = f"The maps of {title(name)} are constant: there is nothing to compare with random weights."
    else:
        why = {
            PASSED: f"it depends on what was learnt (at most {limit:g} is allowed)",
            FAILED: f"it shows what it would show of a network that has learnt nothing (at most {limit:g} is allowed)",
        }.get(verdict, f"whether that is at most {limit:g} cannot be told")
        sentence = (
            f"With random weights in all layers the map of {title(name)} keeps a rank correlation of {words(figure)} "
            f"with the original: {why}."
        )
    curves = {"stage": ["as trained", *figures], "correlation": [1.0, *(one.value for one in figures.values())]}
    return Finding("randomisation", verdict, sentence, figures, LIMITS, curves=curves)


def _said(stage: str) -> str:
    return {"head": "the head", "upper half": "the upper half of the layers"}.get(stage, stage)
