"""What is settled on validation before anything is tested: the attribute to act on, and how strong a penalty is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automed.audit.groups import Division
from automed.audit.mitigation.figures import Model, compared
from automed.audit.worst import worst_group
from automed.evaluate.metrics import macro_f1
from automed.evaluate.sample import Sample


@dataclass(frozen=True)
class Standing:
    """How a model does on validation: macro-F1 overall, and of the worst group; None where no group is large enough."""

    macro_f1: float
    worst: float | None


def standing(sample: Sample, division: Division, min_group: int) -> Standing:
    """Point values for ranking, without intervals; groups of fewer than `min_group` records are left out."""
    overall = macro_f1(sample.y, sample.predicted, len(sample.classes))
    worst = worst_group(sample.y, sample.predicted, len(sample.classes), [division], min_group)
    return Standing(overall, worst.macro_f1)


def choose_attribute(
    sample: Sample, divisions: Sequence[Division], patient: NDArray[np.int64], urgent: Sequence[int], min_group: int
) -> tuple[int, str] | None:
    """The attribute to act on: that of the largest gap in sensitivity between two groups of validation records.

    Args:
        sample: validation records with the plain model's decisions.
        divisions: one an attribute, of the same records.
        patient: int64 (n,), patient of each record.
        urgent: indices of the classes that must not be missed.
        min_group: records that a group must have.

    Returns:
        Its place among `divisions`, and why in a sentence; the first where no gap is estimable; None where no attribute
        has two groups.
    """
    useful = [place for place, division in enumerate(divisions) if len(np.unique(division.code)) > 1]
    if not useful:
        return None
    gaps = {}
    for place in useful:
        groups = compared(sample, divisions[place], patient, urgent, min_group)
        gap = float(Model(sample, groups, urgent).point().gap[0])
        if np.isfinite(gap):
            gaps[place] = gap
    if not gaps:
        return useful[0], "the first attribute: no gap is estimable on the validation set"
    chosen = max(gaps, key=lambda place: gaps[place])
    return chosen, f"its largest gap in sensitivity on the validation set, {gaps[chosen]:.2f}, is the largest of all"


def choose_strength(plain: Standing, tried: Sequence[Standing], distance: float) -> int:
    """Which of several strengths to keep: the best for the worst group whose macro-F1 is near enough to the plain one.

    Args:
        plain: the model without a penalty.
        tried: the model of each strength, the weakest first.
        distance: how far below the plain model's macro-F1 is near enough. Where none is, the nearest is kept.

    Returns:
        A place in `tried`; of equals the first.
    """
    near = [place for place, one in enumerate(tried) if one.macro_f1 >= plain.macro_f1 - distance]
    if not near:
        return max(range(len(tried)), key=lambda place: tried[place].macro_f1)

    def merit(place: int) -> tuple[float, float]:
        worst = tried[place].worst
        return -1.0 if worst is None else worst, tried[place].macro_f1

    return max(near, key=merit)
