"""Example cases of a finalist: what the model was shown, what it said, and what the reference standard says."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.report import words
from automed.report.artefact import Part, damaged
from automed.report.cohort import Cohort, Label
from automed.report.inputs.shown import Input, Shown, read_input

PREFIX = "input_"
REASONS = {
    "wrong, confident": "Wrong, and confident",
    "wrong": "Wrong",
    "least certain": "Least certain",
    "right": "Right",
}
SHOWN = 48
NONE = "no label"


@dataclass(frozen=True)
class Answer:
    """A class or label of one case, and the probability the model gave it."""

    name: str
    probability: float


@dataclass(frozen=True)
class Example:
    """One test record: the classes or labels of the reference standard and those decided for; none of labels is ()."""

    record: int
    reference: tuple[Answer, ...]
    predicted: tuple[Answer, ...]
    inputs: tuple[Shown, ...]

    @property
    def right(self) -> bool:
        return self.reference == self.predicted

    def alt(self, shown: Shown) -> str:
        """For who does not see one of its inputs."""
        verdict = "correctly predicted" if self.right else f"predicted as {_names(self.predicted)}"
        text = f"Test record {self.record}: reference standard {_names(self.reference)}, {verdict}"
        return text if shown.narrow and len(self.inputs) == 1 else f"{text}; {shown.says}"


@dataclass(frozen=True)
class Group:
    """The cases that were shown for one reason."""

    title: str
    cases: tuple[Example, ...]

    @property
    def layout(self) -> str:
        """ "fine" where the inputs are so small that many cases fit side by side, "wide" where few do."""
        shown = [one for case in self.cases for one in case.inputs]
        if all(one.small for one in shown):
            return "fine"
        return "" if all(one.narrow for one in shown) else "wide"


def read_examples(file: Path, cohort: Cohort) -> tuple[Group, ...]:
    """The cases of an examples.npz, grouped by why they are shown; none where there is no file.

    Raises:
        RunError: names the file where it is cut, lacks an array, names a class that does not exist, or holds an input
            that is not as data.json describes it.
    """
    if not file.is_file():
        return ()
    try:
        # Opened here, for numpy leaves the file open where it is no archive.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError, NotImplementedError) as problem:
        raise damaged(file, "it is no npz archive of plain arrays") from problem
    _check(file, arrays, cohort)
    inputs = _inputs(file, arrays, cohort)
    answer = _labels if cohort.labelled else _class
    groups: dict[str, list[Example]] = {title: [] for title in REASONS.values()}
    for index in range(min(len(arrays["label"]), SHOWN)):
        reason = str(arrays["reason"][index]) if "reason" in arrays else ""
        probabilities = arrays["probabilities"][index]
        example = Example(
            int(arrays["record"][index]),
            answer(arrays["label"][index], probabilities, cohort.classes),
            answer(arrays["predicted"][index], probabilities, cohort.classes),
            tuple(one.show(arrays[PREFIX + one.name][index]) for one in inputs),
        )
        title = REASONS.get(reason, "Right" if example.right else "Wrong")
        groups[title].append(example)
    return tuple(Group(title, tuple(cases)) for title, cases in groups.items() if cases)


def _check(file: Path, arrays: dict[str, NDArray[Any]], cohort: Cohort) -> None:
    for name in ("record", "label", "predicted", "probabilities"):
        if name not in arrays:
            raise damaged(file, f"it holds no array {name!r}")
    classes = len(cohort.classes)
    cases = len(arrays["label"]) if arrays["label"].ndim else 0
    if any(array.ndim == 0 or len(array) != cases for array in arrays.values()):
        raise damaged(file, "its arrays differ in length")
    if arrays["probabilities"].shape != (cases, classes):
        shape = arrays["probabilities"].shape
        raise damaged(file, f"probabilities have shape {shape} for {cases} cases and {classes} classes")
    expected = {"record": (cases,)} | dict.fromkeys(
        ("label", "predicted"), (cases, classes) if cohort.labelled else (cases,)
    )
    for name, shape in expected.items():
        if arrays[name].dtype.kind not in "iu" or arrays[name].shape != shape:
            raise damaged(file, f"{name} does not hold whole numbers of shape {shape}")
    highest = 1 if cohort.labelled else classes - 1
    for name in ("label", "predicted"):
        if cases and not 0 <= arrays[name].min() <= arrays[name].max() <= highest:
            raise damaged(file, f"{name} names a class that does not exist")


def _inputs(file: Path, arrays: dict[str, NDArray[Any]], cohort: Cohort) -> list[Input]:
    """The inputs of the file, in the order of data.json; one that is not told there can only be a picture."""
    described = {one.name: one for one in cohort.inputs}
    stored = [name.removeprefix(PREFIX) for name in arrays if name.startswith(PREFIX)]
    found = [one for name, one in described.items() if name in stored]
    found += [read_input(name, Part(file, {})) for name in stored if name not in described]
    for one in found:
        values = arrays[PREFIX + one.name]
        if len(values) and (problem := one.problem(values)):
            raise damaged(file, f"the input {one.name!r} is {problem}")
    return found


def _class(index: Any, probabilities: NDArray[Any], classes: tuple[Label, ...]) -> tuple[Answer, ...]:
    return (Answer(classes[int(index)].name, float(probabilities[int(index)])),)


def _labels(borne: NDArray[Any], probabilities: NDArray[Any], classes: tuple[Label, ...]) -> tuple[Answer, ...]:
    return tuple(Answer(classes[k].name, float(probabilities[k])) for k in np.flatnonzero(borne).tolist())


def _names(answers: tuple[Answer, ...]) -> str:
    return words.listing([answer.name for answer in answers]) or NONE
