"""Whether the network's features tell a sensitive attribute: a way in for shortcuts.

A linear model is trained to name the group of a record from what the network makes of it, and judged on patients that
it was not trained on. Features can tell a group by way of the diagnosis alone, where the groups differ in it; within
one class that way is closed, so the figure within class is the one to look at.

Source: Gichoya et al. 2022, Lancet Digital Health 4:e406-e414 (images tell race); Glocker et al. 2023, eBioMedicine
89:104467 (probing features, and what follows from it: information that is there need not be used).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from automed.audit.groups import MISSING, Division
from automed.evaluate.area import Area
from automed.evaluate.intervals import MIN_EVENTS, MIN_PATIENTS, RESAMPLES, Estimate, draw, encode, summarise
from automed.evaluate.metrics import Point
from automed.evaluate.resamples import Floats
from automed.evaluate.scores import as_json

FOLDS = 5
COMPONENTS = 50
CHANCE = 0.5
FEW_GROUPS = "the features cannot be probed: fewer than two groups have {min_group} records of {patients} patients"
FEW_HERE = f"two groups of at least {MIN_EVENTS} records are needed"


def probe(
    features: NDArray[np.float32],
    division: Division,
    y: NDArray[np.int64],
    patient: NDArray[np.int64],
    min_group: int,
    seed: int,
    *,
    classes: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Try to tell the groups apart by the features.

    Logistic regression on standardised features, on their first COMPONENTS principal components where there are more,
    cross-validated with all records of a patient in one fold, where the folds hold alike many patients of each group by
    their first records. AUROC of each group against the others, averaged over the groups of at least `min_group`
    records; records whose attribute is missing are left out. Within class: the same scores among the records of one
    class, or those that bear one label, averaged over classes by their numbers.

    Args:
        features: float32 (n, width).
        division: of the same records.
        y: int64 (n,), index of the class; or (n, labels) of 0 and 1.
        patient: int64 (n,), numbers of the patients.
        min_group: a group of fewer records is left out.
        seed: of the folds, the components and the bootstrap.
        classes: keys of the classes or labels; their indices as text where left out.
        resamples: of the bootstrap over patients. The linear models are not trained again; limits are widened for it.

    Returns:
        {"attribute", "groups": those told apart, "left_out": names, "n", "patients", "width", "overall": figure,
        "within_class": figure, "by_class": {class: figure}, "variance": the share of the features' that was looked at,
        "reason": why it cannot be done, "sentence"}; a figure is {"value", "ci95", "n", "events", "reason"}.
    """
    sizes = np.bincount(division.code, minlength=len(division.groups))
    _, first = np.unique(patient, return_index=True)
    of = np.bincount(division.code[first], minlength=len(division.groups))
    kept = [
        code
        for code, name in enumerate(division.groups)
        if name != MISSING and sizes[code] >= max(min_group, MIN_EVENTS) and of[code] >= MIN_PATIENTS
    ]
    rows = np.flatnonzero(np.isin(division.code, kept))
    facts = {
        "attribute": division.key,
        "groups": [division.groups[code] for code in kept],
        "left_out": [name for code, name in enumerate(division.groups) if code not in kept],
        "n": len(rows),
        "patients": np.unique(patient[rows]).size,
        "width": int(features.shape[1]),
    }
    reason = None
    if len(kept) < 2:
        reason = FEW_GROUPS.format(min_group=max(min_group, MIN_EVENTS), patients=MIN_PATIENTS)
    elif not np.isfinite(features[rows]).all():
        reason = "the features cannot be probed: they hold NaN or infinity"
    if reason:
        nothing = as_json(Estimate(None, None, len(rows), 0, reason))
        return {
            **facts,
            "overall": nothing,
            "within_class": nothing,
            "by_class": {},
            "variance": None,
            "reason": reason,
            "sentence": f"Whether the features tell {division.key} is not known: {reason}.",
        }
    group = np.searchsorted(kept, division.code[rows])
    codes = encode(patient[rows], len(rows))
    with threadpool_limits(1, user_api="blas"):  # the products are small: a second thread would wait more than help
        reduced, variance = _components(features[rows], seed)
        scores = _out_of_fold(reduced, group, codes, seed)
    inside = _members(y[rows])
    names = list(classes) if classes is not None else [str(k) for k in range(inside.shape[1])]
    parts = [np.arange(len(rows)), *(np.flatnonzero(column) for column in inside.T)]
    told = [_Told(part, scores[part], group[part], codes[part]) for part in parts]
    drawn = _draw(told, codes, resamples, seed)
    overall, *each = (told[k].estimate(drawn[k]) for k in range(len(told)))
    within = _pool(told[1:], drawn[1:])
    return {
        **facts,
        "overall": as_json(overall),
        "within_class": as_json(within),
        "by_class": {name: as_json(estimate) for name, estimate in zip(names, each, strict=True)},
        "variance": variance,
        "reason": None,
        "sentence": read(division.key, overall, within, variance),
    }


def read(attribute: str, overall: Estimate, within: Estimate, variance: float) -> str:
    """What a probe has found in directions that hold so much of the features' variance, in words."""
    if overall.value is None or overall.ci95 is None:
        return f"Whether the features tell {attribute} is not known: {overall.reason}."
    found = f"The features tell {attribute} with AUROC {_write(overall)} overall and {_write(within)} within class"
    if within.ci95 is not None and within.ci95[0] > CHANCE:
        return f"{found}: more than chance. That is a way in for shortcuts, and no proof of one."
    if overall.ci95[0] > CHANCE:
        return f"{found}: more than chance overall only. They may tell {attribute} by way of the diagnosis alone."
    found = f"{found}: not shown to be more than chance. That is no proof that the features are free of it"
    if variance < 1:
        return f"{found}: only the {COMPONENTS} directions of most variance were looked at, {variance:.0%} of it."
    return f"{found}."


