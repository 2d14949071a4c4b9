"""explain.json and attributions.npz as typed view data: methods with their verdicts, cases with their pictures."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.report import words
from automed.report.artefact import Part, damaged, read
from automed.report.cohort import Cohort
from automed.report.explanations.maps import Map, draw
from automed.report.explanations.verdicts import METHODS, Method, read_method
from automed.report.inputs.image import Image
from automed.report.inputs.shown import Input, Shown
from automed.run import Finalist

PREFIX = "input_"
REASONS = {
    "wrong, confident": "Wrong, and confident",
    "least certain": "Least certain",
    "right": "Right",
    "asked for": "Asked for",
}


@dataclass(frozen=True)
class Explained:
    """What one method says of one case: a picture of each input, and how far its numbers can be taken."""

    method: Method
    maps: tuple[Map, ...]
    remark: str  # gap, fit, spread, in words


@dataclass(frozen=True)
class Case:
    """One case: what it is, what the model says, what each method says of that."""

    record: int
    reason: str
    why: str
    reference: str
    predicted: str
    explained: str  # the class
    probability: float
    right: bool | None  # None without a reference standard
    plain: tuple[Shown, ...]
    by: tuple[Explained, ...]
    shares: str  # of several inputs what each contributed, in words

    @property
    def alt(self) -> str:
        verdict = "no reference standard" if self.right is None else f"reference standard {self.reference}"
        return f"Record {self.record}: {verdict}, predicted as {self.predicted}"


@dataclass(frozen=True)
class Explanations:
    """All that the page shows of explanations."""

    methods: tuple[Method, ...]
    missing: tuple[tuple[str, str], ...]  # methods that could not be applied, and why
    cases: tuple[Case, ...]
    tested: str | None  # records and patients, in words; None where nothing was tested
    arrays: dict[str, NDArray[Any]]
    inputs: tuple[Input, ...]
    seconds: float | None

    @property
    def shortcuts(self) -> tuple[str, ...]:
        """What maps point at instead of the sign, a sentence each."""
        return tuple(dict.fromkeys(method.shortcut for method in self.methods if method.shortcut))

    @property
    def pictured(self) -> bool:
        """Whether an input is an image."""
        return any(isinstance(one, Image) for one in self.inputs)

    @property
    def outlined(self) -> bool:
        """Whether a picture shows the border of a region."""
        return any(f"region_{one.name}" in self.arrays and isinstance(one, Image) for one in self.inputs)

    @property
    def checks(self) -> tuple[str, ...]:
        """Keys of the tests that were made, in their order."""
        return tuple(dict.fromkeys(check.key for method in self.methods for check in method.checks))


def read_explanations(finalist: Finalist, cohort: Cohort) -> Explanations | None:
    """The explanations of one finalist; None where it was not explained.

    Raises:
        RunError: names the artefact that is damaged.
    """
    document = read(finalist.explanation)
    if document is None:
        return None
    arrays = _arrays(finalist)
    methods = tuple(read_method(row) for row in document.rows("methods"))
    inputs = tuple(one for one in cohort.inputs if PREFIX + one.name in arrays)
    tested = document.part("tested")
    records, patients = tested.count("n"), tested.count("patients")
    return Explanations(
        methods,
        tuple(
            (METHODS.get(name := row.need_text("name"), words.label(name)), row.text("reason") or "")
            for row in document.rows("not_applicable")
        ),
        tuple(
            _case(finalist, document, arrays, cohort, inputs, methods, place) for place in range(len(arrays["record"]))
        ),
        None
        if records is None or patients is None
        else f"{words.plural(records, 'test record')} of {words.plural(patients, 'patient')}",
        arrays,
        inputs,
        document.part("seconds").number("total"),
    )


def _arrays(finalist: Finalist) -> dict[str, NDArray[Any]]:
    file = finalist.attributions
    if not file.is_file():
        raise damaged(file, "it is missing, but explain.json is there")
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError, NotImplementedError) as problem:
        raise damaged(file, "it is no npz archive of plain arrays") from problem
    for name in ("record", "class", "decided", "probabilities"):
        if name not in arrays or not arrays[name].ndim or len(arrays[name]) != len(arrays.get("record", ())):
            raise damaged(file, f"it holds no array {name!r} of its cases")
    return arrays


def _case(
    finalist: Finalist,
    document: Part,
    arrays: dict[str, NDArray[Any]],
    cohort: Cohort,
    inputs: tuple[Input, ...],
    methods: tuple[Method, ...],
    place: int,
) -> Case:
    rows = document.rows("cases")
    if place >= len(rows):
        raise damaged(finalist.explanation, "it tells of fewer cases than attributions.npz holds")
    wanted = int(arrays["class"][place])
    if not 0 <= wanted < len(cohort.classes):
        raise damaged(finalist.attributions, "class names a class that does not exist")
    decided = _named(arrays["decided"][place], cohort)
    label = _named(arrays["label"][place], cohort) if "label" in arrays else ""
    raw = {one.name: arrays[PREFIX + one.name][place] for one in inputs}
    entries = [(method, row) for method, row in zip(methods, document.rows("methods"), strict=True)]
    told = {method.key: row.rows("cases")[place] for method, row in entries if place < len(row.rows("cases"))}
    by = tuple(
        Explained(method, _maps(method, arrays, inputs, raw, place), _remark(told.get(method.key)))
        for method in methods
    )
    return Case(
        int(arrays["record"][place]),
        REASONS.get(rows[place].text("reason") or "", words.sentence(rows[place].text("reason") or "").rstrip(".")),
        rows[place].text("why") or "",
        label,
        decided,
        cohort.classes[wanted].name,
        float(arrays["probabilities"][place][wanted]),
        (label == decided) if "label" in arrays else None,
        tuple(one.show(raw[one.name]) for one in inputs),
        by,
        _shares(told, methods, inputs),
    )


def _maps(
    method: Method,
    arrays: dict[str, NDArray[Any]],
    inputs: tuple[Input, ...],
    raw: dict[str, NDArray[Any]],
    place: int,
) -> tuple[Map, ...]:
    found = []
    for one in inputs:
        values = arrays.get(f"{method.key}/{one.name}")
        if values is None or place >= len(values):
            continue
        region = arrays.get(f"region_{one.name}")
        whole = f"{method.key}/{one.name}/parts" not in arrays
        drawn = draw(
            one,
            raw[one.name],
            values[place],
            signed=method.signed,
            whole=whole,
            region=None if region is None or place >= len(region) else region[place],
        )
        if drawn is not None:
            found.append(drawn)
    return tuple(found)


def _remark(row: Part | None) -> str:
    if row is None:
        return ""
    notes = row.part("notes")
    told = [
        (row.number("gap"), "gap {}"),
        (notes.number("r2"), "fit R² {}"),
        (notes.number("spread"), "spread over seeds {}"),
    ]
    return " · ".join(text.format(words.decimal(value, 2)) for value, text in told if value is not None)


def _shares(told: dict[str, Part], methods: tuple[Method, ...], inputs: tuple[Input, ...]) -> str:
    """What each of several inputs contributed, by the first method that adds up."""
    if len(inputs) < 2:
        return ""
    for method in methods:
        if method.gap and method.key in told:
            sums = told[method.key].part("inputs")
            each = [f"{one.name} {words.decimal(sums.number(one.name) or 0.0)}" for one in inputs]
            return f"By {method.title}: {', '.join(each)}."
    return ""


def _named(value: Any, cohort: Cohort) -> str:
    """The class, or the labels, in words."""
    if np.ndim(value) == 0:
        place = int(value)
        return cohort.classes[place].name if 0 <= place < len(cohort.classes) else "unknown"
    return words.listing([cohort.classes[k].name for k in np.flatnonzero(value).tolist()]) or "no label"
