"""The phantom draws the same lesions from the same seed, and plants what its knobs say and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from automed import recipe
from automed.data.phantoms.dermoscopy.cases import CLASSES, PREVALENCE, RULER, SKIN_MELANIN, SKIN_TONES, chances
from automed.data.phantoms.dermoscopy.lesion import BLOOD, DERMIS, EPIDERMIS, FEATURES, SKIN_BLOOD
from automed.data.phantoms.dermoscopy.phantom import Knobs, Phantom, draw, read
from automed.data.records import Arrays, Regions
from automed.errors import RecipeError

COLUMNS = ["lesion_id", "dx", "sex", "age", "age_band", "skin_tone", "site", "device"]
TYPICAL_ANGLES = ((55, 90), (41, 55), (28, 41), (10, 28), (-30, 10), (-90, -30))


@pytest.fixture(scope="module")
def plain() -> Phantom:
    """400 images at 48x48 with nothing planted."""
    return draw(Knobs(records=400, size=(48, 48)))


@pytest.fixture(scope="module")
def many() -> Phantom:
    """3,000 records as small as can be: for what is counted, not seen."""
    return draw(Knobs(records=3000, size=(8, 8)))


def _luma(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return np.asarray(images.astype(float) @ [0.299, 0.587, 0.114])


def _structure(phantom: Phantom) -> npt.NDArray[np.float64]:
    """Deviation, inside the lesion, of what is finer than a blurred image: (n,), grey levels."""
    grey = _luma(phantom.images)
    fine = grey - gaussian_filter(grey, (0, 2, 2))
    return np.array([plane[mask > 0].std() for plane, mask in zip(fine, phantom.masks, strict=True)])


def _dark(phantom: Phantom) -> npt.NDArray[np.bool_]:
    return phantom.frame["skin_tone"].isin(["V", "VI"]).to_numpy()


def test_the_same_knobs_give_the_same_bytes() -> None:
    """Two draws agree in images, masks, labels and table."""
    first, second = (draw(Knobs(records=50, size=(24, 24), shortcut=0.5, disadvantage=0.5)) for _ in range(2))
    assert first.images.tobytes() == second.images.tobytes()
    assert first.masks.tobytes() == second.masks.tobytes()
    assert first.frame.equals(second.frame)


def test_fewer_records_are_the_first_of_more(plain: Phantom) -> None:
    """Asking for more records changes none that were there; rounding may differ by one level at batch ends."""
    few = draw(Knobs(records=90, size=(48, 48)))
    assert few.frame.equals(plain.frame[:90])
    assert np.abs(few.images.astype(int) - plain.images[:90]).max() <= 1


def test_another_seed_gives_other_lesions(plain: Phantom) -> None:
    """Nothing of one seed comes back in another, so that a second seed can serve as external data; seeds may be
    negative."""
    other = draw(Knobs(records=60, size=(48, 48), seed=-1))
    assert not (other.images == plain.images[:60]).all(axis=(1, 2, 3)).any()
    assert not np.isin(other.lesions.pigment, plain.lesions.pigment).any()


@pytest.mark.parametrize("size", [(8, 8), (33, 20), (20, 64)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    """Images are uint8 in colour, masks are 0 or 1, both in the size asked for."""
    phantom = draw(Knobs(records=40, size=size))
    assert phantom.images.shape == (40, *size, 3) and phantom.images.dtype == np.uint8
    assert phantom.masks.shape == (40, *size) and phantom.masks.dtype == np.uint8
    assert set(np.unique(phantom.masks)) == {0, 1}
    assert phantom.y.dtype == np.int64 and phantom.images.std() > 10


def test_a_lesion_keeps_its_class_and_its_person(many: Phantom) -> None:
    """All images of a lesion agree in everything but the camera."""
    shared = many.frame.groupby("lesion_id")[["dx", "sex", "age", "age_band", "skin_tone", "site"]].nunique()
    assert (shared == 1).all().all()
    sizes = many.frame["lesion_id"].value_counts()
    assert sizes.max() == 3 and 0.4 < (sizes == 1).mean() < 0.6


def test_the_images_of_a_lesion_differ() -> None:
    """Views of one lesion are turned, lit and cluttered differently: no two are alike."""
    phantom = draw(Knobs(records=60, size=(24, 24)))
    twins = np.flatnonzero(phantom.views.lesion[1:] == phantom.views.lesion[:-1])
    assert len(twins) > 10
    difference = np.abs(phantom.images[twins + 1].astype(int) - phantom.images[twins])
    assert (difference.mean(axis=(1, 2, 3)) > 3).all()


def test_classes_are_as_frequent_as_stated(many: Phantom) -> None:
    """Prevalence is that of a clinic, and even 40 records hold every class."""
    assert np.allclose(np.bincount(many.y) / len(many.y), PREVALENCE, atol=0.03)
    assert len(np.unique(draw(Knobs(records=40, size=(8, 8))).y)) == len(CLASSES)
    assert (many.frame["dx"].to_numpy() == np.array(CLASSES, object)[many.y]).all()


def test_the_table_is_that_of_a_clinic(many: Phantom) -> None:
    """All skin types and bands occur, ages are those of adults, and the camera says nothing about the class."""
    assert list(many.frame.columns) == COLUMNS and not many.frame.isna().any().any()
    assert set(many.frame["skin_tone"]) == set(SKIN_TONES)
    assert set(many.frame["age_band"]) == {"0-39", "40-59", "60+"} and many.frame["age"].between(20, 90).all()
    share = many.frame.assign(y=many.y).groupby("device")["y"].value_counts(normalize=True).unstack()
    assert (share - share.mean()).abs().max().max() < 0.05


def test_masks_cover_a_lesion_that_is_darker_than_its_skin(plain: Phantom) -> None:
    """A mask covers a plausible share, lies about the middle, and nearly always holds the darker part."""
    share = plain.masks.mean(axis=(1, 2))
    assert 0.15 < share.mean() < 0.4 and share.min() > 0.01 and share.max() < 0.9
    grey, inside = _luma(plain.images), plain.masks > 0
    darker = [plane[~mask].mean() > plane[mask].mean() for plane, mask in zip(grey, inside, strict=True)]
    assert np.mean(darker) > 0.95
    assert plain.masks[:, 18:30, 18:30].mean() > 2 * plain.masks[:, :6].mean()


def test_skin_has_the_colour_of_its_type() -> None:
    """Each type's individual typology angle lies in its interval (Del Bino and Bernerd 2013)."""
    for melanin, (low, high) in zip(SKIN_MELANIN, TYPICAL_ANGLES, strict=True):
        rgb = DERMIS * np.exp(-melanin * EPIDERMIS - SKIN_BLOOD * BLOOD)
        # Linear sRGB to CIELAB under D65 (IEC 61966-2-1).
        _, y, z = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]) @ rgb
        lightness, yellow = 116 * np.cbrt(y) - 16, 200 * (np.cbrt(y) - np.cbrt(z / 1.0888))
        assert low < np.degrees(np.arctan2(lightness - 50, yellow)) < high


