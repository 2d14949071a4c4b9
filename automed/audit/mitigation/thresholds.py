"""Thresholds of each group, so that sensitivity and false alarms come out alike: by fairlearn, on stored probabilities.

The network stays as it is; what changes is from which probability on a record is decided for, by the group it is of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from automed.evaluate.intervals import MIN_EVENTS

CAVEAT = (
    "Decides by the group that a patient belongs to, and so needs the attribute of every patient. Deciding by group"
    " membership may be unlawful where the model is used: ask counsel. Some decisions are drawn by chance."
)
POOLED = -1


@dataclass(frozen=True, eq=False)
class Thresholded:
    """Decisions by group.

    Attributes:
        decided: bool (m,), for the records that were to be decided; None where nothing could be fitted.
        note: what was done about groups that are too small; "" where nothing.
        reason: why there are no decisions.
    """

    decided: NDArray[np.bool_] | None
    note: str = ""
    reason: str | None = None


class _Stored(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose one feature is the probability that it answers with."""

    def __init__(self) -> None:
        self.classes_ = np.array([0, 1])

    def fit(self, x: Any, y: Any = None) -> _Stored:
        return self

    def predict_proba(self, x: Any) -> NDArray[np.float64]:
        positive = np.asarray(x, np.float64).reshape(len(x))
        return np.stack([1 - positive, positive], axis=1)

    def predict(self, x: Any) -> NDArray[np.int64]:
        return np.asarray(self.predict_proba(x).argmax(axis=1), dtype=np.int64)


def by_group(
    truth: NDArray[np.bool_],
    probability: NDArray[np.float64],
    group: NDArray[np.int64],
    new_probability: NDArray[np.float64],
    new_group: NDArray[np.int64],
    otherwise: NDArray[np.bool_],
    seed: int = 0,
) -> Thresholded:
    """Fit thresholds of each group on validation records, and decide new records with them.

    Equalised odds at the best balanced accuracy. Groups of fewer than MIN_EVENTS validation records on either side of
    the reference standard share thresholds. A new record whose group has none keeps its decision in `otherwise`.

    Args:
        truth: bool (n,), the reference standard of the validation records.
        probability: float64 (n,), of yes.
        group: int64 (n,), not negative.
        new_probability: float64 (m,).
        new_group: int64 (m,).
        otherwise: bool (m,), the decisions of the model as it is.
        seed: of the decisions that are drawn by chance.

    Source: Hardt, Price and Srebro 2016, arXiv:1610.02413, section 3.2.
    """
    known = np.unique(group)
    small = [g for g in known.tolist() if min(_sides(truth[group == g])) < MIN_EVENTS]
    pooled, new_pooled = (np.where(np.isin(each, small), POOLED, each) for each in (group, new_group))
    if small and min(_sides(truth[pooled == POOLED])) == 0:
        # Nothing can be fitted to them even together: they stay with the plain decision.
        kept = pooled != POOLED
        truth, probability, pooled = truth[kept], probability[kept], pooled[kept]
    fitted = np.unique(pooled)
    if len(fitted) < 2:
        each = f"{MIN_EVENTS} validation records on either side of the reference standard"
        return Thresholded(None, reason=f"not applicable: fewer than two groups have {each}")
    optimiser = ThresholdOptimizer(
        estimator=_Stored(),
        constraints="equalized_odds",
        objective="balanced_accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    )
    optimiser.fit(probability[:, None], truth.astype(np.int64), sensitive_features=pooled)
    decided = otherwise.copy()
    covered = np.isin(new_pooled, fitted)
    if covered.any():
        answers = optimiser.predict(
            new_probability[covered, None], sensitive_features=new_pooled[covered], random_state=seed
        )
        decided[covered] = np.asarray(answers) == 1
    return Thresholded(decided, _note(len(small), POOLED in fitted, int((~covered).sum())))


def _sides(truth: NDArray[np.bool_]) -> tuple[int, int]:
    return int(truth.sum()), int((~truth).sum())


def _note(small: int, shared: bool, left: int) -> str:
    notes = [f"{small} small groups share thresholds"] if small and shared else []
    notes += [f"{left} test records of groups without thresholds keep the plain decision"] if left else []
    return "; ".join(notes)
