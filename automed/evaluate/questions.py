"""The yes-or-no questions that clinicians ask of a classifier: this class or not, urgent or not.

Sensitivity, thresholds, net benefit and gaps between groups are figures of a question with two answers. A task of two
classes asks one; of several classes each asks one, and all urgent ones together another; each label asks its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.sample import Sample
from automed.recipe.evaluate import URGENT


@dataclass(frozen=True, eq=False)
class Question:
    """One question about n records.

    Attributes:
        key: the key of the class or label; `urgent` of all urgent classes together.
        classes: the columns of the probabilities that are added up.
        truth: bool (n,), the answer of the reference standard.
        probability: float64 (n,), of the answer yes, 0 to 1.
        decided: bool (n,), the answer that the model's decision gives.
    """

    key: str
    classes: tuple[int, ...]
    truth: NDArray[np.bool_]
    probability: NDArray[np.float64]
    decided: NDArray[np.bool_]


def questions(sample: Sample, urgent: Sequence[int] = ()) -> list[Question]:
    """Every question of a sample, the one that matters most first.

    Of two classes: the positive one. Of several: `urgent`, where some and not all of them are, then each class. Of
    labels: each.

    Args:
        sample: n records with probabilities and decisions.
        urgent: indices of the classes that must not be missed.
    """
    count = len(sample.classes)
    single = [_ask(sample, sample.classes[k], (k,)) for k in sample.ranked]
    if sample.task == "multilabel" or count == 2 or not 0 < len(urgent) < count:
        return single
    return [_ask(sample, URGENT, tuple(sorted(urgent))), *single]


def _ask(sample: Sample, key: str, columns: tuple[int, ...]) -> Question:
    chosen = list(columns)
    return Question(
        key,
        columns,
        np.asarray(sample.inside[:, chosen].any(axis=1)),
        np.clip(sample.probabilities[:, chosen].sum(axis=1), 0.0, 1.0),
        np.asarray(sample.named[:, chosen].any(axis=1)),
    )
