"""Tables: numbers and categories fitted on training records alone, and what looks wrong in a column."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automed.data.checks.outcomes import outcomes_among_inputs
from automed.data.kinds.kind import ABSENT, Fitted, Held
from automed.data.kinds.tabular import KIND, encode
from automed.data.records import Cells, Records
from automed.errors import DataError, RecipeError
from automed.recipe import Recipe

EVENTS = {"table": "e.csv", "record": "id", "bin": 1, "length": 4, "variables": ["died"]}


def a_recipe(
    *columns: str, categories: tuple[str, ...] = (), more: dict[str, Any] | None = None, **spec: Any
) -> Recipe:
    visit = {"kind": "tabular", "columns": list(columns), "categories": list(categories), **spec}
    data = {"source": "table", "table": "t.csv", "target": "y", "outcomes": ["died"]}
    return Recipe.model_validate({"name": "t", "data": data, "inputs": {"visit": visit, **(more or {})}})


def fit(asked: Recipe, frame: pd.DataFrame, train: list[int] | None = None) -> tuple[Held, Fitted]:
    """The input read and fitted, rows from 101 on; all records train where `train` is left out."""
    n = len(frame)
    rows = np.arange(101, 101 + n)
    found = Records(
        frame=frame,
        y=np.zeros(n, np.int64),
        classes=("a", "b"),
        patient=np.array([f"p{i}" for i in range(n)], object),
        items={"visit": KIND.items(asked, "visit", frame, rows)},
        rows=rows,
    )
    held = KIND.read(asked, found, "visit")
    return held, KIND.fit(asked, held, "visit", np.arange(n), np.arange(n) if train is None else np.array(train), rows)


def array(asked: Recipe, frame: pd.DataFrame, train: list[int] | None = None) -> npt.NDArray[np.float32]:
    held, fitted = fit(asked, frame, train)
    return KIND.store(asked, held, "visit", fitted).values


def kinds(fitted: Fitted) -> dict[str, tuple[int, ...]]:
    return {finding.kind: finding.rows for finding in fitted.findings}


def test_numbers_and_categories_lie_side_by_side() -> None:
    """In the order of the recipe; text of a csv file is as good as numbers, and a gap is NaN."""
    frame = pd.DataFrame({"sex": ["m", "f", "", "f"], "age": ["40", " 60.5 ", "NA", "50"], "other": 0})
    asked = a_recipe("age", "sex", categories=("sex",))
    _, fitted = fit(asked, frame)
    age, sex = fitted.facts["features"]
    assert (sex["name"], sex["kind"], sex["levels"]) == ("sex", "category", ["", "f", "m"])
    assert (age["name"], age["kind"]) == ("age", "number")
    assert age["mean"] == pytest.approx(np.mean([40, 60.5, 50])) and age["std"] == pytest.approx(np.std([40, 60.5, 50]))
    values = array(asked, frame)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.array([[40, 2], [60.5, 1], [np.nan, np.nan], [50, 1]], np.float32))
    assert not fitted.findings


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=2, max_size=12))
def test_later_records_change_nothing_that_was_learnt(late: list[float]) -> None:
    """Mean, deviation and levels come from training records alone."""
    asked = a_recipe("x", "c", categories=("c",))
    early = pd.DataFrame({"x": [1.0, 2.0, 4.0], "c": ["a", "b", "a"]})
    both = pd.concat([early, pd.DataFrame({"x": late, "c": "z"})], ignore_index=True)
    assert fit(asked, both, [0, 1, 2])[1].facts == fit(asked, early)[1].facts


def test_levels_are_sorted_and_numbers_by_size() -> None:
    """Also those of a file that knows numbers: 10 comes after 9."""
    for grades in (["10", "9", "2"], [10, 9, 2], [10.0, 9.0, 2.0]):
        _, fitted = fit(a_recipe("grade", "x", categories=("grade",)), pd.DataFrame({"grade": grades, "x": [1, 2, 3]}))
        assert fitted.facts["features"][0]["levels"] == ["", "2", "9", "10"]


def test_a_level_that_training_lacks_is_0_and_told() -> None:
    """Its rows are named, its name is not."""
    frame = pd.DataFrame({"c": ["a", "b", "a", "secret"], "x": [1.0, 2.0, 3.0, 4.0]})
    asked = a_recipe("c", "x", categories=("c",))
    _, fitted = fit(asked, frame, [0, 1, 2])
    assert array(asked, frame, [0, 1, 2])[:, 0].tolist() == [1, 2, 1, 0]
    assert kinds(fitted) == {"levels_unseen": (104,)}
    assert "secret" not in fitted.findings[0].message


def test_numbers_that_stand_for_nothing_are_missing() -> None:
    """Codes such as -1 and 999, in categories as well."""
    frame = pd.DataFrame({"x": [-1, 5, 999, 7], "c": ["1", "9", "2", "1"]})
    values = array(a_recipe("x", "c", categories=("c",), missing=[-1, 999, 9]), frame)
    np.testing.assert_array_equal(values, np.array([[np.nan, 1], [5, np.nan], [np.nan, 2], [7, 1]], np.float32))


def test_infinity_is_missing_and_told() -> None:
    """And so is what is too large for float32."""
    frame = pd.DataFrame({"x": ["1", "inf", "3", "-1e300"]})
    held, fitted = fit(a_recipe("x"), frame)
    np.testing.assert_array_equal(array(a_recipe("x"), frame)[:, 0], [1, np.nan, 3, np.nan])
    assert kinds(fitted) == {"infinite_values": (102, 104)} and set(held.unreadable) == {1, 3}


def test_text_among_numbers_is_refused_by_row_and_without_the_cell() -> None:
    """With what to do about it."""
    frame = pd.DataFrame({"x": ["1.5", "1,5", "< 2", "7", "secret"]})
    with pytest.raises(DataError, match=r"3 cells are no number \(rows 102, 103, 105\)") as caught:
        fit(a_recipe("x"), frame)
    assert "secret" not in str(caught.value) and "categories" in (caught.value.hint or "")
    assert "x" in (caught.value.where or "")


def test_a_constant_column_is_told_and_divides_by_nothing() -> None:
    """A number or a category that is the same in all training records."""
    frame = pd.DataFrame({"x": [3.0, 3.0, 3.0, 9.0], "c": ["a", "a", None, "a"], "y": [1.0, 2.0, 3.0, 4.0]})
    _, fitted = fit(a_recipe("x", "c", "y", categories=("c",)), frame, [0, 1, 2])
    assert [finding.kind for finding in fitted.findings] == ["column_constant"] * 2
    assert fitted.facts["features"][0] == {"name": "x", "kind": "number", "mean": 3.0, "std": 1.0}


def test_a_column_without_a_training_value_is_told() -> None:
    """And the run goes on with the others."""
    frame = pd.DataFrame({"x": [np.nan, np.nan, 9.0], "c": [None, None, "a"], "y": [1.0, 2.0, 3.0]})
    _, fitted = fit(a_recipe("x", "c", "y", categories=("c",)), frame, [0, 1])
    assert [finding.kind for finding in fitted.findings] == ["column_missing"] * 2
    assert fitted.facts["features"][0]["std"] == 1.0 and fitted.facts["features"][1]["levels"] == [""]


def test_an_input_missing_in_every_training_record_is_refused() -> None:
    """All columns empty: nothing can be learnt from it."""
    frame = pd.DataFrame({"x": [np.nan, np.nan, 1.0], "c": ["", None, "a"]})
    with pytest.raises(DataError, match=r"inputs\.visit: is missing in every training record"):
        fit(a_recipe("x", "c", categories=("c",)), frame, [0, 1])


def test_a_row_without_any_value_is_absent() -> None:
    """One value is enough to be there."""
    frame = pd.DataFrame({"x": [np.nan, -1.0, 1.0, np.nan], "c": ["", "", "", "a"]})
    held, _ = fit(a_recipe("x", "c", categories=("c",), missing=[-1]), frame)
    assert held.unreadable == {0: ABSENT, 1: ABSENT}


def test_a_thousand_times_the_median_is_another_unit() -> None:
    """Of columns that are positive; no value is shown."""
    frame = pd.DataFrame({"g": [1.0, 2.0, 3.0, 2000.0, 1999.0], "d": [-1.0, 1.0, 2.0, 5000.0, 0.0]})
    _, fitted = fit(a_recipe("g", "d"), frame, [0, 1, 2])
    assert kinds(fitted) == {"units": (104,)}
    assert "2000" not in fitted.findings[0].message.replace(",", "")


def test_equal_rows_are_one_origin_where_numbers_are_fine_enough() -> None:
    """Five numbers that hardly repeat by chance; a handful of yes and no says nothing, nor does one of several
    inputs, nor a row that is nearly empty."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(40, 5)), columns=list("abcde")).assign(k="x")
    frame.iloc[39] = frame.iloc[3]
    frame.iloc[[10, 11], :4] = np.nan
    frame.loc[[10, 11], "e"] = 1.0
    columns = [*"abcde", "k"]
    held, _ = fit(a_recipe(*columns, categories=("k",)), frame)
    found = KIND.duplicates(held, np.arange(40))
    assert found is not None and found.exact[39] == found.exact[3] and len(np.unique(found.exact)) == 39
    several = a_recipe(*columns, categories=("k",), more={"note": {"kind": "text", "column": "note"}})
    assert KIND.duplicates(fit(several, frame)[0], np.arange(40)) is None
    coarse = frame.round()
    assert KIND.duplicates(fit(a_recipe(*columns, categories=("k",)), coarse)[0], np.arange(40)) is None


