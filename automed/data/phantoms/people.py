"""Who the records of a phantom are of."""

from __future__ import annotations

import numpy as np
import pandas as pd

OLD = "60+"  # the oldest band


def people(seed: int, n: int, prefix: str) -> pd.DataFrame:
    """One to four records a patient, side by side: patient, sex, age, age_band; n rows (RangeIndex).

    Fewer rows are the first ones of more.
    """
    times = 1 + (np.random.default_rng([seed, 1]).random(n) * 4).astype(np.int64)
    of = np.repeat(np.arange(n), times)[:n]
    count = int(of[-1]) + 1
    drawn = np.random.default_rng([seed, 2]).random((count, 2))
    age = (20 + drawn[:, 0] * 66).astype(np.int64)
    bands = np.array(["0-39", "40-59", OLD], object)[np.searchsorted([40, 60], age, side="right")]
    person = pd.DataFrame(
        {
            "patient": [f"{prefix}_{number:07d}" for number in range(1, count + 1)],
            "sex": np.where(drawn[:, 1] < 0.5, "male", "female"),
            "age": age,
            "age_band": bands,
        }
    )
    return person.iloc[of].reset_index(drop=True)
