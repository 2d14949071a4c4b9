"""Fronts: what is missing becomes 0 and is marked, what is there is normalised, and the end of a record is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from madeinputs import CASES, columns, dna, image, irregular, records, signal, text

from automed.errors import DataError
from automed.models.facts import InputFacts
from automed.models.space import FixedSpace, Recorder, Value

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models.fronts import FRONTS  # noqa: E402
from automed.models.fronts.front import dtype_of, present, until_last  # noqa: E402

USUAL: dict[str, Value] = {
    "normalise": "dataset",
    "embedding.vectors": "learnt",
    "embedding.size": 16,
    "categories": "one_hot",
}


def with_facts(facts: InputFacts, **changes: Any) -> InputFacts:
    """The same input with other facts."""
    return replace(facts, facts={**facts.facts, **changes})


def run(
    facts: InputFacts, x: np.ndarray, choices: Mapping[str, Value] | None = None, architecture: str = "any"
) -> list[np.ndarray]:
    """What the front makes of x: prepared, and the mask where there are steps."""
    raw = keras.Input(facts.shape, dtype=dtype_of(facts.kind, facts.facts))
    space = FixedSpace(choices if choices is not None else USUAL)
    front = FRONTS.load(facts.kind)(space, raw, facts, "lesion", architecture)
    outputs = keras.tree.flatten(keras.Model(raw, front.inputs)(x))
    return [np.asarray(keras.ops.convert_to_numpy(output)) for output in outputs]


@pytest.mark.parametrize("case", list(CASES))
def test_nothing_that_a_front_makes_is_nan(case: str) -> None:
    """With gaps and absent records; float32; steps are 0 where the mask is."""
    prepared, *mask = run(CASES[case], records(CASES[case]))
    assert prepared.dtype == np.float32 and np.isfinite(prepared).all()
    if mask:
        assert mask[0].shape == (*prepared.shape[:2], 1)
        assert (prepared[mask[0][..., 0] == 0.0] == 0.0).all()
        assert mask[0][-1].sum() == 0.0, "an absent record has no step"


@pytest.mark.parametrize("how", ["dataset", "image"])
def test_pixels_are_standardised(how: str) -> None:
    """Training pixels have about zero mean and unit deviation; a constant image stays finite."""
    x = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
    facts = with_facts(image(), mean=(float(x.mean()),), std=(float(x.std()),))
    (values,) = run(facts, x, {"normalise": how})
    assert abs(values.mean()) < 0.02 and abs(values.std() - 1.0) < 0.02
    (constant,) = run(facts, np.full((2, 28, 28, 1), 255, np.uint8), {"normalise": how})
    assert np.isfinite(constant).all()
    (scaled,) = run(facts, x, {}, "pretrained")
    assert (scaled.min(), scaled.max()) == (-1.0, 1.0)


def test_channels_of_a_signal_are_normalised_by_the_training_records() -> None:
    """Each by its own mean and deviation; masks follow unless nothing is ever missing."""
    facts = signal(steps=500, channels=2, gaps=0.0)
    x = np.random.default_rng(0).normal([0.0, 10.0], [1.0, 2.0], (8, 500, 2)).astype(np.float32)
    prepared, mask = run(facts, x)
    assert prepared.shape == (8, 500, 2) and mask.all()
    np.testing.assert_allclose(prepared, (x - [0.0, 10.0]) / [1.0, 2.0], atol=1e-4)
    assert run(with_facts(facts, gaps=0.01), x)[0].shape == (8, 500, 4)
    assert run(with_facts(facts, gaps=None), x)[0].shape == (8, 500, 2)


def test_a_missing_value_is_the_mean_and_is_marked() -> None:
    """And a value twenty deviations off is cut there: a slipped decimal point is no reason to predict anything."""
    facts = signal(steps=4, channels=2)
    x = np.array([[[0.0, np.nan], [1.0, 1e9], [2.0, 10.0], [np.nan, np.nan]]], np.float32)
    prepared, mask = run(facts, x)
    np.testing.assert_array_equal(prepared[0, :, 2:], [[1, 0], [1, 1], [1, 1], [0, 0]])
    np.testing.assert_allclose(prepared[0, :, :2], [[0.0, 0.0], [1.0, 20.0], [2.0, 0.0], [0.0, 0.0]], atol=1e-6)
    np.testing.assert_array_equal(mask[0, :, 0], [1, 1, 1, 0])


def test_a_channel_that_is_not_usable_says_nothing() -> None:
    """Neither by its values nor by where they are missing, nor about where a record ends."""
    facts = with_facts(signal(steps=4, channels=2), usable=[True, False])
    x = np.array([[[1.0, 3.0], [1.0, np.nan], [np.nan, 4.0], [np.nan, 5.0]]], np.float32)
    prepared, mask = run(facts, x)
    np.testing.assert_allclose(prepared[0], [[1, 0, 1], [1, 0, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(mask[0, :, 0], [1, 1, 0, 0])


def test_irregular_observations_keep_their_masks_and_times() -> None:
    """Values, masks, times, in this order; a record ends with its last observation, not with its last value."""
    facts = irregular(steps=4, variables=1)
    x = np.array([[[np.nan, 0, 1], [7.0, 1, 0], [7.0, 0, 1], [7.0, 0, 2]]], np.float32)
    prepared, mask = run(facts, x)
    np.testing.assert_array_equal(mask[0, :, 0], [1, 1, 0, 0])
    np.testing.assert_allclose(prepared[0, :2], [[0.0, 0.0, -1 / 3], [1.0, 1.0, -2 / 3]], atol=1e-6)
    shuffled = with_facts(facts, roles=["elapsed", "value", "mask"], mean=[2.0, 5.0, 0.0], std=[3.0, 2.0, 1.0])
    np.testing.assert_allclose(run(shuffled, x[..., [2, 0, 1]])[0], prepared)


def test_a_gap_is_not_the_end() -> None:
    """What is marked goes up to the last observation."""
    observed = np.array([[0, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], np.float32)[..., None]
    found = np.asarray(keras.ops.convert_to_numpy(until_last(observed)))[..., 0]
    np.testing.assert_array_equal(found, [[1, 1, 1, 1, 0, 0], [0] * 6, [1] * 6])


@pytest.mark.parametrize("case", list(CASES))
def test_an_absent_input_is_seen_to_be_absent(case: str) -> None:
    """0 everywhere for whole numbers, NaN everywhere for others: so a model needs no flag beside the input."""
    found = keras.ops.convert_to_numpy(present(keras.ops.convert_to_tensor(records(CASES[case]))))
    np.testing.assert_array_equal(found, [[1.0]] * 5 + [[0.0]])


def test_padding_has_no_vector() -> None:
    """A token has the same vector wherever it stands."""
    prepared, mask = run(text(tokens=4), np.array([[5, 6, 5, 0], [6, 0, 0, 0]], np.int32))
    np.testing.assert_array_equal(mask[..., 0], [[1, 1, 1, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(prepared[0, 0], prepared[0, 2])
    np.testing.assert_array_equal(prepared[0, 1], prepared[1, 0])
    assert (prepared[0, 0] != prepared[0, 1]).any()


def test_an_alphabet_may_bring_its_vectors() -> None:
    """Fixed ones are as given and do not learn; asking for them needs no size."""
    recorder = Recorder(FixedSpace({"embedding.vectors": "fixed"}))
    raw = keras.Input((4,), dtype="uint8")
    front = FRONTS.load("sequence")(recorder, raw, dna(tokens=4), "dna", "any")
    model = keras.Model(raw, front.prepared)
    found = np.asarray(keras.ops.convert_to_numpy(model(np.array([[2, 5, 1, 0]], np.uint8))))
    np.testing.assert_array_equal(found[0], [[1, 0, 0, 0], [0, 0, 0, 1], [0.25] * 4, [0] * 4])
    assert not model.trainable_variables and list(recorder.choices) == ["embedding.vectors"]


def test_published_vectors_are_frozen_or_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are where the layer starts, and their number must be that of the tokens."""
    from automed.data.kinds import embeddings

    published = np.random.default_rng(0).normal(size=(32, 5)).astype(np.float32)
    monkeypatch.setattr(embeddings, "matrix", lambda facts: published)
    facts = with_facts(text(tokens=2), embedding={"cache": "x", "size": 5, "found": 30})
    for how, learns in (("frozen", False), ("tuned", True)):
        raw = keras.Input((2,), dtype="int32")
        front = FRONTS.load("text")(FixedSpace({"embedding.vectors": how}), raw, facts, "note", "any")
        model = keras.Model(raw, front.prepared)
        found = np.asarray(keras.ops.convert_to_numpy(model(np.array([[7, 1]], np.int32))))
        np.testing.assert_allclose(found[0], published[[7, 1]])
        assert bool(model.trainable_variables) == learns
    published = published[:-1]
    with pytest.raises(DataError, match="31 vectors for 32 tokens"):
        run(facts, np.zeros((1, 2), np.int32), {"embedding.vectors": "tuned"})


