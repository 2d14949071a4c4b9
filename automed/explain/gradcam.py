"""Grad-CAM: the features of the last convolution, weighed by their mean gradient."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from skimage.transform import resize

from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.copies import Differentiable, Entry, copy_of
from automed.explain.gradients import Gradients
from automed.explain.subject import Arrays, InputSpec, Subject
from automed.recipe.explain import Explain

CONVOLUTIONS = ("Conv1D", "Conv2D", "SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D")


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
) -> Attribution:
    """Where the last convolutional features that speak for the class lie, scaled to 0..1 in each record.

    The map has the resolution of those features and is enlarged. Features of a signal have lost which variable they
    come from, so all its variables share one map over time. Inputs whose encoder has no convolution get NaN.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: not read.
        classes: int64 (n,).
        settings: not read.
        seed: not read: there is no chance in it.

    Raises:
        NotApplicable: no input is read by convolutions whose features keep their place.

    Source: Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.
    """
    started = time.monotonic()
    model = copy_of(subject.model)
    found = {spec.name: _features(model, spec, len(subject.inputs) == 1) for spec in subject.inputs}
    if all(tensor is None for tensor in found.values()):
        raise NotApplicable("no input is read by convolutions whose features keep their place")
    values, sizes = {}, {}
    for spec in subject.inputs:
        tensor = found[spec.name]
        if tensor is None:
            values[spec.name] = np.full((len(classes), *spec.map_shape), np.nan, np.float32)
            continue
        maps = _maps(model, subject, tensor, spec, records, classes)
        sizes[spec.name] = list(maps.shape[1:])
        values[spec.name] = np.stack([_enlarged(one, spec) for one in maps])
    resolution = ", ".join(" x ".join(str(n) for n in size) for size in sizes.values())
    return Attribution(
        method="gradcam",
        explainer="Grad-CAM",
        reason=f"The encoder is convolutional; its last features are a grid of {resolution}, enlarged.",
        classes=classes,
        values=values,
        output=subject.of_class(records, classes),
        base=None,
        parameters={"features": sizes},
        unit="relevance, 0 to 1",
        signed=False,
        seconds=time.monotonic() - started,
    )


def _maps(
    model: Any, subject: Subject, tensor: Any, spec: InputSpec, records: Arrays, classes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """(n, height, width) or (n, steps) at the resolution of the features, not negative."""
    names = [one.name for one in model.inputs]
    order = {name: k for k, name in enumerate(names)}
    first = keras.Model(model.inputs, tensor)
    answer = _logits(model)
    # What lies behind the features may read other inputs, and masks made from this one, as well.
    behind = keras.Model([tensor, *model.inputs], answer)
    entry = Entry(InputSpec(spec.name, "features", tuple(tensor.shape[1:]), "float32", {}), None)
    ask = Gradients(Differentiable(behind, (entry,)))
    given = [records[name] if name in records else records[spec.name] for name in order]
    features = np.concatenate(
        [
            np.asarray(first.predict_on_batch([part[rows] for part in given]), np.float32)
            for rows in np.array_split(np.arange(len(classes)), max(1, -(-len(classes) // 64)))
        ]
    )
    _, (gradients,) = ask([features, *given], classes)
    axes = tuple(range(1, features.ndim - 1))
    weights = gradients.mean(axis=axes, keepdims=True)
    return np.asarray(np.maximum((features * weights).sum(axis=-1), 0.0), np.float32)


def _enlarged(one: npt.NDArray[np.float32], spec: InputSpec) -> npt.NDArray[np.float32]:
    """A map at the resolution of the input, its largest value 1."""
    high = float(one.max())
    scaled = one / high if high > 0 else one
    shape = spec.map_shape[: scaled.ndim]
    big = np.asarray(resize(scaled, shape, order=1, mode="edge", anti_aliasing=False), np.float32)
    return np.asarray(np.broadcast_to(big[:, None], spec.map_shape), np.float32) if spec.kind == "signal" else big


def _logits(model: Any) -> Any:
    """What goes into the last softmax or sigmoid; the probabilities where it cannot be told apart."""
    names = {layer.name: layer for layer in model.layers}
    return _called(names["logits"]) if "logits" in names else model.outputs[0]


def _features(model: Any, spec: InputSpec, only: bool) -> Any:
    """The tensor of the last convolutional features of an input; None where there is none."""
    if spec.kind == "tabular":
        return None
    rank = 4 if spec.kind == "image" else 3
    names = {layer.name: layer for layer in model.layers}
    own = names.get(f"features_{spec.name}")
    if own is not None:
        output = _called(own)
        convolves = any(type(layer).__name__ in CONVOLUTIONS for layer in _flat(own))
        recurrent = any(
            "RNN" in type(layer).__name__
            or type(layer).__name__ in ("GRU", "LSTM", "Bidirectional", "MultiHeadAttention")
            for layer in _flat(own)
        )
        return output if convolves and not recurrent and len(output.shape) == rank else None
    if not only:
        return None
    for layer in reversed(model.layers):
        inner = [layer, *(_flat(layer) if isinstance(layer, keras.Model) else ())]
        output = _called(layer)
        if (
            any(type(one).__name__ in CONVOLUTIONS for one in inner)
            and output is not None
            and len(output.shape) == rank
        ):
            return output
    return None


def _called(layer: Any) -> Any:
    """What a layer gives where the model calls it; `output` of a nested model is that of its own graph."""
    nodes = layer._inbound_nodes
    return nodes[-1].output_tensors[0] if nodes else None


def _flat(model: Any) -> list[Any]:
    """All layers inside, however deep."""
    return list(model._flatten_layers(include_self=False))
