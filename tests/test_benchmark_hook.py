"""The hook that is told a verdict: whatever becomes of it, the benchmark stands."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from automed.benchmark import hook

VERDICT = {"version": 1, "suite": "smoke", "verdict": "same", "sentence": "Nothing changed."}


def test_a_hook_is_told_the_verdict_twice(tmp_path: Path) -> None:
    """On its input, and in the file that the environment names."""
    command = f"sh -c 'cat > {tmp_path}/given; cp \"$AUTOMED_VERDICT\" {tmp_path}/named'"
    assert hook.call(command, VERDICT, where=tmp_path) is None
    assert json.loads((tmp_path / "given").read_text()) == json.loads((tmp_path / "named").read_text()) == VERDICT


def test_no_shell_reads_a_hook(tmp_path: Path) -> None:
    """What a shell would do with a semicolon is not done."""
    hook.call(f"echo a; touch {tmp_path}/made", VERDICT, where=tmp_path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sh -c 'echo first >&2; echo the pager is out >&2; exit 3'", "ended with exit code 3: the pager is out"),
        ("sh -c 'kill -9 $$'", "ended by signal 9"),
        ("/nowhere/tell.sh", "cannot be started: No such file"),
        ("say 'so", "was not called: cannot be read as a command"),
        ("  ", "was not called: is empty"),
        ("sh -c 'head -c 3000000 /dev/zero | tr \"\\0\" x; exit 1'", "ended with exit code 1: xxx"),
    ],
)
def test_a_hook_that_fails_is_said_and_no_more(tmp_path: Path, command: str, said: str) -> None:
    """One short sentence comes back, and no error is raised."""
    problem = hook.call(command, VERDICT, where=tmp_path)
    assert problem is not None
    assert said in problem
    assert len(problem) < 300


def test_a_hook_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """Its time is limited, and what it started goes with it."""
    command = f"sh -c 'sleep 60 & echo $! > {tmp_path}/child; wait'"
    began = time.monotonic()
    assert hook.call(command, VERDICT, seconds=0.5, where=tmp_path) == "the hook sh was stopped after 0.5 s"
    assert time.monotonic() - began < 5
    time.sleep(0.1)
    assert not _alive(int((tmp_path / "child").read_text()))


def test_a_hook_that_leaves_a_child_behind_holds_nothing_up(tmp_path: Path) -> None:
    """The child has the hook's output open; nobody waits for it."""
    began = time.monotonic()
    assert hook.call(f"sh -c 'sleep 3 & echo $! > {tmp_path}/child'", VERDICT, where=tmp_path) is None
    assert time.monotonic() - began < 2
    _kill(int((tmp_path / "child").read_text()))


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
