"""Histories of benchmarks that never ran: answers are drawn from a simulation, scores are made of them as elsewhere."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from automed.benchmark.cells.work import SCORES
from automed.benchmark.history import History
from automed.benchmark.record import Answers, Cell, Point
from automed.evaluate import METRICS
from automed.evaluate.intervals import bootstrap, encode, rests_on, summarise
from automed.evaluate.metrics import Metric
from automed.evaluate.metrics import Point as Value
from automed.evaluate.resamples import OVERALL, Resamples
from automed.evaluate.scores import as_json

Key = tuple[str, int, str]
OURS = "automed"
SKILL = {"automed": 2.6, "automed-keras-tuner": 2.5, "classical": 2.3, "keras-tuner": 1.9, "optuna": 2.0}
HARDWARE = {"machine": "x86_64", "cpu": "a processor", "cores": 2, "memory_gb": 8.0, "gpus": []}
PACKAGES = {"keras": "3.12.0", "numpy": "2.3.0", "optuna": "4.5.0", "tensorflow": "2.20.0"}
BUDGET = {"minutes": 3.0, "trials": None, "cores": 2, "memory_gb": None, "patience": 3.0}


@dataclass(frozen=True)
class Task:
    """What a recipe asks: its classes, how often each is, and how many test records of how many patients."""

    classes: tuple[str, ...] = ("benign", "malignant")
    shares: tuple[float, ...] = (0.7, 0.3)
    n: int = 150
    patients: int = 150
    kind: str = "multiclass"


TASKS = {
    "breast": Task(),
    "splice": Task(("neither", "donor", "acceptor"), (0.5, 0.25, 0.25), 240, 120),
    "ecg": Task(("normal", "block", "infarct"), (0.5, 0.3, 0.2), 200, 100, "multilabel"),
}


def make_history(
    folder: Path,
    *,
    points: int = 2,
    seeds: Sequence[int] = (0, 1, 2),
    recipes: Sequence[str] = ("breast", "splice"),
    engines: Sequence[str] = ("automed", "majority", "classical", "keras-tuner"),
    worse: Mapping[tuple[str, str], float] | None = None,
    failed: Mapping[tuple[str, str], str] | None = None,
    unsuited: Mapping[tuple[str, str], str] | None = None,
    spread: float = 0.1,
    identical: bool = False,
    resamples: int = 200,
) -> History:
    """A whole history; open, to be closed by who asked for it.

    Args:
        folder: of the suite; made where it is missing.
        points: how many.
        seeds: of every cell.
        recipes: names; those of TASKS, or others, which are tasks of two classes.
        engines: names of ENGINES.
        worse: (recipe, engine) -> how much skill the last point loses there; 1 is a clear loss, negative a gain.
        failed: (recipe, engine) -> why every cell of it fails in the last point.
        unsuited: (recipe, engine) -> why the engine does not read this input, in every point.
        spread: standard deviation of the skill between two trainings.
        identical: whether every point answers alike, to the last digit.
        resamples: of the intervals of the scores.
    """
    worse, failed, unsuited = worse or {}, failed or {}, unsuited or {}
    history = History.open(folder)
    for number in range(1, points + 1):
        last = number == points
        point = start(history, number)
        for recipe in recipes:
            for seed in seeds:
                for engine in engines:
                    what = (recipe, engine)
                    if what in unsuited:
                        history.append(cell(point, recipe, seed, engine, why=("unsuited", unsuited[what])))
                        continue
                    if last and what in failed:
                        history.append(cell(point, recipe, seed, engine, why=("failed", failed[what])))
                        continue
                    said = answer(
                        recipe,
                        seed,
                        engine,
                        training=0 if identical else number,
                        lost=worse.get(what, 0.0) if last else 0.0,
                        spread=spread,
                    )
                    history.append(cell(point, recipe, seed, engine, said, resamples=resamples), said)
        history.note(point.id, "ended")
    return history


def start(history: History, number: int = 1, **changed: Any) -> Point:
    """Begin a point, a week after the one before; `changed` are fields of Point."""
    facts: dict[str, Any] = {
        "suite": "made-up",
        "digest": "5" * 64,
        "started": f"2026-{1 + (number - 1) // 4:02d}-{1 + 7 * ((number - 1) % 4):02d}T03:00:00Z",
        "revision": f"{number:040x}",
        "code": f"{number:064x}",
        "packages": PACKAGES | {"keras": f"3.12.{number}"},
        "hardware": HARDWARE,
        "budget": BUDGET,
    }
    return history.start(**(facts | changed))


def answer(
    recipe: str, seed: int, engine: str, *, training: int = 1, lost: float = 0.0, spread: float = 0.1
) -> Answers:
    """What one training answers on the test records of a recipe.

    Records have a difficulty that all models meet; a training has a skill of its own, drawn around the engine's, and
    noise of its own about each record.

    Args:
        recipe: decides the records, their reference standard and their difficulty.
        seed: of the training, with `training` and the engine.
        engine: decides the skill.
        training: the same number answers the same again.
        lost: skill that is taken away.
        spread: standard deviation of the skill between trainings.
    """
    task = TASKS.get(recipe, Task())
    world = np.random.default_rng(number_of(recipe))
    own = np.random.default_rng([number_of(recipe), number_of(engine), seed, training])
    patient = np.sort(
        np.concatenate([np.arange(task.patients), world.integers(0, task.patients, task.n - task.patients)])
    )
    labelled = task.kind == "multilabel"
    size = (task.n, len(task.classes))
    y = (
        (world.random(size) < task.shares).astype(np.int64)
        if labelled
        else world.choice(len(task.classes), task.n, p=task.shares).astype(np.int64)
    )
    truth = 2 * y - 1.0 if labelled else np.eye(len(task.classes))[y]
    if engine == "majority":
        p = np.tile(np.asarray(task.shares, dtype=np.float64), (task.n, 1))
    else:
        skill = SKILL.get(engine, 2.0) - lost + spread * own.normal()
        if labelled:
            logits = skill / 2 * truth + 1.2 * world.normal(size=size) + 0.6 * own.normal(size=size)
            p = 1 / (1 + np.exp(-logits))
        else:
            logits = skill * truth + 1.2 * world.normal(size=size) + 0.6 * own.normal(size=size)
            raised = np.exp(logits - logits.max(axis=1, keepdims=True))
            p = raised / raised.sum(axis=1, keepdims=True)
    predicted = (p >= 0.5).astype(np.int64) if labelled else p.argmax(axis=1).astype(np.int64)
    positive = 1 if len(task.classes) == 2 else None
    return Answers(1 + 3 * np.arange(task.n), patient, y, predicted, p, task.classes, task.kind, positive)


def cell(
    point: Point | int,
    recipe: str,
    seed: int,
    engine: str,
    said: Answers | None = None,
    *,
    why: tuple[Any, str] | None = None,
    resamples: int = 200,
    **changed: Any,
) -> Cell:
    """A cell with the scores of what was answered, or with why there are none; `changed` are fields of Cell."""
    rng = np.random.default_rng([number_of(recipe), number_of(engine), seed])
    deep = engine not in ("majority", "classical", "minirocket")
    made = Cell(
        point=point if isinstance(point, int) else point.id,
        recipe=recipe,
        digest=f"{number_of(recipe):064x}",
        seed=seed,
        engine=engine,
        status="done" if why is None else why[0],
        reason=None if why is None else why[1],
        scores=changed["scores"] if "scores" in changed else {} if said is None else scores_of(said, resamples),
        validation=None if said is None else float(np.clip(said.sample().right.mean() + 0.02, 0, 1)),
        seconds=float(rng.uniform(170, 220) if deep else rng.uniform(3, 9)),
        memory_mb=float(rng.uniform(900, 1400) if deep else rng.uniform(300, 400)),
        trials=int(rng.integers(6, 20)) if deep and said is not None else None,
        fingerprint=f"{number_of(recipe) + 1:064x}",
        ended="2026-01-01T03:10:00Z",
        detail={"chosen": "cnn"} if deep and said is not None else {},
    )
    return replace(made, **changed)


def held(folder: Path, *points: Mapping[Key, Any], facts: Mapping[int, Any] | None = None) -> History:
    """A history of points: (recipe, seed, engine) -> answers, (status, reason), or (answers, changed fields).

    Its cells have no scores: what is compared are answers. `facts` are fields of a point by its number.
    """
    history = History.open(folder)
    for number, cells in enumerate(points, 1):
        point = start(history, number, **(facts or {}).get(number, {}))
        for (recipe, seed, engine), what in cells.items():
            if isinstance(what, Answers):
                history.append(cell(point, recipe, seed, engine, what, scores={}), what)
            elif isinstance(what[0], Answers):
                history.append(cell(point, recipe, seed, engine, what[0], **({"scores": {}} | what[1])), what[0])
            else:
                history.append(cell(point, recipe, seed, engine, why=what))
        history.note(point.id, "ended")
    return history


def trained(training: int, seeds: int = 3, recipe: str = "splice", **said: Any) -> dict[Key, Answers]:
    """The cells of one recipe of ours."""
    return {(recipe, seed, OURS): answer(recipe, seed, OURS, training=training, **said) for seed in range(seeds)}


def made(y: np.ndarray, p: np.ndarray, patient: np.ndarray | None = None) -> Answers:
    """Answers about two classes from the probability of the second."""
    rows = np.arange(len(y))
    both = np.stack([1 - p, p], axis=1)
    patient = rows if patient is None else patient
    return Answers(rows, patient, y.astype(np.int64), (p >= 0.5).astype(np.int64), both, ("no", "yes"), "multiclass", 1)


def scores_of(said: Answers, resamples: int = 200) -> dict[str, Any]:
    """The figures that a cell keeps of its test set, from the same parts as `evaluate.scores`, none of classes.

    Values are those of one draw in which each record comes once, which spares scikit-learn's checks a thousand times.
    """
    sample, codes = said.sample(), encode(said.patient, len(said.y))
    whole = Resamples(sample, np.ones((len(said.y), 1)))
    drawn = bootstrap(sample, codes, {name: OVERALL[name] for name in SCORES}, resamples=resamples)
    found = {}
    for name in SCORES:
        figure: Metric = METRICS.load(name)
        point = Value(float(OVERALL[name](whole)[0]))
        low, high = figure.bounds(sample)
        found[name] = as_json(summarise(point, drawn[name], codes, rests_on(sample, figure), low=low, high=high))
    return found


def number_of(name: str) -> int:
    """The same number for the same name, in every process."""
    return zlib.crc32(name.encode())
