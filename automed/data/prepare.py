"""From a recipe to prepared records: read, decode once, split, check, and write down what was found.

Leaves data.json (fingerprint, counts, the disjointness proof, findings) and splits.parquet in the run folder.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data import SOURCES, cache, splits
from automed.data.check import Finding, check, raise_on_leak
from automed.data.dataset import channel_statistics
from automed.data.duplicates import find, resolve
from automed.data.records import SPLITS, Files, Records
from automed.errors import DataError
from automed.events import Listen, Note, Progress, StageStarted
from automed.recipe import Recipe
from automed.run import Run, write_atomically, write_json


@dataclass(frozen=True, eq=False)
class Prepared:
    """Readable records with their decoded pictures, split and findings.

    Attributes:
        records: n readable records.
        cached: by input name, the decoded pictures of all m >= n records of the source.
        position: int64 (n,), where a record's picture lies among the m.
        split: object (n,).
        findings: what the check has to say.
        unreadable: rows that were left out, with reasons.
        dropped: how many records were left out because they repeat others.
    """

    records: Records
    cached: dict[str, cache.Cached]
    position: npt.NDArray[np.int64]
    split: npt.NDArray[np.object_]
    findings: list[Finding]
    unreadable: dict[int, str]
    dropped: int


def inspect(recipe: Recipe, listen: Listen) -> Prepared:
    """Read, decode, split and check, without judging what was found.

    Raises:
        DataError: nothing that could be trained on is there.
        RecipeError: the recipe names a column or a key that the data do not have.
    """
    listen(StageStarted("data", f"reading the {recipe.data.source}"))
    records: Records = SOURCES.load(recipe.data.source)(recipe)

    def progress(done: int, total: int) -> None:
        listen(Progress("decoding", done, total))

    cached = {name: cache.load(records, name, spec, progress) for name, spec in recipe.inputs.items()}
    lost = {place: reason for entry in cached.values() for place, reason in entry.unreadable.items()}
    cache.refuse_if_many(lost, records.rows)
    rows = records.rows
    # Arrays are in the cache now; taking some of the records must not copy them into memory.
    records = replace(records, items={name: item for name, item in records.items.items() if isinstance(item, Files)})
    position = np.setdiff1d(np.arange(len(records)), np.array(sorted(lost), np.int64))
    if lost:
        records = records.take(position)
    listen(StageStarted("data", "splitting and checking"))
    images = {name: entry.values for name, entry in cached.items()}
    found = find(images, position)
    records, split, kept = resolve(recipe, records, images, found=found)
    unreadable = {int(rows[place]): lost[place] for place in sorted(lost)}
    findings = check(recipe, records, images, split, unreadable, found=found.take(kept))
    return Prepared(records, cached, position[kept], split, findings, unreadable, len(position) - len(kept))


def prepare(recipe: Recipe, run: Run, listen: Listen) -> dict[str, Any]:
    """Inspect, refuse leaks, and write data.json and splits.parquet.

    Returns:
        The content of data.json.

    Raises:
        LeakError: a patient or a picture stands in two splits.
        DataError: as `inspect`.
    """
    prepared = inspect(recipe, listen)
    facts = describe(recipe, prepared)
    # What was found is written even if it is refused: the person who mends the data needs it.
    write_json(run.data, facts)
    raise_on_leak(prepared.findings)
    for finding in prepared.findings:
        if finding.severity == "warning":
            listen(Note(finding.message, warning=True))
    _write_splits(recipe, run, prepared)
    return facts


def describe(recipe: Recipe, prepared: Prepared) -> dict[str, Any]:
    """The content of data.json."""
    records, split = prepared.records, prepared.split
    train = np.flatnonzero(split == "train")
    if not len(train):
        raise DataError("no record is left for training", where="split")
    inputs = {}
    for name, entry in prepared.cached.items():
        mean, deviation = channel_statistics(entry.values, prepared.position[train])
        shape = list(entry.values.shape[1:])
        inputs[name] = {"cache": entry.key, "shape": shape, "mean": mean, "std": deviation}
    specs = recipe.data.classes or {}
    proof = splits.prove(records, split, prepared.findings)
    return {
        "source": recipe.data.source,
        "phantom": records.phantom,
        "n": len(records),
        "fingerprint": _fingerprint(prepared),
        "classes": [
            {"key": key, "name": (specs[key].name or key) if key in specs else key, "urgent": _urgent(specs, key)}
            for key in records.classes
        ],
        "counts": {
            part: {key: int(((split == part) & (records.y == k)).sum()) for k, key in enumerate(records.classes)}
            for part in SPLITS
        },
        "patients_named": records.patients_named,
        "patients": {part: len(set(records.patient[split == part])) for part in SPLITS},
        "disjoint": proof,
        "unreadable": [{"row": row, "reason": reason} for row, reason in prepared.unreadable.items()],
        "dropped_duplicates": prepared.dropped,
        "findings": [asdict(finding) for finding in prepared.findings],
        "findings_by_severity": dict(Counter(finding.severity for finding in prepared.findings)),
        "inputs": inputs,
        "sensitive": list(recipe.data.sensitive),
    }


def _urgent(specs: dict[str, Any], key: str) -> bool:
    return bool(specs[key].urgent) if key in specs else False


def _fingerprint(prepared: Prepared) -> str:
    """What the models see: pictures, labels, patients' grouping and split; the same on every machine."""
    whole = hashlib.sha256()
    for name, entry in sorted(prepared.cached.items()):
        whole.update(f"{name}:{entry.key}".encode())
    groups = pd.factorize(prepared.records.patient)[0].astype(np.int64)
    for values in (prepared.position, prepared.records.y, groups):
        whole.update(np.ascontiguousarray(values, np.int64).tobytes())
    whole.update("".join(part[0] for part in prepared.split).encode())
    return whole.hexdigest()


def _write_splits(recipe: Recipe, run: Run, prepared: Prepared) -> None:
    records = prepared.records
    # The salt is forgotten: with it, a list of patients could be hashed and looked up here.
    salt = secrets.token_hex(16)
    codes, keys = pd.factorize(records.patient)
    hashes = np.array([hashlib.sha256(f"{salt}:{key}".encode()).hexdigest()[:24] for key in keys], dtype=object)
    frame = pd.DataFrame(
        {
            "record": records.rows,
            "split": prepared.split.astype(str),
            "patient": hashes[codes],
            "label": records.y,
            "position": prepared.position,
        }
    )
    for column in recipe.data.sensitive:
        # As text: groups are named, and a missing attribute is a group of its own.
        values = records.frame[column]
        frame[column] = values.astype("string").where(values.notna())

    def write(file: Any) -> None:
        frame.to_parquet(file, index=False)

    write_atomically(run.splits, write)
