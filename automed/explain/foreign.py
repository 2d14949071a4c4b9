"""A classifier that automed did not make: what its inputs and outputs are, as far as the model tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from automed.data.dataset import Dataset
from automed.errors import DataError
from automed.explain.attribution import NotApplicable
from automed.explain.copies import copy_of
from automed.explain.stage import inputs_of
from automed.explain.subject import InputSpec, Subject

SUM = 1e-3  # how far probabilities may be from adding up to 1


def subject_of(model: Any, data: Dataset, path: str, card: Mapping[str, Any]) -> Subject:
    """What the explanations ask.

    Inputs are told apart by their names where there are several; one input is the recipe's one, whatever it is called.
    Outputs that are no probabilities are taken for logits, and the softmax or sigmoid is put behind them.

    Args:
        model: any Keras classifier.
        data: the records it is to be explained on.
        path: of its file.
        card: what the file says of itself; {} of a foreign model.

    Raises:
        DataError: inputs or outputs that are not those of the data, named one by one.
    """
    specs = inputs_of(data)
    _match_inputs(model, specs, path)
    outputs = model.outputs
    if len(outputs) != 1 or len(outputs[0].shape) != 2:
        raise DataError(
            f"the model has {len(outputs)} outputs, the first of shape {tuple(outputs[0].shape)}: a classifier has one "
            "of (records, classes)",
            where=path,
        )
    wide = int(outputs[0].shape[1])
    if wide != len(data.classes) and not (wide == 1 and len(data.classes) == 2):
        raise DataError(
            f"the model answers with {wide} numbers, the recipe knows {len(data.classes)} classes",
            where=path,
            hint="List the classes in data.classes, in the order of the model's outputs.",
        )
    subject = Subject(model, specs, data.classes, data.task, path)
    return subject if card else _as_probabilities(subject, data)


def _match_inputs(model: Any, specs: tuple[InputSpec, ...], path: str) -> None:
    names = [tensor.name for tensor in model.inputs]
    if len(names) != len(specs):
        raise DataError(f"the model reads {len(names)} inputs, the recipe has {len(specs)}", where=path)
    if len(specs) > 1 and set(names) != {spec.name for spec in specs}:
        raise DataError(
            f"the model's inputs are {', '.join(names)}, the recipe's {', '.join(spec.name for spec in specs)}",
            where=path,
            hint="Give the inputs of the recipe the names of the model's.",
        )
    shapes = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    for spec in specs:
        wanted = shapes[spec.name] if len(specs) > 1 else shapes[names[0]]
        if len(wanted) != len(spec.shape) or any(
            w is not None and w != h for w, h in zip(wanted, spec.shape, strict=True)
        ):
            shown = [
                " x ".join("any" if size is None else str(size) for size in shape) for shape in (spec.shape, wanted)
            ]
            raise DataError(
                f"records are {shown[0]}, the model reads {shown[1]}",
                where=f"inputs.{spec.name}",
                hint="Set size, channels or length in the recipe to those of the model.",
            )


def _as_probabilities(subject: Subject, data: Dataset) -> Subject:
    """The same model with a softmax or sigmoid behind it where a look at a few records shows that it gives logits."""
    some = data.part("train")[:32]
    found = np.asarray(
        subject.model.predict_on_batch(subject.as_input({name: data.take(name, some) for name in subject.names})),
        np.float64,
    )
    inside = bool((found >= -SUM).all() and (found <= 1 + SUM).all())
    several = data.task == "multilabel" or found.shape[1] == 1
    if inside and (several or np.allclose(found.sum(axis=1), 1.0, atol=SUM)):
        return subject
    try:
        copy = copy_of(subject.model)
    except NotApplicable as problem:
        raise DataError(f"the model gives no probabilities, and {problem.what}", where=subject.path) from None
    behind = keras.layers.Activation("sigmoid" if several else "softmax", dtype="float32", name="probabilities")
    inputs = copy.inputs[0] if len(copy.inputs) == 1 else {tensor.name: tensor for tensor in copy.inputs}
    return Subject(keras.Model(inputs, behind(copy.outputs[0])), subject.inputs, subject.classes, subject.task)
