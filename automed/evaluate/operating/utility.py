"""Decision curves: what deciding by the model is worth, in true findings a record, against simpler ways of deciding.

At a threshold probability pt a false alarm costs pt / (1 - pt) of what a case found is worth. Net benefit counts cases
found less false alarms at that price, a record; treating none has 0.

Source: Vickers and Elkin 2006, Med Decis Making 26:565-574; Vickers et al. 2008, BMC Med Inform Decis Mak 8:53
(intervals); Kerr et al. 2016, J Clin Oncol 34:2534-2540 (standardised net benefit). scikit-learn has none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automed.errors import DataError
from automed.evaluate.intervals import RESAMPLES, TAIL, Estimate, too_few
from automed.evaluate.operating.resampling import Adder, limits, on_all, rarer, ratio, resampled, unbounded
from automed.evaluate.resamples import Floats

STEPS = (0.01, 0.005, 0.002, 0.001)  # of the threshold probabilities
FEW = 30  # thresholds below the highest probability that a curve should have
LAST = 0.99
NO_EXCEPTION = "no flagged record is wrong, or none missed: the interval is narrower than so few patients can show"
PLACES = 12  # rounding differs between a model that flags everyone and flagging everyone
SLACK = 10.0**-PLACES


@dataclass(frozen=True, eq=False)
class Band:
    """A curve with its pointwise 95 % limits: three times float64 (thresholds,)."""

    value: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit over threshold probabilities and at the operating threshold.

    Attributes:
        thresholds: float64 (thresholds,), evenly spaced up to where nobody is flagged; empty where not estimable.
        model: net benefit of the model; of treating none it is 0.
        everyone: of flagging every record.
        baselines: of each baseline, flagging by its own probabilities at the same threshold.
        net_benefit: of the model at the operating threshold.
        standardised: that over the prevalence, the most there is to be had.
        gain: that minus the better of flagging everyone and no one. Its limits are the smaller ones of both
            differences: taking the better of two in each resample would count the luck of the better one twice.
        over: that minus the net benefit of each baseline at the same threshold.
        useful: from and to of the ranges of thresholds at which the lower limit of the gain is above 0, and enough
            patients speak for it.
        sentence: the same in words.
        reason: why there is no curve, or None.
    """

    thresholds: Floats
    model: Band
    everyone: Band
    baselines: dict[str, Band]
    net_benefit: Estimate
    standardised: Estimate
    gain: Estimate
    over: dict[str, Estimate]
    useful: tuple[tuple[float, float], ...]
    sentence: str
    reason: str | None = None


