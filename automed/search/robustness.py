"""The test once more, under what may happen to records before a model sees them.

Each input is corrupted alone, by every corruption that suits it, at several severities. Probabilities become decisions
as on the clean test, and both are compared on the same records.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261 (common corruptions, severities, scores relative to clean).
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.corruptions import CORRUPTIONS
from automed.data.corruptions.corruption import SEVERITIES, Corruption, present
from automed.data.dataset import Dataset
from automed.errors import DataError, RunError
from automed.evaluate import METRICS
from automed.evaluate.intervals import RESAMPLES, Estimate, encode, rests_on, summarise
from automed.evaluate.metrics import Metric, Point
from automed.evaluate.paired import differences, draw_metrics
from automed.evaluate.resamples import Floats
from automed.evaluate.sample import Sample, collect
from automed.evaluate.scores import METHOD, as_json
from automed.events import Listen, Progress, ignore
from automed.models.assembly import as_input
from automed.search.costs import finding
from automed.search.predict import LARGEST

VERSION = 1
MOST, FEWEST = 1000, 200  # test records, where there are so many
ELEMENTS = 30_000_000  # of all records: 200 pictures of 224 x 224 x 3, which take a network about as long as it may
BLOCK = 8_000_000  # elements corrupted at once
TESTED = (1, 3, 5)
NAMES = ("macro_f1", "accuracy")

Raw = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
Calibrate = Callable[[Raw], npt.NDArray[Any]]
Decide = Callable[[Raw], npt.NDArray[Any]]


def stress(
    model: Any,
    data: Dataset,
    probabilities_of: Calibrate,
    decide: Decide,
    *,
    seed: int = 0,
    listen: Listen = ignore,
    severities: Sequence[int] = TESTED,
    most: int | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Test a model under every corruption that suits its inputs: the content of robustness.json.

    Args:
        model: takes what the inputs of `data` hold; (n, classes) out.
        data: its test records are read, at most `most` of them, of each class, or set of labels, its share.
        probabilities_of: the model's answers float32 (n, classes) to calibrated probabilities of the same shape.
        decide: the model's answers to decisions, integers (n,), of labels (n, labels) of 0 and 1.
        seed: of what is drawn: records, corruptions, resamples.
        listen: hears how far it is.
        severities: among 1 to 5, rising; the middle one is spoken of in findings.
        most: records at most; left out 1,000, and fewer where records are large, but no fewer than 200.
        resamples: of the bootstrap.

    Returns:
        {"version", "n", "patients", "of": test records in all, "drawn": how they were drawn, or null,
        "severities": [1, 3, 5], "clean": {"macro_f1": figure, "accuracy": figure},
        "inputs": {name: {"kind", "n": records that have the input,
            "corruptions": [{"name", "noun", "summary", "unit",
                "severities": [{"severity", "amount", "macro_f1": figure, "accuracy": figure,
                    "difference": {"macro_f1": figure, "accuracy": figure}}],
                "relative": figure, "finding"}],
            "left_out": [{"name", "noun", "summary", "reason"}]}},
        "interval": {"method", "level", "resamples", "seed"}, "seconds"}.
        A figure is {"value", "ci95", "n", "events", "reason"}. A difference is corrupted minus clean, on the same
        resamples; `relative` is the mean macro-F1 over the severities, divided by the clean one. Intervals are not
        corrected for their number.

    Raises:
        DataError: there is no test record.
        RunError: the model's answers to clean records are no numbers.
    """
    started = time.monotonic()
    test = data.part("test")
    if not len(test):
        raise DataError("there is no test record to corrupt", where="split")
    size = sum(int(np.prod(values.shape[1:])) for values in data.arrays.values())
    index = _draw(data.y[test], most or int(np.clip(ELEMENTS // size, FEWEST, MOST)), seed)
    trial = _Trial(model, data, test[index], probabilities_of, decide, seed, resamples, BLOCK // size)
    listen(Progress("testing without corruption", 0, 1))
    answers = trial.ask()
    if isinstance(answers, str):
        raise RunError(f"cannot be tested: {answers}", where="the model", hint="Its training diverged.")
    clean = trial.judge(answers)
    inputs: dict[str, Any] = {}
    for name, facts in data.facts["inputs"].items():
        table, shape = CORRUPTIONS[facts["kind"]], data.arrays[name].shape[1:]
        done: list[dict[str, Any]] = []
        left_out: list[dict[str, Any]] = []
        for number, (key, entry) in enumerate(table.items()):
            corruption: Corruption = table.load(key)
            told = {"name": key, "noun": corruption.noun, "summary": entry.summary}
            listen(Progress(f"testing under {corruption.noun} of {name}", number, len(table)))
            if reason := corruption.unsuited(facts, shape):
                left_out.append({**told, "reason": reason})
            else:
                done.append(told | _under(trial, clean, name, key, corruption, severities))
        listen(Progress(f"testing under corruptions of {name}", len(table), len(table)))
        there = int(present(data.take(name, trial.index)).sum())
        inputs[name] = {"kind": facts["kind"], "n": there, "corruptions": done, "left_out": left_out}
    whole = len(index) == len(test)
    how = f"{len(index):,} of {len(test):,} test records, of each class its share, drawn by chance (seed {seed})"
    return {
        "version": VERSION,
        "n": len(index),
        "patients": int(trial.codes.max()) + 1,
        "of": len(test),
        "drawn": None if whole else how,
        "severities": list(severities),
        "clean": {name: as_json(estimate) for name, estimate in clean.figures.items()},
        "inputs": inputs,
        "interval": {"method": METHOD, "level": 0.95, "resamples": resamples, "seed": seed},
        "seconds": round(time.monotonic() - started, 2),
    }


def _draw(y: Index, most: int, seed: int) -> Index:
    """At most so many places of y, rising, each class or set of labels with its share: every k-th of the sorted."""
    n = len(y)
    if n <= most:
        return np.arange(n)
    random = np.random.default_rng(seed)
    stratum = np.unique(y, axis=0, return_inverse=True)[1].ravel()
    order = np.lexsort((random.random(n), stratum))
    return np.sort(order[((np.arange(most) + random.random()) * n / most).astype(np.int64)])


@dataclass(frozen=True, eq=False)
class _Judged:
    """One sample with its figures, and what `draw_metrics` gave of it."""

    sample: Sample
    figures: dict[str, Estimate]
    drawn: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class _Trial:
    """The records that are asked about, and how answers are judged; arguments as of `stress`.

    `largest` is how many records may be held at once.
    """

    model: Any
    data: Dataset
    index: Index
    probabilities_of: Calibrate
    decide: Decide
    seed: int
    resamples: int
    largest: int

    @cached_property
    def codes(self) -> Index:
        return encode(self.data.patient[self.index], len(self.index))

    def ask(
        self, corrupted: str = "", corruption: Corruption | None = None, severity: int = 0, key: str = ""
    ) -> Raw | str:
        """What the model says of all records, one input of them corrupted; or why that is no answer."""
        n = len(self.index)
        parts = -(-n // max(1, min(LARGEST, self.largest)))
        batch = -(-n // parts)  # of one size, so that one function is traced, and hardly filled up
        answers = []
        for start in range(0, n, batch):
            chosen = self.index[start : start + batch]
            inputs = {name: self.data.take(name, np.resize(chosen, batch)) for name in self.data.arrays}
            if corruption is not None:
                rng = np.random.default_rng((self.seed, zlib.crc32(f"{corrupted}/{key}".encode()), start))
                facts = self.data.facts["inputs"][corrupted]
                inputs[corrupted] = corruption(inputs[corrupted], facts, severity, rng)
            answers.append(np.asarray(self.model.predict_on_batch(as_input(inputs)), np.float32)[: len(chosen)])
        raw = np.concatenate(answers)
        bad = int(n - np.isfinite(raw).all(axis=1).sum())
        return f"the model's answers to {bad:,} of {n:,} records are no numbers" if bad else raw

    def judge(self, raw: Raw) -> _Judged:
        data = self.data
        sample = collect(
            data.y[self.index],
            self.probabilities_of(raw),
            predicted=self.decide(raw),
            classes=data.classes,
            task=data.task,
        )
        drawn = draw_metrics(sample, self.codes, NAMES, resamples=self.resamples, seed=self.seed)
        figures = {}
        for name in NAMES:
            metric: Metric = METRICS.load(name)
            values = np.where(drawn["complete"] > 0, drawn[name], np.nan) if metric.rarest else drawn[name]
            low, high = metric.bounds(sample)
            events = rests_on(sample, metric)
            figures[name] = summarise(metric(sample), values, self.codes, events, low=low, high=high)
        return _Judged(sample, figures, drawn)


def _under(
    trial: _Trial, clean: _Judged, name: str, key: str, corruption: Corruption, severities: Sequence[int]
) -> dict[str, Any]:
    """One corruption of one input, at each severity."""
    amounts = corruption.amounts(trial.data.arrays[name].shape[1:])
    rows: list[dict[str, Any]] = []
    judged: list[_Judged] = []
    costs: dict[int, Estimate] = {}
    silent = ""
    for severity in severities:
        answers = trial.ask(name, corruption, severity, key)
        told = {"severity": severity, "amount": amounts[SEVERITIES.index(severity)]}
        if isinstance(answers, str):
            silent = answers
            none = {each: _none(clean.figures[each], answers) for each in NAMES}
            costs[severity] = none["macro_f1"]
            plain = {each: as_json(figure) for each, figure in none.items()}
            rows.append(told | plain | {"difference": dict(plain)})
            continue
        found = trial.judge(answers)
        pairs = differences(found.sample, clean.sample, found.drawn, clean.drawn, trial.codes, NAMES)
        change = {each: Estimate(d.difference, d.ci95, d.n, d.events, d.reason) for each, d in pairs.items()}
        judged.append(found)
        costs[severity] = change["macro_f1"]
        own = {each: as_json(figure) for each, figure in found.figures.items()}
        rows.append(told | own | {"difference": {each: as_json(figure) for each, figure in change.items()}})
    relative = _none(clean.figures["macro_f1"], silent) if silent else _relative(trial, clean, judged)
    return {
        "unit": corruption.unit,
        "severities": rows,
        "relative": as_json(relative),
        "finding": finding(corruption.noun, costs),
    }


def _none(figure: Estimate, reason: str) -> Estimate:
    return Estimate(None, None, figure.n, figure.events, reason)


def _relative(trial: _Trial, clean: _Judged, judged: Sequence[_Judged]) -> Estimate:
    """Mean macro-F1 over the severities as a share of the clean one."""
    metric: Metric = METRICS.load("macro_f1")
    points = [metric(each.sample) for each in (clean, *judged)]
    reason = next((point.reason for point in points if point.reason), None)
    values = [point.value or 0.0 for point in points]
    share = Point(float(np.mean(values[1:])) / values[0]) if values[0] and not reason else Point(None, reason or _ZERO)
    below = np.where(clean.drawn["complete"] > 0, clean.drawn["macro_f1"], np.nan)
    above = np.mean([each.drawn["macro_f1"] for each in judged], axis=0)
    drawn = np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
    return summarise(share, drawn, trial.codes, rests_on(clean.sample, metric), high=np.inf)


_ZERO = "the macro-F1 of the clean test is 0"
