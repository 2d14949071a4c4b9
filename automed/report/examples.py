"""Example cases of a finalist as pictures that a page carries inside itself."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from automed.report.artefact import damaged
from automed.report.cohort import Label

PREFIX = "input_"
LONGEST = 192  # pixels: what a card shows at most, doubled displays included
REASONS = {
    "wrong, confident": "Wrong, and confident",
    "wrong": "Wrong",
    "least certain": "Least certain",
    "right": "Right",
}
SHOWN = 48
SMALL = 96  # pixels: enlarging such a picture shows nothing more


@dataclass(frozen=True)
class Picture:
    """One input of one case: `source` is a data URI of a PNG, sizes in pixels."""

    name: str
    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Example:
    """One test record: reference standard, prediction and the probability the model gave each of them."""

    record: int
    reference: str
    predicted: str
    probability: float  # of the prediction
    reference_probability: float
    right: bool
    pictures: tuple[Picture, ...]

    @property
    def alt(self) -> str:
        verdict = "correctly predicted" if self.right else f"predicted as {self.predicted}"
        return f"Test record {self.record}: reference standard {self.reference}, {verdict}"


@dataclass(frozen=True)
class Group:
    """The cases that were shown for one reason."""

    title: str
    cases: tuple[Example, ...]

    @property
    def small(self) -> bool:
        """Whether the pictures have so few pixels that many fit side by side."""
        return all(max(p.width, p.height) <= SMALL for case in self.cases for p in case.pictures)


def read_examples(file: Path, labels: tuple[Label, ...]) -> tuple[Group, ...]:
    """The cases of an examples.npz, grouped by why they are shown; none where there is no file.

    Raises:
        RunError: names the file where it is cut, lacks an array, or names a class that does not exist.
    """
    if not file.is_file():
        return ()
    try:
        # Opened here, for numpy leaves the file open where it is no archive.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError, NotImplementedError) as problem:
        raise damaged(file, "it is no npz archive of plain arrays") from problem
    _check(file, arrays, len(labels))
    groups: dict[str, list[Example]] = {title: [] for title in REASONS.values()}
    for index in range(min(len(arrays["label"]), SHOWN)):
        reason = str(arrays["reason"][index]) if "reason" in arrays else ""
        example = _example(arrays, index, labels)
        title = REASONS.get(reason, "Right" if example.right else "Wrong")
        groups[title].append(example)
    return tuple(Group(title, tuple(cases)) for title, cases in groups.items() if cases)


def _check(file: Path, arrays: dict[str, NDArray[Any]], classes: int) -> None:
    for name in ("record", "label", "predicted", "probabilities"):
        if name not in arrays:
            raise damaged(file, f"it holds no array {name!r}")
    cases = len(arrays["label"]) if arrays["label"].ndim else 0
    if any(array.ndim == 0 or len(array) != cases for array in arrays.values()):
        raise damaged(file, "its arrays differ in length")
    if arrays["probabilities"].shape != (cases, classes):
        shape = arrays["probabilities"].shape
        raise damaged(file, f"probabilities have shape {shape} for {cases} cases and {classes} classes")
    for name in ("record", "label", "predicted"):
        if arrays[name].dtype.kind not in "iu" or arrays[name].ndim != 1:
            raise damaged(file, f"{name} is not a list of whole numbers")
    for name in ("label", "predicted"):
        if cases and not 0 <= arrays[name].min() <= arrays[name].max() < classes:
            raise damaged(file, f"{name} names a class that does not exist")


def _example(arrays: dict[str, NDArray[Any]], index: int, labels: tuple[Label, ...]) -> Example:
    reference, predicted = int(arrays["label"][index]), int(arrays["predicted"][index])
    probabilities = arrays["probabilities"][index]
    pictures = [
        _picture(name.removeprefix(PREFIX), values[index])
        for name, values in arrays.items()
        if name.startswith(PREFIX) and _is_image(values)
    ]
    return Example(
        int(arrays["record"][index]),
        labels[reference].name,
        labels[predicted].name,
        float(probabilities[predicted]),
        float(probabilities[reference]),
        reference == predicted,
        tuple(pictures),
    )


def _is_image(values: NDArray[Any]) -> bool:
    return values.dtype == np.uint8 and (values.ndim == 3 or (values.ndim == 4 and values.shape[3] in (1, 3)))


def _picture(name: str, pixels: NDArray[np.uint8]) -> Picture:
    image = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    if max(image.size) > LONGEST:
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(name, f"data:image/png;base64,{encoded}", *image.size)
