"""What every rival's script shares: reading what it is handed, making it ready, and writing the answer.

It runs on Python 3.9 and numpy alone, and knows nothing of automed.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

UNSUITED, LACKING, FAILED = 64, 65, 1  # exit codes
ELSEWHERE = "name an interpreter that has it with --python"

try:
    import numpy as np
except ImportError:
    sys.stderr.write(f"lacks the package numpy: {ELSEWHERE}\n")
    sys.exit(LACKING)

SPLITS = ("train", "validation", "test")
EVERY = ("image", "signal", "text", "sequence", "tabular")  # kinds of input
FURTHEST = 10.0  # standard deviations; what lies beyond is a slip of a unit

Array = Any  # numpy.ndarray; its types differ between the versions that rivals come with


@dataclass(frozen=True)
class Given:
    """What a rival is handed.

    Attributes:
        folder: where it lies.
        task: multiclass, multilabel or ordinal.
        classes: keys in the order of the columns of an answer.
        facts: by input name what is known of it; `kind` says which kind it is.
        x: by split and input name, (n, ...).
        y: by split int64 (n,), of several labels (n, classes); of train and validation.
        seed: of everything by chance.
        seconds: for searching and training together; infinite where only trials end it.
        trials: how many candidates may be trained; None where only seconds end it.
        cores: how many may be used.
    """

    folder: Path
    task: str
    classes: tuple[str, ...]
    facts: Mapping[str, Mapping[str, Any]]
    x: Mapping[str, Mapping[str, Array]]
    y: Mapping[str, Array]
    seed: int
    seconds: float
    trials: int | None
    cores: int

    @property
    def several(self) -> bool:
        """Whether a record may bear several labels."""
        return self.task == "multilabel"

    @property
    def shares(self) -> Array:
        """The share of each class in training: float64 (classes,)."""
        y = self.y["train"]
        return np.asarray(y.mean(axis=0) if self.several else np.bincount(y, minlength=len(self.classes)) / len(y))

    @property
    def settled(self) -> bool:
        """Whether training has nothing to tell apart."""
        share = self.shares
        return not bool(((share > 0) & (share < 1)).any())

    def rows(self, split: str) -> int:
        """How many records a split has."""
        return len(next(iter(self.x[split].values())))

    def named(self, kind: str) -> list[str]:
        """The inputs of one kind."""
        return [name for name, entry in self.facts.items() if entry["kind"] == kind]


@dataclass(frozen=True)
class Answer:
    """What a rival answers.

    Attributes:
        validation, test: probabilities float (n, classes).
        chosen: one line about the model.
        trials: candidates that were begun; None where nothing was searched.
        versions: of what it is made with.
    """

    validation: Array
    test: Array
    chosen: str
    trials: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def read(folder: Path) -> Given:
    """Read task.json and the arrays beside it."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    x: dict[str, dict[str, Array]] = {}
    y: dict[str, Array] = {}
    for split in SPLITS:
        with np.load(folder / f"{split}.npz", allow_pickle=False) as file:
            x[split] = {name: file[f"x_{name}"] for name in task["inputs"]}
            if "y" in file.files:
                y[split] = file["y"].astype(np.int64)
    return Given(
        folder=folder,
        task=task["task"],
        classes=tuple(task["classes"]),
        facts=task["inputs"],
        x=x,
        y=y,
        seed=int(task["seed"]),
        seconds=math.inf if task.get("seconds") is None else float(task["seconds"]),
        trials=task.get("trials"),
        cores=int(task.get("cores") or 1),
    )


def run(fit: Callable[[Given], Answer], reads: Sequence[str] = (), needs: Sequence[str] = ()) -> None:
    """Be a rival: read the folder of the command line, fit, and write the answer.

    Args:
        fit: the rival.
        reads: the kinds of input of which it needs one; none where it looks at nothing.
        needs: modules that its interpreter must have; they are loaded before its time begins.
    """
    sys.exit(_run(fit, Path(sys.argv[1]), reads, needs))


def _run(fit: Callable[[Given], Answer], folder: Path, reads: Sequence[str], needs: Sequence[str]) -> int:
    try:
        given = read(folder)
        kinds = sorted({str(entry["kind"]) for entry in given.facts.values()})
        if reads and set(reads).isdisjoint(kinds):
            return _say(UNSUITED, f"unsuited: reads no {' and no '.join(kinds)}")
        for module in needs:
            try:
                importlib.import_module(module)
            except ImportError as problem:
                lacking = (problem.name or module).partition(".")[0]
                if lacking != module:
                    lacking = f"{module} (it needs {lacking})"
                return _say(LACKING, f"lacks the package {lacking}: {ELSEWHERE}")
        began = time.monotonic()
        answer = fixed(given) if given.settled else fit(given)
        write(given, answer, time.monotonic() - began)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the last line has to say it
        traceback.print_exc()
        words = str(problem).strip().splitlines() or [""]
        return _say(FAILED, f"{type(problem).__name__}: {words[0][:200]}")
    return 0


def _say(code: int, line: str) -> int:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
    return code


def fixed(given: Given) -> Answer:
    """The shares of the classes in training, for every record."""
    validation, test = (np.tile(given.shares, (given.rows(split), 1)) for split in SPLITS[1:])
    return Answer(validation, test, "shares of the classes")


