"""How fast a trial trains, beside `model.fit` on the same network, arrays, batches, optimiser and loss.

    .venv/bin/python tests/performance/training.py [images | signals] [--quick]

A trial does after every epoch what fit does not: macro-F1 over the whole validation set, checkpoint, class weights,
sums in a fixed order. `model.fit` is given validation_data, arrays in memory, and no metric. Each side has a process of
its own; the first epoch, with building and tracing, and the ones after it are rows of their own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import measuring
import numpy as np
import pandas as pd
from measuring import Asked, Measurement, Repeat, Side

from automed import recipe, runtime
from automed.data.dataset import Dataset

EPOCHS = 3
PLAIN = "model.fit with validation_data, the same network and batches"
RECIPE = """\
name: bench
data: {{source: npz, file: none.npz}}
inputs: {{x: {{{given}}}}}
train: {{epochs: {epochs}, patience: 100, batch: 32, augment: []}}
"""
TRAINING = {
    "mix": "none",
    "loss": "cross_entropy",
    "label_smoothing": 0.0,
    "dropout": 0.2,
    "optimiser": "adamw",
    "adamw.learning_rate": 1e-3,
    "adamw.weight_decay": 0.01,
}


@dataclass(frozen=True)
class Task:
    """A network and its records."""

    given: str  # of the recipe's input
    choices: Mapping[str, Any]
    x: Any
    y: Any
    facts: Mapping[str, Any]

    def recipe(self, folder: Path) -> recipe.Recipe:
        file = folder / "recipe.yaml"
        file.write_text(RECIPE.format(given=self.given, epochs=EPOCHS))
        return recipe.load(file)

    def data(self) -> Dataset:
        """Three quarters train, the rest is the validation set."""
        n = np.arange(len(self.y))
        split = np.where(n < len(n) * 3 // 4, "train", "validation").astype(object)
        facts = {"inputs": {"x": {"shape": list(self.x.shape[1:]), **self.facts}}}
        return Dataset({"x": self.x}, n, self.y, n + 1, n, split, ("a", "b", "c"), facts, pd.DataFrame())


def pictures(asked: Asked) -> Task:
    """32 x 32 pixels in colour, three classes, for a plain convolutional network."""
    random = np.random.default_rng(0)
    n = asked.size(2048, 256)
    y = random.integers(0, 3, n)
    x = random.integers(40, 160, (n, 32, 32, 3))
    for k in range(3):
        x[y == k, 9 * k + 2 : 9 * k + 9, 6:26] += 40
    cnn = {"depth": 3, "width": 16, "kernel": 3, "normalisation": "batch", "dropout": 0.1}
    choices = {"architecture": "cnn", "normalise": "dataset", "pool": "average"}
    choices |= {f"cnn.{name}": value for name, value in cnn.items()}
    facts = {"kind": "image", "mean": [100.0] * 3, "std": [40.0] * 3}
    return Task("kind: image, size: [32, 32]", choices, x.astype(np.uint8), y, facts)


def series(asked: Asked) -> Task:
    """128 steps of eight channels, three classes, for gated recurrent units."""
    random = np.random.default_rng(0)
    n = asked.size(1024, 128)
    y = random.integers(0, 3, n)
    x = random.normal(size=(n, 128, 8)).astype(np.float32)
    x += np.sin(np.arange(128)[:, None] * 0.1 * (1 + y[:, None, None])).astype(np.float32)
    names = [f"channel {k}" for k in range(8)]
    facts = {"kind": "signal", "channels": names, "mean": [0.0] * 8, "std": [1.2] * 8, "gaps": 0}
    gru = {"units": 64, "layers": 1, "bidirectional": False, "dropout": 0.0}
    choices = {"architecture": "gru", "pool": "average"} | {f"gru.{name}": value for name, value in gru.items()}
    return Task("kind: signal", choices, x, y, facts)


TASKS = {"images": pictures, "signals": series}


class Desk:
    """Answers from fixed choices, and writes down when each epoch was over."""

    cut = False

    def __init__(self, choices: Mapping[str, Any]) -> None:
        from automed.models.space import FixedSpace

        self.space, self.choices, self.stamps = FixedSpace(choices), choices, list[float]()

    def ask(self, verb: str, name: str, *arguments: Any) -> Any:
        return self.choices[name] if name in self.choices else getattr(self.space, verb)(name, *arguments)

    def tell(self, _: object) -> None: ...

    def report(self, _: object) -> str:
        self.stamps.append(time.perf_counter())
        return "go"


def ours(what: str, asked: Asked) -> Repeat:
    """A trial as a worker trains it."""
    runtime.prepare_worker()
    from automed.search.messages import TrainJob
    from automed.search.trial import train

    task, turns = TASKS[what](asked), iter(range(100))
    loaded, data = task.recipe(asked.folder), task.data()

    def once() -> list[float]:
        desk, began = Desk({**TRAINING, **task.choices}), time.perf_counter()
        train(TrainJob(1, asked.folder / f"trial{next(turns)}"), loaded, data, desk)
        return np.diff([began, *desk.stamps]).tolist()

    return once


def plain(what: str, asked: Asked) -> Repeat:
    """The same network under `model.fit`."""
    import keras

    from automed.models.assembly import assemble
    from automed.models.space import FixedSpace
    from automed.search.trial import input_facts

    task = TASKS[what](asked)
    loaded, data = task.recipe(asked.folder), task.data()
    train, validation = data.part("train"), data.part("validation")
    one_hot = np.eye(3, dtype=np.float32)[task.y]

    class Stamps(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.stamps = list[float]()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.stamps.append(time.perf_counter())

    def once() -> list[float]:
        keras.backend.clear_session()
        stamps, began = Stamps(), time.perf_counter()
        space = FixedSpace({**TRAINING, **task.choices})
        model = assemble(loaded, space, input_facts(data), data.classes).train_model
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01), loss)
        model.fit(
            task.x[train],
            one_hot[train],
            batch_size=32,
            epochs=EPOCHS,
            validation_data=(task.x[validation], one_hot[validation]),
            callbacks=[stamps],
            verbose=0,
        )
        return np.diff([began, *stamps.stamps]).tolist()

    return once


def epochs(what: str, asked: Asked) -> list[Measurement]:
    """Both sides in turns: what an epoch comes to, and the first one with all that goes before it."""
    here = Path(__file__)
    env = {**measuring.environment(), **runtime.worker_environment(runtime.shares(1)[0])}
    with Side(here, f"{what}-ours", asked, env) as own, Side(here, f"{what}-plain", asked) as bare:
        found = measuring.alternating(own, bare, asked.size(3, 1))
    records = len(TASKS[what](asked).y) * 3 // 4
    rates = [[records / median(one[1:]) for one in side] for side in found]
    first = [[one[0] for one in side] for side in found]
    size = {"records": records, "batch": 32}
    return [
        measuring.row(f"train: an epoch, {what}", *rates, "records/s", PLAIN, better="higher", **size),
        measuring.row(f"train: build and first epoch, {what}", *first, "s", PLAIN, **size),
    ]


FIGURES = {what: partial(epochs, what) for what in TASKS}
SIDES = {f"{what}-ours": partial(ours, what) for what in TASKS}
SIDES |= {f"{what}-plain": partial(plain, what) for what in TASKS}

if __name__ == "__main__":
    measuring.main(FIGURES, SIDES)
