"""From the heart's vector and the electrodes to the twelve leads.

Axes are Frank's: x to the left, y to the feet, z to the back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")

# Rows I, II, V1 to V6: Dower, Bastos Machado and Osborne 1980, Clin Cardiol 3:87-95.
_DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
# The six limb leads from I and II: Einthoven's and Goldberger's equations.
_LIMB = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [-0.5, -0.5], [1.0, -0.5], [-0.5, 1.0]])


def of_vector(names: tuple[str, ...] = LEADS) -> Floats:
    """float32 (leads, 3): what each lead sees of the heart's vector."""
    whole = np.concatenate([_LIMB @ _DOWER[:2], _DOWER[2:]])
    return whole[[LEADS.index(name) for name in names]].astype(np.float32)


def of_electrodes(names: tuple[str, ...] = LEADS) -> Floats:
    """float32 (leads, 9): each lead as a difference of electrodes, so that noise too obeys I + III = II."""
    limb = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
    chest = np.concatenate([np.full((6, 3), -1 / 3), np.eye(6)], axis=1)  # against Wilson's terminal
    whole = np.concatenate([np.pad(_LIMB @ limb, [(0, 0), (0, 6)]), chest])
    return whole[[LEADS.index(name) for name in names]].astype(np.float32)
