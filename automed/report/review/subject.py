"""What is reviewed: the cases of one finalist, known again by digests that lead to no patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest, sha256
from typing import Any

import numpy as np

from automed.report import words
from automed.report.cohort import Cohort, Label
from automed.report.examples import Example, Group
from automed.report.explanations.read import Case, Explained, Explanations
from automed.report.inputs.shown import Shown
from automed.run import Finalist, Run, read_json, read_json_lines

EXAMPLES = 24  # reviewed at most where nothing was explained


@dataclass(frozen=True)
class Item:
    """One case: `place` counts from 1; `decided` and `reference` are keys of classes, several or none of labels."""

    place: int
    row: int
    digest: str
    inputs: tuple[Shown, ...]
    decided: tuple[str, ...]
    reference: tuple[str, ...] | None  # None where there is no reference standard
    answer: str  # the model's, in words
    told: str  # what of, and how probable
    by: tuple[Explained, ...]


@dataclass(frozen=True)
class Subject:
    """The cases of one finalist.

    Attributes:
        run: what the run is known by: the hash of the first line of its ledger.
        model: SHA-256 of the model's file.
        choices: the classes or labels that a reader may name.
        labelled: whether several of them may be named.
        items: the cases.
        phantom: whether they were drawn by a program.
    """

    run: str
    model: str
    choices: tuple[Label, ...]
    labelled: bool
    items: tuple[Item, ...]
    phantom: bool

    @property
    def explained(self) -> bool:
        """Whether there is more to show than the model's answer."""
        return any(item.by for item in self.items)

    @cached_property
    def digest(self) -> str:
        """What these cases are known by together."""
        return _digest(self.run, self.model, *(item.digest for item in self.items))


def read_subject(
    finalist: Finalist, cohort: Cohort, explanations: Explanations | None, examples: tuple[Group, ...]
) -> Subject | None:
    """The cases that were explained, or else the examples; None where there are neither.

    Raises:
        RunError: manifest.json is damaged.
    """
    run = Run(finalist.folder.parent.parent)
    if not (explanations and explanations.cases) and not examples:
        return None
    known = run_digest(run), model_digest(finalist)
    if explanations and explanations.cases:
        items = tuple(
            _explained(place, case, explanations, cohort, known) for place, case in enumerate(explanations.cases, 1)
        )
    else:
        shown = [case for group in examples for case in group.cases][:EXAMPLES]
        items = tuple(_example(place, case, cohort, known) for place, case in enumerate(shown, 1))
    return Subject(*known, choices(cohort), cohort.labelled, items, cohort.phantom)


def choices(cohort: Cohort) -> tuple[Label, ...]:
    """The classes or labels that can be told apart: names are what a reader sees."""
    found: dict[str, Label] = {}
    for label in cohort.classes:
        found.setdefault(label.name, label)
    return tuple(found.values())


def run_digest(run: Run) -> str:
    """What a run is known by, wherever its folder lies: the first line of its ledger, which nothing changes."""
    lines = read_json_lines(run.ledger)
    first = lines[0].get("hash") if lines and isinstance(lines[0], dict) else None
    if isinstance(first, str):
        return _digest("ledger", first)
    manifest = read_json(run.manifest)
    facts = manifest if isinstance(manifest, dict) else {}
    return _digest("manifest", facts.get("started"), facts.get("recipe"), facts.get("data_fingerprint"))


def model_digest(finalist: Finalist) -> str:
    """SHA-256 of the model's file, in hexadecimal."""
    with finalist.model.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _explained(place: int, case: Case, found: Explanations, cohort: Cohort, known: tuple[str, str]) -> Item:
    arrays, at = found.arrays, place - 1
    decided = _keys(arrays["decided"][at], cohort)
    reference = _keys(arrays["label"][at], cohort) if "label" in arrays else None
    probabilities = [f"{float(value):.6f}" for value in arrays["probabilities"][at]]
    told = f"{case.explained}: probability {words.decimal(case.probability)}"
    digest = _digest(*known, "explained", case.record, decided, reference, probabilities)
    return Item(place, case.record, digest, case.plain, decided, reference, case.predicted, told, case.by)


def _example(place: int, case: Example, cohort: Cohort, known: tuple[str, str]) -> Item:
    keys = {label.name: label.key for label in choices(cohort)}
    decided, reference = (tuple(keys[one.name] for one in answers) for answers in (case.predicted, case.reference))
    said = [f"{one.name}: probability {words.decimal(one.probability)}" for one in case.predicted]
    probabilities = [f"{one.probability:.6f}" for one in case.predicted]
    digest = _digest(*known, "example", case.record, decided, reference, probabilities)
    answer = words.listing([one.name for one in case.predicted]) or "no label"
    return Item(place, case.record, digest, case.inputs, decided, reference, answer, words.listing(said), ())


def _keys(value: Any, cohort: Cohort) -> tuple[str, ...]:
    """Keys of the class, or of the labels, as a reader can name them."""
    named = {label.name: label.key for label in choices(cohort)}
    indices = [int(value)] if np.ndim(value) == 0 else np.flatnonzero(value).tolist()
    return tuple(dict.fromkeys(named[cohort.classes[index].name] for index in indices))


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()
