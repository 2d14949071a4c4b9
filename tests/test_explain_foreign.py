"""Classifiers that automed did not make: what can be told of their inputs and outputs, and what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automed.data.dataset import Dataset
from automed.errors import DataError, UsageError

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.evaluate.readout import read as read_readout  # noqa: E402
from automed.explain.foreign import subject_of  # noqa: E402
from automed.explain.subject import Subject  # noqa: E402

N = 40


def records(shapes: Mapping[str, int], classes: int = 2, task: str = "multiclass") -> Dataset:
    """Tables of random numbers, by input so many columns."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, (N, classes)) if task == "multilabel" else random.integers(0, classes, N)
    return Dataset(
        arrays={name: random.normal(size=(N, wide)).astype(np.float32) for name, wide in shapes.items()},
        position=np.arange(N),
        y=y.astype(np.int64),
        record=np.arange(1, N + 1),
        patient=np.arange(N),
        split=np.where(np.arange(N) < N // 2, "train", "test").astype(object),
        classes=tuple("abcdef"[:classes]),
        facts={"task": task, "inputs": {name: {"kind": "tabular"} for name in shapes}},
        frame=pd.DataFrame(index=range(N)),
    )


def network(activation: str | None, wide: int, columns: int = 3) -> Any:
    """One layer with weights that give answers of about 1."""
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((columns,), name="cells"), keras.layers.Dense(wide, activation, name="last")])


def of_two(first: int, second: int, activation: str = "softmax") -> Any:
    """A network that counts its first input twice, so that it matters which is which."""
    keras.utils.set_random_seed(0)
    left, right = keras.Input((first,), name="left"), keras.Input((second,), name="right")
    joined = keras.layers.Concatenate(name="joined")([keras.layers.Rescaling(2.0)(left), right])
    return keras.Model([left, right], keras.layers.Dense(2, activation, name="last")(joined))


def told(model: Any, data: Dataset, card: Mapping[str, Any] | None = None, **layers: Any) -> Subject:
    return subject_of(model, data, "foreign.keras", card or {}, **layers)


def raw(model: Any, data: Dataset) -> Any:
    return np.asarray(model.predict_on_batch(data.arrays["table"]))


def sigmoid(values: Any) -> Any:
    return 1 / (1 + np.exp(-values))


@pytest.mark.parametrize("activation", ["softmax", None])
def test_probabilities_stay_and_logits_get_a_softmax(activation: str | None) -> None:
    """Whatever the input is called."""
    data, model = records({"table": 3}, 3), network(activation, 3)
    answers = raw(model, data)
    expected = answers if activation else np.exp(answers) / np.exp(answers).sum(axis=1, keepdims=True)
    assert told(model, data).predict(data.arrays) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_output_of_two_classes_becomes_two(activation: str | None) -> None:
    """So that every method can ask for either; without a weight more, so that random weights are drawn for its own."""
    data, model = records({"table": 3}), network(activation, 1)
    answers = raw(model, data)
    second = answers if activation else sigmoid(answers)
    subject = told(model, data)
    assert subject.model.output_shape == (None, 2)
    assert subject.predict(data.arrays) == pytest.approx(np.concatenate([1 - second, second], axis=1), abs=1e-6)
    assert [layer.name for layer in subject.model.layers if layer.weights] == ["last"]


def test_classes_that_each_have_a_sigmoid_are_no_logits() -> None:
    """Their probabilities do not add up to one, and are left as they are."""
    data, model = records({"table": 3}, 3), network("sigmoid", 3)
    assert told(model, data).predict(data.arrays) == pytest.approx(raw(model, data), abs=1e-6)


def test_labels_are_decided_at_one_half_where_the_model_says_nothing() -> None:
    """And logits of labels get a sigmoid each."""
    data, model = records({"table": 3}, 3, "multilabel"), network(None, 3)
    p = told(model, data).predict(data.arrays)
    assert p == pytest.approx(sigmoid(raw(model, data)), abs=1e-6)
    assert (read_readout({}, data.task, data.classes)(p) == (p >= 0.5)).all()


def test_inputs_of_other_names_are_told_by_their_shapes() -> None:
    """Where each fits one input only."""
    data, model = records({"vitals": 4, "history": 2}), of_two(2, 4)
    expected = model.predict_on_batch([data.arrays["history"], data.arrays["vitals"]])
    subject = told(model, data)
    assert subject.predict(data.arrays) == pytest.approx(np.asarray(expected), abs=1e-6)


def test_inputs_that_cannot_be_told_are_asked_for() -> None:
    """With what to write; then either order can be said."""
    data, model = records({"vitals": 3, "history": 3}), of_two(3, 3)
    with pytest.raises(DataError, match="cannot be told which is which") as raised:
        told(model, data)
    assert "--input-layer vitals=LAYER" in str(raised.value)
    subject = told(model, data, input_layers={"vitals": "right", "history": "left"})
    expected = model.predict_on_batch([data.arrays["history"], data.arrays["vitals"]])
    assert subject.predict(data.arrays) == pytest.approx(np.asarray(expected), abs=1e-6)
    with pytest.raises(UsageError, match="vitals=middle: the recipe's inputs are vitals, history"):
        told(model, data, input_layers={"vitals": "middle"})


def test_of_several_outputs_one_must_be_named() -> None:
    """A layer that is not there is a usage error with the nearest name."""
    data, inner = records({"table": 3}), network("softmax", 2)
    features = keras.layers.Dense(5, name="features")(inner.inputs[0])
    model = keras.Model(inner.inputs[0], [features, inner.outputs[0]])
    with pytest.raises(DataError, match="2 outputs") as raised:
        told(model, data)
    assert "--output-layer LAYER" in str(raised.value)
    assert told(model, data, output_layer="last").predict(data.arrays) == pytest.approx(raw(inner, data), abs=1e-6)
    with pytest.raises(UsageError, match="no layer 'lats'") as usage:
        told(model, data, output_layer="lats")
    assert "Did you mean 'last'?" in str(usage.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: network("softmax", 4), "answers with 4 numbers, the recipe knows 2 classes"),
        (lambda: network("softmax", 2, columns=5), "records are 3, the model reads 5"),
        (lambda: of_two(3, 3), "reads 2 inputs .left, right., the recipe has 1"),
        (
            lambda: keras.Sequential([keras.Input((3,)), keras.layers.Reshape((3, 1)), keras.layers.Dense(2)]),
            "answers with 3 x 2 for each record",
        ),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), "before its input shape was known"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_differs(model: Any, said: str) -> None:
    """Before anything is computed."""
    with pytest.raises(DataError, match=said):
        told(model(), records({"table": 3}))


def test_a_card_with_its_classes_in_another_order_is_refused() -> None:
    """A map of the wrong class would look as good as any."""
    data, model = records({"table": 3}), network("softmax", 2)
    with pytest.raises(DataError, match="the model's classes are b, a, the recipe's a, b"):
        told(model, data, {"classes": [{"key": "b"}, {"key": "a"}]})
    assert told(model, data, {"classes": [{"key": "a"}, {"key": "b"}]}).path == "foreign.keras"
