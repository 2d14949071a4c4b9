"""Residual encoder."""

from __future__ import annotations

import keras

from automed.models.encoders import blocks
from automed.models.space import Space


def build(space: Space, shape: blocks.Shape) -> keras.Model:
    """Pre-activation residual blocks in stages, each stage at half the resolution and twice the width.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (height, width, channels).

    Returns:
        Model from standardised float32 (n, height, width, channels) to a feature map float32 (n, h, w, features).

    Raises:
        TrialError: the image is too small for the stages.

    Source: He, Zhang, Ren and Sun 2016, arXiv:1603.05027, figure 4(e); dropout between the convolutions Zagoruyko and
    Komodakis 2016, arXiv:1605.07146, section 2.4; squeeze-excitation arXiv:1709.01507.
    """
    stages = space.int("stages", 2, 4)
    depth = space.int("blocks", 1, 2)
    width = space.choice("width", (12, 16, 24))
    excite = space.bool("squeeze_excitation")
    dropout = space.float("dropout", 0.0, 0.3)
    halvings = blocks.stem_halvings(space, shape)
    blocks.require("resnet", shape, halvings + stages - 1)

    inputs = keras.Input(shape, name="image")
    x = blocks.stem(inputs, width, halvings)
    for stage in range(stages):
        for block in range(depth):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _residual(x, width * 2**stage, stride, f"stage{stage + 1}_block{block + 1}", excite, dropout)
    x = blocks.normalise(x, "batch", "final_norm")
    x = keras.layers.Activation("relu", name="final_act")(x)
    return keras.Model(inputs, x, name="resnet")


def _residual(
    x: keras.KerasTensor, width: int, stride: int, name: str, excite: bool, dropout: float
) -> keras.KerasTensor:
    active = blocks.normalise(x, "batch", f"{name}_norm")
    active = keras.layers.Activation("relu", name=f"{name}_act")(active)
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = keras.layers.Conv2D(width, 1, strides=stride, use_bias=False, name=f"{name}_shortcut")(active)
    y = blocks.convolve(active, width, f"{name}_conv1", stride=stride)
    y = keras.layers.SpatialDropout2D(dropout, name=f"{name}_dropout")(y)
    y = keras.layers.Conv2D(
        width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv2"
    )(y)
    if excite:
        y = blocks.squeeze_excite(y, f"{name}_se", max(4, width // 8))
    return keras.layers.Add(name=f"{name}_add")([shortcut, y])
