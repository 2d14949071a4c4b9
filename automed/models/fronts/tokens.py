"""Texts and sequences made ready for a network: a vector for each token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from automed.errors import DataError
from automed.models.facts import InputFacts
from automed.models.fronts.front import Front, until_last
from automed.models.space import Space

SIZES = (16, 32, 64)  # numbers a token, where its vector is learnt


def prepare(space: Space, raw: keras.KerasTensor, facts: InputFacts, name: str, architecture: str) -> Front:
    """Look up the vector of each token; padding is 0.

    Asks for `embedding.vectors` where vectors are given: of a published embedding, learnt (from chance), frozen (as
    published) or tuned (from there on); of an alphabet, learnt or fixed. Asks for `embedding.size` where the vectors
    are learnt.

    Args:
        space: where each choice comes from.
        raw: whole numbers (n, tokens), 0 padding, 1 unknown.
        facts: `vocabulary` or `alphabet`, all tokens by id; `embedding`, a published one, or None; `vectors`, one of
            each token, if there are any.
        name: of the input.
        architecture: that will read it.

    Raises:
        DataError: the vectors are not one a token; RunError: the cache has lost the published ones.
    """
    own = space.scope("embedding")
    sources = _sources(facts.facts)
    chosen = own.choice("vectors", sources) if len(sources) > 1 else sources[0]
    count = len(facts.facts.get("vocabulary") or facts.facts["alphabet"])
    matrix = None
    if chosen == "fixed":
        matrix = np.asarray(facts.facts["vectors"], np.float32)
    elif chosen != "learnt":
        matrix = _published(facts)
    if matrix is not None and len(matrix) != count:
        raise DataError(f"{len(matrix)} vectors for {count} tokens", where=f"inputs.{name}")
    size = own.choice("size", SIZES) if matrix is None else matrix.shape[1]

    mask = until_last(ops.expand_dims(ops.cast(ops.not_equal(raw, 0), "float32"), axis=-1))
    layer = keras.layers.Embedding(
        count,
        size,
        # Small, so that a token which is hardly ever met says hardly anything.
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1),
        trainable=chosen in ("learnt", "tuned"),
        dtype="float32",
        name=f"embedding_{name}",
    )
    x = layer(ops.cast(raw, "int32"))
    if matrix is not None:
        layer.set_weights([matrix])
    prepared = keras.layers.Multiply(dtype="float32", name=f"preprocess_{name}")([x, mask])
    return Front(prepared, mask)


def _sources(stored: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the vectors of tokens may come from: learnt, and what the facts of the input have besides."""
    published = ("frozen", "tuned") if stored.get("embedding") else ()
    return ("learnt", *published, *(("fixed",) if stored.get("vectors") else ()))


def _published(facts: InputFacts) -> np.ndarray:
    from automed.data.kinds import embeddings  # reads the cache of this machine, which few inputs need

    return np.asarray(embeddings.matrix(facts.facts), np.float32)
