"""One line for cron, and the user's own crontab, in which it can be installed.

Source: crontab(1) and crontab(5).
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from automed.benchmark.schedule.cron import same_zone, zone
from automed.benchmark.schedule.job import Job
from automed.errors import RunError, UsageError

LONGEST = 990  # signs of a command: Debian's cron cuts what is longer than 998, without a word
LOG = "schedule.log"
_ASK_SECONDS = 60.0


def marker(suite: str) -> str:
    """What ends the line of a suite, by which it is found again."""
    return f"# automed benchmark {suite}"


def render(job: Job) -> dict[str, str]:
    """The line, by the name of its file."""
    return {"crontab": line(job) + "\n"}


def line(job: Job) -> str:
    """The line of a job.

    Raises:
        UsageError: its time zone is not this machine's, in which cron works; or it is longer than cron takes.
    """
    here = machine_zone()
    if not same_zone(job.cron.zone, here):
        raise UsageError(
            f"cron works in this machine's time zone, {here.key}, and in no other",
            where=f"--timezone {job.cron.zone.key}",
            hint=f"Give the times in {here.key}, or use --for systemd.",
        )
    variables = [f"{key}={value}" for key, value in job.environment().items()]
    words = [*(["env", *variables] if variables else []), *job.command()]
    command = (
        f"mkdir -p {shlex.quote(str(job.folder))} && cd {shlex.quote(str(job.here))} && {shlex.join(words)}"
        f" >> {shlex.quote(str(job.folder / LOG))} 2>&1 {marker(job.name)}"
    )
    # Cron reads a bare % as the end of the command, and takes one of two backslashes away.
    escaped = command.replace("\\", "\\\\").replace("%", "\\%")
    if len(escaped.encode()) > LONGEST:
        raise UsageError(
            f"the line would have {len(escaped.encode())} signs: cron takes {LONGEST}",
            where="--for crontab",
            hint="Write the hook into a script with a short name, or use --for systemd.",
        )
    return f"{job.cron.text} {escaped}"


def machine_zone() -> ZoneInfo:
    """The time zone that cron works in: the machine's, whatever $TZ says to this process."""
    _, found, name = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")
    return zone(name if found else None)


class Crontab:
    """The crontab of this user."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        # Its messages are read, so they must be English.
        self._environment = {**environ, "LC_ALL": "C"}

    def install(self, job: Job) -> str:
        """Put the line of a job into the crontab, in the place of an older one; other lines stay as they are.

        Returns:
            What a person should know.

        Raises:
            RunError: cron is not there, or refuses.
            UsageError: as of `line`.
        """
        own = line(job).encode() + b"\n"
        before = self._read()
        lines = before.splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += b"\n"
        places = [place for place, text in enumerate(lines) if _is_of(text, job.name)]
        if places:
            lines[places[0]] = own
        else:
            lines.append(own)
        after = b"".join(text for place, text in enumerate(lines) if place not in places[1:])
        if after != before:
            self._write(after)
        return f"The crontab has the line; what the runs say goes to {job.folder / LOG}"

    def remove(self, suite: str) -> bool:
        """Take the line of a suite out of the crontab.

        Returns:
            Whether there was one.

        Raises:
            RunError: cron is not there, or refuses.
        """
        before = self._read()
        after = b"".join(text for text in before.splitlines(keepends=True) if not _is_of(text, suite))
        if after == before:
            return False
        if after:
            self._write(after)
        else:
            self._ask("-r")
        return True

    def _read(self) -> bytes:
        done = self._run("-l")
        if done.returncode == 0:
            return done.stdout
        if b"no crontab" in done.stderr.lower():
            return b""
        # Any other failure: writing now would lose what is in there.
        raise _refused("-l", done)

    def _write(self, text: bytes) -> None:
        self._ask("-", text)

    def _ask(self, option: str, text: bytes = b"") -> None:
        done = self._run(option, text)
        if done.returncode != 0:
            raise _refused(option, done)

    def _run(self, option: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        found = shutil.which("crontab", path=self._environment.get("PATH"))
        if found is None:
            raise RunError(
                "crontab is not installed",
                where="--for crontab",
                hint="Install cron (apt install cron), use --for systemd, or run it yourself with --foreground.",
            )
        try:
            return subprocess.run(
                [found, option], input=text, capture_output=True, env=self._environment, timeout=_ASK_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as problem:
            raise RunError(f"cannot be asked: {type(problem).__name__}", where=f"crontab {option}") from None


def _is_of(text: bytes, suite: str) -> bool:
    # Not a comment of the user's that ends alike.
    return text.rstrip(b"\r\n").endswith(b" " + marker(suite).encode()) and not text.lstrip().startswith(b"#")


def _refused(option: str, done: subprocess.CompletedProcess[bytes]) -> RunError:
    said = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
    what = said[-1][:200] if said else f"ended with exit code {done.returncode}"
    return RunError(what, where=f"crontab {option}", hint="The crontab is as it was. See: man crontab")
