"""The four samplers of Keras-Tuner, as oracles of automed.

What is theirs: the random draws, the Gaussian process and its bound, Hyperband's brackets, the grid's steps. What is
changed, and why:

- `BayesianOptimizationOracle` climbs its bound from 50 places along numerical slopes: 10 to 20 s of processor time for
  each candidate of 30 names, most of which are steps that have no slope. Here the bound is computed at some thousand
  places at once, at random and around the best, each at a value that can be had: .2 s.
- `HyperbandOracle` hands a promoted trial out again, once nearly all of its round are in. A budget of twenty trials
  would end as twenty networks of four epochs, and an interrupted trial would start again at epoch 0 (keras-tuner #439).
  So the brackets deal out the candidates, and at each rung a candidate hears at once whether it goes on: as the best
  third of those that were there (asynchronous successive halving). The price: the first at a rung have few rivals.
- `GridSearchOracle` takes the successor of a trial's values, which fails on names that the trial was not asked for, and
  forgets its place when it is reloaded. Here the successor comes from `Questions`.

Source: Srinivas et al. 2010, arXiv:0912.3995 (upper confidence bound); Garrido-Merchan and Hernandez-Lobato 2020,
arXiv:1805.03463 (values that can be had); Li et al. 2018, arXiv:1603.06560 (hyperband); Li et al. 2020,
arXiv:1810.05934 (asynchronous halving).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from automed.models.space import Value
from automed.search.oracle import OWN, Oracle, score_at
from automed.search.tuner import (
    BayesianOptimizationOracle,
    Choice,
    GridSearchOracle,
    HyperbandOracle,
    HyperParameter,
    RandomSearchOracle,
    Trial,
    TrialStatus,
)

STARTUP = 8  # random candidates before the Gaussian process; Keras-Tuner's three for each name would be a hundred
POINTS = 1000  # where the bound is computed: so many at random, and so many around the best
ELITE = 5  # trials that are "the best"


class RandomOracle(Oracle, RandomSearchOracle):
    """Every value by chance; the same choices not twice while others are found."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_trials=None, **options)  # the conductor keeps the budget


class BayesianOracle(Oracle, BayesianOptimizationOracle):
    """A Gaussian process over the completed trials; names that a trial was not asked for count as their default."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_trials=None, num_initial_points=STARTUP, **options)

    def draw(self, trial_id: str) -> dict[str, Value]:
        if sum(trial.status == TrialStatus.COMPLETED for trial in self.trials.values()) < STARTUP:
            return self.whatever()
        random = np.random.default_rng(self.seed_of(trial_id))
        # Products of small matrices: several threads make them slower, and take from the workers.
        with threadpool_limits(1):
            x, y = self._vectorize_trials()
            self.gpr.fit(x, y)
            points = self._points(x, y, random)
            mean, deviation = self.gpr.predict(points, return_std=True)
        for best in np.argsort(mean - self.beta * deviation, kind="stable"):  # y is to be small
            values: dict[str, Value] = self._vector_to_values(points[best])
            if not self._duplicate(values):
                return values
        return self.whatever()

    def _points(self, x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Where to look for the next candidate, float64 (points, names) in [0, 1], each at a value that can be had."""
        wide = random.uniform(size=(POINTS, x.shape[1]))
        near = x[np.argsort(y, kind="stable")[:ELITE]][random.integers(min(ELITE, len(x)), size=POINTS)]
        steps = random.uniform(size=(POINTS, 1)) ** 2  # the share of names that move: small steps more often than large
        near = np.where(random.uniform(size=near.shape) < steps, random.uniform(size=near.shape), near)
        points = np.concatenate([wide, near])
        for column, hp in enumerate(self._nonfixed_space()):
            points[:, column] = [hp.value_to_prob(hp.prob_to_value(p)) for p in points[:, column]]
        return points


class BracketOracle(Oracle, HyperbandOracle):
    """Hyperband: brackets that differ in how early they give up, in turn."""

    def __init__(self, epochs: int, **options: Any) -> None:
        super().__init__(max_epochs=epochs, hyperband_iterations=None, **options)
        # Below a few epochs macro-F1 says little: batch statistics and the warm-up have not settled.
        self.min_epochs = max(1, min(3, epochs // 4))
        self._current_bracket = self._get_num_brackets() - 1
        self._brackets: list[dict[str, Any]] = []
        self._start_new_bracket()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        bracket = self._brackets[-1]
        if len(bracket["rounds"][0]) >= self._get_size(bracket["bracket_num"], 0):
            self._brackets = []
            self._increment_bracket_num()
            self._start_new_bracket()
            bracket = self._brackets[-1]
        bracket["rounds"][0].append({"past_id": None, "id": trial_id})
        response = super().populate_space(trial_id)
        response["values"][f"{OWN}bracket"] = bracket["bracket_num"]
        response["values"][f"{OWN}round"] = response["values"][f"{OWN}initial_epoch"] = 0
        response["values"][f"{OWN}epochs"] = self._get_epochs(bracket["bracket_num"], 0)
        return response

    def gives_up(self, trial: Trial, epoch: int) -> bool:
        values = trial.hyperparameters.values
        bracket = values[f"{OWN}bracket"]
        rungs = [self._get_epochs(bracket, rung) for rung in range(bracket)]
        own = score_at(trial, epoch)
        if epoch not in rungs or own is None:
            return False
        rivals = [t for t in self.trials.values() if t.hyperparameters.values.get(f"{OWN}bracket") == bracket]
        scores = sorted((s for s in (score_at(rival, epoch) for rival in rivals) if s is not None), reverse=True)
        if own < scores[max(1, len(scores) // self.factor) - 1]:
            return True
        values[f"{OWN}round"] = rungs.index(epoch) + 1
        values[f"{OWN}epochs"] = self._get_epochs(bracket, values[f"{OWN}round"])
        self._save_trial(trial)
        return False


class GridOracle(Oracle, GridSearchOracle):
    """Every combination of every answer once; numbers in ten steps, from the middle of their range."""

    def draw(self, trial_id: str) -> dict[str, Value] | None:
        steps = {hp.name: _steps(hp) for hp in self.hyperparameters.space}
        answers = self.questions.next(steps.__getitem__)
        return None if answers is None else {**self.whatever(), **answers}

    def whatever(self) -> dict[str, Value]:
        return {hp.name: hp.default for hp in self.hyperparameters.space}

    def fresh(self, hp: HyperParameter, trial: Trial) -> Value:
        value: Value = hp.default  # the first step: the others follow
        return value


def _steps(hp: HyperParameter) -> list[Value]:
    # Keras-Tuner keeps the steps of a continuous range in a set, which has no order.
    ordered = list(hp.values) if isinstance(hp, Choice) else sorted(hp.values)
    return [hp.default, *(value for value in ordered if value != hp.default)]
