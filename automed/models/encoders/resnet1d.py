"""Residual encoder over steps."""

from __future__ import annotations

import keras

from automed.models.encoders import blocks, steps
from automed.models.space import Space

LENGTH = 400  # steps at which the stages begin
LEAST = 4


def build(space: Space, shape: steps.Shape) -> keras.Model:
    """Residual blocks of three convolutions with shorter and shorter windows, each block at half the steps.

    A short input is halved less often than it has blocks.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels).

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, t, features).

    Raises:
        TrialError: the input is shorter than the longest window.

    Source: Wang, Yan and Oates 2017, arXiv:1611.06455, section 2.3 (windows of 8, 5 and 3 steps, 7 here so that they
    have a middle); halving between the blocks He et al. 2016, arXiv:1512.03385.
    """
    depth = space.int("blocks", 2, 4)
    width = space.choice("width", (16, 32, 64))
    dropout = space.float("dropout", 0.0, 0.4)
    steps.require("resnet1d", shape, 7)

    x, mask = inputs = steps.inputs(shape)
    x, mask = steps.stem(space, x, mask, LENGTH)
    for block in range(1, depth + 1):
        name = f"block{block}"
        wide = width if block == 1 else 2 * width
        stride = 2 if block > 1 and x.shape[1] >= 2 * LEAST else 1
        y, after = steps.convolve(x, mask, wide, f"{name}_conv1", kernel=7, stride=stride)
        y, _ = steps.convolve(y, after, wide, f"{name}_conv2", kernel=5)
        y = keras.layers.SpatialDropout1D(dropout, name=f"{name}_dropout")(y)
        y, _ = steps.convolve(y, after, wide, f"{name}_conv3", kernel=3, activation=None)
        shortcut = x if stride == 1 else steps.halve(x, f"{name}_pool")
        if shortcut.shape[-1] != wide or block == 1:
            # The first block reads what is not an activation: it is mapped whatever its width.
            shortcut = keras.layers.Conv1D(wide, 1, use_bias=False, name=f"{name}_shortcut")(shortcut)
            shortcut = blocks.normalise(shortcut, "batch", f"{name}_shortcut_norm")
        x = keras.layers.Add(name=f"{name}_add")([shortcut, y])
        x = keras.layers.Activation("relu", name=f"{name}_act")(x)
        mask = after
        x = keras.layers.Multiply(name=f"{name}_masked")([x, mask])
    return keras.Model(inputs, x, name="resnet1d")
