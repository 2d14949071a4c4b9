"""What Keras-Tuner's oracles need in order to serve builders that ask with plain ifs, and to survive a kill.

What is theirs: the kinds of hyper-parameters, how they are drawn, and the files. What is changed, and why:

- An oracle knows only the names that some trial has asked for. They are all kept without conditions: a condition would
  have to be guessed, since an `if` declares none. Nothing inactive reaches an oracle all the same, because what a trial
  was not asked for is taken out of it before its score counts (`settle`). A name that is new is drawn by the oracle's
  seed, not left at its default.
- What was tried is told by `Questions`, not by a hash of all values: values that nobody asks for make no difference.
  Where twenty draws bring nothing new, Keras-Tuner ends the search; here the last draw is taken.
- Three failures in a row end Keras-Tuner's search, and a kill in the midst of a write leaves a cut file. Neither here.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automed.models.space import Value
from automed.run import read_json, write_json
from automed.search.questions import Questions, Walk
from automed.search.tuner import (
    HyperParameter,
    HyperParameters,
    Objective,
    Trial,
    TrialStatus,
)
from automed.search.tuner import Oracle as TheirOracle

OBJECTIVE = "macro_f1"
OPEN = (TrialStatus.RUNNING,)
TOLD = (TrialStatus.COMPLETED, TrialStatus.FAILED)
OWN = "tuner/"  # the names that Hyperband keeps for itself among a trial's values


class Oracle(TheirOracle):
    """What the four have in common; `folder` is where its files lie.

    Trials are numbered as they are made, so that a trial's id is its number.
    """

    def __init__(self, folder: Path, seed: int, objective: str, **options: Any) -> None:
        # Its seed 0 means one by chance. None equals no count of failures, so that none is too many.
        super().__init__(
            objective=Objective(objective, "max"),
            seed=seed + 1,
            max_consecutive_failed_trials=None,
            **options,
        )
        self.folder = folder
        self.verbose = 0
        self.first: list[dict[str, Value]] = []  # choices to try before any draw
        self.given: dict[str, dict[str, Value]] = {}  # of each trial that had such choices
        self.questions = Questions()
        self._walks: dict[str, Walk] = {}

    # --- trials -------------------------------------------------------------------------------------------------

    def start(self) -> Trial | None:
        """A new trial, or None where nothing is left, or nothing until a running one has been asked more."""
        trial = self.create_trial(f"{len(self.trials):04d}")
        if trial.status != TrialStatus.RUNNING:
            return None
        self._walks[trial.trial_id] = self.questions.walk(self._expected(trial))
        return trial

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.first:
            self.given[trial_id] = self.first.pop(0)
            return {"status": TrialStatus.RUNNING, "values": self.whatever()}
        values = self.draw(trial_id)
        if values is None:
            return {"status": TrialStatus.IDLE if self.ongoing_trials else TrialStatus.STOPPED}
        return {"status": TrialStatus.RUNNING, "values": values}

    def draw(self, trial_id: str) -> dict[str, Value] | None:
        """Values for the next trial under all names that are known; None where nothing is left, or nothing yet."""
        return self.whatever()

    def whatever(self) -> dict[str, Value]:
        """Values by chance under all names that are known."""
        return self._random_values()

    def open_trials(self) -> list[Trial]:
        """Trials that nobody has ended, oldest first."""
        return [self.trials[key] for key in sorted(self.trials, key=int) if self.trials[key].status in OPEN]

    def told(self) -> int:
        """How many trials were ended."""
        return sum(trial.status in TOLD for trial in self.trials.values())

    # --- questions ----------------------------------------------------------------------------------------------

    def known(self, asked: HyperParameter) -> HyperParameter:
        """The hyper-parameter of this name, which `asked` becomes where there is none."""
        found = next((hp for hp in self.hyperparameters.space if hp.name == asked.name), None)
        if found is None:
            space = HyperParameters()
            space.merge([asked])
            self.update_space(space)
        return found or asked

    def fresh(self, hp: HyperParameter, trial: Trial) -> Value:
        """A value for a name that was not known when the trial was made; the same after a restart."""
        value: Value = hp.random_sample(self.seed_of(trial.trial_id, hp.name))
        return value

    def seed_of(self, *what: str) -> int:
        """A seed for one purpose that needs no memory of what was drawn before."""
        return zlib.crc32("/".join((str(self.seed), *what)).encode())

    def answered(self, trial: Trial, hp: HyperParameter, value: Value) -> None:
        """Keep an answer, in the order of asking."""
        values = trial.hyperparameters.values
        if hp.name not in values or values[hp.name] != value:
            values[hp.name] = value
            self._save_trial(trial)
        self._walk(trial).asked(hp.name, value)

    def settle(self, trial: Trial, asked: Mapping[str, HyperParameter], built: bool) -> None:
        """All questions of a trial are asked: what else was drawn for it is taken out."""
        if trial.metrics.exists(OBJECTIVE):
            return  # done in an earlier session
        values = trial.hyperparameters.values
        space = HyperParameters()
        space.merge(list(asked.values()))
        space.values = {name: values[name] for name in asked}
        space.values |= {name: value for name, value in values.items() if name.startswith(OWN)}
        trial.hyperparameters = space
        self._walk(trial).done(built)

    # --- scores -------------------------------------------------------------------------------------------------

    def report(self, trial: Trial, epoch: int, macro_f1: float) -> None:
        """Keep an epoch's score; one that was trained again after a kill keeps its first."""
        if score_at(trial, epoch) is None:
            self.update_trial(trial.trial_id, {OBJECTIVE: macro_f1}, step=epoch)

    def gives_up(self, trial: Trial, epoch: int) -> bool:
        """Whether the trial is too far behind the others at this epoch."""
        return False

    def end(self, trial: Trial, status: str) -> None:
        """Close a trial; a failed one has no score and is not tried again."""
        trial.status = status
        self.end_trial(trial)

    # --- what Keras-Tuner asks of itself --------------------------------------------------------------------------

    def _duplicate(self, values: Mapping[str, Value]) -> bool:
        return self.questions.known(values)

    def _random_values(self) -> dict[str, Value]:
        values: dict[str, Value] | None = super()._random_values()
        if values is None:
            values = {}
            for hp in self.hyperparameters.space:
                values[hp.name] = hp.random_sample(self._seed_state)
                self._seed_state += 1
        return values

    # --- files --------------------------------------------------------------------------------------------------

    @property
    def file(self) -> Path:
        """The oracle's own state; each trial's lies in a folder beside it."""
        return self.folder / "oracle.json"

    def save(self) -> None:
        write_json(self.file, self.get_state())

    def _save_trial(self, trial: Trial) -> None:
        write_json(self._file_of(trial.trial_id), trial.get_state())

    def _file_of(self, trial_id: str) -> Path:
        return self.folder / f"trial_{trial_id}" / "trial.json"

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "first": self.first, "given": self.given}

    def reload(self) -> None:
        """Go on from the files; raises RunError where one is damaged."""
        state = read_json(self.file)
        # A trial that a kill left without a line in here was never handed out: it is made again.
        for trial_id in state["start_order"]:
            self.trials[trial_id] = Trial.from_state(read_json(self._file_of(trial_id)))
        self.set_state(state)
        self.first, self.given = state["first"], state["given"]
        self.ongoing_trials = {trial.trial_id: trial for trial in self.open_trials()}
        self._retry_queue: list[str] = []
        for trial in self.trials.values():
            self.update_space(trial.hyperparameters)  # the names it asked for last may not stand in the state
            built = trial.metrics.exists(OBJECTIVE)
            if trial.status != TrialStatus.RUNNING or built:
                walk = self.questions.walk()
                for hp in trial.hyperparameters.space:
                    walk.asked(hp.name, trial.hyperparameters.values[hp.name])
                walk.done(built)
            else:
                self._walks[trial.trial_id] = self.questions.walk(self._expected(trial))

    def _expected(self, trial: Trial) -> dict[str, Value]:
        return {**trial.hyperparameters.values, **self.given.get(trial.trial_id, {})}

    def _walk(self, trial: Trial) -> Walk:
        return self._walks.setdefault(trial.trial_id, self.questions.walk())


def score_at(trial: Trial, epoch: int) -> float | None:
    """The score that a trial reported at an epoch."""
    if not trial.metrics.exists(OBJECTIVE):
        return None
    history = trial.metrics.get_history(OBJECTIVE)
    return next((float(seen.mean()) for seen in history if seen.step == epoch), None)
