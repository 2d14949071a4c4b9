"""A scheduler of our own, for as long as its process lives: one run at a time, missed runs made up for once.

APScheduler keeps the times. The process itself waits for signals, and wakes the scheduler every few seconds: a machine
that slept would else oversleep, since the clock that threads wait by stands still meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from automed.benchmark.lock import schedule_lock
from automed.benchmark.schedule import LATE
from automed.benchmark.schedule.cron import Cron
from automed.errors import Interrupted
from automed.events import Listen, Note, ignore

LOOK = 5.0  # seconds between two looks at the clock
PATIENCE = 90.0  # seconds that a benchmark has to end by itself once it is asked to


class Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler publishes no types
    """A Cron, as APScheduler asks for it."""

    def __init__(self, after: Callable[[datetime], Iterator[datetime]]) -> None:
        self._after = after

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first time after the last one, or after now."""
        return next(self._after(previous_fire_time or now))


class Benchmark:
    """The command of a suite, run as a process in a group of its own, and stopped with it."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], listen: Listen, patience: float = PATIENCE
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._listen = listen
        self._patience = patience
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self.interrupted = False  # it ran when it was stopped, and did not come to its end

    def run(self) -> None:
        """Run it to its end; called by a thread of the scheduler."""
        began = time.monotonic()
        with self._guard:
            if self._stopping.is_set():
                return
            try:
                # A group of its own: a Ctrl-C at the terminal reaches us alone, and we pass it on once.
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, env=self._environment, process_group=0
                )
            except OSError as problem:
                self._listen(Note(f"the benchmark cannot be started: {problem.strerror}", warning=True))
                return
        self._listen(Note(f"the benchmark has begun, as process {self._process.pid}"))
        code = self._process.wait()
        self._listen(_ended(code, time.monotonic() - began, asked=self._stopping.is_set()))

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def stop(self, at_once: Callable[[], bool]) -> None:
        """Let it begin no more; ask it to end if it runs, wait, and kill its group then, or once `at_once` is true."""
        with self._guard:
            self._stopping.set()
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._listen(Note(f"the benchmark is asked to stop; it has {self._patience:g} s"))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        until = time.monotonic() + self._patience
        while process.poll() is None and time.monotonic() < until and not at_once():
            time.sleep(0.05)
        if process.poll() is None:
            self._listen(Note("the benchmark did not stop and is killed; its finished cells are kept", warning=True))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self.interrupted = process.wait() != 0


def serve(
    command: Sequence[str],
    cron: Cron | Callable[[datetime], Iterator[datetime]],
    folder: Path,
    *,
    environment: Mapping[str, str],
    listen: Listen = ignore,
    patience: float = PATIENCE,
) -> None:
    """Run a command at its times until SIGTERM or SIGINT; must be called by the main thread.

    Args:
        command: the program and its arguments.
        cron: when; or a function from a moment to the times after it.
        folder: of the suite's history; one scheduler holds it.
        environment: all of the command's.
        listen: told when it waits, begins and ends.
        patience: seconds that a running benchmark has to end by itself when the scheduler is stopped.

    Raises:
        RunError: another scheduler of this suite is at work.
        Interrupted: a benchmark was running when the scheduler was stopped; it can be gone on with.
    """
    after = cron.after if isinstance(cron, Cron) else cron
    benchmark = Benchmark(command, environment, listen, patience)
    # What it logs is told as notes.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    # One thread too many would be one run too many.
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": LATE},
    )
    with schedule_lock(folder), _signals() as count:

        def then(event: Any) -> None:
            if event.code == EVENT_JOB_MAX_INSTANCES:
                listen(Note("a run is due while the one before it is still going on: it is left out", warning=True))
            elif event.code == EVENT_JOB_MISSED:
                listen(Note(f"a run is more than {LATE // 3600} h late: it is left out", warning=True))
            else:
                listen(Note(f"the run could not be watched: {type(event.exception).__name__}", warning=True))

        scheduler.add_listener(then, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED | EVENT_JOB_ERROR)
        job = scheduler.add_job(benchmark.run, Trigger(after), name="benchmark")
        scheduler.start()
        told = None
        try:
            while not count():
                due = job.next_run_time
                if due != told and not benchmark.running:
                    listen(Note(f"next run: {due:%A %Y-%m-%d %H:%M:%S %Z}"))
                    told = due
                _wait(LOOK, lambda: bool(count()))
                scheduler.wakeup()
        finally:
            benchmark.stop(lambda: count() > 1)
            scheduler.shutdown(wait=True)
    if benchmark.interrupted:
        raise Interrupted(
            "the scheduler was stopped while the benchmark was running",
            hint="What was finished is kept. The next run goes on there.",
        )


def _ended(code: int, seconds: float, *, asked: bool) -> Note:
    took = f"after {seconds / 60:.0f} min" if seconds >= 120 else f"after {seconds:.0f} s"
    if code == 0:
        return Note(f"the benchmark has ended {took}")
    how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
    return Note(f"the benchmark ended {how} {took}", warning=not asked)


@contextmanager
def _signals() -> Iterator[Callable[[], int]]:
    """Count SIGTERM and SIGINT instead of dying of them."""
    heard = 0

    def on_signal(_: int, __: FrameType | None) -> None:
        nonlocal heard
        heard += 1

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(seconds: float, over: Callable[[], bool]) -> None:
    """Sleep in short naps: a signal that arrives just before a long sleep would be slept through."""
    until = time.monotonic() + seconds
    while not over() and time.monotonic() < until:
        time.sleep(0.1)
