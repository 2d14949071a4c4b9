"""Every figure against other libraries on the same arrays: the largest difference of each.

python tests/performance/agreement.py [--seeds 5] [--dcurves PYTHON]

References: scikit-learn, fairlearn, MAPIE, and dcurves where --dcurves names a Python that has it (it needs an older
pandas). The arrays are of 2 and of 5 classes and of 4 labels, smooth or in steps of a twentieth, so that probabilities
are tied and exactly 0 or 1. What is drawn in the bootstrap is held against sample_weight.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    equal_opportunity_difference,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
)
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn import metrics as sk
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from automed.audit import gaps, table
from automed.audit.groups import divide
from automed.audit.subject import Subject
from automed.evaluate import METRICS
from automed.evaluate.area import Area
from automed.evaluate.calibration import fitting, maps
from automed.evaluate.calibration.bins import adaptive, binned
from automed.evaluate.calibration.measures import calibration_intercept, calibration_slope, multiclass_slope
from automed.evaluate.calibration.slopes import NEAREST, SMALLEST
from automed.evaluate.certainty import conformal
from automed.evaluate.metrics import confusion, per_class
from automed.evaluate.operating.curves import GRID, PrecisionRecall, Roc
from automed.evaluate.operating.rates import rates
from automed.evaluate.operating.resampling import on_all
from automed.evaluate.operating.threshold import choose
from automed.evaluate.operating.utility import NetBenefit
from automed.evaluate.questions import questions
from automed.evaluate.resamples import BY_CLASS, OVERALL, Resamples
from automed.evaluate.sample import Sample, collect
from automed.recipe.evaluate import Threshold

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Row = tuple[str, Any, Any]  # what is compared, automed's numbers, the other library's

N = 500
DCURVES = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from dcurves import dca
answers = []
for case in json.load(sys.stdin):
    data = pd.DataFrame({"truth": case["truth"], "model": case["probability"]})
    found = dca(data=data, outcome="truth", modelnames=["model"], thresholds=case["thresholds"])
    answers.append([found[found.model == name].net_benefit.tolist() for name in ("model", "all")])
print(json.dumps(answers))
"""


@dataclass
class Found:
    """What is known of one comparison so far."""

    largest: float = 0.0
    numbers: int = 0
    apart: int = 0  # a number here and none there
    cases: int = 0


@dataclass
class Ledger:
    """All comparisons, in the order in which they came."""

    found: dict[str, Found] = field(default_factory=dict)

    def add(self, rows: Iterator[Row]) -> None:
        for name, ours, theirs in rows:
            one, other = np.asarray(ours, dtype=float).ravel(), np.asarray(theirs, dtype=float).ravel()
            entry = self.found.setdefault(name, Found())
            if one.shape != other.shape:
                raise ValueError(f"{name}: {one.shape} against {other.shape}")
            both = np.isfinite(one) & np.isfinite(other)
            entry.cases += 1
            entry.numbers += int(both.sum())
            entry.apart += int((np.isfinite(one) != np.isfinite(other)).sum())
            entry.largest = max(entry.largest, float(np.abs(one - other)[both].max(initial=0.0)))

    def show(self, title: str, names: list[str]) -> None:
        print(f"\n{title:66}{'arrays':>7}{'numbers':>9}{'largest difference':>20}")
        for name in names:
            entry = self.found[name]
            note = f"   {entry.apart} defined on one side only" if entry.apart else ""
            print(f"  {name:64}{entry.cases:7}{entry.numbers:9}{entry.largest:20.1e}{note}")


class Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier that answers with what it is shown."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.classes_ = np.arange(classes)

    def fit(self, X: Floats, y: Ints) -> Given:
        return self

    def decision_function(self, X: Floats) -> Floats:
        return X[:, 0] if self.classes == 2 else X

    def predict_proba(self, X: Floats) -> Floats:
        return X

    def predict(self, X: Floats) -> Ints:
        return X.argmax(axis=1)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class Calibrated(Given):
    """The same for CalibratedClassifierCV, which would prefer probabilities to scores."""

    predict_proba = None  # type: ignore[assignment]


