"""After the search: the best trials become models in worker processes, each tested once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from automed.errors import AutomedError, Interrupted, RunError
from automed.events import Listen, Note, StageStarted, ignore
from automed.recipe import Recipe
from automed.run import Finalist, Run, read_json, write_json
from automed.runtime import Share
from automed.search.leaderboard import contenders
from automed.search.messages import AfterJob, Done, ExplainJob, FinishJob, MitigateJob, SitesJob, StressJob, Told
from automed.search.pool import Death, Pool, Worker
from automed.search.selection import finalists_wanted

POLL_S = 1.0
TRIES = 2
TOLERANCE = 0.005  # of macro-F1, between the model that trained and the one that was saved


def make(recipe: Recipe, run: Run, pool: Pool, share: Share, listen: Listen) -> list[dict[str, Any]]:
    """Make the best trials into `models/NN-architecture`, as many as the recipe asks; what is there already is kept.

    Raises:
        RunError: a finalist could not be made, twice.
    """
    count = finalists_wanted(recipe.search.finalists, recipe.audit)
    best = list(enumerate(contenders(run, recipe.audit)[:count], 1))
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
    left = [one for one in run.finalists() if not (one.explanation.is_file() and one.attributions.is_file())]
    for finalist in left if recipe.explain.methods != () else ():
        if not _after(pool, share, ExplainJob(finalist.name), "explained", listen, stop):
            return False
    return True


def stress(recipe: Recipe, run: Run, pool: Pool, share: Share, listen: Listen, stop: Callable[[], bool]) -> bool:
    """Test each finalist under corruptions, as `explain` explains."""
    for finalist in run.finalists() if recipe.evaluate.robustness else ():
        if finalist.robustness.is_file():
            continue

        def keep(document: dict[str, Any], file: Path = finalist.robustness) -> None:
            write_json(file, document)

        if not _after(pool, share, StressJob(finalist.name), "tested under corruptions", listen, stop, keep):
            return False
    return True


def train_again(recipe: Recipe, run: Run, pool: Pool, share: Share, listen: Listen, stop: Callable[[], bool]) -> bool:
    """Train the best finalist's choices again: in each way of narrowing gaps, and without each site.

    Both only where the recipe asks for it, for each takes as long as a trial or longer.
    """
    for finalist in run.finalists()[:1]:

        def keep(document: dict[str, Any], file: Path = finalist.mitigation) -> None:
            write_json(file, document)

        def keep_sites(document: dict[str, Any], file: Path = finalist.robustness) -> None:
            write_json(file, {**(read_json(file) if file.is_file() else {}), "sites": document})

        if recipe.audit.mitigate and not finalist.mitigation.is_file():
            done = _after(pool, share, MitigateJob(finalist.name), "trained to narrow gaps", listen, stop, keep)
            if not done:
                return False
        known = read_json(finalist.robustness) if finalist.robustness.is_file() else {}
        if recipe.evaluate.sites is not None and "sites" not in known:
            job = SitesJob(finalist.name)
            if not _after(pool, share, job, "trained without each site", listen, stop, keep_sites):
                return False
    return True


def _after(
    pool: Pool,
    share: Share,
    job: AfterJob,
    what: str,
    listen: Listen,
    stop: Callable[[], bool],
    keep: Callable[[dict[str, Any]], None] = lambda document: None,
) -> bool:
    """One job about a finalist that was tested; False where the user stopped it. What fails leaves a note."""
    if stop():
        return False
    if isinstance(job, ExplainJob | StressJob):
        listen(StageStarted("explain" if isinstance(job, ExplainJob) else "robustness", job.name))
    try:
        keep(_do(pool, share, job, listen, stop))
    except Interrupted:
        return False
    except AutomedError as problem:
        listen(Note(f"{job.name} could not be {what}: {problem.what}", warning=True))
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
    settled = len(kept) == len(wanted) and all(same for _, _, same in kept)
    for aside, finalist, same in kept:
        aside.rename(finalist.folder)
        if not same:
            # Computed again from the predictions: they name the finalist.
            finalist.scores.unlink(missing_ok=True)
            finalist.report.unlink(missing_ok=True)
        if not settled:
            # It compares the finalists with each other, and these are others now.
            finalist.evaluation.unlink(missing_ok=True)


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
    job: FinishJob | AfterJob,
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
    if not isinstance(job, FinishJob):
        raise RunError(reason)
    raise RunError(f"the model of trial {job.number} could not be made: {reason}", where=str(job.folder))


def _wait(
    pool: Pool, worker: Worker, job: FinishJob | AfterJob, listen: Listen, stop: Callable[[], bool]
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
