"""Columns of a table made ready for a network."""

from __future__ import annotations

import keras
from keras import ops

from automed.models.facts import InputFacts
from automed.models.fronts.front import FARTHEST, Front
from automed.models.space import Space

LEAST = 1e-8  # a column that varies less is constant
SIZES = (2, 4, 8)  # numbers a category


def prepare(space: Space, raw: keras.KerasTensor, facts: InputFacts, name: str, architecture: str) -> Front:
    """Normalise numbers, put 0 (their mean) where one is missing and say where; turn categories into vectors.

    Asks for `categories` where there are any: one_hot, or embedded and then for `embedding.size`.

    Args:
        space: where each choice comes from.
        raw: float32 (n, columns), NaN where a value is missing; of a category the place of its level, 0 for one
            that no training record has.
        facts: `features`, for each column `kind` number with `mean` and `std`, or `kind` category with `levels`, whose
            first stands for all that are unknown.
        name: of the input.
        architecture: that will read it.

    Source: categories as learnt vectors Guo and Berkhahn 2016, arXiv:1604.06737.
    """
    features = facts.facts["features"]
    numbers = [i for i, feature in enumerate(features) if feature["kind"] == "number"]
    categories = [i for i, feature in enumerate(features) if feature["kind"] == "category"]
    missing = ops.isnan(raw)
    seen = ops.cast(ops.logical_not(missing), "float32")
    parts = []
    if numbers:
        filled = ops.where(missing, 0.0, raw)
        deviations = [float(features[i]["std"] or 0.0) for i in numbers]
        scale = [0.0 if deviation < LEAST else 1.0 / deviation for deviation in deviations]
        offset = [-float(features[i]["mean"] or 0.0) * factor for i, factor in zip(numbers, scale, strict=True)]
        x = keras.layers.Rescaling(scale, offset=offset, dtype="float32", name=f"standardise_{name}")(
            ops.take(filled, numbers, axis=1)
        )
        there = ops.take(seen, numbers, axis=1)
        x = ops.clip(x, -FARTHEST, FARTHEST)
        parts += [keras.layers.Multiply(dtype="float32", name=f"fill_{name}")([x, there]), there]
    if categories:
        # One table for all columns: 0 stands for missing, and each column's levels begin where the last one's end.
        sizes = [len(features[i]["levels"]) + 1 for i in categories]
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        codes = ops.take(ops.where(missing, -1.0, raw), categories, axis=1) + 1.0
        shifted = keras.layers.Rescaling(1.0, offset=[float(start) for start in starts], dtype="float32")(codes)
        ids = ops.cast(ops.round(shifted), "int32")
        if space.choice("categories", ("one_hot", "embedded")) == "one_hot":
            # Columns keep to their own levels, so the sum over columns of one-hot rows loses nothing.
            parts.append(ops.sum(ops.one_hot(ids, sum(sizes)), axis=1))
        else:
            size = space.scope("embedding").choice("size", SIZES)
            table = keras.layers.Embedding(sum(sizes), size, dtype="float32", name=f"embedding_{name}")
            parts.append(keras.layers.Flatten(name=f"categories_{name}")(table(ids)))
    joined = keras.layers.Concatenate(dtype="float32")(parts) if len(parts) > 1 else parts[0]
    return Front(keras.layers.Identity(dtype="float32", name=f"preprocess_{name}")(joined))
