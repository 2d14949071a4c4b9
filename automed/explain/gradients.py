"""Gradients of one class's probability at the entries of a network, through one compiled function a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import numpy.typing as npt

from automed.explain.attribution import NotApplicable
from automed.explain.copies import Differentiable, differentiable
from automed.explain.subject import Array, InputSpec, Subject

Floats = npt.NDArray[np.float32]
# Tensors at which gradients arrive, and others -> answers (n, K), and tensors that are wanted besides.
Ask = Callable[[list[Any], list[Any]], tuple[Any, list[Any]]]
# (floats, rest, classes) -> the answer picked (n,), gradients of its sum (None: unconnected), tensors wanted besides.
Step = Callable[[list[Array], list[Array], npt.NDArray[np.int64]], tuple[Array, list[Array | None], list[Array]]]

MOST, NUMBERS = 128, 2**21  # rows of a large call, and numbers at its entries: what pictures of 224 x 224 have in 13
PART = 8  # a small call has so many times fewer rows: two sizes, so that a function is traced twice and never again


class Gradients:
    """Asks a differentiable copy for probabilities and gradients, in batches of two sizes.

    Args:
        copy: the network, with float entries.
    """

    def __init__(self, copy: Differentiable) -> None:
        self._count = len(copy.entries)
        self._step = compiled(copy.model, lambda floats, rest: (copy.answers([*floats, *rest]), []))

    def __call__(self, feed: list[Array], classes: npt.NDArray[np.int64]) -> tuple[Floats, list[Floats]]:
        """The probability of each record's class and its gradients.

        Args:
            feed: n rows each: `Differentiable.feed`.
            classes: int64 (n,).

        Returns:
            float32 (n,), and for each entry float32 of its shape; 0 where a number is missing (NaN).

        Raises:
            NotApplicable: gradients do not pass the network, or are not numbers.
        """
        outputs, found, _ = in_batches(self._step, feed[: self._count], feed[self._count :], classes)
        if len(classes) and all(one is None for one in found):
            raise NotApplicable("an operation in the network lets no gradient pass")
        gradients = []
        for floats, one in zip(feed, found, strict=False):
            gradient = np.zeros(floats.shape, np.float32) if one is None else np.where(np.isnan(floats), 0.0, one)
            if not np.isfinite(gradient).all():
                raise NotApplicable("its gradients are not numbers")
            gradients.append(np.asarray(gradient, np.float32))
        return np.asarray(outputs, np.float32), gradients


@dataclass(frozen=True, eq=False)
class _Kept:
    """A copy of a network that was made once, and what asks it."""

    inputs: tuple[InputSpec, ...]
    copy: Differentiable
    ask: Gradients


_KEPT: WeakKeyDictionary[Any, _Kept] = WeakKeyDictionary()


def asking(subject: Subject) -> tuple[Differentiable, Gradients]:
    """A differentiable copy of a subject with its present weights, and what asks it.

    A network is copied and traced once, however often its weights are drawn anew in place.

    Raises:
        NotApplicable: as `differentiable`.
    """
    kept = _KEPT.get(subject.model)
    if kept is None or kept.inputs != subject.inputs:
        copy = differentiable(subject)
        kept = _KEPT[subject.model] = _Kept(subject.inputs, copy, Gradients(copy))
    return kept.copy.weighted(subject.model.get_weights()), kept.ask


def rows_of(floats: list[Array]) -> int:
    """Rows of a large call: a power of two, so that wide records do not fill the memory."""
    numbers = max(1, sum(int(np.prod(one.shape[1:])) for one in floats))
    return int(2 ** np.clip(np.floor(np.log2(NUMBERS / numbers)), 2, np.log2(MOST)))


def in_batches(
    step: Step, floats: list[Array], rest: list[Array], classes: npt.NDArray[np.int64]
) -> tuple[Array, list[Array | None], list[Array]]:
    """A compiled step over any number of records: what it gives, of all of them."""
    n, large = len(classes), rows_of([*floats, *rest])
    small = max(1, large // PART)
    outputs, gradients, besides, start = [], [[] for _ in floats], [], 0  # type: ignore[var-annotated]
    while start < n:
        size = large if n - start > large // 2 else small
        kept = min(size, n - start)
        rows = np.resize(np.arange(start, start + kept), size)
        answer = step(
            [np.ascontiguousarray(one[rows]) for one in floats],
            [np.ascontiguousarray(one[rows]) for one in rest],
            classes[rows],
        )
        outputs.append(answer[0][:kept])
        besides.append([one[:kept] for one in answer[2]])
        for found, one in zip(gradients, answer[1], strict=True):
            found.append(None if one is None else one[:kept])
        start += size
    if not outputs:
        return np.zeros(0, np.float32), [np.zeros(one.shape, np.float32) for one in floats], []
    together = [None if found[0] is None else np.concatenate(found) for found in gradients]
    return np.concatenate(outputs), together, [np.concatenate(one) for one in zip(*besides, strict=True)]


def compiled(model: Any, ask: Ask) -> Step:
    """One step on the backend that runs Keras.

    Args:
        model: whose weights `ask` reads; they may change between calls.
        ask: called while it is traced.
    """
    of: Mapping[str, Callable[[Any, Ask], Step]] = {"tensorflow": _of_tensorflow, "jax": _of_jax, "torch": _of_torch}
    backend = keras.backend.backend()
    if backend not in of:
        raise NotApplicable(f"gradients are not taken on the backend {backend}")
    return of[backend](model, ask)


def _of_tensorflow(model: Any, ask: Ask) -> Step:
    import tensorflow as tf

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(floats: list[Any], rest: list[Any], classes: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(floats)
            answers, besides = ask(floats, rest)
            picked = tf.gather(answers, classes, axis=1, batch_dims=1)
        return picked, tape.gradient(picked, floats), besides

    def run(
        floats: list[Array], rest: list[Array], classes: npt.NDArray[np.int64]
    ) -> tuple[Array, list[Array | None], list[Array]]:
        told = [tf.constant(one, tf.float32) for one in floats], [tf.constant(one) for one in rest]
        picked, gradients, besides = step(*told, tf.constant(classes))
        found = [None if one is None else tf.convert_to_tensor(one).numpy() for one in gradients]
        return picked.numpy(), found, [one.numpy() for one in besides]

    return run


def _of_jax(model: Any, ask: Ask) -> Step:
    import jax

    variables = list(model.variables)

    def total(floats: list[Any], rest: list[Any], classes: Any, values: list[Any]) -> Any:
        # Without the scope the weights of the first call would be constants of the compiled function.
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            answers, besides = ask(floats, rest)
        picked = jax.numpy.take_along_axis(answers, classes[:, None], axis=1)[:, 0]
        return picked.sum(), (picked, besides)

    step = jax.jit(jax.grad(total, has_aux=True))

    def run(
        floats: list[Array], rest: list[Array], classes: npt.NDArray[np.int64]
    ) -> tuple[Array, list[Array | None], list[Array]]:
        gradients, (picked, besides) = step(floats, rest, classes, [one.value for one in variables])
        return np.asarray(picked), [np.asarray(one) for one in gradients], [np.asarray(one) for one in besides]

    return run


def _of_torch(model: Any, ask: Ask) -> Step:
    import torch

    def run(
        floats: list[Array], rest: list[Array], classes: npt.NDArray[np.int64]
    ) -> tuple[Array, list[Array | None], list[Array]]:
        convert = keras.ops.convert_to_tensor
        watched = [convert(one, "float32").detach().clone().requires_grad_(True) for one in floats]
        answers, besides = ask(watched, [convert(one) for one in rest])
        picked = answers.gather(1, convert(classes, "int64")[:, None])[:, 0]
        gradients = (
            torch.autograd.grad(picked.sum(), watched, allow_unused=True)
            if picked.requires_grad
            else [None] * len(watched)
        )
        found = [None if one is None else one.detach().cpu().numpy() for one in gradients]
        return picked.detach().cpu().numpy(), found, [one.detach().cpu().numpy() for one in besides]

    return run
