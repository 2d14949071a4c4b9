"""The search itself, in the parent: deals candidates to workers, hears of every epoch, keeps the budget and the best.

No TensorFlow here: what a worker does wrong cannot reach this process.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import automed.search
from automed.errors import AutomedError, RunError
from automed.events import (
    BaselineEnded,
    EpochEnded,
    Listen,
    Note,
    SearchStarted,
    TrialEnded,
    TrialStarted,
)
from automed.models import title
from automed.models.known_good import known_good
from automed.recipe import Recipe
from automed.run import Run, read_json, write_json
from automed.runtime import Share, shares
from automed.search import leaderboard
from automed.search.baselines import baselines_of
from automed.search.budget import Budget
from automed.search.engine import Candidate, Engine
from automed.search.journal import Journal
from automed.search.messages import Answer, Ask, BaselineJob, Built, Done, Epoch, Message, TrainJob, Verdict
from automed.search.pool import Death, Pool, Worker
from automed.search.selection import finalists_wanted

POLL_S = 0.25
DEATHS_AT_START = 3  # so many in a row, and the machine cannot run workers at all
RECYCLE_GROWTH_MB = 1500.0  # TensorFlow keeps what old models took; a fresh process gives it back
RECYCLE_JOBS = 40
BASELINE_SHARE = 0.25  # of the minutes: what a baseline may take at most
BASELINE_SECONDS = 120.0  # where no minutes are set


class Conductor:
    """One session of searching over one run folder; `pool` outlives it, so that finalists need no new process."""

    def __init__(self, recipe: Recipe, run: Run, pool: Pool, listen: Listen, stop: Callable[[], bool]) -> None:
        self.recipe, self.run, self.pool, self.listen, self.stop = recipe, run, pool, listen, stop
        self.engine: Engine = automed.search.ENGINES.load(recipe.search.engine)(recipe, run)
        self.journal = Journal(run)
        seconds = recipe.search.minutes * 60 if recipe.search.minutes else None
        self.budget = Budget(recipe.search.trials, seconds, used=self.journal.used_seconds())
        self.shares = shares(recipe.search.workers)
        self.active: dict[Worker, Candidate] = {}
        self.built: dict[Worker, Built] = {}
        self.epochs: dict[Worker, int] = {}
        self.first_memory: dict[Worker, float] = {}
        self.waiting: list[Candidate] = []
        self.baseline_worker: Worker | None = None
        self.baselines_left: list[str] = []
        self.deaths = 0
        self.stopping = False
        self.exhausted = False

    def conduct(self) -> bool:
        """Search until the budget is spent or `stop()` says so; True where it was not stopped."""
        fresh = self.engine.finished() == 0
        self.waiting = self.engine.unfinished()
        if fresh and not self.waiting:
            for choices in known_good(self.recipe, read_json(self.run.data)["inputs"]):
                self.engine.suggest_first(choices)
        self.journal.write("session", workers=len(self.shares))
        limit = self.budget.seconds
        self.listen(SearchStarted(self.recipe.search.trials, limit, len(self.shares), self.engine.finished()))
        try:
            self._start_baselines()
            if self._wants_trial():
                for slot, share in enumerate(self.shares):
                    self.pool.start(slot, share)
            while not self._over():
                self._turn()
        finally:
            self.journal.write("pause")
        return not self.stopping

    # --- one turn -----------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        if not self.stopping and self.stop():
            self.stopping = True
            self.listen(Note("Stopping: the epochs under way are left, what is finished is kept."))
            for worker in self.active:
                worker.cut()
        for worker, message in self.pool.hear(POLL_S):
            if isinstance(message, Death):
                self._on_death(worker, message)
            elif worker is self.baseline_worker:
                self._on_baseline(worker, message)
            else:
                self._on_message(worker, message)
        for worker in list(self.pool.workers):
            if worker.ready and worker.job is None and worker is not self.baseline_worker:
                self._deal(worker)

    def _over(self) -> bool:
        if self.active or (self.baseline_worker and not self.stopping):
            return False
        return self.stopping or self.exhausted or not self._wants_trial()

    def _wants_trial(self) -> bool:
        started = self.engine.finished() + len(self.active)
        return not self.stopping and self.budget.allows_trial(started)

    def _deal(self, worker: Worker) -> None:
        if not self._wants_trial():
            return
        candidate = self.waiting.pop(0) if self.waiting else self.engine.propose()
        if candidate is None:
            self.exhausted = not self.active
            return
        self.active[worker] = candidate
        worker.give(TrainJob(candidate.number, self.run.trial(candidate.number)))

    # --- what workers say ---------------------------------------------------------------------------------------

    def _on_message(self, worker: Worker, message: Message) -> None:
        candidate = self.active.get(worker)
        if candidate is None:
            return  # Ready
        if isinstance(message, Ask):
            worker.answer(_value(candidate, message))
        elif isinstance(message, Built):
            self._on_built(worker, candidate, message)
        elif isinstance(message, Epoch):
            self._on_epoch(worker, candidate, message)
        elif isinstance(message, Done):
            self._on_done(worker, candidate, message)

    def _on_built(self, worker: Worker, candidate: Candidate, message: Built) -> None:
        self.built[worker] = message
        self.deaths = 0
        architecture = title(message.choices)
        self.journal.write(
            "start",
            number=candidate.number,
            architecture=architecture,
            choices=message.choices,
            parameters=message.parameters,
            epoch=message.epoch,
        )
        self.listen(TrialStarted(candidate.number, worker.slot, architecture, message.choices, message.epoch))

    def _on_epoch(self, worker: Worker, candidate: Candidate, message: Epoch) -> None:
        self.epochs[worker] = message.epoch
        self.budget.saw_epoch(message.seconds)
        self.journal.write(
            "epoch",
            number=candidate.number,
            epoch=message.epoch,
            loss=message.loss,
            validation_loss=message.validation_loss,
            macro_f1=message.macro_f1,
            best=message.best,
            best_epoch=message.best_epoch,
            worst_group=message.worst_group,
            group=message.group,
            learning_rate=message.learning_rate,
            seconds=round(message.seconds, 3),
        )
        give_up = candidate.report(message.epoch, message.best)
        word = "go"
        if self.stopping or not self.budget.allows_epoch(message.seconds):
            word = "stop"
        elif give_up:
            word = "prune"
        worker.answer(Verdict(word))
        self.listen(
            EpochEnded(
                candidate.number,
                worker.slot,
                message.epoch,
                self.recipe.train.epochs,
                message.macro_f1,
                message.best,
                message.loss,
                message.validation_loss,
                message.seconds,
            )
        )

    def _on_done(self, worker: Worker, candidate: Candidate, message: Done) -> None:
        worker.job = None
        self._end(worker, candidate, message.state, message.reason, message.facts)
        if message.fatal:
            problem = message.facts.get("error")
            raise problem if isinstance(problem, AutomedError) else RunError(message.reason)
        first = self.first_memory.setdefault(worker, message.memory_mb)
        grown = message.memory_mb - first > RECYCLE_GROWTH_MB or worker.jobs >= RECYCLE_JOBS
        # After an unforeseen error the process is not trusted: a library may be left in a broken state.
        if grown or message.facts.get("suspect"):
            self.pool.retire(worker)
            self._replace(worker)

    def _on_death(self, worker: Worker, death: Death) -> None:
        if worker is self.baseline_worker:
            self._baseline_failed(worker, death.reason)
            return
        candidate = self.active.get(worker)
        if candidate is not None:
            self._end(worker, candidate, "failed", death.reason, {})
        self.deaths += 1
        if not worker.ready and self.deaths >= DEATHS_AT_START:
            raise self.pool.cannot_start(worker, death)
        self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        if self._wants_trial():
            self.pool.start(worker.slot, worker.share)

    def _end(self, worker: Worker, candidate: Candidate, state: str, reason: str, facts: dict[str, Any]) -> None:
        del self.active[worker]
        built = self.built.pop(worker, None)
        epochs = self.epochs.pop(worker, 0)
        architecture = title(built.choices) if built else str(facts.get("architecture", "unknown"))
        story = self.journal.trials().get(candidate.number)
        best = story.macro_f1 if story else None
        if state != "interrupted":
            candidate.finish(state, best)
        self.journal.write(
            "end",
            number=candidate.number,
            state=state,
            reason=reason,
            architecture=architecture,
            macro_f1=best,
            peak_mb=facts.get("peak_mb"),
        )
        seconds = story.seconds if story else 0.0
        epochs = max(epochs, story.epochs if story else 0)
        self.listen(TrialEnded(candidate.number, worker.slot, architecture, state, best, epochs, seconds, reason))
        self._forget()

    def _forget(self) -> None:
        """Delete the checkpoints of trials that can no longer be finalists; open ones are kept for a resume."""
        audit = self.recipe.audit
        wanted = finalists_wanted(self.recipe.search.finalists, audit)
        keep = {story.number for story in leaderboard.contenders(self.run, audit)[:wanted]}
        keep |= {candidate.number for candidate in (*self.active.values(), *self.waiting)}
        for number, story in self.journal.trials().items():
            if number not in keep and story.state in ("complete", "pruned", "failed"):
                shutil.rmtree(self.run.trial(number), ignore_errors=True)

    # --- baselines ----------------------------------------------------------------------------------------------

    def _start_baselines(self) -> None:
        named = baselines_of(self.recipe, read_json(self.run.data)["inputs"])
        left = [name for name in named if not self.run.baseline(name).is_file()]
        if not left or self.stop():
            return
        self.baselines_left = left
        # Beside the first worker, which is busy with its imports at this time.
        self.baseline_worker = self.pool.start(len(self.shares), Share(max(1, self.shares[0].threads)))

    def _on_baseline(self, worker: Worker, message: Message) -> None:
        if isinstance(message, Done):
            worker.job = None
            if message.state == "failed":
                self.listen(Note(f"The baseline {self.baselines_left[0]} failed: {message.reason}", warning=True))
                if message.fatal:
                    raise message.facts["error"]
            else:
                write_json(self.run.baselines / f"{message.facts['name']}.json", message.facts)
                score = message.facts["validation"]["macro_f1"]
                self.listen(BaselineEnded(message.facts["name"], score, message.facts["seconds"]))
            self.baselines_left.pop(0)
        if worker.job is not None:
            return
        if self.baselines_left and not self.stopping:
            limit = self.budget.seconds
            seconds = min(BASELINE_SECONDS, BASELINE_SHARE * limit) if limit else BASELINE_SECONDS
            # It predicts the test set when it is fitted, since nothing is chosen among baselines: a look all the same.
            self.run.log("test_read", reason="baseline", model=self.baselines_left[0])
            worker.give(BaselineJob(self.baselines_left[0], seconds))
        else:
            self.baseline_worker = None
            self.pool.retire(worker)

    def _baseline_failed(self, worker: Worker, reason: str) -> None:
        self.listen(Note(f"The baseline {self.baselines_left[0]} failed: {reason}", warning=True))
        self.baselines_left.pop(0)
        self.baseline_worker = None
        if self.baselines_left and not self.stopping:
            self.baseline_worker = self.pool.start(worker.slot, worker.share)


def _value(candidate: Candidate, message: Ask) -> Answer:
    try:
        return Answer(getattr(candidate.space, message.verb)(message.name, *message.arguments))
    except Exception as problem:  # noqa: BLE001  # it belongs to the worker's candidate, and is raised again there
        return Answer(error=problem)
