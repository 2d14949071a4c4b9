"""The run folder: whole files or none, a ledger that cannot be rewritten unseen, one search at a time, a full disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automed.errors import RunError
from automed.run import (
    Run,
    append_json_line,
    read_json,
    read_json_lines,
    write_atomically,
    write_json,
    write_text,
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run.create("task", "0123456789abcdef", parent=tmp_path / "reports")
    made.describe(status="running", started="2026-01-31T10:15:00+00:00")
    return made


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A reader sees the old content or the new one, never half of it; nothing is left lying about."""
    path = tmp_path / "scores.json"
    write_text(path, "old")

    def fail(file: Path) -> None:
        file.write_text("half")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path: Path) -> None:
    """SIGKILL in the middle of writing, seen from another process."""
    path = tmp_path / "scores.json"
    write_text(path, "old")
    code = (
        "import os, signal, sys; from pathlib import Path; from automed.run import write_atomically\n"
        "def write(file):\n"
        "    file.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(Path(sys.argv[1]), write)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60)
    assert done.returncode == -9
    assert path.read_text() == "old"


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    """models/01-cnn/ need not be there before its first file."""
    write_text(tmp_path / "models" / "01-cnn" / "a.txt", "x")
    assert (tmp_path / "models" / "01-cnn" / "a.txt").read_text() == "x"


def test_numbers_that_json_does_not_have_become_null(tmp_path: Path) -> None:
    """NaN would make a file that browsers and jq refuse; numpy's scalars and arrays are written as numbers."""
    path = tmp_path / "a.json"
    write_json(path, {"nan": float("nan"), "inf": np.inf, "f": np.float32(0.5), "n": np.arange(2), 3: (Path("x"),)})
    assert read_json(path) == {"nan": None, "inf": None, "f": 0.5, "n": [0, 1], "3": ["x"]}


def test_a_missing_or_cut_file_is_named(tmp_path: Path) -> None:
    """Which artefact it was is what a person needs."""
    with pytest.raises(RunError, match=r"a\.json: is missing"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"status": "do')
    with pytest.raises(RunError, match=r"a\.json: is damaged"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("cut", [b'{"event": "epo', '{"text": "gr\u00f6'.encode()[:-1], b"{"])
def test_a_last_line_that_a_kill_cut_is_left_out(tmp_path: Path, cut: bytes) -> None:
    """Whole lines count, even where the cut goes through a letter; the next line does not stick to the cut one."""
    path = tmp_path / "trials.jsonl"
    append_json_line(path, {"event": "start"})
    append_json_line(path, {"event": "epoch"})
    with path.open("ab") as file:
        file.write(cut)
    assert [entry["event"] for entry in read_json_lines(path)] == ["start", "epoch"]
    append_json_line(path, {"event": "end"})
    assert [entry["event"] for entry in read_json_lines(path)] == ["start", "epoch", "end"]


def test_lines_are_kept_in_order_and_whole(tmp_path: Path) -> None:
    """Texts with line ends and any sign inside stay one line."""
    path = tmp_path / "trials.jsonl"
    said = ["plain", "two\nlines", "ä\u2028ö", '"quoted"', ""]
    for text in said:
        append_json_line(path, {"text": text})
    assert [entry["text"] for entry in read_json_lines(path)] == said


# --- folders --------------------------------------------------------------------------------------------------------


def test_two_runs_in_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    """Same recipe, same time, same hash: the second is numbered."""
    first, second = (Run.create("task", "abc", parent=tmp_path) for _ in range(2))
    assert first.folder != second.folder
    assert first.folder.parent == tmp_path / "task"


def test_a_folder_that_is_not_empty_is_not_taken(tmp_path: Path) -> None:
    """--out never mixes a run with other files; the hint says how to go on with a run."""
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="not empty") as caught:
        Run.create("task", "abc", out=tmp_path)
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint


def test_a_folder_without_manifest_is_no_run(tmp_path: Path) -> None:
    """And the error says what is missing."""
    with pytest.raises(RunError, match=r"has no manifest\.json"):
        Run.open(tmp_path)


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    """By the time in their names, over all recipes; other folders are passed over."""
    for name in ("a/20260101T000000Z-1", "b/20260301T000000Z-2", "a/20260201T000000Z-3", "mine"):
        Run(tmp_path / name).describe(status="done")
    (tmp_path / "gallery" / "picture").mkdir(parents=True)
    found = [run.folder.relative_to(tmp_path).as_posix() for run in Run.all(tmp_path)]
    assert [name for name in found if "/" in name] == [
        "b/20260301T000000Z-2",
        "a/20260201T000000Z-3",
        "a/20260101T000000Z-1",
    ]
    assert "mine" in found


def test_facts_are_added_to_the_manifest(run: Run) -> None:
    """What is known already stays; what is told again is replaced."""
    run.describe(status="done", ended="later")
    manifest = read_json(run.manifest)
    assert manifest["status"] == "done"
    assert manifest["started"] == "2026-01-31T10:15:00+00:00"


def test_only_finalists_with_a_model_count(run: Run) -> None:
    """A folder that a kill left half made is no finalist; ranks decide the order."""
    for rank, name, whole in ((2, "cnn", True), (1, "resnet", True), (3, "cnn", False)):
        finalist = run.finalist(rank, name)
        finalist.folder.mkdir(parents=True)
        if whole:
            finalist.model.write_bytes(b"zip")
    assert [finalist.name for finalist in run.finalists()] == ["01-resnet", "02-cnn"]


# --- ledger ---------------------------------------------------------------------------------------------------------


def fill(run: Run, lines: int = 5) -> list[str]:
    for number in range(lines):
        run.log("test_read" if number % 2 else "note", number=number, text="größer\n")
    return run.ledger.read_text(encoding="utf-8").splitlines()


def test_an_unbroken_ledger_is_counted(run: Run) -> None:
    """And every look at the test set with it."""
    fill(run, 5)
    assert run.verify_ledger() == 5
    assert run.looks_at_test() == 2


def test_processes_that_write_at_the_same_time_keep_the_chain_and_every_fact(run: Run) -> None:
    """A search and an explanation may work in one run: no line is lost, and each follows from the one before."""
    write = (
        "import sys; from pathlib import Path; from automed.run import Run\n"
        "run, name = Run(Path(sys.argv[1])), sys.argv[2]\n"
        "for number in range(25): run.log('note', number=number); run.describe(**{f'{name}{number}': number})\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", write, str(run.folder), name]) for name in "abc"]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert run.verify_ledger() == 75
    assert sum(key[1:].isdigit() for key in read_json(run.manifest)) == 75


