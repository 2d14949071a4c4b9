"""Bag of words: each word counts by itself, and where it stands hardly matters."""

from __future__ import annotations

import keras

from automed.models.encoders import steps
from automed.models.space import Space


def build(space: Space, shape: steps.Shape) -> keras.Model:
    """The vectors of the words as they are, and if asked for those of the words beside each other.

    Whole words are dropped in training. The pooling afterwards makes an average of them, plain or weighed. On a few
    thousand texts that is hard to beat, and an epoch takes a second.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (steps, channels).

    Returns:
        Model from float32 (n, steps, channels) and its mask (n, steps, 1) to features float32 (n, steps, features).

    Raises:
        TrialError: the input is shorter than the words that are looked at together.

    Source: Iyyer et al. 2015, ACL, section 3 (averages, whole words dropped); neighbours Joulin et al. 2017, EACL,
    section 2.1.
    """
    together = space.int("together", 1, 3)
    dropout = space.float("dropout", 0.0, 0.5)
    steps.require("bag", shape, together)

    x, mask = inputs = steps.inputs(shape)
    x = keras.layers.Dropout(dropout, noise_shape=(None, shape[0], 1), name="words_dropout")(x)
    if together > 1:
        beside, _ = steps.convolve(x, mask, shape[1], "beside", kernel=together, normalisation="layer")
        x = keras.layers.Concatenate(name="words_and_beside")([x, beside])
    return keras.Model(inputs, x, name="bag")
