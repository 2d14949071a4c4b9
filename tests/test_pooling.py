"""From the features of an encoder to one vector a record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from madeinputs import columns, dna, image, irregular, signal, text

from automed.models.facts import PLACES, InputFacts, placed
from automed.models.space import RandomSpace

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models import pooling  # noqa: E402

STEPS, FEATURES = 6, 3


def aligned(tokens: int) -> InputFacts:
    """Letters around a site."""
    facts = dna(tokens)
    return InputFacts(facts.kind, facts.shape, {**facts.facts, "aligned": True})


def pooled(how: str, features: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The vectors (n, ...) of features (n, steps, f)."""
    x, m = keras.Input(features.shape[1:]), keras.Input(mask.shape[1:])
    model: Any = keras.Model([x, m], pooling.pool(x, m, how, "notes"))
    return np.asarray(keras.ops.convert_to_numpy(model([features, mask])))


@pytest.mark.parametrize("how", [*pooling.OF_STEPS, "flatten"])
def test_what_follows_the_end_changes_nothing(how: str) -> None:
    """Whatever the features are there, by every way of pooling; a record without any step is all 0."""
    random = np.random.default_rng(0)
    features = random.normal(size=(3, STEPS, FEATURES)).astype(np.float32)
    mask = np.array([[1] * 6, [1] * 4 + [0] * 2, [0] * 6], np.float32)[..., None]
    keras.utils.set_random_seed(0)
    once = pooled(how, features, mask)
    keras.utils.set_random_seed(0)
    again = pooled(how, np.where(mask > 0, features, 99.0).astype(np.float32), mask)
    np.testing.assert_allclose(once, again, atol=1e-6)
    assert np.isfinite(once).all() and not once[2].any()


def test_an_average_and_the_greatest_are_of_the_steps_that_are_there() -> None:
    """By hand."""
    features = np.array([[[1.0], [5.0], [-9.0]]], np.float32)
    mask = np.array([[[1.0], [1.0], [0.0]]], np.float32)
    assert pooled("average", features, mask).tolist() == [[3.0]]
    assert pooled("max", features, mask).tolist() == [[5.0]]
    assert pooled("flatten", features, mask).tolist() == [[1.0, 5.0, 0.0]]


@pytest.mark.parametrize(
    ("facts", "flat"),
    [
        (aligned(60), True),
        (dna(60), False),
        (aligned(PLACES + 1), False),
        (signal(48), True),
        (irregular(48), True),
        (signal(PLACES + 1), False),
        (text(40), False),
    ],
)
def test_places_count_where_they_mean_the_same_and_are_few(facts: InputFacts, flat: bool) -> None:
    """Hours since admission and letters around a site do, words and a whole ECG do not."""
    assert placed(facts.entry) is flat
    asked = {pooling.ask(RandomSpace(seed), facts) for seed in range(60)}
    assert asked == {*pooling.OF_STEPS, *(["flatten"] if flat else [])}


def test_columns_are_not_pooled_and_pictures_have_no_steps() -> None:
    """Each kind is asked what it can be pooled by."""
    assert pooling.ask(RandomSpace(0), columns()) is None
    assert {pooling.ask(RandomSpace(seed), image()) for seed in range(40)} == set(pooling.OF_MAPS)
