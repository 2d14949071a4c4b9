"""Copies of a network: one through which gradients flow to its inputs, and ones with random weights.

The model that is explained is never touched: cutting a Keras graph writes into the layers it is cut from, so all of
this happens on copies made from the configuration and the present weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automed.explain.attribution import NotApplicable
from automed.explain.subject import Array, Arrays, InputSpec, Subject

STAGES = ("head", "upper half", "all layers")  # from the top down, each with those before
UNKNOWN = 1  # the token that stands for all that are not in the vocabulary
# Statistics of the training data and constants: no part of what the network has learnt.
FIXED = ("Normalization", "Rescaling")


@dataclass(frozen=True, eq=False)
class Entry:
    """Where gradients arrive for one input.

    Attributes:
        spec: of the input.
        table: float32 (tokens, size), vectors of the tokens where the entry lies behind an embedding; else None.
        closed: places along the last axis that have no gradient (categories of a table).
    """

    spec: InputSpec
    table: npt.NDArray[np.float32] | None
    closed: tuple[int, ...] = ()

    def values(self, raw: Array) -> npt.NDArray[np.float32]:
        """A raw array (n, *shape) as floats at the entry."""
        return np.asarray(raw if self.table is None else self.table[raw], np.float32)


@dataclass(frozen=True, eq=False)
class Differentiable:
    """A copy of a network whose entries are floats.

    Attributes:
        model: Keras model; its inputs are the entries in the order of the subject's inputs, then the raw arrays of
            those that are embedded.
        entries: in the same order.
    """

    model: Any
    entries: tuple[Entry, ...]

    @property
    def embedded(self) -> tuple[str, ...]:
        """Inputs whose raw array is needed besides."""
        return tuple(entry.spec.name for entry in self.entries if entry.table is not None)

    def feed(self, arrays: Arrays) -> list[Array]:
        """What the copy is called with for raw records."""
        floats = [entry.values(arrays[entry.spec.name]) for entry in self.entries]
        return [*floats, *(arrays[name] for name in self.embedded)]


def differentiable(subject: Subject) -> Differentiable:
    """A copy with float entries: pixels, signals and columns as they are, tokens behind their embedding.

    Raises:
        NotApplicable: no input has a path for gradients, or the network cannot be copied.
    """
    model, embedded = _with_float_inputs(subject), {}
    for spec in subject.inputs:
        if spec.kind in ("text", "sequence"):
            embedded[spec.name] = _embedding(model, spec)
    entries, tensors = [], []
    names = _input_names(model) if len(subject.inputs) > 1 else subject.names
    raw = dict(zip(names, model.inputs, strict=True))
    for spec in subject.inputs:
        layer = embedded.get(spec.name)
        if layer is None:
            entries.append(Entry(spec, None, _closed(spec)))
            tensors.append(raw[spec.name])
        else:
            entries.append(Entry(spec, np.asarray(layer.get_weights()[0], np.float32)))
            tensors.append(layer.output)
    if all(len(entry.closed) == entry.spec.shape[-1] for entry in entries if entry.spec.kind == "tabular") and all(
        entry.spec.kind == "tabular" for entry in entries
    ):
        raise NotApplicable("categories have no values in between, so the model has no gradient there")
    inputs = [*tensors, *(raw[name] for name in embedded)]
    try:
        return Differentiable(keras.Model(inputs, model.outputs[0]), tuple(entries))
    except ValueError as problem:
        raise NotApplicable("the network cannot be cut behind its embedding") from problem


def copy_of(model: Any) -> Any:
    """The same network with the same weights, sharing nothing."""
    return _rebuilt(model, model.get_config())


def randomised(subject: Subject, seed: int, stage: str = STAGES[-1]) -> Subject:
    """The same network with weights drawn anew, from its head down to `stage`.

    Each weight is drawn as its layer would at the start of training. Statistics of the data in preprocessing layers
    stay, and so do moving averages of batch normalisation, so that the copy still gives varied answers.

    Args:
        subject: the network.
        seed: where chance comes from.
        stage: head, upper half or all layers.
    """
    model = copy_of(subject.model)
    redraw(model, seed, stage)
    return replace(subject, model=model, path=None)


def redraw(model: Any, seed: int, stage: str = STAGES[-1]) -> None:
    """Draw the weights of a copy anew, in place: its compiled functions stay."""
    layers = learnt(model)
    count = {"head": 1, "upper half": max(1, (len(layers) + 1) // 2), "all layers": len(layers)}[stage]
    random = np.random.default_rng(seed)
    for layer in layers[len(layers) - count :]:
        for variable in layer.trainable_variables or layer.variables:
            drawn = _drawn(layer, variable, random)
            if drawn is not None:
                variable.assign(drawn)


def learnt(model: Any) -> list[Any]:
    """Layers with weights that training has set, from the input up; those of the data's statistics left out."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += learnt(layer)
        elif layer.weights and type(layer).__name__ not in FIXED:
            inner = [inner for inner in layer._flatten_layers(include_self=False) if inner.variables]
            found += inner or [layer]
    return found