def test_an_empty_ledger_holds(run: Run) -> None:
    """Nothing has been written, nothing can be wrong."""
    assert run.verify_ledger() == 0
    assert run.looks_at_test() == 0


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_a_changed_removed_or_inserted_line_is_found(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is done to a line that others follow breaks the chain there or at the next line."""
    run = Run(tmp_path)
    run.ledger.unlink(missing_ok=True)
    lines = fill(run, 6)
    place = data.draw(st.integers(0, len(lines) - 2))
    act = data.draw(st.sampled_from(["change", "remove", "insert", "swap", "rehash"]))
    entry = json.loads(lines[place])
    if act == "change":
        lines[place] = json.dumps({**entry, "number": 99})
    elif act == "remove":
        del lines[place]
    elif act == "insert":
        lines.insert(place, lines[place])
    elif act == "swap":
        lines[place], lines[place + 1] = lines[place + 1], lines[place]
    else:
        lines[place] = json.dumps({**entry, "number": 99, "hash": "0" * 64})
    run.ledger.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"line \d+ does not follow from the line before") as caught:
        run.verify_ledger()
    assert str(run.ledger) in str(caught.value)


def test_a_ledger_goes_on_after_a_cut_line(run: Run) -> None:
    """A kill while writing costs that line; what is logged later still follows from the last whole line."""
    fill(run, 3)
    with run.ledger.open("ab") as file:
        file.write(b'{"time": "2026')
    run.log("resumed")
    assert run.verify_ledger() == 4


# --- one search at a time -------------------------------------------------------------------------------------------

HOLD = (
    "import sys; from pathlib import Path; from automed.run import Run\n"
    "with Run(Path(sys.argv[1])).lock():\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def holder(run: Run) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused(run: Run, holder: subprocess.Popen[str]) -> None:
    """Two searches on one run folder would tear it apart; the second is told at once, with what to do."""
    with pytest.raises(RunError, match="another search is working in this run folder") as caught, run.lock():
        pass
    assert caught.value.hint is not None
    assert caught.value.exit_code == 1


def test_a_killed_process_frees_the_run(run: Run, holder: subprocess.Popen[str]) -> None:
    """The lock dies with its process: nothing has to be deleted by hand before a resume."""
    holder.kill()
    holder.wait()
    before = run.verify_ledger()
    with run.lock():
        run.log("resumed")
    assert run.verify_ledger() == before + 1, "the run was entered and written to"


def test_the_lock_is_free_again_after_an_error(run: Run) -> None:
    """A failed search can be resumed from the same process."""
    with pytest.raises(RuntimeError), run.lock():
        raise RuntimeError
    with run.lock():
        pass


# --- full and forbidden disks ---------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_told_and_leaves_the_old_file(small_disk: Path) -> None:
    """What was finished stays, the message names the file and what is free, the hint says how to go on."""
    run = Run(small_disk / "run")
    run.describe(status="running")
    path = run.folder / "weights.bin"
    write_text(path, "old")

    def write(file: Path) -> None:
        file.write_bytes(bytes(2_000_000))

    with pytest.raises(RunError, match="the disk is full") as caught:
        write_atomically(path, write)
    assert caught.value.where == str(path)
    assert "MB free" in caught.value.what
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint
    assert caught.value.exit_code == 1
    assert path.read_text() == "old"
    assert read_json(run.manifest) == {"status": "running"}


def test_a_full_disk_costs_at_most_the_line_that_was_written(small_disk: Path) -> None:
    """Lines that were there before can still be read, and lines go on once there is room."""
    path = small_disk / "trials.jsonl"
    append_json_line(path, {"event": "start"})
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    with pytest.raises(RunError, match="the disk is full"):
        append_json_line(path, {"event": "x" * 10_000})
    assert read_json_lines(path)[0] == {"event": "start"}
    filler.unlink()
    append_json_line(path, {"event": "end"})
    assert [entry["event"] for entry in read_json_lines(path)] == ["start", "end"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the option that leads elsewhere."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RunError, match="cannot be written") as caught:
            Run.create("task", "abc", out=tmp_path / "run")
        assert caught.value.hint == "Choose a folder with --out."
    finally:
        tmp_path.chmod(0o700)
