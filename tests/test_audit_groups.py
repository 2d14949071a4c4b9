"""How a sensitive attribute divides records: nobody is left out, and no group is invented."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automed.audit.groups import MAX_CATEGORIES, MISSING, QUARTILES, Division, cross, divide
from automed.errors import DataError

CELLS = st.one_of(
    st.none(),
    st.floats(-1e6, 1e6),
    st.just(float("nan")),
    st.integers(-1000, 1000),
    st.text(max_size=4),
    st.sampled_from(["female", "male", "0-39", "60+", "missing", ", ", "other (2 categories)"]),
)


def members(division: Division) -> dict[str, int]:
    sizes = np.bincount(division.code, minlength=len(division.groups)).tolist()
    return dict(zip(division.groups, sizes, strict=True))


@given(st.lists(CELLS, min_size=1, max_size=80), st.integers(1, 30))
def test_every_record_is_in_exactly_one_group_and_no_group_is_empty(values: list[object], least: int) -> None:
    """Groups partition the records, whatever the column holds."""
    division = divide("a", values, least)
    assert division.code.shape == (len(values),)
    assert set(division.code.tolist()) == set(range(len(division.groups)))
    assert len(set(division.groups)) == len(division.groups)
    assert MISSING not in division.groups[:-1]


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=60))
def test_a_crossing_holds_each_combination_that_occurs_once(pairs: list[tuple[object, object]]) -> None:
    """Two records share a group of the crossing exactly where they share both groups."""
    one, other = (divide(key, values, 5) for key, values in zip("ab", zip(*pairs, strict=True), strict=True))
    crossed = cross(one, other)
    both = set(zip(one.code.tolist(), other.code.tolist(), strict=True))
    assert len(crossed.groups) == len(set(crossed.groups)) == len(both)
    assert len(set(zip(one.code.tolist(), other.code.tolist(), crossed.code.tolist(), strict=True))) == len(both)


@given(st.lists(st.floats(-1e4, 1e4).map(lambda number: round(number, 2)), min_size=20, max_size=100, unique=True))
def test_quartiles_are_those_of_pandas(values: list[float]) -> None:
    """A number is cut where pandas.qcut cuts it, and the names say from where to where."""
    division = divide("age", values, 5)
    assert division.note == QUARTILES
    expected = pd.qcut(values, 4, labels=False, duplicates="drop")
    assert np.array_equal(division.code, pd.factorize(expected, sort=True)[0])


def test_age_in_years_is_cut_into_named_quarters() -> None:
    """Quarters of whole numbers do not overlap in name."""
    division = divide("age", [str(age) for age in range(20, 100)] + [None], 20)
    assert division.groups == ("20 to 39", "40 to 59", "60 to 79", "80 to 99", MISSING)
    assert members(division) == {"20 to 39": 20, "40 to 59": 20, "60 to 79": 20, "80 to 99": 20, MISSING: 1}
    assert division.note == QUARTILES


def test_equal_quartiles_are_merged() -> None:
    """Where most records have one value there are fewer quarters, and still nobody is dropped."""
    division = divide("visits", [0] * 60 + list(range(1, 41)), 20)
    assert division.groups == ("0 to 15", "16 to 40")
    assert members(division) == {"0 to 15": 75, "16 to 40": 25}


def test_a_number_of_few_values_is_a_code() -> None:
    """Ten distinct numbers are categories, in numeric order."""
    division = divide("grade", [10, 2, 1, 2.5, np.float32(2.5)], 20)
    assert division.groups == ("1", "2", "2.5", "10")
    assert not division.note


def test_what_is_missing_is_a_group_of_its_own() -> None:
    """None, NaN and blank text are missing, however they are written."""
    values = [None, float("nan"), np.nan, pd.NA, pd.NaT, "", "  ", "nan", "female"]
    assert members(divide("sex", values, 20)) == {"female": 1, MISSING: 8}


def test_an_attribute_missing_for_two_in_five_keeps_them_all() -> None:
    """40 % without the attribute are 40 % of the records in the group of the missing."""
    division = divide("tone", ["I", "II", "III", None, None] * 20, 20)
    assert members(division) == {"I": 20, "II": 20, "III": 20, MISSING: 40}


def test_an_attribute_that_nobody_has_is_one_group() -> None:
    """A column of nothing is divided into the missing alone."""
    assert divide("sex", [None, None], 20).groups == (MISSING,)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["60+", "0-39", "40-59"], ("0-39", "40-59", "60+")),
        ([">80", "<40", "40-80", "100"], ("<40", "40-80", ">80", "100")),
        (["100+", "50-99", "0-49", "unknown", None], ("0-49", "50-99", "100+", "unknown", MISSING)),
        (["male", "Female", "diverse"], ("diverse", "Female", "male")),
    ],
)
def test_groups_are_sorted_as_people_would(values: list[str | None], expected: tuple[str, ...]) -> None:
    """Bands by their numbers, other names by the alphabet, the missing last."""
    assert divide("a", values, 1).groups == expected


def test_the_rare_of_fifty_categories_are_joined() -> None:
    """Three large groups stay, 47 small ones become one, and the note says so."""
    values = [f"ward {k:02d}" for k in range(3) for _ in range(30)] + [f"ward {k:02d}" for k in range(3, 50)]
    division = divide("ward", values, 20)
    assert members(division) == {"ward 00": 30, "ward 01": 30, "ward 02": 30, "other (47 categories)": 47}
    assert division.note == "47 categories of fewer than 20 records are joined"


def test_fifty_large_categories_all_stay() -> None:
    """Nothing is joined that is large enough to be looked at."""
    division = divide("ward", [f"ward {k:02d}" for k in range(50)] * 20, 20)
    assert len(division.groups) == 50
    assert division.note.startswith("50 categories")


def test_one_rare_category_keeps_its_name() -> None:
    """A group of one category needs no other name."""
    values = [f"ward {k:02d}" for k in range(MAX_CATEGORIES) for _ in range(30)] + ["ward 99"]
    assert "ward 99" in divide("ward", values, 20).groups


def test_a_crossing_names_both_groups() -> None:
    """The key joins the columns, the names the groups, in the order of the first and then the second."""
    sex, age = divide("sex", ["m", "f", "f", None], 1), divide("age_band", ["60+", "60+", "0-39", "0-39"], 1)
    crossed = cross(sex, age)
    assert crossed.key == "sex x age_band"
    assert crossed.groups == ("f, 0-39", "f, 60+", "m, 60+", "missing, 0-39")
    assert crossed.code.tolist() == [2, 1, 0, 3]


def test_a_crossing_hands_on_the_notes() -> None:
    """What was done to one attribute is told of its crossing too."""
    age = divide("age", list(range(40)), 1)
    assert cross(divide("sex", ["f", "m"] * 20, 1), age).note == f"age: {QUARTILES}"


def test_categories_with_commas_stay_apart_in_a_crossing() -> None:
    """Two combinations never share a name."""
    one, other = divide("a", ["x, y", "x"], 1), divide("b", ["z", "y, z"], 1)
    assert len(set(cross(one, other).groups)) == 2


def test_no_records_are_refused() -> None:
    """Nothing cannot be divided."""
    with pytest.raises(DataError, match="no records"):
        divide("sex", [], 20)


def test_divisions_of_other_records_are_not_crossed() -> None:
    """A crossing needs the same records on both sides."""
    with pytest.raises(DataError, match="1 records cannot be crossed with 2"):
        cross(divide("a", ["x"], 1), divide("b", ["x", "y"], 1))
