"""A network trained again with choices that were made before, as a trial is, under a change or on other splits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from automed.data.dataset import Dataset
from automed.errors import Interrupted, TrialError
from automed.models.assembly import assemble
from automed.models.card import read_card
from automed.models.space import FixedSpace
from automed.recipe import Recipe
from automed.run import Finalist, Run, disk_errors, write_atomically
from automed.search import checkpoint
from automed.search.change import UNCHANGED, Change
from automed.search.journal import Journal
from automed.search.messages import Built, Epoch, TrainJob
from automed.search.predict import predict
from automed.search.trial import input_facts, train


class Refit(NamedTuple):
    """What training again came to.

    Attributes:
        validation: float32 (n, K), the network's own probabilities of the validation records.
        test: float32 (m, K).
        seconds: of all epochs, validation included.
    """

    validation: npt.NDArray[np.float32]
    test: npt.NDArray[np.float32]
    seconds: float


class Earlier(NamedTuple):
    """The trial that a finalist was made from.

    Attributes:
        number: of the trial; the seed follows from it.
        choices: full name -> value.
        epochs: how many it was trained; None where it ended by itself, and an end of the search did not cut it.
        seconds: of its epochs.
    """

    number: int
    choices: Mapping[str, Any]
    epochs: int | None
    seconds: float | None


class Replay:
    """The desk of a training that is not searched for: answers from fixed choices, says go until `epochs` are over."""

    def __init__(
        self, choices: Mapping[str, Any], epochs: int | None, stop: Callable[[], bool], hear: Callable[[Epoch], None]
    ) -> None:
        self._space, self._epochs, self._stop, self._hear = FixedSpace(choices), epochs, stop, hear
        self._enough = False
        self.stopped = False

    @property
    def cut(self) -> bool:
        """True once the epoch should be left."""
        self.stopped = self.stopped or (not self._enough and self._stop())
        return self._enough or self.stopped

    def ask(self, verb: str, name: str, *arguments: Any) -> Any:
        """The value that was chosen before."""
        return getattr(self._space, verb)(name, *arguments)

    def tell(self, message: Built) -> None:
        """The model stands; a checkpoint of all the epochs that are asked for leaves none to train."""
        self._enough = self._epochs is not None and message.epoch >= self._epochs

    def report(self, message: Epoch) -> str:
        """Go on, unless this was the last epoch or the user stops."""
        self._hear(message)
        self._enough = self._epochs is not None and message.epoch >= self._epochs
        self.stopped = self.stopped or (not self._enough and self._stop())
        return "stop" if self._enough or self.stopped else "go"


def refit(
    recipe: Recipe,
    data: Dataset,
    choices: Mapping[str, Any],
    folder: Path,
    change: Change = UNCHANGED,
    *,
    number: int = 0,
    epochs: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    hear: Callable[[Epoch], None] = lambda epoch: None,
) -> Refit:
    """Train a network of known choices as a trial would be, and predict validation and test with its best weights.

    It goes on from its checkpoint where one lies in `folder`, and is read back where it was finished.

    Args:
        recipe: how it is trained; patience ends it as it ends a trial.
        data: the records with their splits.
        choices: full name -> value, as a trial's or a model's card holds them.
        folder: where checkpoints lie, and the probabilities at the end; of this choice, change and split alone.
        change: what is different from the trial.
        number: of the trial that made the choices, from which the seed follows.
        epochs: where training ends at the latest; the learning rate falls as the recipe says all the same.
        stop: asked after every batch.
        hear: told every epoch.

    Raises:
        Interrupted: `stop` said so; the checkpoint of the last whole epoch stands.
        TrialError: the loss is not a number, or no epoch was whole.
        UsageError: a choice is missing, or is none that the recipe offers.
    """
    stored = folder / "predictions.npz"
    if stored.is_file():
        with np.load(stored, allow_pickle=False) as kept:
            return Refit(kept["validation"], kept["test"], float(kept["seconds"]))
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    desk = Replay(choices, epochs, stop, hear)
    done = train(TrainJob(number, folder), recipe, data, desk, change)
    if desk.stopped:
        raise Interrupted("stopped by the user", where=str(folder))
    model = best_model(recipe, data, choices, folder)
    validation, test = (predict(model, data, data.part(split)) for split in ("validation", "test"))
    answer = Refit(validation, test, float(done.facts["seconds"]))
    if not (np.isfinite(answer.validation).all() and np.isfinite(answer.test).all()):
        raise TrialError("probabilities are not numbers")

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            np.savez(stream, validation=validation, test=test, seconds=answer.seconds)

    write_atomically(stored, write)
    # The probabilities are all that is asked of it: weights and optimiser take a hundred times their room.
    for name in ("last.npz", "best.npz"):
        (folder / name).unlink(missing_ok=True)
    return answer


def best_model(recipe: Recipe, data: Dataset, choices: Mapping[str, Any], folder: Path) -> keras.Model:
    """The network of these choices with the best weights that lie in `folder`, computing in float32 as finalists do."""
    keras.backend.clear_session()
    keras.config.set_dtype_policy("float32")
    model = assemble(recipe, FixedSpace(choices), input_facts(data), data.classes).model
    checkpoint.load_best(folder, model.variables)
    return model


def earlier(run: Run, finalist: Finalist) -> Earlier:
    """The trial that a finalist was made from, by its card and the journal.

    A trial that the end of the search cut, or that was pruned, is trained again for as many epochs as it had, so that
    nothing but the change makes a difference.
    """
    card = read_card(finalist.model)
    story = Journal(run).trials().get(card["trial"])
    cut = story is not None and story.state != "complete"
    return Earlier(
        card["trial"],
        card["choices"],
        story.epochs if story is not None and cut else None,
        round(story.seconds, 2) if story is not None else None,
    )


def place(run: Run, number: int, *names: str) -> Path:
    """Where a refit of a trial keeps its checkpoints; names may hold anything."""
    written = "/".join(names)
    plain = "".join(sign if sign.isalnum() and sign.isascii() else "-" for sign in written)[:40]
    return run.trial(number) / "again" / f"{plain}-{hashlib.sha256(written.encode()).hexdigest()[:8]}"
