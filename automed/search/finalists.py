"""After the search: the best trials become models in worker processes, each tested once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from automed.errors import AutomedError, Interrupted, RunError
from automed.events import Listen, Note, StageStarted, ignore
from automed.recipe import Recipe
from automed.run import Finalist, Run
from automed.runtime import Share
from automed.search.leaderboard import contenders
from automed.search.messages import Done, ExplainJob, FinishJob, Told
from automed.search.pool import Death, Pool, Worker

POLL_S = 1.0
TRIES = 2
TOLERANCE = 0.005  # of macro-F1, between the model that trained and the one that was saved


def make(run: Run, pool: Pool, share: Share, count: int, listen: Listen) -> list[dict[str, Any]]:
    """Make the `count` best trials into `models/NN-architecture`; those that are there already are kept.

    Raises:
        RunError: a finalist could not be made, twice.
    """
    best = list(enumerate(contenders(run)[:count], 1))
    _arrange(run, {story.number: run.finalist(rank, story.architecture) for rank, story in best})
    made = []
    for rank, story in best:
        finalist = run.finalist(rank, story.architecture)
        if not finalist.folder.is_dir():
            run.log("test_read", reason="finalist", trial=story.number, model=finalist.name)
            job = FinishJob(rank, story.number, story.architecture, story.choices, run.trial(story.number))
            answer = _do(pool, share, job)
            if story.macro_f1 is not None and abs(answer["validation"] - story.macro_f1) > TOLERANCE:
                listen(
                    Note(
                        f"{finalist.name}: validation macro-F1 was {story.macro_f1:.4f} while training"
                        f" and is {answer['validation']:.4f} as saved: trained in half precision, saved in single",
                        warning=True,
                    )
                )
        made.append({"rank": rank, "number": story.number, "architecture": story.architecture, "finalist": finalist})
    return made


def explain(recipe: Recipe, run: Run, pool: Pool, share: Share, listen: Listen, stop: Callable[[], bool]) -> bool:
    """Explain each finalist that has not been explained, in a worker; one that cannot be leaves a note and no more.

    Returns:
        False where `stop` left some of them for another session.
    """
    for finalist in run.finalists():
        there = finalist.explanation.is_file() and finalist.attributions.is_file()
        if there or recipe.explain.methods == ():
            continue
        if stop():
            return False
        listen(StageStarted("explain", finalist.name))
        try:
            _do(pool, share, ExplainJob(finalist.name), listen, stop)
        except Interrupted:
            return False
        except AutomedError as problem:
            listen(Note(f"{finalist.name} could not be explained: {problem.what}", warning=True))
    return True


def _arrange(run: Run, wanted: dict[int, Finalist]) -> None:
    """Keep the finalists of an earlier session that are wanted still, under their new rank, and remove the others.

    One that only changes its rank is not tested again. One that a kill left half made is made anew.
    """
    kept = []
    for place, finalist in enumerate(run.finalists()):
        number = _trial_of(finalist)
        if number in wanted and finalist.predictions.is_file() and finalist.examples.is_file():
            aside = finalist.folder.with_name(f".moving-{place}")
            finalist.folder.rename(aside)
            kept.append((aside, wanted[number], finalist.name == wanted[number].name))
    aside_now = {aside for aside, _, _ in kept}
    for folder in list(run.models.iterdir()) if run.models.is_dir() else ():
        if folder not in aside_now:
            shutil.rmtree(folder)
    for aside, finalist, same in kept:
        aside.rename(finalist.folder)
        if not same:
            # Computed again from the predictions: they name the finalist.
            finalist.scores.unlink(missing_ok=True)
            finalist.report.unlink(missing_ok=True)


def _trial_of(finalist: Finalist) -> int | None:
    """The trial that a finalist's model was made from."""
    from automed.models.card import read_card

    try:
        number = read_card(finalist.model).get("trial")
    except AutomedError:
        return None
    return number if isinstance(number, int) else None


def _do(
    pool: Pool,
    share: Share,
    job: FinishJob | ExplainJob,
    listen: Listen = ignore,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    reason = ""
    for _ in range(TRIES):
        worker = next((w for w in pool.workers if w.ready and w.job is None), None) or pool.start(0, share)
        try:
            return _wait(pool, worker, job, listen, stop)
        except RunError as problem:
            reason = problem.what
            if problem.where:
                raise
    if isinstance(job, ExplainJob):
        raise RunError(reason)
    raise RunError(f"the model of trial {job.number} could not be made: {reason}", where=str(job.folder))


def _wait(
    pool: Pool, worker: Worker, job: FinishJob | ExplainJob, listen: Listen, stop: Callable[[], bool]
) -> dict[str, Any]:
    given = worker.ready
    if given:
        worker.give(job)
    while True:
        if stop():
            raise Interrupted("stopped by the user")  # closing the pool ends the worker
        for speaker, message in pool.hear(POLL_S):
            if speaker is not worker:
                continue
            if isinstance(message, Death):
                raise RunError(message.reason)
            if isinstance(message, Told):
                listen(message.event)
            if isinstance(message, Done):
                worker.job = None
                if message.state == "complete":
                    return message.facts
                problem = message.facts.get("error")
                raise problem if isinstance(problem, AutomedError) else RunError(message.reason)
            if worker.ready and not given:
                given = True
                worker.give(job)
