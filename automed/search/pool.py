"""Worker processes seen from the parent: start, talk, notice death, replace, end.

Each worker is a fresh interpreter with its share of cores or a GPU, in a session of its own, so that Ctrl-C reaches the
parent alone. A worker that dies costs the job it had.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait

from automed.errors import RunError
from automed.run import Run, disk_errors
from automed.runtime import Share, worker_environment
from automed.search.messages import Answer, Job, Message, Quit, Ready, Verdict

WORKER = (sys.executable, "-m", "automed.search.worker")
PATIENCE_S = 20.0  # for a worker that was asked to leave


@dataclass(frozen=True)
class Death:
    """What the parent hears of a worker that is gone."""

    code: int

    @property
    def reason(self) -> str:
        """In words: the signal's name, or the exit status."""
        if self.code < 0:
            with contextlib.suppress(ValueError):
                name = signal.Signals(-self.code).name
                likely = ", perhaps for want of memory" if name == "SIGKILL" else ""
                return f"the worker process was ended by {name}{likely}"
        return f"the worker process ended with status {self.code}"


@dataclass(eq=False)
class Worker:
    """One process; `slot` is its place among the workers, kept by its successor."""

    slot: int
    share: Share
    process: subprocess.Popen[bytes]
    pipe: Connection
    job: Job | None = None
    ready: bool = False
    jobs: int = 0
    started: float = field(default_factory=time.monotonic)

    def give(self, job: Job) -> None:
        """Hand over a job."""
        self.job = job
        self.jobs += 1
        self._send(job)

    def answer(self, answer: Answer | Verdict) -> None:
        """Reply to what the worker waits for."""
        self._send(answer)

    def cut(self) -> None:
        """Ask the worker to leave its epoch at the next batch."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGUSR1)

    def _send(self, message: Job | Answer | Verdict | Quit) -> None:
        # A worker that died meanwhile is noticed when its pipe is read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(message)


class Pool:
    """The workers of one search."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.workers: list[Worker] = []

    def start(self, slot: int, share: Share) -> Worker:
        """Start one worker; it says Ready when its imports are done."""
        ours, theirs = Pipe(duplex=True)
        log = self._run.worker_log(slot)
        with disk_errors(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as stream:
                process = subprocess.Popen(
                    [*WORKER, str(theirs.fileno()), str(self._run.folder), str(slot)],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    env=worker_environment(share),
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        theirs.close()
        worker = Worker(slot, share, process, ours)
        self.workers.append(worker)
        return worker

    def hear(self, timeout: float) -> Iterator[tuple[Worker, Message | Death]]:
        """What the workers say within `timeout` seconds; a dead one is taken off the list and told of once."""
        by_pipe = {worker.pipe: worker for worker in self.workers}
        for pipe in wait(list(by_pipe), timeout) if by_pipe else []:
            worker = by_pipe[pipe]  # type: ignore[index]  # wait returns what it was given
            try:
                message: Message = worker.pipe.recv()
            except (EOFError, ConnectionResetError):
                self.workers.remove(worker)
                yield worker, Death(self._reap(worker))
                continue
            if isinstance(message, Ready):
                worker.ready = True
            yield worker, message
        if not by_pipe:
            time.sleep(min(timeout, 0.05))

    def retire(self, worker: Worker) -> None:
        """Let an idle worker go."""
        worker._send(Quit())
        self.workers.remove(worker)
        self._reap(worker)

    def close(self) -> None:
        """End all workers: idle ones leave, busy ones are cut and then killed."""
        for worker in self.workers:
            worker.cut()
            worker._send(Quit())
        for worker in self.workers:
            worker.pipe.close()
        for worker in self.workers:
            self._reap(worker, patience=2.0)
        self.workers.clear()

    def _reap(self, worker: Worker, patience: float = PATIENCE_S) -> int:
        if not worker.pipe.closed:
            worker.pipe.close()
        try:
            return worker.process.wait(patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGKILL)
            return worker.process.wait()

    def last_words(self, slot: int) -> str:
        """The last line that a worker's log holds, for an error message about workers that cannot start."""
        lines = self._run.worker_log(slot).read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")

    def cannot_start(self, worker: Worker, death: Death) -> RunError:
        """The error for workers that die before they are ready."""
        return RunError(
            f"{death.reason} before it was ready: {self.last_words(worker.slot)}",
            where=str(self._run.worker_log(worker.slot)),
            hint="Run: automed doctor",
        )
