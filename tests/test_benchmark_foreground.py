"""The scheduler in the foreground, as processes that are really stopped and killed, and the locks of a suite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from automed.benchmark.lock import schedule_lock, suite_lock
from automed.errors import RunError

SERVER = """\
import sys
from datetime import timedelta
from pathlib import Path
from automed.benchmark.schedule.foreground import serve
from automed.errors import AutomedError

def after(moment):
    moment = moment.astimezone().replace(microsecond=0)
    while True:
        moment += timedelta(seconds=1)
        if {period} == 1 or moment.year > 2100 or {period} == 0:
            yield moment if {period} else moment.replace(year=2100)

try:
    serve({command!r}, after, Path({folder!r}), environment={{}}, patience={patience},
          listen=lambda event: print(event.text, flush=True))
except AutomedError as problem:
    print(problem, flush=True)
    sys.exit(problem.exit_code)
"""
# Writes when it begins and ends; on SIGINT it says so and leaves as an interrupted benchmark does.
TASK = """\
import os, signal, sys, time
log = open({log!r}, "a", buffering=1)
def stop(*_):
    log.write("interrupted\\n")
    sys.exit(130)
signal.signal(signal.SIGINT, {on_interrupt})
log.write(f"begin {{os.getpid()}}\\n")
time.sleep({seconds})
log.write("end\\n")
"""


class Scheduler:
    """A scheduler in a process of its own, with a command that sleeps."""

    def __init__(
        self, folder: Path, *, seconds: float = 0.1, period: int = 1, patience: float = 10, deaf: bool = False
    ) -> None:
        self.log = folder / "log"
        on_interrupt = "signal.SIG_IGN" if deaf else "stop"
        task = TASK.format(log=str(self.log), on_interrupt=on_interrupt, seconds=seconds)
        command = [sys.executable, "-c", task]
        text = SERVER.format(period=period, command=command, folder=str(folder / "suite"), patience=patience)
        self.process = subprocess.Popen(
            [sys.executable, "-c", text],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def lines(self) -> list[str]:
        """What its commands have written so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def wait_for(self, start: str, count: int = 1) -> list[str]:
        """Until so many lines begin with `start`."""
        until = time.monotonic() + 20
        while sum(line.startswith(start) for line in self.lines()) < count:
            assert time.monotonic() < until and self.process.poll() is None, self.lines()
            time.sleep(0.02)
        return self.lines()

    def ended(self) -> tuple[int, str]:
        """Its exit code, and all that it said."""
        said, _ = self.process.communicate(timeout=20)
        return self.process.returncode, said


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Scheduler]]:
    """Start schedulers; whatever becomes of a test, none is left over."""
    started: list[Scheduler] = []

    def begin(**how: Any) -> Scheduler:
        started.append(Scheduler(tmp_path, **how))
        return started[-1]

    yield begin
    for one in started:
        for line in one.lines():
            if line.startswith("begin"):
                _kill(int(line.split()[1]))
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_scheduler_lets_its_benchmark_end_by_itself(start: Callable[..., Scheduler], sign: int) -> None:
    """The benchmark is interrupted as by Ctrl-C, and the scheduler says that it can be gone on with."""
    one = start(seconds=60)
    pid = int(one.wait_for("begin")[0].split()[1])
    one.process.send_signal(sign)
    code, said = one.ended()
    assert (code, one.lines()[-1]) == (130, "interrupted")
    assert "stopped while the benchmark was running" in said
    assert not _alive(pid)


def test_a_benchmark_that_does_not_stop_is_killed(start: Callable[..., Scheduler]) -> None:
    """After its patience the scheduler ends it, and says so."""
    one = start(seconds=60, patience=0.5, deaf=True)
    pid = int(one.wait_for("begin")[0].split()[1])
    one.process.send_signal(signal.SIGTERM)
    code, said = one.ended()
    assert code == 130
    assert "is killed" in said
    assert not _alive(pid)


def test_a_scheduler_that_waits_stops_at_once(start: Callable[..., Scheduler]) -> None:
    """Nothing was running: that is no interruption."""
    one = start(period=0)
    assert one.process.stdout is not None
    assert one.process.stdout.readline().startswith("next run: ")
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(timeout=10) == 0
    assert one.lines() == []


@pytest.mark.slow
def test_one_run_at_a_time(start: Callable[..., Scheduler]) -> None:
    """Due every second and three seconds long: no two overlap, and what was left out is said."""
    one = start(seconds=2.5)
    lines = one.wait_for("begin", 2)
    assert [line.split()[0] for line in lines] == ["begin", "end", "begin"]
    one.process.send_signal(signal.SIGTERM)
    assert "it is left out" in one.ended()[1]


@pytest.mark.slow
def test_runs_missed_in_sleep_are_made_up_for_once(start: Callable[..., Scheduler]) -> None:
    """A machine that slept over six times runs once for them, not six times."""
    one = start(seconds=0)
    one.wait_for("end")
    os.kill(one.process.pid, signal.SIGSTOP)
    before = sum(line.startswith("begin") for line in one.lines())
    time.sleep(6)
    os.kill(one.process.pid, signal.SIGCONT)
    began = time.monotonic()
    one.wait_for("begin", before + 1)
    time.sleep(0.7)
    made_up = sum(line.startswith("begin") for line in one.lines()) - before
    assert made_up <= 2 + (time.monotonic() - began)


def test_a_second_scheduler_of_a_suite_is_refused(start: Callable[..., Scheduler], tmp_path: Path) -> None:
    """It names the first one's process, which goes on."""
    first = start(seconds=60)
    first.wait_for("begin")
    code, said = start().ended()
    assert code == 1
    assert f"another scheduler of this suite is at work: process {first.process.pid}, since " in said
    assert first.process.poll() is None


def test_a_killed_scheduler_holds_nobody_up(start: Callable[..., Scheduler], tmp_path: Path) -> None:
    """After kill -9 its lock is free."""
    first = start(seconds=60)
    first.wait_for("begin")
    first.process.kill()
    assert first.process.wait() == -signal.SIGKILL
    second = start()
    second.wait_for("begin", 2)
    assert second.process.poll() is None


# --- locks ---------------------------------------------------------------------------------------------------------

HOLDER = """\
import sys, time
from pathlib import Path
from automed.benchmark.lock import suite_lock
with suite_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_runs_of_a_suite_are_kept_apart_until_the_first_is_killed(tmp_path: Path) -> None:
    """The error names process and start of the holder; kill -9 frees the lock."""
    folder = tmp_path / "suite"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=rf"process {holder.pid}, since \d{{4}}-"), suite_lock(folder):
            pass
        with schedule_lock(folder):  # a scheduler may wait while its run is going on
            pass
        holder.kill()
    with suite_lock(folder):
        assert json.loads((folder / ".lock.json").read_text())["pid"] == os.getpid()
    assert not (folder / ".lock.json").exists()
