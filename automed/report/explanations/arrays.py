"""attributions.npz, held against what data.json and explain.json say should be in it."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.report.artefact import damaged
from automed.report.cohort import Cohort
from automed.report.explanations.maps import shape_of
from automed.report.inputs.image import Image
from automed.report.inputs.shown import Input

PREFIX = "input_"

Arrays = dict[str, NDArray[Any]]


def read_arrays(file: Path, cohort: Cohort, methods: Sequence[str]) -> tuple[Arrays, tuple[Input, ...]]:
    """The arrays, and those inputs of the run that they hold.

    Raises:
        RunError: names the file where it is cut, or an array is missing or of another shape than it should be.
    """
    if not file.is_file():
        raise damaged(file, "it is missing, but explain.json is there")
    try:
        # Opened here, for numpy leaves the file open where it is no archive.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError, NotImplementedError) as problem:
        raise damaged(file, "it is no npz archive of plain arrays") from problem
    _cases(file, arrays, cohort)
    inputs = tuple(one for one in cohort.inputs if PREFIX + one.name in arrays)
    if not inputs:
        raise damaged(file, "it holds none of the inputs that data.json names")
    for one in inputs:
        _input(file, arrays, one, methods)
    return arrays, inputs


def _cases(file: Path, arrays: Arrays, cohort: Cohort) -> None:
    """The arrays with a row a case."""
    cases, classes = len(arrays["record"]) if arrays.get("record", np.array(0)).ndim else 0, len(cohort.classes)
    shapes = {"record": (cases,), "class": (cases,), "probabilities": (cases, classes)}
    shapes["decided"] = (cases, classes) if cohort.labelled else (cases,)
    if "label" in arrays:  # new records have no reference standard
        shapes["label"] = shapes["decided"]
    for name, shape in shapes.items():
        if name not in arrays:
            raise damaged(file, f"it holds no array {name!r}")
        if arrays[name].shape != shape or arrays[name].dtype.kind not in ("f" if name == "probabilities" else "iu"):
            raise damaged(file, f"{name} does not hold numbers of shape {shape}")
    for name in ("class", "decided", "label"):
        highest = 1 if cohort.labelled and name != "class" else classes - 1
        if name in arrays and cases and not 0 <= arrays[name].min() <= arrays[name].max() <= highest:
            raise damaged(file, f"{name} names a class that does not exist")


def _input(file: Path, arrays: Arrays, one: Input, methods: Sequence[str]) -> None:
    """One input, and the maps of it."""
    raw, cases = arrays[PREFIX + one.name], len(arrays["record"])
    problem = one.problem(raw) if raw.ndim > 1 else "no array of records"
    if isinstance(one, Image) and raw.ndim not in (3, 4):
        problem = f"an array of shape {raw.shape}"
    if problem or len(raw) != cases:
        raise damaged(file, f"the input {one.name!r} is {problem or f'that of {len(raw)} cases'}")
    shape = (cases, *shape_of(one, raw))
    expected = {f"region_{one.name}": shape}
    for method in methods:
        expected[f"{method}/{one.name}"] = shape
        expected[f"overview/{method}/{one.name}/mean"] = shape[1:]
    for name, wanted in expected.items():
        if name in arrays and (arrays[name].shape != wanted or arrays[name].dtype.kind not in "fiu"):
            raise damaged(file, f"{name} does not hold numbers of shape {wanted}")
    table = f"overview/{one.name}/raw"
    for name in (table, *(f"overview/{method}/{one.name}/values" for method in methods)):
        if name in arrays and (arrays[name].ndim != 2 or arrays[name].shape[1:] != shape[1:]):
            raise damaged(file, f"{name} does not have a column for each of {one.name!r}")
