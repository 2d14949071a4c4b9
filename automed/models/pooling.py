"""From the features of an encoder to one vector a record."""

from __future__ import annotations

import keras
from keras import ops

from automed.models.encoders import steps
from automed.models.facts import InputFacts, placed
from automed.models.space import Space

OF_MAPS = ("average", "max", "both")
OF_STEPS = ("average", "max", "attention")
LOWEST = -1e9  # in float32 alone: half precision would make it infinite
ATTENDING = 64  # width at which steps are weighed, at most


def ask(space: Space, facts: InputFacts) -> str | None:
    """The pooling that `space` chooses for an input; None where there is nothing to pool.

    Short signals and sequences that are all as long may be flattened: then it counts where something stands.
    """
    if facts.kind == "tabular":
        return None
    if facts.kind == "image":
        return space.choice("pool", OF_MAPS)
    return space.choice("pool", (*OF_STEPS, "flatten") if placed(facts.entry) else OF_STEPS)


def pool(x: keras.KerasTensor, mask: keras.KerasTensor | None, how: str | None, name: str) -> keras.KerasTensor:
    """One vector a record, output of the layer pooled_<input>.

    Args:
        x: features (n, h, w, f), (n, t, f) or (n, f).
        mask: float32 (n, steps, 1) of the input from which an encoder made t steps; a record without any has 0.
        how: average, max, both, flatten (every step by itself), or attention, whose weights (n, t, 1) are the output of
            attention_<input>.
        name: of the input.

    Source: attention Yang et al. 2016, NAACL, section 2.2.
    """
    final = f"pooled_{name}"
    if how is None:
        return keras.layers.Identity(name=final)(x)
    if mask is not None:
        return _steps(x, steps.shrink(mask, x.shape[1], f"mask_{name}"), how, name)
    if how == "average":
        return keras.layers.GlobalAveragePooling2D(name=final)(x)
    if how == "max":
        return keras.layers.GlobalMaxPooling2D(name=final)(x)
    average = keras.layers.GlobalAveragePooling2D(name=f"average_{name}")(x)
    greatest = keras.layers.GlobalMaxPooling2D(name=f"max_{name}")(x)
    return keras.layers.Concatenate(name=final)([average, greatest])


def _steps(x: keras.KerasTensor, mask: keras.KerasTensor, how: str, name: str) -> keras.KerasTensor:
    """Over the steps where the mask is 1, in float32 whatever the policy."""
    final = f"pooled_{name}"
    x = keras.layers.Multiply(dtype="float32", name=f"features_masked_{name}")([x, mask])
    if how == "flatten":
        return keras.layers.Flatten(dtype="float32", name=final)(x)
    if how == "average":
        number = ops.maximum(ops.sum(mask, axis=1), 1.0)
        return keras.layers.Multiply(dtype="float32", name=final)([ops.sum(x, axis=1), ops.reciprocal(number)])
    if how == "max":
        greatest = ops.max(ops.where(ops.greater(mask, 0.0), x, LOWEST), axis=1)
        return keras.layers.Multiply(dtype="float32", name=final)([greatest, ops.max(mask, axis=1)])
    width = min(x.shape[-1], ATTENDING)
    seen = keras.layers.Dense(width, activation="tanh", dtype="float32", name=f"attention_hidden_{name}")(x)
    score = keras.layers.Dense(1, use_bias=False, dtype="float32", name=f"attention_score_{name}")(seen)
    score = score + (1.0 - mask) * LOWEST
    weights = keras.layers.Softmax(axis=1, dtype="float32", name=f"attention_{name}")(score)
    return keras.layers.Flatten(dtype="float32", name=final)(keras.layers.Dot(axes=1, dtype="float32")([weights, x]))
