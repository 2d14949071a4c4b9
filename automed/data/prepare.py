"""From a recipe to prepared records: read, decode once, split, check, and write down what was found.

Leaves data.json (fingerprint, counts, the disjointness proof, findings) and splits.parquet in the run folder.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data import SOURCES, cache, regions, splits
from automed.data.checks import duplicates
from automed.data.checks.check import Finding, check, raise_on_leak
from automed.data.checks.duplicates import Duplicates, resolve
from automed.data.checks.outcomes import outcomes_among_inputs
from automed.data.dataset import label_columns
from automed.data.kinds import KINDS
from automed.data.kinds.kind import ABSENT, Fitted, Held, Kind
from automed.data.records import SPLITS, Files, Records
from automed.errors import DataError
from automed.events import Listen, Note, Progress, StageStarted
from automed.recipe import ImageInput, Recipe
from automed.recipe.evaluate import URGENT
from automed.run import Run, write_atomically, write_json


@dataclass(frozen=True, eq=False)
class Prepared:
    """Readable records with their inputs, split and findings.

    Attributes:
        records: n readable records.
        stored: by input name, the array of all m >= n records of the source, as models read it.
        fitted: by input name, what was learnt from the training records.
        regions: by input name where the sign is, for all m records, if it is known.
        position: int64 (n,), the row of a record among the m.
        split: object (n,).
        findings: what the check has to say.
        unreadable: rows that were left out, with reasons.
        dropped: how many records were left out because they repeat others.
    """

    records: Records
    stored: dict[str, cache.Cached]
    fitted: dict[str, Fitted]
    regions: dict[str, regions.Kept]
    position: npt.NDArray[np.int64]
    split: npt.NDArray[np.object_]
    findings: list[Finding]
    unreadable: dict[int, str]
    dropped: int


def inspect(recipe: Recipe, listen: Listen, known: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> Prepared:
    """Read, decode, split and check, without judging what was found.

    Raises:
        DataError: nothing that could be trained on is there.
        RecipeError: the recipe names a column or a key that the data do not have.
    """
    listen(StageStarted("data", f"reading the {recipe.data.source}"))
    records: Records = SOURCES.load(recipe.data.source)(recipe)
    _refuse_unknown(recipe, records)
    kinds: dict[str, Kind] = {name: KINDS.load(spec.kind) for name, spec in recipe.inputs.items()}

    def progress(done: int, total: int) -> None:
        listen(Progress("decoding", done, total))

    held = {name: kind.read(recipe, records, name, progress) for name, kind in kinds.items()}
    lost = _lost(recipe, held, len(records))
    cache.refuse_if_many(lost, records.rows, noun=_noun(kinds))
    rows = records.rows
    _refuse_masks(recipe, records)
    # Arrays are in the cache now; taking some of the records must not copy them into memory.
    files = {name: item for name, item in records.items.items() if isinstance(item, Files)}
    source = replace(records, items=files)
    records = replace(source, regions={})
    position = np.setdiff1d(np.arange(len(records)), np.array(sorted(lost), np.int64))
    if lost:
        records = records.take(position)
    listen(StageStarted("data", "splitting and checking"))
    found = _duplicates(kinds, held, position)
    records, split, kept = resolve(recipe, records, found)
    position = position[kept]
    train = np.flatnonzero(split == "train")
    if not len(train):
        raise DataError("no record is left for training", where="split")
    fitted = {
        n: Fitted(dict(known[n])) if n in known else kind.fit(recipe, held[n], n, position, train, records.rows)
        for n, kind in kinds.items()
    }
    stored = {n: kind.store(recipe, held[n], n, fitted[n]) for n, kind in kinds.items()}
    marked = _regions(recipe, source, held, fitted, stored, listen)
    unreadable = {int(rows[place]): lost[place] for place in sorted(lost)}
    further = [finding for entry in fitted.values() for finding in entry.findings]
    further += outcomes_among_inputs(recipe)
    for name, region in marked.items():
        further += regions.findings(region, name, position, records.rows)
    findings = check(recipe, records, found.take(kept), split, unreadable, noun=_noun(kinds), further=further)
    dropped = len(found.exact) - len(kept)
    return Prepared(records, stored, fitted, marked, position, split, findings, unreadable, dropped)


def _refuse_unknown(recipe: Recipe, records: Records) -> None:
    """Raise RecipeError where `evaluate` names a column or a class that the data do not have."""
    asked = recipe.evaluate
    if asked.sites is not None and asked.sites not in records.frame:
        raise recipe.fail("evaluate.sites", f"names {asked.sites!r}, which is no column of the data")
    known = [*records.classes, URGENT]
    for name in asked.prevalence:
        if name not in known:
            hint = f"Classes are {', '.join(records.classes)}; {URGENT} means all urgent ones together."
            raise recipe.fail(f"evaluate.prevalence.{name}", "is no class of the data", hint=hint)


def _refuse_masks(recipe: Recipe, records: Records) -> None:
    """Raise RecipeError for masks that the source does not read."""
    for name, spec in recipe.inputs.items():
        if isinstance(spec, ImageInput) and spec.mask and not isinstance(records.regions.get(name), Files):
            raise recipe.fail(f"inputs.{name}.mask", f"is not read by the source {recipe.data.source}, only by table")


def _regions(
    recipe: Recipe,
    source: Records,
    held: Mapping[str, Held],
    fitted: Mapping[str, Fitted],
    stored: Mapping[str, cache.Cached],
    listen: Listen,
) -> dict[str, regions.Kept]:
    """What is known of where the sign is, of all m records, in the cache."""

    def progress(done: int, total: int) -> None:
        listen(Progress("decoding masks", done, total))

    return {
        name: regions.keep(recipe, source, name, held[name], fitted[name], stored[name].values.shape[1], progress)
        for name in source.regions
    }


def _lost(recipe: Recipe, held: Mapping[str, Held], count: int) -> dict[int, str]:
    """Records that cannot be used, with the reason: an input is damaged, or nothing at all is there."""
    lost: dict[int, str] = {}
    present = np.zeros(count, bool)
    for name, entry in held.items():
        absent = np.array([place for place, reason in entry.unreadable.items() if reason == ABSENT], np.int64)
        if len(absent) == count:
            raise recipe.fail(
                f"inputs.{name}", "is missing in every record", hint="Take it out, or correct its column."
            )
        here = np.ones(count, bool)
        here[absent] = False
        present |= here
        lost.update({place: reason for place, reason in entry.unreadable.items() if reason != ABSENT})
    lost.update({int(place): ABSENT for place in np.flatnonzero(~present)})
    return lost


def _duplicates(kinds: Mapping[str, Kind], held: Mapping[str, Held], position: npt.NDArray[np.int64]) -> Duplicates:
    found = [kind.duplicates(held[name], position) for name, kind in kinds.items()]
    told = [each for each in found if each is not None]
    if not told:
        return duplicates.none(len(position))
    whole = duplicates.combine(told)
    # What is absent has no content either, and that is no fault of the record.
    absent = [place for entry in held.values() for place, reason in entry.unreadable.items() if reason == ABSENT]
    return replace(whole, constant=whole.constant & ~np.isin(position, np.array(absent, np.int64)))


def _noun(kinds: Mapping[str, Kind]) -> str:
    nouns = {kind.noun for kind in kinds.values()}
    return nouns.pop() if len(nouns) == 1 else "input"


def prepare(
    recipe: Recipe, run: Run, listen: Listen, known: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Inspect, refuse leaks, and write data.json and splits.parquet.

    Args:
        recipe: what to prepare.
        run: where the files go.
        listen: hears how far it is.
        known: of some inputs the facts that a finished model carries: records are laid out as it reads them, and
            nothing is fitted.

    Returns:
        The content of data.json.

    Raises:
        LeakError: a patient or a picture stands in two splits.
        DataError: as `inspect`.
    """
    prepared = inspect(recipe, listen, known or {})
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
    inputs = {}
    for name, entry in prepared.stored.items():
        layout = {"shape": list(entry.values.shape[1:]), "dtype": str(entry.values.dtype)}
        kind = recipe.inputs[name].kind
        inputs[name] = {"kind": kind, "cache": entry.key, **layout, **prepared.fitted[name].facts}
        if region := prepared.regions.get(name):
            inputs[name]["regions"] = {"cache": region.stored.key, "names": list(region.names)}
    bears = records.bears
    specs = recipe.data.classes or {}
    proof = splits.prove(records, split, prepared.findings)
    return {
        "source": recipe.data.source,
        "phantom": records.phantom,
        "task": records.task,
        "n": len(records),
        "fingerprint": _fingerprint(prepared),
        "classes": [
            {"key": key, "name": (specs[key].name or key) if key in specs else key, "urgent": _urgent(specs, key)}
            for key in records.classes
        ],
        "counts": {
            part: {key: int(bears[split == part, k].sum()) for k, key in enumerate(records.classes)} for part in SPLITS
        },
        "records": {part: int((split == part).sum()) for part in SPLITS},
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
    for name, entry in sorted(prepared.stored.items()):
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
            **label_columns(records.y),
            "position": prepared.position,
        }
    )
    sites = () if recipe.evaluate.sites is None else (recipe.evaluate.sites,)
    for column in dict.fromkeys((*recipe.data.sensitive, *sites)):
        # As text: groups are named, and a missing attribute is a group of its own.
        values = records.frame[column]
        frame[column] = values.astype("string").where(values.notna())

    def write(file: Any) -> None:
        frame.to_parquet(file, index=False)

    write_atomically(run.splits, write)