def arrays(classes: int, seed: int, *, tied: bool, n: int = N, stretch: float = 1.6) -> tuple[Ints, Floats]:
    """Reference classes and what an overconfident model says; tied: in twentieths, exact 0 and 1 among them."""
    rng = np.random.default_rng([classes, seed, tied])
    logits = rng.normal(size=(n, classes)) * 1.4 + np.linspace(0.5, -0.5, classes)
    y = (logits + rng.gumbel(size=(n, classes))).argmax(axis=1)
    p = softmax(stretch * logits, axis=1)
    if tied:
        p = np.array([rng.multinomial(20, row) for row in p]) / 20
        p[:, 0] = np.maximum(1 - p[:, 1:].sum(axis=1), 0.0)
    return y, p


def labels(seed: int, *, tied: bool) -> tuple[Ints, Floats]:
    rng = np.random.default_rng([4, seed, tied])
    logits = rng.normal(size=(N, 4)) * 1.4 + np.linspace(0.2, -1.8, 4)
    y = (logits + rng.logistic(size=(N, 4)) > 0).astype(np.int64)
    p = expit(1.6 * logits)
    return y, np.round(p * 20) / 20 if tied else p


def samples(seeds: int) -> Iterator[tuple[Sample, int, bool]]:
    """Of 2 classes, of 5, of 5 ranks and of 4 labels."""
    for seed in range(seeds):
        for tied in (False, True):
            for task, classes in (("multiclass", 2), ("multiclass", 5), ("ordinal", 5)):
                yield collect(*arrays(classes, seed, tied=tied), task=task), seed, tied
            y, p = labels(seed, tied=tied)
            yield collect(y, p, predicted=(p >= 0.4).astype(np.int64)), seed, tied


def few(seeds: int) -> Iterator[Sample]:
    """Of 5 classes and 15 records: classes are missing, or never named."""
    for seed in range(10 * seeds):
        yield collect(*arrays(5, seed, tied=bool(seed % 2), n=15))


def few_scores(sample: Sample) -> Iterator[Row]:
    """Metrics and figures of each class; what automed leaves undefined is NaN."""
    for name in METRICS:
        metric = METRICS.load(name)
        if metric.suits(sample):
            value = metric(sample).value
            yield f"{name}, 15 records", np.nan if value is None else value, by_sklearn(sample)[name]
    ours, theirs = per_class(sample), classes_by_sklearn(sample)
    for name in BY_CLASS:
        yield f"{name} of each class, 15 records", ours[name], theirs[name]


def or_nothing(function: Callable[..., float], *given: Any, **named: Any) -> float:
    """NaN where scikit-learn refuses."""
    try:
        return float(function(*given, **named))
    except ValueError:
        return float("nan")


def by_sklearn(sample: Sample, weight: Floats | None = None) -> dict[str, float]:
    """Every metric by scikit-learn, of records with weights."""
    y, decided, p = sample.y, sample.predicted, sample.probabilities
    w: dict[str, Any] = {"sample_weight": weight}
    if sample.task == "multilabel":
        each = list(zip(y.T, decided.T, p.T, strict=True))
        return {
            "macro_f1": sk.f1_score(y, decided, average="macro", **w),
            "accuracy": sk.accuracy_score(y, decided, **w),
            "balanced_accuracy": float(np.mean([sk.balanced_accuracy_score(a, b, **w) for a, b, _ in each])),
            "auroc": sk.roc_auc_score(y, p, average="macro", **w),
            "auprc": sk.average_precision_score(y, p, average="macro", **w),
            "mcc": float(np.mean([sk.matthews_corrcoef(a, b, **w) for a, b, _ in each])),
            "brier": sum(sk.brier_score_loss(a, c, **w) for a, _, c in each),
            "log_loss": sum(sk.log_loss(a, c, **w) for a, _, c in each),
        }
    two = p.shape[1] == 2
    found = {
        "macro_f1": sk.f1_score(y, decided, average="macro", **w),
        "accuracy": sk.accuracy_score(y, decided, **w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, decided, **w),
        "auroc": or_nothing(sk.roc_auc_score, y, p[:, 1] if two else p, multi_class="raise" if two else "ovr", **w),
        "auprc": or_nothing(sk.average_precision_score, y, p[:, 1] if two else p, average="macro", **w),
        "mcc": sk.matthews_corrcoef(y, decided, **w),
        "brier": sk.brier_score_loss(y, p, scale_by_half=False, labels=np.arange(p.shape[1]), **w),
        "log_loss": sk.log_loss(y, p, labels=np.arange(p.shape[1]), **w),
    }
    if sample.task == "ordinal":
        found["qwk"] = sk.cohen_kappa_score(y, decided, weights="quadratic", **w)
        found["rank_error"] = sk.mean_absolute_error(y, decided, **w)
    return found


