"""The records as the pages show them: how many of which class and patient, the proof of disjointness, the findings."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part, read
from automed.run import Run

SOURCES = {
    "table": "a table that names the files",
    "folder": "folders of image files, one a class",
    "npz": "arrays in one npz file",
    "medmnist": "a MedMNIST set",
    "phantom": "a phantom (drawn by a program; no patients)",
}
SPLITS = ("train", "validation", "test")
# What each figure of the disjointness proof counts, in words; any count above zero is a leak.
PROOFS = {
    "shared_patients": "patients in more than one set",
    "exact_duplicates": "identical records in more than one set",
    "near_duplicates": "near-identical records in more than one set",
}
# From what must be acted on to what is good to know.
SEVERITIES = ("leak", "error", "critical", "serious", "high", "warning", "medium", "note", "low", "info")
SHOWN_ROWS = 20


@dataclass(frozen=True)
class Label:
    """One class: its key in the data, its name for people, and whether missing it is urgent."""

    key: str
    name: str
    urgent: bool


@dataclass(frozen=True)
class Portion:
    """One split: records, patients (None where the data name none) and records a class."""

    title: str  # "Training set"
    records: int
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
    kind: str
    message: str
    rows: str
    count: int | None
    remedy: str

    @property
    def grave(self) -> bool:
        return self.severity.lower() in SEVERITIES[:5]


@dataclass(frozen=True)
class Cohort:
    """The records of a run."""

    source: str
    phantom: bool
    records: int
    fingerprint: str | None
    classes: tuple[Label, ...]
    portions: tuple[Portion, ...]
    proofs: tuple[Proof, ...]
    more_proof: tuple[tuple[str, str], ...]
    unreadable: tuple[tuple[str, str], ...]  # row, reason
    findings: tuple[Finding, ...]
    inputs: tuple[tuple[str, str], ...]  # name, shape in words
    sensitive: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.classes)

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
    classes = tuple(_label(part) for part in found.rows("classes"))
    disjoint = found.part("disjoint")
    return Cohort(
        SOURCES.get(source := found.text("source") or "unknown", source),
        found.flag("phantom"),
        found.count("n") or 0,
        found.text("fingerprint"),
        classes,
        _portions(found, classes),
        tuple(Proof(what, disjoint.need_count(key)) for key, what in PROOFS.items() if key in disjoint),
        tuple((words.label(key), value) for key, value in disjoint.plain().items() if key not in PROOFS),
        tuple((part.text("row") or "?", part.text("reason") or "no reason") for part in found.rows("unreadable")),
        _findings(found),
        tuple((name, _input(part)) for name, part in found.part("inputs").parts()),
        found.texts("sensitive"),
    )


def _label(part: Part) -> Label:
    key = part.need_text("key")
    return Label(key, part.text("name") or key, part.flag("urgent"))


def _portions(found: Part, classes: tuple[Label, ...]) -> tuple[Portion, ...]:
    counts, patients = found.part("counts"), found.part("patients")
    names = [*SPLITS, *(name for name, _ in counts.parts() if name not in SPLITS)]
    portions = []
    for name in names:
        if name in counts:
            split = counts.part(name)
            per_class = tuple(split.count(label.key) or 0 for label in classes)
            title = words.SPLITS.get(name, words.label(name)).capitalize()
            portions.append(Portion(title, sum(per_class), patients.count(name), per_class))
    return tuple(portions)


def _findings(found: Part) -> tuple[Finding, ...]:
    findings = [
        Finding(
            part.text("severity") or "note",
            words.label(part.text("kind") or "finding"),
            words.sentence(part.text("message") or ""),
            _rows(part),
            part.count("count"),
            words.sentence(part.text("remedy") or ""),
        )
        for part in found.rows("findings")
    ]
    return tuple(sorted(findings, key=lambda finding: _gravity(finding.severity)))


def _gravity(severity: str) -> int:
    known = severity.lower()
    return SEVERITIES.index(known) if known in SEVERITIES else len(SEVERITIES)


def _rows(part: Part) -> str:
    rows = part.texts("rows")
    rest = max(len(rows), part.count("count") or 0) - SHOWN_ROWS
    return ", ".join(rows[:SHOWN_ROWS]) + (f" and {words.integer(rest)} more" if rest > 0 and rows else "")


def _input(part: Part) -> str:
    shape = [words.integer(round(size)) for size in part.numbers("shape")]
    if len(shape) == 3:
        channels = {"1": "grey", "3": "colour"}.get(shape[2], f"{shape[2]} channels")
        return f"image of {shape[0]} × {shape[1]} pixels, {channels}"
    return " × ".join(shape) or "shape not recorded"
