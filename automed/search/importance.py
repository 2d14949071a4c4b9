"""Which choices decided the search: the share of the differences in macro-F1 that each parameter accounts for.

Optuna's fANOVA does the work for both engines, from the journal alone: a forest of regression trees that predicts the
score of a candidate from its choices, and the variance of its predictions taken apart. A parameter that only some
candidates have (the width of one architecture) is judged among those, beside what all of them share.

What chance gives is found by dealing the scores out anew: with 19 deals, a parameter without any effect is above the
largest of them in 1 search of 20.

Source: Hutter, Hoos and Leyton-Brown 2014, ICML 32:754-762, sections 3 and 4 (fANOVA); Phipson and Smyth 2010, Stat
Appl Genet Mol Biol 9:39, section 2 (p of a few permutations).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from automed.search.journal import TrialStory

METHOD = "fANOVA"
# A pruned candidate counts with the best it reached, as on the leaderboard; one that was cut short says too little.
FINISHED = ("complete", "pruned")
LEAST = 8  # candidates
DEALS = 19
TREES, TREES_OF_DEALS = 64, 8  # few trees share out more unevenly, which makes chance look larger and never smaller
MOST = 80  # candidates of a forest: its time rises with them, and the first are spread over the space most evenly
WIDE = 10.0  # from the smallest to the largest value; beyond it a parameter is taken by its logarithm
CONSTANT = "every candidate had the same value"
FEW = f"under {LEAST} candidates had it"

Told = dict[str, Any]


def importance(stories: Sequence[TrialStory]) -> Told:
    """How much each parameter decided, most first, for leaderboard.json.

    Args:
        stories: what the journal tells of each trial.

    Returns:
        {"method", "n", "least", "deals", "reason", "parameters"}; parameters are {"name", "importance", "chance", "n",
        "reason"}. `importance` is a share of variance from 0 to 1, `chance` the largest share of any parameter when the
        scores are dealt out anew; both are None where `reason` says why. `n` are the candidates it was judged by, of
        those that had the parameter the first `MOST`.
    """
    kept = [s for s in stories if s.state in FINISHED and s.macro_f1 is not None and math.isfinite(s.macro_f1)]
    held = {name: [s for s in kept if name in s.choices] for story in kept for name in story.choices}
    told: Told = {"method": METHOD, "n": len(kept), "least": LEAST, "deals": DEALS, "reason": None, "parameters": []}
    if len(kept) < LEAST:
        return told | {"reason": f"{len(kept)} candidates were finished, and {LEAST} are needed"}
    if len({s.macro_f1 for s in kept}) == 1:
        return told | {"reason": "every candidate has the same score"}
    rows = []
    # Parameters that the same candidates have share one forest.
    for having, names in _groups(held).items():
        chosen = [s for s in kept if s.number in having][:MOST]
        found = _of(chosen, names) if len(chosen) >= LEAST else {}
        rows += [_row(name, len(chosen), found.get(name)) for name in names]
    rows.sort(key=lambda row: (-(row["importance"] or -1.0), row["name"]))
    if all(row["importance"] is None for row in rows):
        told["reason"] = "no parameter was tried with two values by enough candidates"
    return told | {"parameters": rows}


def _row(name: str, n: int, found: tuple[float, float] | None) -> Told:
    share, chance = found or (None, None)
    reason = None if found else FEW if n < LEAST else CONSTANT
    return {"name": name, "importance": share, "chance": chance, "n": n, "reason": reason}


def _groups(held: Mapping[str, Sequence[TrialStory]]) -> dict[frozenset[int], list[str]]:
    """Parameters by the numbers of the candidates that have them."""
    groups: dict[frozenset[int], list[str]] = {}
    for name, having in held.items():
        groups.setdefault(frozenset(s.number for s in having), []).append(name)
    return groups


def _of(stories: Sequence[TrialStory], names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Share and chance of `names` among these candidates; without those that had one value alone."""
    shared = set.intersection(*(set(s.choices) for s in stories))
    columns = {name: _column([s.choices[name] for s in stories]) for name in sorted(shared)}
    columns = {name: column for name, column in columns.items() if not column[1].single()}
    scores = np.array([s.macro_f1 for s in stories], dtype=np.float64)
    asked = [name for name in names if name in columns]
    if not asked or np.ptp(scores) == 0:
        return {}
    shares = _shares(columns, scores, TREES)
    random = np.random.default_rng(0)
    dealt = [max(_shares(columns, random.permutation(scores), TREES_OF_DEALS).values()) for _ in range(DEALS)]
    return {name: (shares[name], max(dealt)) for name in asked}


def _shares(
    columns: Mapping[str, tuple[list[Any], BaseDistribution]], scores: NDArray[np.float64], trees: int
) -> dict[str, float]:
    """Of each column the share of the variance of what a forest predicts."""
    distributions = {name: distribution for name, (_, distribution) in columns.items()}
    with _quietly():
        study = optuna.create_study(direction="maximize")
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params={name: values[place] for name, (values, _) in columns.items()},
                    distributions=distributions,
                    value=float(score),
                )
                for place, score in enumerate(scores)
            ]
        )
        evaluator = FanovaImportanceEvaluator(n_trees=trees, seed=0)
        found = get_param_importances(study, evaluator=evaluator, normalize=False)
    return {name: float(share) if math.isfinite(share) else 0.0 for name, share in found.items()}


def _column(values: Sequence[Any]) -> tuple[list[Any], BaseDistribution]:
    """The values of one parameter as Optuna takes them: numbers in order, everything else by name."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = [float(value) for value in values]
        low, high = min(numbers), max(numbers)
        if low > 0 and high / low >= WIDE:
            numbers = [math.log10(value) for value in numbers]
            low, high = min(numbers), max(numbers)
        return numbers, FloatDistribution(low, high)
    texts = [str(value) for value in values]
    return texts, CategoricalDistribution(sorted(set(texts)))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Optuna's lines about new studies and about parts of it that may still change."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
