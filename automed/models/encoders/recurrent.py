"""What the recurrent encoders share: layers that read one way, or both."""

from __future__ import annotations

from typing import Any

import keras

from automed.models.encoders import steps
from automed.models.space import Space

LENGTH = 200  # steps from which on the loop over them would take most of the time


def build(kind: Any, name: str, space: Space, shape: steps.Shape) -> keras.Model:
    """One or two recurrent layers over the steps.

    Asks for `units`, `layers`, `bidirectional`, `dropout`, and `detail` of a long input.

    Args:
        kind: keras.layers.GRU or keras.layers.LSTM.
        name: of the encoder.
        space: where each choice comes from.
        shape: (steps, channels).
    """
    x, mask = inputs = steps.inputs(shape)
    read = reader(kind, space)
    x, mask = steps.stem(space, x, mask, LENGTH)
    return keras.Model(inputs, read(x, mask), name=name)


def reader(kind: Any, space: Space) -> Any:
    """A function from features and mask to features, by the choices named above; 0 where the mask is."""
    units = space.choice("units", (32, 64, 128))
    layers = space.int("layers", 1, 2)
    both = space.bool("bidirectional")
    dropout = space.float("dropout", 0.0, 0.5)

    def read(x: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
        for number in range(1, layers + 1):
            x = keras.layers.SpatialDropout1D(dropout, name=f"dropout{number}")(x)
            ways = [kind(units, return_sequences=True, name=f"forward{number}")(x)]
            if both:
                back = kind(units, return_sequences=True, name=f"backward{number}")(steps.backwards(x, mask))
                ways.append(steps.backwards(back, mask))
            x = keras.layers.Concatenate(name=f"both{number}")(ways) if both else ways[0]
            x = keras.layers.Multiply(name=f"masked{number}")([x, mask])
        return x

    return read
