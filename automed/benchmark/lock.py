"""Locks of a suite: two runs, or two schedulers, are kept apart; the lock of a process that was killed holds nobody up.

The kernel holds them (flock), so that they end with their process. Who holds one stands in a file beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automed.errors import RunError
from automed.run import disk_errors, now, write_json


@contextmanager
def suite_lock(folder: Path) -> Iterator[None]:
    """Hold a suite's folder for one run.

    Args:
        folder: of the suite's history; made where it is missing.

    Raises:
        RunError: another process runs this suite; who and since when is said.
    """
    with _held(folder / ".lock", "another run of this suite is going on", "Wait for it to end, or stop it."):
        yield


@contextmanager
def schedule_lock(folder: Path) -> Iterator[None]:
    """Hold a suite's folder for one scheduler; its runs take `suite_lock` themselves.

    Raises:
        RunError: another scheduler of this suite is waiting; who and since when is said.
    """
    what = "another scheduler of this suite is at work"
    with _held(folder / ".schedule.lock", what, "One is enough: stop it first to change its times."):
        yield


@contextmanager
def _held(file: Path, what: str, hint: str) -> Iterator[None]:
    import filelock

    holder = file.with_name(f"{file.name}.json")
    guard = filelock.FileLock(file)
    try:
        with disk_errors(file.parent):
            file.parent.mkdir(parents=True, exist_ok=True)
            guard.acquire(timeout=0)
    except filelock.Timeout:
        raise RunError(f"{what}{_who(holder)}", where=str(file.parent), hint=hint) from None
    try:
        write_json(holder, {"pid": os.getpid(), "started": now()})
        yield
    finally:
        # Before the release: after it, the file may be the next holder's.
        with contextlib.suppress(OSError):
            holder.unlink()
        guard.release()


def _who(holder: Path) -> str:
    """Process and start of the holder, in words; nothing where it has not said so yet."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(holder.read_text(encoding="utf-8"))
        return f": process {int(told['pid'])}, since {told['started']}"
    return ""
