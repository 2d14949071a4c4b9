"""Plain convolutional encoder."""

from __future__ import annotations

import keras

from automed.models.encoders import blocks
from automed.models.space import Space


def build(space: Space, shape: blocks.Shape) -> keras.Model:
    """Stages of two convolutions, each stage at half the resolution and twice the width of the one before.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (height, width, channels).

    Returns:
        Model from standardised float32 (n, height, width, channels) to a feature map float32 (n, h, w, features).

    Raises:
        TrialError: the image is too small for the depth.

    Source: Simonyan and Zisserman 2015, arXiv:1409.1556, section 2; batch normalisation Ioffe and Szegedy 2015,
    arXiv:1502.03167; layer normalisation Ba, Kiros and Hinton 2016, arXiv:1607.06450.
    """
    depth = space.int("depth", 2, 4)
    width = space.choice("width", (16, 24, 32))
    kernel = space.choice("kernel", (3, 5))
    normalisation = space.choice("normalisation", ("batch", "layer"))
    dropout = space.float("dropout", 0.0, 0.3)
    halvings = blocks.stem_halvings(space, shape)
    blocks.require("cnn", shape, halvings + depth - 1)

    inputs = keras.Input(shape, name="image")
    x = blocks.stem(inputs, width, halvings, normalisation, halve=True)
    for stage in range(1, depth):
        name = f"stage{stage}"
        x = blocks.convolve(x, width * 2**stage, f"{name}_conv1", kernel=kernel, normalisation=normalisation)
        x = keras.layers.SpatialDropout2D(dropout, name=f"{name}_dropout")(x)
        final = stage == depth - 1
        x = blocks.convolve(x, width * 2**stage, f"{name}_conv2", normalisation=normalisation, halve=not final)
    return keras.Model(inputs, x, name="cnn")
