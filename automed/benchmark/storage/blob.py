"""Answers as bytes: one compressed parquet a cell, which any program can read without automed.

Source: Apache Parquet, encodings, BYTE_STREAM_SPLIT (the bytes of floats side by side, which is what makes
probabilities that came from a float32 network compress).
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from automed.benchmark.record import Answers
from automed.errors import DataError


def pack(answers: Answers) -> bytes:
    """Answers as a parquet file: columns record, patient, y, predicted, p_0..; of labels y_0.. and predicted_0...

    Raises:
        DataError: shapes disagree.
    """
    n, classes = len(answers.record), len(answers.classes)
    wanted = (n, classes) if answers.task == "multilabel" else (n,)
    shapes = {
        "patient": (np.shape(answers.patient), (n,)),
        "y": (np.shape(answers.y), wanted),
        "predicted": (np.shape(answers.predicted), wanted),
        "probabilities": (np.shape(answers.probabilities), (n, classes)),
    }
    for name, (found, right) in shapes.items():
        if found != right:
            raise DataError(f"answers: {name} has the shape {found}, wanted {right}")
    columns: dict[str, NDArray[Any]] = {
        "record": np.asarray(answers.record, np.int64),
        "patient": np.asarray(answers.patient, np.int64),
        **_columns("y", np.asarray(answers.y, np.int64)),
        **_columns("predicted", np.asarray(answers.predicted, np.int64)),
        **_columns("p", np.asarray(answers.probabilities, np.float64)),
    }
    facts = {"version": 1, "classes": list(answers.classes), "task": answers.task, "positive": answers.positive}
    table = pa.table(columns).replace_schema_metadata({"automed": json.dumps(facts)})
    floats = [name for name in columns if name.startswith("p_")]
    file = io.BytesIO()
    dictionary = [name for name in columns if name not in floats]
    pq.write_table(
        table, file, compression="zstd", use_dictionary=dictionary, use_byte_stream_split=floats, write_statistics=False
    )  # fmt: skip
    return file.getvalue()


def unpack(blob: bytes) -> Answers:
    """The answers that `pack` wrote, bit for bit."""
    table = pq.read_table(pa.BufferReader(blob), use_threads=False)  # too small to share out
    facts = json.loads(table.schema.metadata[b"automed"])
    several = facts["task"] == "multilabel"
    columns = {name: np.array(table[name]) for name in table.column_names}
    n = table.num_rows

    def stacked(name: str, dtype: type) -> NDArray[Any]:
        found = [columns[f"{name}_{k}"] for k in range(len(facts["classes"]))]
        return np.stack(found, axis=1).astype(dtype) if found else np.empty((n, 0), dtype)

    return Answers(
        record=columns["record"],
        patient=columns["patient"],
        y=stacked("y", np.int64) if several else columns["y"],
        predicted=stacked("predicted", np.int64) if several else columns["predicted"],
        probabilities=stacked("p", np.float64),
        classes=tuple(facts["classes"]),
        task=facts["task"],
        positive=facts["positive"],
    )


def _columns(name: str, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """A vector under its name, the columns of a matrix under name_0, name_1, ..."""
    if values.ndim == 1:
        return {name: values}
    return {f"{name}_{k}": np.ascontiguousarray(values[:, k]) for k in range(values.shape[1])}
