"""What every metric in the table promises, whatever it measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from automed.errors import DataError
from automed.evaluate import METRICS
from automed.evaluate.metrics import confusion, macro_f1, per_class
from automed.evaluate.resamples import BY_CLASS, OVERALL
from automed.evaluate.sample import Sample, collect

TASKS = ("multiclass", "multilabel", "ordinal")
GIVEN = [(task, name) for task in TASKS for name in METRICS if task in (METRICS.load(name).tasks or TASKS)]
each = pytest.mark.parametrize(("task", "name"), GIVEN)


@st.composite
def samples(draw: st.DrawFn, task: str, least: int = 1) -> Sample:
    """Records of 2 to 4 classes or labels with coarse probabilities, so that ties and absent classes are common."""
    n_classes, n = draw(st.integers(2, 4)), draw(st.integers(least, 30))
    table = st.lists(st.lists(st.integers(1, 4), min_size=n_classes, max_size=n_classes), min_size=n, max_size=n)
    shares = np.array(draw(table), dtype=np.float64)
    if task == "multilabel":
        y, decided = np.array(draw(table)) > 2, np.array(draw(table)) > 2
        return collect(y.astype(int), shares / 5, predicted=decided.astype(int))
    y = draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n))
    return collect(y, shares / shares.sum(axis=1, keepdims=True), task=task)


def whole(n: int = 60, n_classes: int = 3, seed: int = 0, task: str = "multiclass") -> Sample:
    """A sample with every class present, and every label borne by some and not by others."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes)) * 2
    y = np.arange(n) % n_classes
    logits[np.arange(n), y] += 1
    if task == "multilabel":
        labels = (y[:, None] == np.arange(n_classes)) | (rng.random((n, n_classes)) < 0.2)
        labels[0], labels[1] = False, True
        probabilities = 1 / (1 + np.exp(-logits))
        return collect(labels.astype(int), probabilities, predicted=(probabilities > 0.6).astype(int))
    return collect(y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), task=task)


def part(sample: Sample, index: np.ndarray, classes: tuple[str, ...] | None = None) -> Sample:
    """Some records of a sample, in the order of `index`."""
    return collect(
        sample.y[index],
        sample.probabilities[index],
        predicted=sample.predicted[index],
        classes=classes or sample.classes,
        task=sample.task,
    )


@each
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_a_value_lies_within_its_bounds_or_is_none_with_a_reason(task: str, name: str, data: st.DataObject) -> None:
    """Whatever the records are, a figure is a figure or says why there is none."""
    sample = data.draw(samples(task))
    metric = METRICS.load(name)
    point = metric(sample)
    if point.value is None:
        assert point.reason
    else:
        low, high = metric.bounds(sample)
        assert low - 1e-12 <= point.value <= high + 1e-12
        assert point.reason is None


