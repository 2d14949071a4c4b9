"""The run folder: the only owner of artefact names; atomic writes, manifest, ledger, lock."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from automed.errors import RunError

STATUSES = ("running", "done", "interrupted", "failed")


@dataclass(frozen=True)
class Finalist:
    """The folder of one finalist: `models/01-resnet`."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def model(self) -> Path:
        return self.folder / "model.keras"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.parquet"

    @property
    def scores(self) -> Path:
        return self.folder / "scores.json"

    @property
    def evaluation(self) -> Path:
        """Calibration, operating points, net benefit, prediction sets, comparisons, failures."""
        return self.folder / "evaluation.json"

    @property
    def features(self) -> Path:
        """What the network makes of each validation and test record before it decides."""
        return self.folder / "features.npz"

    @property
    def robustness(self) -> Path:
        """The test under corruptions, and without each site."""
        return self.folder / "robustness.json"

    @property
    def audit(self) -> Path:
        """Figures of groups of patients, gaps between them, and what was decided about each."""
        return self.folder / "audit.json"

    @property
    def mitigation(self) -> Path:
        """Ways of narrowing gaps, each beside the plain model."""
        return self.folder / "mitigation.json"

    @property
    def examples(self) -> Path:
        """Pictures of the cases that the report shows, so that a page needs no data set."""
        return self.folder / "examples.npz"

    @property
    def attributions(self) -> Path:
        """The cases that are explained, and what each method gives every element of them."""
        return self.folder / "attributions.npz"

    @property
    def explanation(self) -> Path:
        """How each method explained, and whether it can be trusted."""
        return self.folder / "explain.json"

    @property
    def reviews(self) -> Path:
        """What readers answered in the report's review, and how far they agree."""
        return self.folder / "reviews.json"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def twin(self) -> Path:
        """What the report shows, for programs."""
        return self.folder / "report.json"

    @property
    def card(self) -> Path:
        """The model card, with the front matter that Hugging Face reads."""
        return self.folder / "MODEL_CARD.md"


