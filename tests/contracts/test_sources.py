"""What every source of records promises, and what each says when the data are not as the recipe has it."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from automed import recipe
from automed.data import SOURCES, cache
from automed.data.kinds import KINDS
from automed.data.records import SPLITS, Arrays, Cells, Files, Records
from automed.data.sources import medmnist
from automed.errors import DataError, RecipeError
from automed.recipe import Recipe

INPUT = {"kind": "image", "size": [16, 16], "channels": 3}


def write_recipe(folder: Path, data: dict[str, Any], **more: Any) -> Recipe:
    tree = {"name": "test", "data": data, "inputs": {"picture": INPUT}, **more}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(tree))
    return recipe.load(folder / "recipe.yaml")


def read(found: Recipe) -> Records:
    records: Records = SOURCES.load(found.data.source)(found)
    return records


def picture(path: Path, shade: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 16), (shade, 50, 50)).save(path)


def table(folder: Path, frame: pd.DataFrame | None = None, name: str = "table.csv", **data: Any) -> Recipe:
    """Ten pictures of five patients, ages 5 to 95 with a gap, and the recipe that reads them."""
    n = 10
    if frame is None:
        frame = pd.DataFrame(
            {
                "image_id": [f"img{i}" for i in range(n)],
                "path": [f"images/img{i}.png" for i in range(n)],
                "dx": ["nv", "mel"] * (n // 2),
                "who": [f"00{i // 2}" for i in range(n)],
                "age": [5.0, 39.0, 40.0, 59.9, 60.0, 80.0, 95.0, None, 0.0, 50.0],
                "sex": ["f", "m"] * (n // 2),
            }
        )
    for i in range(n):
        picture(folder / "images" / f"img{i}.png", i)
    if name.endswith(".parquet"):
        frame.to_parquet(folder / name)
    else:
        frame.to_csv(folder / name, index=False, sep="\t" if ".tsv" in name else ",")
    column = data.pop("column", "path")
    tree = {"source": "table", "table": name, "target": "dx", "patient": "who", **data}
    more = {"split": data.pop("split")} if "split" in data else {}
    tree.pop("split", None)
    return write_recipe(folder, tree, inputs={"picture": {**INPUT, "column": column}}, **more)


def tree(folder: Path, *, splits: tuple[str, ...] = ("",), **data: Any) -> Recipe:
    """Class folders a and b with six pictures each, names `<patient>_<n>.png`."""
    for split in splits:
        for label in ("a", "b"):
            for i in range(6):
                picture(folder / split / label / f"p{i // 2}{label}_{i}.png", i)
    return write_recipe(folder, {"source": "folder", **data})


def archive(folder: Path, arrays: dict[str, Any] | None = None, **data: Any) -> Recipe:
    """The MedMNIST layout: 20, 6 and 8 grey pictures."""
    random = np.random.default_rng(0)
    if arrays is None:
        arrays = {}
        for split, n in (("train", 20), ("val", 6), ("test", 8)):
            arrays[f"{split}_images"] = random.integers(0, 256, (n, 16, 16), dtype=np.uint8)
            arrays[f"{split}_labels"] = (np.arange(n) % 2).astype(np.uint8)[:, None]
    np.savez_compressed(folder / "set.npz", **arrays)
    return write_recipe(folder, {"source": "npz", "file": "set.npz", **data})


def published(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A MedMNIST set whose published checksum is that of a small file of ours."""
    archive(folder).root.joinpath("set.npz").rename(folder / "breastmnist.npz")
    digest = hashlib.md5((folder / "breastmnist.npz").read_bytes()).hexdigest()
    known = medmnist.catalogue()
    ours = [
        one if one.file != "breastmnist.npz" else medmnist.Published(**{**vars(one), "md5": digest}) for one in known
    ]
    monkeypatch.setattr(medmnist, "catalogue", lambda: ours)
    return write_recipe(folder, {"source": "medmnist", "name": "breastmnist"})


