"""Keras-Tuner as its tutorials use it: Hyperband by validation accuracy, then the best choices trained for longer.

Source: TensorFlow, Introduction to the Keras Tuner (max_epochs 10, factor 3, early stopping with patience 5, then 50
epochs of the best choices, of which the best epoch is kept).
"""

from __future__ import annotations

import math
import time
from typing import Any

import kit

EPOCHS, FACTOR, PATIENCE = 10, 3, 5
LONGER = 50
SEARCHING = 0.75  # of the time; the rest is for the longer training
ROUNDS = 1000  # of Hyperband: the time ends it


class Drawn:
    """Choices by a trial of Keras-Tuner."""

    def __init__(self, hp: Any) -> None:
        self.hp = hp

    def pick(self, name: str, options: list[Any]) -> Any:
        """One of several."""
        return self.hp.Choice(name, options)

    def whole(self, name: str, low: int, high: int, step: int) -> int:
        """A whole number, both ends included."""
        return int(self.hp.Int(name, low, high, step=step))

    def log(self, name: str, low: float, high: float) -> float:
        """A number, drawn by its logarithm."""
        return float(self.hp.Float(name, low, high, sampling="log"))


def fit(given: kit.Given) -> kit.Answer:
    """Search for most of the time, train the best choices for the rest; the best weights of all answer."""
    import keras
    import keras_tuner
    import networks
    import watch

    began = time.monotonic()
    keras.utils.set_random_seed(given.seed)
    ready = kit.ready(given)
    data = networks.data(given, ready)
    tuner = keras_tuner.Hyperband(
        lambda hp: networks.build(given, ready, Drawn(hp)),
        objective="val_accuracy",
        max_epochs=EPOCHS,
        factor=FACTOR,
        hyperband_iterations=ROUNDS,
        seed=given.seed + 1,  # its seed 0 means one by chance
        directory=str(given.folder),
        project_name="tuner",
        overwrite=True,
    )
    tuner.oracle.max_trials = given.trials
    best = watch.Watch(what=lambda: next(iter(tuner.oracle.ongoing_trials.values())).hyperparameters)

    def stopping() -> Any:
        return keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE)

    with best.limit(SEARCHING * given.seconds):
        tuner.search(callbacks=[stopping(), best], **data)
    trials, found = best.begun, best.best.what if best.best else None
    left = given.seconds - (time.monotonic() - began)
    if found is not None and (math.isinf(left) or left > 0):
        best.what = lambda: found
        with best.limit(left):
            networks.build(given, ready, Drawn(found)).fit(epochs=LONGER, callbacks=[stopping(), best], **data)
    model = best.chosen()
    said = [watch.answers(model, list(ready.x[split].values()), len(given.classes)) for split in ("validation", "test")]
    values = {name: value for name, value in found.values.items() if not name.startswith("tuner/")} if found else ""
    return kit.Answer(
        *said,
        chosen=f"{best.says}: {values}",
        trials=trials,
        versions=kit.versions("keras", "keras_tuner"),
    )


if __name__ == "__main__":
    kit.run(fit, reads=kit.EVERY, needs=("keras", "keras_tuner"))