@dataclass(frozen=True)
class Run:
    """One run: a folder whose files tell the whole story."""

    folder: Path

    @property
    def recipe(self) -> Path:
        return self.folder / "recipe.yaml"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def data(self) -> Path:
        return self.folder / "data.json"

    @property
    def splits(self) -> Path:
        return self.folder / "splits.parquet"

    @property
    def journal(self) -> Path:
        return self.folder / "study.journal"

    @property
    def keras_tuner(self) -> Path:
        """Where Keras-Tuner keeps its oracle and its trials."""
        return self.folder / "keras_tuner"

    @property
    def trials(self) -> Path:
        return self.folder / "trials.jsonl"

    @property
    def leaderboard(self) -> Path:
        return self.folder / "leaderboard.json"

    @property
    def index(self) -> Path:
        return self.folder / "index.html"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.jsonl"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    def trial(self, number: int) -> Path:
        """Where one trial keeps its checkpoints while it may still be needed."""
        return self.folder / "trials" / f"{number:04d}"

    def worker_log(self, slot: int) -> Path:
        """What a worker process and its libraries print."""
        return self.folder / "trials" / f"worker-{slot}.log"

    @property
    def baselines(self) -> Path:
        return self.folder / "baselines"

    def baseline(self, name: str) -> Path:
        """Where a baseline keeps its predictions; its validation score lies beside them as JSON."""
        return self.baselines / f"{name}.parquet"

    def finalist(self, rank: int, architecture: str) -> Finalist:
        """The folder of the finalist at `rank` (from 1)."""
        return Finalist(self.models / f"{rank:02d}-{architecture}")

    def finalists(self) -> list[Finalist]:
        """Finalists that have a model, best first."""
        if not self.models.is_dir():
            return []
        found = [Finalist(folder) for folder in sorted(self.models.iterdir()) if folder.is_dir()]
        return [finalist for finalist in found if finalist.model.is_file()]

    # --- making and finding -------------------------------------------------------------------------------------

    @classmethod
    def create(cls, name: str, digest: str, *, out: Path | None = None, parent: Path = Path("reports")) -> Run:
        """A new run folder: `parent/name/<UTC time>-<hash>`, or `out`."""
        folder = out or parent / name / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{digest[:8]}"
        base, attempt = folder, 1
        while out is None and folder.exists():
            attempt += 1
            folder = base.with_name(f"{base.name}-{attempt}")
        if folder.exists() and any(folder.iterdir()):
            raise RunError(
                "is there already and not empty",
                where=str(folder),
                hint="Choose another --out, or go on with it: automed search RUN --resume.",
            )
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """An existing run; raises RunError where the folder is none."""
        run = cls(folder)
        if not run.manifest.is_file():
            raise RunError("is no run folder: it has no manifest.json", where=str(folder), hint="automed runs list")
        return run

    @classmethod
    def all(cls, parent: Path) -> list[Run]:
        """Every run below `parent`, newest first."""
        found = [cls(file.parent) for depth in ("*", "*/*") for file in parent.glob(f"{depth}/manifest.json")]
        return sorted(found, key=lambda run: (run.folder.name, str(run.folder)), reverse=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for one search; raises RunError where another process holds it."""
        import filelock

        guard = filelock.FileLock(self.folder / ".lock")
        try:
            guard.acquire(timeout=0)
        except filelock.Timeout:
            raise RunError(
                "another search is working in this run folder",
                where=str(self.folder),
                hint="Wait for it, or start a run of its own without --resume.",
            ) from None
        try:
            yield
        finally:
            guard.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One process at a time adds to manifest and ledger: a search and an explanation may work in one run."""
        import filelock

        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            guard = filelock.FileLock(self.folder / ".writing.lock")
            guard.acquire()
        try:
            yield
        finally:
            guard.release()

    # --- status and ledger --------------------------------------------------------------------------------------

    def describe(self, **facts: Any) -> None:
        """Merge facts into the manifest."""
        with self._writing():
            known = read_json(self.manifest) if self.manifest.is_file() else {}
            write_json(self.manifest, {**known, **facts})

    def log(self, event: str, **facts: Any) -> None:
        """Append one line to the ledger, hashed together with the line before."""
        with self._writing():
            last = ""
            if self.ledger.is_file():
                lines = read_json_lines(self.ledger)
                last = lines[-1].get("hash", "") if lines else ""
            entry = {"time": now(), "event": event, **facts}
            entry["hash"] = _chain(last, entry)
            append_json_line(self.ledger, entry)

    def verify_ledger(self) -> int:
        """Number of lines; raises RunError at the first that was changed, removed or put in."""
        last = ""
        count = 0
        for count, entry in enumerate(read_json_lines(self.ledger), 1):
            claimed = entry.pop("hash", None)
            last = _chain(last, entry)
            if claimed != last:
                raise RunError(f"line {count} does not follow from the line before", where=str(self.ledger))
        return count

    def looks_at_test(self) -> int:
        """How often the test set was read, by the ledger."""
        return sum(entry["event"] == "test_read" for entry in read_json_lines(self.ledger))


def now() -> str:
    """The time in UTC, to the second, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _chain(last: str, entry: dict[str, Any]) -> str:
    return hashlib.sha256((last + json.dumps(entry, sort_keys=True, ensure_ascii=False)).encode()).hexdigest()


# --- files -------------------------------------------------------------------------------------------------------


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn "no space left", "read-only" and "not allowed" into errors that a person can act on."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(_existing(path)).free / 1e6
            raise RunError(
                f"the disk is full ({free:.1f} MB free)",
                where=str(path),
                hint="Free some space, then go on with: automed search RUN --resume.",
            ) from problem
        if problem.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise RunError(
                "cannot be written (permission)", where=str(path), hint="Choose a folder with --out."
            ) from problem
        raise


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step: a reader sees old or new."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""

    def write(file: Path) -> None:
        file.write_text(text, encoding="utf-8")

    write_atomically(path, write)


def write_json(path: Path, value: Any, *, indent: int | None = 1) -> None:
    """Write JSON atomically, on one line without `indent`; NaN and infinity become null, since JSON has neither."""
    write_text(path, json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; raises RunError that names the file where it is missing or cut."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError("is missing", where=str(path)) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise RunError("is damaged: not valid JSON", where=str(path)) from problem


def append_json_line(path: Path, value: Any) -> None:
    """Append one JSON line in one write, so that a kill leaves whole lines and at most one cut one at the end."""
    line = json.dumps(_plain(value), ensure_ascii=False, allow_nan=False) + "\n"
    with disk_errors(path), path.open("ab") as file:
        if file.tell() and not _ends_line(path):
            line = "\n" + line
        file.write(line.encode())


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a JSON-lines file; a line that a kill cut is left out."""
    if not path.is_file():
        return []
    entries = []
    # Not splitlines(): a title may hold a character that Unicode counts as a line's end.
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return entries


def _plain(value: Any) -> Any:
    """Numpy scalars and arrays, paths, tuples and NaN as what JSON knows."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
