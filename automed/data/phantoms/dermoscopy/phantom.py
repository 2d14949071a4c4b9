"""The dermoscopy phantom: records of lesions that never were, with an answer that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from automed.data.phantoms.dermoscopy.cases import (
    CLASSES,
    DEVICES,
    PREVALENCE,
    SKIN_TONES,
    Columns,
    device_of,
    lesions,
    views,
    visits,
)
from automed.data.phantoms.dermoscopy.lesion import REGIONS, Bytes, Index, Lesions, Views, render
from automed.data.phantoms.dermoscopy.patterns import atlas
from automed.data.records import Arrays, Records, Regions
from automed.recipe import ImageInput, PhantomData, Recipe

SITES = ("back", "trunk", "lower extremity", "upper extremity", "face", "scalp")
_TONE_SHARE = (0.12, 0.24, 0.24, 0.16, 0.13, 0.11)
# One row a class: shares of SITES; then mean age and share of men.
_SITE_SHARE = np.array(
    [
        [0.30, 0.27, 0.21, 0.14, 0.06, 0.02],
        [0.30, 0.18, 0.20, 0.17, 0.11, 0.04],
        [0.24, 0.20, 0.12, 0.13, 0.24, 0.07],
        [0.19, 0.15, 0.10, 0.12, 0.36, 0.08],
    ]
)
_AGE = np.array([44.0, 59.0, 64.0, 66.0])
_MALE = np.array([0.48, 0.57, 0.54, 0.58])


@dataclass(frozen=True)
class Knobs:
    """What is drawn.

    Attributes:
        records: how many images.
        size: (height, width), pixels.
        seed: the same seed gives the same bytes, and fewer records are the first ones of more.
        difficulty: 0: each class shows its typical structures; 1: all classes are drawn alike but for a trace.
        shortcut: association of the printed scale with melanoma. It is on a share RULER + (1 - RULER) * shortcut of
            the images of melanoma and on RULER * (1 - shortcut) of all others; 0 plants nothing.
        disadvantage: share of the contrast of all local structures that skin types V and VI lose; the lesion's
            outline and its mean pigment stay.
    """

    records: int = 2000
    size: tuple[int, int] = (64, 64)
    seed: int = 0
    difficulty: float = 0.5
    shortcut: float = 0.0
    disadvantage: float = 0.0


@dataclass(frozen=True, eq=False)
class Phantom:
    """Images and everything that is known about them.

    Attributes:
        images: uint8 (n, h, w, 3), sRGB.
        masks: uint8 (n, h, w), 1 in the lesion.
        regions: uint8 (n, h, w), k where REGIONS[k - 1] is seen: the lesion, a printed scale, hairs beside the lesion.
        y: int64 (n,), position in CLASSES.
        frame: one row an image: lesion_id, dx, sex, age, age_band, skin_tone, site, device.
        lesions: how each lesion was built, one row a lesion.
        views: how each image was taken, one row an image; `views.lesion` points into `lesions`.
    """

    images: Bytes
    masks: Bytes
    regions: Bytes
    y: Index
    frame: pd.DataFrame
    lesions: Lesions
    views: Views


def read(recipe: Recipe) -> Records:
    """The phantom of a recipe, in the size of its one image input.

    Raises:
        RecipeError: several inputs, or classes that the phantom does not draw.
    """
    data = recipe.data
    if not isinstance(data, PhantomData):
        raise recipe.fail("data.source", "is not the phantom")
    (name, spec), *others = recipe.inputs.items()
    if others or not isinstance(spec, ImageInput):
        raise recipe.fail("inputs", f"of the phantom must be one image, got {len(recipe.inputs)} inputs")
    classes = CLASSES if data.classes is None else tuple(data.classes)
    if set(classes) != set(CLASSES):
        raise recipe.fail("data.classes", f"of the phantom are {', '.join(CLASSES)}; order and names are free")
    drawn = draw(Knobs(data.records, spec.size, data.seed, data.difficulty, data.shortcut, data.disadvantage))
    images: Bytes = drawn.images
    if spec.channels == 1:
        # Luma of ITU-R BT.601.
        images = np.round(images @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.uint8)
    order = np.array([classes.index(key) for key in CLASSES], np.int64)
    return Records(
        frame=drawn.frame,
        y=order[drawn.y],
        classes=classes,
        patient=drawn.frame["lesion_id"].to_numpy(object),
        items={name: Arrays(images)},
        rows=np.arange(1, data.records + 1, dtype=np.int64),
        regions={name: Regions(drawn.regions, REGIONS)},
        phantom=True,
    )


def draw(knobs: Knobs) -> Phantom:
    """Draw images, masks, regions and the table that goes with them; deterministic, in batches of bounded memory."""
    count, (height, width) = knobs.records, knobs.size
    seed = knobs.seed % 2**63
    of = visits(seed, count)
    total = int(of[-1]) + 1
    kind, tone, person = _people(seed, total)
    built = lesions(seed, kind, tone, difficulty=knobs.difficulty, disadvantage=knobs.disadvantage)
    taken = views(seed, of, kind, shortcut=knobs.shortcut)
    images = np.empty((count, height, width, 3), np.uint8)
    masks, regions = (np.empty((count, height, width), np.uint8) for _ in range(2))
    textures = atlas(seed)
    # One stream in the order of records, so that neither batches nor their number change an image.
    noise = np.random.default_rng([seed, 5])
    step = max(1, 2**17 // (height * width))
    for start in range(0, count, step):
        rows = np.arange(start, min(start + step, count))
        image, masks[rows], regions[rows] = render(built, taken, rows, knobs.size, textures)
        image += np.float32(0.014) * noise.standard_normal(image.shape, np.float32)
        images[rows] = np.clip(image * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    frame = person.iloc[of].reset_index(drop=True)
    frame["device"] = np.array(DEVICES, object)[device_of(seed, count)]
    return Phantom(images, masks, regions, kind[of], frame, built, taken)


def _people(seed: int, total: int) -> tuple[Index, Index, pd.DataFrame]:
    """Class, skin type and the columns that all images of a lesion share."""
    draws = Columns([seed, 2], total, 6)
    # Steps of the golden ratio fill the interval evenly: few records hold each class too.
    even = (np.arange(total) * 0.6180339887498949 + np.random.default_rng([seed, 0]).random()) % 1.0
    kind = np.searchsorted(np.cumsum(PREVALENCE)[:-1], even, side="right").astype(np.int64)
    tone = np.searchsorted(np.cumsum(_TONE_SHARE)[:-1], draws.uniform(), side="right").astype(np.int64)
    age = np.clip(np.round((_AGE[kind] + 15.0 * draws.normal()) / 5.0) * 5.0, 20, 90).astype(np.int64)
    male = draws.uniform() < _MALE[kind]
    site = (draws.uniform()[:, None] > np.cumsum(_SITE_SHARE, axis=1)[kind, :-1]).sum(axis=1)
    frame = pd.DataFrame(
        {
            "lesion_id": [f"PH_{number:07d}" for number in range(1, total + 1)],
            "dx": np.array(CLASSES, object)[kind],
            "sex": np.where(male, "male", "female"),
            "age": age,
            "age_band": np.array(["0-39", "40-59", "60+"], object)[np.searchsorted([40, 60], age, side="right")],
            "skin_tone": np.array(SKIN_TONES, object)[tone],
            "site": np.array(SITES, object)[site],
        }
    )
    return kind, tone, frame
