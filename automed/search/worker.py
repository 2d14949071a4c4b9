"""The worker process: takes jobs over a pipe, trains, and leaves when its parent is gone.

Started by `pool` as `python -m automed.search.worker PIPE RUN SLOT`; the slot only tells `ps` which one it is. All
heavy imports are here and below.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from automed.data.dataset import Dataset
from automed.errors import AutomedError, DataError, Interrupted, RunError
from automed.events import Event
from automed.recipe import Recipe, load
from automed.run import Finalist, Run
from automed.runtime import memory_mb, prepare_worker
from automed.search.messages import (
    AfterJob,
    Answer,
    Ask,
    BaselineJob,
    Built,
    Done,
    Epoch,
    ExplainJob,
    FinishJob,
    Job,
    MitigateJob,
    Quit,
    Ready,
    StressJob,
    Told,
    TrainJob,
    Verdict,
)

WATCH_S = 0.5


class Desk:
    """The worker's end of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._cut = False
        signal.signal(signal.SIGUSR1, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self._cut = True

    @property
    def cut(self) -> bool:
        """True once the parent asked to leave the epoch."""
        return self._cut

    def receive(self) -> Job | Quit:
        """The next job."""
        job: Job | Quit = self._pipe.recv()
        self._cut = False
        return job

    def ask(self, verb: str, name: str, *arguments: Any) -> Any:
        """One value of the search space, from the engine in the parent."""
        self._pipe.send(Ask(verb, name, arguments))
        answer: Answer = self._pipe.recv()
        if answer.error is not None:
            raise answer.error
        return answer.value

    def tell(self, message: Ready | Built | Told | Done) -> None:
        """Say something that needs no answer."""
        self._pipe.send(message)

    def report(self, message: Epoch) -> str:
        """Tell an epoch and hear whether to go on: "go", "prune" or "stop"."""
        self._pipe.send(message)
        verdict: Verdict = self._pipe.recv()
        return verdict.word


def main(arguments: list[str]) -> None:
    """Serve jobs until told to quit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    desk = Desk(Connection(int(arguments[0])))
    run = Run(Path(arguments[1]))
    recipe = load(run.recipe)
    started = time.monotonic()
    data: Dataset | None = None
    try:
        desk.tell(Ready(time.monotonic() - started))
        while not isinstance(job := desk.receive(), Quit):
            data = data or Dataset.open(run)
            desk.tell(_serve(job, desk, recipe, run, data))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone; what was finished is on disk


def _serve(job: Job, desk: Desk, recipe: Recipe, run: Run, data: Dataset) -> Done:
    try:
        if isinstance(job, BaselineJob):
            from automed.search.finish import baseline

            facts = baseline(job, recipe, run, data)
            return Done("complete", facts=facts, memory_mb=memory_mb())
        _prepare_once()
        if isinstance(job, TrainJob):
            from automed.search.trial import train

            done = train(job, recipe, data, desk)
        elif isinstance(job, FinishJob):
            from automed.search.finish import finish

            done = Done("complete", facts=finish(job, recipe, run, data))
        else:
            done = Done("complete", facts=_of_a_finalist(job, desk, recipe, run, data))
        return Done(done.state, done.reason, done.facts, memory_mb())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Interrupted as problem:
        return Done("interrupted", problem.what, memory_mb=memory_mb())
    except (RunError, DataError) as problem:  # a full disk or a missing cache would meet every other candidate too
        return Done("failed", str(problem), {"error": problem}, memory_mb(), fatal=True)
    except AutomedError as problem:
        return Done("failed", str(problem), memory_mb=memory_mb())
    except Exception as problem:  # noqa: BLE001  # whatever a candidate's build or training raises costs that candidate alone
        return Done("failed", _in_words(problem), {"suspect": True}, memory_mb())


def _of_a_finalist(job: AfterJob, desk: Desk, recipe: Recipe, run: Run, data: Dataset) -> dict[str, Any]:
    """What is asked of a finalist that has been tested."""
    finalist = Finalist(run.models / job.name)

    def listen(event: Event) -> None:
        desk.tell(Told(event))

    if isinstance(job, ExplainJob):
        from automed.search.explaining import explain_finalist

        explain_finalist(recipe.explain, run, data, finalist, listen)
        return {}
    if isinstance(job, StressJob):
        from automed.search.judging import stress_finalist

        return stress_finalist(recipe, run, finalist, data, listen)
    if isinstance(job, MitigateJob):
        from automed.search.mitigating import mitigate

        return mitigate(recipe, run, finalist, data, listen, lambda: desk.cut)
    from automed.search.sites import leave_one_site_out

    return leave_one_site_out(recipe, run, finalist, data, listen, lambda: desk.cut)


_prepared = False


def _prepare_once() -> None:
    global _prepared
    if not _prepared:
        prepare_worker()
        _prepared = True


def _in_words(problem: BaseException) -> str:
    """The kind of error and the first line of its message, without values of records."""
    name = type(problem).__name__
    if isinstance(problem, MemoryError) or "ResourceExhausted" in name or "OutOfMemory" in name:
        return "out of memory"
    text = str(problem).strip().splitlines()
    return f"{name}: {text[0][:200]}" if text else name


def _watch(parent: int) -> None:
    """Leave when the parent is gone, also in mid-epoch: nobody would read what comes out."""
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
