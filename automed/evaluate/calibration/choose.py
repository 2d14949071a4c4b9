"""Which calibration map: the one of lowest cross-validated log-loss on validation, or a simpler one that is as good."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from automed.errors import DataError
from automed.evaluate.calibration.maps import CLIP, METHODS, Floats, Map, fit, identity
from automed.evaluate.intervals import encode
from automed.evaluate.sample import whole

FOLDS = 5
MIN_RECORDS = 30
MIN_MEMBERS = 5  # of a class, and of either side of a label: one a fold
TITLES = {
    "none": "no map",
    "temperature": "temperature scaling",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression",
}


@dataclass(frozen=True, eq=False)
class Chosen:
    """A map and why it was taken.

    Attributes:
        map: fitted on all validation records.
        losses: method -> mean cross-validated log-loss in nats, of labels summed over them; {} where none was computed.
        reason: a sentence for people.
    """

    map: Map
    losses: dict[str, float]
    reason: str


def choose(
    setting: str,
    task: str,
    y_validation: ArrayLike,
    p_validation: ArrayLike,
    patient: ArrayLike | None = None,
    seed: int = 0,
) -> Chosen:
    """Fit the map that was asked for, or with `auto` the best of METHODS.

    Folds hold whole patients and are stratified. A simpler map is taken where its loss exceeds the lowest by no more
    than one standard error of their paired difference, the order being none, temperature, Platt, isotonic. That the
    difference is paired keeps the rule from leaving probabilities as class weights bent them: such a bias costs nearly
    every record something, so that its standard error is small beside it.

    Under MIN_RECORDS records, or MIN_MEMBERS of a class, there is no map. A label with fewer than MIN_MEMBERS records
    with it, or without it, keeps its probability, and the other labels are calibrated.

    Args:
        setting: auto, or one of METHODS.
        task: multiclass, ordinal or multilabel.
        y_validation: integers (n,), index of the reference class; of labels (n, labels) of 0 and 1.
        p_validation: floats (n, columns), the network's own probabilities.
        patient: (n,) keys; None where every record is a patient of its own.
        seed: of the folds.

    Raises:
        DataError: shapes disagree, or the setting is no method.

    Source: Breiman, Friedman, Olshen and Stone 1984, Classification and Regression Trees, section 3.4.3 (one standard
    error); Nadeau and Bengio 2003, Machine Learning 52:239-281 (differences are judged in pairs).
    """
    scores = np.asarray(p_validation, dtype=np.float64)
    n, columns = scores.shape
    y = whole(y_validation, columns, "reference")
    codes = encode(patient, n)
    nothing = identity(task, columns)
    if setting not in ("auto", *METHODS):
        raise DataError(f"{setting!r} is no calibration map", hint=f"One of: auto, {', '.join(METHODS)}.")
    if setting == "none":
        return Chosen(nothing, {}, "No map: the recipe asks for none")
    keep = _unusable(y, columns) if task == "multilabel" else []
    why = _too_few(task, y, columns, codes, keep)
    if why:
        return Chosen(nothing, {}, f"No map: {why}")
    methods = METHODS if setting == "auto" else ("none", setting)
    losses = {method: np.zeros(n) for method in methods}
    # The fits are small: on a busy machine a second BLAS thread waits, spinning, many times longer than it helps.
    with threadpool_limits(1, user_api="blas"):
        for train, held in _folds(task, y, codes, seed):
            for method in methods:
                fitted = fit(method, task, y[train], scores[train], keep=keep)
                losses[method][held] = _losses(y[held], fitted.apply(scores[held]))
    means = {method: float(values.mean()) for method, values in losses.items()}
    best = min(methods, key=lambda method: means[method])
    taken = setting
    if setting == "auto":
        taken = next(m for m in methods if means[m] - means[best] <= _standard_error(losses[m] - losses[best], codes))
    reason = _reason(setting, taken, best, means, n, int(codes.max()) + 1)
    if keep:
        reason += f"; {len(keep)} of {columns} labels keep their probability, too rare or too frequent there"
    return Chosen(fit(taken, task, y, scores, keep=keep), means, reason)


def _unusable(y: NDArray[np.int64], labels: int) -> list[int]:
    support = y.reshape(len(y), labels).sum(axis=0)
    return np.flatnonzero(np.minimum(support, len(y) - support) < MIN_MEMBERS).tolist()


def _too_few(task: str, y: NDArray[np.int64], columns: int, codes: NDArray[np.int64], keep: list[int]) -> str | None:
    patients = int(codes.max()) + 1
    if len(y) < MIN_RECORDS:
        return f"{len(y)} validation records, {MIN_RECORDS} are needed"
    if patients < 2:
        return "the validation records come from one patient"
    if task == "multilabel":
        rare = f"fewer than {MIN_MEMBERS} validation records with it, or without it"
        return f"every label has {rare}" if len(keep) == columns else None
    fewest = int(np.bincount(y, minlength=columns).min())
    return f"a class has {fewest} validation records, {MIN_MEMBERS} are needed" if fewest < MIN_MEMBERS else None


def _folds(
    task: str, y: NDArray[np.int64], codes: NDArray[np.int64], seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    strata = y
    if task == "multilabel":
        # One stratum a record: the rarest label it bears, so that rare labels are spread over the folds.
        order = np.argsort(y.sum(axis=0), kind="stable")
        strata = np.where(y.any(axis=1), y[:, order].argmax(axis=1), y.shape[1])
    folds = min(FOLDS, int(codes.max()) + 1)
    if np.unique(strata, return_counts=True)[1].max() < folds:
        strata = np.zeros_like(codes)
    with warnings.catch_warnings():
        # A stratum of labels may have fewer members than there are folds: then some folds lack it.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        # With a record a patient both split alike, and the first does not walk through the patients one by one.
        alone = len(np.unique(codes)) == len(codes)
        splitter = (StratifiedKFold if alone else StratifiedGroupKFold)(folds, shuffle=True, random_state=seed)
        parts = list(splitter.split(np.zeros(len(y)), strata, None if alone else codes))
    return ((train, held) for train, held in parts if len(train) and len(held))


def _losses(y: NDArray[np.int64], probabilities: Floats) -> Floats:
    """Negative log-likelihood of each record: float64 (n,)."""
    if y.ndim == 2:
        likelihood = np.where(y == 1, probabilities, 1 - probabilities)
        return np.asarray(-np.log(np.maximum(likelihood, CLIP)).sum(axis=1))
    return np.asarray(-np.log(np.maximum(probabilities[np.arange(len(y)), y], CLIP)))


def _standard_error(difference: Floats, codes: NDArray[np.int64]) -> float:
    """Of a mean over records that patients bring together.

    Source: Liang and Zeger 1986, Biometrika 73:13-22, of a mean.
    """
    patients = int(codes.max()) + 1
    sums = np.bincount(codes, difference - difference.mean())
    return float(np.sqrt((sums**2).sum() * patients / (patients - 1)) / len(difference))


def _reason(setting: str, taken: str, best: str, means: dict[str, float], n: int, patients: int) -> str:
    title = TITLES[taken]
    title = title[0].upper() + title[1:]
    where = f"on {n} validation records of {patients} patients"
    if taken == "none":
        if best == "none":
            others = min(value for method, value in means.items() if method != "none")
            loss = f"{_figure(means['none'])} without a map, {_figure(others)} or more with one"
            return f"{title}: cross-validated log-loss {loss}, {where}"
        text = f"{title}: cross-validated log-loss {_figure(means['none'])} without a map"
    else:
        text = (
            f"{title}: cross-validated log-loss {_figure(means[taken])} against {_figure(means['none'])} without a map"
        )
    text += f", {where}"
    if setting != "auto":
        return f"{text}; the recipe asks for it"
    if best != taken:
        text += f"; the {_figure(means[best])} of {TITLES[best]} is not lower by more than one standard error"
    return text


def _figure(value: float) -> str:
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0") else text
