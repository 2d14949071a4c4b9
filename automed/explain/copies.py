"""Copies of a network: one through which gradients flow to its inputs, and ones with random weights.

The model that is explained is never touched: all of this happens on copies made from the configuration and the present
weights. No copy is cut in two either, which would write into its layers: a seam in the copy takes over what one layer
gives. No library does this for Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from automed.explain.attribution import NotApplicable
from automed.explain.random_weights import STAGES, learnt, redraw
from automed.explain.subject import Array, Arrays, InputSpec, Subject

__all__ = ["STAGES", "Differentiable", "Entry", "Seam", "copy_of", "differentiable", "learnt", "randomised", "redraw"]

TOKENS = ("text", "sequence")
PASSES = ("Cast", "Identity")  # what may stand between an input and the layer that looks its tokens up


class Seam:
    """What one layer of a copy gives, replaced by another tensor or with one added to it.

    Attributes:
        instead: tensor that stands for what the layer would give; None leaves it.
        added: tensor that is added to it; None adds nothing.
        given: what the layer gave when it was last called, before anything was added.
        calls: how often it was called.
    """

    def __init__(self, layer: Any) -> None:
        self.instead: Any = None
        self.added: Any = None
        self.given: Any = None
        self.calls = 0
        self._dtype, self._own = layer.compute_dtype, layer.call
        layer.call = self._call

    def set(self, instead: Any = None, added: Any = None) -> None:
        """Begin anew: with a tensor or without; no tensor of a traced function must stay behind."""
        self.instead, self.added, self.given, self.calls = instead, added, None, 0

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        self.given = self._own(*args, **kwargs) if self.instead is None else ops.cast(self.instead, self._dtype)
        return self.given if self.added is None else self.given + ops.cast(self.added, self.given.dtype)


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
        model: Keras model; its inputs are a list in the order of the subject's inputs: the entries, and of embedded
            inputs the raw tokens.
        entries: in the same order.
        whole: the same layers, with weights in the order of those of the subject's model.
        lookups: of embedded inputs the layer that looks tokens up, and the seam in it.
    """

    model: Any
    entries: tuple[Entry, ...]
    whole: Any
    lookups: Mapping[str, tuple[Any, Seam]] = field(default_factory=dict)

    @property
    def embedded(self) -> tuple[str, ...]:
        """Inputs whose raw array is needed besides, since masks are made from it."""
        return tuple(entry.spec.name for entry in self.entries if entry.table is not None)

    def feed(self, arrays: Arrays) -> list[Array]:
        """What `answers` is called with for raw records: floats at each entry, then raw tokens of embedded inputs."""
        floats = [entry.values(arrays[entry.spec.name]) for entry in self.entries]
        return [*floats, *(arrays[name] for name in self.embedded)]

    def answers(self, feed: list[Any]) -> Any:
        """Probabilities (n, K), K at least 2, of tensors like those of `feed`."""
        floats = {entry.spec.name: tensor for entry, tensor in zip(self.entries, feed, strict=False)}
        raw = dict(zip(self.embedded, feed[len(self.entries) :], strict=True))
        for name, (_, seam) in self.lookups.items():
            seam.set(instead=floats[name])
        try:
            found = self.model([raw.get(name, tensor) for name, tensor in floats.items()], training=False)
            if any(seam.calls != 1 for _, seam in self.lookups.values()):
                raise NotApplicable("tokens are looked up more than once, so their vectors are not one place")
        finally:
            for _, seam in self.lookups.values():
                seam.set()
        return both(found)

    def weighted(self, weights: list[Array]) -> Differentiable:
        """The same copy with these weights, in the order of the subject's model; compiled functions stay."""
        self.whole.set_weights(weights)
        tables = {name: _table(layer) for name, (layer, _) in self.lookups.items()}
        return replace(self, entries=tuple(replace(one, table=tables.get(one.spec.name)) for one in self.entries))


def both(probabilities: Any) -> Any:
    """Probabilities of each class: one of sigmoid activation is that of the second of two."""
    if probabilities.shape[-1] != 1:
        return probabilities
    return ops.concatenate([1.0 - probabilities, probabilities], axis=-1)


