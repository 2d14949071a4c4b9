"""Class weights and the losses that a space may choose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from automed.errors import UsageError

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models.losses import class_weights, loss, sample_weights  # noqa: E402
from automed.models.space import FixedSpace  # noqa: E402

counts = hnp.arrays(np.int64, st.integers(2, 9), elements=st.integers(0, 10_000)).filter(lambda c: c.sum() > 0)


@given(counts)
def test_every_class_weighs_alike(found: np.ndarray) -> None:
    """Summed over its records each class that is there has the same weight; a record weighs one on average."""
    weights = class_weights(found)
    totals = weights.astype(np.float64) * found
    present = found > 0
    np.testing.assert_allclose(totals[present], found.sum() / present.sum(), rtol=1e-5)
    assert (weights[~present] == 0).all()
    np.testing.assert_allclose(totals.sum(), found.sum(), rtol=1e-5)


@given(counts, st.floats(0.0, 1.0))
def test_milder_weights_lift_a_rare_class_less(found: np.ndarray, power: float) -> None:
    """A record weighs one on average whatever the power, and of two classes the rarer never weighs less."""
    weights = class_weights(found, power).astype(np.float64)
    np.testing.assert_allclose((weights * found).sum(), found.sum(), rtol=1e-4)
    present = np.flatnonzero(found)
    order = present[np.argsort(found[present])]
    assert (np.diff(weights[order]) <= 1e-4 * weights.max()).all()
    if power == 0.0:
        np.testing.assert_allclose(weights[present], 1.0, rtol=1e-6)


@given(st.floats(0.0, 1.0))
def test_mixed_targets_share_their_weights(share: float) -> None:
    """An image mixed of two classes has the mixture of both weights."""
    found = sample_weights(np.array([[share, 1.0 - share]], np.float32), np.array([1.0, 3.0], np.float32))
    np.testing.assert_allclose(found, [share + 3.0 * (1.0 - share)], rtol=1e-5)


LOGITS = np.array([[4.0, 0.0, -1.0], [0.5, 0.2, 0.1]], np.float32)
TARGETS = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.4]], np.float32)


def value(choices: dict[str, object], task: str = "multiclass", targets: np.ndarray = TARGETS) -> float:
    """The loss over two records, one of them mixed."""
    return float(loss(FixedSpace(choices), task)(targets, LOGITS))  # type: ignore[arg-type]


def test_cross_entropy_is_that_of_the_softmax() -> None:
    """Against the formula in float64; smoothing moves a share of the target to all classes."""
    exact = LOGITS.astype(np.float64)
    log_p = exact - np.log(np.exp(exact).sum(1, keepdims=True))
    for smoothing in (0.0, 0.1):
        target = TARGETS * (1 - smoothing) + smoothing / 3
        found = value({"loss": "cross_entropy", "label_smoothing": smoothing})
        np.testing.assert_allclose(found, -(target * log_p).sum(1).mean(), rtol=1e-5)


def test_focal_loss_leaves_the_easy_record_out() -> None:
    """With gamma a record that is already right counts less than in cross-entropy, by the formula of the paper."""
    exact = LOGITS.astype(np.float64)
    p = np.exp(exact) / np.exp(exact).sum(1, keepdims=True)
    for gamma in (1.0, 2.0):
        expected = -(TARGETS * (1 - p) ** gamma * np.log(p)).sum(1).mean()
        np.testing.assert_allclose(value({"loss": "focal", "focal_gamma": gamma}), expected, rtol=1e-4)


def test_sample_weights_multiply_the_loss() -> None:
    """A record of weight zero does not count."""
    both = loss(FixedSpace({"loss": "cross_entropy", "label_smoothing": 0.0}))
    one = float(both(TARGETS[:1], LOGITS[:1]))
    np.testing.assert_allclose(
        float(both(TARGETS, LOGITS, sample_weight=np.array([2.0, 0.0], np.float32))), one, rtol=1e-5
    )


LABELS = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], np.float32)


def test_each_of_several_labels_has_a_loss_of_its_own() -> None:
    """Cross-entropy of the sigmoids, mean over the classes; smoothing draws targets to a half; focal as of softmax."""
    p = 1.0 / (1.0 + np.exp(-LOGITS.astype(np.float64)))
    for smoothing in (0.0, 0.1):
        target = LABELS * (1 - smoothing) + smoothing / 2
        expected = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
        found = value({"loss": "cross_entropy", "label_smoothing": smoothing}, "multilabel", LABELS)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    right = np.where(LABELS == 1, p, 1 - p)
    found = value({"loss": "focal", "focal_gamma": 2.0}, "multilabel", LABELS)
    np.testing.assert_allclose(found, -((1 - right) ** 2 * np.log(right)).mean(), rtol=1e-4)


def test_mistaking_neighbours_costs_less_where_classes_rise() -> None:
    """The squared earth mover's distance by its formula; it is offered for ordinal tasks alone."""
    p = np.exp(LOGITS.astype(np.float64)) / np.exp(LOGITS.astype(np.float64)).sum(1, keepdims=True)
    expected = np.square(np.cumsum(p, 1) - np.cumsum(TARGETS, 1)).sum(1).mean()
    np.testing.assert_allclose(value({"loss": "squared_emd"}, "ordinal"), expected, rtol=1e-4)
    sure = np.array([[9.0, 0.0, 0.0]], np.float32)
    distance = loss(FixedSpace({"loss": "squared_emd"}), "ordinal")
    near, far = (float(distance(np.eye(3, dtype=np.float32)[[k]], sure)) for k in (1, 2))
    assert 0.9 < near < 1.1 < 1.9 < far < 2.1
    for task in ("multiclass", "multilabel"):
        with pytest.raises(UsageError, match="loss must be one of"):
            loss(FixedSpace({"loss": "squared_emd"}), task)