@each
@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_order_of_records_does_not_matter(task: str, name: str, data: st.DataObject, seed: int) -> None:
    """A metric is one of a set."""
    sample = data.draw(samples(task))
    shuffled = part(sample, np.random.default_rng(seed).permutation(len(sample.y)))
    assert METRICS.load(name)(shuffled).value == pytest.approx(METRICS.load(name)(sample).value, abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@each
def test_a_perfect_prediction_has_the_best_value(task: str, name: str, n_classes: int) -> None:
    """And that is one of the two bounds."""
    y = np.arange(4 * n_classes) % n_classes
    perfect = np.eye(n_classes)[y]
    if task == "multilabel":
        sample = collect(perfect.astype(int), perfect, predicted=perfect.astype(int))
    else:
        sample = collect(y, perfect, task=task)
    metric = METRICS.load(name)
    assert metric.best in metric.bounds(sample)
    assert metric(sample).value == pytest.approx(metric.best, abs=1e-9)


@each
def test_a_class_missing_from_the_reference_raises_nothing(task: str, name: str) -> None:
    """With one class or label missing, and with one alone left, there is a finite value or a reason."""
    full = whole(task=task)
    for kept in ([0, 1], [1]):
        missing = np.setdiff1d([0, 1, 2], kept)
        gone = full.inside[:, missing].any(axis=1)
        point = METRICS.load(name)(part(full, np.flatnonzero(~gone), ("a", "b", "c")))
        assert (point.value is None) == bool(point.reason)
        assert point.value is None or np.isfinite(point.value)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_missing_class_is_named_in_the_reason(task: str) -> None:
    """Who reads "not estimable" learns which class or label is the cause."""
    full = whole(task=task)
    point = METRICS.load("auroc")(part(full, np.flatnonzero(~full.inside[:, 2]), ("nv", "mel", "df")))
    assert point.value is None
    assert "'df'" in str(point.reason)


def of_classes(name: str, sample: Sample) -> float:
    """What scikit-learn says of classes and ranks."""
    y, p, decided = sample.y, sample.probabilities, sample.predicted
    n_classes = p.shape[1]
    binary = n_classes == 2
    inside = np.eye(n_classes)[y]
    values = {
        "macro_f1": lambda: reference.f1_score(y, decided, average="macro"),
        "accuracy": lambda: reference.accuracy_score(y, decided),
        "balanced_accuracy": lambda: reference.balanced_accuracy_score(y, decided),
        "auroc": lambda: reference.roc_auc_score(y, p[:, 1] if binary else p, multi_class="ovr", average="macro"),
        "auprc": lambda: reference.average_precision_score(*((y, p[:, 1]) if binary else (inside, p)), average="macro"),
        "mcc": lambda: reference.matthews_corrcoef(y, decided),
        "qwk": lambda: reference.cohen_kappa_score(y, decided, weights="quadratic"),
        "rank_error": lambda: reference.mean_absolute_error(y, decided),
        "brier": lambda: reference.brier_score_loss(
            y, p[:, 1] if binary else p, labels=range(n_classes), scale_by_half=False
        ),
        "log_loss": lambda: reference.log_loss(y, p, labels=range(n_classes)),
    }
    return float(values[name]())


def of_labels(name: str, sample: Sample) -> float:
    """What scikit-learn says of labels, by its own averages or label by label."""
    y, p, decided = sample.y, sample.probabilities, sample.predicted

    def each_label(figure: Callable[..., float], scores: np.ndarray) -> list[float]:
        return [figure(y[:, k], scores[:, k]) for k in range(y.shape[1])]

    values = {
        "macro_f1": lambda: reference.f1_score(y, decided, average="macro"),
        "accuracy": lambda: reference.accuracy_score(y, decided),
        "balanced_accuracy": lambda: np.mean(each_label(reference.balanced_accuracy_score, decided)),
        "auroc": lambda: reference.roc_auc_score(y, p, average="macro"),
        "auprc": lambda: reference.average_precision_score(y, p, average="macro"),
        "mcc": lambda: np.mean(each_label(reference.matthews_corrcoef, decided)),
        "brier": lambda: np.sum(each_label(reference.brier_score_loss, p)),
        "log_loss": lambda: np.sum(each_label(reference.log_loss, p)),
    }
    return float(values[name]())


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@each
def test_a_value_agrees_with_scikit_learn(task: str, name: str, n_classes: int) -> None:
    """On records that ask nothing of conventions: every class is there."""
    sample = whole(140, n_classes, task=task)
    expected = (of_labels if task == "multilabel" else of_classes)(name, sample)
    assert METRICS.load(name)(sample).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_classes", [2, 7])
@pytest.mark.parametrize("task", TASKS)
def test_the_figures_of_each_class_agree_with_scikit_learn(task: str, n_classes: int) -> None:
    """Each class against the rest, or each label, is a binary question."""
    sample = whole(140, n_classes, task=task)
    found, tables = per_class(sample), confusion(sample)
    for k in range(n_classes):
        inside, named, scores = sample.inside[:, k], sample.named[:, k], sample.probabilities[:, k]
        assert found["precision"][k] == pytest.approx(reference.precision_score(inside, named))
        assert found["recall"][k] == pytest.approx(reference.recall_score(inside, named))
        assert found["specificity"][k] == pytest.approx(reference.recall_score(~inside, ~named))
        assert found["f1"][k] == pytest.approx(reference.f1_score(inside, named))
        assert found["auroc"][k] == pytest.approx(reference.roc_auc_score(inside, scores))
        assert found["auprc"][k] == pytest.approx(reference.average_precision_score(inside, scores))
    if task == "multilabel":
        assert (tables == reference.multilabel_confusion_matrix(sample.y, sample.predicted)).all()
    else:
        assert (tables == reference.confusion_matrix(sample.y, sample.predicted)).all()


def test_every_metric_has_a_weighted_twin() -> None:
    """Without one there would be no interval."""
    assert set(OVERALL) == set(METRICS)
    assert set(BY_CLASS) == set(per_class(whole()))


def test_the_positive_class_of_two_is_the_last_unless_named() -> None:
    sample = whole(40, 2)
    average = METRICS.load("auprc")
    first = average(collect(sample.y, sample.probabilities, positive=0)).value
    assert first == pytest.approx(reference.average_precision_score(sample.y == 0, sample.probabilities[:, 0]))
    assert average(sample).value == average(collect(sample.y, sample.probabilities, positive=1)).value


def test_macro_f1_leaves_out_a_class_that_nobody_named_and_counts_a_wrongly_named_one_as_zero() -> None:
    y = [0, 0, 1, 1]
    assert macro_f1(y, [0, 0, 1, 1], 3) == 1.0
    assert macro_f1(y, [0, 0, 1, 2], 3) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_decisions_may_differ_from_the_most_probable_class() -> None:
    sample = collect([0, 1], [[0.6, 0.4], [0.6, 0.4]], predicted=[0, 1])
    assert METRICS.load("accuracy")(sample).value == 1.0
    assert confusion(sample).tolist() == [[1, 0], [0, 1]]


def test_macro_f1_of_labels_leaves_out_one_that_nobody_bears_and_is_zero_where_none_is_borne() -> None:
    """As for classes; with no label anywhere there is nothing to average, and nothing was found."""
    y = np.array([[1, 0, 0], [0, 1, 0]])
    assert macro_f1(y, y, 3) == 1.0
    assert macro_f1(y, [[1, 0, 0], [0, 1, 1]], 3) == pytest.approx(2 / 3)
    assert macro_f1(np.zeros((2, 3), int), np.zeros((2, 3), int), 3) == 0.0
    nothing = collect(np.zeros((2, 3), int), np.full((2, 3), 0.1), predicted=np.zeros((2, 3), int))
    assert METRICS.load("macro_f1")(nothing).value is None


def test_metrics_of_ranks_are_given_for_ranks_alone() -> None:
    """Classes without an order have no distance."""
    ordinal, plain = whole(task="ordinal"), whole()
    for name in ("qwk", "rank_error"):
        assert METRICS.load(name).suits(ordinal) and not METRICS.load(name).suits(plain)
    far, near = ([2, 1, 0], [1, 1, 1])
    assert METRICS.load("rank_error")(collect([0, 1, 2], np.eye(3)[far], task="ordinal")).value == pytest.approx(4 / 3)
    assert METRICS.load("rank_error")(collect([0, 1, 2], np.eye(3)[near], task="ordinal")).value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("y", "probabilities", "said"),
    [
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "0 to 2"),
        ([0, 1], [[0.5, 0.5]], "2 reference classes"),
        ([0, 1], [[np.nan, 0.5], [0.5, 0.5]], "1 of 2 rows"),
        ([0, 1], [[0.5, 0.1], [0.5, 0.5]], "add up to 1"),
        ([0.0, 1.0], [[0.5, 0.5], [0.5, 0.5]], "integers"),
        ([], np.zeros((0, 2)), "at least one record"),
        ([0], [[1.0]], "2 or more classes"),
        ([[0, 2]], [[0.5, 0.5]], "0 to 2, expected 0 to 1"),
        ([[0, 1]], [[0.5, 0.5]], "decisions about labels"),
        ([[0, 1]], [[0.5, 1.5]], "between 0 and 1"),
        ([[0, 1, 1]], [[0.5, 0.5]], r"\(1, 3\)"),
    ],
)
def test_what_is_no_prediction_is_refused(y: list[Any], probabilities: list[list[float]], said: str) -> None:
    """The message says what was expected and what came."""
    with pytest.raises(DataError, match=said):
        collect(y, probabilities)


def test_macro_f1_refuses_lengths_and_classes_that_do_not_agree() -> None:
    with pytest.raises(DataError, match="3 reference classes for 2"):
        macro_f1([0, 1, 1], [0, 1], 2)
    with pytest.raises(DataError, match="expected 0 to 1"):
        macro_f1([0, 1], [0, 2], 2)
    with pytest.raises(DataError, match="another shape"):
        macro_f1([0, 1], [[0, 1], [1, 0]], 2)


def test_a_task_must_suit_the_shape_of_the_reference() -> None:
    """One class a record is no table of labels."""
    with pytest.raises(DataError, match="multilabel"):
        collect([0, 1], [[0.5, 0.5], [0.5, 0.5]], task="multilabel")
    with pytest.raises(DataError, match="ordinal"):
        collect([[0, 1]], [[0.5, 0.5]], predicted=[[0, 1]], task="ordinal")
