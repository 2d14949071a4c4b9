"""explain.json and attributions.npz as typed view data: methods with their verdicts, cases with their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from automed.report import words
from automed.report.artefact import Part, damaged, read
from automed.report.cohort import Cohort
from automed.report.explanations.arrays import PREFIX, Arrays, read_arrays
from automed.report.explanations.maps import draw
from automed.report.explanations.picture import Map
from automed.report.explanations.tabular import bars
from automed.report.explanations.verdicts import METHODS, Check, Method, read_method
from automed.report.inputs.image import Image
from automed.report.inputs.shown import Input, Shown
from automed.run import Finalist

ASKED = "asked for"
REASONS = {
    "wrong, confident": "Wrong, and confident",
    "least certain": "Least certain",
    "right": "Right",
    ASKED: "Asked for",
}
# Of the notes on a case those that say how far its numbers can be taken.
NOTES = {"r2": "fit R²", "spread": "spread over seeds", "reliability": "reliability"}


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
    shares: tuple[str, Markup] | None  # of several inputs what each contributed: by which method, drawn

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
    by_rule: bool  # rather than asked for
    tested: str | None  # records and patients, in words; None where nothing was tested
    arrays: Arrays
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
    def checks(self) -> tuple[Check, ...]:
        """One of each test that was made, those that count first."""
        found: dict[str, Check] = {}
        for method in self.methods:
            for check in method.checks:
                found.setdefault(check.key, check)
        return tuple(sorted(found.values(), key=lambda check: not check.counts))

    @property
    def limits(self) -> tuple[tuple[str, str], ...]:
        """What each test does not show, told once."""
        told = [(check.title, check.limits) for method in self.methods for check in method.checks if check.limits]
        order = [check.title for check in self.checks]
        return tuple(sorted(dict.fromkeys(told), key=lambda pair: order.index(pair[0])))


def read_explanations(finalist: Finalist, cohort: Cohort) -> Explanations | None:
    """The explanations of one finalist; None where it was not explained.

    Raises:
        RunError: names the artefact that is damaged.
    """
    document = read(finalist.explanation)
    if document is None:
        return None
    rows = document.rows("methods")
    methods = tuple(read_method(row) for row in rows)
    arrays, inputs = read_arrays(finalist.attributions, cohort, [method.key for method in methods])
    count = len(arrays["record"])
    cases = document.rows("cases")
    told = [row.rows("cases") for row in rows]
    if len(cases) != count or any(len(of_method) != count for of_method in told):
        raise damaged(finalist.explanation, f"it does not tell of the {count} cases that attributions.npz holds")
    return Explanations(
        methods,
        tuple(_missing(row) for row in document.rows("not_applicable")),
        tuple(
            _case(cases[place], [of_method[place] for of_method in told], arrays, cohort, inputs, methods, place)
            for place in range(count)
        ),
        all(row.text("reason") != ASKED for row in cases),
        _tested(document.part("tested"), cohort),
        arrays,
        inputs,
        document.part("seconds").number("total"),
    )


def _missing(row: Part) -> tuple[str, str]:
    name = row.need_text("name")
    return METHODS.get(name, words.label(name)), (row.text("reason") or "no reason was recorded").rstrip(".")


def _tested(part: Part, cohort: Cohort) -> str | None:
    records, patients = part.count("n"), part.count("patients")
    if records is None:
        return None
    text = words.plural(records, "test record")
    if patients is None or not cohort.patients_named:
        return text
    return f"{text} of {words.plural(patients, 'simulated patient' if cohort.phantom else 'patient')}"


def _case(
    row: Part,
    told: list[Part],
    arrays: Arrays,
    cohort: Cohort,
    inputs: tuple[Input, ...],
    methods: tuple[Method, ...],
    place: int,
) -> Case:
    wanted = int(arrays["class"][place])
    decided = arrays["decided"][place]
    known = "label" in arrays
    raw = {one.name: arrays[PREFIX + one.name][place] for one in inputs}
    reason = row.text("reason") or ""
    return Case(
        int(arrays["record"][place]),
        REASONS.get(reason, words.sentence(reason).rstrip(".")),
        words.sentence(row.text("why") or ""),
        _named(arrays["label"][place], cohort) if known else "",
        _named(decided, cohort),
        cohort.classes[wanted].name,
        float(arrays["probabilities"][place][wanted]),
        bool(np.array_equal(arrays["label"][place], decided)) if known else None,
        tuple(one.show(raw[one.name]) for one in inputs),
        tuple(
            Explained(method, _maps(method, arrays, inputs, raw, place), _remark(said))
            for method, said in zip(methods, told, strict=True)
        ),
        _shares(told, methods, inputs),
    )


def _maps(
    method: Method, arrays: Arrays, inputs: tuple[Input, ...], raw: dict[str, Any], place: int
) -> tuple[Map, ...]:
    found = []
    for one in inputs:
        values = arrays.get(f"{method.key}/{one.name}")
        if values is None:
            continue
        region = arrays.get(f"region_{one.name}")
        found.append(
            draw(
                one,
                raw[one.name],
                values[place],
                signed=method.signed,
                whole=f"{method.key}/{one.name}/parts" not in arrays,
                region=None if region is None else region[place],
            )
        )
    return tuple(found)


def _remark(row: Part) -> str:
    notes = row.part("notes")
    gap = row.number("gap")
    told = [] if gap is None else [f"gap {words.decimal(gap, words.digits_for(gap))}"]
    for key, name in NOTES.items():
        if (value := notes.number(key)) is not None:
            told.append(f"{name} {words.decimal(value)}")
    return " · ".join(told)


def _shares(told: list[Part], methods: tuple[Method, ...], inputs: tuple[Input, ...]) -> tuple[str, Markup] | None:
    """What each of several inputs contributed, by the first method that adds up."""
    if len(inputs) < 2:
        return None
    for method, row in zip(methods, told, strict=True):
        if method.gap:
            sums = row.part("inputs")
            each = [(one.name, sums.number(one.name) or 0.0) for one in inputs]
            says = ", ".join(f"{name} {words.decimal(value)}" for name, value in each)
            return method.title, bars(each, f"What each input contributed by {method.title}: {says}")
    return None


def _named(value: Any, cohort: Cohort) -> str:
    """The class, or the labels, in words."""
    if np.ndim(value) == 0:
        return cohort.classes[int(value)].name
    return words.listing([cohort.classes[k].name for k in np.flatnonzero(value).tolist()]) or "no label"
