"""Splits: patients stay whole, classes keep their shares, and what cannot be split is refused with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automed.data.checks.findings import Finding
from automed.data.records import SPLITS, Arrays, Records
from automed.data.splits import assign, prove
from automed.errors import DataError, LeakError, RecipeError
from automed.recipe import Recipe


def recipe(**split: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "t",
            "data": {"source": "npz", "file": "t.npz"},
            "inputs": {"picture": {"kind": "image", "size": [8, 8], "channels": 1}},
            "split": split or {"by": "patient"},
        }
    )


def records(y: Sequence[int], patient: Sequence[Any] | None = None, **columns: Any) -> Records:
    """Records with blank pictures; row numbers start at 101, so that they are no positions."""
    n = len(y)
    official = columns.pop("official", None)
    names = [f"p{i}" for i in range(n)] if patient is None else [str(p) for p in patient]
    return Records(
        frame=pd.DataFrame(columns, index=pd.RangeIndex(n)),
        y=np.asarray(y, np.int64),
        classes=tuple(str(k) for k in range(int(max(y)) + 1)),
        patient=np.array(names, object),
        items={"picture": Arrays(np.zeros((n, 8, 8, 1), np.uint8))},
        rows=np.arange(101, 101 + n),
        split=None if official is None else np.array(official, object),
    )


def patients_of(found: Records, split: npt.NDArray[np.object_]) -> list[set[str]]:
    return [set(found.patient[split == name]) for name in SPLITS]


@st.composite
def cohorts(draw: st.DrawFn) -> Records:
    """30 to 120 patients, each with 1 to 4 records of one class; every class has at least 10 patients."""
    classes = draw(st.integers(2, 3))
    count = draw(st.integers(10 * classes, 120))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = np.concatenate([np.repeat(np.arange(classes), 10), random.integers(0, classes, count - 10 * classes)])
    sizes = random.integers(1, draw(st.integers(2, 5)), count)
    order = random.permutation(int(sizes.sum()))
    return records(np.repeat(kinds, sizes)[order].tolist(), np.repeat(np.arange(count), sizes)[order].tolist())


@settings(max_examples=20, deadline=None)
@given(found=cohorts(), seed=st.integers(-5, 2**40))
def test_patients_stay_whole_and_every_record_gets_one_split(found: Records, seed: int) -> None:
    split = assign(recipe(by="patient", seed=seed), found)
    assert split.dtype == object
    assert set(split) == set(SPLITS)
    train, validation, test = patients_of(found, split)
    assert not train & validation | train & test | validation & test


@settings(max_examples=20, deadline=None)
@given(found=cohorts(), train=st.floats(0.5, 0.8))
def test_every_class_keeps_its_share_to_within_the_largest_patient(found: Records, train: float) -> None:
    fractions = {"train": train, "validation": (1 - train) / 2, "test": (1 - train) / 2}
    split = assign(recipe(by="patient", fractions=fractions), found)
    largest = np.unique(found.patient, return_counts=True)[1].max()
    for label in range(len(found.classes)):
        of_class = found.y == label
        for name, fraction in fractions.items():
            assert abs((of_class & (split == name)).sum() - fraction * of_class.sum()) <= largest


@settings(max_examples=20, deadline=None)
@given(found=cohorts(), shuffle=st.integers(0, 2**32), by=st.sampled_from(["patient", "time", "site"]))
def test_the_order_of_the_rows_does_not_matter(found: Records, shuffle: int, by: str) -> None:
    codes = pd.factorize(found.patient, sort=True)[0]
    found.frame["date"], found.frame["clinic"] = codes // 3, codes % 7
    rule = {
        "patient": recipe(by="patient", seed=3),
        "time": recipe(by="time", column="date"),
        "site": recipe(by="site", column="clinic"),
    }[by]
    order = np.random.default_rng(shuffle).permutation(len(found))
    try:
        expected = assign(rule, found)
    except DataError:
        with pytest.raises(DataError):
            assign(rule, found.take(order))
        return
    np.testing.assert_array_equal(assign(rule, found.take(order)), expected[order])


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    found = records([0, 1] * 100)
    first = assign(recipe(by="patient", seed=1), found)
    np.testing.assert_array_equal(assign(recipe(by="patient", seed=1), found), first)
    assert (assign(recipe(by="patient", seed=2), found) != first).any()


def test_a_rare_class_is_in_train_then_in_test_then_in_validation() -> None:
    for patients, expected in ((1, {"train"}), (2, {"train", "test"}), (3, set(SPLITS))):
        found = records([0] * 40 + [1] * 40 + [2] * patients)
        split = assign(recipe(), found)
        assert set(split[found.y == 2]) == expected


def test_three_patients_fill_three_splits() -> None:
    found = records([0, 1] * 12, [i // 8 for i in range(24)])
    assert [len(part) for part in patients_of(found, assign(recipe(), found))] == [1, 1, 1]


@pytest.mark.parametrize("people", [1, 2])
def test_fewer_patients_than_splits_are_refused_with_a_remedy(people: int) -> None:
    with pytest.raises(DataError, match="three splits") as caught:
        assign(recipe(), records([0, 1] * 10, [i % people for i in range(20)]))
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_test_records_of_one_class_only_are_refused() -> None:
    found = records([0, 0, 0, 0, 1, 1], part=["train", "validation", "test", "test", "train", "validation"])
    with pytest.raises(DataError, match="test has records of one class only"):
        assign(recipe(by="column", column="part"), found)


def test_a_class_that_train_lacks_is_refused() -> None:
    found = records([0, 1, 0, 1, 2, 0, 1, 2], part=["train", "train"] + ["val"] * 3 + ["test"] * 3)
    with pytest.raises(DataError, match="train has no record of the class 2"):
        assign(recipe(by="column", column="part"), found)


def test_a_class_without_any_record_is_named() -> None:
    found = records([0, 2] * 20)
    with pytest.raises(DataError, match="no record has the class 1"):
        assign(recipe(), found)


def test_a_column_may_use_the_usual_names() -> None:
    part = ["train", " Train", "VAL", "valid", "validation", "Validation", "test", "TEST "]
    split = assign(recipe(by="column", column="part"), records([0, 1] * 4, part=part))
    assert split.tolist() == ["train"] * 2 + ["validation"] * 4 + ["test"] * 2


def test_other_values_in_a_split_column_are_refused_by_row_and_without_the_value() -> None:
    part = ["train", "train", "val", "val", "holdout", None, "test", "test"]
    with pytest.raises(DataError, match=r"2 values are no split \(rows 105, 106\)") as caught:
        assign(recipe(by="column", column="part"), records([0, 1] * 4, part=part))
    assert "holdout" not in str(caught.value)


def test_a_patient_in_two_splits_of_a_column_is_a_leak_and_the_patient_is_not_named() -> None:
    part = ["train", "train", "val", "val", "test", "test"]
    found = records([0, 1] * 3, ["a", "b", "secret", "d", "secret", "f"], part=part)
    with pytest.raises(LeakError, match=r"1 patient in more than one split \(rows 103, 105\)") as caught:
        assign(recipe(by="column", column="part"), found)
    assert caught.value.exit_code == 3
    assert "by: patient" in (caught.value.hint or "")
    assert "secret" not in str(caught.value)
    assert assign(recipe(by="column", column="part"), found, judge=False).tolist()[2] == "validation"


@settings(max_examples=20, deadline=None)
@given(found=cohorts(), seed=st.integers(0, 2**32))
def test_nothing_in_training_is_newer_than_the_last_record_of_any_later_patient(found: Records, seed: int) -> None:
    date = np.random.default_rng(seed).integers(0, 40, len(found))
    found.frame["day"] = pd.Series(pd.to_datetime("2024-01-01") + pd.to_timedelta(date, unit="D")).dt.strftime(
        "%Y-%m-%d"
    )
    try:
        split = assign(recipe(by="time", column="day"), found)
    except LeakError:
        raise
    except DataError:
        return
    last = pd.Series(date).groupby(found.patient).transform("max").to_numpy()
    assert date[split == "train"].max() < last[split == "validation"].min()
    assert date[split == "validation"].max() < last[split == "test"].min()


def test_time_cuts_lie_at_the_fractions() -> None:
    split = assign(recipe(by="time", column="year"), records([0, 1] * 50, year=np.arange(100)))
    assert split.tolist() == ["train"] * 70 + ["validation"] * 15 + ["test"] * 15


def test_dates_that_cannot_be_read_are_refused_by_row() -> None:
    day = ["2024-01-01", "31.12.2023", "2024-02-01T10:00:00", "", "2024-03-01", "2024-04-01"]
    with pytest.raises(DataError, match=r"2 values are no dates \(rows 102, 104\)") as caught:
        assign(recipe(by="time", column="day"), records([0, 1] * 3, day=day))
    assert "31.12" not in str(caught.value)


def test_two_moments_are_too_few_for_three_splits() -> None:
    with pytest.raises(DataError, match="at least three"):
        assign(recipe(by="time", column="year"), records([0, 1] * 10, year=[2023, 2024] * 10))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), sites=st.integers(3, 9))
def test_a_test_site_is_in_no_other_split(seed: int, sites: int) -> None:
    site = [f"clinic {i % sites}" for i in range(180)]
    y = np.random.default_rng(seed).integers(0, 2, 180).tolist()
    split = assign(recipe(by="site", column="site", seed=seed), records(y, site=site))
    outside = {name for name, part in zip(site, split, strict=True) if part == "test"}
    assert not outside & {name for name, part in zip(site, split, strict=True) if part != "test"}
    assert 0 < len(outside) < sites
    assert abs((split == "test").mean() - 0.15) <= 1 / sites


def test_other_seeds_hold_out_other_sites() -> None:
    found = records([i // 6 % 2 for i in range(180)], site=[i % 6 for i in range(180)])
    held = {tuple(assign(recipe(by="site", column="site", seed=seed), found) == "test") for seed in range(12)}
    assert len(held) > 2


def test_a_patient_seen_at_a_test_site_and_elsewhere_is_a_leak() -> None:
    site = [i % 4 for i in range(80)]
    with pytest.raises(LeakError, match="patients in more than one split"):
        assign(
            recipe(by="site", column="site"),
            records([i // 4 % 2 for i in range(80)], [i // 2 for i in range(80)], site=site),
        )


@pytest.mark.parametrize(("site", "message"), [(["a"] * 20, "one site"), ([None] + ["a", "b"] * 10, "row 101")])
def test_sites_that_cannot_be_split_are_refused(site: list[str | None], message: str) -> None:
    with pytest.raises(DataError, match=message):
        assign(recipe(by="site", column="site"), records([i // 2 % 2 for i in range(len(site))], site=site))


def test_an_official_split_is_taken_as_it_is() -> None:
    official = ["train", "train", "validation", "validation", "test", "test"]
    assert assign(recipe(by="official"), records([0, 1] * 3, official=official)).tolist() == official


def test_an_official_split_that_the_source_does_not_have_is_the_recipes_error() -> None:
    with pytest.raises(RecipeError, match="no split of its own"):
        assign(recipe(by="official"), records([0, 1] * 3))


def test_a_split_without_records_is_refused() -> None:
    with pytest.raises(DataError, match="no record is in validation"):
        assign(recipe(by="official"), records([0, 1] * 2, official=["train", "train", "test", "test"]))


def test_the_proof_counts_patients_and_takes_pictures_from_the_findings() -> None:
    found = records([0, 1] * 3, ["a", "b", "c", "c", "d", "a"])
    split = np.array(["train", "train", "validation", "test", "test", "test"], object)
    findings = [Finding("exact_duplicates_across_splits", "leak", "", count=4)]
    assert prove(found, split, findings) == {"shared_patients": 2, "exact_duplicates": 4, "near_duplicates": 0}
    assert prove(found, np.array(["train"] * 6, object), []) == {
        "shared_patients": 0,
        "exact_duplicates": 0,
        "near_duplicates": 0,
    }


def test_lesions_of_ham10000_keep_every_class_within_one_record(real_data: Path) -> None:
    table = pd.read_csv(real_data / "ham10000" / "metadata.csv")
    y = pd.factorize(table["dx"], sort=True)[0]
    found = records(y.tolist(), table["lesion_id"].tolist())
    split = assign(recipe(), found)
    for label in range(7):
        for name, fraction in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
            assert abs(((y == label) & (split == name)).sum() - fraction * (y == label).sum()) < 1
