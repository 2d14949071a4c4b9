"""After the search: the best trials become models in worker processes, each tested once."""

from __future__ import annotations

import shutil
from typing import Any

from automed.errors import AutomedError, RunError
from automed.events import Listen, Note
from automed.run import Run
from automed.runtime import Share
from automed.search.leaderboard import contenders
from automed.search.messages import Done, FinishJob
from automed.search.pool import Death, Pool, Worker

POLL_S = 1.0
TRIES = 2


def make(run: Run, pool: Pool, share: Share, count: int, listen: Listen) -> list[dict[str, Any]]:
    """Make the `count` best trials into `models/NN-architecture`; those that are there already are left as they are.

    Raises:
        RunError: a finalist could not be made, twice.
    """
    best = contenders(run)[:count]
    wanted = {run.finalist(rank, story.architecture).name for rank, story in enumerate(best, 1)}
    for finalist in run.finalists():
        if finalist.name not in wanted:
            shutil.rmtree(finalist.folder)
    made = []
    for rank, story in enumerate(best, 1):
        finalist = run.finalist(rank, story.architecture)
        facts = {"rank": rank, "number": story.number, "architecture": story.architecture, "finalist": finalist}
        if not (
            _is_of(finalist.model, story.number) and finalist.predictions.is_file() and finalist.examples.is_file()
        ):
            run.log("test_read", reason="finalist", trial=story.number, model=finalist.name)
            job = FinishJob(rank, story.number, story.architecture, story.choices, run.trial(story.number))
            answer = _do(pool, share, job)
            finalist.scores.unlink(missing_ok=True)
            if story.macro_f1 is not None and abs(answer["validation"] - story.macro_f1) > 0.005:
                listen(
                    Note(
                        f"{finalist.name}: validation macro-F1 was {story.macro_f1:.4f} while training"
                        f" and is {answer['validation']:.4f} as saved (precision {answer.get('precision', 'differs')})",
                        warning=True,
                    )
                )
        made.append(facts)
    return made


def _is_of(model: Any, number: int) -> bool:
    """Whether a model file is there and was made from this trial."""
    from automed.models.card import read_card

    try:
        return model.is_file() and read_card(model).get("trial") == number
    except AutomedError:
        return False


def _do(pool: Pool, share: Share, job: FinishJob) -> dict[str, Any]:
    reason = ""
    for _ in range(TRIES):
        worker = next((w for w in pool.workers if w.ready and w.job is None), None) or pool.start(0, share)
        try:
            return _wait(pool, worker, job)
        except RunError as problem:
            reason = problem.what
            if problem.where:
                raise
    raise RunError(f"the model of trial {job.number} could not be made: {reason}", where=str(job.folder))


def _wait(pool: Pool, worker: Worker, job: FinishJob) -> dict[str, Any]:
    given = worker.ready
    if given:
        worker.give(job)
    while True:
        for speaker, message in pool.hear(POLL_S):
            if speaker is not worker:
                continue
            if isinstance(message, Death):
                raise RunError(message.reason)
            if isinstance(message, Done):
                worker.job = None
                if message.state == "complete":
                    return message.facts
                problem = message.facts.get("error")
                raise problem if isinstance(problem, AutomedError) else RunError(message.reason)
            if worker.ready and not given:
                given = True
                worker.give(job)
