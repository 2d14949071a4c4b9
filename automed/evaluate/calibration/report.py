"""Calibration before and after the map, overall and of each question, with intervals: part of evaluation.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from automed.evaluate.calibration.bins import PARTS, adaptive, binned, settle, wilson
from automed.evaluate.calibration.measures import top_label
from automed.evaluate.calibration.slopes import common, logistic
from automed.evaluate.calibration.sums import Floats, Sums
from automed.evaluate.intervals import MIN_EVENTS, RESAMPLES, TAIL, draw, encode, summarise
from automed.evaluate.metrics import Point
from automed.evaluate.questions import Question
from automed.evaluate.sample import Sample
from automed.evaluate.scores import METHOD, as_json

ANY = (-np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question of two answers: truth bool (n,), probability float64 (n,), and the sums of its figures."""

    truth: NDArray[np.bool_]
    probability: Floats
    bins: Sums
    slopes: Sums

    @classmethod
    def of(cls, truth: NDArray[np.bool_], probability: Floats) -> _Asked:
        return cls(truth, probability, binned(truth, probability), logistic(truth, probability))

    @property
    def rare(self) -> NDArray[np.bool_]:
        """The records of the rarer answer, which every figure rests on: bool (n,)."""
        return self.truth if self.truth.sum() * 2 <= len(self.truth) else ~self.truth


