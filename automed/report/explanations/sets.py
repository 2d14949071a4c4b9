"""Which classes cannot be ruled out for a case: the prediction sets of the evaluation, applied to its probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.report import words
from automed.report.artefact import damaged, read
from automed.report.cohort import Cohort
from automed.report.results import Score, read_score

ROUNDING = 1e-8  # as where the sets are fitted: one probability computed twice is still in the set


@dataclass(frozen=True)
class Possible:
    """How sets are made; `reason` says why there are none.

    Attributes:
        thresholds: of each class the probability from which it cannot be ruled out.
        promised: the share of records whose true class is in their set.
        measured: the same on the test.
        reason: None where there are sets.
    """

    thresholds: tuple[float, ...]
    promised: float | None
    measured: Score | None
    reason: str | None

    def classes(self, probabilities: NDArray[Any]) -> tuple[int, ...] | None:
        """Those that cannot be ruled out, the most probable first; None where there are no sets.

        Args:
            probabilities: floats (classes,), calibrated.
        """
        if self.reason is not None:
            return None
        held = np.asarray(probabilities, np.float64)
        inside = held >= np.array(self.thresholds) - ROUNDING
        return tuple(k for k in np.argsort(-held, kind="stable").tolist() if inside[k])

    @property
    def told(self) -> str:
        """Promise and measurement in a sentence."""
        promise = f"made to hold the true class in {words.percent(self.promised or 0.0)} of records"
        measured = self.measured.text if self.measured else "not measured"
        return f"The sets were {promise}; measured on the test: {measured}."


def read_possible(file: Path, cohort: Cohort) -> Possible:
    """The marginal sets of an evaluation.json, and how often they held.

    Raises:
        RunError: names the file and the key that is damaged.
    """
    document = read(file)
    if document is None:
        return Possible((), None, None, "not done, no prediction sets were made")
    part = document.part("prediction_sets")
    if not part.value:
        return Possible((), None, None, "not done, no prediction sets were made")
    marginal = part.part("marginal")
    if not marginal.value or cohort.labelled:  # of labels there are no sets, whatever the file says
        reason = (part.text("reason") or "no reason was recorded").removeprefix("not applicable: ")
        return Possible((), None, None, reason.rstrip("."))
    sets = marginal.part("sets")
    thresholds = sets.numbers("thresholds")
    place = f"{sets.place}.thresholds"
    if len(thresholds) != len(cohort.classes):
        raise damaged(file, f"{place} does not hold a number for each of {len(cohort.classes)} classes")
    if not all(0 <= threshold <= 1 for threshold in thresholds):
        raise damaged(file, f"{place} holds a number that is no probability")
    measured = read_score("coverage", marginal.part("test").part("coverage"))
    return Possible(thresholds, part.need_number("coverage"), measured, None)
