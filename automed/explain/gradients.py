"""Gradients of one class's probability at the entries of a network, through one compiled function a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automed.explain.copies import Differentiable
from automed.explain.subject import Array

Floats = npt.NDArray[np.float32]
Step = Callable[[list[Array], npt.NDArray[np.int64]], tuple[Any, list[Any]]]
BATCH = 64  # rows a call: one size, so that the function is traced once


class Gradients:
    """Asks a differentiable copy for probabilities and gradients, in batches of one size.

    Args:
        copy: the network, with float entries.
        output: float32 tensor whose column is explained, (n, K); left out, the probabilities.
    """

    def __init__(self, copy: Differentiable, output: Any = None) -> None:
        self._copy = copy
        model = copy.model if output is None else keras.Model(copy.model.inputs, output)
        self._binary = model.outputs[0].shape[-1] == 1
        self._step = _compiled(model, len(copy.entries))

    def __call__(self, feed: list[Array], classes: npt.NDArray[np.int64]) -> tuple[Floats, list[Floats]]:
        """The explained column and its gradients.

        Args:
            feed: what the copy is called with, n rows each: `Differentiable.feed`.
            classes: int64 (n,).

        Returns:
            float32 (n,), and for each entry float32 of its shape; 0 where a number is missing.
        """
        n = len(classes)
        outputs, found = [], [[] for _ in self._copy.entries]  # type: ignore[var-annotated]
        for start in range(0, n, BATCH):
            rows = np.resize(np.arange(start, min(start + BATCH, n)), BATCH)
            kept = min(BATCH, n - start)
            wanted = np.zeros(BATCH, np.int64) if self._binary else classes[rows]
            value, gradients = self._step([part[rows] for part in feed], wanted)
            sign = np.where(classes[rows] == 1, 1.0, -1.0) if self._binary else np.ones(BATCH)
            value = np.where(classes[rows] == 1, value, 1.0 - value) if self._binary else value
            outputs.append(np.asarray(value, np.float32)[:kept])
            for place, gradient in enumerate(gradients):
                scaled = gradient * sign.reshape(-1, *([1] * (gradient.ndim - 1)))
                found[place].append(np.nan_to_num(scaled.astype(np.float32))[:kept])
        return np.concatenate(outputs), [np.concatenate(one) for one in found]


def _compiled(model: Any, entries: int) -> Step:
    """(feed, classes) -> (outputs (n,), gradients of the first `entries` parts of the feed), as arrays."""
    backend = keras.backend.backend()
    of = {"jax": _of_jax, "torch": _of_torch}.get(backend, _of_tensorflow)
    return of(model, entries)


def _of_tensorflow(model: Any, entries: int) -> Step:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(feed: list[Any], classes: Any) -> Any:
        floats = feed[:entries]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for one in floats:
                tape.watch(one)
            picked = tf.gather(model(feed, training=False), classes, axis=1, batch_dims=1)
        none = tf.UnconnectedGradients.ZERO
        return picked, tape.gradient(picked, floats, unconnected_gradients=none)

    def run(feed: list[Array], classes: npt.NDArray[np.int64]) -> tuple[Any, list[Any]]:
        picked, gradients = step([tf.constant(part) for part in feed], tf.constant(classes))
        return picked.numpy(), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]

    return run


def _of_jax(model: Any, entries: int) -> Step:
    import jax

    state = ([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables])

    def total(floats: list[Any], rest: list[Any], classes: Any) -> Any:
        answers, _ = model.stateless_call(*state, [*floats, *rest], training=False)
        picked = jax.numpy.take_along_axis(answers, classes[:, None], axis=1)[:, 0]
        return picked.sum(), picked

    step = jax.jit(jax.grad(total, has_aux=True))

    def run(feed: list[Array], classes: npt.NDArray[np.int64]) -> tuple[Any, list[Any]]:
        gradients, picked = step(feed[:entries], feed[entries:], classes)
        return np.asarray(picked), [np.asarray(gradient) for gradient in gradients]

    return run


def _of_torch(model: Any, entries: int) -> Step:
    import torch

    def run(feed: list[Array], classes: npt.NDArray[np.int64]) -> tuple[Any, list[Any]]:
        device = model.variables[0].value.device
        parts = [torch.as_tensor(np.ascontiguousarray(part), device=device) for part in feed]
        floats = [part.requires_grad_(True) for part in parts[:entries]]
        answers = model([*floats, *parts[entries:]], training=False)
        picked = answers.gather(1, torch.as_tensor(classes, device=device)[:, None])[:, 0]
        found = torch.autograd.grad(picked.sum(), floats, allow_unused=True)
        gradients = [torch.zeros_like(x) if g is None else g for x, g in zip(floats, found, strict=True)]
        return picked.detach().cpu().numpy(), [gradient.cpu().numpy() for gradient in gradients]

    return run