def differentiable(subject: Subject) -> Differentiable:
    """A copy with float entries: pixels, signals and columns as they are, tokens behind their embedding.

    Raises:
        NotApplicable: no input has values in between, or the network cannot be copied.
    """
    closed = {spec.name: _closed(spec) for spec in subject.inputs}
    if all(spec.kind == "tabular" and len(closed[spec.name]) == spec.shape[-1] for spec in subject.inputs):
        raise NotApplicable("categories have no values in between, so the model has no gradient there")
    whole = _with_float_inputs(subject)
    names = [tensor.name for tensor in whole.inputs] if len(subject.inputs) > 1 else subject.names
    raw = dict(zip(names, whole.inputs, strict=True))
    lookups: dict[str, tuple[Any, Seam]] = {}
    for spec in subject.inputs:
        if spec.kind in TOKENS:
            layer = _lookup(whole, spec, raw[spec.name])
            if any(layer is other for other, _ in lookups.values()):
                raise NotApplicable("one layer looks the tokens of several inputs up, so gradients cannot tell them")
            lookups[spec.name] = (layer, Seam(layer))
    entries = tuple(
        Entry(spec, _table(lookups[spec.name][0]) if spec.name in lookups else None, closed[spec.name])
        for spec in subject.inputs
    )
    model = keras.Model([raw[spec.name] for spec in subject.inputs], whole.outputs[0])
    return Differentiable(model, entries, whole, lookups)


def copy_of(model: Any) -> Any:
    """The same network with the same weights, sharing nothing.

    Raises:
        NotApplicable: its configuration does not say how to build it.
    """
    return _rebuilt(model, _config(model))


def randomised(subject: Subject, seed: int, stage: str = STAGES[-1]) -> Subject:
    """The same network with weights drawn anew, from its head down to `stage`; `redraw` says how.

    Further draws of the copy cost neither building nor tracing: `redraw(copy.model, seed, stage)`.

    Args:
        subject: the network.
        seed: where chance comes from.
        stage: head, upper half or all layers.

    Raises:
        NotApplicable: the network cannot be copied.
    """
    model = copy_of(subject.model)
    redraw(model, seed, stage)
    return replace(subject, model=model, path=None)


def _config(model: Any) -> dict[str, Any]:
    try:
        config: dict[str, Any] = model.get_config()
    except (NotImplementedError, TypeError, ValueError) as problem:
        raise NotApplicable(f"the network cannot be copied ({type(problem).__name__})") from problem
    return config


def _rebuilt(model: Any, config: dict[str, Any]) -> Any:
    try:
        copy = type(model).from_config(config)
        copy.set_weights(model.get_weights())
        copy.inputs, copy.outputs  # noqa: B018  # a model of a class of its own may have none
    except (TypeError, ValueError, KeyError, AttributeError, NotImplementedError) as problem:
        raise NotApplicable(f"the network cannot be copied ({type(problem).__name__})") from problem
    return copy


def _with_float_inputs(subject: Subject) -> Any:
    """A copy in which whole numbers that are amounts (pixels) are float32."""
    config = _config(subject.model)
    floats = {spec.name for spec in subject.inputs if spec.kind not in TOKENS}
    for layer in config.get("layers", ()):
        inner = layer["config"]
        name = inner.get("name") if len(subject.inputs) > 1 else subject.names[0]
        if layer["class_name"] == "InputLayer" and name in floats:
            inner["dtype"] = "float32"
    return _rebuilt(subject.model, config)


def _lookup(model: Any, spec: InputSpec, raw: Any) -> Any:
    """The layer that looks the tokens of an input up: by its name, or the one embedding that reads the input."""
    found = [layer for layer in model.layers if layer.name == f"embedding_{spec.name}"]
    found = found or list({id(layer): layer for layer in _embeddings(raw)}.values())
    if len(found) != 1:
        raise NotApplicable(f"no one layer looks the tokens of {spec.name} up, so gradients cannot reach them")
    return found[0]


def _embeddings(tensor: Any) -> list[Any]:
    """Embeddings that read a tensor of a graph, also inside of nested models."""
    found = []
    for node in tensor._keras_history.operation._outbound_nodes:
        places = [place for place, one in enumerate(node.input_tensors) if one is tensor]
        if isinstance(node.operation, keras.layers.Embedding):
            found.append(node.operation)
        elif isinstance(node.operation, keras.Model):
            found += [layer for place in places for layer in _embeddings(node.operation.inputs[place])]
        elif places and type(node.operation).__name__ in PASSES:
            found += [layer for output in node.outputs for layer in _embeddings(output)]
    return found


def _table(layer: Any) -> npt.NDArray[np.float32]:
    return np.asarray(layer.get_weights()[0], np.float32)


def _closed(spec: InputSpec) -> tuple[int, ...]:
    features = spec.facts.get("features") or ()
    return tuple(k for k, feature in enumerate(features) if feature.get("kind") == "category")
