"""How far readers agree with each other, with the model and with the reference standard, and when they change minds.

Cohen's kappa at its point is scikit-learn's. No kept library has Fleiss' kappa, and none gives either for weighted
cases, which the bootstrap over thousands of resamples needs: both are sums over cases, so all resamples are a matrix
product. An answer may be of several parts (labels); each part of each case is then one judgement, and cases are drawn
whole. "Cannot say" is an answer like the others.

Source: Cohen 1960, Educ Psychol Meas 20:37-46; Fleiss 1971, Psychol Bull 76:378-382.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import cohen_kappa_score

from automed.evaluate.intervals import RESAMPLES, Estimate, draw, encode, summarise
from automed.evaluate.metrics import Point
from automed.evaluate.resamples import Floats
from automed.evaluate.scores import as_json
from automed.evaluate.shares import Share, shares

MISSING = -1  # a case that was not answered
SAME = "not estimable: all give the same answer to every case, so kappa has no meaning"
METHOD = "percentile interval of a bootstrap over patients"

Answers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reader:
    """What one reader said.

    Attributes:
        name: as they call themselves.
        before: int64 (cases, parts), the category of each part of each answer; MISSING throughout a case that was left.
        after: the same, once model and explanation were seen.
        minds: of each case whether the explanation would have changed the reader's mind: "yes", "no", "unsure" or "".
    """

    name: str
    before: Answers
    after: Answers
    minds: tuple[str, ...]

    @property
    def answered(self) -> NDArray[np.bool_]:
        """bool (cases,)."""
        return np.asarray((self.before != MISSING).all(axis=1) & (self.after != MISSING).all(axis=1))


def cohen(first: Answers, second: Answers, patient: ArrayLike | None = None, **drawn: int) -> Estimate:
    """Cohen's kappa of two raters.

    Args:
        first: int64 (n, parts), categories from 0.
        second: the other rater's, of the same shape.
        patient: (n,) what is drawn; None where every case is a patient of its own.
        drawn: `resamples` and `seed` of the bootstrap.
    """
    size = int(max(first.max(initial=0), second.max(initial=0))) + 1
    shared = (first == second).mean(axis=1)
    margins = [_shares_of(rater, size) for rater in (first, second)]

    def kappas(weights: Floats) -> Floats:
        chance = (_mean(margins[0], weights) * _mean(margins[1], weights)).sum(axis=0)
        return _beyond(_mean(shared[:, None], weights)[0], chance)

    def point() -> float:
        return float(cohen_kappa_score(first.ravel(), second.ravel()))

    return _estimate(kappas, point, len(first), patient, **drawn)


def fleiss(ratings: Sequence[Answers], patient: ArrayLike | None = None, **drawn: int) -> Estimate:
    """Fleiss' kappa of several raters.

    Args:
        ratings: of each rater int64 (n, parts), categories from 0.
        patient: as in `cohen`.
        drawn: as in `cohen`.
    """
    raters = len(ratings)
    stacked = np.stack(ratings)
    size = int(stacked.max(initial=0)) + 1
    counts = (stacked[..., None] == np.arange(size)).sum(axis=0)  # (n, parts, size)
    agreed = ((counts * counts).sum(axis=-1) - raters) / (raters * (raters - 1))
    proportions = counts.mean(axis=1) / raters

    def kappas(weights: Floats) -> Floats:
        chance = (_mean(proportions, weights) ** 2).sum(axis=0)
        return _beyond(_mean(agreed.mean(axis=1)[:, None], weights)[0], chance)

    def point() -> float:
        return float(kappas(np.ones((len(counts), 1)))[0])

    return _estimate(kappas, point, len(counts), patient, **drawn)


def agreement(
    readers: Sequence[Reader],
    model: Answers,
    reference: Answers | None,
    patient: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of a review as JSON values.

    Args:
        readers: who reviewed; each at least one case.
        model: int64 (cases, parts), what the model decided.
        reference: what the reference standard says; None where there is none.
        patient: (cases,) what is drawn; None where every case is a patient of its own.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        "pairs": [{"readers": [name, name], "before", "after"}], Cohen's kappa; "fleiss": {"readers", "before",
        "after"} of the cases that all answered, null where there are fewer than three readers; "readers": [{"reader",
        "cases", "model": {"before", "after"}, "reference": the same or null, "right": {"before", "after"} or null,
        "changed", "better", "worse", "minds"}]; "all": of the answers of all readers together "cases", "right",
        "changed", "better", "worse", "minds"; "model": its kappa with the reference standard or null; "interval".
        Each figure is {"value", "ci95", "n", "events", "reason"}.
    """
    keys = np.arange(len(model)) if patient is None else np.asarray(patient)
    bootstrap = {"resamples": resamples, "seed": seed}

    def kappa(first: Answers, second: Answers, among: NDArray[np.bool_]) -> dict[str, Any]:
        return as_json(cohen(first[among], second[among], keys[among], **bootstrap))

    def twice(reader: Reader, other: Answers) -> dict[str, Any]:
        return {
            "before": kappa(reader.before, other, reader.answered),
            "after": kappa(reader.after, other, reader.answered),
        }

    pairs = [
        {
            "readers": [one.name, other.name],
            "before": kappa(one.before, other.before, one.answered & other.answered),
            "after": kappa(one.after, other.after, one.answered & other.answered),
        }
        for one, other in combinations(readers, 2)
    ]
    everywhere = np.ones(len(model), dtype=bool)
    return {
        "pairs": pairs,
        "fleiss": _among_all(readers, keys, bootstrap) if len(readers) > 2 else None,
        "readers": [
            {
                "reader": reader.name,
                "cases": int(reader.answered.sum()),
                "model": twice(reader, model),
                "reference": None if reference is None else twice(reader, reference),
                **_changes([reader], reference, keys, bootstrap),
            }
            for reader in readers
        ],
        "all": {
            "cases": int(sum(reader.answered.sum() for reader in readers)),
            **_changes(readers, reference, keys, bootstrap),
        },
        "model": None if reference is None else kappa(model, reference, everywhere),
        "interval": {"method": METHOD, "level": 0.95, **bootstrap},
    }