def _drawn(layer: Any, variable: Any, random: np.random.Generator) -> npt.NDArray[np.float32] | None:
    """A value as at the start of training; None for what is no learnt weight."""
    shape, name = tuple(variable.shape), variable.name
    if name in ("gamma", "scale"):
        return np.ones(shape, np.float32)
    if name in ("beta", "bias", "offset"):
        return np.zeros(shape, np.float32)
    if (
        "moving" in name
        or "seed" in name
        or not np.issubdtype(np.dtype(keras.backend.standardize_dtype(variable.dtype)), np.floating)
    ):
        return None
    config = layer.get_config()
    told = next(
        (
            config[key]
            for key in (f"{name}_initializer", "kernel_initializer", "embeddings_initializer")
            if key in config
        ),
        None,
    )
    made = keras.initializers.get(told) if told else keras.initializers.GlorotUniform()
    if hasattr(made, "seed"):
        made = type(made).from_config({**made.get_config(), "seed": int(random.integers(2**31))})
    return np.asarray(keras.ops.convert_to_numpy(made(shape, dtype="float32")), np.float32)


def _rebuilt(model: Any, config: dict[str, Any]) -> Any:
    try:
        copy = type(model).from_config(config)
        copy.set_weights(model.get_weights())
    except (TypeError, ValueError, KeyError, AttributeError, NotImplementedError) as problem:
        raise NotApplicable(f"the network cannot be copied ({type(problem).__name__})") from problem
    return copy


def _with_float_inputs(subject: Subject) -> Any:
    """A copy whose images are float32 instead of uint8."""
    config = subject.model.get_config()
    images = {spec.name for spec in subject.inputs if spec.kind == "image"}
    names = _input_names(subject.model)
    for layer in config.get("layers", ()):
        inner = layer["config"]
        if layer["class_name"] == "InputLayer" and _known(inner["name"], names, subject) in images:
            inner["dtype"] = "float32"
    return _rebuilt(subject.model, config)


def _known(layer: str, names: Sequence[str], subject: Subject) -> str:
    """The input that an input layer belongs to; a model of one input may call it anything."""
    return subject.inputs[0].name if len(subject.inputs) == 1 and layer in names else layer


def _input_names(model: Any) -> list[str]:
    return [tensor.name.split(":")[0] for tensor in model.inputs]


def _embedding(model: Any, spec: InputSpec) -> Any:
    """The layer that looks the tokens of an input up."""
    found = [layer for layer in model.layers if layer.name == f"embedding_{spec.name}"]
    found = found or [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    if len(found) != 1:
        raise NotApplicable(f"no one layer looks the tokens of {spec.name} up, so gradients cannot reach them")
    return found[0]


def _closed(spec: InputSpec) -> tuple[int, ...]:
    features = spec.facts.get("features") or ()
    return tuple(k for k, feature in enumerate(features) if feature.get("kind") == "category")