def classes_by_sklearn(sample: Sample, weight: Floats | None = None) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in BY_CLASS}
    w: dict[str, Any] = {"sample_weight": weight, "zero_division": np.nan}
    for k in range(len(sample.classes)):
        inside, named, score = sample.inside[:, k], sample.named[:, k], sample.probabilities[:, k]
        found["precision"].append(sk.precision_score(inside, named, **w))
        found["recall"].append(sk.recall_score(inside, named, **w))
        found["specificity"].append(sk.recall_score(inside, named, pos_label=0, **w))
        found["f1"].append(sk.f1_score(inside, named, **w))
        found["auroc"].append(sk.roc_auc_score(inside, score, sample_weight=weight))
        found["auprc"].append(sk.average_precision_score(inside, score, sample_weight=weight))
    return found


def scores(sample: Sample, seed: int) -> Iterator[Row]:
    """Metrics, figures of each class and confusions; then the same as the bootstrap counts them."""
    expected = by_sklearn(sample)
    suited = [name for name in METRICS if METRICS.load(name).suits(sample)]
    assert set(suited) == set(expected)
    for name in suited:
        yield name, METRICS.load(name)(sample).value, expected[name]
    of_classes, wanted = per_class(sample), classes_by_sklearn(sample)
    for name in BY_CLASS:
        yield f"{name} of each class", of_classes[name], wanted[name]
    many = sample.task == "multilabel"
    yield (
        "confusion matrix",
        confusion(sample),
        (sk.multilabel_confusion_matrix if many else sk.confusion_matrix)(sample.y, sample.predicted),
    )
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(sample.y), np.full(len(sample.y), 1 / len(sample.y)), 3).T.astype(np.float64)
    drawn = Resamples(sample, weights)
    resampled = {name: OVERALL[name](drawn) for name in suited}
    each = {name: measure(drawn) for name, measure in BY_CLASS.items()}
    for column, weight in enumerate(weights.T):
        expected, wanted = by_sklearn(sample, weight), classes_by_sklearn(sample, weight)
        for name in suited:
            yield f"{name}, resampled", resampled[name][column], expected[name]
        for name in BY_CLASS:
            yield f"{name} of each class, resampled", each[name][column], wanted[name]
    for k in sample.ranked:
        inside, p = sample.inside[:, k], sample.probabilities[:, k]
        by_area = Area(p, inside)(weights)
        yield (
            "auroc as paired tests and audit have it, resampled",
            by_area,
            [sk.roc_auc_score(inside, p, sample_weight=weight) for weight in weights.T],
        )


def operating(sample: Sample, seed: int) -> Iterator[Row]:
    """Thresholds, what they yield, and curves, of each question."""
    rng = np.random.default_rng(seed)
    n = len(sample.y)
    weights = rng.multinomial(n, np.full(n, 1 / n), 3).T.astype(np.float64)
    for asked in questions(sample):
        truth, p = asked.truth, asked.probability
        chosen = choose(Threshold(rule="youden"), truth, p)
        alarms, hits, _ = sk.roc_curve(truth, p, drop_intermediate=False)
        reached = (chosen.sensitivity or 0) + (chosen.specificity or 0)
        yield "highest sensitivity + specificity (threshold by Youden)", reached, 1 + (hits - alarms).max()
        flagged = chosen.flag(p)
        found = {name: one.value for name, one in rates(truth, flagged, np.arange(n), resamples=20).items()}
        positive, negative = sk.class_likelihood_ratios(truth, flagged, replace_undefined_by=np.nan)
        precision = sk.precision_score(truth, flagged)
        expected = {
            "prevalence": truth.mean(),
            "sensitivity": sk.recall_score(truth, flagged),
            "specificity": sk.recall_score(truth, flagged, pos_label=0),
            "ppv": precision,
            "npv": sk.precision_score(truth, flagged, pos_label=0),
            "flagged": flagged.mean(),
            "accuracy": sk.accuracy_score(truth, flagged),
            "f1": sk.f1_score(truth, flagged),
            "lr_positive": positive,
            "lr_negative": negative,
            "nne": 1 / precision if precision else np.nan,
        }
        for name, value in expected.items():
            ours = found[name]
            yield f"{name} at the threshold", np.nan if ours is None else ours, value
        roc, recalled = Roc(truth, p)(weights), PrecisionRecall(truth, p)(weights)
        for column, weight in enumerate(weights.T):
            yield "ROC curve at 101 false-positive rates, resampled", roc[column], roc_at_grid(truth, p, weight)
            yield "precision at 101 recalls, resampled", recalled[column], precision_at_grid(truth, p, weight)
        curve = Roc(truth, p).curve(Roc(truth, p)(weights), np.arange(n))
        yield "area under the ROC curve as drawn", sk.auc(curve.x, curve.y), sk.roc_auc_score(truth, p)