def test_darker_types_are_drawn_darker(plain: Phantom) -> None:
    """Mean brightness around the lesion falls from type I to VI."""
    around = np.array([plane[mask == 0].mean() for plane, mask in zip(_luma(plain.images), plain.masks, strict=True)])
    means = [around[(plain.frame["skin_tone"] == tone).to_numpy()].mean() for tone in SKIN_TONES]
    assert means[0] > means[2] > means[4] > means[5]


def test_no_group_is_disadvantaged_unless_asked(plain: Phantom) -> None:
    """With the knob at 0, structures on types V and VI have at least three quarters of the others' contrast."""
    contrast, dark = _structure(plain), _dark(plain)
    assert np.median(contrast[dark]) > 0.75 * np.median(contrast[~dark])


def test_disadvantage_takes_contrast_from_dark_skin_alone(plain: Phantom) -> None:
    """Types I to IV are drawn to the byte as before; V and VI lose structure, not their outline."""
    faded = draw(Knobs(records=400, size=(48, 48), disadvantage=0.8))
    dark = _dark(plain)
    assert (faded.images[~dark] == plain.images[~dark]).all()
    assert (faded.masks == plain.masks).all()
    assert np.median(_structure(faded)[dark] / _structure(plain)[dark]) < 0.8
    assert (plain.lesions.keep == 1).all() and np.isclose(np.unique(faded.lesions.keep), [0.2, 1.0]).all()


def test_a_full_shortcut_puts_a_ruler_on_melanoma_alone() -> None:
    """At 1 the printed scale and the class are the same thing; at 0 they are independent."""
    melanoma = CLASSES.index("melanoma")
    for shortcut, on, off in ((0.0, RULER, RULER), (0.5, RULER + (1 - RULER) / 2, RULER / 2), (1.0, 1.0, 0.0)):
        phantom = draw(Knobs(records=3000, size=(8, 8), shortcut=shortcut))
        ruler = np.isfinite(phantom.views.ruler[:, 0])
        assert ruler[phantom.y == melanoma].mean() == pytest.approx(on, abs=0.05)
        assert ruler[phantom.y != melanoma].mean() == pytest.approx(off, abs=0.03)


