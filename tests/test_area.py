"""The area under the ROC curve of many weightings is that of scikit-learn for each of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from automed.evaluate.area import Area


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 12))
def test_every_weighting_has_the_area_of_scikit_learn(seed: int, n: int, levels: int) -> None:
    """With ties within and between the sides, with records drawn often and not at all."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, n) / levels
    inside = rng.permutation(np.arange(n) < rng.integers(1, n))
    weights = rng.poisson(1.0, (n, 5)).astype(np.float64)
    found = Area(scores, inside)(weights)
    for column, value in zip(weights.T, found, strict=True):
        if column[inside].sum() and column[~inside].sum():
            assert value == pytest.approx(roc_auc_score(inside, scores, sample_weight=column), abs=1e-12)
        else:
            assert np.isnan(value)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_separated_sides_have_an_area_of_one(share: float) -> None:
    """Whichever side is the smaller one."""
    inside = np.arange(50) < 50 * share
    weights = np.ones((50, 3))
    assert np.array_equal(Area(inside.astype(np.float64), inside)(weights), np.ones(3))
    assert np.array_equal(Area(-inside.astype(np.float64), inside)(weights), np.zeros(3))
    assert np.array_equal(Area(np.zeros(50), inside)(weights), np.full(3, 0.5))
