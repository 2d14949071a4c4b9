"""From probabilities to decisions: a rule that is fitted on validation and then applied, unchanged, to the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError
from automed.evaluate.metrics import macro_f1
from automed.evaluate.sample import whole

DEFAULT = 0.5
MOST_PROBABLE = "the most probable class is decided for"


@dataclass(frozen=True)
class Rule:
    """How probabilities become decisions, called as `rule(probabilities)`.

    Attributes:
        thresholds: of each label the probability from which it is decided for; of two classes one, that of `positive`;
            None where the most probable class is decided for.
        reason: why these, in a sentence for people.
        positive: index of the class of two whose probability is held against the one threshold.
    """

    thresholds: tuple[float, ...] | None
    reason: str
    positive: int | None = None

    def __call__(self, probabilities: ArrayLike) -> NDArray[np.int64]:
        """Decide.

        Args:
            probabilities: floats (n, classes) or (n, labels).

        Returns:
            int64 (n,), index of the class decided for; of labels int64 (n, labels) of 0 and 1.
        """
        scores = np.asarray(probabilities, dtype=np.float64)
        if self.thresholds is None:
            return np.asarray(scores.argmax(axis=1), dtype=np.int64)
        if self.positive is not None:
            reached = scores[:, self.positive] >= self.thresholds[0]
            return np.where(reached, self.positive, 1 - self.positive).astype(np.int64)
        return (scores >= np.array(self.thresholds)).astype(np.int64)


def decide(
    task: str, y_validation: ArrayLike, p_validation: ArrayLike, *, classes: Sequence[str] | None = None
) -> Rule:
    """Fit a rule on the validation set.

    For each label of a multilabel task: the threshold of highest F1, half-way between neighbouring probabilities, and
    of several equally good ones that nearest to .5. A label that every validation record bears, or none, says nothing
    about thresholds and keeps .5. Of other tasks the most probable class is decided for.

    Args:
        task: multiclass, multilabel or ordinal.
        y_validation: integers (n,), index of the reference class; of labels (n, labels) of 0 and 1.
        p_validation: floats (n, classes or labels).
        classes: keys of the labels, named in the reason; their indices where left out.

    Raises:
        DataError: the reference standard of a multilabel task is not (n, labels) of 0 and 1.

    Source: Lipton, Elkan and Naryanaswamy 2014, ECML PKDD, 225-239 (thresholds that maximise F1, and their optimism).
    """
    if task != "multilabel":
        return Rule(None, MOST_PROBABLE)
    scores = np.asarray(p_validation, dtype=np.float64)
    labels = scores.shape[1]
    reference = whole(y_validation, labels, "reference")
    if reference.shape != scores.shape:
        raise DataError(f"labels of shape {reference.shape} for probabilities of shape {scores.shape}")
    thresholds = _best_thresholds(reference, scores)
    support = reference.sum(axis=0)
    one_sided = np.flatnonzero((support == 0) | (support == len(reference)))
    thresholds[one_sided] = DEFAULT
    reason = "for each label the threshold of highest F1 on the validation set"
    if one_sided.size:
        names = ", ".join(str(classes[k] if classes else k) for k in one_sided.tolist())
        reason += f"; {DEFAULT:g} for {names}, which every validation record bears, or none"
    return Rule(tuple(float(threshold) for threshold in thresholds), reason)


def selection_score(task: str, y: ArrayLike, probabilities: ArrayLike) -> float:
    """Macro-F1 over the whole validation set: what candidates are ranked by, after every epoch.

    Of a multilabel task the thresholds are fitted on the same records. That makes the score optimistic, alike for all
    candidates: it ranks them, and is no estimate of what they will do on others.

    Args:
        task: multiclass, multilabel or ordinal.
        y: integers (n,), index of the reference class; of labels (n, labels) of 0 and 1.
        probabilities: floats (n, classes or labels).

    Returns:
        0 to 1.

    Raises:
        DataError: as `macro_f1`.
    """
    scores = np.asarray(probabilities)
    return macro_f1(y, decide(task, y, scores)(scores), scores.shape[1])


def _best_thresholds(reference: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of all labels at once: float64 (labels,).

    Along falling probabilities, deciding for the first r records of a label finds so many of its positives; a rank can
    be a threshold only where the next probability is lower.
    """
    n, labels = scores.shape
    order = np.argsort(-scores, axis=0, kind="stable")
    falling = np.take_along_axis(scores, order, axis=0)
    hits = np.cumsum(np.take_along_axis(reference, order, axis=0), axis=0)
    following = np.concatenate([falling[1:], np.zeros((1, labels))])
    # 2 hits / (decided + positives); below the last record there is 0, which every probability reaches.
    f1 = 2 * hits / (np.arange(1, n + 1)[:, None] + reference.sum(axis=0))
    ends = falling > following
    ends[-1] = True
    f1 = np.where(ends, f1, -1.0)
    middle = (falling + following) / 2
    # Between neighbouring floats there is no middle: the upper one is the threshold itself.
    middle = np.where(middle > following, middle, falling)
    far = np.where(f1 == f1.max(axis=0), np.abs(middle - DEFAULT), np.inf)
    return np.asarray(middle[far.argmin(axis=0), np.arange(labels)])
