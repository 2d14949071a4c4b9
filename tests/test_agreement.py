"""Agreement of readers: published examples, scikit-learn, and what has no meaning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from automed.evaluate.agreement import MISSING, Reader, _beyond, agreement, cohen, fleiss

# Ratings of ten subjects by fourteen raters into five categories: the worked example of Fleiss' kappa that textbooks
# and encyclopaedias give, with kappa .210.
WORKED = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
)  # fmt: skip
# Diagnoses of thirty patients by six raters: Fleiss 1971, table 1 (depression, personality disorder, schizophrenia,
# neurosis, other); kappa .430.
DIAGNOSES = np.array(
    [
        [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
        [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
        [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
        [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
        [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
    ]
)  # fmt: skip


def raters(counts: np.ndarray) -> list[np.ndarray]:
    """Ratings that give these counts; who of the raters said what makes no difference."""
    each = np.array([np.repeat(np.arange(counts.shape[1]), row) for row in counts])
    return [column[:, None].astype(np.int64) for column in each.T]


@pytest.mark.parametrize(("counts", "published"), [(WORKED, 0.210), (DIAGNOSES, 0.430)], ids=["worked", "fleiss1971"])
def test_fleiss_kappa_is_that_of_published_tables(counts: np.ndarray, published: float) -> None:
    """To the three decimals that are published, with an interval around it."""
    found = fleiss(raters(counts), resamples=400)
    assert found.value is not None and found.ci95 is not None
    assert round(found.value, 3) == published
    assert found.ci95[0] < found.value < found.ci95[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(6, 40), st.integers(0, 10_000))
def test_cohens_kappa_of_each_resample_is_scikit_learns(classes: int, n: int, seed: int) -> None:
    """On weighted cases too: what the bootstrap computes at once is what scikit-learn computes of the drawn cases."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, classes, (2, n))
    keep = rng.random(n) < 0.5
    second = np.where(keep, first, second)
    found = cohen(first[:, None], second[:, None], resamples=50, seed=seed)
    expected = _sklearn(first, second, None)
    if np.isnan(expected):
        assert found.value is None
    elif found.value is not None:
        assert found.value == pytest.approx(expected)
        # The same draws, by scikit-learn one at a time.
        from automed.evaluate.intervals import draw

        weights = np.concatenate(list(draw(np.arange(n), 50, seed)), axis=1)
        drawn = np.array([_sklearn(first, second, column) for column in weights.T])
        finite = drawn[np.isfinite(drawn)]
        if found.reason is None:
            assert found.ci95 == pytest.approx(tuple(np.percentile(finite, (2.5, 97.5))))


def _sklearn(first: np.ndarray, second: np.ndarray, weights: np.ndarray | None) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keep = slice(None) if weights is None else weights > 0
        one, other = first[keep], second[keep]
        if len(np.unique(np.concatenate([one, other]))) < 2:
            return float("nan")
        return float(cohen_kappa_score(one, other, sample_weight=None if weights is None else weights[keep]))


def test_answers_of_labels_are_judged_part_by_part() -> None:
    """Kappa over the labels of all cases is scikit-learn's over the flattened table."""
    rng = np.random.default_rng(2)
    first = rng.integers(0, 2, (20, 4))
    second = np.where(rng.random((20, 4)) < 0.8, first, 1 - first)
    found = cohen(first, second, resamples=200)
    assert found.value == pytest.approx(cohen_kappa_score(first.ravel(), second.ravel()))
    assert found.n == 20


def test_kappa_that_has_no_meaning_is_not_estimable() -> None:
    """Where both always give one answer, where no case is shared, and where too few cases are there."""
    ones = np.ones((12, 1), np.int64)
    assert cohen(ones, ones).value is None
    assert "same answer" in str(cohen(ones, ones).reason)
    assert cohen(ones[:0], ones[:0]).value is None
    few = cohen(np.array([[0], [1], [2]]), np.array([[0], [1], [1]]))
    assert few.value is None
    assert "3 records, 5 are needed" in str(few.reason)
    assert np.isnan(_beyond(np.array([1.0]), np.array([1.0]))).all()


def reader(name: str, before: list[int], after: list[int], mind: str = "no") -> Reader:
    return Reader(name, np.array(before)[:, None], np.array(after)[:, None], (mind,) * len(before))


def test_changes_count_for_the_better_and_for_the_worse() -> None:
    """Of eight answers two became right, one wrong, and one went from wrong to wrong."""
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 1])[:, None]
    one = reader("AB", [1, 1, 0, 2, 1, 1, 1, 1], [0, 0, 2, 1, 1, 1, 1, 1], "unsure")
    found = agreement([one], truth, truth, resamples=200)
    (told,) = found["readers"]
    assert told["changed"]["value"] == 4 / 8
    assert told["better"]["value"] == 2 / 8
    assert told["worse"]["value"] == 1 / 8
    assert told["right"]["before"]["value"] == 5 / 8
    assert told["right"]["after"]["value"] == 6 / 8
    assert told["minds"] == {"yes": 0, "no": 0, "unsure": 8}
    assert all(told[key]["ci95"] for key in ("changed", "better", "worse"))
    assert found["all"]["changed"] == told["changed"]
    assert found["pairs"] == []
    assert found["fleiss"] is None


def test_a_half_done_review_counts_where_it_was_done() -> None:
    """Pairs rest on the cases that both answered, and three readers have Fleiss' kappa on those of all."""
    truth = np.array([0, 1] * 5)[:, None]
    whole = reader("AB", [0, 1] * 5, [0, 1] * 5)
    half = reader("CD", [0, 1] * 3 + [MISSING] * 4, [0, 1] * 3 + [MISSING] * 4)
    third = reader("EF", [1, 1] * 5, [0, 1] * 5)
    found = agreement([whole, half, third], truth, truth, resamples=200)
    assert [(pair["readers"], pair["before"]["n"]) for pair in found["pairs"]] == [
        (["AB", "CD"], 6), (["AB", "EF"], 10), (["CD", "EF"], 6),
    ]  # fmt: skip
    assert found["fleiss"]["after"]["n"] == 6
    assert found["fleiss"]["after"]["value"] == pytest.approx(1)
    assert [row["cases"] for row in found["readers"]] == [10, 6, 10]
    assert found["model"]["value"] == 1
    assert found["all"]["cases"] == 26


def test_without_a_reference_standard_nothing_is_better_or_worse() -> None:
    """New records have none: agreement with the model is given, what needs a truth is not."""
    model = np.array([0, 1] * 4)[:, None]
    found = agreement([reader("AB", [0] * 8, [0, 1] * 4)], model, None, resamples=200)
    (told,) = found["readers"]
    assert told["reference"] is told["right"] is told["better"] is told["worse"] is found["model"] is None
    assert told["model"]["after"]["value"] == 1
    assert told["model"]["before"]["value"] == 0


def test_cases_of_one_patient_are_drawn_together() -> None:
    """Twelve cases of three patients carry no interval."""
    answers = np.array([0, 1] * 6)[:, None]
    found = cohen(answers, np.roll(answers, 3, axis=0), np.repeat([1, 2, 3], 4))
    assert found.value is None
    assert "3 patients" in str(found.reason)
