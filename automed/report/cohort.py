"""The records as the pages show them: how many of which class and patient, the proof of disjointness, the findings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part, damaged, read
from automed.report.inputs.shown import Input, read_input
from automed.run import Run

SOURCES = {
    "table": "a table that names the files",
    "folder": "folders of image files, one a class",
    "npz": "arrays in one npz file",
    "medmnist": "a MedMNIST set",
    "phantom": "a phantom (drawn by a program; no patients)",
}
TASKS = ("multiclass", "multilabel", "ordinal")
SPLITS = ("train", "validation", "test")
# What each figure of the disjointness proof counts, in words; any count above zero is a leak.
PROOFS = {
    "shared_patients": "patients in more than one set",
    "exact_duplicates": "identical records in more than one set",
    "near_duplicates": "near-identical records in more than one set",
}
# From what must be acted on to what is good to know.
SEVERITIES = ("leak", "warning", "note")
SHOWN_ROWS = 20
URGENT = "urgent"  # the question about all urgent classes together


@dataclass(frozen=True)
class Label:
    """One class or label: its key in the data, its name for people, and whether missing it is urgent."""

    key: str
    name: str
    urgent: bool


@dataclass(frozen=True)
class Portion:
    """One split: records (None where that is not known), patients (likewise) and records of each class."""

    title: str  # "Training set"
    records: int | None
    patients: int | None
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Proof:
    """One figure of the disjointness proof; anything but 0 is a leak."""

    what: str
    count: int


@dataclass(frozen=True)
class Finding:
    """What the check of the data found; `rows` are row numbers in words, the first of them where there are many."""

    severity: str
    message: str
    rows: str
    count: int | None
    remedy: str

    @property
    def known_severity(self) -> str:
        """One of SEVERITIES; what is not known may be grave."""
        return self.severity if self.severity in SEVERITIES else SEVERITIES[0]


@dataclass(frozen=True)
class Cohort:
    """The records of a run."""

    source: str
    task: str  # one of TASKS
    phantom: bool
    patients_named: bool  # where the data name no patients, whether one is in two sets cannot be known
    records: int
    fingerprint: str | None
    classes: tuple[Label, ...]
    portions: tuple[Portion, ...]
    proofs: tuple[Proof, ...]
    unreadable: tuple[tuple[str, str], ...]  # row, reason
    dropped: int  # duplicates that were left out
    findings: tuple[Finding, ...]
    inputs: tuple[Input, ...]
    sensitive: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.classes)

    @property
    def labelled(self) -> bool:
        """Whether a record may bear several labels, rather than being of one class."""
        return self.task == "multilabel"

    def question(self, key: str | None) -> str:
        """What a yes-or-no question asks about: a class or label by its key, all urgent ones, or None for all."""
        if key is None:
            return "all " + (words.LABEL if self.labelled else words.CLASS)[1]
        known = next((label.name for label in self.classes if label.key == key), None)
        return known or (words.ANY_URGENT if key == URGENT else key)

    def renamed(self, sentence: str, before: str) -> str:
        """A stage's sentence with the names of classes in place of their keys, where these follow the word `before`."""
        keys = sorted({label.key for label in self.classes} | {URGENT}, key=len, reverse=True)
        found = rf"(?<= {before} )({'|'.join(map(re.escape, keys))})(?= is |: |, |\. | reaches )"
        return re.sub(found, lambda match: self.question(match.group()), sentence)

    @property
    def test(self) -> Portion | None:
        return next((portion for portion in self.portions if portion.title == words.SPLITS["test"].capitalize()), None)

    @property
    def disjoint(self) -> bool | None:
        """True where the proof holds, False where it does not, None where none was made."""
        return all(proof.count == 0 for proof in self.proofs) if self.proofs else None


def read_cohort(run: Run) -> Cohort | None:
    """What data.json tells; None where the run ended before it was written; raises RunError where it is damaged."""
    found = read(run.data)
    if found is None:
        return None
    patients_named = found.flag("patients_named")
    task = found.text("task") or TASKS[0]
    if task not in TASKS:
        raise damaged(run.data, f"task is none of {words.listing(TASKS, 'or')}")
    classes = tuple(_label(part) for part in found.rows("classes"))
    disjoint = found.part("disjoint")
    proofs = [(key, what) for key, what in PROOFS.items() if key != "shared_patients" or patients_named]
    return Cohort(
        SOURCES.get(source := found.text("source") or "unknown", source),
        task,
        found.flag("phantom"),
        patients_named,
        found.count("n") or 0,
        found.text("fingerprint"),
        classes,
        _portions(found, classes, labelled=task == "multilabel", patients_named=patients_named),
        tuple(Proof(what, disjoint.need_count(key)) for key, what in proofs if key in disjoint),
        tuple((part.text("row") or "?", part.text("reason") or "no reason") for part in found.rows("unreadable")),
        found.count("dropped_duplicates") or 0,
        _findings(found),
        tuple(read_input(name, part) for name, part in found.part("inputs").parts()),
        found.texts("sensitive"),
    )


def _label(part: Part) -> Label:
    key = part.need_text("key")
    return Label(key, part.text("name") or key, part.flag("urgent"))


def _portions(found: Part, classes: tuple[Label, ...], *, labelled: bool, patients_named: bool) -> tuple[Portion, ...]:
    counts, patients, records = found.part("counts"), found.part("patients"), found.part("records")
    names = [*SPLITS, *(name for name, _ in counts.parts() if name not in SPLITS)]
    portions = []
    for name in names:
        if name in counts:
            split = counts.part(name)
            per_class = tuple(split.count(label.key) or 0 for label in classes)
            title = words.SPLITS.get(name, words.label(name)).capitalize()
            people = patients.count(name) if patients_named else None
            # The labels of a record are counted each: their sum is no number of records.
            total = records.count(name) if labelled else sum(per_class)
            portions.append(Portion(title, total, people, per_class))
    return tuple(portions)


def _findings(found: Part) -> tuple[Finding, ...]:
    findings = [
        Finding(
            part.text("severity") or "note",
            words.sentence(part.text("message") or ""),
            _rows(part),
            part.count("count"),
            words.sentence(part.text("remedy") or ""),
        )
        for part in found.rows("findings")
    ]
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.known_severity)))


def _rows(part: Part) -> str:
    rows = part.texts("rows")
    rest = max(len(rows), part.count("count") or 0) - SHOWN_ROWS
    return ", ".join(rows[:SHOWN_ROWS]) + (f" and {words.integer(rest)} more" if rest > 0 and rows else "")
