"""Who lies under the electrodes and how the recording went: the tables that a phantom's records are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from automed.data.phantoms.ecg import heart
from automed.data.phantoms.ecg.heart import Floats, Hearts

Index = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

CLASSES = ("normal", "st_elevation", "no_p")
PREVALENCE = (0.56, 0.22, 0.22)
DEVICES = ("ward", "clinic", "ambulance")
# Share of records that begin with a calibration pulse where no shortcut is planted.
PULSE = 0.08

_MALE = np.array([0.48, 0.66, 0.56])
_AGE = np.array([52.0, 62.0, 71.0])
# Of each device: muscle noise, mains hum, wandering of the baseline; mV.
_NOISE = np.array([[0.012, 0.004, 0.05], [0.008, 0.002, 0.04], [0.024, 0.009, 0.09]])
_SHORTEST = 0.34  # seconds between two beats


@dataclass(frozen=True, eq=False)
class People:
    """The patients, one row each.

    Attributes:
        kind: int64 (p,), position in CLASSES.
        territory: int64 (p,), position in TERRITORIES, whatever the class.
        frame: patient_id, dx, sex, age, age_band.
    """

    kind: Index
    territory: Index
    frame: pd.DataFrame

    @property
    def female(self) -> npt.NDArray[np.bool_]:
        """bool (p,)."""
        return (self.frame["sex"] == "female").to_numpy(bool)


class Draws:
    """Random numbers, one row a thing, handed out by column: more rows never change the rows before."""

    def __init__(self, seed: int, stream: int, rows: int, columns: int) -> None:
        self._values = np.random.default_rng([seed, stream]).random((rows, columns))
        self._next = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Reals:
        self._next += 1
        return np.asarray(low + (high - low) * self._values[:, self._next - 1])

    def normals(self, columns: int) -> Reals:
        self._next += columns
        taken = self._values[:, self._next - columns : self._next]
        return np.asarray(ndtri(np.clip(taken, 1e-6, 1 - 1e-6)))

    def normal(self) -> Reals:
        return self.normals(1)[:, 0]


def visits(seed: int, count: int) -> Index:
    """Which patient each record is of: one, two or three records a patient, side by side."""
    times = np.array([1, 2, 3])[np.searchsorted([0.5, 0.8], np.random.default_rng([seed, 11]).random(count))]
    return np.repeat(np.arange(count, dtype=np.int64), times)[:count]


def people(seed: int, total: int) -> People:
    """Class and the columns that all records of a patient share."""
    draws = Draws(seed, 12, total, 4)
    # Steps of the golden ratio fill the interval evenly: few records hold each class too.
    even = (np.arange(total) * 0.6180339887498949 + np.random.default_rng([seed, 10]).random()) % 1.0
    kind = np.searchsorted(np.cumsum(PREVALENCE)[:-1], even, side="right").astype(np.int64)
    age = np.clip(np.round(_AGE[kind] + 13.0 * draws.normal()), 20, 95).astype(np.int64)
    frame = pd.DataFrame(
        {
            "patient_id": [f"PE_{number:07d}" for number in range(1, total + 1)],
            "dx": np.array(CLASSES, object)[kind],
            "sex": np.where(draws.uniform() < _MALE[kind], "male", "female"),
            "age": age,
            "age_band": np.array(["0-39", "40-59", "60+"], object)[np.searchsorted([40, 60], age, side="right")],
        }
    )
    return People(kind, (draws.uniform() < 0.45).astype(np.int64), frame)


def strength(difficulty: float, disadvantage: float, female: npt.NDArray[np.bool_]) -> Reals:
    """How much of its sign a sick record shows: 1 all, 0 none."""
    shown = 1.0 - 0.88 * difficulty**2
    return np.where(female, shown * (1.0 - disadvantage), shown)


def hearts(seed: int, of: Index, who: People, seconds: float, *, difficulty: float, disadvantage: float) -> Hearts:
    """How the heart of each record beats.

    Args:
        seed: of the whole phantom.
        of: int64 (n,), the patient of each record.
        who: the patients.
        seconds: how long a record is.
        difficulty: how near the classes are drawn to each other.
        disadvantage: share of the sign that women lose.
    """
    n, kind = len(of), who.kind[of]
    own, now = Draws(seed, 13, len(who.kind), 32), Draws(seed, 14, n, 24)
    keep = strength(difficulty, disadvantage, who.female)[of]
    sick, still = kind == CLASSES.index("st_elevation"), kind == CLASSES.index("no_p")

    centre = heart.CENTRE + np.concatenate([np.repeat(0.012 * own.normals(1), 2, 1), np.zeros((len(who.kind), 5))], 1)
    centre = centre * np.exp(0.05 * own.normals(1))
    width = heart.WIDTH * np.exp(0.08 * own.normals(7))
    gain = np.exp(np.concatenate([np.repeat(0.22 * own.normals(3), [2, 3, 2], axis=1)], axis=1))
    vector = heart.VECTOR * (gain * np.exp(0.10 * own.normals(7)))[..., None]
    tilt, turn = np.radians(13.0 * own.normal()), np.radians(11.0 * own.normal())
    injury = (0.20 + 0.34 * own.uniform() ** 1.5)[of] * np.exp(0.12 * now.normal()) * sick * keep
    # Everybody's ST segment lies a little off the line, more so where the task is harder.
    off = (0.015 + 0.05 * difficulty) * own.normals(3)[of] * np.array([0.6, 0.6, 1.0])
    tilt, turn = tilt[of] + np.radians(3.0) * now.normal(), turn[of] + np.radians(4.0) * now.normal()
    turned = np.einsum("nij,nwj->nwi", _rotation(tilt, turn), vector[of])
    turned[:, heart.P] *= np.where(still, 1.0 - keep, 1.0)[:, None, None]

    beats, rate = _rhythm(seed, n, seconds, now, still * keep, difficulty)
    height = np.exp(0.35 * now.normal()) * 0.038 * still * keep
    flutter = [height, now.uniform(5.2, 7.8), now.uniform(0.2, 0.6), now.uniform(0.1, 0.35), now.uniform(0, 2 * np.pi)]
    return Hearts(
        beats=_f32(beats),
        rate=_f32(rate),
        centre=_f32(centre[of]),
        width=_f32(width[of]),
        vector=_f32(turned),
        injury=_f32(heart.INJURY[who.territory[of]] * injury[:, None] + off),
        flutter=_f32(np.stack(flutter, axis=1)),
    )


def device_of(seed: int, count: int) -> Index:
    """Which of DEVICES took each record: int64 (n,), the same whatever the class."""
    share = np.random.default_rng([seed, 16]).random(count)
    return np.searchsorted([0.45, 0.8], share, side="right").astype(np.int64)


def noise_of(seed: int, count: int, difficulty: float) -> Floats:
    """float32 (n, 3): muscle noise, mains hum and wandering of the baseline of each record, mV."""
    draws = Draws(seed, 17, count, 3)
    return _f32(_NOISE[device_of(seed, count)] * np.exp(0.4 * draws.normals(3)) * (0.6 + 0.8 * difficulty))


def pulsed(seed: int, kind: Index, shortcut: float) -> npt.NDArray[np.bool_]:
    """bool (n,), which records begin with a calibration pulse; at 1 those with ST elevation and no other."""
    sick = kind == CLASSES.index("st_elevation")
    chance = np.where(sick, PULSE + (1 - PULSE) * shortcut, PULSE * (1 - shortcut))
    return np.asarray(np.random.default_rng([seed, 18]).random(len(kind)) < chance)


def _rhythm(seed: int, n: int, seconds: float, now: Draws, irregular: Reals, difficulty: float) -> tuple[Reals, Reals]:
    """Times of beats (n, B), and the square root of the interval before each."""
    usual = 60.0 / np.clip(70.0 + 11.0 * now.normal() + 14.0 * irregular, 45.0, 125.0)
    count = int(seconds / _SHORTEST) + 8
    jitter = Draws(seed, 15, n, count).normals(count)
    number = usual[:, None] * np.arange(count)
    breath, height = now.uniform(0.18, 0.32), np.abs(now.normal()) * (0.02 + 0.03 * difficulty)
    slow = 0.012 * np.abs(now.normal())
    waves = height[:, None] * np.sin(2 * np.pi * (breath[:, None] * number + now.uniform()[:, None]))
    waves = waves + slow[:, None] * np.sin(2 * np.pi * (0.1 * number + now.uniform()[:, None]))
    spread = 0.010 + 0.22 * irregular
    interval = np.maximum(usual[:, None] * (1 + waves) * np.exp(spread[:, None] * jitter), _SHORTEST)
    # Two beats lie before the record, so that its first wave may be a T.
    beats = np.cumsum(interval, axis=1) - (interval[:, :3].sum(axis=1) - now.uniform() * usual)[:, None]
    # The QT interval follows the rhythm slowly.
    calm = 0.25 * interval + 0.75 * usual[:, None]
    return beats, np.sqrt(calm)


def _rotation(tilt: Reals, turn: Reals) -> Reals:
    """Rotation in the frontal plane by `tilt`, then in the horizontal one by `turn`: (n, 3, 3)."""
    matrix = np.zeros((len(tilt), 3, 3))
    a, b, c, d = np.cos(tilt), np.sin(tilt), np.cos(turn), np.sin(turn)
    matrix[:, 0] = np.stack([c * a, -c * b, -d], axis=1)
    matrix[:, 1] = np.stack([b, a, np.zeros_like(a)], axis=1)
    matrix[:, 2] = np.stack([d * a, -d * b, c], axis=1)
    return matrix


def _f32(values: npt.NDArray[np.floating]) -> Floats:
    return values.astype(np.float32)
