"""What the stages tell while they work; the command line shows it, tests collect it.

Stages never print. They call `listen(event)` with one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StageStarted:
    """A stage of the story begins: "data", "search", "evaluate" or "report"."""

    stage: str
    detail: str = ""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps of something that takes a while."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Note:
    """Something worth knowing that stops nothing; `warning` where a person should act on it."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class SearchStarted:
    """What the search may use: number of trials, seconds (or None) and workers; `finished` trials are kept ones."""

    trials: int
    seconds: float | None
    workers: int
    finished: int = 0


@dataclass(frozen=True)
class TrialStarted:
    """A candidate begins, or goes on from `epoch` after it was cut."""

    number: int
    worker: int
    architecture: str
    choices: Mapping[str, Any]
    epoch: int = 0


@dataclass(frozen=True)
class EpochEnded:
    """One epoch of one candidate: macro-F1 over the whole validation set, the best so far of that candidate."""

    number: int
    worker: int
    epoch: int
    epochs: int
    macro_f1: float
    best: float
    loss: float
    validation_loss: float
    seconds: float


@dataclass(frozen=True)
class TrialEnded:
    """A candidate is done: complete, pruned, failed or interrupted, with the reason in words."""

    number: int
    worker: int
    architecture: str
    state: str
    macro_f1: float | None
    epochs: int
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class BaselineEnded:
    """A baseline's validation macro-F1."""

    name: str
    macro_f1: float
    seconds: float


@dataclass(frozen=True)
class FinalistScored:
    """A finalist was tested: macro-F1 on the test set with its 95 % interval."""

    rank: int
    architecture: str
    macro_f1: float | None
    ci95: tuple[float, float] | None


Event = (
    StageStarted
    | Progress
    | Note
    | SearchStarted
    | TrialStarted
    | EpochEnded
    | TrialEnded
    | BaselineEnded
    | FinalistScored
)
Listen = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listen to nothing."""
