"""What is audited: test records with what a model said and decided about them, and who they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.questions import Question
from automed.evaluate.sample import Sample


@dataclass(frozen=True, eq=False)
class Subject:
    """One model on one set of records.

    Attributes:
        sample: y, calibrated probabilities and decisions of n records.
        patient: int64 (n,), the same number for the same patient, 0 to patients - 1.
        questions: what groups are compared in: sensitivity, false alarms, share flagged.
        attributes: by sensitive column, object (n,): text, or None where the attribute is missing.
        sets: bool (n, classes), the prediction set of each record; None where there are none.
        features: float32 (n, width), what the network makes of each record before it decides; None where not known.
    """

    sample: Sample
    patient: NDArray[np.int64]
    questions: tuple[Question, ...]
    attributes: Mapping[str, NDArray[np.object_]]
    sets: NDArray[np.bool_] | None = None
    features: NDArray[np.float32] | None = None
