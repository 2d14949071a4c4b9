"""Shapley values of players: SHAP's model-agnostic explainers, with the model asked in full batches.

SHAP explains one record after the other and asks the model as it goes, a few rows at a time. Which coalitions it asks
for does not depend on the answers, so each explainer runs twice: once to see what it would ask, and once, when all
coalitions of all records have been answered in one go, to compute.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.players.record import Bools, Players, ask_many, divide, lay_out
from automed.explain.shap.choice import limit
from automed.explain.shap.library import seeded, shap
from automed.explain.subject import Arrays, Subject
from automed.recipe.explain import Explain

Doubles = npt.NDArray[np.float64]
Game = Callable[[npt.NDArray[Any]], Doubles]  # coalitions (m, p), 0 or 1, to the answers (m,)

NAMES = {
    "exact": "shap.ExactExplainer",
    "permutation": "shap.PermutationExplainer",
    "kernel": "shap.KernelExplainer",
}


@dataclass(frozen=True, eq=False)
class Shares:
    """Shapley values of the players of one record.

    Attributes:
        values: (p,), they add up to output - base.
        base: the answer with no player shown.
        output: the answer with all of them shown.
        coalitions: how many different ones were asked.
    """

    values: Doubles
    base: float
    output: float
    coalitions: int


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
    explainer: str = "permutation",
) -> Attribution:
    """Shapley values over superpixels, stretches of time, tokens or columns.

    The value of a coalition is the probability when only its players are shown, mean over what may stand where the
    others are. A record's values do not depend on which others are explained with it.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: by input (b, *shape), where stand-ins come from.
        classes: int64 (n,).
        settings: `parts`, players at most; `samples`, coalitions a record. At least one order of the players is asked
            forwards and backwards, 2 p + 1 coalitions, however few are allowed.
        seed: where chance comes from.
        explainer: exact, permutation or kernel.

    Raises:
        NotApplicable: exact values of so many players that their coalitions cannot all be asked.

    Source: Shapley 1953; Lundberg and Lee 2017, arXiv:1705.07874, equation 8 (kernel); Mitchell et al. 2022, JMLR
        23(43) (antithetic orders).
    """
    games = [divide(subject, records, i, background, settings.parts, seed) for i in range(len(classes))]
    most = max((len(game) for game in games), default=0)
    if explainer == "exact" and most > limit(settings.samples):
        raise NotApplicable(
            f"a record has {most} parts, and their 2^{most} coalitions cannot all be asked: exact values need at most "
            f"{limit(settings.samples)} (explain.parts)"
        )
    found = shapley(games, classes, explainer, settings.samples, seed)
    values, parts = lay_out(subject, games, [shares.values for shares in found])
    return Attribution(
        method="shap",
        explainer=NAMES[explainer],
        reason="",
        classes=np.asarray(classes, np.int64),
        values=values,
        output=np.array([shares.output for shares in found], np.float32),
        base=np.array([shares.base for shares in found], np.float32),
        parameters={
            "parts": settings.parts,
            "samples": settings.samples,
            "references": max((game.references for game in games), default=0),
            "seed": seed,
        },
        notes={
            "coalitions": np.array([shares.coalitions for shares in found], np.float32),
            "players": np.array([len(game) for game in games], np.float32),
        },
        parts=parts,
    )


def shapley(
    games: Sequence[Players], classes: npt.NDArray[np.int64], explainer: str, samples: int, seed: int
) -> list[Shares]:
    """Shapley values of the players of several records, all their coalitions asked at once.

    Args:
        games: records cut into players.
        classes: int64 (n,), the class that is explained of each.
        explainer: exact, permutation or kernel.
        samples: coalitions a record, about; exact asks all of them.
        seed: the same coalitions are drawn for all records of as many players.
    """
    plans = {p: planned(p, explainer, samples, seed) for p in {len(game) for game in games}}
    answers = ask_many([(game, plans[len(game)]) for game in games])
    found = []
    for game, wanted, answer in zip(games, classes, answers, strict=True):
        plan = plans[len(game)]
        told = dict(zip((row.tobytes() for row in plan), answer[:, wanted].astype(np.float64), strict=True))
        base, output = (told[np.full(len(game), shown).tobytes()] for shown in (False, True))
        values = solve(len(game), _Replay(told), explainer, samples, seed)
        found.append(Shares(values, base, output, len(plan)))
    return found


def planned(p: int, explainer: str, samples: int, seed: int) -> Bools:
    """All different coalitions of p players that an explainer asks for, and those of none and of all: bool (m, p)."""
    asked: list[Bools] = [np.zeros((1, p), bool), np.ones((1, p), bool)]

    def listen(rows: npt.NDArray[Any]) -> Doubles:
        asked.append(np.asarray(rows) > 0.5)
        return np.zeros(len(rows))

    solve(p, listen, explainer, samples, seed)
    return np.unique(np.concatenate(asked), axis=0)


@dataclass(frozen=True, eq=False)
class _Replay:
    """Answers that are known already, by coalition."""

    told: dict[bytes, float]

    def __call__(self, rows: npt.NDArray[Any]) -> Doubles:
        return np.array([self.told[row.tobytes()] for row in np.asarray(rows) > 0.5], np.float64)


@dataclass(frozen=True)
class _Coalition:
    """Masker that hands a coalition on as a row of 0 and 1: who is shown is decided by Players, not by SHAP.

    Without the delta masking of shap.maskers.Independent, whose compilation takes four seconds a process.
    """

    p: int
    immutable_outputs: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        return (1, self.p)

    def __call__(self, mask: npt.NDArray[Any], row: npt.NDArray[Any]) -> tuple[Bools]:
        return (np.asarray(mask, bool)[None],)

    def mask_shapes(self, row: npt.NDArray[Any]) -> list[tuple[int, ...]]:
        return [row.shape]


def solve(p: int, game: Game, explainer: str, samples: int, seed: int) -> Doubles:
    """Shapley values (p,) of a game by one explainer of SHAP."""
    if p == 0:
        return np.zeros(0)
    everyone = np.ones((1, p))
    with seeded(seed), warnings.catch_warnings():
        if explainer == "kernel":
            # Few coalitions of many players: least squares then take the smallest solution, which adds up as well.
            warnings.filterwarnings("ignore", message="Linear regression equation is singular")
            kernel = shap.KernelExplainer(game, np.zeros((1, p)))
            values = kernel.shap_values(everyone, nsamples=max(samples, 2 * p + 2), l1_reg=False, silent=True)
        elif explainer == "exact":
            exact = shap.ExactExplainer(game, _Coalition(p))
            values = exact(everyone, max_evals=2**p, batch_size=2**p, silent=True).values
        else:
            rows = max(samples, 2 * p + 1)
            sampled = shap.PermutationExplainer(game, _Coalition(p), seed=seed % 2**32)
            values = sampled(everyone, max_evals=rows, batch_size=rows, silent=True).values
    return np.asarray(values, np.float64).reshape(p)
