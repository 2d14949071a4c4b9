"""What every metric in the table promises, whatever it measures."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from automed.errors import DataError
from automed.evaluate import METRICS
from automed.evaluate.metrics import Sample, collect, confusion, macro_f1, per_class
from automed.evaluate.resamples import BY_CLASS, OVERALL

NAMES = list(METRICS)


@st.composite
def samples(draw: st.DrawFn, least: int = 1) -> Sample:
    """Records of 2 to 4 classes with coarse probabilities, so that ties and absent classes are common."""
    n_classes = draw(st.integers(2, 4))
    n = draw(st.integers(least, 30))
    y = draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n))
    parts = draw(st.lists(st.lists(st.integers(1, 4), min_size=n_classes, max_size=n_classes), min_size=n, max_size=n))
    weights = np.array(parts, dtype=np.float64)
    return collect(y, weights / weights.sum(axis=1, keepdims=True))


def whole(n: int = 60, n_classes: int = 3, seed: int = 0) -> Sample:
    """A sample with every class present."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes)) * 2
    y = np.arange(n) % n_classes
    logits[np.arange(n), y] += 1
    return collect(y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name", NAMES)
@given(sample=samples())
@settings(max_examples=12, deadline=None)
def test_a_value_lies_within_its_bounds_or_is_none_with_a_reason(name: str, sample: Sample) -> None:
    metric = METRICS.load(name)
    point = metric(sample)
    if point.value is None:
        assert point.reason
    else:
        assert metric.low - 1e-12 <= point.value <= metric.high + 1e-12
        assert point.reason is None


@pytest.mark.parametrize("name", NAMES)
@given(sample=samples(), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_the_order_of_records_does_not_matter(name: str, sample: Sample, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(sample.y))
    shuffled = collect(sample.y[order], sample.probabilities[order])
    assert METRICS.load(name)(shuffled).value == pytest.approx(METRICS.load(name)(sample).value, abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_prediction_has_the_best_value(name: str, n_classes: int) -> None:
    y = np.arange(4 * n_classes) % n_classes
    metric = METRICS.load(name)
    assert metric.best in (metric.low, metric.high)
    assert metric(collect(y, np.eye(n_classes)[y])).value == pytest.approx(metric.best, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_missing_from_the_reference_raises_nothing(name: str) -> None:
    full = whole()
    for kept in ([0, 1], [1]):
        here = np.isin(full.y, kept)
        point = METRICS.load(name)(collect(full.y[here], full.probabilities[here], classes=("a", "b", "c")))
        assert (point.value is None) == bool(point.reason)
        assert point.value is None or np.isfinite(point.value)


def test_a_missing_class_is_named_in_the_reason() -> None:
    full = whole()
    here = full.y != 2
    point = METRICS.load("auroc")(collect(full.y[here], full.probabilities[here], classes=("nv", "mel", "df")))
    assert point.value is None
    assert "'df'" in str(point.reason)


def sklearn_value(name: str, sample: Sample) -> float:
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
        "brier": lambda: reference.brier_score_loss(
            y, p[:, 1] if binary else p, labels=range(n_classes), scale_by_half=False
        ),
        "log_loss": lambda: reference.log_loss(y, p, labels=range(n_classes)),
    }
    return float(values[name]())


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("name", NAMES)
def test_a_value_agrees_with_scikit_learn(name: str, n_classes: int) -> None:
    sample = whole(140, n_classes)
    assert METRICS.load(name)(sample).value == pytest.approx(sklearn_value(name, sample), rel=1e-12)


def test_every_metric_has_a_weighted_twin() -> None:
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
    ],
)
def test_what_is_no_prediction_is_refused(y: list[int], probabilities: list[list[float]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        collect(y, probabilities)


def test_macro_f1_refuses_lengths_and_classes_that_do_not_agree() -> None:
    with pytest.raises(DataError, match="3 reference classes for 2"):
        macro_f1([0, 1, 1], [0, 1], 2)
    with pytest.raises(DataError, match="expected 0 to 1"):
        macro_f1([0, 1], [0, 2], 2)
