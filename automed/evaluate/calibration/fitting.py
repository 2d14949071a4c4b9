"""Parameters of calibration maps from validation records: plain numbers, so that no library object is kept.

scikit-learn offers temperature and Platt scaling only for estimators and keeps the fitted numbers in private objects;
vector scaling it has not. These fits are scipy's optimisers on the same losses. Every slope stays between 1 / LARGEST
and LARGEST: above 0, so that no map reverses an order, even of a model that is worse than chance on validation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.isotonic import IsotonicRegression

Floats = NDArray[np.float64]

LARGEST = 100.0
# Scales of weak priors, as normal distributions: without them a validation set without errors asks for certainty.
# Source: Gelman et al. 2008, Ann Appl Stat 2:1360-1383, section 2.2 (2.5 of a slope, 10 of an intercept).
SLOPE_SCALE, INTERCEPT_SCALE = 2.5, 10.0


def temperature(logits: Floats, y: NDArray[np.int64]) -> float:
    """The temperature T of softmax(logits / T) that makes the reference classes most likely.

    Args:
        logits: float64 (n, classes); logarithms of probabilities will do.
        y: int64 (n,), index of the reference class.

    Source: Guo et al. 2017, ICML, section 4.2.
    """
    reached = float(logits[np.arange(len(y)), y].sum())

    def downhill(slope: float) -> float:
        expected = np.einsum("nk,nk->", softmax(slope * logits, axis=1), logits)
        return float(expected) - reached + (slope - 1) / SLOPE_SCALE**2

    # The loss is convex in 1 / T, so that its derivative crosses 0 once.
    if downhill(1 / LARGEST) >= 0:
        return LARGEST
    if downhill(LARGEST) <= 0:
        return 1 / LARGEST
    return 1 / float(brentq(downhill, 1 / LARGEST, LARGEST, xtol=1e-12))


def platt(log_odds: Floats, truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept of a logistic curve over log-odds.

    The targets lie a little inside 0 and 1, as Platt has them: the curve then stays finite where classes separate.

    Args:
        log_odds: float64 (n,).
        truth: bool (n,), of both kinds.

    Source: Platt 1999, Advances in Large Margin Classifiers, 61-74, section 2.2.
    """
    events = int(truth.sum())
    target = np.where(truth, (events + 1) / (events + 2), 1 / (len(truth) - events + 2))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * log_odds + parameters[1]
        error = expit(z) - target
        return float(np.mean(np.logaddexp(0, z) - target * z)), np.array([np.mean(error * log_odds), np.mean(error)])

    slope, intercept = _least(loss, np.array([1.0, 0.0]), slopes=1)
    return float(slope), float(intercept)


def vector(logits: Floats, y: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """A slope and an intercept for each class: softmax(slope * logits + intercept).

    Weak priors around 1 and 0 keep a class of few records near what the network says, and fix the one number that the
    softmax leaves free.

    Args:
        logits: float64 (n, classes); logarithms of probabilities will do.
        y: int64 (n,), index of the reference class; every class occurs.

    Returns:
        float64 (classes,), twice.

    Source: Guo et al. 2017, ICML, section 4.2 (vector scaling).
    """
    n, classes = logits.shape
    reference = np.zeros((n, classes))
    reference[np.arange(n), y] = 1.0

    def loss(parameters: Floats) -> tuple[float, Floats]:
        slopes, intercepts = parameters[:classes], parameters[classes:]
        likelihood = log_softmax(slopes * logits + intercepts, axis=1)
        error = np.exp(likelihood) - reference
        prior = np.concatenate([(slopes - 1) / SLOPE_SCALE, intercepts / INTERCEPT_SCALE])
        scale = np.concatenate([np.full(classes, SLOPE_SCALE), np.full(classes, INTERCEPT_SCALE)])
        gradient = np.concatenate([np.einsum("nk,nk->k", error, logits), error.sum(axis=0)]) + prior / scale
        return float(prior @ prior / 2 - likelihood[np.arange(n), y].sum()) / n, gradient / n

    found = _least(loss, np.concatenate([np.ones(classes), np.zeros(classes)]), slopes=classes)
    return found[:classes], found[classes:]


def isotonic(log_odds: Floats, truth: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The rising steps of least squares: the log-odds where they begin and end, and the share of events there.

    Args:
        log_odds: float64 (n,).
        truth: bool (n,).

    Returns:
        float64 (points,), rising; float64 (points,), 0 to 1, never falling.

    Source: Zadrozny and Elkan 2002, KDD, 694-699, section 3.
    """
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(log_odds, truth.astype(np.float64))
    return np.asarray(fitted.X_thresholds_, dtype=np.float64), np.asarray(fitted.y_thresholds_, dtype=np.float64)


def _least(loss: Callable[[Floats], tuple[float, Floats]], start: Floats, *, slopes: int) -> Floats:
    """Where a convex loss is least; the first `slopes` parameters are slopes."""
    bounds: list[tuple[float | None, float | None]] = [(1 / LARGEST, LARGEST)] * slopes
    bounds += [(None, None)] * (len(start) - slopes)
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"gtol": 1e-7, "ftol": 1e-13, "maxiter": 2000, "maxfun": 20000},
    )
    return np.asarray(found.x, dtype=np.float64)
