"""Does removing what a map marks change the prediction more than removing something else?"""

from __future__ import annotations

import numpy as np

from automed.explain.validation.controls import CONTROLS
from automed.explain.validation.maps import title
from automed.explain.validation.removal import AMOUNTS, Removal, removal
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import (
    FAILED,
    PASSED,
    UNDECIDED,
    Figure,
    Finding,
    Verdict,
    mean_with_interval,
    words,
)

NEGLIGIBLE = 0.01  # of probability: who is at most this much better than chance is not better; ours
LIMITS = (
    "Hiding parts shows what this model uses, not what causes a disease. What is filled in may itself speak for a "
    "class, and parts that can stand in for each other are not seen when they are hidden one after another."
)


def check(trial: Trial) -> dict[str, Finding]:
    """Curves of deletion and insertion against those of orders that know nothing of the model.

    The figure for each control is how much further the probability of the class falls when a share of the record is
    hidden in the order of the map rather than in that of the control, and how much less when as much is shown: the mean
    of both over all shares. Passed where it is wholly above 0 for random, above 0 for each other control, and wholly
    below 0 for none. Failed where it is at most NEGLIGIBLE for random and cannot be told from 0, or wholly below 0 for
    any control. Else it could not be decided.
    """
    curves = removal(trial)
    return {name: _finding(trial, name, curves) for name in trial.attributions}


def _finding(trial: Trial, name: str, curves: Removal) -> Finding:
    own = curves.area(name)
    figures = {}
    for control in curves.controls:
        what = f"fall in probability beyond that of removing {CONTROLS[control]}"
        figures[control] = mean_with_interval(own - curves.area(control), trial.cases.patients, what, trial.seed)
    verdict, why = decide(figures)
    sentence = (
        f"Hiding what {title(name)} marks first lowers the probability by {words(figures['random'])} more than hiding "
        f"as much at random{why}."
    )
    return Finding("faithfulness", verdict, sentence, figures, LIMITS, curves=_drawn(curves, name))


def decide(figures: dict[str, Figure]) -> tuple[Verdict, str]:
    """The verdict from the figures of all controls, and the end of a sentence."""
    chance = figures["random"]
    if chance.ci95 is None:
        return UNDECIDED, ""
    others = {name: figure for name, figure in figures.items() if name != "random"}
    beaten = [name for name, figure in others.items() if figure.ci95 is not None and figure.ci95[1] < 0]
    if beaten:
        name = min(beaten, key=lambda one: others[one].value or 0.0)
        return FAILED, f"; but removing {CONTROLS[name]} does better than the map, by {_turned(figures[name])}"
    low, high = chance.ci95
    if high <= 0 or (low <= 0 and high <= NEGLIGIBLE):
        return FAILED, ": the map is no better than chance"
    if low <= 0:
        return UNDECIDED, ": the interval does not tell it from chance"
    behind = [name for name, figure in others.items() if (figure.value or 0.0) <= 0]
    if behind:
        told = " and ".join(CONTROLS[name] for name in behind)
        return UNDECIDED, f"; but it cannot be told from removing {told}"
    best = min(others, key=lambda one: others[one].value or 0.0, default=None)
    end = f"; the best of the other controls ({CONTROLS[best]}) is {others[best].value:.2f} behind" if best else ""
    return PASSED, end


def _turned(figure: Figure) -> str:
    """A figure with its sign changed, in words."""
    low, high = figure.ci95 or (0.0, 0.0)
    return words(Figure(-(figure.value or 0.0), (-high, -low), figure.n, figure.what))


def _drawn(curves: Removal, name: str) -> dict[str, object]:
    """Mean curves over the cases, for drawing."""
    shown = (name, *curves.controls)
    return {
        "amount": [0.0, *AMOUNTS, 1.0],
        "deletion": {one: np.mean(curves.deletion[one], axis=0).tolist() for one in shown},
        "insertion": {one: np.mean(curves.insertion[one], axis=0).tolist() for one in shown},
    }