def write(given: Given, answer: Answer, seconds: float) -> None:
    """Write answer.npz, then answer.json; a file is there whole or not at all.

    Raises:
        ValueError: the answer holds no probabilities of these records.
    """
    made: dict[str, Any] = {}
    for split in SPLITS[1:]:
        probabilities = np.asarray(getattr(answer, split), np.float64)
        expected = (given.rows(split), len(given.classes))
        if probabilities.shape != expected:
            raise ValueError(f"answers for {split} have the shape {probabilities.shape}, not {expected}")
        if not np.isfinite(probabilities).all():
            raise ValueError(f"answers for {split} are not finite")
        probabilities = probabilities.clip(0.0, 1.0)
        if not given.several:
            probabilities = probabilities / np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-12)
        made[split] = probabilities
    part = given.folder / "answer.npz.part"
    with part.open("wb") as file:
        np.savez(file, **made)
    part.replace(given.folder / "answer.npz")
    said = {
        "trials": answer.trials,
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, **answer.versions},
        "chosen": answer.chosen,
        "search_seconds": round(seconds, 2),
    }
    part = given.folder / "answer.json.part"
    part.write_text(json.dumps(said), encoding="utf-8")
    part.replace(given.folder / "answer.json")


def versions(*modules: str) -> dict[str, str]:
    """The versions of modules that are loaded."""
    return {name: str(getattr(sys.modules[name], "__version__", "unknown")) for name in modules}


# --- what a careful user does to the arrays -------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """Arrays that a network can read.

    Attributes:
        kinds: by input name.
        words: by input name of texts and sequences, how many ids there are.
        x: by split and input name; pictures uint8 as they are, since networks rescale them; signals and columns
            float32, standardised, without gaps; texts and sequences int32.
    """

    kinds: Mapping[str, str]
    words: Mapping[str, int]
    x: Mapping[str, Mapping[str, Array]]


def ready(given: Given) -> Ready:
    """Standardise by the training records, and fill gaps with their means; categories become one column a level."""
    kinds = {name: str(entry["kind"]) for name, entry in given.facts.items()}
    words: dict[str, int] = {}
    x: dict[str, dict[str, Array]] = {split: {} for split in SPLITS}
    for name, kind in kinds.items():
        raw = {split: given.x[split][name] for split in SPLITS}
        if kind in ("text", "sequence"):
            words[name] = count_words(given, name)
            made = {split: values.astype(np.int32) for split, values in raw.items()}
        elif kind == "image":
            made = raw
        else:
            if kind == "tabular":
                raw = {split: spread(values, given.facts[name]) for split, values in raw.items()}
            made = standard(raw, as_they_are=binary(raw["train"]))
        for split in SPLITS:
            x[split][name] = made[split]
    return Ready(kinds, words, x)


def count_words(given: Given, name: str) -> int:
    """How many ids a text or sequence may have."""
    entry = given.facts[name]
    known = len(entry.get("vocabulary") or entry.get("alphabet") or ())
    return max(known, *(int(given.x[split][name].max(initial=0)) + 1 for split in SPLITS))


def spread(values: Array, entry: Mapping[str, Any]) -> Array:
    """Numbers as they are, and a column of 0 and 1 for each level of a category: float32 (n, more columns)."""
    features = entry.get("features") or [{"kind": "number"}] * values.shape[1]
    columns: list[Array] = []
    for place, feature in enumerate(features):
        column = values[:, place]
        if feature["kind"] == "category":
            levels = range(len(feature["levels"]))
            columns += [(column == level).astype(np.float32) for level in levels]
        else:
            columns.append(column.astype(np.float32))
    return np.stack(columns, axis=1)


def binary(values: Array) -> Array:
    """Which columns or channels hold 0 and 1 alone (masks, levels): bool (columns,)."""
    flat = values.reshape(-1, values.shape[-1])
    return np.asarray(((flat == 0) | (flat == 1)).all(axis=0))


def standard(raw: Mapping[str, Array], as_they_are: Array | None = None) -> dict[str, Array]:
    """Floats (n, ..., columns) with mean 0 and deviation 1 in training; gaps become the mean.

    Args:
        raw: by split; fitted on "train".
        as_they_are: bool (columns,), which columns are not touched.
    """
    flat = raw["train"].reshape(-1, raw["train"].shape[-1]).astype(np.float64)
    seen = np.isfinite(flat)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, flat, 0.0).sum(axis=0) / count
    deviation = np.sqrt((np.where(seen, flat - mean, 0.0) ** 2).sum(axis=0) / count)
    deviation[deviation < 1e-12] = 1.0  # a constant column
    if as_they_are is not None:
        mean, deviation = np.where(as_they_are, 0.0, mean), np.where(as_they_are, 1.0, deviation)
    mean, deviation = mean.astype(np.float32), deviation.astype(np.float32)
    made = {}
    for split, values in raw.items():
        scaled = (values.astype(np.float32) - mean) / deviation
        made[split] = np.nan_to_num(scaled, nan=0.0, posinf=FURTHEST, neginf=-FURTHEST).clip(-FURTHEST, FURTHEST)
    return made
