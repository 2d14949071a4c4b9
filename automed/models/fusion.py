"""From one vector an input to one vector a record, where any input but one may be missing."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from automed.models.encoders.transformer import attended
from automed.models.pooling import LOWEST
from automed.models.space import Space

HEADS = 4


def fuse(
    space: Space, pooled: list[keras.KerasTensor], present: list[keras.KerasTensor], names: list[str]
) -> keras.KerasTensor:
    """One vector a record, output of the layer `fused`; the vector of an absent input has no part in it.

    Asks for `fusion`: concat, side by side with what is there; gate, a sum that each record weighs for itself;
    attention, each input looks at the others. Then for `fusion.width` unless concat.

    Args:
        space: where each choice comes from.
        pooled: of each input a vector (n, f); f may differ.
        present: of each input float32 (n, 1), 0 where it is absent.
        names: of the inputs.

    Source: gate Arevalo et al. 2017, arXiv:1702.01992, section 3.1 (here a softmax, so that what is absent leaves its
    share to the others); attention Vaswani et al. 2017, arXiv:1706.03762, section 3.2, over inputs instead of words.
    """
    how = space.choice("fusion", ("concat", "gate", "attention"))
    there = keras.layers.Concatenate(dtype="float32", name="present")(present)
    held = [
        keras.layers.Multiply(name=f"held_{name}")([vector, here])
        for vector, here, name in zip(pooled, present, names, strict=True)
    ]
    if how == "concat":
        return keras.layers.Concatenate(name="fused")([*held, there])
    width = space.scope("fusion").choice("width", (32, 64, 128))
    tokens = [
        keras.layers.Dense(width, activation="tanh" if how == "gate" else None, name=f"common_{name}")(vector)
        for vector, name in zip(held, names, strict=True)
    ]
    stacked = ops.stack(tokens, axis=1)
    mask = ops.expand_dims(there, axis=-1)
    if how == "gate":
        return _gate(held, stacked, mask)
    return _attend(stacked, mask, width)


def _gate(held: list[Any], stacked: Any, mask: Any) -> Any:
    """The sum of the inputs by weights (n, inputs, 1), output of the layer `gate`."""
    seen = keras.layers.Concatenate(name="seen")(held)
    score = keras.layers.Dense(len(held), dtype="float32", name="gate_score")(seen)
    score = ops.expand_dims(score, axis=-1) + (1.0 - mask) * LOWEST
    weights = keras.layers.Softmax(axis=1, dtype="float32", name="gate")(score)
    kept = keras.layers.Multiply(dtype="float32", name="gate_present")([weights, mask])
    return keras.layers.Flatten(name="fused")(keras.layers.Dot(axes=1, name="gated")([kept, stacked]))


def _attend(stacked: Any, mask: Any, width: int) -> Any:
    """The mean of the inputs that are there, after each has looked at all that are."""
    y = keras.layers.LayerNormalization(epsilon=1e-5, name="fusion_norm")(stacked)
    y = keras.layers.MultiHeadAttention(HEADS, width // HEADS, name="fusion_attention")(
        y, y, attention_mask=attended(mask)
    )
    x = keras.layers.Add(name="fusion_add")([stacked, y])
    x = keras.layers.LayerNormalization(epsilon=1e-5, name="fusion_final_norm")(x)
    x = keras.layers.Multiply(dtype="float32", name="fusion_present")([x, mask])
    number = ops.maximum(ops.sum(mask, axis=1), 1.0)
    return keras.layers.Multiply(name="fused")([ops.sum(x, axis=1), ops.reciprocal(number)])
