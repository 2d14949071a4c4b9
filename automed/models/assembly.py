"""From choices to a model: preprocessing, an encoder for each input, pooling, head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from automed.errors import UsageError
from automed.models import ARCHITECTURES, augment
from automed.models.optimisers import Rates
from automed.models.space import Recorder, Space, Value
from automed.recipe import Recipe


@dataclass(frozen=True)
class InputFacts:
    """What one input looks like, fitted on the training records.

    Args:
        shape: (height, width, channels).
        mean, std: of each channel, 0..255.
    """

    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Assembled:
    """One candidate.

    Args:
        model: uint8 (n, height, width, channels), or a dict of them by name where there are several inputs -> float32
            (n, classes), `probabilities`. Plain Keras layers only: this is the one that is saved.
        train_model: the same layers and weights with augmentation between preprocessing and encoder -> float32 logits
            (n, classes).
        choices: what was chosen, under full names; FixedSpace rebuilds the model from it.
        rates: what learns slower than the rest; for `optimiser`.
    """

    model: keras.Model
    train_model: keras.Model
    choices: dict[str, Value]
    rates: Rates


def assemble(recipe: Recipe, space: Space, inputs: Mapping[str, InputFacts], classes: tuple[str, ...]) -> Assembled:
    """Build the candidate that `space` chooses.

    Asks for `architecture`, the architecture's own choices, `normalise` (dataset or image; a pretrained network has
    its own), `augment`, `pool` and `dropout`. Several inputs share the choices and not the weights. Layers that others
    look for are named preprocess_<input>, features_<input>, pooled_<input>, logits and probabilities.

    Args:
        recipe: `search.architectures`, `train.augment` and `pretrained` are read.
        space: where each choice comes from.
        inputs: facts of each input by name.
        classes: at least two.

    Raises:
        TrialError: the architecture does not fit the images.
        DataError, UsageError: pretrained weights or backbones that are not there.
    """
    if len(classes) < 2 or not inputs:
        raise UsageError(f"a model needs an input and two classes, got {len(inputs)} and {len(classes)}")
    recorder = Recorder(space)
    architecture = recorder.choice("architecture", recipe.search.architectures)
    build = _builder(recipe, architecture)
    own = architecture == "pretrained"
    kind = "range" if own else recorder.choice("normalise", ("dataset", "image"))
    pool = recorder.choice("pool", ("average", "max", "both"))
    dropout = recorder.float("dropout", 0.0, 0.5)

    raw: dict[str, keras.KerasTensor] = {}
    prepared, augmented, pooled, encoders = [], [], [], []
    for name, facts in inputs.items():
        raw[name] = keras.Input(facts.shape, dtype="uint8", name=name)
        prepared.append(_preprocess(raw[name], kind, facts, name))
        deviation = float(np.mean(facts.std)) / 127.5 if kind == "range" else 1.0
        layer = augment.layer(recorder, recipe.train.augment, deviation, f"augment_{name}")
        augmented.append(layer(prepared[-1]) if layer else prepared[-1])
        encoder = build(recorder.scope(architecture), facts.shape)
        encoders.append(encoder)
        features = keras.Model(encoder.input, encoder.output, name=f"features_{name}")(prepared[-1])
        pooled.append(_pool(features, pool, name))
    x = keras.layers.Concatenate(name="fused")(pooled) if len(pooled) > 1 else pooled[0]
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    # In float32 whatever the policy: half precision would round probabilities to three digits.
    logits = keras.layers.Dense(len(classes), dtype="float32", name="logits")(x)
    probabilities = keras.layers.Activation("softmax", dtype="float32", name="probabilities")(logits)
    model = keras.Model(as_input(raw), probabilities, name=recipe.name)
    core = keras.Model(prepared, logits, name="core")
    train_model = keras.Model(as_input(raw), core(augmented), name=f"{recipe.name}_training")
    return Assembled(model, train_model, recorder.choices, _rates(own, encoders, recorder.choices))


def as_input(by_name: Mapping[str, Any]) -> Any:
    """What the model is called with: one input as it is, several as a dictionary by name."""
    return next(iter(by_name.values())) if len(by_name) == 1 else dict(by_name)


def _builder(recipe: Recipe, architecture: str) -> Any:
    build = ARCHITECTURES.load(architecture)
    if architecture != "pretrained":
        return build
    named = recipe.pretrained.weights
    weights = named if named in ("imagenet", "none") else recipe.place("pretrained.weights")
    return partial(build, backbones=recipe.pretrained.backbones, weights=weights)


def _rates(pretrained: bool, encoders: list[keras.Model], choices: Mapping[str, Value]) -> Rates:
    if not pretrained:
        return Rates()
    from automed.models.pretrained import rates  # h5py and keras.applications are needed by this architecture alone

    return rates(encoders, choices)


def _preprocess(x: keras.KerasTensor, kind: str, facts: InputFacts, name: str) -> keras.KerasTensor:
    """Pixels 0..255 to about zero mean and unit deviation (`dataset`, `image`), or to -1..1 (`range`)."""
    final = f"preprocess_{name}"
    if kind == "range":
        return keras.layers.Rescaling(1.0 / 127.5, offset=-1.0, dtype="float32", name=final)(x)
    if kind == "image":
        x = keras.layers.Rescaling(1.0 / 255.0, dtype="float32", name=f"rescale_{name}")(x)
        # Constant images have no deviation: epsilon keeps them at zero.
        return keras.layers.GroupNormalization(
            groups=1, epsilon=1e-4, center=False, scale=False, dtype="float32", name=final
        )(x)
    variance = [max(float(std), 1.0) ** 2 for std in facts.std]
    mean = [float(value) for value in facts.mean]
    return keras.layers.Normalization(mean=mean, variance=variance, dtype="float32", name=final)(x)


def _pool(x: keras.KerasTensor, pool: str, name: str) -> keras.KerasTensor:
    final = f"pooled_{name}"
    if pool == "average":
        return keras.layers.GlobalAveragePooling2D(name=final)(x)
    if pool == "max":
        return keras.layers.GlobalMaxPooling2D(name=final)(x)
    average = keras.layers.GlobalAveragePooling2D(name=f"average_{name}")(x)
    greatest = keras.layers.GlobalMaxPooling2D(name=f"max_{name}")(x)
    return keras.layers.Concatenate(name=final)([average, greatest])
