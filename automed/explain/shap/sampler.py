"""What draws expected gradients of one class: SHAP on TensorFlow, and its formula on the other backends of Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import keras
import numpy as np

from automed.explain.attribution import NotApplicable
from automed.explain.copies import Differentiable, differentiable
from automed.explain.gradients import Gradients
from automed.explain.shap.library import seeded, shap
from automed.explain.subject import Array, Subject


class Sampler(Protocol):
    """Draws expected gradients.

    Attributes:
        name: of what computes them.
    """

    name: str

    def __call__(
        self, record: list[Array], background: list[Array], wanted: int, samples: int, batch: int, seed: int
    ) -> list[Array]:
        """Mean of gradient x (record - background) at points in between.

        Args:
            record: float32 (1, *shape) of each input; NaN where nothing is known, and so in the background.
            background: float32 (b, *shape) of each input.
            wanted: the class.
            samples: points.
            batch: points a call.
            seed: where chance comes from.

        Returns:
            (1, *shape) of each input.
        """
        ...


@dataclass(frozen=True, eq=False)
class Picking:
    """A model of one output, the probability of whichever class is picked: one graph of gradients for all classes.

    Attributes:
        model: Keras model from a list of float32 inputs to (n, 1).
        layer: the last one, whose weights pick.
        outputs: how many the model underneath has.
    """

    model: Any
    layer: Any
    outputs: int

    def pick(self, wanted: int) -> None:
        """Let the output be the probability of this class."""
        kernel, bias = np.zeros((self.outputs, 1), np.float32), np.zeros(1, np.float32)
        if self.outputs == 1:  # a sigmoid: the probability of class 1
            kernel[0], bias[0] = (1.0, 0.0) if wanted == 1 else (-1.0, 1.0)
        else:
            kernel[wanted] = 1.0
        self.layer.set_weights([kernel, bias])


def picking(model: Any) -> Picking:
    """Put a layer that picks a class on a Keras model of probabilities (n, K) or (n, 1)."""
    outputs = int(model.outputs[0].shape[-1])
    name, taken = "picked", {one.name for one in model.operations}
    while name in taken:  # a loaded model may have any names, Keras' own for a new layer among them
        name += "_"
    layer = keras.layers.Dense(1, dtype="float32", trainable=False, name=name)
    return Picking(keras.Model(list(model.inputs), layer(model.outputs[0])), layer, outputs)


class FromShap:
    """shap.GradientExplainer on a model of one output.

    It is made once a model, since its graph of gradients is traced when it is first asked; it is then handed each
    record's own background.
    """

    name = "shap.GradientExplainer"

    def __init__(self, copy: Differentiable) -> None:
        self._picked = picking(copy.model)
        shapes = [tensor.shape[1:] for tensor in self._picked.model.inputs]
        self._explainer = shap.GradientExplainer(
            self._picked.model, [np.zeros((1, *shape), np.float32) for shape in shapes]
        )

    def __call__(
        self, record: list[Array], background: list[Array], wanted: int, samples: int, batch: int, seed: int
    ) -> list[Array]:
        self._picked.pick(wanted)
        inner = self._explainer.explainer
        inner.data, inner.batch_size = background, batch
        single = len(record) == 1
        try:
            with seeded(seed):
                found = self._explainer.shap_values(
                    record[0] if single else record, nsamples=samples, rseed=seed % 2**32
                )
        except Exception as error:
            raise NotApplicable(f"shap.GradientExplainer fails with {type(error).__name__}") from error
        return [np.asarray(each)[..., 0] for each in ([found] if single else found)]


class FromFormula:
    """The same formula, for JAX and torch: there SHAP takes no gradients of Keras models."""

    name = "expected gradients"

    def __init__(self, copy: Differentiable) -> None:
        self._ask = Gradients(copy)

    def __call__(
        self, record: list[Array], background: list[Array], wanted: int, samples: int, batch: int, seed: int
    ) -> list[Array]:
        random = np.random.default_rng(seed)
        drawn, place = random.integers(len(background[0]), size=samples), random.uniform(size=samples)
        delta = [x - each[drawn] for x, each in zip(record, background, strict=True)]
        between = [
            np.asarray(x - (1 - place).reshape(-1, *[1] * (d.ndim - 1)) * d, np.float32)
            for x, d in zip(record, delta, strict=True)
        ]
        gradients = self._ask(between, np.full(samples, wanted))[1]
        return [(gradient * d).mean(axis=0, keepdims=True) for gradient, d in zip(gradients, delta, strict=True)]


@dataclass(frozen=True, eq=False)
class _Kept:
    """A sampler and the network under it."""

    model: Any
    sampler: Sampler


_KEPT: WeakKeyDictionary[Subject, _Kept] = WeakKeyDictionary()


def sampler_of(subject: Subject) -> Sampler:
    """What draws expected gradients of a subject.

    Checks explain one subject many times, with other seeds and other records: the graph is kept as long as the subject
    is. Its weights are taken over each time, for checks draw weights anew in place.

    Raises:
        NotApplicable: an input has no gradient.
    """
    weights = subject.model.get_weights()
    if (kept := _KEPT.get(subject)) is not None:
        kept.model.set_weights(weights)
        return kept.sampler
    copy = smooth(subject)
    sampler = FromShap(copy) if keras.backend.backend() == "tensorflow" else FromFormula(copy)
    same = [np.array_equal(a, b) for a, b in zip(copy.model.get_weights(), weights, strict=True)]
    if all(same) and isinstance(sampler, FromShap):
        _KEPT[subject] = _Kept(copy.model, sampler)
    return sampler


def smooth(subject: Subject) -> Differentiable:
    """A differentiable copy all of whose inputs have values in between.

    Raises:
        NotApplicable: an input has words or categories.
    """
    for spec in subject.inputs:
        if spec.kind in ("text", "sequence"):
            raise NotApplicable(f"between two tokens of {spec.name} there is nothing to take a gradient at")
    copy = differentiable(subject)
    for entry in copy.entries:
        if entry.closed:
            raise NotApplicable(f"between two categories of {entry.spec.name} there is nothing to take a gradient at")
    return copy
