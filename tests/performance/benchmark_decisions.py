"""How often `benchmark compare` is wrong, and how often it finds a loss: on simulated trainings whose skill is known.

python tests/performance/benchmark_decisions.py [--repetitions 200] [--seeds 2 3 5] [--records 150 600] [--seed 0]

Each repetition draws test records anew, trains every seed of two points on paper, and asks `comparison.compare` for its
verdict. A training's skill is drawn around that of its code; what varies from row to row is how much (`spread`, in
logits; its effect on the macro-F1 of one training is printed as `sd`). Where the code is the same, every better or
worse is false. Where it is other code that is equally good, the two points also find other records difficult. Beside
automed's verdict stands what Satterthwaite's degrees of freedom would have claimed of the same variances.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import t
from sklearn import config_context
from threadpoolctl import threadpool_limits

from automed.benchmark.comparison import compare as comparison
from automed.benchmark.comparison.difference import differ
from automed.benchmark.comparison.seeds import Spread
from automed.benchmark.record import Answers, Cell, Point

CLASSES = ("neither", "donor", "acceptor")
SHARES = (0.5, 0.25, 0.25)
SKILL = 2.6
SPREADS = (0.0, 0.1, 0.3, 0.6)  # between trainings, in logits
LOSSES = (0.3, 0.6, 1.2)  # of skill
SPREAD = 0.1  # where a loss is planted


@dataclass
class Held:
    """What `compare` asks a history for, in memory."""

    said: dict[tuple[int, str, int, str], Answers] = field(default_factory=dict)

    def cells(self, point: int | None = None) -> list[Cell]:
        return [_cell(*key) for key in self.said if key[0] == point]

    def answers(self, point: int, recipe: str, seed: int, engine: str) -> Answers | None:
        return self.said[point, recipe, seed, engine]


def _cell(point: int, recipe: str, seed: int, engine: str) -> Cell:
    empty: dict[str, Any] = {"scores": {}, "validation": None, "seconds": 0.0, "memory_mb": 0.0, "trials": None}
    return Cell(point, recipe, "d", seed, engine, "done", None, fingerprint="f", ended="", **empty)


def _point(number: int) -> Point:
    return Point(number, "simulated", "d", "", None, "c", {}, {}, {})


def simulate(
    rng: np.random.Generator, n: int, seeds: int, *, spread: float, lost: float = 0.0, other: bool = False
) -> Held:
    """Two points of one recipe; the second may have lost skill, and be other code."""
    y = rng.choice(len(CLASSES), n, p=SHARES)
    common = [rng.normal(size=(n, len(CLASSES))) for _ in range(2)]
    held = Held()
    for point, seed in itertools.product((1, 2), range(seeds)):
        difficulty = 0.8 * (common[0] if point == 1 or not other else (common[0] + common[1]) / np.sqrt(2))
        if point == 1 and other:
            difficulty = 0.8 * (common[0] - common[1]) / np.sqrt(2)
        skill = SKILL - (lost if point == 2 else 0.0) + spread * rng.normal()
        raised = np.exp(skill * np.eye(len(CLASSES))[y] + difficulty + 0.6 * rng.normal(size=difficulty.shape))
        p = raised / raised.sum(axis=1, keepdims=True)
        rows = np.arange(n)
        held.said[point, "r", seed, "automed"] = Answers(
            rows, rows, y, p.argmax(axis=1), p, CLASSES, "multiclass", None
        )
    return held


def satterthwaite(spread: Spread, difference: float) -> bool:
    """Whether the usual approximation would call the difference more than chance."""
    total = spread.records + spread.between
    within, between = spread.records**2 / (spread.patients - 1), spread.between**2 / (spread.seeds - 1)
    return bool(abs(difference) > t.isf(0.025, total**2 / (within + between)) * np.sqrt(total))


def judge(repetitions: int, n: int, seeds: int, seed: int, **story: Any) -> dict[str, float]:
    """Shares of verdicts over repetitions."""
    rng = np.random.default_rng(seed)
    verdicts: list[str] = []
    usual: list[bool] = []
    halves: list[float] = []
    values: list[float] = []
    sizes: list[float] = []
    for _ in range(repetitions):
        held = simulate(rng, n, seeds, **story)
        (change,) = comparison.compare(held, _point(1), _point(2))  # type: ignore[arg-type]
        verdicts.append(change.verdict)
        said = [[answers for key, answers in held.said.items() if key[0] == point] for point in (1, 2)]
        found = differ(*said)
        if found.spread is None or found.difference is None:
            continue
        usual.append(satterthwaite(found.spread, found.difference))
        halves.append(found.spread.half_width())
        sizes.append(found.difference)
        values.append(float(np.sqrt(found.spread.between * seeds / 2)))
    told = np.array(verdicts)
    return {
        "sd": float(np.sqrt(np.mean(np.square(values)))),
        "difference": float(np.mean(sizes)),
        "half": float(np.median(halves)),
        **{name: float(np.mean(told == name)) for name in ("better", "worse", "same", "undecided")},
        "usual": float(np.mean(usual)),
    }


def main(repetitions: int, counts: list[int], records: list[int], seed: int) -> None:
    start = time.perf_counter()
    print(f"{repetitions} repetitions each, margin 0.02; shares in %")
    columns = f"{'records':>8}{'seeds':>6}{'sd':>7}{'mean':>8}{'half':>7}"
    head = f"{'':34}{columns}{'better':>8}{'worse':>7}{'same':>6}{'undec.':>7}{'Satterthw.':>11}"
    stories: list[tuple[str, dict[str, Any]]] = [
        (f"same code, spread {spread:g}", {"spread": spread}) for spread in SPREADS
    ]
    stories += [(f"equally good code, spread {s:g}", {"spread": s, "other": True}) for s in SPREADS]
    stories += [(f"skill lost {loss:g}, spread {SPREAD:g}", {"spread": SPREAD, "lost": loss}) for loss in LOSSES]
    print(head)
    for name, story in stories:
        for n, k in itertools.product(records, counts):
            found = judge(repetitions, n, k, seed, **story)
            shares = [100 * found[key] for key in ("better", "worse", "same", "undecided")]
            print(
                f"{name:34}{n:8}{k:6}{found['sd']:7.3f}{found['difference']:+8.3f}{found['half']:7.3f}"
                f"{shares[0]:8.1f}{shares[1]:7.1f}{shares[2]:6.0f}{shares[3]:7.0f}{100 * found['usual']:11.1f}",
                flush=True,
            )
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 5])
    parser.add_argument("--records", type=int, nargs="+", default=[150, 600])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with config_context(assume_finite=True, skip_parameter_validation=True), threadpool_limits(1, user_api="blas"):
        main(given.repetitions, given.seeds, given.records, given.seed)
