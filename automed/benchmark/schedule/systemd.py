"""A timer and its service for systemd, and the user's own units, where they can be installed.

Source: systemd.service(5), systemd.syntax(7), systemd.timer(5) and systemd.time(7).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from automed.benchmark.schedule.job import Job, unit
from automed.errors import AutomedError, RunError
from automed.run import disk_errors, write_text

# Signs that systemd takes in no path of a program; env starts it then.
_UNSAFE = frozenset("\"'\\")
_PLAIN = re.compile(r"[A-Za-z0-9@+=:,./_-]+")
_ASK_SECONDS = 60.0

SERVICE = """\
# Made by: automed benchmark schedule {name}
[Unit]
Description=automed benchmark {name}

[Service]
Type=oneshot
WorkingDirectory={here}
{environment}ExecStart={command}
# Asked to stop, it leaves the cell that is running and keeps what was finished; the next run goes on there.
KillSignal=SIGINT
KillMode=mixed
TimeoutStopSec=120
SuccessExitStatus=130
Nice=10
"""
TIMER = """\
# Made by: automed benchmark schedule {name}
[Unit]
Description=automed benchmark {name}: when

[Timer]
{calendars}
# A run that was missed while the machine was off is made up for once.
Persistent=true

[Install]
WantedBy=timers.target
"""


def render(job: Job) -> dict[str, str]:
    """The texts of the units, by file name."""
    environment = "".join(f"Environment={_quoted(f'{key}={value}')}\n" for key, value in job.environment().items())
    # The colon keeps systemd from looking for variables in the words behind it.
    first = "" if not _UNSAFE & set(job.command()[0]) else "/usr/bin/env "
    command = f":{first}" + " ".join(_quoted(word) for word in job.command())
    service = SERVICE.format(name=job.name, here=_escaped(str(job.here)), environment=environment, command=command)
    calendars = "\n".join(f"OnCalendar={one}" for one in job.cron.calendars())
    return {f"{job.unit}.service": service, f"{job.unit}.timer": TIMER.format(name=job.name, calendars=calendars)}


class Units:
    """The units of one user; `environ` says where they lie."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environment = dict(environ)
        home = Path(environ.get("HOME") or Path.home())
        self.folder = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "systemd" / "user"
        data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        self._stamps = data / "systemd" / "timers"  # when a timer last ran

    def install(self, job: Job) -> str:
        """Write the units of a job and start its timer; what was there before is replaced.

        Returns:
            What a person should know.

        Raises:
            RunError: systemd is not there or refuses; then the files are as before.
        """
        texts = render(job)
        systemctl = self._systemctl()
        before = {name: self._text(name) for name in texts}
        try:
            for name, text in texts.items():
                with disk_errors(self.folder):
                    self.folder.mkdir(parents=True, exist_ok=True)
                write_text(self.folder / name, text)
            self._ask(systemctl, "daemon-reload")
            self._ask(systemctl, "enable", f"{job.unit}.timer")
            # A timer that is running keeps its old times until then.
            self._ask(systemctl, "restart", f"{job.unit}.timer")
        except AutomedError:
            self._put_back(systemctl, f"{job.unit}.timer", before)
            raise
        return (
            f"{self.folder / f'{job.unit}.timer'} is active. It waits while you are logged in; "
            "for longer: loginctl enable-linger"
        )

    def remove(self, suite: str) -> bool:
        """Stop the timer of a suite and delete its units; a run that is going on ends by itself.

        Returns:
            Whether there was anything.

        Raises:
            RunError: systemd is not there or refuses; then the files are as before.
        """
        name = unit(suite)
        files = [self.folder / f"{name}.timer", self.folder / f"{name}.service"]
        if not any(file.exists() for file in files):
            return False
        systemctl = self._systemctl()
        if files[0].exists():
            self._ask(systemctl, "disable", "--now", f"{name}.timer")
        for file in (*files, self._stamps / f"stamp-{name}.timer"):
            with disk_errors(file):
                file.unlink(missing_ok=True)
        self._ask(systemctl, "daemon-reload")
        return True

    def _text(self, name: str) -> str | None:
        file = self.folder / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def _put_back(self, systemctl: str, timer: str, before: Mapping[str, str | None]) -> None:
        """Leave things as they were; systemd has refused already, so that what it says now is no news."""
        if before[timer] is None:
            with contextlib.suppress(RunError):
                self._ask(systemctl, "disable", timer)
        for name, text in before.items():
            if text is None:
                (self.folder / name).unlink(missing_ok=True)
            else:
                write_text(self.folder / name, text)
        with contextlib.suppress(RunError):
            self._ask(systemctl, "daemon-reload")

    def _systemctl(self) -> str:
        found = shutil.which("systemctl", path=self._environment.get("PATH"))
        if found is None:
            raise RunError(
                "systemctl is not installed: this machine has no systemd",
                where="--for systemd",
                hint="Use --for crontab, or run it yourself with --foreground.",
            )
        return found

    def _ask(self, systemctl: str, *words: str) -> None:
        asked = [systemctl, "--user", *words]
        try:
            done = subprocess.run(
                asked, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
                env=self._environment, timeout=_ASK_SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as problem:
            raise RunError(f"cannot be asked: {type(problem).__name__}", where="systemctl --user") from None
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise RunError(
                said[0][:200] if said else f"ended with exit code {done.returncode}",
                where=f"systemctl --user {' '.join(words)}",
                hint="Systemd must run for this user: log in as them (no su), or call: loginctl enable-linger USER. "
                "Else use --for crontab, or --foreground.",
            )


def _quoted(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    inner = _escaped(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