def _among_all(readers: Sequence[Reader], keys: NDArray[Any], bootstrap: dict[str, int]) -> dict[str, Any]:
    among = np.all([reader.answered for reader in readers], axis=0)

    def kappa(answers: list[Answers]) -> dict[str, Any]:
        return as_json(fleiss([one[among] for one in answers], keys[among], **bootstrap))

    return {
        "readers": [reader.name for reader in readers],
        "before": kappa([reader.before for reader in readers]),
        "after": kappa([reader.after for reader in readers]),
    }


def _changes(
    readers: Sequence[Reader], reference: Answers | None, keys: NDArray[Any], bootstrap: dict[str, int]
) -> dict[str, Any]:
    """How often an answer was changed, and for the better or the worse: shares of all answers of these readers."""
    before = np.concatenate([reader.before[reader.answered] for reader in readers])
    after = np.concatenate([reader.after[reader.answered] for reader in readers])
    codes = encode(np.concatenate([keys[reader.answered] for reader in readers]), len(before))
    every = np.ones(len(before), dtype=bool)
    changed = (before != after).any(axis=1)
    asked = {"changed": Share(changed, every)}
    if reference is not None:
        truth = np.concatenate([reference[reader.answered] for reader in readers])
        right, right_then = (before == truth).all(axis=1), (after == truth).all(axis=1)
        asked |= {"before": Share(right, every), "after": Share(right_then, every)}
        asked |= {"better": Share(~right & right_then, every), "worse": Share(right & ~right_then, every)}
    found = {name: as_json(estimate) for name, estimate in shares(asked, codes, **bootstrap).items()}
    minds = [mind for reader in readers for mind, given in zip(reader.minds, reader.answered, strict=True) if given]
    return {
        "right": None if reference is None else {"before": found.pop("before"), "after": found.pop("after")},
        "better": None,
        "worse": None,
        **found,
        "minds": {answer: minds.count(answer) for answer in ("yes", "no", "unsure")},
    }


def _shares_of(rater: Answers, size: int) -> Floats:
    """Of each case the share of its parts in each category: float64 (n, size)."""
    return np.asarray((rater[..., None] == np.arange(size)).mean(axis=1), dtype=np.float64)


def _mean(quantity: NDArray[Any], weights: Floats) -> Floats:
    """The weighted mean over cases, (n, k) and (n, R) to (k, R)."""
    return np.asarray(quantity.T @ weights / weights.sum(axis=0))


def _beyond(observed: Floats, chance: Floats) -> Floats:
    """Agreement beyond chance, NaN where chance alone agrees wholly."""
    room = 1.0 - chance
    open_ = room > 1e-12
    return np.where(open_, (observed - chance) / np.where(open_, room, 1.0), np.nan)


def _estimate(
    kappas: Callable[[Floats], Floats],
    point: Callable[[], float],
    n: int,
    patient: ArrayLike | None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    if not n:
        return Estimate(None, None, 0, 0, "not estimable: there is no case that all of them answered")
    codes, every = encode(patient, n), np.ones(n, dtype=bool)
    if not np.isfinite(kappas(np.ones((n, 1)))[0]):
        return Estimate(None, None, n, n, SAME)
    drawn = np.concatenate([kappas(weights) for weights in draw(codes, resamples, seed)])
    return summarise(Point(point()), drawn, codes, every, low=-1.0, high=1.0)
