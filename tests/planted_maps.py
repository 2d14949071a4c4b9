"""Small models whose right explanation is known, and methods that give it, or something else, for the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from automed.explain.attribution import Attribution
from automed.explain.subject import Arrays, InputSpec, Subject
from automed.explain.validation.subject import Cases, Method, Trial
from automed.recipe.explain import Explain

SIZE = 16
SIGN = (slice(1, 5), slice(1, 5))  # where the two classes differ
RULER = (slice(0, 16), slice(14, 16))
MIDDLE = (slice(6, 10), slice(6, 10))
SPEC = InputSpec("picture", "image", (SIZE, SIZE, 1), "uint8", {})


def linear(weights: Any, gain: float = 1.0) -> Any:
    """Two classes from a weighted sum of the pixels (16, 16): the second one where it is positive."""
    dense = keras.layers.Dense(2, activation="softmax")
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1), dtype="uint8", name="picture"),
            keras.layers.Rescaling(1 / 128, offset=-1.0),
            keras.layers.Flatten(),
            dense,
        ]
    )
    column = np.asarray(weights, np.float32).ravel() * gain
    dense.set_weights([np.stack([-column, column], axis=1), np.zeros(2, np.float32)])
    return model


def looking_at(place: tuple[slice, slice]) -> Any:
    """A model that reads one place of a picture and nothing else."""
    weights = np.zeros((SIZE, SIZE), np.float32)
    weights[place] = 1.0 / weights[place].size
    return linear(weights, 4.0)


def pictures(n: int, places: Mapping[str, tuple[slice, slice]], seed: int) -> tuple[Any, Any]:
    """Noise, brighter in all of the places where y is 1 and darker where it is 0: uint8 (n, 16, 16, 1), int64 (n,)."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = random.normal(128, 30, (n, SIZE, SIZE, 1))
    for place in places.values():
        x[:, *place] += np.where(y == 1, 24, -24)[:, None, None, None]
    return np.clip(x, 0, 255).astype(np.uint8), y.astype(np.int64)


def attribution(
    name: str, values: Any, classes: Any, subject: Subject, arrays: Arrays, *, spec: InputSpec = SPEC, **more: Any
) -> Attribution:
    """Values (n, *map_shape) of one input as an attribution."""
    output = subject.of_class(arrays, classes)
    return Attribution(name, name, "", classes, {spec.name: np.asarray(values, np.float32)}, output, None, {}, **more)


def oracle(background: Any, sign: float = 1.0) -> Method:
    """Weight times distance from the mean record: the exact explanation of a linear model."""

    def explain(subject: Subject, arrays: Arrays, classes: Any, seed: int) -> Attribution:
        kernel = subject.model.layers[-1].get_weights()[0]
        toward = (kernel - kernel.mean(axis=1, keepdims=True)).T[classes].reshape(-1, SIZE, SIZE)
        far = (arrays["picture"].astype(float) - background.mean(axis=0)).sum(axis=-1)
        return attribution("oracle", sign * toward * far, classes, subject, arrays)

    return explain


def of_input_only(subject: Subject, arrays: Arrays, classes: Any, seed: int) -> Attribution:
    """Contrast of the picture, whatever the model is: what an edge detector shows."""
    x = arrays["picture"].astype(float)[..., 0]
    return attribution("contrast", np.hypot(*np.gradient(x, axis=(1, 2))), classes, subject, arrays, signed=False)


def of_chance_only(subject: Subject, arrays: Arrays, classes: Any, seed: int) -> Attribution:
    """Noise from the seed, whatever the model and the picture are."""
    values = np.random.default_rng(seed).normal(size=(len(classes), SIZE, SIZE))
    return attribution("chance", values, classes, subject, arrays)


def always(value: float) -> Method:
    """The same value everywhere."""

    def explain(subject: Subject, arrays: Arrays, classes: Any, seed: int) -> Attribution:
        return attribution("always", np.full((len(classes), SIZE, SIZE), value), classes, subject, arrays)

    return explain


def cases_of(
    subject: Subject,
    places: Mapping[str, tuple[slice, slice]],
    *,
    n: int = 24,
    patients: int | None = None,
    **more: Any,
) -> Cases:
    """Test pictures in which every place tells the class; the places are the regions."""
    x, y = pictures(n, places, 1)
    background, _ = pictures(32, places, 2)
    many, theirs = pictures(200, places, 3)
    regions = np.zeros((n, SIZE, SIZE), np.uint8)
    for number, place in enumerate(places.values(), 1):
        regions[:, *place] = number
    return Cases(
        arrays={"picture": x},
        classes=subject.predict({"picture": x}).argmax(axis=1).astype(np.int64),
        patients=np.arange(n) % (patients or n),
        y=y,
        background={"picture": background},
        regions={"picture": regions},
        region_names={"picture": tuple(places)},
        judged=({"picture": many}, theirs, np.arange(200)),
        **more,
    )


def trial_of(subject: Subject, cases: Cases, methods: Mapping[str, Method], seed: int = 0) -> Trial:
    """A trial with the methods' maps of all cases."""
    found = {
        name: replace(method(subject, cases.arrays, cases.classes, seed), method=name)
        for name, method in methods.items()
    }
    return Trial(subject, cases, methods, found, Explain(), seed, silent)


def silent(what: str, done: int, total: int) -> None:
    """Hear progress and say nothing."""
    assert 0 <= done <= max(total, done)
    assert what
