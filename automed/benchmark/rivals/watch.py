"""Stopping a search when its time is over, and keeping the best weights that any candidate had until then."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np


class TimeUp(BaseException):
    """The time is over; no Exception, since searches take those for a candidate's own failure and go on."""


@dataclass(frozen=True)
class Best:
    """The best weights so far: what was measured, of which model, and which candidate that was."""

    value: float
    model: Any
    weights: list[Any]
    what: Any


class Watch(keras.callbacks.Callback):
    """Sees every epoch of every candidate.

    Searches copy their callbacks for every candidate; this one stays itself.

    Args:
        monitor: the measure that decides.
        largest: whether its largest value is best; else its smallest.
        what: called when weights are kept, says which candidate they belong to.
    """

    def __init__(
        self, monitor: str = "val_accuracy", largest: bool = True, what: Callable[[], Any] = lambda: None
    ) -> None:
        super().__init__()
        self.monitor, self.sign, self.what = monitor, 1.0 if largest else -1.0, what
        self.best: Best | None = None
        self.begun = 0
        self._latest: Any = None
        self._deadline = math.inf

    def __deepcopy__(self, memo: Any) -> Watch:
        return self

    def on_train_begin(self, logs: Any = None) -> None:
        self.begun += 1
        self._latest = self.model

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # The alarm may have rung where something caught it.
        if time.monotonic() > self._deadline:
            raise TimeUp

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        value = self.sign * float((logs or {}).get(self.monitor, math.nan))
        if math.isfinite(value) and (self.best is None or value > self.best.value):
            self.best = Best(value, self.model, self.model.get_weights(), self.what())

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Leave what stands inside after so many seconds, wherever it is."""
        if math.isinf(seconds):
            yield
            return
        self._deadline = time.monotonic() + seconds
        before = signal.signal(signal.SIGALRM, _time_up)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
        try:
            yield
        except TimeUp:
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
            self._deadline = math.inf

    def chosen(self) -> Any:
        """The model with the best weights; where no epoch ended in time, the model that was being trained.

        Raises:
            RuntimeError: there is none.
        """
        if self.best is None:
            if self._latest is None:
                raise RuntimeError("no candidate could be begun in the time")
            return self._latest
        self.best.model.set_weights(self.best.weights)
        return self.best.model

    @property
    def says(self) -> str:
        """How good the best weights are."""
        if self.best is None:
            return "no epoch ended in time"
        return f"{self.monitor} {self.sign * self.best.value:.3f}"


def _time_up(number: int, frame: Any) -> None:
    raise TimeUp


def answers(model: Any, x: Any, classes: int) -> Any:
    """What a model says of records, batch by batch: float64 (n, classes)."""
    said = np.asarray(model.predict(x, batch_size=256, verbose=0), np.float64)
    if said.shape[1] == 1 and classes == 2:  # one output for two classes
        said = np.concatenate([1.0 - said, said], axis=1)
    return said