def describe(
    sample_raw: Sample,
    sample_calibrated: Sample,
    questions_raw: Sequence[Question],
    questions_calibrated: Sequence[Question],
    patient: ArrayLike | None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Every figure of calibration, before and after the map, on the same resamples.

    Args:
        sample_raw: n records with the network's own probabilities.
        sample_calibrated: the same records with mapped probabilities.
        questions_raw: of `sample_raw`, as `questions` makes them.
        questions_calibrated: of `sample_calibrated`.
        patient: (n,) what is drawn; None where every record is a patient of its own.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Returns:
        {"before": SIDE, "after": SIDE, "n", "patients", "interval": {"method", "level", "resamples", "seed"}}, a SIDE
        being {"overall": {"ece", "slope", "brier", "reliability", "resolution", "uncertainty", "within": FIGURES,
        "chance": float, "curve": CURVE}, "questions": {key: {the same and "intercept", "observed_expected"}}}.

        FIGURES are {"value", "ci95", "n", "events", "reason"}. "chance" is the ECE to expect of so many records by
        chance alone. CURVE is [{"predicted", "observed", "ci95", "n", "events", "limits"}], a bin each from low
        probabilities to high: mean probability, share observed with its interval, and "bootstrap" or "wilson", which
        stands in where a bin has fewer than 5 records of either answer.

        Overall: of several classes ECE and curve are those of the most probable class, of labels ECE is the mean over
        labels and the curve is of all labels together; the slope is common to all classes or labels; Brier's score and
        its parts are summed over classes (0 to 2) or labels.
    """
    codes = encode(patient, len(sample_raw.y))
    sides = [_Side(sample_raw, questions_raw)]
    if not np.array_equal(sample_raw.probabilities, sample_calibrated.probabilities):
        sides.append(_Side(sample_calibrated, questions_calibrated))
    families = [family for side in sides for family in side.families]
    rows = np.concatenate([family.rows for family in families])
    # The products are small: on a busy machine a second BLAS thread waits, spinning, many times longer than it helps.
    with threadpool_limits(1, user_api="blas"):
        sums = np.concatenate([rows @ weights for weights in draw(codes, resamples, seed)], axis=1)
    ends = np.cumsum([len(family.rows) for family in families])
    drawn = {id(family): family.read(part) for family, part in zip(families, np.split(sums, ends[:-1]), strict=True)}
    found = [side.figures(drawn, codes) for side in sides]
    return {
        "before": found[0],
        "after": found[-1],
        "n": len(codes),
        "patients": int(codes.max()) + 1,
        "interval": {"method": METHOD, "level": 0.95, "resamples": resamples, "seed": seed},
    }


class _Side:
    """One set of probabilities: what is added up for it, and the figures from the sums.

    Args:
        sample: n records with these probabilities.
        asked: its questions.
    """

    def __init__(self, sample: Sample, asked: Sequence[Question]) -> None:
        self.sample = sample
        self.labels = sample.y.ndim == 2
        self.questions = {one.key: _Asked.of(one.truth, one.probability) for one in asked}
        # Each class once; of two classes the other one has the same error.
        self.single = [self.questions[one.key] for one in asked if len(one.classes) == 1]
        self.twice = 2.0 if not self.labels and len(sample.classes) == 2 else 1.0
        truth, probability = (
            (sample.y.ravel() == 1, sample.probabilities.ravel())
            if self.labels
            else top_label(sample.y, sample.probabilities)
        )
        self.top = (truth, probability)
        self.pooled = _pooled(*self.top, sample.y.shape[1]) if self.labels else binned(*self.top)
        self.common = common(sample.y, sample.probabilities)

    @property
    def families(self) -> list[Sums]:
        asked = [family for one in self.questions.values() for family in (one.bins, one.slopes)]
        return [self.pooled, self.common, *asked]

    def figures(self, drawn: dict[int, dict[str, Floats]], codes: NDArray[np.int64]) -> dict[str, Any]:
        return {
            "overall": self._overall(drawn, codes),
            "questions": {key: self._question(one, drawn, codes) for key, one in self.questions.items()},
        }

    def _question(self, one: _Asked, drawn: dict[int, dict[str, Floats]], codes: NDArray[np.int64]) -> dict[str, Any]:
        bins, slopes, rare = drawn[id(one.bins)], drawn[id(one.slopes)], one.rare
        ece = settle(one.bins.point("ece"), bins["ece"], bins["chance"], codes, rare)
        found = {
            "ece": ece,
            "slope": summarise(one.slopes.point("slope"), slopes["slope"], codes, rare, low=ANY[0], high=ANY[1]),
            "intercept": summarise(
                one.slopes.point("intercept"), slopes["intercept"], codes, rare, low=ANY[0], high=ANY[1]
            ),
            "observed_expected": summarise(
                one.bins.point("observed_expected"), bins["observed_expected"], codes, rare, high=np.inf
            ),
            **{
                name: summarise(one.bins.point(name), bins[name], codes, rare, low=low) for name, low in _brier_bounds()
            },
        }
        return {
            **{name: as_json(figure) for name, figure in found.items()},
            "chance": float(bins["chance"].mean()),
            "curve": curve(one.truth, one.probability, codes, one.bins.whole(), bins),
        }

    def _overall(self, drawn: dict[int, dict[str, Floats]], codes: NDArray[np.int64]) -> dict[str, Any]:
        sample, everything = self.sample, np.ones(len(codes), dtype=bool)
        truth, probability = self.top
        keys = ("ece", "chance")
        if self.labels:
            counts = sample.answered.sum(axis=0)
            rare = sample.answered[:, np.where(counts > 0, counts, len(codes) + 1).argmin()]
            point = Point(float(np.mean([one.bins.whole()["ece"] for one in self.single])))
            ece, chance = (np.mean([drawn[id(one.bins)][key] for one in self.single], axis=0) for key in keys)
            of_curve = np.repeat(codes, sample.y.shape[1])
        else:
            rare = truth if truth.sum() * 2 <= len(truth) else ~truth
            point, of_curve = self.pooled.point("ece"), codes
            ece, chance = (drawn[id(self.pooled)][key] for key in keys)
        slope = summarise(
            self.common.point("slope"), drawn[id(self.common)]["slope"], codes, rare, low=ANY[0], high=ANY[1]
        )
        found = {"ece": settle(point, ece, chance, codes, rare), "slope": slope}
        for name, low in _brier_bounds():
            whole = self.twice * sum(float(one.bins.whole()[name]) for one in self.single)
            parts = self.twice * np.sum([drawn[id(one.bins)][name] for one in self.single], axis=0)
            found[name] = summarise(Point(whole), parts, codes, everything, low=low, high=sample.largest_error)
        return {
            **{name: as_json(figure) for name, figure in found.items()},
            "chance": float(chance.mean()),
            "curve": curve(truth, probability, of_curve, self.pooled.whole(), drawn[id(self.pooled)]),
        }


def _brier_bounds() -> tuple[tuple[str, float], ...]:
    # What bins hide may be negative: within them the probabilities may be right.
    return (("brier", 0.0), *((part, -np.inf if part == "within" else 0.0) for part in PARTS))


def _pooled(truth: NDArray[np.bool_], probability: Floats, labels: int) -> Sums:
    """All labels together as one question; a record adds what its labels add."""
    found = binned(truth, probability)
    return Sums(found.rows.reshape(len(found.rows), -1, labels).sum(axis=2), found.read, found.undefined)


def curve(
    truth: NDArray[np.bool_],
    probability: Floats,
    codes: NDArray[np.int64],
    whole: dict[str, Floats],
    drawn: dict[str, Floats],
) -> list[dict[str, Any]]:
    """The reliability curve; `describe` says what a bin holds.

    Args:
        truth: bool (n,).
        probability: float64 (n,).
        codes: int64 (n,), patient of each record.
        whole: of the bins as `binned` reads them, on the records themselves.
        drawn: the same of the resamples.
    """
    bins, found = adaptive(probability), []
    for k in np.flatnonzero(whole["records"] > 0).tolist():
        inside = bins == k
        n, events = int(inside.sum()), int(truth[inside].sum())
        observed = float(whole["observed"][k])
        enough = min(events, n - events) >= MIN_EVENTS
        # As many trials as patients: records of one patient are not so many answers.
        low, high = (
            np.nanpercentile(drawn["observed"][k], (100 * TAIL, 100 * (1 - TAIL)))
            if enough
            else wilson(observed, np.unique(codes[inside]).size)
        )
        found.append(
            {
                "predicted": float(whole["predicted"][k]),
                "observed": observed,
                "ci95": [float(low), float(high)],
                "n": n,
                "events": events,
                "limits": "bootstrap" if enough else "wilson",
            }
        )
    return found
