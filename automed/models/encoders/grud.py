"""Gated recurrent units that let old observations fade."""

from __future__ import annotations

import keras
from keras import ops

from automed.models.encoders import recurrent, steps
from automed.models.space import Space


def build(space: Space, shape: steps.Shape, *, values: int) -> keras.Model:
    """GRU-D for irregular observations: a value that is missing is the last one seen, faded towards the mean.

    How fast each variable fades is learnt: after an elapsed time d, exp(-max(0, w d + b)) of it is left. The paper lets
    the hidden state fade too, by a cell of its own. A saved model must open without automed, so that the cell here is
    the plain one: its gates see masks and elapsed times, and may let the state fade by them.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels): normalised values carried forward, then as many masks, then as many elapsed times.
        values: how many values there are.

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, t, features).

    Source: Che, Purushotham, Cho, Sontag and Liu 2018, arXiv:1606.01865, on trainable decays.
    """
    read = recurrent.reader(keras.layers.GRU, space)
    x, mask = inputs = steps.inputs(shape)
    value, seen, elapsed = ops.split(x, [values, 2 * values], axis=2)
    # A window of one step and one channel: a factor and a summand for each variable.
    fading = keras.layers.DepthwiseConv1D(
        1, depthwise_initializer=keras.initializers.Constant(0.1), activation="relu", name="fading"
    )(elapsed)
    left = keras.layers.Activation("exponential", name="left")(ops.negative(fading))
    faded = keras.layers.Multiply(name="faded")([left, value, 1.0 - seen])
    x = keras.layers.Concatenate(name="filled")([ops.multiply(value, seen) + faded, seen, elapsed])
    x, mask = steps.stem(space, keras.layers.Multiply(name="filled_masked")([x, mask]), mask, recurrent.LENGTH)
    return keras.Model(inputs, read(x, mask), name="grud")
