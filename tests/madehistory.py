"""Small histories of benchmarks, with answers drawn from a generator."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from automed.benchmark.history import History
from automed.benchmark.record import Answers, Cell, Measurement, Point

STARTED = "2026-03-02T03:00:00+00:00"


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of writes that wait for a busy disk take minutes."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def begin_point(history: History, started: str = STARTED, **changed: Any) -> Point:
    """A new point."""
    facts: dict[str, Any] = {
        "suite": "medical",
        "digest": "d" * 64,
        "started": started,
        "revision": "0123abc+",
        "code": "c" * 64,
        "packages": {"keras": "3.12.0", "numpy": "2.3.0"},
        "hardware": {"cpu": "a processor", "cores": 2},
        "budget": {"minutes": 3.0, "trials": None},
    }
    return history.start(**facts | changed)


def make_cell(point: int = 1, **changed: Any) -> Cell:
    """A cell that is done."""
    facts: dict[str, Any] = {
        "point": point,
        "recipe": "breast",
        "digest": "e" * 64,
        "seed": 0,
        "engine": "automed",
        "status": "done",
        "reason": None,
        "scores": {"macro_f1": {"value": 0.8125, "ci95": [0.7, 0.9], "n": 100, "events": 40, "reason": None}},
        "validation": 0.79,
        "seconds": 181.25,
        "memory_mb": 1900.0,
        "trials": 12,
        "fingerprint": "f" * 64,
        "ended": "2026-03-02T03:04:00+00:00",
        "detail": {"architecture": "resnet"},
    }
    return Cell(**facts | changed)


def make_answers(n: int = 60, classes: int = 3, task: str = "multiclass", seed: int = 0) -> Answers:
    """What a model may have said about `n` records."""
    random = np.random.default_rng(seed)
    if task == "multilabel":
        probabilities = random.uniform(size=(n, classes))
        y, predicted = random.integers(0, 2, (n, classes)), (probabilities > 0.5).astype(np.int64)
    else:
        probabilities = random.dirichlet(np.ones(classes), n)
        y, predicted = random.integers(0, classes, n), probabilities.argmax(axis=1)
    return Answers(
        record=np.sort(random.choice(10 * n, n, replace=False)),
        patient=random.integers(0, n, n),
        y=y,
        predicted=predicted,
        probabilities=probabilities,
        classes=tuple(f"class {k}" for k in range(classes)),
        task=task,
        positive=1 if classes == 2 else None,
    )


def assert_same(found: Answers | None, wanted: Answers) -> None:
    """Every array bit for bit and of the type that is promised, every fact as it was."""
    assert found is not None
    for name in ("record", "patient", "y", "predicted"):
        assert getattr(found, name).dtype == np.int64
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert found.probabilities.dtype == np.float64
    assert found.probabilities.shape == wanted.probabilities.shape
    assert found.probabilities.tobytes() == np.ascontiguousarray(wanted.probabilities).tobytes()
    assert (found.classes, found.task, found.positive) == (wanted.classes, wanted.task, wanted.positive)


def fill(folder: Path, points: int = 2, seeds: int = 8, n: int = 400) -> dict[tuple[int, str, int, str], Answers]:
    """A history of `points` x 2 recipes x `seeds` x 2 engines; the answers of each cell, None where it failed."""
    kept = {}
    with History.open(folder) as history:
        for _ in range(points):
            point = begin_point(history)
            for recipe in ("breast", "splice"):
                for seed in range(seeds):
                    answers = make_answers(n, seed=1000 * point.id + 10 * seed + len(recipe))
                    kept[point.id, recipe, seed, "automed"] = answers
                    history.append(make_cell(point.id, recipe=recipe, seed=seed), answers)
                    failed = {"status": "failed", "reason": "no memory", "scores": {}, "validation": None}
                    history.append(make_cell(point.id, recipe=recipe, seed=seed, engine="optuna", **failed))
            history.measure(point.id, Measurement("epoch, images", 3.5, 3.25, "s", "bare keras.fit"))
            history.note(point.id, "ended")
    return kept
