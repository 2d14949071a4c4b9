"""Self-attention encoder."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from automed.models.encoders import steps
from automed.models.space import Space

LENGTH = 150  # steps at which attention works: it compares each with every other
SLOWEST = 10_000.0  # period of the slowest wave of the positions, in units of 2 pi steps


def build(space: Space, shape: steps.Shape) -> keras.Model:
    """Blocks of self-attention and dense layers, normalised before each, with positions as waves.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels).

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, t, features).

    Source: Vaswani et al. 2017, arXiv:1706.03762, sections 3.2 and 3.5; normalisation before Xiong et al. 2020,
    arXiv:2002.04745.
    """
    blocks = space.int("blocks", 1, 3)
    width = space.choice("width", (32, 64, 128))
    heads = space.choice("heads", (2, 4))
    dropout = space.float("dropout", 0.0, 0.3)

    x, mask = inputs = steps.inputs(shape)
    x, mask = steps.stem(space, x, mask, LENGTH)
    x = keras.layers.Dense(width, name="project")(x)
    # As large as the waves, whatever came in.
    x = keras.layers.LayerNormalization(epsilon=1e-5, name="project_norm")(x)
    x = keras.layers.Add(name="placed")([x, _waves(mask, width)])
    x = keras.layers.Dropout(dropout, name="placed_dropout")(x)
    keys = attended(mask)
    for block in range(1, blocks + 1):
        x = _block(x, keys, width, heads, dropout, f"block{block}")
    x = keras.layers.LayerNormalization(epsilon=1e-5, name="final_norm")(x)
    return keras.Model(inputs, keras.layers.Multiply(name="masked")([x, mask]), name="transformer")


def attended(mask: Any) -> Any:
    """Which of m tokens every other may look at: bool (n, 1, m), from a mask (n, m, 1).

    Where none is there all are: attention over nothing is not a number.
    """
    keys = ops.swapaxes(mask, 1, 2)
    nothing = 1.0 - ops.max(keys, axis=2, keepdims=True)
    return ops.greater(ops.maximum(keys, nothing), 0.0)


def _block(
    x: keras.KerasTensor, keys: keras.KerasTensor, width: int, heads: int, dropout: float, name: str
) -> keras.KerasTensor:
    y = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_attention_norm")(x)
    y = keras.layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")(y, y, attention_mask=keys)
    y = keras.layers.Dropout(dropout, name=f"{name}_attention_dropout")(y)
    x = keras.layers.Add(name=f"{name}_attention_add")([x, y])
    y = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_dense_norm")(x)
    y = keras.layers.Dense(2 * width, activation="gelu", name=f"{name}_dense1")(y)
    y = keras.layers.Dense(width, name=f"{name}_dense2")(y)
    y = keras.layers.Dropout(dropout, name=f"{name}_dense_dropout")(y)
    return keras.layers.Add(name=f"{name}_dense_add")([x, y])


def _waves(mask: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """Sines and cosines of each step's position: float32 (n, steps, width)."""
    rates = SLOWEST ** -(np.arange(width // 2, dtype=np.float32) / (width // 2))
    layer = keras.layers.Dense(width // 2, use_bias=False, trainable=False, dtype="float32", name="rates")
    angles = layer(steps.positions(mask))
    layer.set_weights([rates[None, :]])
    return keras.layers.Concatenate(name="waves")([ops.sin(angles), ops.cos(angles)])
