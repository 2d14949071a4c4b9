"""Rivals: one script each, for an interpreter that has what it needs; it is handed files and answers with files.

A script is run as `PYTHON SCRIPT FOLDER` and shares with the others only what lies beside it: `kit` reads and writes
the files, `networks` and `watch` are what a tutorial's network needs. None of them is imported by automed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

EVERY = ("image", "signal", "text", "sequence", "tabular")


@dataclass(frozen=True)
class Rival:
    """One rival.

    Attributes:
        file: name of its script.
        summary: one line for people.
        package: what its interpreter must have beside numpy; None where that is enough.
        reads: the kinds of input.
        ours: whether it imports automed, and so runs in automed's interpreter.
    """

    file: str
    summary: str
    package: str | None = None
    reads: tuple[str, ...] = EVERY
    ours: bool = False

    @property
    def script(self) -> Path:
        """Where its script lies."""
        return Path(__file__).resolve().parent / self.file

    def suits(self, kinds: Sequence[str]) -> bool:
        """Whether it reads one of these kinds of input at least; others beside it are left out."""
        return not set(self.reads).isdisjoint(kinds)


RIVALS: Mapping[str, Rival] = MappingProxyType(
    {
        "majority": Rival("majority.py", "The shares of the classes in training."),
        "classical": Rival("classical.py", "Boosting, k-mers, TF-IDF or MiniRocket, by kind of input.", ours=True),
        "keras-tuner": Rival(
            "tutorial_keras_tuner.py", "Keras-Tuner over a model that a tutorial would write.", "keras-tuner"
        ),
        "optuna": Rival("example_optuna.py", "A plain loop of Optuna and Keras, as in Optuna's examples.", "optuna"),
        "autokeras": Rival("default_autokeras.py", "AutoKeras, in an environment of its own.", "autokeras"),
        "minirocket": Rival("library_minirocket.py", "MiniRocket of the library aeon.", "aeon", reads=("signal",)),
    }
)
