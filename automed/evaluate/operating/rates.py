"""What a threshold yields on test records: sensitivity, predictive values, likelihood ratios, number to evaluate.

All figures follow from how many records are flagged rightly and wrongly, and in each resample from how many of the
drawn ones are; both questions and resamples are counted in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError
from automed.evaluate.intervals import RESAMPLES, Estimate, summarise
from automed.evaluate.metrics import Point
from automed.evaluate.operating.resampling import Adder, on_all, rarer, ratio, resampled, unbounded
from automed.evaluate.questions import Question
from automed.evaluate.resamples import Floats

Bools = NDArray[np.bool_]
Codes = NDArray[np.int64]
CORNER = "sensitivity or specificity has no bootstrap width: limits from the exact ones of both"


class Counts:
    """How many records are flagged rightly, flagged wrongly, missed, and left rightly.

    Args:
        truth: bool (n,), the reference standard.
        flagged: bool (n,), the answer yes.
    """

    def __init__(self, truth: Bools, flagged: Bools) -> None:
        if truth.shape != flagged.shape or truth.ndim != 1:
            raise DataError(f"{truth.shape} answers for {flagged.shape} decisions")
        self.truth = truth
        self.flagged = flagged
        self._add = Adder(np.where(flagged, 1 - truth.astype(np.int64), 3 - truth.astype(np.int64)), 4)

    def __call__(self, weights: Floats) -> Floats:
        """From weights float64 (n, resamples) to float64 (resamples, 4)."""
        return self._add(weights).T

    def figures(self, drawn: Floats, codes: Codes, prevalence: float | None = None) -> dict[str, Estimate]:
        """Every figure with its interval.

        Sensitivity and specificity of exactly 0 or 1 have no width in the bootstrap. Likelihood ratios and predictive
        values at a stated prevalence grow (or fall) with both, so their limits are then the figures at the exact limits
        of both, which is wider than need be and never too narrow.

        Args:
            drawn: float64 (resamples, 4), of these counts.
            codes: int64 (n,), patient of each record.
            prevalence: share of records to be answered with yes where the model will be used.

        Returns:
            As `rates`.
        """
        everyone = np.ones(len(codes), dtype=bool)
        rests = {
            "sensitivity": self.truth,
            "specificity": ~self.truth,
            "ppv": self.flagged,
            "npv": ~self.flagged,
            "f1": self.truth,
        }
        points, values = _shares(on_all(self, len(codes))[None]), _shares(drawn)
        found = {}
        for name, value in values.items():
            point = float(points[name][0])
            known = Point(point) if np.isfinite(point) else Point(None, _UNDEFINED[name])
            found[name] = summarise(known, value, codes, rests.get(name, everyone))

        def combine(function: Callable[[Floats, Floats], Floats], nothing: str) -> Estimate:
            return _combine(function, found, values, codes, rarer(self.truth), nothing)

        found["lr_positive"] = combine(lambda se, sp: _quotient(se, 1 - sp), "no record is flagged wrongly")
        found["lr_negative"] = combine(lambda se, sp: _quotient(1 - se, sp), "no record is left rightly")
        found["nne"] = _reciprocal(found["ppv"])
        if prevalence is not None:
            share = prevalence
            ppv = combine(lambda se, sp: _quotient(se * share, se * share + (1 - sp) * (1 - share)), "none is flagged")
            npv = combine(
                lambda se, sp: _quotient(sp * (1 - share), sp * (1 - share) + (1 - se) * share), "all are flagged"
            )
            found |= {"ppv_at_prevalence": ppv, "npv_at_prevalence": npv, "nne_at_prevalence": _reciprocal(ppv)}
        return found


def rates(
    truth: ArrayLike,
    flagged: ArrayLike,
    codes: Codes,
    prevalence: float | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Estimate]:
    """What the decisions about one question are worth, with intervals by a bootstrap over patients.

    Args:
        truth: bool (n,), the reference standard.
        flagged: bool (n,), whether the operating threshold is reached.
        codes: int64 (n,), patient of each record, from `intervals.encode`.
        prevalence: at which predictive values are given as well; sensitivity and specificity are held to stay.
        resamples: how many to draw.
        seed: fixes the draws.

    Returns:
        prevalence, sensitivity, specificity, ppv, npv, flagged and missed (shares of all), accuracy, f1, lr_positive,
        lr_negative and nne (number needed to evaluate: flagged records a right one); with `prevalence` also
        ppv_at_prevalence, npv_at_prevalence and nne_at_prevalence. What is infinite is not estimable.

    Raises:
        DataError: lengths differ.

    Source: Altman and Bland 1994, BMJ 308:1552 and 309:102 (sensitivity, predictive values and prevalence); Deeks and
    Altman 2004, BMJ 329:168-169 (likelihood ratios); Clopper and Pearson 1934, Biometrika 26:404-413 (at 0 and 1).
    """
    counts = Counts(np.asarray(truth, dtype=bool), np.asarray(flagged, dtype=bool))
    drawn = resampled({"counts": counts}, codes, resamples, seed)["counts"]
    return counts.figures(drawn, codes, prevalence)


def rates_of(
    questions: Sequence[Question],
    flagged: ArrayLike,
    codes: Codes,
    prevalences: Mapping[str, float] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[dict[str, Estimate]]:
    """`rates` of several questions about the same records, in one pass over the resamples.

    Args:
        questions: of n records each.
        flagged: bool (n, questions).
        codes: as in `rates`.
        prevalences: by key of a question, where one is stated.
        resamples: as in `rates`.
        seed: as in `rates`.

    Raises:
        DataError: lengths differ.
    """
    decided = np.asarray(flagged, dtype=bool)
    if decided.ndim != 2 or decided.shape[1] != len(questions):
        raise DataError(f"decisions of shape {decided.shape} for {len(questions)} questions")
    counts = [Counts(question.truth, decided[:, k]) for k, question in enumerate(questions)]
    drawn = resampled({str(k): count for k, count in enumerate(counts)}, codes, resamples, seed)
    stated = prevalences or {}
    return [
        count.figures(drawn[str(k)], codes, stated.get(question.key))
        for k, (question, count) in enumerate(zip(questions, counts, strict=True))
    ]


def _shares(counts: Floats) -> dict[str, Floats]:
    """All figures that are shares, from counts float64 (resamples, 4)."""
    hits, alarms, missed, left = counts.T
    total = counts.sum(axis=1)
    return {
        "prevalence": ratio(hits + missed, total),
        "sensitivity": ratio(hits, hits + missed),
        "specificity": ratio(left, left + alarms),
        "ppv": ratio(hits, hits + alarms),
        "npv": ratio(left, left + missed),
        "flagged": ratio(hits + alarms, total),
        "missed": ratio(missed, total),
        "accuracy": ratio(hits + left, total),
        "f1": ratio(2 * hits, 2 * hits + alarms + missed),
    }


def _quotient(numerator: Floats, denominator: Floats) -> Floats:
    """NaN for 0/0, infinite for anything else over 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.divide(numerator, denominator))


