"""Duplicates: the same picture is found however often it was saved, different patients are not taken for one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.ndimage import gaussian_filter

from automed.data.checks import duplicates
from automed.data.checks.duplicates import Duplicates, find, join_patients, resolve, standing, superfluous
from automed.data.checks.signatures import sign
from automed.data.phantoms.dermoscopy.phantom import Knobs, draw
from automed.data.records import SPLITS, Arrays, Records
from automed.errors import RecipeError
from automed.recipe import Recipe

Pictures = npt.NDArray[np.uint8]


def textures(count: int, *, seed: int = 0, size: int = 48, channels: int = 3) -> Pictures:
    """Pictures as rich as photographs: noise of many scales, no two alike."""
    random = np.random.default_rng(seed)
    scales = [gaussian_filter(random.normal(size=(count, size, size)), (0, s, s)) * s for s in (1.0, 2.0, 4.0, 8.0)]
    field = np.sum(scales, axis=0)
    field = 128 + 38 * (field - field.mean((1, 2), keepdims=True)) / field.std((1, 2), keepdims=True)
    tint = random.uniform(0.8, 1.2, (count, 1, 1, channels))
    return np.clip(field[..., None] * tint, 0, 255).astype(np.uint8)


def recipe(policy: str, **split: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "t",
            "data": {"source": "npz", "file": "t.npz", "duplicates": policy},
            "inputs": {"picture": {"kind": "image", "size": [48, 48]}},
            "split": split or {"by": "patient"},
        }
    )


def records(pictures: Pictures, split: list[str] | None = None) -> Records:
    """Every record its own patient; two classes in turn."""
    n = len(pictures)
    return Records(
        frame=pd.DataFrame(index=pd.RangeIndex(n)),
        y=np.arange(n) % 2,
        classes=("0", "1"),
        patient=np.array([f"p{i:03}" for i in range(n)], object),
        items={"picture": Arrays(pictures)},
        rows=np.arange(1, n + 1),
        split=None if split is None else np.array(split, object),
    )


def saved_as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return Image.open(file)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved as JPEG": saved_as_jpeg,
    "made brighter": lambda image: image.point(lambda value: min(255, int(value * 1.1 + 8))),
    "with less contrast": lambda image: image.point(lambda value: int(value * 0.7 + 30)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "shrunk and enlarged": lambda image: image.resize((36, 36)).resize((48, 48)),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found(copy: str) -> None:
    originals = textures(30)
    copies = np.stack([np.asarray(COPIES[copy](Image.fromarray(each))) for each in originals])
    groups = find({"picture": np.concatenate([originals, copies])}).groups
    assert (groups[:30] == groups[30:]).mean() >= 0.95
    assert len(set(groups)) >= 30, "no two originals are one picture"


def test_a_copy_with_black_bars_is_found_and_bars_make_no_copies() -> None:
    originals = textures(40)
    padded = np.zeros((40, 72, 48, 3), np.uint8)
    padded[:, 12:60] = originals
    wide = np.stack([np.asarray(Image.fromarray(each).resize((48, 72))) for each in originals])
    assert len(set(find({"picture": padded}).groups)) == 40
    assert not len(find({"picture": padded}).similar)
    groups = find({"picture": np.concatenate([wide, padded])}).groups
    assert (groups[:40] == groups[40:]).mean() >= 0.95


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), channels=st.sampled_from([1, 3]))
def test_different_pictures_are_never_near_or_similar(seed: int, channels: int) -> None:
    found = find({"picture": textures(40, seed=seed, size=28, channels=channels)})
    assert not len(found.near)
    assert not len(found.similar)
    assert len(set(found.exact)) == 40


@pytest.mark.slow
def test_lesions_of_the_phantom_are_never_taken_for_one_another() -> None:
    drawn = draw(Knobs(records=400, size=(48, 48), difficulty=1.0))
    found = find({"lesion": drawn.images})
    lesion = drawn.frame["lesion_id"].to_numpy(object)
    for group in np.unique(found.groups):
        assert len(set(lesion[found.groups == group])) == 1


def test_equal_pixels_share_a_number_and_constant_pictures_do_not() -> None:
    pictures = textures(6)
    pictures[4] = pictures[1]
    pictures[2] = pictures[3] = 17
    found = find({"picture": pictures})
    assert found.exact[4] == found.exact[1]
    assert len(set(found.exact)) == 5
    assert found.constant.tolist() == [False, False, True, True, False, False]
    assert len(set(found.groups)) == 5


def test_smooth_pictures_that_rounding_makes_alike_are_not_near() -> None:
    ramp = np.linspace(0, 40, 48)[None, :, None, None] + np.arange(0, 60, 3)[:, None, None, None] * 2.0
    pictures = np.broadcast_to(ramp, (20, 48, 48, 3)).astype(np.uint8)
    assert not len(find({"picture": pictures}).near)


def test_positions_choose_pictures_in_their_order() -> None:
    pictures = textures(8)
    pictures[7] = pictures[2]
    found = find({"picture": pictures}, np.array([7, 0, 2]))
    assert found.exact[0] == found.exact[2] != found.exact[1]


def test_a_copy_in_any_input_links_two_records() -> None:
    left, right = textures(5, seed=1), textures(5, seed=2)
    right[4] = right[0]
    groups = find({"left": left, "right": right}).groups
    assert groups[4] == groups[0]
    assert len(set(groups)) == 4


@pytest.mark.parametrize("channels", [1, 3])
def test_the_hash_is_the_one_of_imagehash(channels: int) -> None:
    pictures = textures(60, channels=channels, size=40)
    expected = [
        int(str(imagehash.phash(Image.fromarray(each if channels == 3 else each[:, :, 0]))), 16) for each in pictures
    ]
    assert sign(pictures).hash.tolist() == expected


def test_pictures_may_come_without_a_channel_axis() -> None:
    pictures = textures(5, channels=1)
    np.testing.assert_array_equal(sign(pictures[..., 0]).hash, sign(pictures).hash)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), flips=st.integers(0, 12), count=st.integers(2, 300))
def test_the_banded_search_finds_what_comparing_all_pairs_finds(seed: int, flips: int, count: int) -> None:
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, count, dtype=np.uint64)
    # Half of them lie near another one, or nearly nothing would be found.
    for _ in range(flips):
        hashes[count // 2 :] ^= np.uint64(1) << random.integers(0, 64, count - count // 2).astype(np.uint64)
    hashes[: count // 2] = hashes[count // 2 :][: count // 2] ^ (np.uint64(1) << np.uint64(random.integers(64)))
    distance = 7
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None])
    expected = {(int(i), int(j)) for i, j in zip(*np.nonzero(np.triu(bits <= distance, 1)), strict=True)}
    for search in (duplicates._every, duplicates._banded):
        pairs = [np.stack(pair, axis=1) for pair in search(hashes, distance)]
        assert {tuple(map(int, pair)) for pair in np.concatenate(pairs)} == expected


def test_refuse_leaves_everything_to_the_check() -> None:
    pictures = textures(40)
    pictures[39] = pictures[0]
    found = records(pictures)
    same, split, kept = resolve(recipe("refuse"), found, find({"picture": pictures}))
    assert same is found
    assert set(split) == set(SPLITS)
    assert kept.tolist() == list(range(40))


def test_drop_keeps_the_test_set_and_leaves_no_picture_in_two_splits() -> None:
    pictures = textures(40)
    pictures[3], pictures[4], pictures[21] = pictures[32], pictures[22], pictures[33]
    pictures[5] = pictures[6]  # twice in train: no leak, stays
    found = records(pictures, ["train"] * 20 + ["validation"] * 10 + ["test"] * 10)
    left, split, kept = resolve(recipe("drop", by="official"), found, find({"picture": pictures}))
    assert sorted(set(range(40)) - set(kept.tolist())) == [3, 4, 21]
    assert left.rows.tolist() == [row for row in range(1, 41) if row not in (4, 5, 22)]
    assert (split == "test").sum() == 10
    after = find({"picture": pictures[kept]})
    assert not (standing(split, after.groups).sum(axis=1) > 1).any()


def test_group_makes_one_patient_of_two_who_share_a_picture() -> None:
    pictures = textures(60)
    pictures[1::2] = pictures[::2]
    left, split, kept = resolve(recipe("group"), records(pictures), find({"picture": pictures}))
    assert len(kept) == 60
    assert (split[1::2] == split[::2]).all()
    assert (left.patient[1::2] == left.patient[::2]).all()
    assert len(set(left.patient)) == 30


def test_group_needs_a_split_that_patients_decide() -> None:
    pictures = textures(6)
    found = records(pictures, ["train", "train", "validation", "validation", "test", "test"])
    with pytest.raises(RecipeError, match=r"data\.duplicates cannot be group") as caught:
        resolve(recipe("group", by="official"), found, find({"picture": pictures}))
    assert "drop" in (caught.value.hint or "")


@st.composite
def grouped(draw: st.DrawFn) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    n = draw(st.integers(1, 30))
    patient = draw(arrays(np.int64, n, elements=st.integers(0, 8)))
    groups = draw(arrays(np.int64, n, elements=st.integers(0, 12)))
    return np.array([f"p{p}" for p in patient], object), groups


@given(given_=grouped(), seed=st.integers(0, 99))
def test_joining_is_the_coarsest_it_must_be_whatever_the_order(
    given_: tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]], seed: int
) -> None:
    patient, groups = given_
    joined = join_patients(patient, groups)
    for codes in (patient, groups):
        for code in set(codes.tolist()):
            assert len(set(joined[codes == code])) == 1
    assert set(joined) <= set(patient)
    assert (join_patients(joined, groups) == joined).all()
    order = np.random.default_rng(seed).permutation(len(patient))
    assert (join_patients(patient[order], groups[order]) == joined[order]).all()


@given(groups=arrays(np.int64, 25, elements=st.integers(0, 9)), seed=st.integers(0, 99))
def test_dropping_leaves_every_group_in_its_highest_split(groups: npt.NDArray[np.int64], seed: int) -> None:
    split = np.random.default_rng(seed).choice(np.array(SPLITS, object), 25)
    kept = ~superfluous(split, groups)
    assert set(groups[kept]) == set(groups)
    assert (standing(split[kept], groups[kept]).sum(axis=1) <= 1).all()
    assert kept[split == "test"].all()


def test_taking_some_records_keeps_what_links_them() -> None:
    found = Duplicates(np.array([0, 1, 2, 0, 3]), np.array([[1, 2]]), np.array([[2, 3]]), np.zeros(5, bool))
    some = found.take(np.array([3, 1, 2]))
    assert some.exact.tolist() == [0, 1, 2]
    assert some.near.tolist() == [[1, 2]]
    assert not len(some.similar)
    assert some.groups[1] == some.groups[2] != some.groups[0]
    assert not len(found.take(np.array([], np.int64)).groups)


def test_pneumoniamnist_repeats_27_pictures_and_no_other_is_near(real_data: Path) -> None:
    with np.load(real_data / "pneumoniamnist" / "pneumoniamnist.npz") as archive:
        pictures = np.concatenate([archive[f"{part}_images"] for part in ("train", "val", "test")])
    found = find({"chest": pictures})
    assert (np.bincount(found.exact) > 1).sum() == 27
    assert not len(found.near)
    assert not len(found.similar)


def test_breastmnist_shows_one_scan_in_several_splits(real_data: Path) -> None:
    with np.load(real_data / "breastmnist" / "breastmnist.npz") as archive:
        parts = [archive[f"{part}_images"] for part in ("train", "val", "test")]
    split = np.repeat(np.array(SPLITS, object), [len(part) for part in parts])
    found = find({"breast": np.concatenate(parts)})
    assert superfluous(split, found.groups).sum() == 75