def roc_at_grid(truth: NDArray[np.bool_], p: Floats, weight: Floats) -> Floats:
    """scikit-learn's curve, read at the grid: the highest point of a rate that occurs, else along the line."""
    x, y, _ = sk.roc_curve(truth, p, sample_weight=weight, drop_intermediate=False)
    before = np.searchsorted(x, GRID + 1e-12, side="right") - 1
    after = np.minimum(before + 1, len(x) - 1)
    width = np.where(x[after] > x[before], x[after] - x[before], 1.0)
    return np.asarray(y[before] + np.clip((GRID - x[before]) / width, 0, 1) * (y[after] - y[before]))


def precision_at_grid(truth: NDArray[np.bool_], p: Floats, weight: Floats) -> Floats:
    """scikit-learn's precision at the highest threshold that reaches a recall, and finds a record at all."""
    precision, recall, _ = sk.precision_recall_curve(truth, p, sample_weight=weight)
    precision, recall = precision[-2::-1], recall[-2::-1]  # from high thresholds; the last point has none
    found = recall > 0
    precision, recall = precision[found], recall[found]
    return precision[np.searchsorted(recall, GRID - 1e-12, side="left").clip(max=len(recall) - 1)]


def calibrated(sample: Sample) -> Iterator[Row]:
    """Reliability, Brier, slopes."""
    for asked in questions(sample):
        truth, p = asked.truth, asked.probability
        bins = adaptive(p)
        whole = binned(truth, p).whole()
        count = int(np.clip(len(p) // 20, 1, 10))
        observed, predicted = calibration_curve(truth, p, n_bins=count, strategy="quantile")
        there = whole["records"] > 0
        yield "calibration curve, observed", whole["observed"][there], observed
        yield "calibration curve, predicted", whole["predicted"][there], predicted
        share = np.bincount(bins)[there] / len(p)
        yield "ECE, from scikit-learn's calibration curve", whole["ece"], (share * np.abs(observed - predicted)).sum()
        parts = whole["reliability"] - whole["resolution"] + whole["uncertainty"] + whole["within"]
        yield "Brier of a question", whole["brier"], sk.brier_score_loss(truth, p)
        yield "Brier, its parts added up", parts, sk.brier_score_loss(truth, p)
        slope, intercept = calibration_slope(truth, p).value, calibration_intercept(truth, p).value
        if slope is not None:
            yield "calibration slope", slope, slope_by_sklearn(truth, p)
        if intercept is not None:
            yield "expected less observed share after the intercept", expit(intercept + claimed(p)).mean(), truth.mean()
        p = np.where(np.arange(len(p)) % 50 == 7, p >= 0.5, p)  # one of 50 rounded to exactly 0 or 1
        slope = calibration_slope(truth, p).value
        if slope is not None:
            yield "calibration slope, some probabilities exactly 0 or 1", slope, slope_by_sklearn(truth, p)
    common = multiclass_slope(sample.y, sample.probabilities).value
    if common is not None and sample.task != "multilabel" and len(sample.classes) > 2:
        logits = np.log(np.maximum(sample.probabilities, SMALLEST))
        scaled = by_calibrator("temperature", logits, sample.y).calibrated_classifiers_[0].calibrators[0]
        yield "common slope of all classes (1 / temperature)", common, scaled.beta_


def claimed(p: Floats) -> Floats:
    """Log-odds, exact ones as a float32 below 1."""
    inside = np.clip(p, SMALLEST, 1 - NEAREST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def slope_by_sklearn(truth: NDArray[np.bool_], p: Floats) -> float:
    """Without a penalty, by another solver than automed's."""
    unpenalised = LogisticRegression(C=np.inf, solver="newton-cg", tol=1e-12, max_iter=2000)
    return float(unpenalised.fit(claimed(p)[:, None], truth).coef_[0, 0])


def by_calibrator(method: str, scores: Floats, y: Ints) -> CalibratedClassifierCV:
    classes = int(y.max()) + 1
    return CalibratedClassifierCV(FrozenEstimator(Calibrated(classes)), method=method).fit(scores, y)


def mapped(classes: int, seed: int, *, tied: bool) -> Iterator[Row]:
    """Calibration maps, as they are and without what they add to scikit-learn's."""
    y, p = arrays(classes, seed, tied=tied)
    inside = np.maximum(p, maps.CLIP)
    complement = np.maximum(1 - p if classes > 2 else p[:, ::-1], maps.CLIP)
    odds = (np.log(inside) - np.log(complement))[:, 1 if classes == 2 else 0 :]

    logits = odds / 2 if classes == 2 else np.log(inside)  # scikit-learn takes a score s of two classes as (-s, s)
    reference = by_calibrator("temperature", logits, y).predict_proba(logits)
    yield "temperature", maps.fit("temperature", "multiclass", y, p).apply(p), reference
    usual = fitting.SLOPE_SCALE
    fitting.SLOPE_SCALE = 1e9  # no prior
    try:
        yield "temperature, its weak prior taken away", maps.fit("temperature", "multiclass", y, p).apply(p), reference
    finally:
        fitting.SLOPE_SCALE = usual

    if classes == 2:
        reference = by_calibrator("sigmoid", odds, y).predict_proba(odds)
        yield "Platt", maps.fit("platt", "multiclass", y, p).apply(p), reference

    ours = maps.fit("isotonic", "multiclass", y, p)
    theirs = by_calibrator("isotonic", odds, y)
    yield "isotonic", ours.apply(p), theirs.predict_proba(odds)
    yield (
        "isotonic, its floor 1 / (n + 2) taken away",
        replace(ours, floor=maps.CLIP).apply(p),
        theirs.predict_proba(odds),
    )


def grouped(classes: int, seed: int, *, tied: bool) -> Iterator[Row]:
    """Gaps and groups against fairlearn."""
    y, p = arrays(classes, seed, tied=tied, n=1500)
    sample = collect(y, p)
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], len(y), p=[0.5, 0.3, 0.2])
    asked = tuple(questions(sample))
    subject = Subject(sample, np.arange(len(y)), asked, {"group": group.astype(object)})
    division = divide("group", group.tolist(), 20)
    found = {gap.kind: gap.value for gap in gaps.measure(subject, division, 20, 0.1, 50, 10, 0)}

    def largest(difference: Callable[..., float]) -> float:
        return max(difference(one.truth, one.decided, sensitive_features=group) for one in asked)

    yield "equal opportunity", found["equal_opportunity"], largest(equal_opportunity_difference)
    yield "equalised odds", found["equalised_odds"], largest(equalized_odds_difference)
    yield "demographic parity", found["demographic_parity"], largest(demographic_parity_difference)
    macro = MetricFrame(
        metrics=lambda a, b: sk.f1_score(a, b, average="macro"),
        y_true=y,
        y_pred=sample.predicted,
        sensitive_features=group,
    )
    yield "worst group (macro-F1)", found["worst_group"], macro.difference()
    rows = {row["group"]: row for row in table.describe(subject, division, 20, resamples=50)}
    order = sorted(rows)
    yield "macro-F1 by group", [rows[name]["figures"]["macro_f1"]["value"] for name in order], macro.by_group[order]
    yield (
        "accuracy by group",
        [rows[name]["figures"]["accuracy"]["value"] for name in order],
        MetricFrame(metrics=sk.accuracy_score, y_true=y, y_pred=sample.predicted, sensitive_features=group).by_group[
            order
        ],
    )
    for one in asked:
        of_decisions = {
            "sensitivity": sk.recall_score,
            "specificity": lambda a, b: 1 - false_positive_rate(a, b),
            "ppv": sk.precision_score,
            "selection": selection_rate,
        }
        frame = MetricFrame(metrics=of_decisions, y_true=one.truth, y_pred=one.decided, sensitive_features=group)
        area = MetricFrame(metrics=sk.roc_auc_score, y_true=one.truth, y_pred=one.probability, sensitive_features=group)
        expected = {name: frame.by_group[name][order] for name in of_decisions} | {"auroc": area.by_group[order]}
        for name, values in expected.items():
            ours = [rows[each]["questions"][one.key][name]["value"] for each in order]
            yield f"{name} by group", ours, values


def sets(classes: int, seed: int, *, tied: bool) -> Iterator[Row]:
    """Prediction sets against MAPIE's: 1 for each set that differs."""
    from mapie.classification import SplitConformalClassifier

    y, p = arrays(classes, seed, tied=tied)
    new = arrays(classes, seed + 1000, tied=tied)[1]
    for coverage in (0.8, 0.9, 0.95):

        def mapie(y: Ints, p: Floats, coverage: float = coverage) -> NDArray[np.bool_]:
            found = SplitConformalClassifier(
                Given(classes), confidence_level=coverage, conformity_score="lac", prefit=True
            )
            return np.asarray(found.conformalize(p, y).predict_set(new)[1][:, :, 0], dtype=bool)

        differing = (conformal.fit(y, p, coverage).apply(new) != mapie(y, p)).any(axis=1)
        yield "one threshold for all classes", differing, np.zeros(len(differing))
        own = conformal.fit(y, p, coverage, by_class=True).apply(new)
        expected = np.empty_like(own)
        for k in range(classes):
            # Each class from its own records alone, all of which are of class k.
            expected[:, k] = mapie(np.full(int((y == k).sum()), k), p[y == k])[:, k]
        yield "one threshold a class", (own != expected).any(axis=1), np.zeros(len(own))


def decision_curves(python: str, seeds: int) -> Iterator[Row]:
    """Net benefit against dcurves, in its own interpreter."""
    cases, ours = [], []
    for sample, _, _ in samples(seeds):
        for asked in questions(sample):
            benefit = NetBenefit(asked.truth, asked.probability, {}, 0.3)
            ours.append(on_all(benefit, len(asked.truth))[:, :-1])
            cases.append(
                {
                    "truth": asked.truth.astype(int).tolist(),
                    "probability": asked.probability.tolist(),
                    "thresholds": benefit.grid.tolist(),
                }
            )
    answer = subprocess.run(
        [python, "-c", DCURVES], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    for own, (model, everyone) in zip(ours, json.loads(answer.stdout), strict=True):
        yield "net benefit of the model", own[1], model
        yield "net benefit of flagging everyone", own[0], everyone


def main(seeds: int, dcurves: str | None) -> None:
    warnings.simplefilter("ignore")  # of the other libraries, about classes that are rarely predicted
    ledger = Ledger()
    shown = 0

    def show(title: str) -> None:
        nonlocal shown
        names = list(ledger.found)[shown:]
        shown += len(names)
        ledger.show(title, names)

    print(f"{seeds} seeds; {N} records (groups: 1500); 2 classes, 5 classes, 5 ranks, 4 labels; smooth, and tied")
    for sample, seed, _ in samples(seeds):
        ledger.add(scores(sample, seed))
    show("scores, against scikit-learn")
    for sample in few(seeds):
        ledger.add(few_scores(sample))
    show("scores of few records, against scikit-learn")
    for sample, seed, _ in samples(seeds):
        ledger.add(operating(sample, seed))
    show("thresholds and curves, against scikit-learn")
    for sample, _, _ in samples(seeds):
        ledger.add(calibrated(sample))
    show("calibration, against scikit-learn")
    each = [(classes, seed, tied) for seed in range(seeds) for classes in (2, 5) for tied in (False, True)]
    for classes, seed, tied in each:
        ledger.add(mapped(classes, seed, tied=tied))
    show("calibration maps, against CalibratedClassifierCV")
    for classes, seed, tied in each:
        ledger.add(grouped(classes, seed, tied=tied))
    show("gaps and groups, against fairlearn")
    for classes, seed, tied in each:
        ledger.add(sets(classes, seed, tied=tied))
    show("prediction sets that differ (1 where any does), against MAPIE")
    if dcurves is None:
        print("\ndecision curves, against dcurves: not run (--dcurves PYTHON)")
        return
    ledger.add(decision_curves(dcurves, seeds))
    show("decision curves, against dcurves")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--dcurves", metavar="PYTHON", help="a Python that can import dcurves")
    given = parser.parse_args()
    main(given.seeds, given.dcurves)
