"""Bins of equally many records: calibration error, the parts of Brier's score, the reliability curve.

Bins are cut on the whole sample and stay as they are in every resample, so that all figures are functions of three sums
a bin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.calibration.sums import Floats, Sums, ratio
from automed.evaluate.intervals import TAIL, Estimate, summarise
from automed.evaluate.metrics import Point

BINS = 10
PER_BIN = 20  # the share observed in a bin of 20 is known to about a tenth: fewer records show nothing but chance
PARTS = ("reliability", "resolution", "uncertainty", "within")
NOTHING_EXPECTED = "every probability is 0"


def adaptive(probability: Floats) -> NDArray[np.int64]:
    """The bin of each record: int64 (n,), 0 to bins - 1.

    Quantiles are the limits, so that equal probabilities share a bin and one may stay empty, as in scikit-learn's
    calibration_curve(strategy="quantile").

    Source: Nguyen and O'Connor 2015, EMNLP, 1587-1598, section 3; Roelofs et al. 2022, AISTATS, 4036-4054 (equal mass
    is less biased than equal width).
    """
    count = int(np.clip(len(probability) // PER_BIN, 1, BINS))
    limits = np.percentile(probability, np.linspace(0, 100, count + 1))
    return np.searchsorted(limits[1:-1], probability).astype(np.int64)


def binned(truth: NDArray[np.bool_], probability: Floats) -> Sums:
    """ECE, Brier's score with its parts, observed / expected, and the reliability curve of one question.

    The parts add up: brier = reliability - resolution + uncertainty + within, where within is what bins hide, the
    variance of the probabilities in a bin less twice their covariance with the answers.

    Args:
        truth: bool (n,).
        probability: float64 (n,).

    Returns:
        Of ece, brier, reliability, resolution, uncertainty, within, observed_expected: (resamples,). Of the bins:
        records, predicted, observed: (bins, resamples); gaps: (bins, resamples), observed less expected events.

    Source: Murphy 1973, J Appl Meteorol 12:595-600; Stephenson, Coelho and Jolliffe 2008, Weather and Forecasting
    23:752-757 (within bins).
    """
    bins = adaptive(probability)
    count = int(bins.max()) + 1
    inside = (bins == np.arange(count)[:, None]).astype(np.float64)
    error = np.square(probability - truth)
    rows = np.concatenate([inside, inside * probability, inside * truth, error[None]])

    def read(sums: Floats) -> dict[str, Floats]:
        records, expected, observed = sums[:-1].reshape(3, count, -1)
        total = records.sum(axis=0)
        share = ratio(observed, records)
        base = ratio(observed.sum(axis=0), total)
        gaps = observed - expected
        brier = ratio(sums[-1], total)
        reliability = ratio(ratio(gaps**2, records, otherwise=0.0).sum(axis=0), total)
        resolution = ratio((records * np.square(np.where(records > 0, share - base, 0.0))).sum(axis=0), total)
        uncertainty = base * (1 - base)
        return {
            "ece": ratio(np.abs(gaps).sum(axis=0), total),
            "brier": brier,
            "reliability": reliability,
            "resolution": resolution,
            "uncertainty": uncertainty,
            "within": brier - (reliability - resolution + uncertainty),
            "observed_expected": ratio(observed.sum(axis=0), expected.sum(axis=0)),
            "records": records,
            "predicted": ratio(expected, records),
            "observed": share,
            "gaps": gaps,
        }

    return Sums(rows, read, {} if probability.any() else {"observed_expected": NOTHING_EXPECTED})


def chance(truth: NDArray[np.bool_], probability: Floats, codes: NDArray[np.int64]) -> tuple[float, float]:
    """The ECE that sampling alone would show: what is expected of it, and what it exceeds in 5 % of samples.

    The gap of a bin is taken as normal, with the variance that patients show; its size then is half-normal.

    Args:
        truth: bool (n,).
        probability: float64 (n,).
        codes: int64 (n,), patient of each record.

    Source: Bröcker and Smith 2007, Weather and Forecasting 22:651-661 (consistency of reliability diagrams); Liang and
    Zeger 1986, Biometrika 73:13-22 (variance from sums within clusters).
    """
    bins, n = adaptive(probability), len(probability)
    gaps = truth - probability
    sums, records = np.bincount(bins, gaps), np.bincount(bins)
    means = sums / np.maximum(records, 1)
    count, patients = len(records), int(codes.max()) + 1
    of_patients = np.bincount(bins * patients + codes, gaps - means[bins], minlength=count * patients)
    variance = np.square(of_patients.reshape(count, patients)).sum(axis=1) / n**2
    expected = float(np.sqrt(2 / np.pi) * np.sqrt(variance).sum())
    return expected, expected + 1.645 * float(np.sqrt((1 - 2 / np.pi) * variance.sum()))


def settle(
    point: Point, drawn: Floats, noise: tuple[float, float], codes: NDArray[np.int64], events_at: NDArray[np.bool_]
) -> Estimate:
    """The estimate of an ECE, whose resamples cannot be taken as they are.

    ECE adds up sizes, so that chance only raises it, and raises it again in each resample: the percentile interval of a
    calibrated model lies above the truth, in every sample. The draws are moved to where they would lie without chance:
    the root of the squared ECE less its expected chance part squared. The lower limit is 0 where chance explains the
    ECE, and the upper is not below the value.

    Args:
        point: the ECE of all records.
        drawn: float64 (resamples,), of the resamples.
        noise: as `chance` has it.
        codes: int64 (n,), patient of each record.
        events_at: bool (n,), the records that count as events.

    Source: own, after Ferro and Fricker 2012, Q J R Meteorol Soc 138:1954-1960 (the bias of binned reliability);
    the coverage is measured in the tests.
    """
    found = summarise(point, drawn, codes, events_at)
    if found.value is None or found.ci95 is None or found.reason:
        return found
    expected, high = noise
    moved = drawn - np.nanmean(drawn) + np.sqrt(max(found.value**2 - expected**2, 0.0))
    lower, upper = (float(limit) for limit in np.nanpercentile(moved, (100 * TAIL, 100 * (1 - TAIL))))
    limits = (0.0 if found.value <= high else max(lower, 0.0), min(max(upper, found.value), 1.0))
    return Estimate(found.value, limits, found.n, found.events)


def wilson(share: float, trials: int) -> tuple[float, float]:
    """Limits of a share among `trials`, which need not be a whole number of them: scipy asks for whole numbers.

    Source: Wilson 1927, JASA 22:209-212.
    """
    z2 = 1.959963984540054**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return float(min(max(centre - reach, 0.0), share)), float(max(min(centre + reach, 1.0), share))
