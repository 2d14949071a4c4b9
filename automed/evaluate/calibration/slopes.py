"""Calibration slope and intercept: logistic regressions of the answers on the log-odds that were claimed.

No model is fitted again in a resample: one step of Newton's method from the whole sample's optimum is a function of the
weighted sums of each record's score and information.

Source: Cox 1958, Biometrika 45:562-565; Moulton and Zeger 1991, Comput Stat Data Anal 11:53-63 (one-step bootstrap).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from automed.evaluate.calibration.sums import Floats, Sums, ratio
from automed.evaluate.metrics import ONE_CLASS

NEAREST = 2.0**-24  # the nearest that a float32 below 1 comes to it: what is exactly 1 was rounded
SMALLEST = 1e-12  # as calibration maps have it: a network's 1e-40 would outweigh all other records
ROUNDED = 0.05  # more exact zeros and ones than this share are no rounding
FAR = 100.0  # beyond any intercept: log-odds lie between -28 and 17, or 28 of mapped ones
SEPARATED = "one probability separates the answers without error: the slope is infinite"
CONSTANT = "every record has the same probability"


class Parts(NamedTuple):
    """A fit and what each record adds to it.

    Attributes:
        theta: float64 (2,), intercept and slope.
        scores: float64 (n, 2), derivatives of the log-likelihood by intercept and slope; they add up to 0.
        information: float64 (n, 3), negative second derivatives: intercept twice, both, slope twice.
    """

    theta: Floats
    scores: Floats
    information: Floats


def log_odds(probability: Floats) -> Floats:
    """float64, of the same shape; exact ones are taken for rounded to float32, and nothing is below SMALLEST."""
    inside = np.where(probability >= 1, 1 - NEAREST, np.maximum(probability, SMALLEST))
    return np.asarray(np.log(inside) - np.log1p(-inside))


def slope_parts(truth: NDArray[np.bool_], probability: Floats) -> Parts:
    """Fit logit(truth) = intercept + slope * log-odds; `undefined` says when there is no fit.

    Args:
        truth: bool (n,).
        probability: float64 (n,).
    """
    x = log_odds(probability)
    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=200).fit(x[:, None], truth)
    theta = np.array([float(fitted.intercept_[0]), float(fitted.coef_[0, 0])])
    expected = expit(theta[0] + theta[1] * x)
    score, spread = truth - expected, expected * (1 - expected)
    return Parts(theta, np.stack([score, score * x], axis=1), np.stack([spread, spread * x, spread * x**2], axis=1))


def stepped(theta: Floats, scores: Floats, information: Floats) -> tuple[Floats, Floats]:
    """Intercepts and slopes of resamples, one Newton step from `theta`: float64 (resamples,), twice.

    Args:
        theta: float64 (2,).
        scores: float64 (2, resamples), weighted sums.
        information: float64 (3, resamples), weighted sums.
    """
    level, both, steep = information
    determinant = level * steep - both**2
    intercept = theta[0] + ratio(steep * scores[0] - both * scores[1], determinant)
    slope = theta[1] + ratio(level * scores[1] - both * scores[0], determinant)
    return intercept, slope


def undefined(truth: NDArray[np.bool_], probability: Floats) -> str | None:
    """Why there is no slope, or None where there is one."""
    exact = int(((probability <= 0) | (probability >= 1)).sum())
    if exact > ROUNDED * len(probability):
        return f"{exact} of {len(probability)} probabilities are exactly 0 or 1, of which the log-odds are infinite"
    if truth.all() or not truth.any():
        return ONE_CLASS
    x = log_odds(probability)
    if np.ptp(x) == 0:
        return CONSTANT
    inside, outside = x[truth], x[~truth]
    if inside.min() >= outside.max() or outside.min() >= inside.max():
        return SEPARATED
    return None


def logistic(truth: NDArray[np.bool_], probability: Floats) -> Sums:
    """Slope, and intercept with the slope held at 1 (calibration in the large), of one question.

    A slope under 1: the probabilities are too extreme. An intercept under 0: they are too high on the whole.

    Args:
        truth: bool (n,).
        probability: float64 (n,).

    Source: Steyerberg 2019, Clinical Prediction Models, 2nd edition, section 15.3; Van Calster et al. 2019, BMC
    Medicine 17:230 (levels of calibration).
    """
    no_slope, one_sided = undefined(truth, probability), bool(truth.all() or not truth.any())
    reasons = {"slope": no_slope} if no_slope else {}
    no_intercept = no_slope if no_slope not in (None, CONSTANT, SEPARATED) else None
    reasons |= {"intercept": no_intercept} if no_intercept else {}
    parts = Parts(np.zeros(2), np.zeros((len(truth), 2)), np.zeros((len(truth), 3)))
    if not no_slope:
        parts = slope_parts(truth, probability)
    x, start = log_odds(probability), 0.0
    if not one_sided:
        start = float(brentq(lambda a: float((truth - expit(a + x)).sum()), -FAR, FAR, xtol=1e-12))
    expected = expit(start + x)
    rows = [parts.scores.T, parts.information.T, (truth - expected)[None], (expected * (1 - expected))[None]]
    both = np.stack([truth, ~truth]).astype(np.float64)

    def read(sums: Floats) -> dict[str, Floats]:
        _, slope = stepped(parts.theta, sums[:2], sums[2:5])
        two_sided = (sums[7] > 0) & (sums[8] > 0)
        intercept = start + ratio(sums[5], sums[6])
        return {
            "slope": np.where(two_sided, slope, np.nan),
            "intercept": np.where(two_sided, intercept, np.nan),
        }

    return Sums(np.concatenate([*rows, both]), read, reasons)


def common(y: NDArray[np.int64], probabilities: Floats) -> Sums:
    """The common slope b of softmax(b log p), 1 / temperature: of several classes, or of all labels together.

    Args:
        y: int64 (n,), index of the reference class; of labels (n, labels) of 0 and 1.
        probabilities: float64 (n, classes or labels).

    Source: Guo et al. 2017, ICML, section 4.2 (the temperature; here on the records that are judged).
    """
    n, columns = probabilities.shape
    if y.ndim == 2:
        x = log_odds(probabilities)
        logits = np.stack([np.zeros_like(x), x], axis=2).reshape(n * columns, 2)
        reference, sharing = y.reshape(-1), columns
    else:
        logits, reference, sharing = np.log(np.maximum(probabilities, SMALLEST)), y, 1
    reached = np.take_along_axis(logits, reference[:, None], axis=1)[:, 0]
    reason = _no_common(logits, reached, probabilities)
    slope = 1.0 if reason else _common(logits, reached)
    share = softmax(slope * logits, axis=1)
    mean = np.einsum("nk,nk->n", share, logits)
    spread = np.einsum("nk,nk->n", share, np.square(logits - mean[:, None]))
    rows = np.stack([reached - mean, spread]).reshape(2, n, sharing).sum(axis=2)

    def read(sums: Floats) -> dict[str, Floats]:
        return {"slope": slope + ratio(sums[0], sums[1])}

    return Sums(rows, read, {"slope": reason} if reason else {})


def _no_common(logits: Floats, reached: Floats, probabilities: Floats) -> str | None:
    hard = int(((probabilities <= 0) | (probabilities >= 1)).all(axis=1).sum())
    if hard > ROUNDED * len(probabilities):
        return f"{hard} of {len(probabilities)} records have probabilities of exactly 0 and 1 only"
    if not np.ptp(logits, axis=1).any():
        return "every answer of a record has the same probability"
    if bool((reached >= logits.max(axis=1)).all()) or bool((reached <= logits.min(axis=1)).all()):
        return SEPARATED
    return None


def _common(logits: Floats, reached: Floats) -> float:
    def score(slope: float) -> float:
        return float(reached.sum() - np.einsum("nk,nk->", softmax(slope * logits, axis=1), logits))

    high = 1.0  # the score falls with the slope: widen until it changes its sign
    while score(high) > 0 or score(-high) < 0:
        high *= 2
    return float(brentq(score, -high, high, xtol=1e-12))
