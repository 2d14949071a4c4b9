"""The dermoscopy phantom: records of lesions that never were, with an answer that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from automed.data.dermoscopy import FEATURES, Bytes, Index, Lesions, Views, render
from automed.data.patterns import Floats, atlas
from automed.data.records import Arrays, Records
from automed.recipe import PhantomData, Recipe

CLASSES = ("nevus", "melanoma", "keratosis", "carcinoma")
PREVALENCE = (0.52, 0.20, 0.18, 0.10)
SKIN_TONES = ("I", "II", "III", "IV", "V", "VI")
_TONE_SHARE = (0.12, 0.24, 0.24, 0.16, 0.13, 0.11)
# Melanin of each type, chosen so that the colour falls in its interval of individual typology angle:
# > 55, 41-55, 28-41, 10-28, -30-10, < -30 degrees (Del Bino and Bernerd 2013, Br J Dermatol 169 s3).
SKIN_MELANIN = (0.22, 0.52, 0.74, 0.96, 1.38, 2.05)
SITES = ("back", "trunk", "lower extremity", "upper extremity", "face", "scalp")
_SITE_SHARE = ((0.30, 0.27, 0.21, 0.14, 0.06, 0.02), (0.30, 0.18, 0.20, 0.17, 0.11, 0.04)) + (
    (0.24, 0.20, 0.12, 0.13, 0.24, 0.07),
    (0.19, 0.15, 0.10, 0.12, 0.36, 0.08),
)
DEVICES = ("contact polarised", "contact immersion", "non-contact polarised")
RULER = 0.08

# How often a lesion of each class shows each structure when nothing is confused (difficulty 0).
_TYPICAL = np.array(
    # network cobbles broken dots streaks veil regression cysts plugs ridges vessels nests ulcer
    [
        [0.66, 0.34, 0.05, 0.06, 0.02, 0.02, 0.02, 0.03, 0.02, 0.02, 0.02, 0.01, 0.01],
        [0.08, 0.04, 0.72, 0.50, 0.45, 0.50, 0.38, 0.03, 0.04, 0.02, 0.05, 0.05, 0.05],
        [0.04, 0.03, 0.04, 0.06, 0.02, 0.03, 0.05, 0.66, 0.58, 0.60, 0.03, 0.02, 0.03],
        [0.01, 0.02, 0.01, 0.05, 0.01, 0.05, 0.04, 0.05, 0.04, 0.01, 0.80, 0.62, 0.36],
    ]
)
# Means of asymmetry, irregularity, softness, variegation, radius.
_SHAPE = np.array(
    [
        [0.25, 0.22, 0.58, 0.25, 0.54],
        [0.62, 0.62, 0.38, 0.62, 0.60],
        [0.36, 0.36, 0.20, 0.42, 0.56],
        [0.46, 0.42, 0.42, 0.38, 0.52],
    ]
)
# Share of pale lesions, mean age.
_PALE = np.array([0.16, 0.12, 0.28, 0.55])
_AGE = np.array([44.0, 59.0, 64.0, 66.0])


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
        y: int64 (n,), position in CLASSES.
        frame: one row an image: lesion_id, dx, sex, age, age_band, skin_tone, site, device.
        lesions: how each lesion was built, one row a lesion.
        views: how each image was taken, one row an image; `views.lesion` points into `lesions`.
    """

    images: Bytes
    masks: Bytes
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
    if len(recipe.inputs) != 1:
        raise recipe.fail("inputs", f"of the phantom must be one image, got {len(recipe.inputs)}")
    classes = CLASSES if data.classes is None else tuple(data.classes)
    if set(classes) != set(CLASSES):
        raise recipe.fail("data.classes", f"of the phantom are {', '.join(CLASSES)}; order and names are free")
    (name, spec), *_ = recipe.inputs.items()
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
        masks=drawn.masks,
        phantom=True,
    )


