"""Probabilities of a network made into samples that can be judged, of a finalist and of what is held beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.dataset import Dataset
from automed.errors import RunError
from automed.evaluate import readout
from automed.evaluate.sample import Sample, collect
from automed.recipe import Recipe
from automed.run import Finalist

JUDGED = ("validation", "test")


def samples_of(
    recipe: Recipe, data: Dataset, validation: npt.NDArray[Any], test: npt.NDArray[Any]
) -> tuple[Sample, Sample]:
    """Validation and test records as samples, calibrated and decided as the recipe says, fitted on validation.

    Args:
        recipe: `evaluate` and the seed are read.
        data: the records with their splits.
        validation: floats (n, K), a network's own probabilities of the validation records, in the data set's order.
        test: floats (m, K), of the test records.
    """
    fitted = data.part("validation")
    reading = readout.fit(
        recipe.evaluate,
        data.task,
        data.y[fitted],
        validation,
        data.patient[fitted],
        classes=data.classes,
        positive=data.positive,
        seed=recipe.search.seed,
    )
    one, two = (
        collect(
            data.y[data.part(split)],
            reading.probabilities(raw),
            predicted=reading(raw),
            positive=data.positive,
            classes=data.classes,
            task=data.task,
        )
        for split, raw in zip(JUDGED, (validation, test), strict=True)
    )
    return one, two


def predictions_of(finalist: Finalist, data: Dataset) -> dict[str, npt.NDArray[np.float64]]:
    """A finalist's own probabilities of "validation" and "test", float64 (n, K), in the data set's order.

    Raises:
        RunError: they cannot be read, or are of other records.
    """
    columns = [f"p_{k}" for k in range(len(data.classes))]
    try:
        table = pd.read_parquet(finalist.predictions, columns=["record", *columns]).set_index("record")
        return {split: table.loc[data.record[data.part(split)], columns].to_numpy(np.float64) for split in JUDGED}
    except (OSError, ValueError, KeyError) as problem:
        raise RunError("cannot be read, or is of other records", where=str(finalist.predictions)) from problem
