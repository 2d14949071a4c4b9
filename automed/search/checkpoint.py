"""The state of a trial between two epochs: everything that going on exactly where it was cut needs.

Keras' own formats keep a model and its optimiser, but would have to name the augmentation layers and the loss as custom
objects; a trial is rebuilt from its choices anyway, so the variables in their order are enough, on every backend.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from automed.errors import TrialError
from automed.run import write_atomically


@dataclass
class Progress:
    """How far a trial has come; `epoch` counts the epochs that are over."""

    epoch: int = 0
    best: float = -1.0
    best_loss: float = float("inf")
    best_epoch: int = 0
    waited: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def save(folder: Path, variables: list[Any], progress: Progress) -> None:
    """Write the variables and the progress in one file, so that a kill never parts them."""
    arrays = {f"v{position:04d}": np.asarray(variable) for position, variable in enumerate(variables)}
    state = np.frombuffer(json.dumps(asdict(progress)).encode(), dtype=np.uint8)
    _write(folder / "last.npz", {**arrays, "progress": state})


def load(folder: Path, variables: list[Any]) -> Progress | None:
    """Put the last state back into the variables; None where there is none."""
    file = folder / "last.npz"
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as stored:
        progress = Progress(**json.loads(stored["progress"].tobytes()))
        _assign(variables, [stored[f"v{position:04d}"] for position in range(len(stored.files) - 1)], file)
    return progress


def save_best(folder: Path, variables: list[Any]) -> None:
    """Write the weights of the best epoch so far."""
    _write(folder / "best.npz", {f"v{position:04d}": np.asarray(v) for position, v in enumerate(variables)})


def load_best(folder: Path, variables: list[Any]) -> None:
    """Put the best weights into the variables of a model that was built from the same choices."""
    file = folder / "best.npz"
    with np.load(file, allow_pickle=False) as stored:
        _assign(variables, [stored[name] for name in sorted(stored.files)], file)


def _write(path: Path, arrays: dict[str, Any]) -> None:
    def write(file: Path) -> None:
        with file.open("wb") as stream:
            np.savez(stream, **arrays)

    write_atomically(path, write)


def _assign(variables: list[Any], values: list[Any], file: Path) -> None:
    if [tuple(v.shape) for v in variables] != [tuple(v.shape) for v in values]:
        raise TrialError(
            "the checkpoint is of another model", where=str(file), hint="Delete it to start the trial again."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
