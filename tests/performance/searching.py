"""What a search costs beside the training in it, and beside a plain Optuna loop over the same networks.

    .venv/bin/python tests/performance/searching.py [search] [--quick]

`automed search` runs as a command of its own, with one worker, no pruning and no explanations. The plain loop is what
Optuna's examples show: one process, an objective that builds, fits and scores, `study.optimize`. It is handed the
choices that our search made, so that both train the same networks on the same records for as many epochs; neither
prunes. Both are timed from the start of their interpreter.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measuring
import numpy as np
from measuring import Asked, Measurement

from automed.run import Run
from automed.search.journal import Journal

RECIPE = """\
name: bench
data: {{source: npz, file: bench.npz}}
inputs: {{picture: {{kind: image, size: [28, 28], channels: 1}}}}
search:
  {{trials: {trials}, finalists: 1, architectures: [cnn], baselines: [majority], workers: 1, pruner: none}}
train: {{epochs: {epochs}, patience: 1000, batch: 64, augment: []}}
evaluate: {{robustness: false}}
explain: {{methods: []}}
"""
LOOP = "a plain Optuna loop: the same networks, epochs and records"


@dataclass(frozen=True)
class Searched:
    """One search.

    Attributes:
        run: its folder.
        seconds: of the command.
        trials: seconds from the start of the workers to the end of the last trial.
        training: seconds of all epochs of all trials together, as trials.jsonl has them.
        memory_mb: peak of all its processes together.
    """

    run: Run
    seconds: float
    trials: float
    training: float
    memory_mb: float


def make(folder: Path, *, records: int, trials: int, epochs: int) -> Path:
    """A recipe and its pictures: three classes, told apart by where a brighter bar lies."""
    random = np.random.default_rng(0)
    y = random.integers(0, 3, records)
    x = random.integers(40, 200, (records, 28, 28))
    for k in range(3):
        x[y == k, 8 * k + 3 : 8 * k + 8, 6:22] += 30
    np.savez(folder / "bench.npz", images=x.astype(np.uint8), labels=y)
    (folder / "recipe.yaml").write_text(RECIPE.format(trials=trials, epochs=epochs))
    return folder / "recipe.yaml"


def searched(recipe: Path, out: Path) -> Searched:
    """Run `automed search`, and read what its trials came to."""
    command = [sys.executable, "-m", "automed", "search", str(recipe), "--out", str(out), "--quiet"]
    ended = measuring.ran(command, out.with_suffix(".log"))
    run = Run(out)
    journal = Journal(run)
    training = sum(story.seconds for story in journal.trials().values())
    return Searched(run, ended.seconds, journal.used_seconds(), training, ended.memory_mb)


def search(asked: Asked) -> list[Measurement]:
    """A whole search, its trials alone, and the plain loop."""
    sizes = {"records": asked.size(1500, 300), "trials": asked.size(5, 2), "epochs": asked.size(5, 2)}
    recipe = make(asked.folder, **sizes)
    own = searched(recipe, asked.folder / "run")
    loop = measuring.ran([sys.executable, __file__, "loop", str(own.run.folder)], asked.folder / "loop.log")
    of_epochs = "the epochs of its own trials, by its log"
    return [
        measuring.row("search: the whole command", [own.seconds], [own.training], "s", of_epochs, **sizes),
        measuring.row("search: its trials", [own.trials], [own.training], "s", of_epochs, **sizes),
        measuring.row("search: the whole command, and Optuna", [own.seconds], [loop.seconds], "s", LOOP, **sizes),
        measuring.row("search: its trials, and Optuna", [own.trials], [loop.seconds], "s", LOOP, **sizes),
    ]


def loop(folder: Path) -> None:
    """The plain loop, over the choices and on the records of that run."""
    import keras
    import optuna
    from sklearn.metrics import f1_score

    from automed.data.dataset import Dataset
    from automed.models.assembly import assemble
    from automed.models.optimisers import optimiser
    from automed.recipe import load
    from automed.search.engine_optuna import OptunaSpace
    from automed.search.trial import input_facts

    run = Run(folder)
    recipe, data = load(run.recipe), Dataset.open(run)
    train, validation = data.part("train"), data.part("validation")
    x, y = {name: np.array(values) for name, values in data.arrays.items()}["picture"][data.position], data.y
    one_hot = np.eye(len(data.classes), dtype=np.float32)[y]
    size = recipe.train.batch or 64

    def objective(trial: Any) -> float:
        keras.backend.clear_session()
        space = OptunaSpace(trial)
        network = assemble(recipe, space, input_facts(data), data.classes)
        steps = len(train) // size
        weights = network.train_model.trainable_variables
        network.train_model.compile(
            optimiser(space, weights, steps, recipe.train.epochs),
            keras.losses.CategoricalCrossentropy(from_logits=True),
        )
        network.train_model.fit(
            x[train],
            one_hot[train],
            batch_size=size,
            epochs=recipe.train.epochs,
            validation_data=(x[validation], one_hot[validation]),
            verbose=0,
        )
        predicted = network.model.predict(x[validation], verbose=0).argmax(axis=1)
        return float(f1_score(y[validation], predicted, average="macro"))

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    chosen = [story.choices for story in Journal(run).trials().values()]
    for choices in chosen:
        study.enqueue_trial(choices)
    began = time.monotonic()
    study.optimize(objective, n_trials=len(chosen))
    print(f"{time.monotonic() - began:.1f} s in study.optimize, best {study.best_value:.3f}")


FIGURES = {"search": search}

if __name__ == "__main__":
    if sys.argv[1:2] == ["loop"]:
        loop(Path(sys.argv[2]))
    else:
        measuring.main(FIGURES)
