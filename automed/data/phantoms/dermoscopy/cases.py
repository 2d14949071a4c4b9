"""What each class of lesion shows and how often: the tables that a phantom's lesions and images are drawn from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from automed.data.phantoms.dermoscopy.lesion import FEATURES, Index, Lesions, Views
from automed.data.phantoms.dermoscopy.patterns import Floats

CLASSES = ("nevus", "melanoma", "keratosis", "carcinoma")
PREVALENCE = (0.52, 0.20, 0.18, 0.10)
SKIN_TONES = ("I", "II", "III", "IV", "V", "VI")
# Melanin of each type, chosen so that the colour falls in its interval of individual typology angle:
# > 55, 41-55, 28-41, 10-28, -30-10, < -30 degrees (Del Bino and Bernerd 2013, Br J Dermatol 169 s3).
SKIN_MELANIN = (0.22, 0.52, 0.74, 0.96, 1.38, 2.05)
DEVICES = ("contact polarised", "contact immersion", "non-contact polarised")
# Share of images with a printed scale where no shortcut is planted.
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
# Share of pale lesions.
_PALE = np.array([0.16, 0.12, 0.28, 0.55])


class Columns:
    """Uniform numbers, one row a thing, handed out by column: more rows never change the rows before."""

    def __init__(self, key: list[int], rows: int, columns: int) -> None:
        self._values = np.random.default_rng(key).random((rows, columns))
        self._next = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> npt.NDArray[np.float64]:
        self._next += 1
        return np.asarray(low + (high - low) * self._values[:, self._next - 1])

    def normals(self, *shape: int) -> npt.NDArray[np.float64]:
        return np.asarray(ndtri(np.clip(self.table(*shape), 1e-6, 1 - 1e-6)))

    def normal(self) -> npt.NDArray[np.float64]:
        return self.normals(1)[:, 0]

    def table(self, *shape: int) -> npt.NDArray[np.float64]:
        columns = int(np.prod(shape))
        self._next += columns
        return self._values[:, self._next - columns : self._next].reshape(-1, *shape)


def visits(seed: int, count: int) -> Index:
    """Which lesion each image shows: one, two or three images a lesion, side by side."""
    times = np.array([1, 2, 3])[np.searchsorted([0.5, 0.8], np.random.default_rng([seed, 1]).random(count))]
    return np.repeat(np.arange(count, dtype=np.int64), times)[:count]


def chances(difficulty: float) -> npt.NDArray[np.float64]:
    """Probability of each structure in each class: float64 (4, 13); classes draw nearer as difficulty rises."""
    return _blend(_TYPICAL, difficulty)


def _blend(table: npt.NDArray[np.float64], difficulty: float) -> npt.NDArray[np.float64]:
    pooled = np.asarray(PREVALENCE) @ table
    return np.asarray(table + 0.8 * difficulty**4 * (pooled - table))


def lesions(seed: int, kind: Index, tone: Index, *, difficulty: float, disadvantage: float) -> Lesions:
    """How each lesion is built.

    Args:
        seed: of the whole phantom.
        kind: int64 (n,), class of each lesion.
        tone: int64 (n,), skin type, 0 to 5.
        difficulty: how near the classes are drawn to each other.
        disadvantage: share of the contrast of structures that types V and VI lose.
    """
    n = len(kind)
    draws = Columns([seed, 3], n, 90)
    shape = _blend(_SHAPE, difficulty)[kind]
    pale = draws.uniform() < _blend(_PALE[:, None], difficulty)[kind, 0]
    asymmetry, irregularity, softness, variegation = (
        np.clip(shape[:, i] + 0.19 * draws.normal(), 0.02, 1.0) for i in range(4)
    )
    present = draws.table(len(FEATURES)) < chances(difficulty)[kind]
    strength = 0.65 + 0.35 * draws.table(len(FEATURES))
    waves = np.stack([draws.normals(4), 2 * np.pi * draws.table(4)], axis=-1)
    waves[..., 0] *= np.array([0.09, 0.06, 0.04, 0.03]) * (0.35 + asymmetry[:, None])
    angle = 2 * np.pi * draws.table(3)
    away = 0.25 + 0.35 * draws.table(3)
    spots = np.stack([away * np.cos(angle), away * np.sin(angle), 0.38 + 0.22 * draws.table(3)], axis=-1)
    keep = np.where(tone >= SKIN_TONES.index("V"), 1.0 - disadvantage, 1.0)
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
        offsets=_f32(16.0 + 4.0 * draws.table(16, 2)),
        spots=_f32(spots),
        keep=_f32(keep),
    )


def device_of(seed: int, count: int) -> Index:
    """Which of DEVICES took each image: int64 (n,), the same whatever the class."""
    share = np.random.default_rng([seed, 6]).random(count)
    return np.searchsorted([0.5, 0.8], share, side="right").astype(np.int64)


def views(seed: int, of: Index, kind: Index, *, shortcut: float) -> Views:
    """How each image is taken: `of`, int64 (n,), is its lesion, `kind`, (lesions,), the class of each lesion."""
    n = len(of)
    draws = Columns([seed, 4], n, 90)
    device = device_of(seed, n)
    tint = np.array([[1.03, 0.99, 0.98], [1.06, 0.95, 0.96], [0.98, 0.99, 1.05]])[device]
    light = np.array([1.25, 1.20, 1.46]) * tint * np.exp(0.10 * draws.normal())[:, None]
    light = light * np.exp(0.045 * draws.normals(3))
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
    chance = np.where(melanoma, RULER + (1 - RULER) * shortcut, RULER * (1 - shortcut))
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
