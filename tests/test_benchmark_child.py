"""A cell's process: limits on time, memory and cores that its descendants cannot escape. Real processes, real kills."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from automed.benchmark.cells import child
from automed.errors import UsageError


def ran(tmp_path: Path, code: str, **limits) -> child.Ended:
    return child.run([sys.executable, "-c", code], tmp_path / "log.txt", environment=os.environ, **limits)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(found, seconds: float = 10.0):
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.05)
    return found()


def test_a_process_that_ends_by_itself_tells_its_code_and_its_last_line(tmp_path):
    """What went wrong is the last line that is not blank, whatever came before it."""
    ended = ran(tmp_path, "import sys; print('first'); print('second\\n\\n', file=sys.stderr); sys.exit(3)")
    assert (ended.why, ended.code, ended.last) == ("ended", 3, "second")


def test_one_that_is_soon_over_has_used_memory_too(tmp_path):
    """A majority class takes a fifth of a second."""
    assert ran(tmp_path, "import time; time.sleep(.15)").memory_mb > 1


def test_one_that_hangs_is_killed_with_all_that_it_started(tmp_path):
    """Its child has left the session, and is found all the same."""
    code = (
        "import subprocess, sys, time\n"
        "one = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "print(one.pid, flush=True); time.sleep(600)"
    )
    ended = ran(tmp_path, code, seconds=2.0)
    assert ended.why == "time"
    assert ended.seconds < 60
    assert until(lambda: gone(int(ended.last)))


def test_one_that_eats_memory_is_stopped_at_its_limit(tmp_path):
    """The limit is of all its processes together: here each of two holds half."""
    eat = "import time; kept = bytearray(200_000_000); kept[::4096] = b'x' * len(kept[::4096]); time.sleep(600)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {eat!r}]); exec({eat!r})"
    ended = ran(tmp_path, code, memory_mb=350, seconds=60)
    assert ended.why == "memory"
    assert ended.memory_mb > 350


def test_it_uses_no_more_cores_than_it_may(tmp_path):
    """The limit is inherited by what it starts."""
    code = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', "
        "'import os, time; time.sleep(.3); print(len(os.sched_getaffinity(0)))'])"
    )
    assert ran(tmp_path, code, cores=1).last == "1"


def test_it_is_interrupted_when_the_user_stops(tmp_path):
    """Stopping is asked for first, so that it can end its own processes."""
    code = "import time\ntry:\n time.sleep(600)\nexcept KeyboardInterrupt:\n print('ended cleanly')"
    began = time.monotonic()
    ended = ran(tmp_path, code, stop=lambda: time.monotonic() > began + 1.5)
    assert (ended.why, ended.last) == ("stopped", "ended cleanly")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_it_ends_when_the_benchmark_is_killed(tmp_path):
    """kill -9 of the benchmark leaves no rival behind."""
    note = tmp_path / "pid"
    inner = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    code = (
        "import os, sys; from pathlib import Path; from automed.benchmark.cells import child\n"
        f"child.run([sys.executable, '-c', {inner!r}], Path({str(tmp_path / 'log.txt')!r}), environment=os.environ)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    assert until(lambda: note.exists() and note.read_text().isdigit(), 30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert until(lambda: gone(int(note.read_text())))


def test_a_program_that_is_not_there_is_the_users_mistake(tmp_path):
    """The message names the program and the option."""
    with pytest.raises(UsageError, match="No such file") as caught:
        child.run(["/nowhere/python"], tmp_path / "log.txt", environment=os.environ)
    assert caught.value.where == "/nowhere/python"
    assert "--python" in caught.value.hint
