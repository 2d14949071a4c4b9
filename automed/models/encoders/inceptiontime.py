"""Encoder of convolutions with windows of several lengths."""

from __future__ import annotations

import keras

from automed.models.encoders import blocks, steps
from automed.models.space import Space

LENGTH = 200  # steps at which the modules work: their windows are long, and none halves the steps
LEAST = 4  # steps of the shortest window
RESIDUAL = 3  # modules from one shortcut to the next


def build(space: Space, shape: steps.Shape) -> keras.Model:
    """Modules that look at windows of three lengths side by side, with a shortcut over every three.

    The longest window is `kernel` steps, or as long as a shorter input is; the others are half and a quarter of it.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels).

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, t, features).

    Raises:
        TrialError: the input has fewer than 4 steps.

    Source: Fawaz et al. 2020, arXiv:1909.04939, section 3.1 (there 6 modules, windows of 10, 20 and 40, 32 filters).
    """
    depth = space.choice("modules", (2, 3, 6))
    width = space.choice("width", (8, 16, 32))
    kernel = space.choice("kernel", (20, 40))
    dropout = space.float("dropout", 0.0, 0.4)
    steps.require("inceptiontime", shape, LEAST)

    x, mask = inputs = steps.inputs(shape)
    x, mask = steps.stem(space, x, mask, LENGTH)
    longest = min(kernel, x.shape[1])
    windows = [max(LEAST, longest // part) - 1 for part in (1, 2, 4)]  # odd ones have a middle
    shortcut = x
    for module in range(1, depth + 1):
        x = _module(x, mask, width, windows, f"module{module}")
        x = keras.layers.SpatialDropout1D(dropout, name=f"module{module}_dropout")(x)
        if module % RESIDUAL == 0:
            name = f"shortcut{module // RESIDUAL}"
            mapped = keras.layers.Conv1D(x.shape[-1], 1, use_bias=False, name=name)(shortcut)
            mapped = blocks.normalise(mapped, "batch", f"{name}_norm")
            x = keras.layers.Add(name=f"{name}_add")([mapped, x])
            x = keras.layers.Activation("relu", name=f"{name}_act")(x)
            x = shortcut = keras.layers.Multiply(name=f"{name}_masked")([x, mask])
    return keras.Model(inputs, x, name="inceptiontime")


def _module(
    x: keras.KerasTensor, mask: keras.KerasTensor, width: int, windows: list[int], name: str
) -> keras.KerasTensor:
    narrow = x
    if x.shape[-1] > width:
        narrow = keras.layers.Conv1D(width, 1, use_bias=False, name=f"{name}_bottleneck")(x)
    sides = [
        keras.layers.Conv1D(
            width, window, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_side{side}"
        )(narrow)
        for side, window in enumerate(windows, start=1)
    ]
    # Padded by hand: what follows the last step is then 0, as it is after the end of a shorter record.
    near = keras.layers.ZeroPadding1D(1, name=f"{name}_pad")(x)
    near = keras.layers.MaxPooling1D(3, strides=1, name=f"{name}_near")(near)
    sides.append(keras.layers.Conv1D(width, 1, use_bias=False, name=f"{name}_side0")(near))
    y = keras.layers.Concatenate(name=f"{name}_concat")(sides)
    y = blocks.normalise(y, "batch", f"{name}_norm")
    y = keras.layers.Activation("relu", name=f"{name}_act")(y)
    return keras.layers.Multiply(name=f"{name}_masked")([y, mask])
