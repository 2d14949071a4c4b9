"""The operating threshold of one question: chosen on validation, with the reason in words, and applied once to test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_curve

from automed.errors import DataError
from automed.recipe.evaluate import Threshold

DEFAULT = 0.5
WHERE = "on the tuning set"


@dataclass(frozen=True)
class Operating:
    """From which probability a question is answered with yes.

    Attributes:
        threshold: a probability of at least this much decides for yes; above 1 where no record is to be flagged.
        rule: how it was chosen, one of automed.recipe.evaluate.Threshold.
        reason: why this one, in a sentence for people.
        sensitivity: what it reaches on validation; None where no record there is to be answered with yes.
        specificity: likewise; None where all are.
        positives: records of validation to be answered with yes.
        negatives: with no.
    """

    threshold: float
    rule: str
    reason: str
    sensitivity: float | None
    specificity: float | None
    positives: int
    negatives: int

    def flag(self, probability: ArrayLike) -> NDArray[np.bool_]:
        """Answer the question about other records: floats (n,) to bool (n,)."""
        return np.asarray(np.asarray(probability, dtype=np.float64) >= self.threshold)

    def as_json(self) -> dict[str, Any]:
        """Its fields: what `read` takes back."""
        return asdict(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Operating:
        """The threshold that `as_json` wrote."""
        return cls(**{field.name: stored[field.name] for field in fields(cls)})


def choose(rule: Threshold, truth: ArrayLike, probability: ArrayLike) -> Operating:
    """Choose the operating threshold of one question on validation.

    Thresholds lie half-way between neighbouring probabilities, with 0 below the lowest and 1 above the highest, so that
    the last digit of a probability decides about no record. Of equally good ones the more sensitive is taken, and of
    these the more specific. Where all or no records are to be answered with yes they say nothing about thresholds, and
    .5 is taken; the rule net_benefit needs no records.

    Args:
        rule: which, and its value.
        truth: bool (n,), the reference standard.
        probability: floats (n,), of the answer yes.

    Raises:
        DataError: lengths differ, or a probability is not between 0 and 1.

    Source: Youden 1950, Cancer 3:32-35 (youden); Vickers and Elkin 2006, Med Decis Making 26:565-574 (net_benefit: the
    threshold is the probability at which acting and not acting are equally good); Metz 1978, Semin Nucl Med 8:283-298
    (cost).
    """
    yes, score = np.asarray(truth, dtype=bool), np.asarray(probability, dtype=np.float64)
    if yes.ndim != 1 or yes.shape != score.shape:
        raise DataError(f"answers of shape {yes.shape} for probabilities of shape {score.shape}")
    off = int((~((score >= 0) & (score <= 1))).sum())
    if off:
        raise DataError(f"{off} of {len(score)} probabilities are not between 0 and 1")
    positives = int(yes.sum())
    negatives = len(yes) - positives
    if rule.rule == "net_benefit":
        return _stated(rule, yes, score)
    if not positives or not negatives:
        what = "no record is" if not positives else f"all {positives} records are"
        reason = f"{_short(DEFAULT)}, for {what} of this kind {WHERE}, so that nothing can be chosen there"
        flagged = score >= DEFAULT
        return Operating(DEFAULT, rule.rule, reason, *_reached(yes, flagged), positives, negatives)
    alarm_rate, hit_rate, scores = roc_curve(yes, score, drop_intermediate=False)
    hits = np.rint(hit_rate * positives).astype(np.int64)
    alarms = np.rint(alarm_rate * negatives).astype(np.int64)
    place = _place(rule, hits, alarms)
    sensitivity, specificity = hits[place] / positives, (negatives - alarms[place]) / negatives
    reason = _reason(rule, int(hits[place]), int(alarms[place]), positives, negatives)
    threshold = _between(scores, place)
    return Operating(threshold, rule.rule, reason, float(sensitivity), float(specificity), positives, negatives)


def _place(rule: Threshold, hits: NDArray[np.int64], alarms: NDArray[np.int64]) -> int:
    """Which point of the ROC curve is taken; points become more sensitive and less specific along it."""
    positives, negatives = int(hits[-1]), int(alarms[-1])
    value = rule.value or 0.0
    if rule.rule == "sensitivity":
        reached = np.flatnonzero(hits / positives >= value)
        return int(reached[alarms[reached] == alarms[reached[0]]][-1])
    if rule.rule == "specificity":
        # Equally sensitive are all points up to the next hit: the first of them has the fewest false alarms.
        reached = np.flatnonzero((negatives - alarms) / negatives >= value)
        return int(reached[hits[reached] == hits[reached[-1]]][0])
    if rule.rule == "youden":
        merit = (hits * negatives - alarms * positives).astype(np.float64)  # whole numbers: ties are ties
    elif rule.rule == "f1":
        merit = 2 * hits / (hits + alarms + positives)
    else:
        merit = -np.round(value * (positives - hits) + alarms, 9)  # a value such as .1 makes no whole numbers
    best = np.flatnonzero(merit == merit.max())
    return int(best[hits[best] == hits[best[-1]]][0])


def _between(scores: NDArray[np.float64], place: int) -> float:
    """Half-way between the last probability that is flagged and the next; `scores` fall, with infinity in front."""
    lower = float(scores[place + 1]) if place + 1 < len(scores) else 0.0
    upper = float(scores[place]) if place else 1.0
    if not place and lower == 1.0:
        return float(np.nextafter(1.0, 2.0))
    middle = (lower + upper) / 2
    # Between neighbouring floats there is no middle: the upper one is the threshold itself.
    return middle if middle > lower else upper


def _stated(rule: Threshold, yes: NDArray[np.bool_], score: NDArray[np.float64]) -> Operating:
    value = rule.value or DEFAULT
    sensitivity, specificity = _reached(yes, score >= value)
    reason = (
        f"{value:g} is the probability at which acting and not acting are held to be equally good: one case found is "
        f"worth {(1 - value) / value:.3g} false alarms"
    )
    positives = int(yes.sum())
    return Operating(value, rule.rule, reason, sensitivity, specificity, positives, len(yes) - positives)


def _reached(yes: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    sensitivity = float(flagged[yes].mean()) if yes.any() else None
    return sensitivity, float((~flagged[~yes]).mean()) if not yes.all() else None


def _reason(rule: Threshold, hits: int, alarms: int, positives: int, negatives: int) -> str:
    n, flagged = positives + negatives, hits + alarms
    figures = f"{_short(hits / positives)} and {_short(1 - alarms / negatives)} of {positives} and {negatives} records"
    value = rule.value or 0.0
    if rule.rule == "sensitivity" and flagged == n:
        return f"a sensitivity of at least {value:g} is reached {WHERE} only by flagging all {n} records"
    if rule.rule == "specificity" and not flagged:
        return f"a specificity of at least {value:g} is reached {WHERE} only by flagging none of {n} records"
    said = {
        "youden": f"highest sensitivity + specificity {WHERE} ({figures})",
        "sensitivity": f"sensitivity of at least {value:g} {WHERE}, with the highest specificity ({figures})",
        "specificity": f"specificity of at least {value:g} {WHERE}, with the highest sensitivity ({figures})",
        "cost": f"lowest cost {WHERE} where a missed case is worth {value:g} false alarms: {positives - hits} missed "
        f"and {alarms} false alarms (sensitivity and specificity {figures})",
        "f1": f"highest F1 {WHERE}, {_short(2 * hits / (flagged + positives))} (sensitivity and specificity {figures})",
    }[rule.rule]
    if flagged in (0, n):
        said += f"; it flags {'every' if flagged else 'no'} record there"
    return said


def _short(share: float) -> str:
    """.86, as clinicians write a share; 1.00 and 0 as they are."""
    return f"{share:.2f}".removeprefix("0") if share else "0"
