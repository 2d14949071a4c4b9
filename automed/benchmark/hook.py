"""The hook: a command of the user's that is told the verdict and passes it on, to mail, chat or pager.

Whatever becomes of it, the benchmark stands: a hook that fails is said, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from automed.errors import AutomedError, UsageError
from automed.run import write_json
from automed.runtime import environ

VERDICT = "verdict.json"
TAIL = 200  # characters of a failed hook's last line that are kept


def split(command: str) -> list[str]:
    """A command as the list of its words; no shell reads it, unless it says `sh -c '...'` itself.

    Raises:
        UsageError: it is empty, or a quotation is not closed.
    """
    try:
        words = shlex.split(command)
    except ValueError as problem:
        raise UsageError(f"cannot be read as a command: {str(problem).lower()}", where="--hook") from None
    if not words:
        raise UsageError("is empty", where="--hook", hint="Name a command, as in --hook './notify.sh team@example.org'")
    return words


def call(command: str, verdict: Mapping[str, Any], *, seconds: float = 60.0, where: Path) -> str | None:
    """Call a hook with a verdict: as JSON on its input, and in the file that $AUTOMED_VERDICT names.

    Args:
        command: as the user wrote it.
        verdict: plain data; what `verdict.summary` returns.
        seconds: after which the hook is killed with all that it started in its group.
        where: the folder that keeps the file.

    Returns:
        What went wrong, in one sentence; None where nothing did.
    """
    try:
        words, file = split(command), where / VERDICT
        write_json(file, verdict)
        with tempfile.TemporaryFile() as out, file.open("rb") as given:
            return _call(words, {**environ(), "AUTOMED_VERDICT": str(file.resolve())}, seconds, given, out)
    except AutomedError as problem:
        return f"the hook was not called: {problem.what}"
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        return f"the hook was not called: {reason}"


def _call(
    words: Sequence[str], environment: Mapping[str, str], seconds: float, given: IO[bytes], out: IO[bytes]
) -> str | None:
    # Files and no pipes: a hook that reads nothing, says too much or leaves a child behind holds nothing up.
    try:
        process = subprocess.Popen(
            list(words), stdin=given, stdout=out, stderr=out, env=dict(environment), start_new_session=True
        )
    except OSError as problem:
        return f"the hook {words[0]} cannot be started: {problem.strerror}"
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"the hook {words[0]} was stopped after {seconds:g} s"
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code == 0:
        return None
    how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
    last = _last_line(out)
    return f"the hook {words[0]} ended {how}" + (f": {last}" if last else "")


def _last_line(out: IO[bytes]) -> str:
    size = out.seek(0, os.SEEK_END)
    out.seek(max(0, size - 4096))
    lines = out.read().decode("utf-8", errors="replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "".join(sign for sign in last if sign.isprintable())[:TAIL]
