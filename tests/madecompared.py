"""Runs with predictions on test records that they share or do not: what the tests of comparisons use."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from madeaudited import Made, fill
from madeup import SKIN, Story, make_run, scored

from automed.run import Finalist, Run, write_json

SPLITS = {"train": 400, "validation": 120, "test": 300}


@dataclass(frozen=True)
class Answers:
    """What the best finalist of a made-up run answers.

    Attributes:
        skill: how far the logit of the true class lies above the others.
        seed: of the answers.
        truth: seed of the reference standard.
        fingerprint: of the data.
        first: number of the first record.
        shuffled: whether the predictions lie in another order than the records.
        audited: whether evaluation, audit and their like are written too.
    """

    skill: float = 2.5
    seed: int = 0
    truth: int = 0
    fingerprint: str = "ab" * 32
    first: int = 1
    shuffled: bool = False
    audited: bool = False


def make_answering_run(folder: Path, answers: Answers | None = None, story: Story | None = None) -> Run:
    """A run whose only finalist has predictions, a card in its model, and scores that were made of them."""
    answers, story = answers or Answers(), story or Story(finalists=1, trials=3, examples=2)
    run = make_run(folder, story)
    (finalist,) = run.finalists()
    if answers.audited:
        fill(finalist, story, Made(files=("evaluation", "audit")), "multiclass", [])
    facts = json.loads(run.data.read_text(encoding="utf-8"))
    write_json(run.data, facts | {"fingerprint": answers.fingerprint, "task": "multiclass"})
    n = sum(SPLITS.values())
    part = np.repeat(list(SPLITS), list(SPLITS.values()))
    record, patient = answers.first + np.arange(n), np.array([f"{k // 2:024x}" for k in range(n)])
    pd.DataFrame({"record": record, "split": part, "patient": patient}).to_parquet(run.splits)
    classes = len(story.classes)
    y = np.random.default_rng(answers.truth).integers(0, classes, n)
    logits = np.random.default_rng(100 + answers.seed).normal(size=(n, classes)) + answers.skill * np.eye(classes)[y]
    raised = np.exp(logits)
    frame = pd.DataFrame({"record": record, "split": part, "label": y})
    frame[[f"p_{k}" for k in range(classes)]] = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    frame = frame[part != "train"]
    frame = frame.sample(frac=1, random_state=1) if answers.shuffled else frame
    frame.to_parquet(finalist.predictions)
    write_card(finalist, {"decision": {"thresholds": None, "positive": None, "reason": "the most probable class"}})
    write_json(finalist.scores, scored(run, finalist))
    return run


def write_card(finalist: Finalist, card: dict[str, Any]) -> None:
    """A model file that holds its card and nothing that Keras could open."""
    with zipfile.ZipFile(finalist.model, "w") as archive:
        archive.writestr("automed.json", json.dumps(card))


def answers_to_the_test(run: Run) -> pd.DataFrame:
    """The test records of the best finalist by their number."""
    frame = pd.read_parquet(run.finalists()[0].predictions)
    return frame[frame["split"] == "test"].sort_values("record").reset_index(drop=True)


def decided(frame: pd.DataFrame) -> np.ndarray:
    """The most probable class of each record."""
    return frame[[f"p_{k}" for k in range(len(SKIN))]].to_numpy().argmax(axis=1)
