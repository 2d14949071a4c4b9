"""Figures of calibration, each as a value and under many weightings, so that groups can be measured like the whole.

A question has two answers; of several classes slope and ECE look at the whole distribution and at the most probable
class. Weights are float64 (n, resamples), how often each record was drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.calibration.bins import binned, settle
from automed.evaluate.calibration.slopes import common, logistic
from automed.evaluate.calibration.sums import Floats, Sums
from automed.evaluate.intervals import Estimate
from automed.evaluate.metrics import Point


def ece(truth: NDArray[np.bool_], probability: Floats) -> Point:
    """Expected calibration error over bins of equally many records: the mean distance of claimed and observed."""
    return binned(truth, probability).point("ece")


def ece_resampled(truth: NDArray[np.bool_], probability: Floats, weights: Floats) -> Floats:
    """The same of resamples, in the bins of the whole sample: (resamples,)."""
    return binned(truth, probability).resampled("ece", weights)


def ece_by_chance(truth: NDArray[np.bool_], probability: Floats, weights: Floats) -> Floats:
    """The ECE that resamples would show by chance alone, of a calibrated model: (resamples,)."""
    return binned(truth, probability).resampled("chance", weights)


def ece_estimate(
    truth: NDArray[np.bool_],
    probability: Floats,
    drawn: Floats,
    chance: Floats,
    codes: NDArray[np.int64],
    events_at: NDArray[np.bool_],
) -> Estimate:
    """ECE with an interval that allows for what chance adds to it; a percentile interval would lie too high.

    Args:
        truth: bool (n,).
        probability: float64 (n,).
        drawn: float64 (resamples,), of `ece_resampled`.
        chance: float64 (resamples,), of `ece_by_chance`, on the same resamples.
        codes: int64 (n,), patient of each record.
        events_at: bool (n,), the records that count as events.
    """
    return settle(ece(truth, probability), drawn, chance, codes, events_at)


def top_label(y: NDArray[np.int64], probabilities: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Of several classes the question whether the most probable one is right: bool (n,), and its probability (n,)."""
    named = probabilities.argmax(axis=1)
    return named == y, np.asarray(probabilities[np.arange(len(y)), named])


def top_label_ece(y: NDArray[np.int64], probabilities: Floats) -> Point:
    """ECE of the most probable class: its probability against how often it is right.

    Source: Guo et al. 2017, ICML, section 2 (confidence calibration).
    """
    return ece(*top_label(y, probabilities))


def top_label_ece_resampled(y: NDArray[np.int64], probabilities: Floats, weights: Floats) -> Floats:
    """The same of resamples."""
    return ece_resampled(*top_label(y, probabilities), weights)


def calibration_slope(truth: NDArray[np.bool_], probability: Floats) -> Point:
    """Slope of a logistic regression of the answers on the log-odds: 1 is right, less is too extreme."""
    return logistic(truth, probability).point("slope")


def calibration_slope_resampled(truth: NDArray[np.bool_], probability: Floats, weights: Floats) -> Floats:
    """The same of resamples, by the one-step bootstrap."""
    return logistic(truth, probability).resampled("slope", weights)


def calibration_intercept(truth: NDArray[np.bool_], probability: Floats) -> Point:
    """Calibration in the large, with the slope held at 1: 0 is right, less is too high a probability."""
    return logistic(truth, probability).point("intercept")


def calibration_intercept_resampled(truth: NDArray[np.bool_], probability: Floats, weights: Floats) -> Floats:
    """The same of resamples, by the one-step bootstrap."""
    return logistic(truth, probability).resampled("intercept", weights)


def multiclass_slope(y: NDArray[np.int64], probabilities: Floats) -> Point:
    """The common slope of several classes, or of all labels: 1 is right, less is too extreme."""
    return common(y, probabilities).point("slope")


def multiclass_slope_resampled(y: NDArray[np.int64], probabilities: Floats, weights: Floats) -> Floats:
    """The same of resamples, by the one-step bootstrap."""
    return common(y, probabilities).resampled("slope", weights)


def question_sums(truth: NDArray[np.bool_], probability: Floats) -> tuple[Sums, Sums]:
    """Everything about one question: the sums of its bins, and those of slope and intercept."""
    return binned(truth, probability), logistic(truth, probability)
