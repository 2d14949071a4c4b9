"""One candidate trained once: build, fit, macro-F1 over the whole validation set after every epoch, checkpoint.

Keras and keras.ops only, so that the same code runs on TensorFlow, JAX and PyTorch.
"""

from __future__ import annotations

import math
import time
from typing import Any, Protocol

import keras

from automed.audit.groups import divide
from automed.audit.worst import Worst, worst_group
from automed.data.dataset import Dataset
from automed.errors import TrialError
from automed.evaluate.decide import decide, selection_score
from automed.models.assembly import Assembled, InputFacts, assemble
from automed.models.fairness import EqualisedOdds
from automed.models.losses import POWERS
from automed.models.losses import loss as make_loss
from automed.models.optimisers import optimiser as make_optimiser
from automed.models.space import Recorder, Scope, Space
from automed.models.training import training_choices
from automed.recipe import Recipe
from automed.runtime import compile_ahead, peak_memory_mb, precision, seed_everything
from automed.search import checkpoint
from automed.search.change import UNCHANGED, Change
from automed.search.checkpoint import Progress
from automed.search.feed import Feed
from automed.search.messages import Built, Done, Epoch, TrainJob
from automed.search.predict import log_loss, predict

SEED_STRIDE = 100_003  # a prime: seeds of neighbouring recipes and trials do not meet


class Desk(Protocol):
    """Who a trial talks to: the parent at the other end of a pipe, or a test."""

    @property
    def cut(self) -> bool:
        """True once the epoch should be left."""
        ...

    def ask(self, verb: str, name: str, *arguments: Any) -> Any:
        """A value of the search space."""
        ...

    def tell(self, message: Built) -> None:
        """The model stands."""
        ...

    def report(self, message: Epoch) -> str:
        """An epoch is over: "go", "prune" or "stop"."""
        ...


