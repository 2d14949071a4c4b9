"""A process of its own for each cell, with limits on time, memory and cores that hold for all its descendants."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from automed.errors import UsageError

_PDEATHSIG = 1  # of prctl(2)
LOOK = 0.5  # seconds between two looks at time and memory
FIRST = 0.02  # before the first look: what is over sooner than LOOK has used memory, too
GRACE = 20.0  # seconds that a process has to end by itself
TAIL = 400  # characters of the last line that are kept


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        why: ended by itself; or stopped by us for its time, its memory, or because the user said so.
        code: its exit code, negative for a signal.
        seconds: from start to end.
        memory_mb: largest resident memory of all its processes together.
        last: the last line that it wrote.
    """

    why: Literal["ended", "time", "memory", "stopped"]
    code: int
    seconds: float
    memory_mb: float
    last: str


def run(
    command: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str],
    seconds: float | None = None,
    memory_mb: float | None = None,
    cores: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run a command to its end, or to the first of its limits.

    Args:
        command: the program and its arguments.
        log: where what it writes goes.
        environment: all of it.
        seconds: after which it is killed with all its descendants.
        memory_mb: resident memory of all of them together, above which they are killed.
        cores: how many it may use.
        stop: asked twice a second; once it is true the process is interrupted.

    Raises:
        UsageError: the program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("wb") as out:
        try:
            # A session of its own: Ctrl-C reaches us alone, and we decide what becomes of it.
            process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(environment),
                start_new_session=True, preexec_fn=_end_with_us,
            )  # fmt: skip
        except OSError as problem:
            raise UsageError(
                f"cannot be started: {problem.strerror}", where=command[0], hint="Name another with --python."
            ) from None
        tree = _Tree(process.pid, cores)
        try:
            why = _watch(process, tree, began, seconds, memory_mb, stop)
        finally:
            tree.end()
            process.wait()
    return Ended(why, process.returncode, time.monotonic() - began, tree.peak, _last_line(log))


def _watch(
    process: subprocess.Popen[bytes],
    tree: _Tree,
    began: float,
    seconds: float | None,
    memory_mb: float | None,
    stop: Callable[[], bool],
) -> Literal["ended", "time", "memory", "stopped"]:
    wait = FIRST
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=wait)
            return "ended"
        wait = min(2 * wait, LOOK)
        used = tree.look()
        if memory_mb is not None and used > memory_mb:
            return "memory"
        if seconds is not None and time.monotonic() - began > seconds:
            return "time"
        if stop():
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=GRACE)
            return "stopped"


class _Tree:
    """A process and all that it started, also what has left its session since."""

    def __init__(self, pid: int, cores: int | None) -> None:
        self.peak = 0.0
        self._known: dict[int, Any] = {}
        with contextlib.suppress(psutil.Error):
            self._known[pid] = psutil.Process(pid)
            # Before its interpreter has started a thread: threads and children inherit this.
            if cores is not None and hasattr(self._known[pid], "cpu_affinity"):
                self._known[pid].cpu_affinity(self._known[pid].cpu_affinity()[:cores])

    def look(self) -> float:
        """Resident memory of all together now, MB."""
        for one in list(self._known.values()):
            with contextlib.suppress(psutil.Error):
                for child in one.children(recursive=True):
                    self._known.setdefault(child.pid, child)
        used = 0.0
        for one in self._known.values():
            with contextlib.suppress(psutil.Error):
                used += one.memory_info().rss / 1e6
        self.peak = max(self.peak, used)
        return used

    def end(self) -> None:
        """Kill what is left of them."""
        self.look()
        for one in self._known.values():
            with contextlib.suppress(psutil.Error):
                if one.is_running():
                    one.kill()


def _end_with_us() -> None:
    """A benchmark that is killed must not leave a rival behind that eats the machine; Linux only, else no harm."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip()[:TAIL] for line in reversed(lines) if line.strip()), "")
