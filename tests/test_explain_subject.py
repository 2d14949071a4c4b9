"""The model that is explained: what is asked of it, and what its inputs look like as maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automed.errors import DataError
from automed.explain.subject import LARGE, SMALL, InputSpec, Subject, length, take

TABLE = InputSpec("table", "tabular", (3,), "float32", {})
WEIGHTS = np.array([[0.1, 0.2], [0.3, -0.1], [0.0, 0.5]], np.float32)
IRREGULAR = {
    "roles": ["value", "value", "mask", "mask", "elapsed", "elapsed"],
    "channels": ["pulse", "lactate", "pulse seen", "lactate seen", "pulse since", "lactate since"],
}


class Formula:
    """A classifier that is a formula, and remembers how many records it was asked about at once."""

    def __init__(self, formula: Any) -> None:
        self.formula, self.sizes = formula, []  # type: ignore[var-annotated]

    def predict_on_batch(self, x: Any) -> Any:
        self.sizes.append(len(x) if isinstance(x, np.ndarray) else len(next(iter(x.values()))))
        return self.formula(x)


def asked(formula: Any, *specs: InputSpec, classes: tuple[str, ...] = ("a", "b")) -> Subject:
    return Subject(Formula(formula), specs or (TABLE,), classes)


def table(n: int) -> dict[str, Any]:
    return {"table": np.arange(3 * n, dtype=np.float32).reshape(n, 3)}


@given(st.integers(0, 400))
def test_any_number_of_records_is_asked_in_batches_of_two_sizes(n: int) -> None:
    """Each record gets its own answer, in order; a few of them do not cost a large call."""
    subject = asked(lambda x: x @ WEIGHTS)
    found = subject.predict(table(n))
    np.testing.assert_array_equal(found, table(n)["table"] @ WEIGHTS)
    assert found.dtype == np.float32 and found.shape == (n, 2)
    assert set(subject.model.sizes) <= {SMALL, LARGE}
    assert n > 2 * SMALL or sum(subject.model.sizes) < n + SMALL


def test_a_single_sigmoid_counts_as_two_classes() -> None:
    """Its output is the probability of the second one."""
    found = asked(lambda x: np.full((len(x), 1), 0.2)).predict(table(3))
    assert found == pytest.approx(np.tile([0.8, 0.2], (3, 1)))


def test_each_record_is_asked_about_its_own_class() -> None:
    """One probability a record."""
    subject = asked(lambda x: np.tile([0.3, 0.7], (len(x), 1)))
    assert subject.of_class(table(3), np.array([1, 0, 1])) == pytest.approx([0.7, 0.3, 0.7])


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda x: np.full((len(x), 2), np.nan), "not numbers"),
        (lambda x: np.full((len(x), 2), np.inf), "not numbers"),
        (lambda x: np.ones((len(x), 3)), "2 probabilities"),
        (lambda x: np.ones(len(x)), "2 probabilities"),
        (lambda x: np.ones((1, 2)), "2 probabilities"),
        (lambda x: [np.ones((len(x), 2)), np.ones((len(x), 2))], "several outputs"),
        (lambda x: {"a": np.ones((len(x), 2))}, "several outputs"),
    ],
)
def test_answers_that_are_no_probabilities_are_refused(answer: Any, told: str) -> None:
    """With what was found; no value of a record is told."""
    with pytest.raises(DataError, match=told):
        asked(answer).predict(table(2))


def test_one_output_for_three_classes_is_refused() -> None:
    """A single number cannot be divided among three."""
    with pytest.raises(DataError, match="3 probabilities"):
        asked(lambda x: np.ones((len(x), 1)), classes=("a", "b", "c")).predict(table(2))


def test_several_inputs_are_asked_for_by_name() -> None:
    """One input is handed over as it is, except to a model that names it."""
    other = InputSpec("other", "tabular", (1,), "float32", {})
    both = asked(lambda x: x["table"] @ WEIGHTS + x["other"], TABLE, other)
    arrays = {**table(2), "other": np.ones((2, 1), np.float32)}
    assert both.predict(arrays) == pytest.approx(arrays["table"] @ WEIGHTS + 1)
    assert both.names == ("table", "other") and both.spec("other") is other
    named = asked(lambda x: x["cells"] @ WEIGHTS)
    named.model.input = {"cells": None}
    assert named.predict(table(2)) == pytest.approx(table(2)["table"] @ WEIGHTS)


def test_maps_of_an_image_have_no_channels() -> None:
    """They are summed."""
    spec = InputSpec("skin", "image", (4, 5, 3), "uint8", {})
    assert spec.map_shape == (4, 5) and spec.elements == ()
    assert (spec.summed(np.ones((2, 4, 5, 3))) == 3).all()


def test_value_mask_and_elapsed_time_of_a_variable_are_one_element() -> None:
    """Of an irregular signal; the names are those of the values."""
    spec = InputSpec("icu", "signal", (4, 6), "float32", IRREGULAR)
    assert spec.map_shape == (4, 2) and spec.elements == ("pulse", "lactate")
    assert spec.owner.tolist() == [0, 1, 0, 1, 0, 1]
    values = np.broadcast_to(np.array([1, 10, 2, 20, 3, 30], np.float32), (1, 4, 6))
    assert spec.summed(values)[0, 0].tolist() == [6, 60]


def test_elements_without_names_are_counted() -> None:
    """As in a model that automed did not make."""
    assert InputSpec("ecg", "signal", (4, 2), "float32", {}).elements == ("channel 1", "channel 2")
    assert TABLE.elements == ("column 1", "column 2", "column 3")
    assert InputSpec("note", "text", (7,), "int32", {}).map_shape == (7,)


def test_some_of_the_records_are_taken_of_every_input() -> None:
    """By index or by slice."""
    arrays = {**table(5), "other": np.arange(5)}
    some = take(arrays, [3, 1])
    assert some["other"].tolist() == [3, 1] and some["table"].shape == (2, 3) and length(some) == 2
    assert length(take(arrays, slice(0, 4))) == 4
