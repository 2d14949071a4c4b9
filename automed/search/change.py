"""What is different when a network is trained again with choices that were made before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Change:
    """A change of the training; without arguments none.

    Attributes:
        weights: float64 (n,), of every record of the data set, times its class weight; those of train alone are read.
        resample: whether records are drawn by `weights`, with replacement, in place of weighing their loss.
        groups: int64 (n,), the group of every record; needed for a penalty.
        penalty: strength of the penalty on groups being treated unlike; 0 for none.
    """

    weights: npt.NDArray[np.float64] | None = None
    resample: bool = False
    groups: npt.NDArray[np.int64] | None = None
    penalty: float = 0.0


UNCHANGED = Change()
