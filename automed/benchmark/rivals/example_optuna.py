"""A plain loop of Optuna and Keras, as in Optuna's examples: TPE by validation accuracy, 15 epochs, patience 3."""

from __future__ import annotations

import math
from typing import Any

import kit

EPOCHS, PATIENCE = 15, 3


class Drawn:
    """Choices by a trial of Optuna."""

    def __init__(self, trial: Any) -> None:
        self.trial = trial

    def pick(self, name: str, options: list[Any]) -> Any:
        """One of several."""
        return self.trial.suggest_categorical(name, options)

    def whole(self, name: str, low: int, high: int, step: int) -> int:
        """A whole number, both ends included."""
        return int(self.trial.suggest_int(name, low, high, step=step))

    def log(self, name: str, low: float, high: float) -> float:
        """A number, drawn by its logarithm."""
        return float(self.trial.suggest_float(name, low, high, log=True))


def fit(given: kit.Given) -> kit.Answer:
    """Train trial after trial until the time is over; the best weights of all of them answer."""
    import keras
    import networks
    import optuna
    import watch

    keras.utils.set_random_seed(given.seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ready = kit.ready(given)
    data = networks.data(given, ready)
    current: list[Any] = [None]
    best = watch.Watch(what=lambda: current[0].params)

    def objective(trial: Any) -> float:
        current[0] = trial
        keras.backend.clear_session()
        model = networks.build(given, ready, Drawn(trial))
        stopping = keras.callbacks.EarlyStopping("val_accuracy", patience=PATIENCE, restore_best_weights=True)
        history = model.fit(epochs=EPOCHS, callbacks=[stopping, best], **data)
        return float(max(history.history["val_accuracy"]))

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=given.seed))
    with best.limit(given.seconds):
        study.optimize(objective, n_trials=given.trials, timeout=None if math.isinf(given.seconds) else given.seconds)
    model = best.chosen()
    said = [watch.answers(model, list(ready.x[split].values()), len(given.classes)) for split in ("validation", "test")]
    return kit.Answer(
        *said,
        chosen=f"{best.says}: {best.best.what if best.best else ''}",
        trials=best.begun,
        versions=kit.versions("keras", "optuna"),
    )


if __name__ == "__main__":
    kit.run(fit, reads=kit.EVERY, needs=("keras", "optuna"))
