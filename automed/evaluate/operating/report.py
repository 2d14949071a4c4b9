"""The operating part of evaluation.json: thresholds, what they yield, and the curves, of every question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError
from automed.evaluate.intervals import RESAMPLES, Estimate, encode
from automed.evaluate.operating.curves import Curve, PrecisionRecall, Roc
from automed.evaluate.operating.rates import Counts
from automed.evaluate.operating.resampling import Measure, resampled
from automed.evaluate.operating.tally import tally
from automed.evaluate.operating.threshold import Operating, choose
from automed.evaluate.operating.utility import Band, DecisionCurve, NetBenefit
from automed.evaluate.questions import Question
from automed.evaluate.resamples import Floats
from automed.evaluate.scores import METHOD, as_json
from automed.recipe.evaluate import Threshold

DIGITS = 4
HELD = 128_000_000  # bytes of resampled figures held at once: many questions take several passes
TUNED = "the threshold was chosen on these records, so that these figures are optimistic and have no interval"
AT_PREVALENCE = "_at_prevalence"


def describe(
    questions_validation: Sequence[Question],
    questions_test: Sequence[Question],
    rule: Threshold,
    prevalences: Mapping[str, float],
    baselines: Mapping[str, Sequence[Question]],
    patient: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    given: Mapping[str, Operating] = MappingProxyType({}),
) -> dict[str, Any]:
    """Choose each question's threshold on validation and measure on the test what it yields.

    Args:
        questions_validation: of the validation records.
        questions_test: the same questions of the n test records.
        rule: how thresholds are chosen.
        prevalences: by key of a class the share of records to expect where the model will be used. Of a question of
            several classes all must be stated; they are added up.
        baselines: by name the same questions of the same test records as another model answers them.
        patient: (n,) keys of the patients of the test records; None where every record is a patient of its own.
        resamples: how many to draw.
        seed: fixes the draws.
        given: by key of a question the threshold that was chosen before, as the model's card holds it.

    Returns:
        {"rule": {"rule", "value"}, "interval": {"method", "level", "resamples", "seed", "bands": "pointwise"},
        "questions": [...]}, of each question {
        "key", "threshold" (not rounded: it decides), "rule", "reason",
        "validation": {"sensitivity", "specificity" (numbers or null), "positives", "negatives", "reason"},
        "test": {figure of `rates`: {"value", "ci95", "n", "events", "reason"}},
        "at_prevalence": null or {"prevalence", "ppv", "npv", "nne": as above},
        "decision_curve": {"thresholds": [t], "model" | "everyone": {"value" | "lower" | "upper": [t]},
        "baselines": {name: likewise}, "at_threshold": {"net_benefit" | "standardised" | "gain": as above,
        "over": {name: as above}}, "useful": [[from, to]], "sentence", "reason"},
        "roc": {"x": [false-positive rates], "y": [sensitivities], "band": {"x" | "lower" | "upper": [101]}, "reason"},
        "pr": {"x": [recalls], "y": [precisions], "band": likewise, "reason"},
        "counts": {"thresholds", "hits", "alarms": [k], "positives", "negatives", "complete"}, as `Tally`}.
        Lists are empty where "reason" says why; numbers have 4 significant digits, thresholds of
        "counts" as many as decide.

    Raises:
        DataError: there are no test records, or questions, records or lengths disagree.
    """
    _check(questions_validation, questions_test, baselines)
    if not questions_test:
        return _whole([], rule, resamples, seed)
    keys = {question.classes[0]: question.key for question in questions_test if len(question.classes) == 1}
    codes = encode(patient, len(questions_test[0].truth))
    each = [
        _Asked(
            given.get(question.key) or choose(rule, validation.truth, validation.probability),
            question,
            _expected(question, keys, prevalences),
            {name: theirs[k].probability for name, theirs in baselines.items()},
        )
        for k, (validation, question) in enumerate(zip(questions_validation, questions_test, strict=True))
    ]
    at_once = max(1, HELD // (8 * resamples * max(one.size for one in each)))
    told: list[dict[str, Any]] = []
    for start in range(0, len(each), at_once):
        part = {str(k): one for k, one in enumerate(each[start : start + at_once])}
        measures = {f"{k}/{name}": measure for k, one in part.items() for name, measure in one.measures.items()}
        drawn = resampled(measures, codes, resamples, seed)
        told += [one.tell({name: drawn.pop(f"{k}/{name}") for name in one.measures}, codes) for k, one in part.items()]
    return _whole(told, rule, resamples, seed)


class _Asked:
    """One question, with the threshold that was chosen and all that is measured on the test."""

    def __init__(
        self, operating: Operating, question: Question, expected: float | None, baselines: Mapping[str, Floats]
    ) -> None:
        truth, probability = question.truth, question.probability
        self.key = question.key
        self.operating = operating
        self.expected = expected
        self.counts = Counts(truth, operating.flag(probability))
        self.benefit = NetBenefit(truth, probability, baselines, operating.threshold)
        self.roc = Roc(truth, probability)
        self.pr = PrecisionRecall(truth, probability)
        self.measures: dict[str, Measure] = {
            "counts": self.counts,
            "benefit": self.benefit,
            "roc": self.roc,
            "pr": self.pr,
        }
        # Figures of one resample: the counts, net benefit of everyone, the model and baselines, and two bands.
        self.size = 4 + (2 + len(baselines)) * (len(self.benefit.grid) + 1) + 2 * 101

    def tell(self, drawn: Mapping[str, Floats], codes: NDArray[np.int64]) -> dict[str, Any]:
        figures = {
            name: _estimate(figure)
            for name, figure in self.counts.figures(drawn["counts"], codes, self.expected).items()
        }
        elsewhere = {
            name.removesuffix(AT_PREVALENCE): figures.pop(name) for name in [*figures] if name.endswith(AT_PREVALENCE)
        }
        operating = self.operating
        return {
            "key": self.key,
            "threshold": operating.threshold,
            "rule": operating.rule,
            "reason": operating.reason,
            "validation": {
                "sensitivity": None if operating.sensitivity is None else _number(operating.sensitivity),
                "specificity": None if operating.specificity is None else _number(operating.specificity),
                "positives": operating.positives,
                "negatives": operating.negatives,
                "reason": TUNED,
            },
            "test": figures,
            "at_prevalence": None if self.expected is None else {"prevalence": _number(self.expected), **elsewhere},
            "decision_curve": _decision_curve(self.benefit.curve(drawn["benefit"], codes)),
            "roc": _curve(self.roc.curve(drawn["roc"], codes)),
            "pr": _curve(self.pr.curve(drawn["pr"], codes)),
            "counts": tally(self.counts.truth, self.benefit.probability, operating.threshold).as_json(),
        }


def _check(
    validation: Sequence[Question], test: Sequence[Question], baselines: Mapping[str, Sequence[Question]]
) -> None:
    keys = [question.key for question in test]
    if [question.key for question in validation] != keys:
        raise DataError("validation and test are asked different questions")
    if any(not len(question.truth) for question in test):
        raise DataError("there are no test records")
    for name, theirs in baselines.items():
        same = [question.key for question in theirs] == keys and all(
            np.array_equal(own.truth, other.truth) for own, other in zip(test, theirs, strict=True)
        )
        if not same:
            raise DataError("a comparison needs the same questions about the same records", where=name)


def _expected(question: Question, keys: Mapping[int, str], prevalences: Mapping[str, float]) -> float | None:
    names = [keys.get(column) for column in question.classes]
    stated = [prevalences[name] for name in names if name is not None and name in prevalences]
    if len(stated) < len(names) or not 0 < sum(stated) < 1:
        return None
    return float(sum(stated))


def _whole(told: list[dict[str, Any]], rule: Threshold, resamples: int, seed: int) -> dict[str, Any]:
    interval = {"method": METHOD, "level": 0.95, "resamples": resamples, "seed": seed, "bands": "pointwise"}
    return {"rule": rule.model_dump(), "interval": interval, "questions": told}


def _decision_curve(found: DecisionCurve) -> dict[str, Any]:
    return {
        "thresholds": _numbers(found.thresholds),
        "model": _band(found.model),
        "everyone": _band(found.everyone),
        "baselines": {name: _band(band) for name, band in found.baselines.items()},
        "at_threshold": {
            "net_benefit": _estimate(found.net_benefit),
            "standardised": _estimate(found.standardised),
            "gain": _estimate(found.gain),
            "over": {name: _estimate(figure) for name, figure in found.over.items()},
        },
        "useful": [list(span) for span in found.useful],
        "sentence": found.sentence,
        "reason": found.reason,
    }


def _band(band: Band) -> dict[str, list[float]]:
    return {"value": _numbers(band.value), "lower": _numbers(band.lower), "upper": _numbers(band.upper)}


def _curve(found: Curve) -> dict[str, Any]:
    band = {"x": _numbers(found.grid), "lower": _numbers(found.lower), "upper": _numbers(found.upper)}
    return {"x": _numbers(found.x), "y": _numbers(found.y), "band": band, "reason": found.reason}


def _estimate(figure: Estimate) -> dict[str, Any]:
    told = as_json(figure)
    if figure.value is not None and figure.ci95 is not None:
        told |= {"value": _number(figure.value), "ci95": [_number(limit) for limit in figure.ci95]}
    return told


def _number(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _numbers(values: Floats) -> list[float]:
    return [_number(float(value)) for value in values]