def test_columns_become_numbers() -> None:
    """Numbers normalised, with a mark; of a category a missing and an unknown level are two things."""
    nan = np.nan
    x = np.array([[72.0, 1, 5.0, 3], [nan, 0, nan, nan], [48.0, 2, 1.0, 1]], np.float32)
    (found,) = run(columns(), x)
    np.testing.assert_allclose(found[:, :4], [[1, 0, 1, 1], [0, 0, 0, 0], [-1, 0, 1, 1]], atol=1e-6)
    # Missing, unknown, f, m; missing, unknown, arm, back, leg.
    np.testing.assert_array_equal(
        found[:, 4:], [[0, 0, 1, 0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 1, 0, 0]]
    )
    (embedded,) = run(columns(), x, {"categories": "embedded", "embedding.size": 2})
    assert embedded.shape == (3, 4 + 2 * 2)


def test_columns_of_one_sort_need_no_other() -> None:
    """Numbers alone ask for nothing; categories alone have no numbers."""
    features = columns().facts["features"]
    numbers = InputFacts("tabular", (2,), {"features": [features[0], features[2]]})
    assert run(numbers, np.array([[60.0, 1.0]], np.float32), {})[0].shape == (1, 4)
    categories = InputFacts("tabular", (1,), {"features": [features[1]]})
    (found,) = run(categories, np.array([[2.0]], np.float32))
    np.testing.assert_array_equal(found, [[0, 0, 0, 1]])
