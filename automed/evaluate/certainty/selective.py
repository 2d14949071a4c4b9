"""When a model had better not answer: its errors among the records it is most certain of, and a threshold to abstain.

The certainty of a record is the probability of the answer that was decided for; of several labels, of the least certain
one. An error is a record that is not decided as the reference standard has it; of several labels, with any label wrong.

Source: El-Yaniv and Wiener 2010, J Mach Learn Res 11:1605-1641 (risk and coverage); Geifman and El-Yaniv 2017, NeurIPS
30:4878-4887 (the probability of the decision as certainty, and a threshold for an accepted risk); Jones et al. 2021,
ICLR (abstaining may lower the errors of all and yet leave those of one group high: hence figures by class).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from automed.evaluate.intervals import RESAMPLES, complete, draw, rests_on, summarise
from automed.evaluate.metrics import MACRO_F1, Point
from automed.evaluate.resamples import OVERALL, Floats, Resamples
from automed.evaluate.sample import Sample, collect
from automed.evaluate.scores import as_json
from automed.evaluate.shares import Share, shares

ANSWERED = tuple(round(0.05 * step, 2) for step in range(1, 21))  # of the risk-coverage curve
FEWEST = 20  # records that a threshold must leave answered on validation: of fewer no error rate can be told


@dataclass(frozen=True)
class Abstain:
    """From which certainty on a model answers.

    Attributes:
        accept: the largest share of errors among answered records that is accepted.
        threshold: 0 to 1; records of lower certainty are not answered. None where no threshold keeps `accept`.
        answered: share of validation records that it leaves answered; None without a threshold.
        error: share of errors among these; None without a threshold.
        reason: how it was found, in a sentence for people.
    """

    accept: float
    threshold: float | None
    answered: float | None
    error: float | None
    reason: str

    def answers(self, sample: Sample) -> NDArray[np.bool_]:
        """Which records are answered: bool (n,); none without a threshold."""
        if self.threshold is None:
            return np.zeros(len(sample.y), dtype=bool)
        return np.asarray(certainty(sample) >= self.threshold)

    def as_json(self) -> dict[str, Any]:
        """{"accept", "threshold", "answered", "error", "reason"}: what `read` takes back."""
        return {
            "accept": self.accept,
            "threshold": self.threshold,
            "answered": self.answered,
            "error": self.error,
            "reason": self.reason,
        }

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Abstain:
        """The threshold that `as_json` wrote."""
        return cls(**{name: stored[name] for name in ("accept", "threshold", "answered", "error", "reason")})


def certainty(sample: Sample) -> Floats:
    """The probability of the decision, of several labels of the least certain one: float64 (n,)."""
    if sample.task == "multilabel":
        decided = np.where(sample.named, sample.probabilities, 1 - sample.probabilities)
        return np.asarray(decided.min(axis=1))
    return np.asarray(sample.probabilities[np.arange(len(sample.y)), sample.predicted])


def choose(validation: Sample, accept: float) -> Abstain:
    """The lowest certainty from which on the errors among validation records stay within `accept`.

    It is chosen half-way to the next lower certainty. Chosen on the records it is judged by, it flatters the model a
    little: what counts is the test.

    Args:
        validation: records with probabilities and decisions.
        accept: above 0 and below 1.
    """
    sure = certainty(validation)
    order = np.argsort(-sure, kind="stable")
    falling = sure[order]
    error = np.cumsum(~validation.right[order]) / np.arange(1, len(order) + 1)
    ends = np.append(falling[:-1] > falling[1:], True)  # records of one certainty are answered together
    fewest = min(FEWEST, len(order))
    possible = ends & (np.arange(1, len(order) + 1) >= fewest)
    kept = np.flatnonzero(possible & (error <= accept))
    if not kept.size:
        reason = (
            f"no threshold leaves {fewest} or more validation records answered with at most {accept:g} of them wrong: "
            f"the lowest share of errors is {error[possible].min():.3f}"
        )
        return Abstain(accept, None, None, None, reason)
    last = int(kept[-1])
    answered = (last + 1) / len(order)
    if last == len(order) - 1:
        reason = f"all validation records answered, {error[last]:.3f} of them are wrong: no need to abstain"
        return Abstain(accept, 0.0, 1.0, float(error[last]), reason)
    middle = (falling[last] + falling[last + 1]) / 2
    # Between neighbouring floats there is no middle: the upper one is the threshold itself.
    threshold = float(middle if middle > falling[last + 1] else falling[last])
    reason = (
        f"the lowest certainty from which on at most {accept:g} of the answered validation records are wrong: "
        f"{error[last]:.3f} of {last + 1}, and {len(order) - last - 1} are left to people"
    )
    return Abstain(accept, threshold, answered, float(error[last]), reason)


def selective(
    validation: Sample,
    test: Sample,
    codes: NDArray[np.int64],
    accept: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    given: Abstain | None = None,
) -> dict[str, Any]:
    """The risk-coverage curve of the test, and what abstaining by a threshold of validation does there.

    Args:
        validation: records to choose the threshold on.
        test: n other records, to measure on.
        codes: int64 (n,), patient of each test record.
        accept: the largest accepted share of errors among answered records.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        given: the threshold that was chosen before, as the model's card holds it.

    Returns:
        {"certainty": what it is, in words, "error": share of errors among all, "curve": [{"answered": share, "error":
        share of errors among this share of most certain records}, ...], "aurc": area under that curve, "excess": what
        of it a perfect order of the same errors would avoid, "abstain": Abstain.as_json(), "test": null without a
        threshold, else {"answered": share, "error": among answered, "macro_f1": among answered, "error_unanswered":
        share of those left to people that would have been wrong, "by_class": {key: {"answered": share of the class or
        label, "error": among its answered}}}}; error, aurc, excess and everything in test are figures with value, ci95,
        n, events and reason.
    """
    abstain = given or choose(validation, accept)
    least = "of the least certain label" if test.task == "multilabel" else "of the class decided for"
    return {
        "certainty": f"probability {least}",
        **_curve(test, codes, resamples, seed),
        "abstain": abstain.as_json(),
        "test": None if abstain.threshold is None else _abstaining(test, abstain.answers(test), codes, resamples, seed),
    }


def _curve(sample: Sample, codes: NDArray[np.int64], resamples: int, seed: int) -> dict[str, Any]:
    points = _risk(sample, np.ones((len(codes), 1)))
    parts = [_risk(sample, weights) for weights in draw(codes, resamples, seed)]
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in points}
    everyone = np.ones(len(codes), dtype=bool)
    order = np.argsort(-certainty(sample), kind="stable")
    curve = []
    for place, share in enumerate(ANSWERED):
        among = np.zeros(len(codes), dtype=bool)
        among[order[: max(1, int(np.ceil(round(share * len(order), 9))))]] = True
        value = Point(float(points["curve"][0, place]))
        curve.append({"answered": share, "error": as_json(summarise(value, drawn["curve"][:, place], codes, among))})
    figures = {
        name: as_json(summarise(Point(float(points[name][0])), drawn[name], codes, everyone))
        for name in ("aurc", "excess")
    }
    return {"error": curve[-1]["error"], "curve": curve, **figures}


def _risk(sample: Sample, weights: Floats) -> dict[str, Floats]:
    """The curve, its area and its excess area under many weightings.

    Records of one certainty enter together, so that their order does not matter. The area is the mean, over records,
    of the share of errors among those at least as certain. A perfect order, all errors last, of a share e of errors has
    the area e + (1 - e) log(1 - e).

    Args:
        sample: n records.
        weights: float64 (n, resamples), whole numbers.

    Returns:
        curve: float64 (resamples, points); aurc and excess: float64 (resamples,).

    Source: Geifman, Uziel and El-Yaniv 2019, ICLR, section 3 (the areas).
    """
    sure = certainty(sample)
    order = np.argsort(-sure, kind="stable")
    end = np.searchsorted(-sure[order], -sure[order], side="right") - 1
    drawn = weights[order]
    answered = np.cumsum(drawn, axis=0)
    wrong = np.cumsum(drawn * ~sample.right[order][:, None], axis=0)
    total = answered[-1]
    curve = np.empty((weights.shape[1], len(ANSWERED)))
    columns = np.arange(weights.shape[1])
    for place, share in enumerate(ANSWERED):
        # Rounding must not ask for more records than there are.
        last = end[np.minimum((answered < share * total - 1e-9).sum(axis=0), len(order) - 1)]
        curve[:, place] = wrong[last, columns] / answered[last, columns]
    risk = wrong[end] / np.maximum(answered[end], 1)  # nothing drawn so far adds nothing
    aurc = np.einsum("ij,ij->j", drawn, risk) / total
    error = wrong[-1] / total
    right = 1 - error
    ideal = error + right * np.log(np.where(right > 0, right, 1.0))
    return {"curve": curve, "aurc": aurc, "excess": aurc - ideal}


def _abstaining(
    sample: Sample, answered: NDArray[np.bool_], codes: NDArray[np.int64], resamples: int, seed: int
) -> dict[str, Any]:
    everyone = np.ones(len(codes), dtype=bool)
    asked = {
        "answered": Share(answered, everyone),
        "error": Share(~sample.right, answered),
        "error_unanswered": Share(~sample.right, ~answered),
    }
    for k, key in enumerate(sample.classes):
        inside = sample.inside[:, k]
        wrong = sample.named[:, k] != inside
        asked[f"answered {key}"] = Share(answered, inside)
        asked[f"error {key}"] = Share(wrong, inside & answered)
    found = {name: as_json(figure) for name, figure in shares(asked, codes, resamples=resamples, seed=seed).items()}
    by_class = {key: {name: found.pop(f"{name} {key}") for name in ("answered", "error")} for key in sample.classes}
    return {**found, "macro_f1": _macro_f1(sample, answered, codes, resamples, seed), "by_class": by_class}


def _macro_f1(
    sample: Sample, answered: NDArray[np.bool_], codes: NDArray[np.int64], resamples: int, seed: int
) -> dict[str, Any]:
    """Among answered records; patients are drawn from all, so that the number answered varies as it does."""
    if not answered.any():
        nothing = summarise(Point(None, "not estimable: no record is answered"), np.empty(1), codes, answered)
        return as_json(nothing)
    part = collect(
        sample.y[answered],
        sample.probabilities[answered],
        predicted=sample.predicted[answered],
        positive=sample.positive,
        classes=sample.classes,
        task=sample.task,
    )
    values = []
    with threadpool_limits(1, user_api="blas"):
        for weights in draw(codes, resamples, seed):
            weighted = Resamples(part, weights[answered])
            values.append(np.where(complete(weighted) > 0, OVERALL["macro_f1"](weighted), np.nan))
    rarest = rests_on(part, MACRO_F1)
    return as_json(summarise(MACRO_F1(part), np.concatenate(values), codes[answered], rarest))
