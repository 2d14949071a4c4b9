"""Grad-CAM: the features of the last convolution, weighed by their mean gradient."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from skimage.transform import resize

from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.copies import Seam, both, copy_of
from automed.explain.features import last_features
from automed.explain.gradients import Floats, Step, compiled, in_batches
from automed.explain.subject import Arrays, InputSpec, Subject
from automed.recipe.explain import Explain

LEAST = 1e-7  # of a probability, before its logarithm is taken


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
    come from, so all its variables share one map over time: it says when, not where. Inputs whose encoder is not
    convolutional get NaN. A record in which nothing speaks for the class has 0 everywhere.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: not read.
        classes: int64 (n,).
        settings: not read.
        seed: not read: there is no chance in it.

    Raises:
        NotApplicable: no input is read by convolutions whose features keep their place, or gradients do not reach them.

    Source: Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2: gradients of the class's score before the
    softmax; of its log-probability where no such score can be told.
    """
    started = time.monotonic()
    look = _looking(subject)
    probes = [np.zeros((len(classes), *shape), np.float32) for shape in look.shapes.values()]
    _, gradients, features = in_batches(look.step, probes, [records[name] for name in subject.names], classes)
    values = {spec.name: np.full((len(classes), *spec.map_shape), np.nan, np.float32) for spec in subject.inputs}
    for name, gradient, found in zip(look.shapes, gradients, features, strict=True):
        if gradient is None or not (np.isfinite(gradient).all() and np.isfinite(found).all()):
            raise NotApplicable(f"gradients do not reach the features of {name}, or are not numbers")
        weights = gradient.mean(axis=tuple(range(1, gradient.ndim - 1)), keepdims=True)
        maps = np.maximum((found * weights).sum(axis=-1), 0.0)
        values[name] = np.stack([_enlarged(one, subject.spec(name)) for one in maps])
    return Attribution(
        method="gradcam",
        explainer="Grad-CAM",
        reason=_reason(subject, look),
        classes=classes,
        values=values,
        output=subject.of_class(records, classes),
        base=None,
        parameters={"features": {name: list(shape[:-1]) for name, shape in look.shapes.items()}, "of": look.of},
        unit="relevance, 0 to 1",
        signed=False,
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, eq=False)
class _Looking:
    """A copy of a network with seams at the last convolutional features, traced once.

    Attributes:
        inputs: those that it was made for.
        copy: the network.
        shapes: by input that has them, shape of the features of one record.
        silent: by input that has none, why.
        of: what gradients are taken of, in words.
        step: probes (0, added to the features), raw inputs, classes -> score, gradients at the probes, features.
    """

    inputs: tuple[InputSpec, ...]
    copy: Any
    shapes: Mapping[str, tuple[int, ...]]
    silent: Mapping[str, str]
    of: str
    step: Step


_KEPT: WeakKeyDictionary[Any, _Looking] = WeakKeyDictionary()


def _looking(subject: Subject) -> _Looking:
    """The copy of a subject's network with its present weights; made once a network."""
    kept = _KEPT.get(subject.model)
    if kept is None or kept.inputs != subject.inputs:
        kept = _KEPT[subject.model] = _made(subject)
    kept.copy.set_weights(subject.model.get_weights())
    return kept


def _made(subject: Subject) -> _Looking:
    copy = copy_of(subject.model)
    names = [tensor.name for tensor in copy.inputs] if len(subject.inputs) > 1 else subject.names
    raw = dict(zip(names, copy.inputs, strict=True))
    found = {spec.name: last_features(copy, spec, raw[spec.name]) for spec in subject.inputs}
    silent = {name: layer for name, layer in found.items() if isinstance(layer, str)}
    if len(silent) == len(found):
        why = (
            "; ".join(f"{name}: {reason}" for name, reason in silent.items())
            if len(found) > 1
            else next(iter(silent.values()))
        )
        raise NotApplicable(f"there are no convolutional features that keep their place: {why}")
    seams = {name: Seam(layer) for name, layer in found.items() if name not in silent}
    logits, of = _scores(copy)
    model = keras.Model([raw[name] for name in subject.names], copy.outputs[0])

    def ask(probes: Sequence[Any], told: Sequence[Any]) -> tuple[Any, list[Any]]:
        for seam, probe in zip(seams.values(), probes or [None] * len(seams), strict=True):
            seam.set(added=probe)
        try:
            answers = model(list(told), training=False)
            if any(seam.calls != 1 for seam in seams.values()):
                raise NotApplicable("the last convolution is used more than once, so its features are not one map")
            features = [ops.cast(seam.given, "float32") for seam in seams.values()]
            return _score(logits.given if isinstance(logits, Seam) else answers, bool(logits)), features
        finally:
            for seam in (*seams.values(), *([logits] if isinstance(logits, Seam) else [])):
                seam.set()

    _, features = ask([], [np.zeros((1, *spec.shape), spec.dtype) for spec in subject.inputs])
    shapes = {name: tuple(one.shape[1:]) for name, one in zip(seams, features, strict=True)}
    return _Looking(subject.inputs, copy, shapes, silent, of, compiled(model, ask))


def _scores(copy: Any) -> tuple[Seam | bool, str]:
    """Where the scores before the softmax or sigmoid come from: a seam, the copy's own answers (True), or nowhere."""
    names = {layer.name: layer for layer in copy.layers}
    if "logits" in names:
        return Seam(names["logits"]), "logits"
    last = copy.outputs[0]._keras_history.operation
    while isinstance(last, keras.Model):
        last = last.outputs[0]._keras_history.operation
    told = getattr(last, "activation", None)
    if isinstance(last, keras.layers.Layer) and told in (keras.activations.softmax, keras.activations.sigmoid):
        # A probability of 1.0 in float32 has no gradient left.
        last.activation = keras.activations.linear
        return True, "logits"
    return False, "log-probability"


def _score(answers: Any, scores: bool) -> Any:
    """float32 (n, K), K at least 2; a single logit is that of the second of two classes."""
    answers = ops.cast(answers, "float32")
    if not scores:
        return ops.log(ops.maximum(both(answers), LEAST))
    return ops.concatenate([-answers, answers], axis=-1) if answers.shape[-1] == 1 else answers


def _reason(subject: Subject, look: _Looking) -> str:
    """Why this method, and what it does not say."""
    sizes = ", ".join(" x ".join(str(n) for n in shape[:-1]) for shape in look.shapes.values())
    told = [f"The encoder is convolutional; its last features have {sizes} places, enlarged."]
    if any(subject.spec(name).kind == "signal" for name in look.shapes):
        told.append("They have lost which variable they come from: all variables share one map over time.")
    told += [f"It says nothing of {name}: {why}." for name, why in look.silent.items()]
    return " ".join(told)


def _enlarged(one: npt.NDArray[np.float64], spec: InputSpec) -> Floats:
    """A map at the resolution of the input, its largest value 1."""
    high = float(one.max())
    scaled = one / high if high > 0 else one
    big = np.asarray(resize(scaled, spec.map_shape[: one.ndim], order=1, mode="edge", anti_aliasing=False), np.float32)
    return np.array(np.broadcast_to(big[:, None], spec.map_shape)) if spec.kind == "signal" else big
