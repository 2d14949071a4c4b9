"""Texts and sequences: words that are forgotten, and the other strand of DNA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

UNKNOWN = 1
DROPPED = {"light": 0.05, "strong": 0.15}  # share of the tokens


class AugmentTokens(keras.layers.Layer):
    """Changes each record of a batch by chance while training, and passes records through otherwise.

    Args:
        kinds: among word_drop (a token becomes unknown) and reverse_complement (half of the records are read from the
            other strand).
        strength: light or strong, of word_drop.
        complement: of each token by id, the one that faces it.
        name: of the layer.

    Whole numbers (n, tokens), 0 is padding -> the same shape and type; padding stays at the end.
    """

    raw = True  # it changes the input before the front

    def __init__(
        self, kinds: tuple[str, ...], strength: str, complement: Sequence[int] | None = None, name: str | None = None
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self._kinds = frozenset(kinds)
        self._share = DROPPED[strength]
        self._complement = None if complement is None else [int(token) for token in complement]
        self._draw = keras.random.SeedGenerator()

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            return x
        tokens = ops.cast(x, "int32")
        if "reverse_complement" in self._kinds and self._complement:
            other = self._even((ops.shape(x)[0], 1)) < 0.5
            tokens = ops.where(other, self._other_strand(tokens), tokens)
        if "word_drop" in self._kinds:
            forgotten = ops.logical_and(self._even(ops.shape(x)) < self._share, tokens != 0)
            tokens = ops.where(forgotten, UNKNOWN, tokens)
        return ops.cast(tokens, x.dtype)

    def compute_output_spec(self, x: Any, training: bool = False) -> Any:
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def _other_strand(self, tokens: Any) -> Any:
        """Backwards, each token replaced by the one that faces it; padding keeps its place."""
        n, length = ops.shape(tokens)[0], tokens.shape[1]
        place = ops.arange(length, dtype="int32")[None, :]
        # The end of a record: its last token that is no padding.
        size = ops.max(ops.where(tokens != 0, place + 1, 0), axis=1, keepdims=True)
        source = ops.where(place < size, size - 1 - place, place)
        rows = ops.arange(n, dtype="int32")[:, None] * length + source
        reversed_ = ops.reshape(ops.take(ops.reshape(tokens, (-1,)), ops.reshape(rows, (-1,))), (-1, length))
        return ops.take(ops.convert_to_tensor(self._complement, "int32"), reversed_)

    def _even(self, shape: Any) -> Any:
        return keras.random.uniform(shape, dtype="float32", seed=self._draw)