def draw(knobs: Knobs) -> Phantom:
    """Draw images, masks and the table that goes with them; deterministic, in batches of bounded memory."""
    count, (height, width) = knobs.records, knobs.size
    seed = knobs.seed % 2**63
    of = _visits(seed, count)
    total = int(of[-1]) + 1
    kind, tone, person = _people(seed, total)
    lesions = _lesions(seed, kind, tone, knobs)
    views = _views(seed, of, kind, lesions, knobs)
    images = np.empty((count, height, width, 3), np.uint8)
    masks = np.empty((count, height, width), np.uint8)
    textures = atlas(seed)
    # One stream in the order of records, so that neither batches nor their number change an image.
    noise = np.random.default_rng([seed, 5])
    step = max(1, 2**17 // (height * width))
    for start in range(0, count, step):
        rows = np.arange(start, min(start + step, count))
        image, masks[rows] = render(lesions, views, rows, knobs.size, textures)
        image += np.float32(0.014) * noise.standard_normal(image.shape, np.float32)
        images[rows] = np.clip(image * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    frame = person.iloc[of].reset_index(drop=True)
    frame["device"] = np.array(DEVICES, object)[_device(seed, count)]
    return Phantom(images, masks, kind[of], frame, lesions, views)


class _Columns:
    """Uniform numbers, one row a thing, handed out by column: more rows never change the rows before."""

    def __init__(self, key: list[int], rows: int, columns: int) -> None:
        self._values = np.random.default_rng(key).random((rows, columns))
        self._next = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> npt.NDArray[np.float64]:
        self._next += 1
        return np.asarray(low + (high - low) * self._values[:, self._next - 1])

    def normal(self) -> npt.NDArray[np.float64]:
        return np.asarray(ndtri(np.clip(self.uniform(), 1e-6, 1 - 1e-6)))

    def table(self, *shape: int) -> npt.NDArray[np.float64]:
        columns = int(np.prod(shape))
        self._next += columns
        return self._values[:, self._next - columns : self._next].reshape(-1, *shape)


def _visits(seed: int, count: int) -> Index:
    """Which lesion each image shows: one, two or three images a lesion, side by side."""
    times = np.array([1, 2, 3])[np.searchsorted([0.5, 0.8], np.random.default_rng([seed, 1]).random(count))]
    return np.repeat(np.arange(count, dtype=np.int64), times)[:count]


def _people(seed: int, total: int) -> tuple[Index, Index, pd.DataFrame]:
    """Class, skin type and the columns that all images of a lesion share."""
    draws = _Columns([seed, 2], total, 6)
    # Steps of the golden ratio fill the interval evenly: few records hold each class too.
    even = (np.arange(total) * 0.6180339887498949 + np.random.default_rng([seed, 0]).random()) % 1.0
    kind = np.searchsorted(np.cumsum(PREVALENCE)[:-1], even, side="right").astype(np.int64)
    tone = np.searchsorted(np.cumsum(_TONE_SHARE)[:-1], draws.uniform(), side="right").astype(np.int64)
    age = np.clip(np.round((_AGE[kind] + 15.0 * draws.normal()) / 5.0) * 5.0, 15, 90).astype(np.int64)
    male = draws.uniform() < np.array([0.48, 0.57, 0.54, 0.58])[kind]
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


def chances(difficulty: float) -> npt.NDArray[np.float64]:
    """Probability of each structure in each class: float64 (4, 13); classes draw nearer as difficulty rises."""
    return _blend(_TYPICAL, difficulty)


def _blend(table: npt.NDArray[np.float64], difficulty: float) -> npt.NDArray[np.float64]:
    pooled = np.asarray(PREVALENCE) @ table
    return np.asarray(table + 0.8 * difficulty**4 * (pooled - table))


def _lesions(seed: int, kind: Index, tone: Index, knobs: Knobs) -> Lesions:
    n = len(kind)
    draws = _Columns([seed, 3], n, 90)
    shape = _blend(_SHAPE, knobs.difficulty)[kind]
    pale = draws.uniform() < _blend(_PALE[:, None], knobs.difficulty)[kind, 0]
    asymmetry, irregularity, softness, variegation = (
        np.clip(shape[:, i] + 0.19 * draws.normal(), 0.02, 1.0) for i in range(4)
    )
    present = draws.table(len(FEATURES)) < chances(knobs.difficulty)[kind]
    strength = 0.65 + 0.35 * draws.table(len(FEATURES))
    waves = np.stack([ndtri(np.clip(draws.table(4), 1e-6, 1 - 1e-6)), 2 * np.pi * draws.table(4)], axis=-1)
    waves[..., 0] *= np.array([0.09, 0.06, 0.04, 0.03]) * (0.35 + asymmetry[:, None])
    angle = 2 * np.pi * draws.table(3)
    away = 0.25 + 0.35 * draws.table(3)
    spots = np.stack([away * np.cos(angle), away * np.sin(angle), 0.38 + 0.22 * draws.table(3)], axis=-1)
    keep = np.where(tone >= SKIN_TONES.index("V"), 1.0 - knobs.disadvantage, 1.0)
    return Lesions(
        skin=_f32(np.asarray(SKIN_MELANIN)[tone] * np.exp(0.08 * draws.normal())),
        radius=_f32(np.clip(shape[:, 4] + 0.09 * draws.normal(), 0.34, 0.80)),
        aspect=_f32(np.exp(0.22 * np.abs(draws.normal()))),
        waves=_f32(waves),
        asymmetry=_f32(asymmetry),
        irregularity=_f32(irregularity),
        softness=_f32(softness),
        variegation=_f32(variegation),
        pigment=_f32(np.where(pale, 0.50, 1.30) * np.exp(0.27 * draws.normal())),
        redness=_f32(np.where(pale, 0.45, 0.28) * np.exp(0.45 * draws.normal())),
        features=_f32(present * strength),
        offsets=_f32(8.0 + 4.0 * draws.table(16, 2)),
        spots=_f32(spots),
        keep=_f32(keep),
    )


def _device(seed: int, count: int) -> Index:
    share = np.random.default_rng([seed, 6]).random(count)
    return np.searchsorted([0.5, 0.8], share, side="right").astype(np.int64)


def _views(seed: int, of: Index, kind: Index, lesions: Lesions, knobs: Knobs) -> Views:
    n = len(of)
    draws = _Columns([seed, 4], n, 90)
    device = _device(seed, n)
    tint = np.array([[1.03, 0.99, 0.98], [1.06, 0.95, 0.96], [0.98, 0.99, 1.05]])[device]
    light = np.array([1.25, 1.20, 1.46]) * tint * np.exp(0.10 * draws.normal())[:, None]
    light = light * np.exp(0.045 * ndtri(np.clip(draws.table(3), 1e-6, 1 - 1e-6)))
    tube = np.array([0.35, 0.15, 0.04])[device]
    hairy = (draws.uniform() < 0.40) * draws.uniform(0.5, 9.5)
    comb = draws.uniform(0, np.pi)[:, None]
    across = draws.table(9)
    hairs = np.stack(
        [
            2.2 * across - 1.1,
            comb + 1.1 * (draws.table(9) - 0.5),
            0.7 * (draws.table(9) - 0.5),
            np.where(np.arange(9) < hairy[:, None] - 0.5, 0.007 + 0.008 * draws.table(9), 0.0),
            0.55 + 0.4 * draws.table(9),
        ],
        axis=-1,
    )
    many = (draws.uniform() < 0.10) * draws.uniform(0.5, 3.5)
    bubbles = 1.8 * draws.table(3, 3) - 0.9
    bubbles[..., 2] = np.where(np.arange(3) < many[:, None] - 0.5, 0.06 + 0.05 * np.abs(bubbles[..., 2]), 0.0)
    melanoma = kind[of] == CLASSES.index("melanoma")
    chance = np.where(melanoma, RULER + (1 - RULER) * knobs.shortcut, RULER * (1 - knobs.shortcut))
    shown = draws.uniform() < chance
    edge = np.pi / 2 * np.floor(draws.uniform(0, 4)) + draws.uniform(-0.12, 0.12)
    ruler = np.stack([np.where(shown, edge, np.nan), draws.uniform(0.80, 0.90)], axis=-1)
    return Views(
        lesion=of,
        angle=_f32(draws.uniform(0, 2 * np.pi)),
        zoom=_f32(np.exp(0.10 * draws.normal())),
        shift=_f32(0.13 * ndtri(np.clip(draws.table(2), 0.01, 0.99))),
        light=_f32(light),
        slope=_f32(0.12 * (2 * draws.table(2) - 1)),
        vignette=_f32(np.where(draws.uniform() < tube, draws.uniform(1.0, 1.22), 9.0)),
        hairs=_f32(hairs),
        bubbles=_f32(bubbles),
        ruler=_f32(ruler),
    )


def _f32(values: npt.NDArray[np.floating]) -> Floats:
    return values.astype(np.float32)