def test_a_card_is_enough_to_read_new_rows() -> None:
    """Facts that went through JSON give the array that training saw, from numbers or from text."""
    asked = a_recipe("x", "c", categories=("c",), missing=[-1])
    frame = pd.DataFrame({"c": ["b", "a", None], "x": [1.5, -1.0, 3.0]})
    held, fitted = fit(asked, frame)
    facts = json.loads(json.dumps(fitted.facts))
    stored = KIND.store(asked, held, "visit", fitted).values
    np.testing.assert_array_equal(encode(facts, frame), stored)
    np.testing.assert_array_equal(encode(facts, frame.astype(str)[["x", "c"]]), stored)
    assert encode(facts, pd.DataFrame({"x": ["2"], "c": ["new"]})).tolist() == [[2, 0]]
    with pytest.raises(DataError, match="without the columns x"):
        encode(facts, frame[["c"]])
    with pytest.raises(DataError, match=r"1 cells are no number \(row 2\)"):
        encode(facts, pd.DataFrame({"x": ["2", "two"], "c": ["a", "b"]}))


def test_a_column_that_is_not_there_is_the_recipes_error() -> None:
    """With the nearest one."""
    with pytest.raises(RecipeError, match=r"inputs\.visit\.columns") as caught:
        KIND.items(a_recipe("lactat"), "visit", pd.DataFrame({"lactate": [1]}), np.array([1]))
    assert "'lactate'" in (caught.value.hint or "")
    assert [column for _, column in KIND.fields(a_recipe("a", "b"), "visit")] == ["a", "b"]


