"""Every figure of speed and memory as a ratio to something measured beside it; `make bench`.

    .venv/bin/python tests/performance/bench.py                       # about seven minutes on two idle cores
    .venv/bin/python tests/performance/bench.py --only decoding       # the figures of one module
    .venv/bin/python tests/performance/bench.py --only startup.commands --quick

Prints one table, and adds each row to the history of the suite `performance` under `--in`. A figure that cannot be
measured is a row that says why, and makes the exit code 1; how fast or slow something is never does.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import decoding
import explaining
import measuring
import memory
import pages
import resampling
import searching
import startup
import training
from measuring import ROOT, Measured

from automed.benchmark.cells.code import code_digest, packages
from automed.benchmark.history import History
from automed.benchmark.lock import suite_lock
from automed.errors import AutomedError
from automed.run import now
from automed.runtime import git_revision, hardware

SUITE = "performance"
MODULES = (startup, decoding, training, searching, explaining, resampling, pages, memory)


def figures(only: list[str]) -> list[tuple[Path, str]]:
    """Module file and name of each figure that is wanted; `only` names modules, or figures as module.figure.

    Raises:
        SystemExit: a name that is not known.
    """
    found = {f"{module.__name__}.{name}": Path(module.__file__ or "") for module in MODULES for name in module.FIGURES}
    known = {*found, *(module.__name__ for module in MODULES)}
    if strange := [name for name in only if name not in known]:
        sys.exit(f"bench: {', '.join(strange)} is not measured here; known are {', '.join(sorted(known))}")
    wanted = [key for key in found if not only or key in only or key.partition(".")[0] in only]
    return [(found[key], key.partition(".")[2]) for key in wanted]


def bench(wanted: list[tuple[Path, str]], parent: Path, *, quick: bool) -> list[Measured]:
    """Measure, and add each row to the history as soon as it is there."""
    folder, done = parent / SUITE, list[Measured]()
    with suite_lock(folder), History.open(folder) as history:
        if history.recovered:
            print(history.recovered, file=sys.stderr)
        point = history.start(
            suite=SUITE,
            digest=sha256(",".join(f"{module.stem}.{name}" for module, name in wanted).encode()).hexdigest(),
            started=now(),
            revision=git_revision(ROOT),
            code=code_digest(),
            packages=packages(),
            hardware=hardware(),
            budget={"quick": quick},
        )
        for place, (module, name) in enumerate(wanted, 1):
            print(f"{place}/{len(wanted)} {module.stem}.{name}", file=sys.stderr, flush=True)
            found = measuring.measured(module, name, quick=quick)
            done.append(_kept(history, point.id, found))
        with contextlib.suppress(AutomedError):  # what could not be kept has been said with its figure
            history.note(point.id, "ended")
    return done


def _kept(history: History, point: int, found: Measured) -> Measured:
    """The same, once it is in the history; where it cannot be written, the table still shows it and says so."""
    try:
        for row in found.rows:
            history.measure(point, row)
        if found.reason is not None:
            history.note(point, "failed", figure=found.figure, reason=found.reason)
    except AutomedError as problem:
        return replace(found, reason=f"not in the history: {problem.what}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a module, or module.figure")
    parser.add_argument("--in", dest="parent", type=Path, default=ROOT / "reports" / "benchmarks", metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="small and once: only to see that everything runs")
    given = parser.parse_args()
    wanted = figures(given.only)
    try:
        found = bench(wanted, given.parent, quick=given.quick)
    except AutomedError as problem:
        sys.exit(f"bench: {problem}")
    measuring.show(found)
    print(f"{sum(one.seconds for one in found):.0f} s; kept in {given.parent / SUITE}")
    sys.exit(int(any(one.reason is not None for one in found)))


if __name__ == "__main__":
    main()
