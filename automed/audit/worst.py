"""The group that fares worst: what candidates of a fair selection are ranked by, after every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from automed.audit.groups import Division
from automed.evaluate.metrics import macro_f1


class Worst(NamedTuple):
    """Macro-F1 of the group with the lowest, and which it is ("sex: female"); None where no group is large enough."""

    macro_f1: float | None
    group: str | None


def worst_group(
    y: ArrayLike, predicted: ArrayLike, n_classes: int, divisions: Sequence[Division], min_group: int
) -> Worst:
    """The lowest macro-F1 over all groups of `min_group` records or more.

    Args:
        y: integers (n,), index of the reference class; of labels (n, labels) of 0 and 1.
        predicted: the decisions, shaped like `y`.
        n_classes: classes or labels.
        divisions: how each attribute divides the n records.
        min_group: records that a group needs.

    Source: Sagawa et al. 2020, arXiv:1911.08731 (worst-group performance); Zong, Yang and Hospedales 2023, MEDFAIR,
    ICLR (selection by it).
    """
    reference, decided = np.asarray(y), np.asarray(predicted)
    found: list[tuple[float, str]] = []
    for division in divisions:
        for place, name in enumerate(division.groups):
            inside = division.code == place
            if inside.sum() >= min_group:
                found.append((macro_f1(reference[inside], decided[inside], n_classes), f"{division.key}: {name}"))
    return Worst(*min(found)) if found else Worst(None, None)