@pytest.fixture(params=list(SOURCES))
def any_recipe(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    match request.param:
        case "table":
            return table(tmp_path)
        case "folder":
            return tree(tmp_path)
        case "npz":
            return archive(tmp_path)
        case "medmnist":
            return published(tmp_path, monkeypatch)
        case "phantom":
            return write_recipe(tmp_path, {"source": "phantom", "records": 60})
        case "sample":
            numbers = {"kind": "tabular", "columns": ["mean radius", "mean texture"]}
            return write_recipe(tmp_path, {"source": "sample", "sample": "breast_cancer"}, inputs={"nuclei": numbers})
    raise AssertionError(f"no small example of the source {request.param}")


def test_every_source_gives_records_that_fit_together(any_recipe: Recipe) -> None:
    records = read(any_recipe)
    n = len(records)
    assert n > 0 and len(records.frame) == len(records.patient) == len(records.rows) == n
    assert list(records.frame.index) == list(range(n))
    assert records.y.dtype == np.int64 and records.y.min() >= 0 and records.y.max() < len(records.classes)
    assert len(records.classes) >= 2 and all(isinstance(name, str) for name in records.classes)
    assert all(isinstance(name, str) and name for name in records.patient)
    assert len(set(records.rows.tolist())) == n and records.rows.min() >= 1
    assert set(records.items) == set(any_recipe.inputs)
    assert records.split is None or set(records.split) <= set(SPLITS)
    assert set(any_recipe.data.sensitive) <= set(records.frame.columns)
    for item in records.items.values():
        assert len(item) == n
        if isinstance(item, Arrays):
            assert item.values.dtype in (np.uint8, np.uint16) and item.values.ndim in (3, 4)
        elif isinstance(item, Files):
            assert all(isinstance(path, Path) for path in item.paths)
        else:
            assert isinstance(item, Cells)


def test_every_source_can_be_decoded_and_gives_the_same_twice(any_recipe: Recipe) -> None:
    ((name, spec),) = any_recipe.inputs.items()
    kind = KINDS.load(spec.kind)

    def stored() -> cache.Cached:
        records = read(any_recipe)
        held, everyone = kind.read(any_recipe, records, name), np.arange(len(records))
        assert not held.unreadable
        fitted = kind.fit(any_recipe, held, name, everyone, everyone, records.rows)
        return kind.store(any_recipe, held, name, fitted)

    once, twice = stored(), stored()
    assert once.values.shape[0] == len(read(any_recipe)) and once.key == twice.key
    np.testing.assert_array_equal(once.values, twice.values)


def test_a_part_of_the_records_is_records(any_recipe: Recipe) -> None:
    records = read(any_recipe)
    part = records.take(np.array([3, 1]))
    assert len(part) == 2 and part.rows.tolist() == records.rows[[3, 1]].tolist()


# ---------------------------------------------------------------- table


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
def test_a_table_is_read_from_every_format(tmp_path: Path, name: str) -> None:
    records = read(table(tmp_path, name=name))
    assert records.classes == ("mel", "nv")
    assert records.y.tolist() == [1, 0] * 5
    assert records.patient[0] == "000" and len(set(records.patient)) == 5


def test_a_compressed_table_and_one_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    found = table(tmp_path)
    text = (tmp_path / "table.csv").read_text()
    (tmp_path / "table.csv").write_text("\ufeff" + text, encoding="utf-8")
    assert len(read(found)) == 10
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert len(read(table(tmp_path, name="table.csv.gz"))) == 10


@pytest.mark.parametrize("column", ["path", "images/{image_id}.png", "images/{image_id}", "{path}"])
def test_files_are_found_by_path_by_pattern_and_without_extension(tmp_path: Path, column: str) -> None:
    item = read(table(tmp_path, column=column)).items["picture"]
    assert isinstance(item, Files)
    assert item.paths == tuple(tmp_path / "images" / f"img{i}.png" for i in range(10))


def test_names_without_extension_that_fit_two_files_are_named_by_row(tmp_path: Path) -> None:
    found = table(tmp_path, column="images/{image_id}")
    picture(tmp_path / "images" / "img4.jpg")
    with pytest.raises(DataError, match=r"fit several files \(row 5\)"):
        read(found)


@pytest.mark.parametrize("column", ["{image_id.__class__}", "{image_id!r}", "{image_id:>9}", "{}", "{0}", "{image_id"])
def test_a_pattern_holds_column_names_and_no_expressions(tmp_path: Path, column: str) -> None:
    with pytest.raises(RecipeError, match=r"inputs\.picture\.column"):
        read(table(tmp_path, column=column))


def test_a_column_that_leads_nowhere_gets_the_folder_where_such_files_lie(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"leads to no file") as caught:
        read(table(tmp_path, column="image_id"))
    assert "images/{image_id}" in (caught.value.hint or "")


def test_a_missing_file_or_an_empty_cell_is_left_to_the_decoder(tmp_path: Path) -> None:
    found = table(tmp_path)
    frame = pd.read_csv(tmp_path / "table.csv", dtype={"who": str})
    frame.loc[3, "path"] = None
    frame.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "images" / "img6.png").unlink()
    cached = cache.load(read(found), "picture", found.inputs["picture"])
    assert cached.unreadable == {3: "no file named", 6: "missing"}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"target": "dxx"}, "data.target"),
        ({"patient": "whom"}, "data.patient"),
        ({"sensitive": ["sexe"]}, "data.sensitive"),
        ({"column": "paths"}, "inputs.picture.column"),
        ({"bands": {"age_band": {"column": "ages", "edges": [0, 40]}}}, "data.bands.age_band.column"),
        ({"split": {"by": "column", "column": "agee"}}, "split.column"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_its_line_and_the_nearest(
    tmp_path: Path, change: dict[str, Any], key: str
) -> None:
    found = table(tmp_path, **change)
    with pytest.raises(RecipeError) as caught:
        read(found)
    assert key in str(caught.value) and "recipe.yaml:" in str(caught.value) and "Did you mean" in str(caught.value)


def test_labels_outside_the_classes_and_empty_ones_are_counted_and_named_by_row(tmp_path: Path) -> None:
    found = table(tmp_path, classes={"nv": "Naevus", "bcc": "Carcinoma"})
    frame = pd.read_csv(tmp_path / "table.csv", dtype={"who": str})
    frame.loc[[2, 4], "dx"] = None
    frame.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(DataError) as caught:
        read(found)
    message = str(caught.value)
    assert "2 labels are empty (rows 3, 5)" in message
    assert "5 labels are not in data.classes (rows 2, 4, 6, 8, 10)" in message
    assert "mel" not in message and caught.value.exit_code == 3


def test_the_order_of_the_classes_is_the_recipes(tmp_path: Path) -> None:
    assert read(table(tmp_path, classes=["nv", "mel"])).y.tolist() == [0, 1] * 5


def test_numbers_as_classes_are_ordered_by_size_and_none_may_be_a_class(tmp_path: Path) -> None:
    frame = pd.DataFrame({"path": [f"images/img{i}.png" for i in range(10)], "who": range(10), "dx": range(2, 12)})
    assert read(table(tmp_path, frame)).classes == tuple(str(i) for i in range(2, 12))
    frame["dx"] = ["None", "NA"] * 5
    assert read(table(tmp_path, frame, classes=["None", "NA"])).y.tolist() == [0, 1] * 5
    with pytest.raises(DataError, match="10 labels are empty"):
        read(table(tmp_path, frame))


def test_whole_numbers_with_gaps_keep_their_names_in_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"path": [f"images/img{i}.png" for i in range(10)], "who": [1.0] * 5 + [2.0] * 5, "dx": [0.0, 1.0] * 5}
    )
    records = read(table(tmp_path, frame, "t.parquet"))
    assert records.classes == ("0", "1") and set(records.patient) == {"1", "2"}


