"""Plain convolutional encoder over steps."""

from __future__ import annotations

import keras

from automed.models.encoders import steps
from automed.models.space import Space

LENGTH = 400  # steps at which the stages begin
LEAST = 4  # steps below which halving them again would leave nothing to look at


def build(space: Space, shape: steps.Shape) -> keras.Model:
    """Stages of a convolution, each at half the steps and twice the width of the one before.

    A short input is halved less often than it has stages.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels).

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, t, features).

    Raises:
        TrialError: the input is shorter than the kernel.

    Source: convolutions over time Lang, Waibel and Hinton 1990, Neural Networks 3(1); as a baseline for signals Wang,
    Yan and Oates 2017, arXiv:1611.06455, section 2.2; for texts Kim 2014, arXiv:1408.5882.
    """
    depth = space.int("depth", 2, 5)
    width = space.choice("width", (16, 32, 64))
    kernel = space.choice("kernel", (3, 5, 7))
    normalisation = space.choice("normalisation", ("batch", "layer"))
    dropout = space.float("dropout", 0.0, 0.4)
    steps.require("cnn1d", shape, kernel)

    x, mask = inputs = steps.inputs(shape)
    x, mask = steps.stem(space, x, mask, LENGTH)
    for stage in range(1, depth + 1):
        name = f"stage{stage}"
        wide = min(width * 2 ** (stage - 1), 4 * width)
        x, mask = steps.convolve(x, mask, wide, f"{name}_conv", kernel=kernel, normalisation=normalisation)
        x = keras.layers.SpatialDropout1D(dropout, name=f"{name}_dropout")(x)
        if stage < depth and x.shape[1] >= 2 * LEAST:
            x, mask = steps.halve(x, f"{name}_pool"), steps.halve(mask, f"{name}_mask")
    return keras.Model(inputs, x, name="cnn1d")