def _write(estimate: Estimate) -> str:
    if estimate.value is None or estimate.ci95 is None:
        return "(not estimable)"
    value, low, high = (f"{number:.2f}".removeprefix("0") for number in (estimate.value, *estimate.ci95))
    return f"{value} ({low} to {high})"


def _members(y: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which records are of each class, or bear each label: bool (n, classes)."""
    return np.asarray(y > 0 if y.ndim == 2 else y[:, None] == np.arange(int(y.max()) + 1))


def _components(features: NDArray[np.float32], seed: int) -> tuple[NDArray[np.float32], float]:
    """Standardised, and their first COMPONENTS principal components where there are more, whatever group or class.

    Returns:
        float32 (n, components), and the share of the variance that they hold.
    """
    standard: NDArray[np.float32] = StandardScaler().fit_transform(features)
    count = min(COMPONENTS, len(features) - 1)
    if features.shape[1] <= count:
        return standard, 1.0
    model = PCA(count, random_state=seed)
    reduced: NDArray[np.float32] = model.fit_transform(standard)
    return reduced, float(model.explained_variance_ratio_.sum())


def _out_of_fold(
    features: NDArray[np.float32], group: NDArray[np.int64], codes: NDArray[np.int64], seed: int
) -> Floats:
    """Probability of each group, of patients that the linear model has not seen: float64 (n, groups)."""
    scores = np.zeros((len(group), int(group.max()) + 1))
    _, first = np.unique(codes, return_index=True)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for _, patients in folds.split(first, group[first]):
        held = np.isin(codes, patients)
        known, unseen = np.flatnonzero(~held), np.flatnonzero(held)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        with warnings.catch_warnings():
            # A probe that has not quite converged tells the groups nearly as well.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features[known], group[known])
        scores[np.ix_(unseen, model.classes_)] = model.predict_proba(features[unseen])
    return scores


class _Told:
    """How well the scores tell the groups of some records apart: the mean of one group against the others.

    Args:
        rows: int64 (m,), the records.
        scores: float64 (m, groups).
        group: int64 (m,).
        codes: int64 (m,), patients.
    """

    def __init__(
        self, rows: NDArray[np.int64], scores: Floats, group: NDArray[np.int64], codes: NDArray[np.int64]
    ) -> None:
        self.rows, self.codes = rows, codes
        sizes = np.bincount(group, minlength=scores.shape[1])
        enough = (sizes >= MIN_EVENTS) & (len(rows) - sizes >= MIN_EVENTS)
        # Of two groups the second's curve is the first's, turned round.
        asked = [1] if scores.shape[1] == 2 and enough.all() else np.flatnonzero(enough).tolist()
        self.areas = [Area(scores[:, k], group == k) for k in asked]
        self.point = Point(None, FEW_HERE)
        self.events_at = np.zeros(len(rows), dtype=bool)
        if asked:
            self.point = Point(float(np.mean([roc_auc_score(group == k, scores[:, k]) for k in asked])))
            smaller = [group == k if 2 * sizes[k] <= len(rows) else group != k for k in asked]
            self.events_at = min(smaller, key=np.sum)

    def estimate(self, drawn: Floats) -> Estimate:
        return _widen(summarise(self.point, drawn, self.codes, self.events_at))


def _widen(estimate: Estimate) -> Estimate:
    """Allow for the training that a bootstrap of fixed scores does not repeat.

    Every two folds judge each other's model. Where nothing can be told, both then agree by the same chance: a linear
    score adds up the products of the folds' differences, each of them twice, and its variance is twice as large as if
    the folds were independent. Where much can be told it is less, and the interval too wide.

    Source: own; the rate of false alarms is measured in the tests. Bengio and Grandvalet 2004, JMLR 5:1089-1105 (no
    unbiased estimate of this variance exists).
    """
    if estimate.value is None or estimate.ci95 is None or estimate.reason:
        return estimate
    low, high = (estimate.value + math.sqrt(2) * (limit - estimate.value) for limit in estimate.ci95)
    return replace(estimate, ci95=(max(low, 0.0), min(high, 1.0)))


def _draw(told: list[_Told], codes: NDArray[np.int64], resamples: int, seed: int) -> Floats:
    """float64 (told, resamples), NaN where a group was not drawn."""
    chunks = [
        [
            np.mean([area(weights[each.rows]) for area in each.areas], axis=0)
            if each.areas
            else np.full(weights.shape[1], np.nan)
            for each in told
        ]
        for weights in draw(codes, resamples, seed)
    ]
    return np.concatenate([np.asarray(chunk) for chunk in chunks], axis=1)


def _pool(told: list[_Told], drawn: Floats) -> Estimate:
    """The mean over the classes that have a figure, by their numbers of records.

    A class of which a resample holds one group only is left out of that resample's mean.
    """
    used = [k for k, each in enumerate(told) if each.point.value is not None]
    if not used:
        return Estimate(None, None, 0, 0, f"not estimable: {FEW_HERE}")
    sizes = np.array([len(told[k].rows) for k in used], dtype=np.float64)
    point = float(np.average([told[k].point.value or 0.0 for k in used], weights=sizes))
    values = drawn[used]
    weights = np.isfinite(values) * sizes[:, None]
    total = weights.sum(axis=0)
    mean = np.divide(
        (np.nan_to_num(values) * weights).sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0
    )
    codes = np.concatenate([told[k].codes for k in used])
    return _widen(summarise(Point(point), mean, codes, np.concatenate([told[k].events_at for k in used])))