def test_records_without_a_patient_are_refused_by_row(tmp_path: Path) -> None:
    found = table(tmp_path)
    frame = pd.read_csv(tmp_path / "table.csv", dtype={"who": str})
    frame.loc[7, "who"] = None
    frame.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(DataError, match=r"1 records have no patient \(row 8\)"):
        read(found)


def test_without_a_patient_column_every_record_is_its_own_patient(tmp_path: Path) -> None:
    assert len(set(read(table(tmp_path, patient=None)).patient)) == 10


def test_bands_are_cut_at_their_edges_and_missing_stays_unknown(tmp_path: Path) -> None:
    bands = {"age_band": {"column": "age", "edges": [0, 40, 60, 80]}}
    records = read(table(tmp_path, bands=bands, sensitive=["sex", "age_band"]))
    assert records.frame["age_band"].tolist() == [
        "0-39", "0-39", "40-59", "40-59", "60-79", "80+", "80+", "unknown", "0-39", "40-59",
    ]  # fmt: skip
    below = {"age_band": {"column": "age", "edges": [18, 40]}}
    assert read(table(tmp_path, bands=below)).frame["age_band"].tolist()[:3] == ["under 18", "18-39", "40+"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("table.csv", None, "is not there"),
        ("table.csv", b"", "cannot be read"),
        ("table.csv", b"path,dx,who\n", "no rows"),
        ("table.csv", b"path,dx,who\n\xff\xfe,\xe9,1\n", "UTF-8"),
        ("table.csv", b"path,dx,who\na,b,c\na,b,c,d\n", "cannot be read"),
        ("table.parquet", b"PAR1 it is not", "cannot be read"),
        ("table.xlsx", b"PK", "not a csv"),
    ],
)
def test_a_table_that_cannot_be_read_says_so(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    found = table(tmp_path, name=name.replace("xlsx", "csv"))
    if name.endswith("xlsx"):
        found = write_recipe(
            tmp_path,
            {"source": "table", "table": name, "target": "dx"},
            inputs={"picture": {**INPUT, "column": "path"}},
        )
    (tmp_path / name).unlink(missing_ok=True)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        read(found)


# ---------------------------------------------------------------- folder


def test_class_folders_give_labels_and_patients_by_expression(tmp_path: Path) -> None:
    records = read(tree(tmp_path))
    assert records.classes == ("a", "b") and len(records) == 12 and records.split is None
    assert len(set(records.patient)) == 12
    records = read(tree(tmp_path, patient=r"^(p\d+[ab])_"))
    assert sorted(set(records.patient)) == ["p0a", "p0b", "p1a", "p1b", "p2a", "p2b"]


@pytest.mark.parametrize("splits", [("train", "val", "test"), ("Training", "validation", "Testing"), ("train", "test")])
def test_splits_on_top_become_the_official_split(tmp_path: Path, splits: tuple[str, ...]) -> None:
    records = read(tree(tmp_path, splits=splits))
    assert records.split is not None
    assert records.classes == ("a", "b")
    assert records.frame["split"].tolist() == records.split.tolist()
    assert list(dict.fromkeys(records.split)) == ([*SPLITS] if len(splits) == 3 else ["train", "test"])


def test_a_folder_beside_the_splits_is_not_swallowed(tmp_path: Path) -> None:
    found = tree(tmp_path, splits=("train", "test", "extra"))
    with pytest.raises(DataError, match="side by side"):
        read(found)


def test_hidden_files_notes_and_deeper_folders(tmp_path: Path) -> None:
    found = tree(tmp_path)
    (tmp_path / "a" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "a" / "notes.txt").write_text("x")
    (tmp_path / "__MACOSX" / "a").mkdir(parents=True)
    picture(tmp_path / "a" / "deeper" / "one.png")
    (tmp_path / "b" / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    records = read(found)
    assert len(records) == 14 and records.classes == ("a", "b")
    assert "a/deeper/one.png" in records.frame["file"].tolist() and "b/IM0001" in records.frame["file"].tolist()


def test_folders_and_classes_must_agree(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"data\.classes\.aa .*no folder"):
        read(tree(tmp_path, classes=["aa", "b"]))
    picture(tmp_path / "c" / "x.png")
    with pytest.raises(RecipeError, match="folder 'c'"):
        read(tree(tmp_path, classes=["a", "b"]))


@pytest.mark.parametrize("expression", ["(", "p", "(p)(.)", "^(q)_"])
def test_a_patient_expression_that_does_not_fit_is_explained(tmp_path: Path, expression: str) -> None:
    with pytest.raises(RecipeError, match=r"data\.patient") as caught:
        read(tree(tmp_path, patient=expression))
    assert "p0a" not in str(caught.value)


def test_a_folder_without_pictures_or_that_is_not_there_says_what_was_expected(tmp_path: Path) -> None:
    found = write_recipe(tmp_path, {"source": "folder"})
    with pytest.raises(DataError, match="no image files") as caught:
        read(found)
    assert "<class>" in (caught.value.hint or "")
    with pytest.raises(DataError, match="no such folder"):
        read(write_recipe(tmp_path, {"source": "folder", "root": "nowhere"}))


# ---------------------------------------------------------------- npz


def test_the_medmnist_layout_keeps_its_official_splits(tmp_path: Path) -> None:
    found = archive(tmp_path)
    records = read(found)
    assert records.split is not None
    assert [int((records.split == name).sum()) for name in SPLITS] == [20, 6, 8]
    item = records.items["picture"]
    assert isinstance(item, Arrays)
    with np.load(tmp_path / "set.npz") as arrays:
        expected = np.concatenate([arrays[f"{name}_images"] for name in ("train", "val", "test")])
    assert np.array_equal(item.values[..., 0], expected)


def test_plain_arrays_bring_patients_and_attributes(tmp_path: Path) -> None:
    n = 10
    arrays = {
        "images": np.zeros((n, 9, 12, 3), np.uint16),
        "labels": np.array([1.0, 2.0] * 5),
        "patient": np.arange(n) // 2,
        "sex": np.array(["f", "m"] * 5),
        "notes": np.zeros(3),
    }
    records = read(archive(tmp_path, arrays, sensitive=["sex"]))
    assert records.split is None and records.classes == ("1", "2")
    assert len(set(records.patient)) == 5
    assert set(records.frame.columns) == {"label", "patient", "sex"}


def arrays(n: int = 4, **changes: Any) -> dict[str, Any]:
    return {"images": np.zeros((n, 8, 8), np.uint8), "labels": np.arange(n) % 2, **changes}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"pictures": np.zeros(3)}, "neither train_images"),
        ({"images": np.zeros((4, 8, 8), np.uint8)}, "labels is missing"),
        (arrays(labels=np.zeros(3)), "4 pictures"),
        (arrays(labels=np.zeros((4, 14))), "several labels a record"),
        (arrays(labels=np.array([0.5, 1, 0, 1])), "whole numbers or text"),
        (arrays(labels=np.array([{}, {}, {}, {}], object)), "Python objects"),
        (arrays(labels=np.zeros(4, int)), "at least two"),
        (arrays(images=np.zeros((4, 8, 8), np.float32)), "uint8 or uint16, got float32"),
        (arrays(images=np.zeros((4, 3, 8, 8), np.uint8)), "channels first"),
        (arrays(images=np.zeros((4, 28, 28, 28), np.uint8)), "volumes"),
        (arrays(images=np.zeros((4, 8), np.uint8)), r"must be \(n, h, w\)"),
        (arrays(images=np.zeros((8, 8, 4), np.uint8).T), "column by column"),
    ],
)
def test_arrays_that_do_not_fit_are_explained(tmp_path: Path, content: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        read(archive(tmp_path, content))
    assert caught.value.exit_code == 3


def test_several_labels_a_record_are_columns_of_0_and_1(tmp_path: Path) -> None:
    """The key of a label is the number of its column; the recipe's order is the order of the labels."""
    marks = np.array([[0, 0, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]])
    content = arrays(labels=marks.astype(np.uint8))
    records = read(archive(tmp_path, content, task="multilabel"))
    assert records.task == "multilabel" and records.classes == ("0", "1", "2")
    assert np.array_equal(records.y, marks) and records.y.dtype == np.int64
    assert "label" not in records.frame.columns  # a column that holds all of them would give them away
    turned = read(archive(tmp_path, content, task="multilabel", classes=["2", "0", "1"]))
    assert turned.classes == ("2", "0", "1") and np.array_equal(turned.y, marks[:, [2, 0, 1]])


def test_several_labels_keep_the_official_splits(tmp_path: Path) -> None:
    """As the multi-label set of MedMNIST has them."""
    marks = {"train": np.eye(3, dtype=np.uint8), "val": np.zeros((2, 3), np.uint8), "test": np.ones((4, 3), np.uint8)}
    content: dict[str, Any] = {}
    for split, labels in marks.items():
        content |= {f"{split}_images": np.zeros((len(labels), 8, 8), np.uint8), f"{split}_labels": labels}
    records = read(archive(tmp_path, content, task="multilabel"))
    assert records.split is not None and records.split.tolist() == ["train"] * 3 + ["validation"] * 2 + ["test"] * 4
    assert np.array_equal(records.y, np.concatenate(list(marks.values())))


@pytest.mark.parametrize(
    ("labels", "classes", "told"),
    [
        (np.zeros(4, int), None, "does not hold several labels a record"),
        (np.zeros((4, 1), int), None, "does not hold several labels a record"),
        (np.array([[0, 1], [1, 2], [0, 0], [1, 1]]), None, r"1 rows hold something else than 0 and 1 \(row 2\)"),
        (np.zeros((4, 3), int), {"0": "a", "1": "b"}, r"3 columns of labels, and data\.classes names others"),
    ],
)
def test_labels_that_are_not_several_are_explained(
    tmp_path: Path, labels: np.ndarray[Any, Any], classes: dict[str, str] | None, told: str
) -> None:
    """Shapes, values and keys that do not fit `task: multilabel`."""
    with pytest.raises(DataError, match=told):
        read(archive(tmp_path, arrays(labels=labels), task="multilabel", classes=classes))


@pytest.mark.parametrize("task", ["multiclass", "ordinal"])
def test_the_task_of_the_recipe_reaches_the_records(tmp_path: Path, task: str) -> None:
    """Grades are judged as grades."""
    assert read(archive(tmp_path, task=task)).task == task


def test_splits_of_different_sizes_are_refused(tmp_path: Path) -> None:
    content = {f"train_{name}": value for name, value in arrays().items()}
    content |= {f"test_{name}": value for name, value in arrays(images=np.zeros((4, 9, 9), np.uint8)).items()}
    with pytest.raises(DataError, match="differ in size"):
        read(archive(tmp_path, content))


def test_labels_outside_the_classes_are_named_by_row_through_the_splits(tmp_path: Path) -> None:
    found = archive(tmp_path, classes={"0": "malignant", "2": "benign"})
    with pytest.raises(DataError, match=r"17 labels are not in data\.classes \(rows 2, 4"):
        read(found)


def test_a_missing_a_cut_and_a_false_archive_are_told_apart(tmp_path: Path) -> None:
    found = archive(tmp_path, arrays(400, images=np.random.default_rng(0).integers(0, 256, (400, 8, 8), np.uint8)))
    whole = (tmp_path / "set.npz").read_bytes()
    (tmp_path / "set.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not an npz archive, or damaged"):
        read(found)
    middle = bytearray(whole)
    middle[3000:3100] = bytes(100)
    (tmp_path / "set.npz").write_bytes(middle)
    with pytest.raises(DataError, match="damaged"):
        read(found)
    (tmp_path / "set.npz").unlink()
    with pytest.raises(DataError, match="not there"):
        read(found)


# ---------------------------------------------------------------- medmnist


def test_the_catalogue_holds_every_published_set() -> None:
    known = medmnist.catalogue()
    assert len({one.name for one in known}) == 18
    assert all(len(one.md5) == 32 and one.url.endswith(f"/{one.file}?download=1") for one in known)


def test_ordinal_grades_are_classes_and_other_sizes_have_other_files(tmp_path: Path) -> None:
    found = write_recipe(tmp_path, {"source": "medmnist", "name": "retinamnist", "size": 64})
    assert medmnist.find(found).file == "retinamnist_64.npz"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("chestmnist", "must be multilabel: chestmnist has 14 findings a picture"),
        ("nodulemnist3d", "volumes"),
        ("brestmnist", "Did you mean 'breastmnist'"),
        ("imagenet", "Known: pathmnist"),
    ],
)
def test_sets_that_cannot_be_classified_as_images_and_unknown_ones_are_refused(
    tmp_path: Path, name: str, told: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        read(write_recipe(tmp_path, {"source": "medmnist", "name": name}))


def test_a_medmnist_set_of_one_label_a_picture_is_not_taken_for_several(tmp_path: Path) -> None:
    """And the one with several is found where the recipe says so."""
    with pytest.raises(RecipeError, match="breastmnist has one label a picture"):
        read(write_recipe(tmp_path, {"source": "medmnist", "name": "breastmnist", "task": "multilabel"}))
    chest = write_recipe(tmp_path, {"source": "medmnist", "name": "chestmnist", "task": "multilabel"})
    assert medmnist.find(chest).file == "chestmnist.npz"


def test_a_file_with_another_checksum_is_named_and_not_used(tmp_path: Path) -> None:
    archive(tmp_path).root.joinpath("set.npz").rename(tmp_path / "breastmnist.npz")
    with pytest.raises(DataError, match=r"has the MD5 .* published is 750601b1f35ba3300ea97c75c52ff8f6"):
        read(write_recipe(tmp_path, {"source": "medmnist", "name": "breastmnist"}))


def test_without_a_network_the_file_and_its_place_are_named(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(DataError, match=r"pneumoniamnist_128\.npz: is not here and could not be fetched") as caught:
        read(write_recipe(tmp_path, {"source": "medmnist", "name": "pneumoniamnist", "size": 128}))
    assert caught.value.exit_code == 3
    assert str(own_cache / "medmnist" / "pneumoniamnist_128.npz") in (caught.value.hint or "")
    assert "zenodo.org" in (caught.value.hint or "")
    assert capfd.readouterr().err == ""


def test_a_file_that_lies_in_the_cache_is_used(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = published(tmp_path, monkeypatch)
    (own_cache / "medmnist").mkdir(exist_ok=True)
    shutil.move(tmp_path / "breastmnist.npz", own_cache / "medmnist" / "breastmnist.npz")
    try:
        assert len(read(found)) == 34
    finally:
        (own_cache / "medmnist" / "breastmnist.npz").unlink()


# ---------------------------------------------------------------- real sets


def test_the_real_sets_are_read(real_data: Path, tmp_path: Path) -> None:
    bands = {"age_band": {"column": "age", "edges": [0, 40, 60, 80]}}
    skin = write_recipe(
        tmp_path,
        {
            "source": "table",
            "root": str(real_data / "ham10000"),
            "table": "metadata.csv",
            "target": "dx",
            "patient": "lesion_id",
            "sensitive": ["sex", "age_band"],
            "bands": bands,
        },
        inputs={"picture": {**INPUT, "column": "images/{image_id}.jpg"}},
    )
    records = read(skin)
    assert len(records) == 10_015 and len(set(records.patient)) == 7_470
    assert dict(zip(records.classes, np.bincount(records.y).tolist(), strict=True)) == {
        "akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142,
    }  # fmt: skip
    assert int((records.frame["age_band"] == "unknown").sum()) == 57
    for name, sizes in (("pneumoniamnist", (4708, 524, 624)), ("breastmnist", (546, 78, 156))):
        records = read(write_recipe(tmp_path, {"source": "medmnist", "name": name, "root": str(real_data / name)}))
        assert records.split is not None
        assert tuple(int((records.split == split).sum()) for split in SPLITS) == sizes
