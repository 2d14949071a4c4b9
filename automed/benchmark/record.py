"""What a benchmark keeps: points (one running of a suite), their cells, and what a model answered in each cell.

A cell is one recipe, one seed and one engine. Everything here is plain data; `history` keeps it, `comparison` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.sample import Sample, collect

Status = Literal["done", "failed", "unsuited"]


@dataclass(frozen=True)
class Point:
    """One running of a suite.

    Attributes:
        id: counts up in a history; what orders points, since a clock can be moved.
        suite: its name.
        digest: of the suite's recipes, seeds, engines and budget.
        started: UTC, ISO 8601.
        revision: the commit of the code, with "+" behind it where files were changed; None outside a repository.
        code: digest of the source files of automed; tells two states of the code apart where there is no commit.
        packages: version of every installed package by name.
        hardware: as in a run's manifest.
        budget: what each cell may use, as in the suite.
    """

    id: int
    suite: str
    digest: str
    started: str
    revision: str | None
    code: str
    packages: Mapping[str, str]
    hardware: Mapping[str, Any]
    budget: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """What came out of one recipe, one seed and one engine.

    Attributes:
        point: id of the point that it belongs to.
        recipe: its name in the suite.
        digest: of the recipe as resolved, seed and engine left out.
        seed: of the search, or of the rival.
        engine: a name of ENGINES.
        status: done; failed, with a reason; unsuited, where the engine does not read this kind of input.
        reason: why there are no scores.
        scores: of the test set, by metric {"value", "ci95", "n", "events", "reason"}.
        validation: macro-F1 of the validation set, None where there is none.
        seconds: from start to end, everything included.
        memory_mb: largest resident memory of all its processes together.
        trials: candidates that were trained, None where the engine does not say.
        fingerprint: of the data.
        ended: UTC, ISO 8601.
        detail: what else is known: chosen architecture, the engine's versions, gates, folder of the run.
    """

    point: int
    recipe: str
    digest: str
    seed: int
    engine: str
    status: Status
    reason: str | None
    scores: Mapping[str, Mapping[str, Any]]
    validation: float | None
    seconds: float
    memory_mb: float
    trials: int | None
    fingerprint: str | None
    ended: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells the cells of a point apart."""
        return self.recipe, self.seed, self.engine

    def value(self, metric: str = "macro_f1") -> float | None:
        """The score of one metric; None where there is none."""
        return (self.scores.get(metric) or {}).get("value")


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model said about the test records, in the order of their row numbers.

    Attributes:
        record: int64 (n,), row numbers, rising.
        patient: int64 (n,), the same number for the same patient.
        y: int64 (n,), index of the reference class; of labels (n, classes) of 0 and 1.
        predicted: int64, shaped as y: what was decided for.
        probabilities: float64 (n, classes), as the decision read them.
        classes: keys, in the order of the columns.
        task: multiclass, ordinal or multilabel.
        positive: index of the positive one of two classes, else None.
    """

    record: NDArray[np.int64]
    patient: NDArray[np.int64]
    y: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]
    task: str
    positive: int | None

    def sample(self) -> Sample:
        """The same as the metrics read it."""
        return collect(
            self.y,
            self.probabilities,
            predicted=self.predicted,
            positive=self.positive,
            classes=self.classes,
            task=self.task,
        )


@dataclass(frozen=True)
class Measurement:
    """One figure of speed or memory, as a ratio to something measured beside it in the same run.

    Attributes:
        name: what was done, as "epoch, images".
        ours: in `unit`.
        reference: in `unit`; None where there is nothing to hold it against.
        unit: s, MB, records/s.
        against: what the reference is, in words.
        better: whether "lower" or "higher" figures are better.
        detail: sizes and settings.
    """

    name: str
    ours: float
    reference: float | None
    unit: str
    against: str
    better: Literal["lower", "higher"] = "lower"
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours through the reference; None where there is none."""
        return self.ours / self.reference if self.reference else None
