"""Pixels 0..255 made ready for a network."""

from __future__ import annotations

import keras
import numpy as np

from automed.models.facts import InputFacts
from automed.models.fronts.front import Front
from automed.models.space import Space


def prepare(space: Space, raw: keras.KerasTensor, facts: InputFacts, name: str, architecture: str) -> Front:
    """Bring pixels to about zero mean and unit deviation, or to -1..1 for a pretrained network, which has its own.

    Asks for `normalise`: by the training set (dataset) or by each image (image); not for a pretrained network.

    Args:
        space: where the choice comes from.
        raw: uint8 (n, height, width, channels).
        facts: `mean` and `std` of each channel over the training images, 0..255.
        name: of the input.
        architecture: that will read it.
    """
    deviations = [float(value) for value in facts.facts["std"]]
    final = f"preprocess_{name}"
    if architecture == "pretrained":
        x = keras.layers.Rescaling(1.0 / 127.5, offset=-1.0, dtype="float32", name=final)(raw)
        return Front(x, deviation=float(np.mean(deviations)) / 127.5)
    if space.choice("normalise", ("dataset", "image")) == "image":
        x = keras.layers.Rescaling(1.0 / 255.0, dtype="float32", name=f"rescale_{name}")(raw)
        # Constant images have no deviation: epsilon keeps them at zero.
        return Front(
            keras.layers.GroupNormalization(
                groups=1, epsilon=1e-4, center=False, scale=False, dtype="float32", name=final
            )(x)
        )
    variance = [max(deviation, 1.0) ** 2 for deviation in deviations]
    mean = [float(value) for value in facts.facts["mean"]]
    return Front(keras.layers.Normalization(mean=mean, variance=variance, dtype="float32", name=final)(raw))
