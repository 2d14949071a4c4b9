"""Regions: where the sign is stays with its record, whatever becomes of the records around it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from automed import recipe
from automed.data import cache, prepare, regions
from automed.data.dataset import Dataset
from automed.data.decode.unreadable import Unreadable
from automed.data.kinds.text import words
from automed.data.phantoms.dermoscopy import lesion
from automed.data.phantoms.dermoscopy.patterns import atlas
from automed.data.phantoms.dermoscopy.phantom import Knobs, Phantom, draw
from automed.data.phantoms.notes import Knobs as NoteKnobs
from automed.data.phantoms.notes import draw as write_notes
from automed.errors import RecipeError, RunError
from automed.events import Progress
from automed.explain.subject import InputSpec
from automed.recipe import ImageInput, Recipe
from automed.run import Run

N, SIDE = 120, 24  # records of a table; pixels of its pictures
MISSING, DAMAGED, EMPTY = 7, 11, 13  # records without a mask, with one that is none, and with one that shows nothing
GONE = 3  # a record whose picture cannot be read
COPIED, COPY = 20, 92  # a record of train, and one of test that shows the same

Bytes = npt.NDArray[np.uint8]


def opened(found: Recipe, folder: Path, told: list[Any] | None = None) -> Dataset:
    folder.mkdir(exist_ok=True)
    prepare.prepare(found, Run(folder), (told if told is not None else []).append)
    return Dataset.open(Run(folder))


def everyone(data: Dataset) -> npt.NDArray[np.int64]:
    return np.arange(len(data.y))


def written(folder: Path, tree: dict[str, Any]) -> Recipe:
    (folder / "recipe.yaml").write_text(yaml.safe_dump({"name": "test", **tree}))
    return recipe.load(folder / "recipe.yaml")


def shapes(n: int = N) -> tuple[Bytes, Bytes]:
    """Pictures with a bright red rectangle, of each record elsewhere, and where it is."""
    random = np.random.default_rng(3)
    pictures = random.integers(0, 120, (n, SIDE, SIDE, 3), np.uint8)
    inside = np.zeros((n, SIDE, SIDE), np.uint8)
    for number in range(n):
        top, left, height, width = random.integers((0, 0, 4, 4), (14, 14, 10, 10))
        inside[number, top : top + height, left : left + width] = 1
    pictures[inside == 1] //= 4
    pictures[..., 0][inside == 1] += 200
    return pictures, inside


def table(folder: Path, *, mask: str | None = "masks/{id}_lesion.png", **data: Any) -> Recipe:
    """A table of pictures with masks, some of which are missing, damaged or empty."""
    pictures, inside = shapes()
    pictures[COPY], inside[COPY] = pictures[COPIED], inside[COPIED]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    for number in range(N):
        Image.fromarray(pictures[number]).save(folder / f"images/r{number}.png")
        shown = np.zeros_like(inside[number]) if number == EMPTY else inside[number]
        if number != MISSING:
            Image.fromarray(shown * np.uint8(255)).save(folder / f"masks/r{number}_lesion.png")
    (folder / f"images/r{GONE}.png").write_bytes(b"no picture")
    (folder / f"masks/r{DAMAGED}_lesion.png").write_bytes(b"no mask")
    frame = pd.DataFrame({"id": [f"r{i}" for i in range(N)], "dx": ["a", "b", "b"] * (N // 3), "who": np.arange(N)})
    frame["part"] = np.repeat(["train", "validation", "test"], (60, 30, 30))
    frame.to_csv(folder / "table.csv", index=False)
    spec = {"kind": "image", "column": "images/{id}.png", "size": [SIDE, SIDE], "mask": mask}
    tree = {"source": "table", "table": "table.csv", "target": "dx", "patient": "who", "duplicates": "drop", **data}
    return written(folder, {"data": tree, "inputs": {"lesion": spec}, "split": {"by": "column", "column": "part"}})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("masks")
    return opened(table(folder), folder / "run")


def as_bytes(mode_or_array: Image.Image, name: str = "PNG", **more: Any) -> bytes:
    import io

    file = io.BytesIO()
    mode_or_array.save(file, name, **more)
    return file.getvalue()


# ---------------------------------------------------------------- phantoms


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return draw(Knobs(records=120, shortcut=0.5))


def rendered(phantom: Phantom, **without: Any) -> tuple[Bytes, Bytes]:
    """Images without noise, float, and regions, of the same views but for some of their tables."""
    views = replace(phantom.views, **without)
    image, _, shown = lesion.render(phantom.lesions, views, np.arange(len(phantom.y)), (64, 64), atlas(0))
    return image, shown


@pytest.mark.parametrize(("what", "reach"), [("ruler", 4), ("hair", 1)])
def test_what_is_printed_or_grown_over_is_a_region_of_its_own(phantom: Phantom, what: str, reach: int) -> None:
    """What changes in the image without it lies in the region, and all of the region lies beside what changes."""
    from scipy.ndimage import binary_dilation

    column = {"ruler": "ruler", "hair": "hairs"}[what]
    nothing = np.full_like(phantom.views.ruler, np.nan) if what == "ruler" else np.zeros_like(phantom.views.hairs)
    with_it, shown = rendered(phantom)
    without, bare = rendered(phantom, **{column: nothing})
    number = lesion.REGIONS.index(what) + 1
    changed = np.abs(with_it - without).max(axis=-1)
    here = shown == number
    drawn = changed.reshape(len(changed), -1).max(axis=1) > 0.2
    assert drawn.sum() > 10 and (~drawn).sum() > 20
    assert not here[changed.reshape(len(changed), -1).max(axis=1) == 0].any() and not (bare == number).any()
    others = (shown == 1) | (shown == 2) if what == "hair" else np.zeros_like(here)
    assert (here | others)[changed > 0.25].mean() > 0.97
    near = np.stack([binary_dilation(each > 0.03, iterations=reach) for each in changed])
    assert near[here].mean() > 0.97
    # Only what was not the lesion before is it now: the sign goes before what lies over it, but for the ticks.
    assert (bare[here] != 1).mean() > 0.9


def test_the_lesion_comes_first_and_is_where_its_mask_is(phantom: Phantom) -> None:
    """But for the ticks that hide it and the dark around the tube."""
    assert lesion.REGIONS[0] == "lesion"
    assert ((phantom.regions == 1) <= (phantom.masks == 1)).all()
    assert (phantom.regions == 1).sum() > 0.97 * phantom.masks.sum()


@pytest.mark.parametrize(
    ("name", "inputs", "named"),
    [
        ("dermoscopy", {"lesion": {"kind": "image", "size": [20, 28]}}, "lesion"),
        ("ecg", {"ecg": {"kind": "signal", "length": 120, "rate": 50, "channels": ["II", "V1"]}}, "ST segment"),
        ("dna", {"window": {"kind": "sequence", "alphabet": "dna"}}, "motif"),
        ("dna", {"window": {"kind": "sequence", "alphabet": "dna", "length": 150}}, "motif"),
        ("dna", {"window": {"kind": "sequence", "alphabet": "dna", "length": 90}}, "motif"),
        ("notes", {"note": {"kind": "text", "length": 30}}, "finding"),
        ("notes", {"note": {"kind": "text", "tokenizer": "wordpiece", "vocabulary": 200}}, "finding"),
    ],
)
def test_every_phantom_says_where_its_sign_is(tmp_path: Path, name: str, inputs: dict[str, Any], named: str) -> None:
    """In the shape of a map of its input, with names; nothing is unknown."""
    tree = {"data": {"source": "phantom", "phantom": name, "records": 90}, "inputs": inputs}
    data = opened(written(tmp_path, tree), tmp_path / "run")
    (key,) = data.arrays
    facts, values = data.facts["inputs"][key], data.arrays[key]
    found = data.regions(key, everyone(data))
    spec = InputSpec(key, facts["kind"], tuple(values.shape[1:]), str(values.dtype), facts)
    assert found is not None and found.dtype == np.uint8 and found.shape == (len(data.y), *spec.map_shape)
    assert data.region_names(key)[0].startswith(named)
    assert 0 < (found == 1).mean() < 0.8 and found.max() <= len(data.region_names(key))


@pytest.mark.parametrize("tokenizer", ["words", "wordpiece", "bpe"])
def test_regions_of_words_lie_on_the_tokens_of_these_words(tmp_path: Path, tokenizer: str) -> None:
    """However words are cut, the marked tokens of a note spell the sentences that say what it has."""
    note = {"kind": "text", "length": 200, "tokenizer": tokenizer, "vocabulary": 300, "rarest": 1}
    tree = {"data": {"source": "phantom", "phantom": "notes", "records": 80}, "inputs": {"note": note}}
    data, notes = opened(written(tmp_path, tree), tmp_path / "run"), write_notes(NoteKnobs(records=80))
    vocabulary = data.facts["inputs"]["note"]["vocabulary"]
    tokens, marks = data.take("note", everyone(data)), data.regions("note", everyone(data))
    assert marks is not None
    for place, record in enumerate(data.record):
        meant = [words(notes.texts[record - 1][a:b]) for a, b in notes.spans[record - 1]]
        spelled = "".join(vocabulary[token] for token in tokens[place][marks[place] == 1])
        if "[unknown]" not in spelled:
            bare = spelled.replace("##", "").replace("▁", "")
            assert bare == "".join(word for sentence in meant for word in sentence)
    assert (marks == 1).any(axis=1).all()


# ---------------------------------------------------------------- masks of a table


def test_regions_stay_with_their_records(prepared: Dataset) -> None:
    """A picture that cannot be read and a copy are left out; every other region lies on its own rectangle."""
    assert GONE + 1 not in prepared.record and len(prepared.y) == N - 2
    assert COPIED + 1 not in prepared.record and COPY + 1 in prepared.record
    for part in ("train", "validation", "test"):
        index = np.random.default_rng(1).permutation(prepared.part(part))
        pictures, found = prepared.take("lesion", index), prepared.regions("lesion", index)
        assert found is not None and found.dtype == np.uint8
        for record, picture, region in zip(prepared.record[index], pictures, found, strict=True):
            if record - 1 in (MISSING, DAMAGED):
                assert (region == regions.UNKNOWN).all()
            elif record - 1 == EMPTY:
                assert not region.any()
            else:
                assert ((picture[..., 0] >= 200) == (region == 1)).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, N - 3), min_size=0, max_size=40))
def test_any_order_of_records_is_the_order_of_regions(prepared: Dataset, chosen: list[int]) -> None:
    """Also with repeats, and of none at all."""
    index = np.array(chosen, np.int64)
    whole, found = prepared.regions("lesion", everyone(prepared)), prepared.regions("lesion", index)
    assert whole is not None and found is not None and (found == whole[index]).all()


def test_the_region_is_named_after_its_input(prepared: Dataset) -> None:
    """And data.json says where it lies."""
    assert prepared.region_names("lesion") == ("lesion",)
    assert set(prepared.facts["inputs"]["lesion"]["regions"]) == {"cache", "names"}


def test_missing_damaged_and_empty_masks_are_told_with_their_rows(prepared: Dataset) -> None:
    """Their records stay."""
    told = {found["kind"]: (found["severity"], found["rows"]) for found in prepared.facts["findings"]}
    assert told["masks_missing"] == ("note", [MISSING + 1])
    assert told["masks_unreadable"] == ("warning", [DAMAGED + 1])
    assert told["masks_empty"] == ("note", [EMPTY + 1])
    assert {MISSING + 1, DAMAGED + 1, EMPTY + 1} <= set(prepared.record)


def test_without_masks_nothing_is_known_and_the_data_are_the_same(tmp_path: Path, prepared: Dataset) -> None:
    """The fingerprint is of what models see, and no model sees a mask."""
    data = opened(table(tmp_path, mask=None), tmp_path / "run")
    assert data.regions("lesion", everyone(data)) is None and data.region_names("lesion") == ()
    assert "regions" not in data.facts["inputs"]["lesion"] and not data.marked
    assert data.facts["fingerprint"] == prepared.facts["fingerprint"]


def test_masks_are_decoded_once(tmp_path: Path, fresh_cache: Path) -> None:
    """The second preparation reads the cache; a mask that changed is read again, and no other data change."""
    found, told = table(tmp_path), []
    first = opened(found, tmp_path / "run", told)
    assert any(isinstance(event, Progress) and event.what == "decoding masks" for event in told)
    told.clear()
    opened(found, tmp_path / "again", told)
    assert not any(isinstance(event, Progress) for event in told)
    Image.fromarray(np.full((SIDE, SIDE), 255, np.uint8)).save(tmp_path / f"masks/r{MISSING}_lesion.png")
    changed = opened(found, tmp_path / "changed")
    place = np.flatnonzero(changed.record == MISSING + 1)
    assert (changed.regions("lesion", place) == 1).all() and (first.regions("lesion", place) == regions.UNKNOWN).all()
    assert changed.facts["fingerprint"] == first.facts["fingerprint"]


def test_a_run_whose_regions_left_the_cache_says_so(tmp_path: Path, fresh_cache: Path) -> None:
    """So that it is prepared again, to the same regions."""
    found = table(tmp_path)
    data = opened(found, tmp_path / "run")
    before = data.regions("lesion", everyone(data))
    key = data.facts["inputs"]["lesion"]["regions"]["cache"]
    del data
    assert cache.clear([key]) > 0
    with pytest.raises(RunError, match="gone from the cache"):
        Dataset.open(Run(tmp_path / "run"))
    again = opened(found, tmp_path / "run")
    assert (again.regions("lesion", everyone(again)) == before).all()


def test_few_masks_are_enough(tmp_path: Path) -> None:
    """Of one record among many, which a sample of files would miss."""
    found = table(tmp_path)
    for number in set(range(N)) - {17}:
        (tmp_path / f"masks/r{number}_lesion.png").unlink(missing_ok=True)
    data = opened(found, tmp_path / "run")
    known = data.regions("lesion", everyone(data))
    assert known is not None and data.record[(known != regions.UNKNOWN).all(axis=(1, 2))].tolist() == [17 + 1]


# ---------------------------------------------------------------- what a mask file may be


def spec(height: int = SIDE, width: int = SIDE, **more: Any) -> ImageInput:
    return ImageInput(kind="image", size=(height, width), **more)


def pattern() -> Bytes:
    inside = np.zeros((SIDE, SIDE), np.uint8)
    inside[4:15, 8:20] = 1
    return inside


def _palette(inside: Bytes) -> Image.Image:
    """Colours upside down: number 0 is white, number 1 is black."""
    made = Image.new("P", inside.shape[::-1])
    made.putpalette([255, 255, 255, 0, 0, 0])
    made.paste(1, (0, 0, *made.size))
    made.paste(0, mask=Image.fromarray(inside * np.uint8(255)))
    return made


def _see_through(inside: Bytes) -> Image.Image:
    """White everywhere, and seen only inside."""
    return Image.fromarray(np.stack([np.full_like(inside, 255)] * 3 + [inside * np.uint8(255)], axis=-1))


@pytest.mark.parametrize(
    ("how", "image"),
    [
        ("0 and 1", lambda inside: Image.fromarray(inside)),
        ("0 and 255", lambda inside: Image.fromarray(inside * np.uint8(255))),
        ("one bit", lambda inside: Image.fromarray(inside * np.uint8(255)).convert("1")),
        ("16 bits of 0 and 1", lambda inside: Image.fromarray(inside.astype(np.uint16))),
        ("16 bits", lambda inside: Image.fromarray(inside.astype(np.uint16) * np.uint16(65535))),
        ("several labels", lambda inside: Image.fromarray(inside * (1 + np.arange(SIDE) % 3).astype(np.uint8))),
        ("colour", lambda inside: Image.fromarray(np.stack([inside * np.uint8(200), inside, inside], axis=-1))),
        ("a palette of its own", lambda inside: _palette(inside)),
        ("transparent outside", _see_through),
    ],
)
def test_a_mask_means_the_same_however_it_is_written(how: str, image: Any) -> None:
    """What is bright on the screen is inside, or what is not 0 where numbers are labels."""
    assert (regions.decode(as_bytes(image(pattern())), spec()) == pattern()).all(), how


def test_a_soft_edge_is_cut_at_half() -> None:
    """Shades of a mask that was resized before do not widen the region."""
    soft = np.tile(np.array([0, 1, 20, 100, 127, 129, 160, 255], np.uint8).repeat(3), (SIDE, 1))
    assert (regions.decode(as_bytes(Image.fromarray(soft)), spec())[0] == (soft[0] >= 128)).all()


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", [(60, 90), (30, 45), (60, 60)])
def test_a_mask_lies_over_its_picture_whatever_their_sizes(tmp_path: Path, fit: str, size: tuple[int, int]) -> None:
    """Of another size, and of another shape, to which it is stretched."""
    random = np.random.default_rng(5)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for number in range(12):
        shown = np.zeros((60, 90), np.uint8)
        top, left = random.integers((2, 2), (30, 50))
        shown[top : top + random.integers(10, 28), left : left + random.integers(10, 38)] = 255
        Image.fromarray(np.maximum(shown, random.integers(0, 90, shown.shape, np.uint8))).save(
            tmp_path / f"images/{number}.png"
        )
        mask = Image.fromarray(shown).resize(size[::-1], Image.Resampling.NEAREST)
        mask.save(tmp_path / f"masks/{number}.png")
    frame = pd.DataFrame({"id": range(12), "dx": ["a", "b"] * 6, "image": [f"images/{n}.png" for n in range(12)]})
    frame.to_csv(tmp_path / "table.csv", index=False)
    lesion = {"kind": "image", "column": "image", "size": [32, 32], "channels": 1, "fit": fit, "mask": "masks/{id}"}
    tree = {"source": "table", "table": "table.csv", "target": "dx"}
    found = written(tmp_path, {"data": tree, "inputs": {"lesion": lesion}, "split": {"by": "patient"}})
    data = opened(found, tmp_path / "run")
    pictures, known = data.take("lesion", everyone(data))[..., 0] >= 128, data.regions("lesion", everyone(data))
    assert known is not None and known.max() == 1
    differ = (pictures != (known == 1)).mean(axis=(1, 2))
    assert differ.max() < 0.03, differ


def test_a_region_smaller_than_a_pixel_does_not_vanish() -> None:
    """It keeps the pixel that it fills most."""
    large = np.zeros((400, 400), np.uint8)
    large[111:115, 211:215] = 255
    found = regions.decode(as_bytes(Image.fromarray(large)), spec(16, 16))
    assert found.sum() == 1 and found[4, 8] == 1


@pytest.mark.parametrize("data", [b"", b"no picture", as_bytes(Image.new("L", (30, 30)))[:45]])
def test_what_is_no_image_is_no_mask(data: bytes) -> None:
    """With a reason in a few words."""
    with pytest.raises(Unreadable):
        regions.decode(data, spec())


# ---------------------------------------------------------------- recipes


def test_the_images_themselves_are_no_masks(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="mask must name other files than column"):
        table(tmp_path, mask="images/{id}.png")


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ("masks/{number}.png", r"inputs\.lesion\.mask.*number"),
        ("nowhere/{id}.png", r"inputs\.lesion\.mask leads to no file"),
        ("masks/{id:>3}.png", r"inputs\.lesion\.mask may hold column names"),
    ],
)
def test_a_pattern_that_cannot_be_right_is_refused_by_its_key(tmp_path: Path, mask: str, said: str) -> None:
    """As that of the images is."""
    with pytest.raises(RecipeError, match=said):
        prepare.inspect(table(tmp_path, mask=mask), lambda event: None)


def test_masks_of_other_sources_are_refused(tmp_path: Path) -> None:
    """The phantom knows without, and folders name no masks."""
    tree = {"data": {"source": "phantom", "records": 60}, "inputs": {"lesion": {"kind": "image", "mask": "{dx}.png"}}}
    with pytest.raises(RecipeError, match=r"inputs\.lesion\.mask is not read by the source phantom"):
        prepare.inspect(written(tmp_path, tree), lambda event: None)


def test_a_mask_may_lie_in_a_folder_of_its_class(tmp_path: Path) -> None:
    """No model reads it, so the target in its path is no outcome among the inputs."""
    found = table(tmp_path, mask="masks/{dx}/{id}.png")
    for label in "ab":
        (tmp_path / "masks" / label).mkdir()
    Image.fromarray(pattern()).save(tmp_path / "masks/a/r0.png")
    data = opened(found, tmp_path / "run")
    known = data.regions("lesion", np.flatnonzero(data.record == 1))
    assert known is not None and (known[0] == pattern()).all()
    json.dumps(data.facts)
