"""The scores of one finalist from its predictions: test and validation, against each baseline, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.errors import RunError
from automed.evaluate.scores import compare, score
from automed.run import Finalist, Run, read_json

SPLITS = ("test", "validation")


def evaluate(run: Run, finalist: Finalist) -> dict[str, Any]:
    """The content of scores.json."""
    facts = read_json(run.data)
    seed = read_json(run.manifest).get("seed") or 0
    classes = tuple(entry["key"] for entry in facts["classes"])
    urgent = [place for place, entry in enumerate(facts["classes"]) if entry["urgent"]]
    positive = urgent[0] if len(classes) == 2 and len(urgent) == 1 else None
    patients = _table(run.splits).set_index("record")["patient"]
    own = _table(finalist.predictions)
    rivals = {file.stem: _table(file) for file in sorted(run.baselines.glob("*.parquet"))}
    result: dict[str, Any] = {"finalist": finalist.name}
    for split in SPLITS:
        y, probabilities, patient = _part(own, split, patients, len(classes))
        result[split] = score(y, probabilities, patient, classes, seed, positive=positive)
    result["against"], result["baselines"] = {}, {}
    y, probabilities, patient = _part(own, "test", patients, len(classes))
    for name, table in rivals.items():
        same_y, theirs, _ = _part(table, "test", patients, len(classes))
        if not np.array_equal(y, same_y):
            raise RunError("holds other test records than the finalist", where=str(run.baseline(name)))
        result["against"][name] = compare(y, probabilities, theirs, patient, classes, seed=seed, positive=positive)
        result["baselines"][name] = {"test": score(y, theirs, patient, classes, seed, positive=positive)}
    return result


def _table(path: Any) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as problem:
        raise RunError("cannot be read", where=str(path)) from problem


def _part(
    table: pd.DataFrame, split: str, patients: pd.Series[Any], classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    rows = table[table["split"] == split]
    y = rows["label"].to_numpy(np.int64)
    probabilities = rows[[f"p_{k}" for k in range(classes)]].to_numpy(np.float64)
    patient = pd.factorize(patients.loc[rows["record"]])[0].astype(np.int64)
    return y, probabilities, patient
