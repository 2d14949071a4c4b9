"""How long a command takes before it says anything, beside importing what it is made of, and beside TensorFlow.

.venv/bin/python tests/performance/startup.py [commands | tensorflow] [--quick]
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import partial

import measuring
from measuring import Asked, Measurement

COMMANDS = {
    "automed --help": ["-m", "automed", "--help"],
    "automed recipe check": ["-m", "automed", "recipe", "check", str(measuring.ROOT / "recipes" / "skin.yaml")],
}
LIBRARIES = ["-c", "import typer, rich"]
TENSORFLOW = ["-c", "import tensorflow"]


def spawned(arguments: Sequence[str]) -> float:
    """Seconds of a fresh interpreter from its start to its end."""
    env = measuring.environment()
    run = partial(subprocess.run, [sys.executable, *arguments], env=env, capture_output=True, check=True)
    return measuring.clocked(run)


def commands(asked: Asked) -> list[Measurement]:
    """The command line alone: what it does beside loading the libraries that it is made with."""
    rows = []
    for name, arguments in COMMANDS.items():
        ours, reference = partial(spawned, arguments), partial(spawned, LIBRARIES)
        ours(), reference()  # files are read from the disk once, and byte code is kept
        found = measuring.alternating(ours, reference, asked.size(7, 1))
        rows.append(measuring.row(f"start-up: {name}", *found, "s", 'python -c "import typer, rich"'))
    return rows


def tensorflow(asked: Asked) -> list[Measurement]:
    """The command line beside what it does not load."""
    spawned(TENSORFLOW)
    turn = [TENSORFLOW, *COMMANDS.values()]
    found = [[spawned(arguments) for arguments in turn] for _ in range(asked.size(2, 1))]
    reference, *each = zip(*found, strict=True)
    against = 'python -c "import tensorflow"'
    return [
        measuring.row(f"start-up: {name}, and TensorFlow", ours, reference, "s", against)
        for name, ours in zip(COMMANDS, each, strict=True)
    ]


FIGURES = {"commands": commands, "tensorflow": tensorflow}

if __name__ == "__main__":
    measuring.main(FIGURES)
