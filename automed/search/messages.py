"""What the parent and a worker say to each other over their pipe: plain frozen records, pickled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automed.events import Event

# --- parent to worker ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainJob:
    """Train candidate `number`; its checkpoints lie in `folder` and are taken up where they stand."""

    number: int
    folder: Path


@dataclass(frozen=True)
class BaselineJob:
    """Fit a baseline and keep its predictions; stay near `seconds`."""

    name: str
    seconds: float


@dataclass(frozen=True)
class FinishJob:
    """Make the model of a finalist from its choices and best weights, and predict validation and test."""

    rank: int
    number: int
    architecture: str
    choices: dict[str, Any]
    folder: Path


@dataclass(frozen=True)
class ExplainJob:
    """Explain a finalist that has been tested."""

    name: str


@dataclass(frozen=True)
class StressJob:
    """Test a finalist under corruptions; the answer's facts are the content of robustness.json."""

    name: str


@dataclass(frozen=True)
class MitigateJob:
    """Try ways of narrowing gaps with the choices of a finalist; the answer's facts are the content of mitigation.json.

    A stop is asked for by a signal, as in training: see `pool.Worker.cut`.
    """

    name: str


@dataclass(frozen=True)
class SitesJob:
    """Train a finalist's choices again without each site; the answer's facts say how it did there."""

    name: str


@dataclass(frozen=True)
class Quit:
    """Leave."""


AfterJob = ExplainJob | StressJob | MitigateJob | SitesJob
Job = TrainJob | BaselineJob | FinishJob | AfterJob


@dataclass(frozen=True)
class Answer:
    """The value asked for, or the error that asking for it raised."""

    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True)
class Verdict:
    """After an epoch: "go", "prune" or "stop"."""

    word: str


# --- worker to parent ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The worker has imported what it needs."""

    seconds: float


@dataclass(frozen=True)
class Ask:
    """A space verb with its arguments."""

    verb: str
    name: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Built:
    """The candidate's choices are made and its model stands; training goes on from `epoch`."""

    choices: dict[str, Any]
    parameters: int
    epoch: int
    best: float | None = None


@dataclass(frozen=True)
class Epoch:
    """One epoch is over and its checkpoint is written; a Verdict is awaited."""

    epoch: int
    loss: float
    validation_loss: float
    macro_f1: float
    best: float
    best_epoch: int
    learning_rate: float
    seconds: float
    worst_group: float | None = None  # macro-F1 of the sensitive group that fares worst in this epoch
    group: str | None = None


@dataclass(frozen=True)
class Told:
    """How far a long job is, or something worth knowing: an event for whoever listens to the parent."""

    event: Event


@dataclass(frozen=True)
class Done:
    """The job is over."""

    state: str  # complete, pruned, interrupted, failed
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    memory_mb: float = 0.0
    fatal: bool = False  # no other job can succeed either


Message = Ready | Ask | Built | Epoch | Told | Done
