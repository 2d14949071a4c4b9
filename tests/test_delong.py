"""DeLong's variance, against the definition written out pair by pair and against the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from automed.errors import DataError
from automed.evaluate.delong import delong, delong_paired
from automed.evaluate.intervals import bootstrap
from automed.evaluate.resamples import OVERALL
from automed.evaluate.sample import collect

Bools, Floats, Ints = NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]


def scores(n: int, seed: int, digits: int = 12, patients: int | None = None) -> tuple[Bools, Floats, Floats, Ints]:
    """Truth, two models that look at the same signal, and patients whose records resemble each other."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) if patients is None else rng.permutation(np.arange(n) % patients)
    shared = rng.normal(size=int(codes.max()) + 1)[codes]
    truth = 0.8 * shared + rng.normal(size=n) > 0.3
    signal = truth + 0.7 * shared + rng.normal(size=n)
    models = [np.round(signal + 0.8 * rng.normal(size=n), digits) for _ in range(2)]
    return truth, models[0], models[1], codes


def pairs(truth: Bools, score: Floats) -> Floats:
    """(positives, negatives): 1 where in order, half where equal."""
    above, below = score[truth][:, None], score[~truth][None, :]
    return (above > below) + 0.5 * (above == below)


def written_out(truth: Bools, one: Floats, other: Floats) -> tuple[float, float, float]:
    """Both variances and the covariance as DeLong, DeLong and Clarke-Pearson 1988 define them, equations 4 to 6."""
    tables = [pairs(truth, score) for score in (one, other)]
    s10 = np.cov([table.mean(axis=1) for table in tables])
    s01 = np.cov([table.mean(axis=0) for table in tables])
    matrix = s10 / tables[0].shape[0] + s01 / tables[0].shape[1]
    return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 1])


def obuchowski(truth: Bools, score: Floats, codes: Ints) -> float:
    """The clustered variance as Obuchowski 1997 defines it, section 2, cluster by cluster."""
    table = pairs(truth, score)
    area, (m, n) = table.mean(), table.shape
    v10, v01 = table.mean(axis=1), table.mean(axis=0)
    clusters = np.unique(codes)
    own, mine = codes[truth], codes[~truth]
    ill = sum(1 for c in clusters if (own == c).any())
    well = sum(1 for c in clusters if (mine == c).any())
    s10 = s01 = s11 = 0.0
    for c in clusters:
        first = v10[own == c].sum() - (own == c).sum() * area
        second = v01[mine == c].sum() - (mine == c).sum() * area
        s10 += first**2
        s01 += second**2
        s11 += first * second
    s10 *= ill / ((ill - 1) * m)
    s01 *= well / ((well - 1) * n)
    s11 *= len(clusters) / (len(clusters) - 1)
    return float(s10 / m + s01 / n + 2 * s11 / (m * n))


@given(seed=st.integers(0, 1000), n=st.integers(12, 60), digits=st.sampled_from([0, 1, 12]))
@settings(max_examples=60, deadline=None)
def test_area_and_error_are_those_of_the_definition(seed: int, n: int, digits: int) -> None:
    """Pair by pair, with many equal scores and with none."""
    truth, one, other, _ = scores(n, seed, digits)
    if truth.sum() < 2 or (~truth).sum() < 2:
        return
    area, paired = delong(truth, one), delong_paired(truth, one, other)
    first, second, both = written_out(truth, one, other)
    assert area.auc == pytest.approx(roc_auc_score(truth, one))
    assert paired.difference == pytest.approx(roc_auc_score(truth, one) - roc_auc_score(truth, other), abs=1e-12)
    if area.se is not None:
        assert area.se**2 == pytest.approx(first)
    if paired.se:
        assert paired.se**2 == pytest.approx(first + second - 2 * both, rel=1e-6, abs=1e-12)
        assert paired.p == pytest.approx(2 * norm.sf(abs(paired.difference) / paired.se))


@pytest.mark.parametrize("digits", [1, 12])
def test_the_clustered_error_is_that_of_its_definition(digits: int) -> None:
    """Patients with several records, on both sides of the question."""
    truth, one, other, codes = scores(200, seed=2, digits=digits, patients=60)
    assert delong(truth, one, codes).se ** 2 == pytest.approx(obuchowski(truth, one, codes))
    assert delong(truth, other, codes).se ** 2 == pytest.approx(obuchowski(truth, other, codes))


