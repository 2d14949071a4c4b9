"""The area under the ROC curve with DeLong's variance, without resampling: a check on the bootstrap.

Each record has a placement: the share of the other side that it ranks rightly against, half where equal. The area is
the mean of the placements of either side, and their spread gives its variance. Midranks give all placements in
n log n. Where patients have several records, the placements of a patient are added up before their spread is taken.

No kept library has this: scipy and scikit-learn give the area alone.

Source: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845; Sun and Xu 2014, IEEE Signal Process Lett
21:1389-1393 (by midranks); Obuchowski 1997, Biometrics 53:567-578 (several records a patient).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from automed.errors import DataError
from automed.evaluate.intervals import TAIL
from automed.evaluate.resamples import Floats

Z = float(norm.ppf(1 - TAIL))
_ROUNDING = 1e-12


class Area(NamedTuple):
    """An area under the curve.

    Attributes:
        auc: 0 to 1.
        se: its standard error; None where a side has fewer than two patients, or all placements are equal.
        ci95: lower and upper limit, symmetric on the logit scale; None where se is.
    """

    auc: float
    se: float | None
    ci95: tuple[float, float] | None


class AreaDifference(NamedTuple):
    """The area of one model minus that of another on the same records.

    Attributes:
        difference: -1 to 1.
        se: its standard error; None where a side has fewer than two patients.
        ci95: lower and upper limit; None where se is.
        p: two-sided, of no difference; 1 where the models rank alike; None where se is.
    """

    difference: float
    se: float | None
    ci95: tuple[float, float] | None
    p: float | None


def delong(truth: ArrayLike, probability: ArrayLike, codes: NDArray[np.int64] | None = None) -> Area:
    """The area of one model.

    Args:
        truth: bool (n,), the reference standard.
        probability: floats (n,), higher for true.
        codes: int64 (n,), patient of each record, 0 to patients - 1; None where every record is a patient of its own.

    Raises:
        DataError: lengths differ, or one side is missing.

    Source: Pepe 2003, The Statistical Evaluation of Medical Tests for Classification and Prediction, section 5.2.4
    (limits on the logit scale stay within 0 and 1).
    """
    true = _sides(truth, probability)
    placements = _placements(true, np.asarray(probability, dtype=np.float64))
    auc = float(placements[true].mean())
    variance = _variance(placements - auc, true, codes)
    # Where all of one side rank above the other, the placements do not spread, which is no certainty.
    if variance is None or variance <= _ROUNDING or not 0 < auc < 1:
        return Area(auc, None, None)
    se = math.sqrt(variance)
    reach = Z * se / (auc * (1 - auc))
    return Area(auc, se, (float(expit(logit(auc) - reach)), float(expit(logit(auc) + reach))))


def delong_paired(
    truth: ArrayLike, one: ArrayLike, other: ArrayLike, codes: NDArray[np.int64] | None = None
) -> AreaDifference:
    """Whether two models have the same area on the same records.

    Args:
        truth: bool (n,), the reference standard.
        one: floats (n,), of the first model, higher for true.
        other: floats (n,), of the second.
        codes: as in `delong`.

    Raises:
        DataError: lengths differ, or one side is missing.
    """
    true = _sides(truth, one)
    _sides(truth, other)
    placements = [_placements(true, np.asarray(scores, dtype=np.float64)) for scores in (one, other)]
    gap = placements[0] - placements[1]
    difference = float(gap[true].mean())
    variance = _variance(gap - difference, true, codes)
    if variance is None:
        return AreaDifference(difference, None, None, None)
    if variance <= _ROUNDING:
        alike = abs(difference) <= _ROUNDING and not np.abs(gap).max() > _ROUNDING
        return (
            AreaDifference(difference, 0.0, (0.0, 0.0), 1.0) if alike else AreaDifference(difference, None, None, None)
        )
    se = math.sqrt(variance)
    p = float(2 * norm.sf(abs(difference) / se))
    return AreaDifference(difference, se, (difference - Z * se, difference + Z * se), p)


def _sides(truth: ArrayLike, scores: ArrayLike) -> NDArray[np.bool_]:
    true = np.asarray(truth, dtype=bool)
    if true.ndim != 1 or true.shape != np.shape(scores):
        raise DataError(f"an ROC curve needs one probability a record, got {np.shape(scores)} for {true.shape}")
    if true.all() or not true.any():
        raise DataError("an ROC curve needs records on both sides of the question")
    return true


def _placements(true: NDArray[np.bool_], scores: Floats) -> Floats:
    """Of each record the share of the other side that it ranks rightly against: float64 (n,)."""
    ranks = rankdata(scores)
    found = np.empty(len(scores))
    found[true] = (ranks[true] - rankdata(scores[true])) / (~true).sum()
    found[~true] = 1 - (ranks[~true] - rankdata(scores[~true])) / true.sum()
    return found


def _variance(deviation: Floats, true: NDArray[np.bool_], codes: NDArray[np.int64] | None) -> float | None:
    """Of a mean of placements, from how far each lies from it; None where a side has fewer than two patients.

    With one record a patient the term that binds both sides is 0, and this is DeLong's variance to the last digit: the
    factor patients / (patients - 1) is in either.
    """
    patient = np.arange(len(true)) if codes is None else codes
    patients = int(patient.max()) + 1
    sums, held = [], []
    for side in (true, ~true):
        sums.append(np.bincount(patient[side], weights=deviation[side], minlength=patients) / side.sum())
        held.append(int((np.bincount(patient[side], minlength=patients) > 0).sum()))
    if min(held) < 2:
        return None
    own = sum(count / (count - 1) * float(total @ total) for count, total in zip(held, sums, strict=True))
    all_held = int(np.unique(patient).size)
    return own + 2 * all_held / (all_held - 1) * float(sums[0] @ sums[1])
