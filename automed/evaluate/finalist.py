"""The scores of one finalist from its predictions: test and validation, against each baseline, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from automed.errors import RunError
from automed.evaluate.predictions import Predictions
from automed.evaluate.readout import Readout
from automed.evaluate.scores import compare, score
from automed.run import Run


def evaluate(own: Predictions, baselines: Mapping[str, Predictions], run: Run) -> dict[str, Any]:
    """The content of scores.json.

    How probabilities become decisions was fitted on the validation predictions of the finalist, and of each baseline on
    its own, and is applied once to the test. Where thresholds were fitted there, the validation figures are marked as
    `tuned`.

    Args:
        own: of the finalist.
        baselines: by name.
        run: named in errors.

    Raises:
        RunError: a baseline was tested on other records.
    """
    result: dict[str, Any] = {
        "finalist": own.name,
        "decision": _decision(own.readout),
        "test": _figures(own, "test"),
        "validation": _figures(own, "validation") | {"tuned": own.readout.rule.thresholds is not None},
        "against": {},
        "baselines": {},
    }
    for name, theirs in baselines.items():
        same = np.array_equal(own.test.record, theirs.test.record) and np.array_equal(own.test.y, theirs.test.y)
        if not same:
            raise RunError("holds other test records than the finalist", where=str(run.baseline(name)))
        model, baseline = own.sample(), theirs.sample()
        result["against"][name] = compare(
            model.y,
            model.probabilities,
            baseline.probabilities,
            own.test.patient,
            own.task.classes,
            seed=own.task.seed,
            positive=own.task.positive,
            predicted=model.predicted,
            predicted_baseline=baseline.predicted,
            task=own.task.kind,
        )
        result["baselines"][name] = {"test": _figures(theirs, "test"), "decision": _decision(theirs.readout)}
    return result


def _figures(of: Predictions, split: str) -> dict[str, Any]:
    sample = of.sample(split)
    patient = of.test.patient if split == "test" else of.validation.patient
    return score(
        sample.y,
        sample.probabilities,
        patient,
        of.task.classes,
        of.task.seed,
        positive=of.task.positive,
        predicted=sample.predicted,
        task=of.task.kind,
    )


def _decision(readout: Readout) -> dict[str, Any]:
    decision: dict[str, Any] = readout.as_json()["decision"]
    return decision
