"""What lies over an ECG: muscle, mains, breath, and the pulse that a recorder writes to show its scale."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automed.data.phantoms.ecg.leads import Floats

MAINS = 50.0  # Hz
PULSE = (0.10, 0.30, 0.40)  # seconds at which the pulse of 1 mV rises and falls, and at which the trace begins


def over(noise: Floats, wobble: Floats, white: Floats, time: Floats, rate: float) -> Floats:
    """What the electrodes pick up besides the heart.

    Args:
        noise: (k, 3) muscle noise, mains hum and wandering, mV.
        wobble: (k, 9, 6) uniform numbers, one row an electrode.
        white: (k, n, 9) normal numbers.
        time: (n,) seconds.
        rate: steps a second.

    Returns:
        float32 (k, n, 9), mV, one column an electrode.
    """
    muscle, hum, wander = (noise[:, i, None, None] for i in range(3))
    turns = 2 * np.pi * wobble.transpose(0, 2, 1)[:, :, None, :]  # (k, 6, 1, 9)
    at = time[None, :, None]
    breath = 0.18 + 0.14 * wobble[:, :1, 0, None]  # one breath moves all electrodes
    slow = np.sin(2 * np.pi * breath * at + turns[:, 1, :, :1] + 0.6 * turns[:, 2] / np.pi)
    slow = (0.3 + 0.7 * wobble[:, None, :, 3]) * slow + 0.6 * np.sin(2 * np.pi * 0.06 * at + turns[:, 4])
    # Muscles tense and relax within seconds.
    tension = 0.7 + 0.5 * np.sin(2 * np.pi * 0.17 * at + turns[:, 5])
    # A recorder's filter takes what lies at half the rate and above.
    left = 1.0 if rate > 2.2 * MAINS else 0.4
    mains = np.sin(2 * np.pi * (MAINS - 0.03) * at + turns[:, 0]) * left
    found: Floats = (muscle * tension * white + hum * mains + wander * slow).astype(np.float32)
    return found


def calibrate(signals: Floats, time: Floats, shown: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Write the pulse of 1 mV over the beginning of those `shown`, (k,), in place.

    Returns:
        bool (n,), the steps that it takes.
    """
    rise, fall, end = PULSE
    taken = time < end
    pulse = ((time >= rise) & (time < fall)).astype(np.float32)[taken]
    where = np.flatnonzero(shown)[:, None], np.flatnonzero(taken)[None]
    signals[where] = pulse[None, :, None]
    return taken
