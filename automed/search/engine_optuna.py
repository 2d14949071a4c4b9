"""The Optuna engine: samplers, pruners, and a journal file that survives a kill.

The study lives in the parent alone; workers ask for values over a pipe. So one process draws in one order, and a run
with one worker and a budget in trials gives the same trials again.

Source: Akiba et al. 2019, arXiv:1907.10902 (define-by-run); Li et al. 2018, arXiv:1603.06560 (hyperband);
Li et al. 2020, arXiv:1810.05934 (ASHA).
"""

from __future__ import annotations

import builtins
import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from automed.errors import MissingExtra
from automed.models.space import Scope, Space, Value
from automed.recipe import Recipe
from automed.run import Run

T = TypeVar("T", bound=Value)
STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
OPEN = (TrialState.RUNNING,)
TOLD = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class OptunaSpace:
    """A `Space` whose values Optuna suggests."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def choice(self, name: str, options: Sequence[T]) -> T:
        value: T = self._trial.suggest_categorical(name, list(options))
        return value

    def int(
        self, name: str, low: builtins.int, high: builtins.int, step: builtins.int = 1, log: builtins.bool = False
    ) -> builtins.int:
        return int(self._trial.suggest_int(name, low, high, step=step, log=log))

    def float(self, name: str, low: builtins.float, high: builtins.float, log: builtins.bool = False) -> builtins.float:
        return float(self._trial.suggest_float(name, low, high, log=log))

    def bool(self, name: str) -> builtins.bool:
        return bool(self._trial.suggest_categorical(name, [False, True]))

    def scope(self, prefix: str) -> Space:
        return Scope(self, prefix)


class OptunaCandidate:
    """One Optuna trial."""

    def __init__(self, study: optuna.Study, trial: optuna.Trial) -> None:
        self._study, self._trial = study, trial
        self.space: Space = OptunaSpace(trial)

    @property
    def number(self) -> int:
        return int(self._trial.number)

    def report(self, epoch: int, macro_f1: float) -> bool:
        self._trial.report(macro_f1, step=epoch)
        return bool(self._trial.should_prune())

    def finish(self, state: str, macro_f1: float | None) -> None:
        # Optuna takes a pruned trial's value from its last report, and a failed one has none.
        value = macro_f1 if state == "complete" else None
        self._study.tell(self.number, value, state=STATES[state])


class OptunaEngine:
    """Optuna over one run folder; opening it again goes on with the same study."""

    def __init__(self, recipe: Recipe, run: Run) -> None:
        search = recipe.search
        if search.sampler == "gp" and importlib.util.find_spec("torch") is None:
            raise MissingExtra(
                "the sampler gp needs PyTorch",
                where="search.sampler",
                hint="Install it with: pip install 'automed[torch]', or choose tpe.",
            )
        # A killed search leaves Optuna's own lock behind; the run's lock, which the system drops, says nobody holds it.
        run.journal.with_name(run.journal.name + ".lock").unlink(missing_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental parts of Optuna announce themselves
            self._study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(run.journal))),
                # Hyperband deals trials to brackets by a hash of this name: a constant keeps two runs alike.
                study_name="automed",
                direction="maximize",
                sampler=_sampler(search.sampler, search.seed + len(_told(run))),
                pruner=_pruner(search.pruner, recipe.train.epochs),
                load_if_exists=True,
            )

    def suggest_first(self, choices: Mapping[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study.enqueue_trial(dict(choices), skip_if_exists=True)

    def unfinished(self) -> list[OptunaCandidate]:
        return [
            OptunaCandidate(self._study, optuna.Trial(self._study, frozen._trial_id))
            for frozen in self._study.get_trials(deepcopy=False, states=OPEN)
        ]

    def propose(self) -> OptunaCandidate:
        return OptunaCandidate(self._study, self._study.ask())

    def finished(self) -> int:
        return len(self._study.get_trials(deepcopy=False, states=TOLD))


def _told(run: Run) -> list[Any]:
    """Trials already in the journal: a resumed sampler must not draw the numbers of the first session again."""
    from automed.run import read_json_lines

    return [line for line in read_json_lines(run.trials) if line.get("event") == "start"]


def _sampler(name: str, seed: int) -> Any:
    samplers = optuna.samplers
    if name == "tpe":
        # constant_liar keeps parallel workers apart; multivariate and group let TPE see conditional choices together.
        return samplers.TPESampler(
            seed=seed,
            n_startup_trials=8,
            multivariate=True,
            group=True,
            constant_liar=True,
            warn_independent_sampling=False,
        )
    if name == "gp":
        return samplers.GPSampler(seed=seed, n_startup_trials=8)
    if name == "cmaes":
        return samplers.CmaEsSampler(seed=seed, n_startup_trials=8, warn_independent_sampling=False)
    if name == "nsga2":
        return samplers.NSGAIISampler(seed=seed, population_size=20)
    return samplers.RandomSampler(seed=seed)


def _pruner(name: str, epochs: int) -> Any:
    pruners = optuna.pruners
    # Below a few epochs macro-F1 says little: batch statistics and the warm-up have not settled.
    first = max(1, min(3, epochs // 4))
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=first, max_resource=epochs, reduction_factor=3)
    if name == "asha":
        return pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=3)
    if name == "median":
        return pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=first)
    return pruners.NopPruner()