def test_items_are_numbers_whatever_the_file_had() -> None:
    """Whole numbers with gaps, yes and no, text."""
    frame = pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": [True, False], "c": ["1e3", ""]})
    items = KIND.items(a_recipe("a", "b", "c"), "visit", frame, np.array([1, 2]))
    assert isinstance(items, Cells)
    np.testing.assert_array_equal(items.frame.to_numpy(float), [[1, 1, 1000], [np.nan, 0, np.nan]])


@pytest.mark.parametrize(
    ("more", "columns"),
    [
        ({}, ["died"]),
        ({"note": {"kind": "text", "column": "died"}}, []),
        ({}, ["y"]),
        ({"course": {"kind": "signal", "events": EVENTS}}, []),
    ],
)
def test_an_outcome_among_the_inputs_is_a_leak(more: dict[str, Any], columns: list[str]) -> None:
    """A column of data.outcomes, or the target itself, in whatever input; named with its input."""
    (finding,) = outcomes_among_inputs(a_recipe("age", *columns, more=more))
    assert (finding.kind, finding.severity) == ("outcome_among_inputs", "leak")
    assert next(iter([*columns, "died"])) in finding.message and "out of inputs" in finding.remedy


def test_other_columns_are_no_leak() -> None:
    """Nothing is said."""
    assert outcomes_among_inputs(a_recipe("age", more={"note": {"kind": "text", "column": "history"}})) == []
