"""A classifier that automed did not make: what its inputs and outputs are, as far as the model tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automed.data.dataset import Dataset
from automed.errors import DataError, UsageError
from automed.explain.attribution import NotApplicable
from automed.explain.copies import copy_of
from automed.explain.stage import inputs_of
from automed.explain.subject import InputSpec, Subject
from automed.registry import nearest

SUM = 1e-3  # how far probabilities may be from adding up to 1
LOOK = 32  # records whose answers show whether they are probabilities


def subject_of(
    model: Any,
    data: Dataset,
    path: str,
    card: Mapping[str, Any],
    *,
    input_layers: Mapping[str, str] = MappingProxyType({}),
    output_layer: str | None = None,
) -> Subject:
    """What the explanations ask.

    One input is the recipe's one, whatever it is called. Several are told apart by their names, or by their shapes
    where each fits one input only. Outputs that are no probabilities are taken for logits, and the softmax or sigmoid
    is put behind them; one output of two classes becomes two.

    Args:
        model: any Keras classifier.
        data: the records it is to be explained on.
        path: of its file.
        card: what the file says of itself; {} of a foreign model.
        input_layers: by input of the recipe the model's input layer, where that cannot be told.
        output_layer: the layer that gives the classes, where that cannot be told.

    Raises:
        DataError: inputs or outputs that are not those of the data, or cannot be told, named one by one.
        UsageError: a layer that the model does not have.
    """
    if known := [str(entry["key"]) for entry in card.get("classes") or ()]:
        _match_classes(known, data, path)
    try:
        model.inputs, model.outputs  # noqa: B018  # asked for, because a model that was never built has none
    except (AttributeError, ValueError):
        raise DataError("the model was saved before its input shape was known", where=path) from None
    if output_layer is not None:
        model = _cut(model, output_layer, path)
    specs = inputs_of(data)
    named = _match_inputs(model, specs, input_layers, path)
    if len(specs) > 1 and named != {spec.name: spec.name for spec in specs}:
        model = _renamed(model, named, path)
    _match_outputs(model, data, path)
    subject = Subject(model, specs, data.classes, data.task, path)
    return subject if card else _as_probabilities(subject, data)


def _match_classes(known: Sequence[str], data: Dataset, path: str) -> None:
    if list(data.classes) != list(known):
        raise DataError(
            f"the model's classes are {', '.join(known)}, the recipe's {', '.join(data.classes)}",
            where=path,
            hint="List the model's classes in data.classes, in the model's order.",
        )


def _cut(model: Any, name: str, path: str) -> Any:
    """The network up to the layer of that name."""
    copy = _copied(model, path)
    names = [layer.name for layer in copy.layers]
    if name not in names:
        guess = nearest(name, names)
        raise UsageError(
            f"the model has no layer {name!r}",
            where="--output-layer",
            hint=f"Did you mean {guess!r}?" if guess else f"It has {', '.join(names)}.",
        )
    return keras.Model(_struct(copy), copy.get_layer(name).output)


def _copied(model: Any, path: str) -> Any:
    try:
        return copy_of(model)
    except NotApplicable as problem:
        raise DataError(f"the model must be changed to be explained, but {problem.what}", where=path) from None


def _match_inputs(model: Any, specs: tuple[InputSpec, ...], told: Mapping[str, str], path: str) -> dict[str, str]:
    """By input of the recipe the model's input layer."""
    shapes = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    if len(shapes) != len(specs):
        raise DataError(
            f"the model reads {len(shapes)} inputs ({', '.join(shapes)}), the recipe has {len(specs)}", where=path
        )
    named = _named(shapes, specs, told, path)
    for spec in specs:
        wanted = shapes[named[spec.name]]
        if not _fits(spec, wanted):
            raise DataError(
                f"records are {_in_words(spec.shape)}, the model reads {_in_words(wanted)}",
                where=f"inputs.{spec.name}",
                hint="Set size, channels or length in the recipe to those of the model.",
            )
    return named