@given(seed=st.integers(0, 500))
@settings(max_examples=25, deadline=None)
def test_with_one_record_a_patient_both_forms_agree_and_order_does_not_matter(seed: int) -> None:
    """To the last digits: Obuchowski's factor patients / (patients - 1) of each side is in DeLong's variance too."""
    truth, one, other, _ = scores(50, seed)
    if truth.sum() < 2 or (~truth).sum() < 2:
        return
    order = np.random.default_rng(seed).permutation(50)
    assert delong(truth, one, order).se == pytest.approx(delong(truth, one).se, rel=1e-9)
    plain, shuffled = delong_paired(truth, one, other), delong_paired(truth[order], one[order], other[order])
    assert (shuffled.difference, shuffled.se, shuffled.p) == pytest.approx((plain.difference, plain.se, plain.p))


@pytest.mark.parametrize("patients", [None, 150])
def test_the_error_agrees_with_the_bootstrap(patients: int | None) -> None:
    """Drawn by patients, of one area and of the difference of two."""
    truth, one, other, codes = scores(600, seed=4, patients=patients)
    samples = []
    for score in (one, other):
        p = norm.cdf(score)
        samples.append(collect(truth.astype(int), np.stack([1 - p, p], axis=1)))
    drawn = [bootstrap(sample, codes, {"auroc": OVERALL["auroc"]}, resamples=2000)["auroc"] for sample in samples]
    assert delong(truth, one, codes).se == pytest.approx(drawn[0].std(), rel=0.08)
    assert delong_paired(truth, one, other, codes).se == pytest.approx((drawn[0] - drawn[1]).std(), rel=0.08)
    low, high = np.percentile(drawn[0], (2.5, 97.5))
    assert delong(truth, one, codes).ci95 == pytest.approx((low, high), abs=0.006)


def test_equal_models_raise_no_alarm_and_clustering_is_not_ignored() -> None:
    """Under no difference p is below .05 in about one of twenty trials; without the patients it would be more often."""
    clustered, plain = [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        codes = np.repeat(np.arange(40), 5)
        truth = np.repeat(rng.random(40) < 0.4, 5)  # the disease is the patient's, and so is what each model thinks
        one, other = (truth + np.repeat(rng.normal(size=40), 5) + 0.3 * rng.normal(size=200) for _ in range(2))
        if truth.any() and not truth.all():
            clustered.append(delong_paired(truth, one, other, codes).p)
            plain.append(delong_paired(truth, one, other).p)
    assert np.mean(np.array(clustered) < 0.05) < 0.09
    assert np.mean(np.array(plain) < 0.05) > 0.25


def test_limits_stay_within_0_and_1_and_cover_the_area() -> None:
    """On the logit scale, even of a handful of records with an area near 1."""
    truth = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    area = delong(truth, np.array([9, 8, 7, 4, 5, 3, 2, 1, 0.5]))
    assert area.auc == pytest.approx(0.95) and 0 < area.ci95[0] < 0.95 < area.ci95[1] < 1


def test_where_nothing_spreads_no_certainty_is_claimed() -> None:
    """A perfect model, a model that says the same of all, and a side of one record have an area and no error."""
    truth = np.array([1, 1, 0, 0, 0], dtype=bool)
    assert delong(truth, np.array([5.0, 4, 3, 2, 1])) == (1.0, None, None)
    assert delong(truth, np.ones(5)) == (0.5, None, None)
    assert delong(np.array([1, 0, 0], dtype=bool), np.array([2.0, 3, 1])).se is None
    same = delong_paired(truth, np.array([5.0, 1, 3, 2, 1]), np.array([5.0, 1, 3, 2, 1]))
    assert same == (0.0, 0.0, (0.0, 0.0), 1.0)


def test_records_of_one_side_or_of_other_length_are_refused() -> None:
    """An area needs both sides."""
    with pytest.raises(DataError, match="both sides"):
        delong(np.ones(5, dtype=bool), np.arange(5.0))
    with pytest.raises(DataError, match="one probability a record"):
        delong(np.array([True, False]), np.arange(3.0))


def test_how_patients_are_numbered_does_not_matter() -> None:
    """Gaps in the numbers, and another order."""
    truth, one, _, codes = scores(120, seed=9, patients=40)
    assert delong(truth, one, codes * 3).se == pytest.approx(delong(truth, one, codes).se)
    assert delong(truth, one, codes.max() - codes).se == pytest.approx(delong(truth, one, codes).se)
