"""explain.json and attributions.npz as typed view data: methods with their verdicts, cases with their pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from automed.report import words
from automed.report.artefact import Part, damaged, read
from automed.report.cohort import Cohort
from automed.report.explanations.agreement import Agreed, agreed
from automed.report.explanations.arrays import PREFIX, Arrays, read_arrays
from automed.report.explanations.layers import beneath
from automed.report.explanations.maps import draw
from automed.report.explanations.picture import Map
from automed.report.explanations.sets import Possible, read_possible
from automed.report.explanations.tabular import bars
from automed.report.explanations.verdicts import METHODS, Check, Method, read_method
from automed.report.inputs.image import Image, Picture
from automed.report.inputs.shown import Absent, Input, Shown
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
    possible: tuple[str, ...] | None  # classes that cannot be ruled out; None where there are no prediction sets
    held: bool | None  # whether that of the reference standard is one of them
    agreed: tuple[Agreed, ...]  # of each input what the methods agree on

    @property
    def alt(self) -> str:
        verdict = "no reference standard" if self.right is None else f"reference standard {self.reference}"
        return f"Record {self.record}: {verdict}, predicted as {self.predicted}"

    def marked(self, name: str) -> Map | None:
        """A layer over the picture of this input: a line around what the methods agree on."""
        return next((one.marked for one in self.agreed if one.input == name), None)

    @property
    def shaded(self) -> bool:
        """Whether there is anything on its pictures that can be taken off."""
        return any(map.image or map.shaded for by in self.by for map in by.maps)


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
    possible: Possible

    @property
    def compared(self) -> tuple[str, ...]:
        """Methods that are asked what they agree on: those that did not fail their tests."""
        return tuple(method.title for method in self.methods if _counts(method))

    @property
    def not_compared(self) -> tuple[str, ...]:
        """The others."""
        return tuple(method.title for method in self.methods if not _counts(method))

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
    possible = read_possible(finalist.evaluation, cohort)
    cases = document.rows("cases")
    told = [row.rows("cases") for row in rows]
    if len(cases) != count or any(len(of_method) != count for of_method in told):
        raise damaged(finalist.explanation, f"it does not tell of the {count} cases that attributions.npz holds")
    return Explanations(
        methods,
        tuple(_missing(row) for row in document.rows("not_applicable")),
        tuple(
            _case(row, [of_method[place] for of_method in told], arrays, cohort, inputs, methods, place, possible)
            for place, row in enumerate(cases)
        ),
        all(row.text("reason") != ASKED for row in cases),
        _tested(document.part("tested"), cohort),
        arrays,
        inputs,
        document.part("seconds").number("total"),
        possible,
    )


def _counts(method: Method) -> bool:
    return method.verdict.look != "wrong"


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
    possible: Possible,
) -> Case:
    wanted = int(arrays["class"][place])
    decided = arrays["decided"][place]
    known = "label" in arrays
    raw = {one.name: arrays[PREFIX + one.name][place] for one in inputs}
    reason = row.text("reason") or ""
    plain = tuple(_beneath(one.show(raw[one.name]), f"pic-{place}-{at}") for at, one in enumerate(inputs))
    held = possible.classes(arrays["probabilities"][place])
    return Case(
        int(arrays["record"][place]),
        REASONS.get(reason, words.sentence(reason).rstrip(".")),
        words.sentence(row.text("why") or ""),
        _named(arrays["label"][place], cohort) if known else "",
        _named(decided, cohort),
        cohort.classes[wanted].name,
        float(arrays["probabilities"][place][wanted]),
        bool(np.array_equal(arrays["label"][place], decided)) if known else None,
        plain,
        tuple(
            Explained(method, _maps(method, arrays, inputs, raw, place), _remark(said))
            for method, said in zip(methods, told, strict=True)
        ),
        _shares(told, methods, inputs),
        None if held is None else tuple(cohort.classes[k].name for k in held),
        int(arrays["label"][place]) in held if held is not None and known else None,
        _agreed(arrays, inputs, plain, methods, place),
    )


def _beneath(shown: Shown, known: str) -> Shown:
    return beneath(shown, known) if isinstance(shown, Picture) else shown


def _agreed(
    arrays: Arrays, inputs: tuple[Input, ...], plain: tuple[Shown, ...], methods: tuple[Method, ...], place: int
) -> tuple[Agreed, ...]:
    found = []
    for at, (one, shown) in enumerate(zip(inputs, plain, strict=True)):
        if isinstance(shown, Absent):
            continue
        asked = [method for method in methods if _counts(method) and f"{method.key}/{one.name}" in arrays]
        maps = {method.title: arrays[f"{method.key}/{one.name}"][place] for method in asked}
        single = [
            method.title
            for method in asked
            if isinstance(one, Image) and method.signed and f"{method.key}/{one.name}/parts" not in arrays
        ]
        if (told := agreed(one, arrays[PREFIX + one.name][place], maps, single)) is not None:
            layer = told.marked and replace(told.marked, base=f"pic-{place}-{at}")
            found.append(replace(told, marked=layer))
    return tuple(found)


def _maps(
    method: Method, arrays: Arrays, inputs: tuple[Input, ...], raw: dict[str, Any], place: int
) -> tuple[Map, ...]:
    found = []
    for at, one in enumerate(inputs):
        values = arrays.get(f"{method.key}/{one.name}")
        if values is None:
            continue
        region = arrays.get(f"region_{one.name}")
        drawn = draw(
            one,
            raw[one.name],
            values[place],
            signed=method.signed,
            whole=f"{method.key}/{one.name}/parts" not in arrays,
            region=None if region is None else region[place],
        )
        found.append(replace(drawn, base=f"pic-{place}-{at}") if drawn.image else drawn)
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
