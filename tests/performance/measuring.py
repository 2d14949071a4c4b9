"""What all measurements share: repetitions in turns, sides in processes of their own, and the table.

A figure is a function that measures one thing beside a reference, both in the same run and in turns, and gives back
rows. Each figure runs in a process of its own, started here: libraries that one of them loads, or breaks, are not there
for the next, and a figure that fails or hangs costs its own row and no other.

A module of figures ends with `measuring.main(FIGURES, SIDES)`, so that it runs alone as well:

    .venv/bin/python tests/performance/decoding.py                    # all its figures
    .venv/bin/python tests/performance/decoding.py again --quick      # one, small, once: only to see that it runs
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from automed.benchmark.cells import child
from automed.benchmark.record import Measurement

ROOT = Path(__file__).parents[2]
LONGEST = 300.0  # seconds that one figure may take before it is ended
WIDE = 190  # characters of the table where nobody's window limits them
Pairs = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Asked:
    """How a figure is measured.

    Attributes:
        folder: an empty one for its files.
        quick: on small sizes and once: the figure then means nothing but that it can be measured.
    """

    folder: Path
    quick: bool = False

    def size(self, full: int, small: int) -> int:
        """Of two sizes the one that is asked for."""
        return small if self.quick else full


Figure = Callable[[Asked], list[Measurement]]
Figures = Mapping[str, Figure]
Repeat = Callable[[], Any]  # once more; what comes back can be written as JSON
Sides = Mapping[str, Callable[[Asked], Repeat]]


@dataclass(frozen=True)
class Measured:
    """What became of a figure: its rows, or the reason why there are none."""

    figure: str
    rows: list[Measurement]
    reason: str | None
    seconds: float


# --- in turns -----------------------------------------------------------------------------------------------------


def alternating(ours: Repeat, reference: Repeat, times: int) -> tuple[list[Any], list[Any]]:
    """Both once more, `times` times; who begins changes, so that neither always meets a warmer machine."""
    found: tuple[list[Any], list[Any]] = ([], [])
    for turn in range(times):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            found[which].append((ours, reference)[which]())
    return found


def clocked(work: Callable[[], object]) -> float:
    """Seconds that a function takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def row(
    name: str, ours: Sequence[float], reference: Sequence[float], unit: str, against: str, **more: Any
) -> Measurement:
    """Medians of repetitions as one row; the repetitions themselves stand in its detail."""
    better = more.pop("better", "lower")
    detail = {"ours": _rounded(ours), "reference": _rounded(reference), **more}
    return Measurement(name, statistics.median(ours), statistics.median(reference), unit, against, better, detail)


def _rounded(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


# --- processes ----------------------------------------------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    """What a child process finds: that of a user, where Python keeps the byte code of what it imports."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # TensorFlow's messages at its start would be all that is left of a log.
    return {"TF_CPP_MIN_LOG_LEVEL": "3", **kept, **more}


class Side:
    """One of two sides in a process of its own, which waits between its turns."""

    def __init__(self, module: Path, name: str, asked: Asked, env: Mapping[str, str] | None = None) -> None:
        self._log = asked.folder / f"{name}.log"
        command = [sys.executable, str(module), "--side", name, "--folder", str(asked.folder)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*command, *(["--quick"] if asked.quick else [])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=env or environment(),
            )  # fmt: skip
        self._answer()

    def __call__(self) -> Any:
        """Once more."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("again\n")
            self._process.stdin.flush()
        return self._answer()

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout
        if line := self._process.stdout.readline():
            return json.loads(line)
        self._process.wait()
        raise RuntimeError(last_line(self._log) or f"a side ended with code {self._process.returncode}")


def _serve(repeat: Callable[[], Repeat]) -> None:
    """What a side does: set up, then repeat whenever asked. What libraries print goes to the log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    once = repeat()
    print(json.dumps("ready"), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(once()), file=answers, flush=True)


def ran(command: Sequence[str], log: Path, **env: str) -> child.Ended:
    """A command to its end, with its seconds and the peak memory of all its processes; RuntimeError where it fails."""
    ended = child.run(command, log, environment=environment(**env), seconds=LONGEST)
    if ended.why != "ended" or ended.code != 0:
        raise RuntimeError(f"{' '.join(command[1:4])}: {_how(ended)}")
    return ended


def _how(ended: child.Ended) -> str:
    if ended.why == "time":
        return f"was ended after {ended.seconds:.0f} s"
    return f"exit code {ended.code}: {ended.last or 'it said nothing'}"


def last_line(file: Path) -> str:
    """The last line of a log that is not blank."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def measured(module: Path, figure: str, *, quick: bool = False) -> Measured:
    """Measure one figure of a module in a process of its own; whatever happens to it, this returns."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        out, files = folder / "rows.json", folder / "files"
        files.mkdir()
        command = [sys.executable, str(module), figure, "--folder", str(files), "--out", str(out)]
        rows, reason = list[Measurement](), None
        try:
            ended = child.run(
                [*command, *(["--quick"] if quick else [])], folder / "log",
                environment=environment(AUTOMED_CACHE=str(folder / "cache")), seconds=LONGEST,
            )  # fmt: skip
            if ended.why != "ended" or ended.code != 0 or not out.is_file():
                reason = _how(ended)
            else:
                rows = [Measurement(**one) for one in json.loads(out.read_text())]
        except Exception as problem:  # noqa: BLE001  # whatever it is, the other figures are still wanted
            reason = f"{type(problem).__name__}: {problem}"
    return Measured(f"{module.stem}.{figure}", rows, reason, time.monotonic() - began)


# --- what is printed ----------------------------------------------------------------------------------------------


def show(found: Sequence[Measured]) -> None:
    """Print every row, and of figures that failed why."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "ours", "reference", "ratio", "unit", "against"):
        right = heading in ("ours", "reference", "ratio")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for one in found:
        for made in one.rows:
            ratio = "" if made.ratio is None else f"{made.ratio:.3g}"
            unit = f"{made.unit}, more is better" if made.better == "higher" else made.unit
            table.add_row(made.name, _figure(made.ours), _figure(made.reference), ratio, unit, made.against)
        if one.reason is not None:
            table.add_row(one.figure, "failed", "", "", "", one.reason)
    width = None if sys.stdout.isatty() else WIDE
    Console(highlight=False, markup=False, width=width).print(table)


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# --- a module run alone -------------------------------------------------------------------------------------------


def main(figures: Figures, sides: Sides | None = None) -> None:
    """Run a module of figures: those named, or all, each in a process of its own."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("figure", nargs="*", help=", ".join(figures))
    parser.add_argument("--quick", action="store_true", help="small and once: only to see that it runs")
    # Of the processes that this one starts:
    for option in ("--folder", "--out", "--side"):
        parser.add_argument(option, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if strange := [name for name in given.figure if name not in figures]:
        parser.error(f"{', '.join(strange)}: known are {', '.join(figures)}")
    module = Path(sys.argv[0]).resolve()
    if given.side:
        asked = Asked(Path(given.folder), given.quick)
        _serve(lambda: (sides or {})[given.side](asked))
    elif given.out:
        try:
            rows = figures[given.figure[0]](Asked(Path(given.folder), given.quick))
        except Exception as problem:  # noqa: BLE001  # the last line is what becomes of the row
            traceback.print_exc()
            print(f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}", file=sys.stderr)
            sys.exit(1)
        Path(given.out).write_text(json.dumps([asdict(one) for one in rows]))
    else:
        found = [measured(module, name, quick=given.quick) for name in given.figure or figures]
        show(found)
        sys.exit(int(any(one.reason is not None for one in found)))
