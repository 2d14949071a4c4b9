"""Random weights for a network, as its layers would draw them at the start of training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

STAGES = ("head", "upper half", "all layers")  # from the top down, each with those before
# Statistics of the training data: no part of what the network has learnt.
FIXED = ("Normalization", "Rescaling")
CONSTANT = ("rates",)  # layers that hold constants where they are frozen: periods of a transformer's positions
ONES, ZEROS = ("gamma", "scale"), ("beta", "bias", "offset")


def redraw(model: Any, seed: int, stage: str = STAGES[-1]) -> None:
    """Draw the weights of a copy anew, in place: its compiled functions stay.

    Each weight is drawn by its layer's own initialiser, frozen ones too, since they were learnt elsewhere. Moving
    averages of batch normalisation start anew as well: those of the old weights would scale the new ones at will.
    Statistics of the data in preprocessing layers stay. A weight whose initialiser is not known keeps its values in
    another order.

    Args:
        model: a copy.
        seed: where chance comes from.
        stage: head, upper half or all layers.
    """
    layers = learnt(model)
    count = {"head": 1, "upper half": max(1, (len(layers) + 1) // 2), "all layers": len(layers)}[stage]
    random = np.random.default_rng(seed)
    for layer in layers[len(layers) - count :]:
        for variable in _own(layer):
            if np.issubdtype(np.dtype(_plain(variable.dtype)), np.floating):
                variable.assign(_drawn(layer, variable, random))


def learnt(model: Any) -> list[Any]:
    """Innermost layers with weights that training has set, from the input up: not those of the data's statistics."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += learnt(layer)
        else:
            found += [one for one in _with_inner(layer) if _own(one) and not _kept(one)]
    return list({id(layer): layer for layer in found}.values())


def _with_inner(layer: Any) -> Iterator[Any]:
    """Layers inside of a layer (cells, projections of attention), then itself."""
    yield from layer._flatten_layers(include_self=False)
    yield layer


def _own(layer: Any) -> list[Any]:
    """Weights that belong to none of the layers inside of it."""
    inner = {id(one) for other in layer._flatten_layers(include_self=False) for one in other.weights}
    return [one for one in layer.weights if id(one) not in inner]


def _kept(layer: Any) -> bool:
    return type(layer).__name__ in FIXED or (layer.name in CONSTANT and not layer.trainable)


def _drawn(layer: Any, variable: Any, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """A value as at the start of training."""
    shape, name = tuple(variable.shape), variable.name
    made = _initialiser(layer, name)
    if made is None:
        if name in (*ONES, *ZEROS):
            return np.full(shape, float(name in ONES), np.float32)
        present = np.asarray(keras.ops.convert_to_numpy(variable.value), np.float32)
        return np.asarray(random.permutation(present.ravel()).reshape(shape))
    seed = int(random.integers(2**31))
    told = made.get_config() if hasattr(made, "get_config") else {}
    if "seed" in told:
        made = type(made).from_config({**told, "seed": seed})
    value = np.array(keras.ops.convert_to_numpy(made(shape, dtype="float32")), np.float32)
    if name == "bias" and getattr(layer, "unit_forget_bias", False):
        # Of the four gates of an LSTM the second forgets; Jozefowicz, Zaremba and Sutskever 2015, ICML, section 3.
        value[layer.units : 2 * layer.units] = 1.0
    return value


def _initialiser(layer: Any, name: str) -> Any:
    """What a layer draws a weight of this name with; None where it does not say."""
    stem = name.removesuffix("_kernel")
    # A depthwise kernel is called kernel, its initialiser is not.
    candidates = (name, stem, "depthwise") if name == "kernel" else (name, stem)
    for candidate in candidates:
        made = getattr(layer, f"{candidate}_initializer", None)
        if made is not None:
            return keras.initializers.get(made)
    return None


def _plain(dtype: Any) -> str:
    """A dtype that numpy knows."""
    name = str(keras.backend.standardize_dtype(dtype))
    return "float32" if name == "bfloat16" else name