def _named(
    shapes: Mapping[str, tuple[int | None, ...]], specs: tuple[InputSpec, ...], told: Mapping[str, str], path: str
) -> dict[str, str]:
    for name, layer in told.items():
        if name not in {spec.name for spec in specs} or layer not in shapes:
            raise UsageError(
                f"{name}={layer}: the recipe's inputs are {', '.join(spec.name for spec in specs)}, the model's"
                f" {', '.join(shapes)}",
                where="--input-layer",
            )
    if len(specs) == 1:
        return {specs[0].name: next(iter(shapes))}
    named = dict(told) or {spec.name: spec.name for spec in specs if spec.name in shapes}
    for spec in specs:
        free = [layer for layer, shape in shapes.items() if layer not in named.values() and _fits(spec, shape)]
        rivals = [other.name for other in specs if other.name not in named and other.shape == spec.shape]
        if spec.name not in named and len(free) == 1 and len(rivals) == 1:
            named[spec.name] = free[0]
    if len(set(named.values())) != len(specs):
        raise DataError(
            f"the model's inputs are {', '.join(shapes)}, the recipe's {', '.join(spec.name for spec in specs)}: it"
            " cannot be told which is which",
            where=path,
            hint="Say it: " + " ".join(f"--input-layer {spec.name}=LAYER" for spec in specs),
        )
    return named


def _fits(spec: InputSpec, shape: tuple[int | None, ...]) -> bool:
    return len(shape) == len(spec.shape) and all(
        size is None or size == own for size, own in zip(shape, spec.shape, strict=True)
    )


def _in_words(shape: Sequence[int | None]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)


def _renamed(model: Any, named: Mapping[str, str], path: str) -> Any:
    """A copy that is called with the recipe's names."""
    recipe = {layer: name for name, layer in named.items()}
    fresh = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=recipe[tensor.name]) for tensor in model.inputs]
    try:
        copy = keras.models.clone_model(model, input_tensors=fresh)
        copy.set_weights(model.get_weights())
    except (TypeError, ValueError, KeyError, AttributeError, NotImplementedError) as problem:
        raise DataError(
            f"the model's inputs cannot be renamed ({type(problem).__name__})",
            where=path,
            hint=f"Call the recipe's inputs {', '.join(named.values())}.",
        ) from problem
    return keras.Model(_struct(copy), copy.outputs[0])


def _struct(model: Any) -> Any:
    return model.inputs[0] if len(model.inputs) == 1 else {tensor.name: tensor for tensor in model.inputs}


def _match_outputs(model: Any, data: Dataset, path: str) -> None:
    outputs = model.outputs
    if len(outputs) != 1:
        raise DataError(
            f"the model has {len(outputs)} outputs ({', '.join(model.output_names)})",
            where=path,
            hint="Say which one holds the classes: --output-layer LAYER",
        )
    if len(outputs[0].shape) != 2 or outputs[0].shape[1] is None:
        raise DataError(
            f"the model answers with {_in_words(outputs[0].shape[1:]) or 'one number'} for each record: a classifier"
            " gives one number for each class",
            where=path,
            hint="Name the layer that does: --output-layer LAYER",
        )
    wide = int(outputs[0].shape[1])
    if wide != len(data.classes) and not (wide == 1 and len(data.classes) == 2 and data.task != "multilabel"):
        raise DataError(
            f"the model answers with {wide} numbers, the recipe knows {len(data.classes)} classes",
            where=path,
            hint="List the classes in data.classes, in the order of the model's outputs.",
        )


def _as_probabilities(subject: Subject, data: Dataset) -> Subject:
    """The same model with what turns its answers into probabilities of each class behind it, where they are not."""
    some = data.part("train")[:LOOK]
    asked = {name: data.take(name, some) for name in subject.names}
    found = np.asarray(subject.model.predict_on_batch(subject.as_input(asked)), np.float64)
    one, several = found.shape[1] == 1, data.task == "multilabel"
    ready = _are_probabilities(subject.model, found, each=one or several)
    if ready and not one:
        return subject
    copy = _copied(subject.model, str(subject.path))
    answers = copy.outputs[0]
    if not ready:
        answers = keras.layers.Activation("sigmoid" if one or several else "softmax", dtype="float32")(answers)
    if one:
        # Without weights, so that a network of random weights still gives probabilities.
        answers = keras.layers.Concatenate()([keras.layers.Rescaling(-1.0, 1.0)(answers), answers])
    return Subject(keras.Model(_struct(copy), answers), subject.inputs, subject.classes, subject.task)


def _are_probabilities(model: Any, found: npt.NDArray[np.float64], *, each: bool) -> bool:
    """By the activation of the last layer where it has one that tells; otherwise by a look at some answers."""
    last = model.outputs[0]._keras_history.operation
    activation = last.get_config().get("activation") if isinstance(last, keras.layers.Layer) else None
    if activation in ("softmax", "sigmoid") or isinstance(last, keras.layers.Softmax):
        return True
    if activation == "linear" and isinstance(last, keras.layers.Dense):
        return False
    inside = bool((found >= -SUM).all() and (found <= 1 + SUM).all())
    return inside and (each or np.allclose(found.sum(axis=1), 1.0, atol=SUM))