class NetBenefit:
    """Net benefit of a model and of baselines at every threshold of a grid, and at the operating threshold.

    Args:
        truth: bool (n,), the reference standard.
        probability: float64 (n,), of the answer yes, calibrated.
        baselines: by name float64 (n,), of the same records.
        threshold: the operating threshold.

    Raises:
        DataError: lengths differ.
    """

    def __init__(
        self, truth: NDArray[np.bool_], probability: Floats, baselines: Mapping[str, Floats], threshold: float
    ) -> None:
        everything = (probability, *baselines.values())
        if any(one.shape != truth.shape for one in everything):
            raise DataError(
                f"a decision curve needs the probabilities of the same {len(truth)} records from each model"
            )
        self.truth = truth
        self.probability = probability
        self.names = tuple(baselines)
        self.grid = thresholds_up_to(max(float(one.max()) for one in everything))
        self.threshold = threshold
        self.finite = threshold < 1  # from 1 on a false alarm costs infinitely much
        asked = np.append(self.grid, threshold if self.finite else 0.0)
        self._asked = asked
        self._odds = asked / (1 - asked)
        self._order = np.argsort(asked, kind="stable")
        # A record is above as many thresholds as are not above it; cell by cell: how many, and which answer is true.
        self._add = [
            Adder(2 * np.searchsorted(asked[self._order], one, side="right") + truth, 2 * len(asked) + 2)
            for one in everything
        ]

    def __call__(self, weights: Floats) -> Floats:
        """From weights float64 (n, resamples) to float64 (resamples, 1 + models, thresholds + 1).

        First come flagging everyone, then the model, then each baseline; last of the thresholds is the operating one.
        """
        found = [self._everyone(weights)]
        total = weights.sum(axis=0)[:, None]
        for add in self._add:
            sums = add(weights).reshape(len(self._odds) + 1, 2, -1)
            above = np.cumsum(sums[:0:-1], axis=0)[::-1].transpose(2, 1, 0)  # resamples, answers, thresholds that rise
            counts = np.empty_like(above)
            counts[:, :, self._order] = above
            found.append((counts[:, 1] - counts[:, 0] * self._odds) / total)
        return np.stack(found, axis=1)

    def _everyone(self, weights: Floats) -> Floats:
        prevalence = (self.truth.astype(np.float64) @ weights / weights.sum(axis=0))[:, None]
        return np.asarray(prevalence - (1 - prevalence) * self._odds)

    def curve(self, drawn: Floats, codes: NDArray[np.int64]) -> DecisionCurve:
        """The decision curve with its intervals, from float64 (resamples, 1 + models, thresholds + 1) of this."""
        point = on_all(self, len(codes))
        events_at = rarer(self.truth)
        reason = too_few(codes, events_at, 1.0)
        if reason:
            return self._nothing(Estimate(None, None, len(codes), int(events_at.sum()), reason))
        over_everyone = drawn[:, 1] - drawn[:, 0]
        curves = [(point[k, :-1], *limits(drawn[:, k, :-1])) for k in range(len(point))]
        bands = [Band(*(np.round(line, PLACES) for line in curve)) for curve in curves]
        over = {
            name: self._estimate(float(point[1, -1] - point[2 + k, -1]), drawn[:, 1, -1] - drawn[:, 2 + k, -1], codes)
            for k, name in enumerate(self.names)
        }
        # Flagging everyone has p - (1 - p) odds, from which the prevalence p of each resample follows.
        odds = self._odds[-1]
        prevalence, prevalences = ((one + odds) / (1 + odds) for one in (point[0, -1], drawn[:, 0, -1]))
        carried = self._carried(codes)
        surely = np.minimum(bands[1].lower, limits(over_everyone[:, :-1])[0])
        useful = self._ranges((surely > SLACK) & carried[:-1])
        net_benefit = self._estimate(float(point[1, -1]), drawn[:, 1, -1], codes)
        return DecisionCurve(
            self.grid,
            bands[1],
            bands[0],
            dict(zip(self.names, bands[2:], strict=True)),
            net_benefit,
            self._estimate(float(point[1, -1] / prevalence), ratio(drawn[:, 1, -1], prevalences), codes),
            _smaller(
                net_benefit,
                self._estimate(float(point[1, -1] - point[0, -1]), over_everyone[:, -1], codes),
                carried=bool(carried[-1]),
            ),
            over,
            useful,
            _sentence(useful),
        )

    def _carried(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """At which thresholds enough patients speak for the model: bool (thresholds + 1,).

        The model is better than flagging no one where more than pt of the flagged are right, and better than flagging
        everyone where fewer than pt of the others are missed. Where no flagged record is wrong, or no other one is
        missed, every resample says so, and the exact binomial limit of as many patients must agree.
        """
        asked, patients = self._asked, int(codes.max()) + 1
        most, least = np.full(patients, -1.0), np.full(patients, 2.0)
        np.maximum.at(most, codes, self.probability)
        np.minimum.at(least, codes, self.probability)
        flagged, others = ((most >= asked[:, None]).sum(axis=1), (least < asked[:, None]).sum(axis=1))
        none_wrong = asked > self.probability[~self.truth].max()
        none_missed = asked <= self.probability[self.truth].min()
        surely_right = TAIL ** (1 / np.maximum(flagged, 1))
        surely_missed = 1 - TAIL ** (1 / np.maximum(others, 1))
        return np.asarray((~none_wrong | (surely_right > asked)) & (~none_missed | (surely_missed < asked)))

    def _estimate(self, value: float, drawn: Floats, codes: NDArray[np.int64]) -> Estimate:
        events_at = rarer(self.truth)
        if not self.finite:
            reason = "not estimable: at a threshold of 1 a false alarm costs infinitely much"
            return Estimate(None, None, len(codes), int(events_at.sum()), reason)
        note = None
        if np.ptp(drawn) < SLACK:
            note = "every resample gives the same: at this threshold all are decided alike"
        return unbounded(round(value, PLACES), np.round(drawn, PLACES), codes, events_at, note)

    def _ranges(self, useful: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
        change = np.flatnonzero(np.diff(np.concatenate([[False], useful, [False]]).astype(np.int64)))
        return tuple((float(self.grid[a]), float(self.grid[b - 1])) for a, b in change.reshape(-1, 2))

    def _nothing(self, missing: Estimate) -> DecisionCurve:
        none = np.empty(0)
        band = Band(none, none, none)
        over = dict.fromkeys(self.names, missing)
        words = f"The range of useful thresholds is {missing.reason}."
        return DecisionCurve(none, band, band, {}, missing, missing, missing, over, (), words, missing.reason)


def decision_curve(
    truth: NDArray[np.bool_],
    probability: Floats,
    codes: NDArray[np.int64],
    threshold: float,
    baselines: Mapping[str, Floats] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> DecisionCurve:
    """The decision curve of one question, with intervals by a bootstrap over patients.

    Args:
        truth: bool (n,), the reference standard.
        probability: float64 (n,), of the answer yes, calibrated.
        codes: int64 (n,), patient of each record, from `intervals.encode`.
        threshold: the operating threshold.
        baselines: by name float64 (n,), of the same records.
        resamples: how many to draw.
        seed: fixes the draws.

    Raises:
        DataError: lengths differ.
    """
    measure = NetBenefit(truth, probability, baselines or {}, threshold)
    return measure.curve(resampled({"": measure}, codes, resamples, seed)[""], codes)


def thresholds_up_to(highest: float) -> Floats:
    """Evenly spaced threshold probabilities up to the first at which no record is flagged, at most .99.

    The widest step of STEPS that puts FEW of them below the highest probability; beyond it every model is the same as
    treating none.
    """
    step = next((step for step in STEPS if highest >= FEW * step), STEPS[-1])
    places = round(1 / step)  # k / 100 is the float that .01 k is written as, k times .01 is not always
    grid = np.arange(1, round(LAST * places) + 1) / places
    return np.asarray(grid[: int((grid <= highest).sum()) + 1])


def _smaller(one: Estimate, other: Estimate, *, carried: bool) -> Estimate:
    """The smaller of two differences; that both are above 0 is shown where both lower limits are.

    Source: Berger 1982, Technometrics 24:295-300 (intersection-union tests).
    """
    if one.value is None or one.ci95 is None or other.value is None or other.ci95 is None:
        return one if one.value is None else other
    low, high = min(one.ci95[0], other.ci95[0]), min(one.ci95[1], other.ci95[1])
    value = min(one.value, other.value)
    reason = (one if one.value == value else other).reason
    return Estimate(value, (low, high), one.n, one.events, NO_EXCEPTION if low > 0 and not carried else reason)


def _sentence(useful: tuple[tuple[float, float], ...]) -> str:
    if not useful:
        return (
            "At no threshold probability does the 95 % interval show the model to be better than both flagging "
            "everyone and flagging no one."
        )
    spans = [f"from {a:g} to {b:g}" if b > a else f"at {a:g}" for a, b in useful]
    words = spans[0] if len(spans) == 1 else f"{', '.join(spans[:-1])} and {spans[-1]}"
    return (
        f"At threshold probabilities {words} the model's net benefit is above that of flagging everyone and of "
        "flagging no one, with its 95 % interval."
    )