def test_the_shortcut_changes_only_images_whose_ruler_changes(plain: Phantom) -> None:
    """The plant is the scale and nothing else, it is dark, and it is there to be seen."""
    planted = draw(Knobs(records=400, size=(48, 48), shortcut=1.0))
    before, after = (np.isfinite(phantom.views.ruler[:, 0]) for phantom in (plain, planted))
    same = before == after
    assert (planted.images[same] == plain.images[same]).all()
    added = planted.images[after & ~before].astype(int) - plain.images[after & ~before]
    assert len(added) > 40 and (added <= 1).all() and (added.min(axis=(1, 2, 3)) < -25).all()


@given(st.floats(0, 1), st.floats(0, 1))
def test_difficulty_brings_classes_nearer(one: float, other: float) -> None:
    """Chances stay probabilities, and no structure tells more at a higher difficulty."""
    easy, hard = chances(min(one, other)), chances(max(one, other))
    assert easy.shape == (len(CLASSES), len(FEATURES)) and ((easy >= 0) & (easy <= 1)).all()
    assert (np.ptp(hard, axis=0) <= np.ptp(easy, axis=0) + 1e-12).all()


def test_even_the_best_reader_errs() -> None:
    """Who knew every structure would still confuse classes: seldom at 0, mostly at 1."""

    def accuracy(difficulty: float) -> float:
        phantom = draw(Knobs(records=3000, size=(8, 8), difficulty=difficulty))
        shown, chance = phantom.lesions.features[phantom.views.lesion] > 0, chances(difficulty)
        evidence = shown @ np.log(chance).T + ~shown @ np.log(1 - chance).T + np.log(PREVALENCE)
        return float((evidence.argmax(axis=1) == phantom.y).mean())

    easy, usual, hard = (accuracy(difficulty) for difficulty in (0.0, 0.5, 1.0))
    assert 1.0 > easy > usual > hard and usual > 0.85 and hard < 0.75


def _recipe(folder: Path, data: str = "", image: str = "size: [10, 12], channels: 3", more: str = "") -> recipe.Recipe:
    path = folder / "phantom.yaml"
    path.write_text(
        f"name: p\ndata: {{source: phantom, records: 40{data}}}\ninputs:\n  skin: {{kind: image, {image}}}\n{more}"
    )
    return recipe.load(path)


def test_a_recipe_gives_records(tmp_path: Path) -> None:
    """The reader hands over what `draw` gives, in the recipe's size, grouped by lesion."""
    records = read(_recipe(tmp_path, ", shortcut: 0.3"))
    drawn = draw(replace(Knobs(), records=40, size=(10, 12), shortcut=0.3))
    items = records.items["skin"]
    assert isinstance(items, Arrays) and (items.values == drawn.images).all()
    assert records.phantom and records.classes == CLASSES and records.split is None
    (known,) = records.regions.values()
    assert isinstance(known, Regions) and known.values.shape == (40, 10, 12) and known.names[0] == "lesion"
    assert (records.y == drawn.y).all() and list(records.rows) == list(range(1, 41))
    assert list(records.patient) == list(drawn.frame["lesion_id"])


def test_one_channel_gives_grey_images(tmp_path: Path) -> None:
    """Grey images are the luma of the coloured ones."""
    records = read(_recipe(tmp_path, image="size: [10, 12], channels: 1"))
    items = records.items["skin"]
    assert isinstance(items, Arrays) and items.values.shape == (40, 10, 12) and items.values.dtype == np.uint8


def test_a_recipe_may_order_the_classes(tmp_path: Path) -> None:
    """`classes` sets the order of the outputs; each record keeps its class."""
    order = ("melanoma", "carcinoma", "nevus", "keratosis")
    records = read(_recipe(tmp_path, f", classes: [{', '.join(order)}]"))
    assert records.classes == order
    assert [order[k] for k in records.y] == list(records.frame["dx"])


def test_what_the_phantom_cannot_draw_is_refused(tmp_path: Path) -> None:
    """Foreign classes and a second input are errors that name the key."""
    with pytest.raises(RecipeError, match=r"data\.classes"):
        read(_recipe(tmp_path, ", classes: [nevus, wart]"))
    with pytest.raises(RecipeError, match="inputs"):
        read(_recipe(tmp_path, more="  other: {kind: image}\n"))
