"""Prediction sets: the promise they make, against MAPIE and against simulations with a known answer."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from automed.errors import DataError
from automed.evaluate.certainty.conformal import Sets, conformal, fit, measure
from automed.evaluate.intervals import encode
from automed.evaluate.sample import collect

Ints, Floats = NDArray[np.int64], NDArray[np.float64]
SHARES = np.array([0.6, 0.25, 0.1, 0.05])


def noisy(n: int, seed: int, skill: float = 1.5) -> tuple[Ints, Floats]:
    """Records of four classes, the last of them rare, and what a middling model says."""
    rng = np.random.default_rng(seed)
    y = rng.choice(4, size=n, p=SHARES)
    logits = rng.normal(size=(n, 4)) + np.log(SHARES)
    logits[np.arange(n), y] += skill
    return y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


class Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier whose inputs are its probabilities."""

    def __init__(self) -> None:
        self.classes_ = np.arange(4)

    def fit(self, x: Floats, y: Ints) -> Given:
        return self

    def predict_proba(self, x: Floats) -> Floats:
        return x

    def predict(self, x: Floats) -> Ints:
        return x.argmax(axis=1)


def mapie_sets(y: Ints, p: Floats, new: Floats, coverage: float) -> NDArray[np.bool_]:
    """What MAPIE makes of the same arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies
        from mapie.classification import SplitConformalClassifier

        found = SplitConformalClassifier(Given(), confidence_level=coverage, conformity_score="lac", prefit=True)
        return np.asarray(found.conformalize(p, y).predict_set(new)[1][:, :, 0], dtype=bool)


@pytest.mark.parametrize("n", [20, 101, 350])
@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_marginal_sets_are_those_of_mapie(n: int, coverage: float) -> None:
    """The same classes in the set of every record, from the same arrays."""
    y, p = noisy(n, seed=n)
    new = noisy(500, seed=n + 1)[1]
    assert (fit(y, p, coverage).apply(new) == mapie_sets(y, p, new, coverage)).all()


def test_sets_of_each_class_are_those_of_mapie_on_the_records_of_the_class() -> None:
    """Class-conditional sets take the column of each class from sets that were fitted on its records alone."""
    y, p = noisy(900, seed=3)
    new = noisy(500, seed=4)[1]
    found = fit(y, p, 0.85, by_class=True).apply(new)
    for k in range(4):
        # MAPIE wants every class to occur; a record of another class would change the quantile, so all are called k.
        own = p[y == k]
        expected = mapie_sets(np.full(len(own), k), own, new, 0.85)[:, k]
        assert (found[:, k] == expected).all()


@pytest.mark.parametrize("by_class", [False, True])
def test_the_promise_is_kept_on_average_and_varies_as_expected(by_class: bool) -> None:
    """Over many calibration sets the coverage is the promise, or at most one record of them above it."""
    reached, n = [], 200
    wide_y, wide = noisy(20_000, seed=10_000)
    for seed in range(300):
        y, p = noisy(n, seed)
        sets = fit(y, p, 0.9, by_class).apply(wide)
        covered = sets[np.arange(len(wide)), wide_y]
        reached.append([covered[wide_y == k].mean() for k in range(4)] if by_class else [covered.mean()])
    # Standard errors of these means are about .0012 and, of the rare class, .004.
    means = np.mean(reached, axis=0)
    counts = n * SHARES if by_class else np.array([n])
    assert (means > 0.9 - 0.01).all() and (means < 0.9 + 1 / counts + 0.015).all()
    if not by_class:
        low, high = fit(*noisy(n, 0), 0.9).expected[0]
        assert np.mean([low <= share <= high for (share,) in reached]) == pytest.approx(0.95, abs=0.04)


def test_a_class_with_too_few_calibration_records_is_always_in_the_set_and_named_so() -> None:
    """At .9 nine records are needed: eight of them can promise 8/9 only."""
    y = np.array([0] * 50 + [1] * 9 + [2] * 8)
    p = np.random.default_rng(0).dirichlet([1, 1, 1], len(y))
    sets = fit(y, p, 0.9, by_class=True)
    assert sets.records == (50, 9, 8)
    assert sets.thresholds[1] == p[y == 1, 1].min() and sets.thresholds[2] == 0
    assert sets.apply(p)[:, 2].all() and "1 of 3 classes have fewer than the 9 needed" in sets.reason
    assert sets.expected[2] == (1.0, 1.0)
    few = fit(y[:8], p[:8], 0.9)
    assert few.apply(p).all() and "9 are needed" in few.reason


@given(seed=st.integers(0, 1000), n=st.integers(1, 60), by_class=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_higher_promise_never_takes_a_class_out_of_a_set(seed: int, n: int, by_class: bool) -> None:
    """Sets grow with the promise, and the calibration records keep it themselves."""
    y, p = noisy(n, seed)
    narrow, wide = (fit(y, p, coverage, by_class).apply(p) for coverage in (0.7, 0.9))
    assert (narrow <= wide).all()
    assert wide[np.arange(n), y].mean() >= 0.9


def test_the_rank_is_not_moved_by_rounding() -> None:
    """100 times .55 is 55.00000000000001 in floats, yet 55 of 99 records are to be covered."""
    p = np.linspace(0.02, 0.98, 99)
    sets = fit(np.zeros(99, dtype=int), np.stack([p, 1 - p], axis=1), 0.55)
    assert sets.apply(np.stack([p, 1 - p], axis=1))[:, 0].sum() == 55


def test_certain_probabilities_make_sets_like_any_other() -> None:
    """Probabilities of exactly 0 and 1, right and wrong."""
    y = np.array([0] * 20 + [1] * 20)
    p = np.zeros((40, 2))
    p[np.arange(40), y] = 1
    assert (fit(y, p, 0.9).apply(p) == (p == 1)).all()
    p[:5] = p[:5, ::-1]  # more are wrong than the promise allows: both classes are in every set
    assert fit(y, p, 0.9).apply(p).all()


def test_sets_survive_being_stored() -> None:
    """In the model's card, as JSON."""
    y, p = noisy(100, seed=1)
    for by_class in (False, True):
        sets = fit(y, p, 0.9, by_class)
        assert Sets.read(json.loads(json.dumps(sets.as_json()))) == sets