class AskingSpace:
    """A `Space` whose values come from the engine in another process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def choice(self, name: str, options: Any) -> Any:
        return self._desk.ask("choice", name, tuple(options))

    def int(self, name: str, low: int, high: int, step: int = 1, log: bool = False) -> Any:
        return self._desk.ask("int", name, low, high, step, log)

    def float(self, name: str, low: float, high: float, log: bool = False) -> Any:
        return self._desk.ask("float", name, low, high, log)

    def bool(self, name: str) -> Any:
        return self._desk.ask("bool", name)

    def scope(self, prefix: str) -> Space:
        return Scope(self, prefix)


def train(job: TrainJob, recipe: Recipe, data: Dataset, desk: Desk, change: Change = UNCHANGED) -> Done:
    """Train one candidate, from its last checkpoint where there is one.

    Args:
        job: its number, from which the seed follows, and where its checkpoints lie.
        recipe: how it is trained.
        data: train and validation are read.
        desk: where choices come from and epochs are told.
        change: what is different where choices of an earlier trial are trained again.

    Returns:
        Done with the state: complete (all epochs, or no gain for `train.patience`), pruned, or interrupted; and as
        facts the peak memory (MB) and the seconds of all epochs so far.

    Raises:
        TrialError: the candidate cannot be built or its loss is not a number.
    """
    keras.backend.clear_session()
    seed = (recipe.search.seed * SEED_STRIDE + job.number) % 2**31
    seed_everything(seed)
    keras.config.set_dtype_policy(precision(recipe.train.precision))
    space = Recorder(AskingSpace(desk))
    assembled = assemble(recipe, space, input_facts(data), data.classes)
    training = training_choices(space, recipe, input_facts(data))
    feed = Feed(data, training, seed=seed, power=POWERS[recipe.train.class_weights], change=change)
    model = assembled.train_model
    optimiser = make_optimiser(space, model.trainable_variables, len(feed), recipe.train.epochs, assembled.rates)
    loss = make_loss(space, data.task)
    if change.penalty:
        loss = EqualisedOdds(loss, len(data.classes), change.penalty, several=data.task == "multilabel")
    model.compile(optimizer=optimiser, loss=loss, jit_compile=compile_ahead())
    # Under float16 Keras wraps the optimiser to scale the loss, and the scale is part of the state.
    model.optimizer.build(model.trainable_variables)
    state = [*model.variables, *model.optimizer.variables]
    progress = checkpoint.load(job.folder, state) or Progress()
    feed.begin(progress.epoch)
    desk.tell(Built(dict(space.choices), int(assembled.model.count_params()), progress.epoch, progress.best))
    watcher = Watcher(assembled, state, progress, recipe, data, desk, job, seed)
    if not watcher.over():
        model.fit(
            feed,
            initial_epoch=progress.epoch,
            epochs=recipe.train.epochs,
            verbose=0,
            shuffle=False,
            callbacks=[watcher],
        )
    facts = {"peak_mb": round(peak_memory_mb()), "seconds": round(progress.seconds, 3)}
    return Done(watcher.state, watcher.reason, facts)


def input_facts(data: Dataset) -> dict[str, InputFacts]:
    """Kind, shape and training statistics of each input."""
    return {
        name: InputFacts(entry["kind"], tuple(entry["shape"]), entry) for name, entry in data.facts["inputs"].items()
    }


class Watcher(keras.callbacks.Callback):
    """After every epoch: macro-F1 by scikit-learn over the whole validation set, best weights, checkpoint, verdict."""

    # What is done after a batch sets one flag: Keras need not wait for it before the next (an eighth of a short epoch).
    async_safe = True

    def __init__(
        self,
        assembled: Assembled,
        variables: list[Any],
        progress: Progress,
        recipe: Recipe,
        data: Dataset,
        desk: Desk,
        job: TrainJob,
        seed: int,
    ) -> None:
        super().__init__()
        self._seed = seed
        self._assembled, self._variables, self._progress = assembled, variables, progress
        self._train, self._data, self._desk, self._folder = recipe.train, data, desk, job.folder
        self._validation = data.part("validation")
        self._min_group = recipe.audit.min_group
        self._divisions = [
            divide(name, values, self._min_group) for name, values in data.attributes(self._validation).items()
        ]
        self._began = time.monotonic()
        self.state = "complete"
        self.reason = ""

    def over(self) -> bool:
        """Whether the checkpoint is of a trial that had nothing left to do."""
        return self._progress.epoch >= self._train.epochs or self._progress.waited >= self._train.patience

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._began = time.monotonic()
        # PyTorch's dropout draws from one generator of the process, which no checkpoint holds: it starts anew here.
        seed_everything((self._seed + epoch) % 2**31)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._desk.cut:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._desk.cut:
            # Part of an epoch is not an epoch: the checkpoint of the one before stands.
            self._stop("interrupted", "stopped by the user")
            return
        loss = float((logs or {}).get("loss", math.nan))
        if not math.isfinite(loss):
            raise TrialError(f"the loss became {loss} in epoch {epoch + 1}")
        probabilities = predict(self._assembled.model, self._data, self._validation)
        y = self._data.y[self._validation]
        validation_loss = log_loss(y, probabilities)
        if not math.isfinite(validation_loss):
            raise TrialError(f"probabilities are not numbers after epoch {epoch + 1}")
        score = selection_score(self._data.task, y, probabilities)
        worst = self._worst(y, probabilities)
        seconds = time.monotonic() - self._began
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._remember(epoch + 1, score, validation_loss, seconds)
        message = Epoch(
            epoch + 1,
            loss,
            validation_loss,
            score,
            self._progress.best,
            self._progress.best_epoch,
            rate,
            time.monotonic() - self._began,
            worst.macro_f1,
            worst.group,
        )
        word = self._desk.report(message)
        if self._progress.waited >= self._train.patience:
            self.model.stop_training = True
            self.reason = f"no gain for {self._train.patience} epochs"
        elif word == "prune":
            self._stop("pruned", f"behind the others at epoch {epoch + 1}")
        elif word == "stop" and epoch + 1 < self._train.epochs:
            self._stop("interrupted", "the search ended")

    def _worst(self, y: Any, probabilities: Any) -> Worst:
        decided = decide(self._data.task, y, probabilities)(probabilities)
        return worst_group(y, decided, len(self._data.classes), self._divisions, self._min_group)

    def _remember(self, epoch: int, score: float, validation_loss: float, seconds: float) -> None:
        progress = self._progress
        # Small validation sets give many ties; among equals the lower loss is the better-founded weights.
        better = score > progress.best or (score == progress.best and validation_loss < progress.best_loss)
        progress.waited = 0 if score > progress.best else progress.waited + 1
        progress.epoch = epoch
        progress.seconds += seconds
        if better:
            progress.best, progress.best_loss, progress.best_epoch = score, validation_loss, epoch
            checkpoint.save_best(self._folder, self._assembled.model.variables)
        checkpoint.save(self._folder, self._variables, progress)

    def _stop(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        self.model.stop_training = True
