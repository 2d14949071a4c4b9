"""The Keras-Tuner engine: hyperband, bayesian, random and grid over the same builders as Optuna.

Its oracles live in the parent (`oracle` and `samplers` say what is theirs and what is changed); its tuners, which build
and train in one process, are not used. A candidate is one trial of the oracle, under the same number, and goes on from
its own checkpoint after a kill. `report` gives up with the sampler hyperband alone.

Source: O'Malley et al. 2019, KerasTuner, https://github.com/keras-team/keras-tuner
"""

from __future__ import annotations

import builtins
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from automed.errors import UsageError
from automed.models.space import FixedSpace, Scope, Space, Value
from automed.recipe import Recipe
from automed.run import Run
from automed.search.oracle import OBJECTIVE, Oracle
from automed.search.samplers import BayesianOracle, BracketOracle, GridOracle, RandomOracle
from automed.search.tuner import Boolean, Choice, Float, HyperParameter, Int, Trial, TrialStatus

T = TypeVar("T", bound=Value)


class KerasTunerSpace:
    """A `Space` whose values an oracle has drawn, or draws when a name is new.

    Raises (from each verb):
        UsageError: a name was asked before with other options.
    """

    def __init__(self, oracle: Oracle, trial: Trial) -> None:
        self._oracle, self._trial = oracle, trial
        self._given = FixedSpace(oracle.given.get(trial.trial_id, {}))
        self.asked: dict[str, HyperParameter] = {}

    def choice(self, name: str, options: Sequence[T]) -> T:
        labels = _labels(options)
        hp = Choice(name, labels)
        value = self._answer(hp, lambda given: labels[_place(options, given.choice(name, options))])
        return options[labels.index(value)]

    def int(
        self, name: str, low: builtins.int, high: builtins.int, step: builtins.int = 1, log: builtins.bool = False
    ) -> builtins.int:
        hp = _ranged(Int, name, low, high, **({"sampling": "log"} if log else {"step": step}))
        return int(self._answer(hp, lambda given: given.int(name, low, high, step, log), low, high))

    def float(self, name: str, low: builtins.float, high: builtins.float, log: builtins.bool = False) -> builtins.float:
        hp = _ranged(Float, name, float(low), float(high), sampling="log" if log else "linear")
        return float(self._answer(hp, lambda given: given.float(name, low, high, log), low, high))

    def bool(self, name: str) -> builtins.bool:
        return bool(self._answer(Boolean(name), lambda given: given.bool(name)))

    def scope(self, prefix: str) -> Space:
        return Scope(self, prefix)

    def _answer(self, hp: HyperParameter, give: Callable[[FixedSpace], Value], *bounds: Any) -> Any:
        """What was given for the name, else what the oracle drew, else a value of its own."""
        known = self._oracle.known(hp)
        if type(known) is not type(hp) or known.get_config() != hp.get_config():
            raise UsageError(f"{hp.name} was asked twice with different options: {known} and {hp}")
        values = self._trial.hyperparameters.values
        if hp.name not in self.asked:
            try:
                value = give(self._given)
            except UsageError:  # nothing was given for this name, or nothing that is offered
                value = values[hp.name] if hp.name in values else self._oracle.fresh(hp, self._trial)
            if bounds:
                # At the upper end of its range a logarithmic one may come out beyond it.
                value = min(bounds[1], max(bounds[0], value))
            self.asked[hp.name] = hp
            self._oracle.answered(self._trial, hp, value)
        return values[hp.name]


class KerasTunerCandidate:
    """One trial of an oracle."""

    def __init__(self, oracle: Oracle, trial: Trial) -> None:
        self._oracle, self._trial = oracle, trial
        self._space = KerasTunerSpace(oracle, trial)
        self.space: Space = self._space

    @property
    def number(self) -> int:
        return int(self._trial.trial_id)

    def report(self, epoch: int, macro_f1: float) -> bool:
        self._oracle.settle(self._trial, self._space.asked, built=True)
        self._oracle.report(self._trial, epoch, macro_f1)
        return self._oracle.gives_up(self._trial, epoch)

    def finish(self, state: str, macro_f1: float | None) -> None:
        score = None if state == "failed" else macro_f1
        self._oracle.settle(self._trial, self._space.asked, built=score is not None)
        if score is None:
            self._oracle.end(self._trial, TrialStatus.FAILED)
            return
        if not self._trial.metrics.exists(OBJECTIVE):
            self._oracle.report(self._trial, 0, score)
        # To Keras-Tuner, a trial that was not promoted is complete as well.
        self._oracle.end(self._trial, TrialStatus.COMPLETED)


class KerasTunerEngine:
    """Keras-Tuner over one run folder; opening it again goes on with the same oracle.

    Raises:
        RecipeError: the objective is none that workers report; told here, before any of them starts.
    """

    def __init__(self, recipe: Recipe, run: Run) -> None:
        self._oracle = _oracle(recipe, run)
        if self._oracle.objective.name != OBJECTIVE:
            raise recipe.fail("search.objective", f"must be {OBJECTIVE}, got {self._oracle.objective.name!r}")
        if self._oracle.file.is_file():
            self._oracle.reload()

    def suggest_first(self, choices: Mapping[str, Any]) -> None:
        if dict(choices) not in (*self._oracle.first, *self._oracle.given.values()):
            self._oracle.first.append(dict(choices))
            self._oracle.save()

    def unfinished(self) -> list[KerasTunerCandidate]:
        return [KerasTunerCandidate(self._oracle, trial) for trial in self._oracle.open_trials()]

    def propose(self) -> KerasTunerCandidate | None:
        """The next candidate; None where nothing is left, or nothing until a running one has gone on."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a Gaussian process says that it has not converged
            trial = self._oracle.start()
        return KerasTunerCandidate(self._oracle, trial) if trial else None

    def finished(self) -> int:
        return self._oracle.told()


def _oracle(recipe: Recipe, run: Run) -> Oracle:
    search = recipe.search
    common: dict[str, Any] = {"folder": run.keras_tuner, "seed": search.seed, "objective": search.objective}
    if search.sampler == "hyperband":
        return BracketOracle(epochs=recipe.train.epochs, **common)
    kinds: dict[str, type[Oracle]] = {"bayesian": BayesianOracle, "random": RandomOracle, "grid": GridOracle}
    return kinds[search.sampler](**common)


def _labels(options: Sequence[Value]) -> list[Any]:
    """The options as Keras-Tuner takes them: of one type and not None; else each as JSON."""
    plain = {type(option) for option in options} in ({str}, {int}, {float})
    return list(options) if plain else [json.dumps(option) for option in options]


def _place(options: Sequence[Value], value: Value) -> int:
    return next(
        i for i, option in enumerate(options) if option is value or (type(option), option) == (type(value), value)
    )


def _ranged(kind: type[HyperParameter], name: str, low: Any, high: Any, **how: Any) -> HyperParameter:
    """A range whose default, where a grid begins, is its middle and not its lower end."""
    middle = kind(name, low, high, **how).prob_to_value(0.5)
    return kind(name, low, high, default=middle, **how)
