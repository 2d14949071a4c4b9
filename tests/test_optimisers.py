"""The joined optimisers do what Keras' own do, in fewer operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models.optimisers import SGD, AdamW, Rates, optimiser, schedule  # noqa: E402
from automed.models.space import FixedSpace  # noqa: E402

SHAPES = ((3, 4), (4,), (2, 2, 3), (1,))
NAMES = ("kernel", "bias", "kernel", "gamma")


def variables() -> list[Any]:
    """Weights as in a small network, the same each time."""
    random = np.random.default_rng(0)
    return [
        keras.Variable(random.normal(size=shape).astype("float32"), name=name)
        for shape, name in zip(SHAPES, NAMES, strict=True)
    ]


def gradients(step: int) -> list[Any]:
    """Small and large ones, so that clipping acts on some steps only."""
    random = np.random.default_rng(step + 1)
    scale = 3.0 if step % 2 else 0.01
    return [keras.ops.convert_to_tensor((scale * random.normal(size=shape)).astype("float32")) for shape in SHAPES]


def numbers(weights: list[Any]) -> list[np.ndarray]:
    """Their values."""
    return [np.asarray(keras.ops.convert_to_numpy(weight)) for weight in weights]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_joined_updates_equal_those_of_keras(kind: str) -> None:
    """The same clipping, momentum and rates over ten steps; decay is applied beside the update, not before it."""
    ours, theirs = variables(), variables()
    rate = 0.01
    if kind == "adamw":
        joined, reference = AdamW(rate, 0.0), keras.optimizers.AdamW(rate, weight_decay=0.0, global_clipnorm=1.0)
    else:
        joined = SGD(rate, 0.0)
        reference = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, global_clipnorm=1.0)
    for step in range(10):
        joined.apply(gradients(step), ours)
        reference.apply(gradients(step), theirs)
    for one, other in zip(numbers(ours), numbers(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)


def test_decay_shrinks_kernels_and_nothing_else() -> None:
    """Without a gradient a kernel loses rate times decay of itself each step; biases and norms stay."""
    weights = variables()
    before = numbers(weights)
    AdamW(0.1, 0.5).apply([keras.ops.zeros(shape) for shape in SHAPES], weights)
    for name, now, start in zip(NAMES, numbers(weights), before, strict=True):
        np.testing.assert_allclose(now, start * (0.95 if name == "kernel" else 1.0), rtol=1e-6)


def test_slow_variables_wait_and_then_learn_at_their_rate() -> None:
    """Named variables stand still for the first steps, then move by their share of the rate, undecayed."""
    weights = variables()
    before = numbers(weights)
    rates = Rates({id(weights[0]): 0.1, id(weights[1]): 0.1}, wait=0.5)
    slow = SGD(0.1, 0.5, rates, frozen_steps=2.0, clip_norm=1e9)
    ones = [keras.ops.ones(shape) for shape in SHAPES]
    for _ in range(2):
        slow.apply(ones, weights)
    assert (numbers(weights)[0] == before[0]).all() and (numbers(weights)[3] != before[3]).all()
    slow.apply(ones, weights)
    momentum = 1 + 0.9 + 0.81  # of a constant gradient of one, which has been gathered all the while
    expected = before[0] - 0.1 * 0.1 * (0.9 * momentum + 1.0)
    np.testing.assert_allclose(numbers(weights)[0], expected, rtol=1e-5)


def test_a_missing_gradient_counts_as_none() -> None:
    """A variable without a gradient stays; a list of another length is refused."""
    weights = variables()
    before = numbers(weights)
    sgd = SGD(0.1, 0.0)
    sgd.apply([None, *gradients(0)[1:]], weights)
    np.testing.assert_array_equal(numbers(weights)[0], before[0])
    with pytest.raises(ValueError, match="built on 4 variables, got 1"):
        sgd.apply(gradients(0)[:1], weights)


def test_the_rate_rises_and_falls() -> None:
    """Warm-up starts above zero, reaches the peak, and half a cosine later one per cent of it is left."""
    rate = schedule(0.2, steps=200, warm=0.1)
    found = np.array([float(rate(step)) for step in range(201)])
    assert 0.0 < found[0] < 0.02 and found.argmax() == 20
    np.testing.assert_allclose(found[20], 0.2, rtol=1e-6)
    np.testing.assert_allclose(found[110], 0.1 * 1.01, rtol=1e-4)
    np.testing.assert_allclose(found[200], 0.002, rtol=1e-3)
    assert (np.diff(found[:21]) > 0).all() and (np.diff(found[20:]) < 0).all()


@pytest.mark.parametrize("epochs", [1, 30])
def test_a_space_chooses_an_optimiser_that_is_ready(epochs: int) -> None:
    """It is built, so that a training step is traced once, and its state can be stored and set."""
    choices = {"optimiser": "sgd", "sgd.learning_rate": 0.1, "sgd.weight_decay": 1e-4}
    weights = variables()
    chosen = optimiser(FixedSpace(choices), weights, 1, epochs)
    assert chosen.built
    chosen.apply(gradients(0), weights)
    state = numbers(chosen.variables)
    again = optimiser(FixedSpace(choices), weights, 1, epochs)
    for variable, value in zip(again.variables, state, strict=True):
        variable.assign(value)
    assert int(keras.ops.convert_to_numpy(again.iterations)) == 1
    assert all(np.isfinite(value).all() for value in numbers(weights))
