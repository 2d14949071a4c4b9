"""Mobile encoder: inverted bottlenecks."""

from __future__ import annotations

import keras

from automed.models.encoders import blocks
from automed.models.space import Space


def build(space: Space, shape: blocks.Shape) -> keras.Model:
    """Inverted bottlenecks with depthwise convolutions, in stages at half the resolution each.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (height, width, channels).

    Returns:
        Model from standardised float32 (n, height, width, channels) to a feature map float32 (n, h, w, features).

    Raises:
        TrialError: the image is too small for the stages.

    Source: Sandler et al. 2018, arXiv:1801.04381, section 3.3; kernel sizes and squeeze-excitation Howard et al. 2019,
    arXiv:1905.02244, section 5.
    """
    stages = space.int("stages", 2, 4)
    depth = space.int("blocks", 1, 3)
    width = space.choice("width", (12, 16, 24))
    expansion = space.choice("expansion", (3, 4, 6))
    kernel = space.choice("kernel", (3, 5))
    excite = space.bool("squeeze_excitation")
    halvings = blocks.stem_halvings(space, shape)
    blocks.require("mobilenet", shape, halvings + stages)

    inputs = keras.Input(shape, name="image")
    x = blocks.stem(inputs, width, halvings)
    for stage in range(stages):
        for block in range(depth):
            # Depthwise convolutions are slow for their arithmetic: every stage begins by halving the image.
            stride = 2 if block == 0 else 1
            name = f"stage{stage + 1}_block{block + 1}"
            x = _bottleneck(x, width * 2**stage, stride, expansion, kernel, excite, name)
    x = blocks.convolve(x, 4 * x.shape[-1], "final", kernel=1, activation="relu6")
    return keras.Model(inputs, x, name="mobilenet")


def _bottleneck(
    x: keras.KerasTensor, width: int, stride: int, expansion: int, kernel: int, excite: bool, name: str
) -> keras.KerasTensor:
    y = blocks.convolve(x, expansion * x.shape[-1], f"{name}_expand", kernel=1, activation="relu6")
    y = keras.layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_depth"
    )(y)
    y = blocks.normalise(y, "batch", f"{name}_depth_norm")
    y = keras.layers.Activation("relu6", name=f"{name}_depth_act")(y)
    if excite:
        y = blocks.squeeze_excite(y, f"{name}_se", max(4, x.shape[-1] // 4))
    y = blocks.convolve(y, width, f"{name}_project", kernel=1, activation=None)
    if stride == 1 and x.shape[-1] == width:
        y = keras.layers.Add(name=f"{name}_add")([x, y])
    return y