def test_measured_figures_are_those_of_a_plain_count() -> None:
    """Coverage overall and by class, size, shares of single and empty sets, and the sets that occur most."""
    sets = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 1, 1]] * 10, dtype=bool)
    y = np.array([0, 1, 1, 2, 1, 2] * 10)
    sample = collect(y, np.full((60, 3), 1 / 3), classes=("a", "b", "c"))
    found = measure(sets, sample, encode(None, 60), resamples=200)
    values = {name: found[name]["value"] for name in ("coverage", "size", "single", "empty", "single_coverage")}
    expected = {"coverage": 4 / 6, "size": 8 / 6, "single": 3 / 6, "empty": 1 / 6, "single_coverage": 2 / 3}
    assert values == pytest.approx(expected)
    assert {key: figure["value"] for key, figure in found["by_class"].items()} == {"a": 1, "b": 2 / 3, "c": 1 / 2}
    assert found["by_class"]["b"]["events"] == 30
    assert found["sizes"] == [10, 30, 10, 10]
    assert found["frequent"][0] == {"classes": ["a"], "records": 20, "covered": 10}
    assert {"classes": [], "records": 10, "covered": 0} in found["frequent"]
    low, high = found["coverage"]["ci95"]
    assert low < 4 / 6 < high and low == pytest.approx(4 / 6 - 1.96 * np.sqrt(2 / 9 / 60), abs=0.03)


def test_the_interval_of_coverage_knows_about_patients() -> None:
    """Ten records of one patient are no ten patients."""
    rng = np.random.default_rng(0)
    covered = np.repeat(rng.random(40) < 0.8, 10)
    sets = np.stack([covered, ~covered], axis=1)
    sample = collect(np.zeros(400, dtype=int), np.full((400, 2), 0.5))
    widths = []
    for patient in (None, np.repeat(np.arange(40), 10)):
        low, high = measure(sets, sample, encode(patient, 400), resamples=500)["coverage"]["ci95"]
        widths.append(high - low)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(10), rel=0.2)


def test_both_kinds_are_given_and_labels_get_a_reason() -> None:
    """One document for the report, without NaN; sets of labels are not offered."""
    test, validation = (collect(*noisy(n, seed=n)) for n in (300, 200))
    found = conformal(validation, test, encode(None, 300), 0.9, resamples=100)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["reason"] is None and found["marginal"]["sets"]["by_class"] is False
    assert found["by_class"]["sets"]["by_class"] is True and len(found["by_class"]["expected"]) == 4
    labels = np.array([[1, 0], [1, 1]] * 10)
    labelled = collect(labels, labels * 0.8, predicted=labels)
    refused = conformal(labelled, labelled, encode(None, 20), 0.9)
    assert refused["marginal"] is None and "not applicable" in refused["reason"]
    with pytest.raises(DataError, match="labels"):
        fit(labels, labels * 0.8, 0.9)


def test_arrays_that_do_not_fit_are_refused() -> None:
    """Other lengths, other classes, and a promise of everything."""
    y, p = noisy(20, seed=0)
    with pytest.raises(DataError, match="19 reference classes for 20 rows"):
        fit(y[:19], p, 0.9)
    with pytest.raises(DataError, match="between 0 and 1"):
        fit(y, p, 1.0)
    with pytest.raises(DataError, match="sets of 4 classes"):
        fit(y, p, 0.9).apply(p[:, :3])
