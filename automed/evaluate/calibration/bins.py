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
        Of ece, chance, brier, reliability, resolution, uncertainty, within, observed_expected: (resamples,). Of the
        bins: records, predicted, observed: (bins, resamples); gaps: (bins, resamples), observed less expected events.
        chance is the ECE of a resample if the gaps of all records were none: a draw of what chance alone would show.

    Source: Murphy 1973, J Appl Meteorol 12:595-600; Stephenson, Coelho and Jolliffe 2008, Weather and Forecasting
    23:752-757 (within bins).
    """
    bins, n = adaptive(probability), len(probability)
    count = int(bins.max()) + 1
    inside = (bins == np.arange(count)[:, None]).astype(np.float64)
    error = np.square(probability - truth)
    rows = np.concatenate([inside, inside * probability, inside * truth, error[None]])
    # The gaps of all records: resamples have them on average, since each record is drawn once on average.
    known = (inside @ (truth - probability))[:, None]

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
            # About the gap, not about a bin's own mean, near which few patients would spread too little.
            "chance": np.where(total > 0, np.abs(gaps - known).sum(axis=0) / n, np.nan),
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


def settle(
    point: Point, drawn: Floats, chance: Floats, codes: NDArray[np.int64], events_at: NDArray[np.bool_]
) -> Estimate:
    """The estimate of an ECE, whose resamples cannot be taken as they are.

    ECE adds up sizes, so that chance only raises it, and raises it again in each resample: the percentile interval of a
    calibrated model lies above the truth, in every sample. What chance adds is seen in the resamples themselves, as the
    ECE of gaps about those of all records: patients who span bins and bins without an event are then in it as they are.

    An ECE that chance explains, being within 97.5 % of those, has 0 as its lower limit. Otherwise the limits are those
    of the ECE found, moved by how far the resamples spread about their mean, and then freed of chance: of their square
    the squared ECE to expect by chance is taken. They are moved first, because near the level of chance a small step of
    the ECE found is a large one of the true ECE. The upper limit is not below the value.

    Args:
        point: the ECE of all records.
        drawn: float64 (resamples,), as `binned` has ece.
        chance: float64 (resamples,), as `binned` has chance.
        codes: int64 (n,), patient of each record.
        events_at: bool (n,), the records that count as events.

    Source: own, after Bröcker and Smith 2007, Weather and Forecasting 22:651-661 (a reliability diagram is held against
    resamples of a calibrated forecast) and Ferro and Fricker 2012, Q J R Meteorol Soc 138:1954-1960 (squares of gaps
    are freed of chance by a difference); the coverage is measured in the tests and in tests/performance/covering.py.
    """
    found = summarise(point, drawn, codes, events_at)
    if found.value is None or found.ci95 is None or found.reason:
        return found
    expected, value = float(np.nanmean(chance)), found.value
    lower, upper = np.nanpercentile(drawn, (100 * TAIL, 100 * (1 - TAIL))) - np.nanmean(drawn)

    def freed(limit: float) -> float:
        return float(np.sqrt(max(limit, 0.0) ** 2 - expected**2)) if limit > expected else 0.0

    explained = value <= np.nanpercentile(chance, 100 * (1 - TAIL))
    limits = (0.0 if explained else min(freed(value + lower), value), min(max(freed(value + upper), value), 1.0))
    return Estimate(value, limits, found.n, found.events)


def wilson(share: float, trials: int) -> tuple[float, float]:
    """Limits of a share among `trials`, which need not be a whole number of them: scipy asks for whole numbers.

    Source: Wilson 1927, JASA 22:209-212.
    """
    z2 = 1.959963984540054**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return float(min(max(centre - reach, 0.0), share)), float(max(min(centre + reach, 1.0), share))
