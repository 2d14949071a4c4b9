"""One beat as a sum of Gaussians that move the heart's vector, repeated at the times of a rhythm.

Sources: McSharry et al. 2003, IEEE Trans Biomed Eng 50:289-294 (waves as Gaussians, two peaks in the spectrum of the
rhythm), without its differential equations; Sameni et al. 2007, EURASIP J Adv Signal Process 043407 (the same for three
axes). The numbers are our own, set so that the leads look as in a textbook.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

WAVES = ("P right", "P left", "Q", "R", "S", "T rise", "T fall")
P, QRS, T = slice(0, 2), slice(2, 5), slice(5, 7)
# Seconds from the peak of R at 60 beats a minute; standard deviation in seconds; mV along x, y, z.
CENTRE = np.array([-0.175, -0.150, -0.026, 0.0, 0.023, 0.245, 0.285])
WIDTH = np.array([0.016, 0.020, 0.0085, 0.0105, 0.0120, 0.050, 0.032])
VECTOR = np.array(
    [
        [0.030, 0.075, -0.045],
        [0.060, 0.060, 0.035],
        [-0.16, -0.08, -0.24],
        [1.08, 0.86, 0.30],
        [-0.16, -0.14, 0.66],
        [0.16, 0.12, -0.10],
        [0.20, 0.15, -0.10],
    ]
)
J_POINT = 0.048  # seconds after R: where the ST segment begins
_EDGE = 0.007
# Injury currents, about 1 mV in the lead that sees them best: towards V1 to V4 and away from II, III and aVF, or
# towards these and away from I and aVL.
TERRITORIES = ("anterior", "inferior")
INJURY = np.array([[0.10, -0.34, -0.62], [-0.12, 0.95, 0.12]])
# Fibrillation is seen best in V1 and the inferior leads.
ATRIUM = np.array([-0.15, 0.50, -0.80])


@dataclass(frozen=True, eq=False)
class Hearts:
    """How the hearts of k records beat.

    Attributes:
        beats: (k, B) seconds at which R peaks, rising; the first ones before 0, the last ones after the end.
        rate: (k, B) square root of the interval before each beat, seconds: the QT interval follows it (Bazett).
        centre, width: (k, 7) seconds, of each of WAVES.
        vector: (k, 7, 3) mV.
        injury: (k, 3) mV, of the ST segment.
        flutter: (k, 5) of fibrillation: height in mV; frequency, its deviation and how fast it deviates, Hz; phase.
    """

    beats: Floats
    rate: Floats
    centre: Floats
    width: Floats
    vector: Floats
    injury: Floats
    flutter: Floats


def trace(hearts: Hearts, time: Floats) -> tuple[Floats, Flags, Flags]:
    """The heart's vector over time, and where the ST segments and the P waves (or their places) are.

    Args:
        hearts: of k records.
        time: (n,) seconds.

    Returns:
        float32 (k, n, 3), mV; bool (k, n) of ST segments, from the J point to the peak of T; bool (k, n) of P.
    """
    k, n = len(hearts.beats), len(time)
    now = np.stack([np.searchsorted(beats, time, side="right") for beats in hearts.beats]) - 1
    vector = np.zeros((k, n, 3), np.float32)
    segment, atrial = np.zeros((k, n), bool), np.zeros((k, n), bool)
    for step in (-1, 0, 1):
        beat = np.clip(now + step, 0, hearts.beats.shape[1] - 1)
        since = time - np.take_along_axis(hearts.beats, beat, axis=1)
        stretch = np.take_along_axis(hearts.rate, beat, axis=1)
        for wave in range(len(WAVES)):
            # P and QRS keep their distance, T comes earlier in a faster heart and is narrower.
            long = stretch if wave >= T.start else np.float32(1)
            away = (since - hearts.centre[:, wave, None] * long) / (hearts.width[:, wave, None] * long)
            height = np.asarray(np.exp(-0.5 * np.square(away)), np.float32)
            vector += height[..., None] * hearts.vector[:, None, wave]
        peak = hearts.centre[:, -1, None] * stretch
        plateau = _rise((since - J_POINT) / _EDGE) * _rise((peak - since) / (3 * _EDGE * stretch))
        vector += plateau[..., None] * hearts.injury[:, None]
        segment |= (since >= J_POINT) & (since <= peak)
        middle, half = hearts.centre[:, P].mean(axis=1)[:, None], 2.2 * hearts.width[:, P].mean(axis=1)[:, None]
        atrial |= np.abs(since - middle) <= half + 0.012
    vector += np.multiply.outer(_fibrillation(hearts.flutter, time), ATRIUM.astype(np.float32))
    return vector, segment, atrial


def _rise(x: Floats) -> Floats:
    """From 0 to 1 within about 4 of `x`."""
    return np.asarray(0.5 * (1 + np.tanh(x)), np.float32)


def _fibrillation(flutter: Floats, time: Floats) -> Floats:
    """A sawtooth of three harmonics whose frequency and height wander: float32 (k, n), mV.

    Source: Stridh and Soernmo 2001, IEEE Trans Biomed Eng 48:105-111, section IV (simulated f waves).
    """
    height, frequency, deviation, slow, phase = (flutter[:, i, None] for i in range(5))
    drift = deviation / slow * np.sin(2 * np.pi * slow * time + phase)
    angle = 2 * np.pi * frequency * time + drift + phase
    saw = np.sin(angle) + np.sin(2 * angle) / 2 + np.sin(3 * angle) / 3
    swell = 1 + 0.3 * np.sin(2 * np.pi * 1.7 * slow * time + 2 * phase)
    return np.asarray(height * swell * saw, np.float32)
