"""How long evaluation and audit of one finalist take, and how much memory: on simulated predictions.

python tests/performance/judging.py [records] [classes] [resamples]

Three attributes of 2, 3 and 6 groups and their crossings; one rival, two baselines; patients of one to three records.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from automed.audit import stage
from automed.audit.subject import Subject
from automed.evaluate import fitted, readout
from automed.evaluate.evaluation import evaluation
from automed.evaluate.finalist import evaluate
from automed.evaluate.predictions import Part, Predictions, Task
from automed.evaluate.questions import questions
from automed.recipe.evaluate import Audit, Evaluate
from automed.run import Run
from automed.runtime import memory_mb, peak_memory_mb


def simulated(task: Task, part: np.random.Generator, n: int, skill: float, y: np.ndarray, patient: np.ndarray) -> Part:
    logits = part.normal(size=(n, len(task.classes))) + skill * np.eye(len(task.classes))[y]
    raw = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Part(np.arange(n), y, raw, patient)


@dataclass(frozen=True)
class Made:
    """Simulated predictions of a finalist, a rival and two baselines, and who the patients are."""

    said: dict[str, Predictions]
    attributes: dict[str, np.ndarray]
    features: np.ndarray


def simulate(n: int, classes: int) -> Made:
    rng = np.random.default_rng(0)
    task = Task("multiclass", tuple(f"class {k}" for k in range(classes)), (1, 2), 0)
    share = rng.dirichlet(np.full(classes, 2.0))
    patient = np.repeat(np.arange(n), rng.integers(1, 4, n))[:n]
    y, tuned = rng.choice(classes, n, p=share), rng.choice(classes, n // 2, p=share)
    said = {}
    for name, skill in (("finalist", 2.2), ("rival", 2.1), ("boosting", 1.6), ("majority", 0.0)):
        test = simulated(task, rng, n, skill, y, patient)
        validation = simulated(task, rng, n // 2, skill, tuned, np.arange(n // 2))
        reading = readout.fit(Evaluate(), "multiclass", tuned, validation.raw, classes=task.classes)
        one = Predictions(name, task, test, validation, reading)
        said[name] = replace(one, fitted=fitted.fit(Evaluate(), one.sample("validation"), task.urgent))
    people = rng.integers(0, [[2], [3], [6]], (3, n))[:, patient]
    names = {
        "sex": ["female", "male"],
        "age_band": ["0-39", "40-59", "60+"],
        "tone": ["I", "II", "III", "IV", "V", "VI"],
    }
    attributes = {name: np.array(values, object)[people[place]] for place, (name, values) in enumerate(names.items())}
    sign = said["finalist"].test.raw[:, :1].astype(np.float32)
    return Made(said, attributes, rng.normal(size=(n, 128)).astype(np.float32) + sign)


def judge(made: Made, resamples: int, timed: Callable[[str, Callable[[], object]], object]) -> None:
    """Evaluate and audit the finalist; each part goes through `timed`."""
    own, rival = made.said["finalist"], {"rival": made.said["rival"]}
    baselines = {name: made.said[name] for name in ("boosting", "majority")}
    timed("scores", lambda: evaluate(own, baselines, Run.__new__(Run)))
    timed(
        "evaluation",
        lambda: evaluation(
            own,
            rival,
            baselines,
            Evaluate(),
            features=made.features,
            attributes=made.attributes,
            resamples=resamples,
        ),
    )
    sample = own.sample()
    sets = own.fitted.sets["marginal"].apply(sample.probabilities)
    asked = tuple(questions(sample, own.task.urgent))
    subject = Subject(sample, own.test.patient, asked, made.attributes, sets, made.features)
    timed("audit", lambda: stage.audit(subject, Audit(), resamples=resamples))


def main(n: int, classes: int, resamples: int) -> None:
    made, before = simulate(n, classes), memory_mb()
    times = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        started = time.monotonic()
        answer = work()
        times[name] = time.monotonic() - started
        print(
            f"{name:12} {times[name]:6.1f} s   peak {peak_memory_mb() - before:5.0f} MB above the imports", flush=True
        )
        return answer

    judge(made, resamples, timed)
    print(f"{'all':12} {sum(times.values()):6.1f} s   {n} records, {classes} classes, {resamples} resamples")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [10_000, 7, 2_000][len(given) :]))
