"""How a network's own probabilities are read: calibrated to natural prevalence, and turned into decisions.

Both are fitted on validation, stored in the model's card, and applied unchanged by whatever comes after: the test, the
audit, the explanations. Of several classes the network's own most probable class is decided for, since it was trained
with the classes weighted as the recipe says; which of them may be acted on alone is the matter of the operating points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError
from automed.evaluate.calibration.choose import choose as choose_map
from automed.evaluate.calibration.maps import Map, read_map
from automed.evaluate.decide import DEFAULT, MOST_PROBABLE, Rule, decide
from automed.evaluate.operating.threshold import choose as choose_threshold
from automed.evaluate.sample import whole
from automed.recipe.evaluate import Evaluate, Threshold

TIED = 1e-9  # probabilities that differ by less are one


@dataclass(frozen=True)
class Readout:
    """What the outputs of one model mean, called as `readout(raw)` for decisions.

    Attributes:
        calibration: from the network's probabilities to calibrated ones.
        rule: from probabilities to decisions. One without thresholds looks at the network's own probabilities, whose
            order no map may change; thresholds are of calibrated ones.
        calibration_reason: why this map, in a sentence for people.
        losses: by map the cross-validated log-loss on validation; empty where the choice was the recipe's.
    """

    calibration: Map
    rule: Rule
    calibration_reason: str = ""
    losses: Mapping[str, float] | None = None

    def probabilities(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities: floats (n, classes) of the network in, float64 (n, classes) out."""
        return np.asarray(self.calibration.apply(np.asarray(raw, np.float64)), np.float64)

    def __call__(self, raw: ArrayLike) -> NDArray[np.int64]:
        """Decisions int64 (n,), or of labels (n, labels) of 0 and 1, about the network's probabilities (n, classes)."""
        return self.rule(np.asarray(raw, np.float64) if self.rule.thresholds is None else self.probabilities(raw))

    def as_json(self) -> dict[str, Any]:
        """For the card: {"calibration": {...}, "decision": {"thresholds", "positive", "reason"}}."""
        thresholds = self.rule.thresholds
        return {
            "calibration": {
                **self.calibration.as_json(),
                "reason": self.calibration_reason,
                "losses": dict(self.losses or {}),
            },
            "decision": {
                "thresholds": None if thresholds is None else list(thresholds),
                "positive": self.rule.positive,
                "reason": self.rule.reason,
            },
        }


def fit(
    settings: Evaluate,
    task: str,
    y: ArrayLike,
    raw: ArrayLike,
    patient: ArrayLike | None = None,
    *,
    classes: Sequence[str],
    positive: int | None = None,
    seed: int = 0,
) -> Readout:
    """Fit calibration, then thresholds on the calibrated probabilities, both on validation.

    Args:
        settings: the recipe's `evaluate`.
        task: multiclass, multilabel or ordinal.
        y: integers (n,), index of the reference class; of labels (n, labels) of 0 and 1.
        raw: floats (n, classes or labels), the network's own probabilities.
        patient: (n,) keys, whose records stay in one fold; None where every record is a patient of its own.
        classes: keys of the classes or labels.
        positive: index of the positive class of two; the last where left out.
        seed: of the folds.

    Raises:
        DataError: shapes disagree, or the reference standard is out of range.
    """
    scores = np.asarray(raw, np.float64)
    chosen = choose_map(settings.calibration, task, y, scores, patient, seed)
    calibrated = np.asarray(chosen.map.apply(scores), np.float64)
    rule = _rule(settings.threshold, task, y, calibrated, classes, positive)
    return Readout(chosen.map, rule, chosen.reason, chosen.losses)


def _rule(
    wanted: Threshold | None,
    task: str,
    y: ArrayLike,
    calibrated: NDArray[np.float64],
    classes: Sequence[str],
    positive: int | None,
) -> Rule:
    if task == "multilabel":
        if wanted is None or wanted.rule == "f1":
            return decide(task, y, calibrated, classes=classes)
        reference = whole(y, len(classes), "reference").astype(bool)
        found = [choose_threshold(wanted, reference[:, k], calibrated[:, k]) for k in range(len(classes))]
        reason = "; ".join(f"{classes[k]}: {one.reason}" for k, one in enumerate(found))
        return Rule(tuple(one.threshold for one in found), reason)
    if len(classes) > 2:
        return Rule(None, MOST_PROBABLE)
    column = len(classes) - 1 if positive is None else positive
    if np.ptp(calibrated[:, column]) < TIED:
        return Rule(None, f"{MOST_PROBABLE}: all records have the same probability, so no threshold tells them apart")
    truth = whole(y, len(classes), "reference") == column
    one = choose_threshold(wanted or Threshold(), truth, calibrated[:, column])
    return Rule((one.threshold,), one.reason, column)


def read(card: Mapping[str, Any], task: str, classes: Sequence[str]) -> Readout:
    """How a model is read, by its card; where that says nothing, probabilities as they are and the plainest decisions.

    Raises:
        DataError: the card is damaged.
    """
    decision = card.get("decision")
    calibration = read_map(card.get("calibration"))
    why = str((card.get("calibration") or {}).get("reason", ""))
    losses = (card.get("calibration") or {}).get("losses")
    if not isinstance(decision, Mapping):
        if task == "multilabel":
            text = f"{DEFAULT:g} for each label: the model says nothing of thresholds"
            return Readout(calibration, Rule((DEFAULT,) * len(classes), text), why, losses)
        return Readout(calibration, Rule(None, MOST_PROBABLE), why, losses)
    thresholds, positive = decision.get("thresholds"), decision.get("positive")
    expected = 1 if positive is not None else len(classes)
    if thresholds is not None and len(thresholds) != expected:
        raise DataError(f"the card has {len(thresholds)} thresholds where {expected} are needed")
    chosen = None if thresholds is None else tuple(float(value) for value in thresholds)
    return Readout(calibration, Rule(chosen, str(decision.get("reason", "")), positive), why, losses)
