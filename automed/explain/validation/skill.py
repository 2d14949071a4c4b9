"""Is there anything to explain? A model that knows nothing has maps too, and they may look convincing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automed.errors import DataError
from automed.evaluate.intervals import VALID_SHARE, draw, encode
from automed.evaluate.resamples import Resamples
from automed.evaluate.sample import Labelled, Sample
from automed.explain.attribution import NotApplicable
from automed.explain.copies import randomised, redraw
from automed.explain.subject import LARGE, Arrays, take
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import (
    FAILED,
    LEAST_PATIENTS,
    PASSED,
    UNDECIDED,
    Figure,
    Finding,
    Verdict,
    above,
    words,
)

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

COPIES = 19  # better than all of them is p = 1/20
EVENTS = 5  # records inside and outside a class, for its AUROC to be estimable
RESAMPLES = 2000
WHAT = "area under the ROC curve of the model, mean over classes against the rest"
LIMITS = (
    "That the model is better than chance says nothing about whether it is good enough, nor whether it is right for "
    "the reasons that a map shows."
)


def check(trial: Trial) -> dict[str, Finding]:
    """The model's AUROC is above .5, and above that of copies with random weights on the same records.

    The second condition is needed because random weights let differences of mere brightness or length through, and may
    so reach an AUROC well above .5: what training has added is what can be explained. Passed where the interval lies
    wholly above .5 and all COPIES are worse (a rank test, p = 1/20); failed where it lies wholly at or below .5, or a
    copy is as good.

    Source: Dwass 1957, Ann Math Stat 28:181 (tests by a sample of the possible ranks).
    """
    finding = _finding(trial)
    return dict.fromkeys(trial.attributions, finding)


def _finding(trial: Trial) -> Finding:
    cases = trial.cases
    arrays, y, patients = cases.judged or (cases.arrays, cases.y, cases.patients)
    figure = auroc_with_interval(sample(trial, trial.subject.predict(arrays), y), patients, trial.seed)
    verdict = above(figure, 0.5)
    if figure.value is None:
        return _said(UNDECIDED, f"Whether the model is better than chance cannot be told: {figure.reason}.", figure)
    if verdict == FAILED:
        sentence = f"There is nothing to explain: the model is no better than chance, its AUROC is {words(figure)}."
        return _said(FAILED, sentence, figure)
    try:
        own, others = against_random(trial, arrays, y)
    except NotApplicable as error:
        sentence = f"The model's AUROC is {words(figure)}; it could not be held against random weights: {error.what}."
        return _said(UNDECIDED, sentence, figure)
    curves = {"model": own, "random weights": others}
    if max(others) >= own:
        sentence = (
            f"There is nothing to explain: the model's AUROC is {words(figure)}, and a copy of the network with random "
            f"weights does as well ({max(others):.2f} against {own:.2f} on the same records)."
        )
        return _said(FAILED, sentence, figure, curves)
    sentence = (
        f"The model's AUROC is {words(figure)}; {COPIES} copies of the network with random weights are all worse "
        f"(the best {max(others):.2f} against {own:.2f} on the same records)"
    )
    end = "." if verdict == PASSED else ", but the interval does not tell it from chance (0.5)."
    return _said(verdict, sentence + end, figure, curves)


def _said(verdict: Verdict, sentence: str, figure: Figure, curves: dict[str, object] | None = None) -> Finding:
    return Finding("skill", verdict, sentence, {"auroc": figure}, LIMITS, curves=curves or {})


def sample(trial: Trial, probabilities: npt.NDArray[np.float32], y: Whole) -> Sample:
    """Predictions as the metrics read them; ranks are all that is asked of them, so they need not add up to 1."""
    several = trial.subject.task == "multilabel"
    scores = probabilities.astype(np.float64)
    decided = (scores >= 0.5).astype(np.int64) if several else scores.argmax(axis=1).astype(np.int64)
    kind = Labelled if several else Sample
    return kind(y, scores, decided, scores.shape[1] - 1, trial.subject.classes, trial.subject.task)


def usable(given: Sample, least: int) -> Whole:
    """Classes with so many records inside and outside: int64 (k,)."""
    inside = given.inside.sum(axis=0)
    return np.flatnonzero((inside >= least) & (len(given.y) - inside >= least))


def auroc_with_interval(given: Sample, patients: Whole, seed: int) -> Figure:
    """Mean AUROC of the classes for which it is estimable, with a patient-cluster bootstrap interval."""
    n, codes = len(given.y), encode(patients, len(given.y))
    count, chosen = int(codes.max(initial=-1)) + 1, usable(given, EVENTS)
    if count < LEAST_PATIENTS:
        return Figure(None, None, n, WHAT, f"{count} patients are too few, {LEAST_PATIENTS} are needed")
    if not len(chosen):
        return Figure(None, None, n, WHAT, f"no class has {EVENTS} records inside and {EVENTS} outside it")
    value = float(Resamples(given, np.ones((n, 1))).curves[0][0, chosen].mean())
    drawn = np.concatenate(
        [Resamples(given, weights).curves[0][:, chosen].mean(axis=1) for weights in draw(codes, RESAMPLES, seed)]
    )
    known = drawn[np.isfinite(drawn)]
    if len(known) < VALID_SHARE * len(drawn):
        return Figure(None, None, n, WHAT, "too few patients of a class for an interval")
    low, high = np.percentile(known, (2.5, 97.5))
    if low == high:  # all resamples at the bound: the exact limit of as many patients of the rarest side
        rarest = min(_patients(given, codes, int(k)) for k in chosen)
        reach = 0.025 ** (1 / rarest)
        low, high = (reach, 1.0) if value > 0.5 else (0.0, 1 - reach)
    return Figure(value, (float(low), float(high)), n, WHAT)


def _patients(given: Sample, codes: Whole, k: int) -> int:
    """Patients on the rarer side of a class."""
    inside = given.inside[:, k]
    return min(len(np.unique(codes[inside])), len(np.unique(codes[~inside])))


def against_random(trial: Trial, arrays: Arrays, y: Whole) -> tuple[float, list[float]]:
    """AUROC of the model and of copies with random weights, on one batch of records in which all classes are.

    Copies are drawn until one is as good as the model: more would not change what follows.

    Raises:
        NotApplicable: the network cannot be copied.
    """
    chosen = evenly(trial, y)
    records, known = take(arrays, chosen), y[chosen]

    def area(probabilities: npt.NDArray[np.float32]) -> float:
        given = sample(trial, probabilities, known)
        scores = Resamples(given, np.ones((len(known), 1))).curves[0][0, usable(given, 1)]
        return float(scores.mean()) if len(scores) else 0.5

    own, others = area(trial.subject.predict(records)), []
    copy = randomised(trial.subject, trial.seed)
    for k in range(COPIES):
        trial.tell("random weights against the model", k, COPIES)
        if k:
            redraw(copy.model, trial.seed + k)
        try:
            others.append(area(copy.predict(records)))
        except DataError:  # random weights may give numbers without bounds
            others.append(0.5)
        if others[-1] >= own:
            break
    trial.tell("random weights against the model", COPIES, COPIES)
    return own, others


def evenly(trial: Trial, y: Whole) -> Whole:
    """Up to one batch of records, taken from the classes in turn, so that none is missing: int64 (m,)."""
    order = np.random.default_rng(trial.seed).permutation(len(y))
    if y.ndim == 2:
        rank = np.cumsum(y[order], axis=0)
        turn = np.where(y[order] > 0, rank, len(y)).min(axis=1)
    else:
        turn = np.zeros(len(y), np.int64)
        for k in np.unique(y):
            own = y[order] == k
            turn[own] = np.arange(own.sum())
    return np.sort(order[np.argsort(turn, kind="stable")[:LARGE]])
