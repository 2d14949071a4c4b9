"""The networks that a tutorial would write for each kind of input, with the choices that it would search over."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import kit
from keras import layers

BATCH = 32
FLAT = 4096  # values that are flattened at most; above, they are averaged
LONGEST = 200  # steps that an LSTM can read on a processor within an epoch's patience


class Choose(Protocol):
    """Where choices come from: a trial of either library."""

    def pick(self, name: str, options: list[Any]) -> Any:
        """One of several."""

    def whole(self, name: str, low: int, high: int, step: int) -> int:
        """A whole number, both ends included."""

    def log(self, name: str, low: float, high: float) -> float:
        """A number, drawn by its logarithm."""


def build(given: kit.Given, ready: kit.Ready, choose: Choose) -> Any:
    """A compiled network that reads every input.

    Args:
        given: task and classes.
        ready: the arrays, whose shapes are read.
        choose: where choices come from.
    """
    branches = {"image": _image, "signal": _signal, "text": _tokens, "sequence": _tokens, "tabular": _columns}
    inputs: list[Any] = []
    ends: list[Any] = []
    for name, kind in ready.kinds.items():
        example = ready.x["train"][name]
        entry = keras.Input(shape=example.shape[1:], dtype=str(example.dtype), name=f"in_{len(inputs)}")
        inputs.append(entry)
        ends.append(branches[kind](entry, choose, name, ready))
    x = ends[0] if len(ends) == 1 else layers.Concatenate()(ends)
    x = layers.Dense(choose.whole("units", 32, 256, 32), activation="relu")(x)
    x = layers.Dropout(choose.pick("dropout", [0.0, 0.25, 0.5]))(x)
    x = layers.Dense(len(given.classes), activation="sigmoid" if given.several else "softmax")(x)
    model = keras.Model(inputs, x)
    model.compile(
        optimizer=keras.optimizers.Adam(choose.log("learning_rate", 1e-4, 1e-2)),
        loss="binary_crossentropy" if given.several else "sparse_categorical_crossentropy",
        # By its name alone, accuracy would be that of the most probable of several labels.
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy") if given.several else "accuracy"],
    )
    return model


def _image(x: Any, choose: Choose, name: str, ready: kit.Ready) -> Any:
    x = layers.Rescaling(1.0 / 255)(x)
    for at in range(choose.whole(f"{name}_blocks", 1, 3, 1)):
        filters = choose.whole(f"{name}_filters_{at}", 32, 128, 32)
        x = layers.Conv2D(filters, 3, activation="relu", padding="same")(x)
        if min(x.shape[1:3]) >= 2:
            x = layers.MaxPooling2D(2)(x)
    while x.shape[1] * x.shape[2] * x.shape[3] > 4 * FLAT and min(x.shape[1:3]) >= 2:
        x = layers.MaxPooling2D(2)(x)
    if choose.pick(f"{name}_end", ["flatten", "average"]) == "flatten":
        return layers.Flatten()(x)
    return layers.GlobalAveragePooling2D()(x)


def _signal(x: Any, choose: Choose, name: str, ready: kit.Ready) -> Any:
    if x.shape[1] <= LONGEST and choose.pick(f"{name}_layer", ["conv", "lstm"]) == "lstm":
        return layers.LSTM(choose.whole(f"{name}_cells", 32, 128, 32))(x)
    return _convolved(x, choose, name, [3, 5, 7])


def _tokens(x: Any, choose: Choose, name: str, ready: kit.Ready) -> Any:
    x = layers.Embedding(ready.words[name], choose.pick(f"{name}_width", [16, 32, 64, 128]))(x)
    x = layers.Dropout(choose.pick(f"{name}_dropout", [0.0, 0.25, 0.5]))(x)
    return _convolved(x, choose, name, [3, 5, 7])


def _convolved(x: Any, choose: Choose, name: str, sizes: list[int]) -> Any:
    size = choose.pick(f"{name}_kernel", sizes)
    for at in range(choose.whole(f"{name}_blocks", 1, 3, 1)):
        filters = choose.whole(f"{name}_filters_{at}", 32, 128, 32)
        x = layers.Conv1D(filters, size, activation="relu", padding="same")(x)
        if x.shape[1] >= 2:
            x = layers.MaxPooling1D(2)(x)
    short = x.shape[1] * x.shape[2] <= FLAT
    end = choose.pick(f"{name}_end", ["max", "average", "flatten"])
    if end == "flatten" and short:
        return layers.Flatten()(x)
    return layers.GlobalAveragePooling1D()(x) if end == "average" else layers.GlobalMaxPooling1D()(x)


def _columns(x: Any, choose: Choose, name: str, ready: kit.Ready) -> Any:
    for at in range(choose.whole(f"{name}_layers", 1, 3, 1)):
        x = layers.Dense(choose.whole(f"{name}_units_{at}", 16, 128, 16), activation="relu")(x)
    return x


def data(given: kit.Given, ready: kit.Ready) -> dict[str, Any]:
    """What every candidate is fitted to: arguments of `fit`."""
    x = {split: list(ready.x[split].values()) for split in ("train", "validation")}
    y = {split: values.astype("float32") if given.several else values for split, values in given.y.items()}
    return {
        "x": x["train"],
        "y": y["train"],
        "validation_data": (x["validation"], y["validation"]),
        "batch_size": BATCH,
        "verbose": 0,
    }