def _combine(
    function: Callable[[Floats, Floats], Floats],
    found: Mapping[str, Estimate],
    drawn: Mapping[str, Floats],
    codes: Codes,
    events_at: Bools,
    nothing: str,
) -> Estimate:
    """The estimate of a figure that grows with both sensitivity and specificity, or falls with both."""
    sensitivity, specificity = found["sensitivity"], found["specificity"]
    lacking = Estimate(None, None, len(codes), int(events_at.sum()), None)
    for part in (sensitivity, specificity):
        if part.value is None or part.ci95 is None:
            return replace(lacking, reason=part.reason)
    assert sensitivity.value is not None and sensitivity.ci95 and specificity.value is not None and specificity.ci95
    value = float(function(np.float64(sensitivity.value), np.float64(specificity.value)))  # type: ignore[arg-type]
    if not np.isfinite(value):
        return replace(lacking, reason=f"not estimable: {nothing}")
    if not {sensitivity.value, specificity.value} & {0.0, 1.0}:
        return unbounded(value, function(drawn["sensitivity"], drawn["specificity"]), codes, events_at)
    corners = np.sort(function(np.array(sensitivity.ci95), np.array(specificity.ci95)))
    if not np.isfinite(corners).all():
        return replace(lacking, reason="not estimable: the interval has no limit")
    return Estimate(value, (float(corners[0]), float(corners[1])), lacking.n, lacking.events, CORNER)


def _reciprocal(share: Estimate) -> Estimate:
    """1 over a share: the limits change places, as each resample's value does."""
    if share.value is None or share.ci95 is None:
        return share
    if share.value <= 0 or share.ci95[0] <= 0:
        what = "no flagged record is right" if share.value <= 0 else "the share of right ones may be 0"
        return replace(share, value=None, ci95=None, reason=f"not estimable: {what}")
    return replace(share, value=1 / share.value, ci95=(1 / share.ci95[1], 1 / share.ci95[0]))


_UNDEFINED = {
    "prevalence": "there are no records",
    "sensitivity": "no record is to be answered with yes",
    "specificity": "no record is to be answered with no",
    "ppv": "no record is flagged",
    "npv": "every record is flagged",
    "flagged": "there are no records",
    "missed": "there are no records",
    "accuracy": "there are no records",
    "f1": "no record is flagged or to be answered with yes",
}
