"""Where in a network the last convolutional features of an input are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from automed.explain.subject import InputSpec

CONVOLUTIONS = ("Conv1D", "Conv2D", "SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D")
# Layers behind which a place of the features no longer belongs to a place of the input.
MIXES = ("RNN", "LSTM", "GRU", "Bidirectional", "Attention")
# What follows a convolution and still belongs to it.
AFTER = ("BatchNormalization", "LayerNormalization", "GroupNormalization", "Activation", "ReLU", "LeakyReLU", "Add")


def last_features(model: Any, spec: InputSpec, raw: Any) -> Any:
    """The layer or nested model that gives the last convolutional features of an input, or in words why none does.

    It is `features_<input>` where the network has it. In other networks it is the last convolution that reads this
    input and no other, also inside of nested models, with the normalisation and activation that follow it.

    Args:
        model: a copy that nobody else uses.
        spec: of the input.
        raw: the model's tensor for it.
    """
    if spec.kind == "tabular":
        return "columns have no order that a convolution could keep"
    rank = 4 if spec.kind == "image" else 3
    own = next((layer for layer in model.layers if layer.name == f"features_{spec.name}"), None)
    if own is not None:
        inside = [type(layer).__name__ for layer in own._flatten_layers(include_self=False)]
        if any(part in name for name in inside for part in MIXES):
            return "its encoder is recurrent or looks everywhere at once, so that its features have no place"
        if not any(name in CONVOLUTIONS for name in inside):
            return "its encoder has no convolution"
        return own if len(own.outputs[0].shape) == rank else "its features have no place"
    layers = model.layers
    if len(model.inputs) > 1:
        layers = [layer for layer in layers if _reads(layer) == {id(raw._keras_history.operation)}]
    return _last(layers, rank) or "the network has no convolution that reads it alone and keeps its places"


def _last(layers: Iterable[Any], rank: int) -> Any:
    """The last of these layers that gives a map; None where none does."""
    for layer in reversed(list(layers)):
        if isinstance(layer, keras.Model):
            if not any(type(one).__name__ in CONVOLUTIONS for one in layer._flatten_layers(include_self=False)):
                continue
            if _is_map(layer.outputs[0].shape, rank):
                return layer
            if (found := _last(layer.layers, rank)) is not None:
                return found
        elif type(layer).__name__ in CONVOLUTIONS and _is_map(layer.output.shape, rank):
            return _with_what_follows(layer)
    return None


def _is_map(shape: tuple[int | None, ...], rank: int) -> bool:
    """Whether there are places: gates of squeeze-excitation have one only."""
    return len(shape) == rank and all(size is None or size > 1 for size in shape[1:-1])


def _with_what_follows(layer: Any) -> Any:
    """The last layer of normalisation, shortcut and activation behind a convolution."""
    while True:
        after = {id(node.operation): node.operation for node in layer._outbound_nodes}
        following = next(iter(after.values()), None)
        if (
            following is None
            or len(after) != 1
            or type(following).__name__ not in AFTER
            or following.output.shape != layer.output.shape
        ):
            return layer
        layer = following


def _reads(layer: Any) -> set[int]:
    """Ids of the input layers that a layer depends on."""
    seen: set[int] = set()
    found: set[int] = set()
    waiting = [layer]
    while waiting:
        operation = waiting.pop()
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        if isinstance(operation, keras.layers.InputLayer):
            found.add(id(operation))
            continue
        for node in _nodes(operation):
            waiting += [tensor._keras_history.operation for tensor in node.input_tensors]
    return found


def _nodes(operation: Any) -> list[Any]:
    """Calls of an operation in the outermost graph: a nested model's first node is that of its own."""
    nodes = list(operation._inbound_nodes)
    return nodes[-1:] if isinstance(operation, keras.Model) else nodes
