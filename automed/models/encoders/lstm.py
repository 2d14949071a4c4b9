"""Long short-term memory."""

from __future__ import annotations

import keras

from automed.models.encoders import recurrent, steps
from automed.models.space import Space


def build(space: Space, shape: steps.Shape) -> keras.Model:
    """One or two layers of long short-term memory, one way or both.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels).

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, t, features).

    Source: Hochreiter and Schmidhuber 1997, Neural Computation 9(8); both ways Graves and Schmidhuber 2005, Neural
    Networks 18(5).
    """
    return recurrent.build(keras.layers.LSTM, "lstm", space, shape)
