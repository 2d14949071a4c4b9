"""Temporal convolutional encoder."""

from __future__ import annotations

import keras

from automed.models.encoders import steps
from automed.models.space import Space

LENGTH = 200  # steps at which the levels work


def build(space: Space, shape: steps.Shape) -> keras.Model:
    """Residual blocks of two causal convolutions; the gaps between the steps they look at double from block to block.

    No step knows what comes after it. Blocks whose gaps would be longer than the input are left out.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels).

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, t, features).

    Raises:
        TrialError: the input is shorter than the kernel.

    Source: Bai, Kolter and Koltun 2018, arXiv:1803.01271, section 3; normalised over channels instead of weights.
    """
    levels = space.int("levels", 3, 6)
    width = space.choice("width", (16, 32, 64))
    kernel = space.choice("kernel", (3, 5))
    dropout = space.float("dropout", 0.0, 0.4)
    steps.require("tcn", shape, kernel)

    x, mask = inputs = steps.inputs(shape)
    x, mask = steps.stem(space, x, mask, LENGTH)
    for level in range(levels):
        gap = 2**level
        if level and gap * (kernel - 1) >= x.shape[1]:
            break
        x = _block(x, mask, width, kernel, gap, dropout, f"level{level + 1}")
    return keras.Model(inputs, x, name="tcn")


def _block(
    x: keras.KerasTensor, mask: keras.KerasTensor, width: int, kernel: int, gap: int, dropout: float, name: str
) -> keras.KerasTensor:
    y = x
    for number in (1, 2):
        y, _ = steps.convolve(
            y, mask, width, f"{name}_conv{number}", kernel=kernel, dilation=gap, causal=True, normalisation="layer"
        )
        y = keras.layers.SpatialDropout1D(dropout, name=f"{name}_dropout{number}")(y)
    shortcut = x if x.shape[-1] == width else keras.layers.Conv1D(width, 1, name=f"{name}_shortcut")(x)
    x = keras.layers.Add(name=f"{name}_add")([shortcut, y])
    x = keras.layers.Activation("relu", name=f"{name}_act")(x)
    return keras.layers.Multiply(name=f"{name}_masked")([x, mask])
