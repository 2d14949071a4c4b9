"""Gated recurrent units."""

from __future__ import annotations

import keras

from automed.models.encoders import recurrent, steps
from automed.models.space import Space


def build(space: Space, shape: steps.Shape) -> keras.Model:
    """One or two layers of gated recurrent units, one way or both.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels).

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, t, features).

    Source: Cho et al. 2014, arXiv:1406.1078, section 2.3; both ways Schuster and Paliwal 1997, IEEE Transactions on
    Signal Processing 45(11).
    """
    return recurrent.build(keras.layers.GRU, "gru", space, shape)
