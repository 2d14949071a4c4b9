"""Dense encoder for columns, with gates."""

from __future__ import annotations

import keras

from automed.models.encoders import blocks
from automed.models.space import Space


def build(space: Space, shape: tuple[int]) -> keras.Model:
    """Dense blocks; gates may weigh the columns of each record first, and gate each block.

    `select` lets a sigmoid of all columns weigh each of them. A `gated` block is a residual one whose new part passes
    a gate, so that a block that is not needed closes.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (columns,), categories already as numbers.

    Returns:
        Model from float32 (n, columns) to features float32 (n, features).

    Source: `select` Miech, Laptev and Sivic 2017, arXiv:1706.06905 (context gating); `gated` Lim, Arik,
    Loeff and Pfister 2021, arXiv:1912.09363, section 4.1 (gated residual network).
    """
    depth = space.int("depth", 1, 3)
    width = space.choice("width", (32, 64, 128, 256))
    block = space.choice("block", ("plain", "gated"))
    select = space.bool("select")
    dropout = space.float("dropout", 0.0, 0.5)

    inputs = keras.Input(shape, name="columns")
    x = inputs
    if select:
        gate = keras.layers.Dense(shape[0], activation="sigmoid", name="select_gate")(x)
        x = keras.layers.Multiply(name="select")([x, gate])
    for number in range(1, depth + 1):
        x = (_gated if block == "gated" else _plain)(x, width, dropout, f"block{number}")
    return keras.Model(inputs, x, name="mlp")


def _plain(x: keras.KerasTensor, width: int, dropout: float, name: str) -> keras.KerasTensor:
    x = keras.layers.Dense(width, use_bias=False, kernel_initializer="he_normal", name=name)(x)
    x = blocks.normalise(x, "batch", f"{name}_norm")
    x = keras.layers.Activation("relu", name=f"{name}_act")(x)
    return keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)


def _gated(x: keras.KerasTensor, width: int, dropout: float, name: str) -> keras.KerasTensor:
    y = keras.layers.Dense(width, activation="elu", name=f"{name}_dense1")(x)
    y = keras.layers.Dense(width, name=f"{name}_dense2")(y)
    y = keras.layers.Dropout(dropout, name=f"{name}_dropout")(y)
    gate = keras.layers.Dense(width, activation="sigmoid", name=f"{name}_gate")(y)
    y = keras.layers.Multiply(name=f"{name}_gated")([keras.layers.Dense(width, name=f"{name}_value")(y), gate])
    shortcut = x if x.shape[-1] == width else keras.layers.Dense(width, name=f"{name}_shortcut")(x)
    x = keras.layers.Add(name=f"{name}_add")([shortcut, y])
    return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
