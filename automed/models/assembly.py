"""From choices to a model: a front, an encoder and pooling for each input, then fusion and the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras

from automed.errors import UsageError
from automed.models import ARCHITECTURES, fusion, offered, pooling
from automed.models.augment import choice as augmentation
from automed.models.augment.inputs import DropInputs
from automed.models.facts import InputFacts
from automed.models.fronts import FRONTS
from automed.models.fronts.front import Front, dtype_of, present
from automed.models.optimisers import Rates
from automed.models.space import Recorder, Space, Value
from automed.recipe import Recipe

__all__ = ["Assembled", "InputFacts", "as_input", "assemble"]


@dataclass(frozen=True)
class Assembled:
    """One candidate.

    Args:
        model: a raw input (n, ...), or a dict of them by name where there are several -> float32 (n, classes),
            `probabilities`. Plain Keras layers and operations only: this is the one that is saved.
        train_model: the same layers and weights with augmentation before the encoders -> float32 logits (n, classes).
        choices: what was chosen, under full names; FixedSpace rebuilds the model from it.
        rates: what learns slower than the rest; for `optimiser`.
    """

    model: keras.Model
    train_model: keras.Model
    choices: dict[str, Value]
    rates: Rates


@dataclass(frozen=True, eq=False)
class _Branch:
    """One input on its way to a vector."""

    name: str
    facts: InputFacts
    space: Space
    architecture: str
    raw: keras.KerasTensor
    front: Front
    pooling: str | None
    there: keras.KerasTensor | None  # whether a record has it; None where it is the only input


def assemble(recipe: Recipe, space: Space, inputs: Mapping[str, InputFacts], classes: tuple[str, ...]) -> Assembled:
    """Build the candidate that `space` chooses.

    Asks for `architecture`, what the front of the kind of input asks for, `pool`, `dropout`, `augment` and the
    architecture's own choices. Several inputs ask each under its own name (`lesion.architecture`), and then for
    `fusion` and `input_dropout`. Layers that others look for are named preprocess_<input>, features_<input>,
    pooled_<input>, logits and probabilities.

    With several inputs each may be missing in a record: then it is 0 everywhere (image, tokens) or NaN everywhere
    (signal, columns), the model sees that by itself, and the input has no part in the prediction.

    Args:
        recipe: `search.architectures`, `train.augment`, `data.task` and `pretrained` are read.
        space: where each choice comes from.
        inputs: facts of each input by name.
        classes: at least two. Several labels a record have a sigmoid each, otherwise there is one softmax.

    Raises:
        TrialError: the architecture does not fit the input.
        RecipeError: no architecture that is named suits an input.
        DataError, UsageError: pretrained weights or backbones that are not there.
    """
    if len(classes) < 2 or not inputs:
        raise UsageError(f"a model needs an input and two classes, got {len(inputs)} and {len(classes)}")
    recorder = Recorder(space)
    several = len(inputs) > 1
    names = offered(recipe, {name: facts.entry for name, facts in inputs.items()})
    branches = [
        _begin(recorder.scope(name) if several else recorder, name, facts, names[name], several)
        for name, facts in inputs.items()
    ]
    dropout = recorder.float("dropout", 0.0, 0.5)

    changed: dict[str, augmentation.Layer] = {}
    pooled, rates = [], Rates()
    for branch in branches:
        layer = augmentation.layer(
            branch.space, recipe.train.augment, branch.facts, branch.front.deviation, f"augment_{branch.name}"
        )
        if layer:
            changed[branch.name] = layer
        encoder = _encoder(recipe, branch)
        named = keras.Model(encoder.input, encoder.output, name=f"features_{branch.name}")
        features = named(branch.front.prepared if branch.front.mask is None else branch.front.inputs)
        pooled.append(pooling.pool(features, branch.front.mask, branch.pooling, branch.name))
        rates = _with_rates(rates, branch, encoder, recorder.choices, several)
    x = pooled[0]
    lost = 0.0
    if several:
        x = fusion.fuse(recorder, pooled, [branch.there for branch in branches], [branch.name for branch in branches])
        lost = recorder.float("input_dropout", 0.0, 0.3)
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    # In float32 whatever the policy: half precision would round probabilities to three digits.
    logits = keras.layers.Dense(len(classes), dtype="float32", name="logits")(x)
    activation = "sigmoid" if recipe.data.task == "multilabel" else "softmax"
    probabilities = keras.layers.Activation(activation, dtype="float32", name="probabilities")(logits)
    raw = {branch.name: branch.raw for branch in branches}
    model = keras.Model(as_input(raw), probabilities, name=recipe.name)
    train_model = keras.Model(as_input(raw), _trained(branches, changed, lost, logits), name=f"{recipe.name}_training")
    return Assembled(model, train_model, recorder.choices, rates)


def as_input(by_name: Mapping[str, Any]) -> Any:
    """What the model is called with: one input as it is, several as a dictionary by name."""
    return next(iter(by_name.values())) if len(by_name) == 1 else dict(by_name)


def _begin(space: Space, name: str, facts: InputFacts, architectures: tuple[str, ...], several: bool) -> _Branch:
    architecture = space.choice("architecture", architectures)
    raw = keras.Input(facts.shape, dtype=dtype_of(facts.kind, facts.facts), name=name)
    front = FRONTS.load(facts.kind)(space, raw, facts, name, architecture)
    there = present(raw) if several else None
    return _Branch(name, facts, space, architecture, raw, front, pooling.ask(space, facts), there)


def _encoder(recipe: Recipe, branch: _Branch) -> keras.Model:
    build = ARCHITECTURES.load(branch.architecture)
    if branch.architecture == "pretrained":
        named = recipe.pretrained.weights
        weights = named if named in ("imagenet", "none") else recipe.place("pretrained.weights")
        build = partial(build, backbones=recipe.pretrained.backbones, weights=weights)
    if branch.architecture == "grud":
        build = partial(build, values=branch.front.values)
    shape = tuple(branch.front.prepared.shape[1:])
    return build(branch.space.scope(branch.architecture), shape)


def _with_rates(
    rates: Rates, branch: _Branch, encoder: keras.Model, choices: Mapping[str, Value], several: bool
) -> Rates:
    """The rates so far and those of this input's encoder, where it is a pretrained one."""
    if branch.architecture != "pretrained":
        return rates
    from automed.models.encoders.pretrained import rates as of_pretrained  # h5py is needed by this architecture alone

    prefix = f"{branch.name}." if several else ""
    own = {name.removeprefix(prefix): value for name, value in choices.items() if name.startswith(prefix)}
    found = of_pretrained([encoder], own)
    return replace(found, multipliers={**rates.multipliers, **found.multipliers}, wait=max(rates.wait, found.wait))


def _trained(
    branches: list[_Branch], changed: Mapping[str, augmentation.Layer], lost: float, logits: keras.KerasTensor
) -> keras.KerasTensor:
    """The logits once more, from inputs that are left out and changed by chance."""
    raw = [branch.raw for branch in branches]
    if lost:
        raw = DropInputs(lost, name="drop_inputs")(raw)
    before: list[keras.KerasTensor] = []
    after: list[keras.KerasTensor] = []
    for branch, x in zip(branches, raw, strict=True):
        tensors = [*branch.front.inputs, *([] if branch.there is None else [branch.there])]
        before += tensors
        layer = changed.get(branch.name)
        if layer is not None and layer.raw:
            x, layer = layer(x), None
        if x is not branch.raw:
            # The front once more, with the same weights, on what was changed.
            again = keras.Model(branch.raw, tensors, name=f"front_{branch.name}")
            tensors = keras.tree.flatten(again(x))
        if layer is not None:
            tensors = [layer(tensors[0]), *tensors[1:]]
        after += tensors
    return keras.Model(before, logits, name="core")(after)
