"""The data check: every planted defect is named with its rows, and clean data raise no alarm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from automed.data.checks import shortcuts
from automed.data.checks.check import Finding, check, raise_on_leak
from automed.data.checks.duplicates import find
from automed.data.records import Arrays, Files, Records
from automed.data.splits import assign, prove
from automed.errors import LeakError
from automed.recipe import Recipe

Pictures = npt.NDArray[np.uint8]
N = 240


def recipe(**split: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "t",
            "data": {"source": "table", "table": "t.csv", "target": "diagnosis", "patient": "person"},
            "inputs": {"picture": {"kind": "image", "size": [24, 24], "channels": 1}},
            "split": split or {"by": "patient"},
        }
    )


def clean(seed: int = 0, n: int = N, classes: int = 2) -> tuple[Records, Pictures]:
    """Records without a defect: two of every patient, columns and pictures that have nothing to do with the label."""
    random = np.random.default_rng(seed)
    person = np.array([f"person {i // 2}" for i in range(n)], object)
    y = np.repeat(random.permutation(np.arange(n // 2) % classes), 2)
    fields = gaussian_filter(random.normal(size=(n, 24, 24)), (0, 0.9, 0.9))
    pictures = np.clip(128 + 90 * fields + random.normal(0, 20, (n, 1, 1)), 0, 255).astype(np.uint8)[..., None]
    frame = pd.DataFrame(
        {
            "diagnosis": [f"class {label}" for label in y],
            "person": person,
            "record_id": np.arange(n),
            "file": [f"images/{i}.png" for i in range(n)],
            "age": random.normal(50, 15, n).round(1),
            "visits": random.integers(1, 6, n),
            "sex": random.choice(["f", "m"], n),
            "smoker": random.choice([True, False], n),
            "site": np.where(random.random(n) < 0.1, None, random.choice(["a", "b", "c"], n)),
        }
    )
    records = Records(
        frame=frame,
        y=y,
        classes=tuple(f"class {label}" for label in range(classes)),
        patient=person,
        items={"picture": Arrays(pictures)},
        rows=np.arange(1, n + 1),
    )
    return records, pictures


def findings(
    records: Records,
    pictures: Pictures,
    split: npt.NDArray[np.object_] | None = None,
    unreadable: dict[int, str] | None = None,
) -> dict[str, Finding]:
    split = assign(recipe(), records) if split is None else split
    return {each.kind: each for each in check(recipe(), records, find({"picture": pictures}), split, unreadable or {})}


def with_column(records: Records, **columns: Any) -> Records:
    return replace(records, frame=records.frame.assign(**columns))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), classes=st.integers(2, 3))
def test_clean_data_raise_no_alarm(seed: int, classes: int) -> None:
    records, pictures = clean(seed, classes=classes)
    assert findings(records, pictures) == {}


def test_what_could_not_be_read_is_listed_with_reasons() -> None:
    records, pictures = clean()
    found = findings(records, pictures, unreadable={12: "truncated", 7: "missing", 99: "truncated"})
    finding = found.pop("unreadable_records")
    assert found == {}
    assert finding.severity == "warning"
    assert finding.rows == (7, 12, 99)
    assert "3 pictures" in finding.message
    assert "2 truncated, 1 missing" in finding.message


def test_constant_records_are_named_and_are_no_duplicates() -> None:
    records, pictures = clean()
    pictures[[3, 50, 200]] = 0
    found = findings(records, pictures)
    assert set(found) == {"constant_records"}
    assert found["constant_records"].rows == (4, 51, 201)


def across(split: npt.NDArray[np.object_], records: Records) -> tuple[int, int]:
    """A record of train and one of test with the same label."""
    here = int(np.flatnonzero((split == "train") & (records.y == 0))[0])
    return here, int(np.flatnonzero((split == "test") & (records.y == 0))[0])


def test_a_picture_in_two_splits_is_a_leak() -> None:
    records, pictures = clean()
    split = assign(recipe(), records)
    here, there = across(split, records)
    pictures[there] = pictures[here]
    found = findings(records, pictures, split)
    assert set(found) == {"exact_duplicates_across_splits"}
    finding = found["exact_duplicates_across_splits"]
    assert finding.severity == "leak"
    assert set(finding.rows) == {here + 1, there + 1}
    assert finding.count == 2
    assert "data.duplicates: group" in finding.remedy
    assert prove(records, split, found.values())["exact_duplicates"] == 2
    with pytest.raises(LeakError, match=f"rows {min(here, there) + 1}, {max(here, there) + 1}") as caught:
        raise_on_leak(found.values())
    assert caught.value.exit_code == 3
    assert finding.remedy in (caught.value.hint or "")


def test_practically_the_same_picture_in_two_splits_is_a_leak() -> None:
    records, pictures = clean()
    split = assign(recipe(), records)
    here, there = across(split, records)
    pictures[there] = np.clip(pictures[here] * 0.9 + 6, 0, 255)
    found = findings(records, pictures, split)
    assert set(found) == {"near_duplicates_across_splits"}
    assert found["near_duplicates_across_splits"].severity == "leak"
    assert prove(records, split, found.values())["near_duplicates"] == 2


def test_look_alikes_of_different_patients_are_to_be_looked_at_and_no_leak() -> None:
    records, pictures = clean()
    split = assign(recipe(), records)
    here, there = across(split, records)
    noise = np.random.default_rng(4).normal(0, 7.5, pictures[here].shape)
    pictures[there] = np.clip(pictures[here] + noise, 0, 255)
    found = findings(records, pictures, split)
    assert set(found) == {"similar_across_splits"}
    assert found["similar_across_splits"].severity == "warning"
    assert set(found["similar_across_splits"].rows) == {here + 1, there + 1}
    raise_on_leak(found.values())


def test_copies_within_a_split_are_noted_and_no_leak() -> None:
    records, pictures = clean()
    split = assign(recipe(), records)
    train = np.flatnonzero((split == "train") & (records.y == 0))
    pictures[train[2]] = pictures[train[0]]
    pictures[train[4]] = np.clip(pictures[train[6]] * 0.9 + 6, 0, 255)
    found = findings(records, pictures, split)
    assert set(found) == {"exact_duplicates_within_split", "near_duplicates_within_split"}
    assert {each.severity for each in found.values()} == {"note"}
    assert found["exact_duplicates_within_split"].rows == (train[0] + 1, train[2] + 1)
    assert found["near_duplicates_within_split"].rows == (train[4] + 1, train[6] + 1)


def test_a_patient_in_two_splits_is_a_leak_and_is_not_named() -> None:
    records, pictures = clean()
    split = assign(recipe(), records)
    patient = records.patient.copy()
    moved = int(np.flatnonzero(split == "test")[0])
    patient[moved] = patient[np.flatnonzero(split == "train")[0]]
    found = findings(replace(records, patient=patient), pictures, split)
    assert set(found) == {"patients_in_two_splits"}
    assert found["patients_in_two_splits"].severity == "leak"
    assert moved + 1 in found["patients_in_two_splits"].rows
    with pytest.raises(LeakError) as caught:
        raise_on_leak(found.values())
    assert "person" not in str(caught.value)


def test_labels_that_contradict_each_other_are_named() -> None:
    records, pictures = clean()
    split = assign(recipe(), records)
    train = np.flatnonzero(split == "train")
    one, other = train[records.y[train] == 0][0], train[records.y[train] == 1][0]
    pictures[other] = np.clip(pictures[one] * 0.9 + 6, 0, 255)
    found = findings(records, pictures, split)
    assert found["contradicting_labels"].severity == "warning"
    assert set(found["contradicting_labels"].rows) == {one + 1, other + 1}


def test_a_small_class_and_one_that_is_missing_are_named() -> None:
    records, pictures = clean()
    y = records.y.copy()
    y[:4] = 2  # two patients
    records = replace(records, y=y, classes=("class 0", "class 1", "rare"))
    every = check(recipe(), records, find({"picture": pictures}), assign(recipe(), records), {})
    assert [each.message for each in every if each.kind == "class_missing"] == [
        "The class rare has no record in validation: nothing can be said about it there."
    ]
    small = [each for each in every if each.kind == "class_too_small"]
    assert [each.message[:31] for each in small] == ["The class rare has 1 patient in"] * 2
    assert sorted(row for each in small for row in each.rows) == [1, 2, 3, 4]
    assert [each.kind for each in every if each.severity == "note"] == ["imbalance"]


# Each plants one defect; what else is found (a column with gaps may tell by its values too) is part of the expectation.
GIVEAWAYS: dict[str, tuple[Callable[[Records], Any], str, str]] = {
    "a word a class": (lambda r: np.where(r.y == 0, "left", "right"), "column_gives_label_away", "warning"),
    "a number": (lambda r: r.y * 10.0 + np.linspace(0, 5, len(r)), "column_gives_label_away", "warning"),
    "a truth value": (lambda r: r.y == 1, "column_gives_label_away", "warning"),
    "gaps": (
        lambda r: np.where(r.y == 0, np.nan, np.random.default_rng(1).normal(size=len(r))),
        "missing_cells_give_label_away",
        "warning",
    ),
    "words for gaps": (
        lambda r: np.where(r.y == 0, "unknown", np.random.default_rng(1).choice(["a", "b"], len(r))),
        "missing_cells_give_label_away",
        "warning",
    ),
    "a weak sign": (
        lambda r: np.where(np.arange(len(r)) % 8 == 0, 1 - r.y, r.y).astype(str),
        "column_gives_label_away",
        "note",
    ),
}


@pytest.mark.parametrize("plant", GIVEAWAYS)
def test_what_gives_the_label_away_is_named(plant: str) -> None:
    column, kind, severity = GIVEAWAYS[plant]
    records, pictures = clean()
    records = with_column(records, planted=column(records))
    found = findings(records, pictures)
    assert kind in found
    assert set(found) <= {"missing_cells_give_label_away", "column_gives_label_away"}
    assert found[kind].severity == severity
    assert "planted" in found[kind].message


def test_columns_that_name_the_record_the_patient_the_label_or_the_split_are_no_shortcuts() -> None:
    records, pictures = clean()
    split = assign(recipe(), records)
    order = np.argsort(np.argsort(records.y, kind="stable"), kind="stable")
    records = with_column(
        records, label=records.frame["diagnosis"], case=order, path=[f"{k}/{i}" for i, k in enumerate(records.y)]
    )
    records = with_column(records, part=split, lesion=records.patient)
    assert findings(replace(records, split=split), pictures, split) == {}


def test_a_column_that_only_repeats_the_patient_does_not_count_as_knowledge() -> None:
    records, pictures = clean()
    clinic = np.array([f"doctor {i // 6}" for i in range(len(records))])
    assert findings(with_column(records, doctor=clinic), pictures) == {}


def test_few_records_leave_shortcuts_undecided_and_say_so() -> None:
    records, pictures = clean(n=48)
    records = with_column(records, planted=records.y)
    found = findings(records, pictures)
    assert found["shortcuts_undecided"].severity == "note"
    assert "column_gives_label_away" not in found


def stored(
    folder: Path, records: Records, pictures: Pictures, save: Callable[[Image.Image, int, Path], Path]
) -> Records:
    """The records with their pictures in files."""
    paths = tuple(
        save(Image.fromarray(picture[:, :, 0]), int(label), folder / f"{i}")
        for i, (picture, label) in enumerate(zip(pictures, records.y, strict=True))
    )
    return replace(records, items={"picture": Files(paths)})


def as_png(image: Image.Image, label: int, path: Path) -> Path:
    image.save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def by_size(image: Image.Image, label: int, path: Path) -> Path:
    return as_png(image.resize((24 + 8 * label, 24 + 8 * label)), label, path)


def by_format(image: Image.Image, label: int, path: Path) -> Path:
    path = path.with_suffix(".png" if label else ".bmp")
    image.save(path)
    return path


def by_mode(image: Image.Image, label: int, path: Path) -> Path:
    return as_png(image.convert("RGB") if label else image, label, path)


def by_camera(image: Image.Image, label: int, path: Path) -> Path:
    exif = Image.Exif()
    if label:
        exif[271], exif[272] = "Maker", "One"
    path = path.with_suffix(".jpg")
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize(
    ("save", "fact"),
    [(by_size, "image size"), (by_format, "file format"), (by_mode, "colour mode"), (by_camera, "camera")],
)
def test_files_that_differ_between_classes_are_a_shortcut(
    tmp_path: Path, save: Callable[[Image.Image, int, Path], Path], fact: str
) -> None:
    records, pictures = clean(n=160)
    found = findings(stored(tmp_path, records, pictures, save), pictures)
    assert set(found) == {"files_give_label_away"}
    assert fact in found["files_give_label_away"].message
    assert found["files_give_label_away"].severity == "warning"


def test_files_of_one_making_and_lost_files_are_no_shortcut(tmp_path: Path) -> None:
    records, pictures = clean(n=160)
    records = stored(tmp_path, records, pictures, as_png)
    for lost in (3, 70):
        (tmp_path / f"{lost}.png").unlink()
    assert findings(records, pictures) == {}


def test_many_records_are_sampled_with_rare_classes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcuts, "_SAMPLE", 120)
    records, _ = clean()
    y = np.where(np.arange(len(records)) < 30, 1, 0)
    records = replace(records, y=y, frame=records.frame.assign(planted=y))
    (found,) = [each for each in shortcuts.search(recipe(), records) if each.name == "planted"]
    assert found.auroc > 0.95


@given(seed=st.integers(0, 2**32), values=st.integers(1, 12), classes=st.integers(2, 4))
def test_areas_are_bounded_and_ignore_the_order_of_records(seed: int, values: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    codes, y, fold = random.integers(0, values, 90), random.integers(0, classes, 90), random.integers(0, 5, 90)
    areas = shortcuts.area(codes, y, fold, classes)
    assert ((areas >= 0.5) & (areas <= 1)).all()
    order = random.permutation(90)
    np.testing.assert_allclose(shortcuts.area(codes[order], y[order], fold[order], classes), areas)


def test_leaks_come_first_and_all_are_in_one_message() -> None:
    records, pictures = clean()
    split = assign(recipe(), records)
    here, there = across(split, records)
    pictures[there] = pictures[here]
    split[there ^ 1] = "train"  # the other record of that patient
    pictures[5] = 9
    every = check(recipe(), records, find({"picture": pictures}), split, {})
    assert [each.severity for each in every[:2]] == ["leak", "leak"]
    with pytest.raises(LeakError, match=r"1 patient in more than one split .*; 2 records of different splits"):
        raise_on_leak(every)
