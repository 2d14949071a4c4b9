"""A history of benchmarks keeps what it is given, exactly and for good, whatever happens to the process that writes."""

from __future__ import annotations

import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from madehistory import STARTED, assert_same, begin_point, make_answers, make_cell, quick_folder

from automed.benchmark.history import VERSION, History
from automed.benchmark.record import Answers, Cell, Measurement
from automed.benchmark.storage import store
from automed.benchmark.storage.blob import pack, unpack
from automed.errors import DataError, RunError

TESTS = Path(__file__).parent
ROOT = TESTS.parent


def python(code: str, *arguments: object, by: Sequence[str] = (), **options: Any) -> subprocess.Popen[str]:
    """A process of its own that runs `code`, which finds its arguments in sys.argv, started with the command `by`."""
    head = f"import sys\nsys.path[:0] = [{str(ROOT)!r}, {str(TESTS)!r}]\n"
    command = [*by, sys.executable, "-c", head + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A history with one point."""
    with History.open(tmp_path / "medical") as opened:
        begin_point(opened)
        yield opened


# --- what is kept -------------------------------------------------------------------------------------------------


def test_a_new_history_is_empty_and_one_file(tmp_path: Path) -> None:
    """Opening a suite's folder for the first time makes it, and a file that holds nothing yet."""
    with History.open(tmp_path / "reports" / "medical") as history:
        assert (history.points(), history.cells(), history.measurements(), history.recovered) == ([], [], [], None)
        assert history.file == tmp_path / "reports" / "medical" / "history.sqlite"
        assert [file.name for file in history.folder.iterdir() if not file.name.startswith(".")] == ["history.sqlite"]
        with sqlite3.connect(history.file) as plain:
            assert plain.execute("PRAGMA user_version").fetchone() == (VERSION,)
            assert plain.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        plain.close()


def test_a_history_that_is_only_read_is_not_begun(tmp_path: Path) -> None:
    """Without `create` a missing history is an error that says what begins one, and no folder appears."""
    with pytest.raises(RunError, match="there is no history") as raised:
        History.open(tmp_path / "medical", create=False)
    assert "benchmark run" in str(raised.value.hint)
    assert not (tmp_path / "medical").exists()


def test_points_count_up_and_come_back_as_they_were(tmp_path: Path) -> None:
    """Every fact of a point is kept, in a history that is opened anew."""
    with History.open(tmp_path) as history:
        first = begin_point(history, hardware={"gpus": [], "memory_gb": 7.5})
        second = begin_point(history, revision=None)
    with History.open(tmp_path, create=False) as history:
        assert history.points() == [first, second]
        assert [point.id for point in history.points()] == [1, 2]
        assert history.point(1).hardware == {"gpus": [], "memory_gb": 7.5}
        assert history.point(2).revision is None
        with pytest.raises(RunError, match="there is no point 3"):
            history.point(3)


def test_a_clock_that_was_moved_back_changes_no_order_and_is_noted(history: History) -> None:
    """Points stay in the order in which they were run; the one that seems to start too early says so."""
    begin_point(history, started="2026-03-01T03:00:00+00:00")
    begin_point(history, started="2026-03-01T04:30:00+02:00")  # half past two in UTC, although it reads later
    begin_point(history, started="2026-03-01T02:45:00+00:00")
    assert [point.id for point in history.points()] == [1, 2, 3, 4]
    events = [[note["event"] for note in history.notes(point)] for point in (1, 2, 3, 4)]
    assert events == [["started"], ["started", "clock_back"], ["started", "clock_back"], ["started"]]
    assert history.notes(2)[1]["last"] == STARTED


def test_cells_come_back_in_the_order_in_which_they_were_added(history: History) -> None:
    """Whatever their names, and of one point where one is asked for."""
    second = begin_point(history).id
    added = [
        make_cell(second, recipe="z", engine="classical"),
        make_cell(1, recipe="y", status="failed", reason="took longer than 660 s", scores={}, validation=None),
        make_cell(second, recipe="a", seed=3, status="unsuited", reason="reads no text", trials=None, fingerprint=None),
    ]
    for cell in added:
        history.append(cell)
    assert history.cells() == added
    assert history.cells(second) == [added[0], added[2]]
    assert history.cells(99) == []


def test_a_cell_is_added_once(history: History) -> None:
    """A second cell of the same recipe, seed and engine in one point is refused, and the first stays."""
    history.append(make_cell(), make_answers())
    with pytest.raises(RunError, match="point 1 has breast, seed 0, automed already") as raised:
        history.append(make_cell(validation=0.99), make_answers(seed=9))
    assert raised.value.hint
    assert history.cells() == [make_cell()]
    assert_same(history.answers(1, "breast", 0, "automed"), make_answers())
    history.append(make_cell(begin_point(history).id))


def test_nothing_is_added_to_a_point_that_is_not_there(history: History) -> None:
    """A cell, a note or a figure of an unknown point is refused."""
    for add in (
        lambda: history.append(make_cell(7)),
        lambda: history.note(7, "ended"),
        lambda: history.measure(7, Measurement("start", 1.0, None, "s", "nothing")),
    ):
        with pytest.raises(RunError, match="no point 7"):
            add()
    assert history.cells() == []


@pytest.mark.parametrize(("task", "classes"), [("multiclass", 3), ("multiclass", 2), ("ordinal", 4), ("multilabel", 5)])
def test_answers_come_back_bit_for_bit(history: History, task: str, classes: int) -> None:
    """Of every task, so that a comparison years later is of what was said then."""
    answers = make_answers(50, classes, task)
    history.append(make_cell(), answers)
    found = history.answers(1, "breast", 0, "automed")
    assert_same(found, answers)
    assert found is not None
    assert found.sample().task == task


def test_a_cell_without_answers_has_none(history: History) -> None:
    """As has a cell that is not there."""
    history.append(make_cell(status="failed", reason="no memory", scores={}))
    assert history.answers(1, "breast", 0, "automed") is None
    assert history.answers(1, "icu", 0, "automed") is None


def test_answers_whose_shapes_disagree_are_refused_with_their_cell(history: History) -> None:
    """Nothing of the cell is kept."""
    answers = make_answers()
    with pytest.raises(DataError, match=r"patient has the shape \(59,\), wanted \(60,\)"):
        history.append(make_cell(), replace(answers, patient=answers.patient[1:]))
    assert history.cells() == []


def test_measurements_and_notes_come_back_as_they_were(history: History) -> None:
    """With the sizes and settings that belong to them, numbers of numpy as plain ones."""
    kept = [
        Measurement("epoch, images", 3.5, 3.25, "s", "bare keras.fit", detail={"records": np.int64(500)}),
        Measurement("peak memory", 900.0, None, "MB", "nothing"),
        Measurement("decoding", 1e4, 8e3, "records/s", "one thread", better="higher"),
    ]
    for measurement in kept:
        history.measure(1, measurement)
    history.note(1, "hook", code=1, said="no mail", time="of the hook's own")
    second = begin_point(history).id
    history.measure(second, kept[0])
    assert history.measurements() == [(1, kept[0]), (1, kept[1]), (1, kept[2]), (2, kept[0])]
    assert history.measurements(2) == [(2, kept[0])]
    hook = history.notes(1)[1]
    assert (hook["event"], hook["code"], hook["said"]) == ("hook", 1, "no mail")
    assert hook["time"].startswith("20")


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
NAMES = st.text(st.characters(), min_size=1, max_size=30)  # halves of surrogate pairs among them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | NUMBERS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def plain(value: Any) -> Any:
    """The same with None for what is no number."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def utf8(value: str) -> str:
    """The same with what UTF-8 cannot hold spelt out."""
    return value.encode("utf-8", "backslashreplace").decode()


@pytest.fixture(scope="module")
def shared() -> Iterator[History]:
    """A history that many examples are put into, each into a point of its own."""
    with quick_folder() as folder:
        with History.open(folder) as opened:
            yield opened
        with History.open(folder, create=False) as again:
            assert again.recovered is None


NO_NUMBERS = {"f1": {"value": math.nan, "ci95": [-math.inf, math.inf], "deep": [{"inner": math.nan}]}}


@settings(max_examples=60)
@example(cell=make_cell(scores=NO_NUMBERS, detail=NO_NUMBERS, validation=math.nan))
@example(
    cell=make_cell(
        recipe="Hautl\u00e4sionen \u76ae\u80a4 \U0001fa7a", engine="\u0646\u0645\u0648\u0630\u062c", validation=-0.0
    )
)
@given(
    cell=st.builds(
        Cell,
        point=st.just(1),
        recipe=NAMES,
        digest=NAMES,
        seed=st.integers(0, 2**63 - 1),
        engine=NAMES,
        status=st.sampled_from(["done", "failed", "unsuited"]),
        reason=st.none() | NAMES,
        scores=st.dictionaries(NAMES, st.dictionaries(NAMES, JSON, max_size=3), max_size=3),
        validation=st.none() | NUMBERS,
        seconds=st.floats(0, 1e9) | st.integers(0, 10**9),
        memory_mb=st.floats(0, 1e9),
        trials=st.none() | st.integers(0, 10**6),
        fingerprint=st.none() | NAMES,
        ended=NAMES,
        detail=st.dictionaries(NAMES, JSON, max_size=3),
    )
)
def test_any_cell_comes_back_as_it_was(cell: Cell, shared: History) -> None:
    """But for what is no number, which becomes None, and halves of characters in names, which are spelt out."""
    cell = replace(cell, point=begin_point(shared).id)
    shared.append(cell)
    with pytest.raises(RunError, match="already"):
        shared.append(cell)
    (found,) = shared.cells(cell.point)
    texts = {name: utf8(getattr(cell, name)) for name in ("recipe", "digest", "engine", "ended")}
    maybe = {
        name: None if getattr(cell, name) is None else utf8(getattr(cell, name)) for name in ("reason", "fingerprint")
    }
    data = {name: plain(getattr(cell, name)) for name in ("scores", "validation", "detail")}
    assert found == replace(cell, **texts, **maybe, **data)


@st.composite
def any_answers(draw: st.DrawFn) -> Answers:
    """Answers of any task, size and values."""
    task = draw(st.sampled_from(["multiclass", "ordinal", "multilabel"]))
    n, classes = draw(st.integers(0, 12)), draw(st.integers(1, 5))
    shape = (n, classes) if task == "multilabel" else (n,)
    whole = st.integers(-(2**63), 2**63 - 1)
    names = st.text(st.characters(codec="utf-8"), max_size=20)
    return Answers(
        record=draw(arrays(np.int64, n, elements=whole)),
        patient=draw(arrays(np.int64, n, elements=whole)),
        y=draw(arrays(np.int64, shape, elements=whole)),
        predicted=draw(arrays(np.int64, shape, elements=whole)),
        probabilities=draw(arrays(np.float64, (n, classes), elements=st.floats(allow_nan=True))),
        classes=tuple(draw(st.lists(names, min_size=classes, max_size=classes))),
        task=task,
        positive=draw(st.none() | st.integers(0, classes - 1)),
    )


@given(answers=any_answers())
def test_any_answers_survive_packing(answers: Answers) -> None:
    """Bit for bit, classes of any script, none of any records."""
    assert_same(unpack(pack(answers)), answers)


def test_answers_of_a_float32_network_take_half_their_size(history: History) -> None:
    """Years of weekly runs are kept: probabilities that were float32 cost no more than float32."""
    answers = make_answers(2000, 7)
    short = replace(answers, probabilities=answers.probabilities.astype(np.float32).astype(np.float64))
    assert len(pack(short)) < 0.55 * (short.probabilities.nbytes + 3 * short.record.nbytes)


# --- only added to ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["points", "cells", "answers", "notes", "measurements"])
def test_no_row_can_be_changed_removed_or_replaced(history: History, table: str) -> None:
    """By any program that opens the file; SQLite refuses."""
    history.append(make_cell(), make_answers())
    history.measure(1, Measurement("start", 1.0, None, "s", "nothing"))
    before = history.file.read_bytes()
    plain = sqlite3.connect(history.file)
    plain.execute("PRAGMA recursive_triggers = OFF")  # what most builds have: then REPLACE asks no DELETE trigger
    for statement in (
        f"UPDATE {table} SET seal = ''",
        f"UPDATE {table} SET id = id + 1",
        f"DELETE FROM {table}",
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        f"REPLACE INTO {table} SELECT * FROM {table}",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            plain.execute(statement)
        plain.rollback()
    plain.close()
    assert history.file.read_bytes() == before


def test_a_cell_cannot_be_replaced_under_another_id(history: History) -> None:
    """Its recipe, seed and engine are taken."""
    history.append(make_cell())
    plain = sqlite3.connect(history.file)
    names = [name for _, name, *_ in plain.execute("PRAGMA table_info(cells)")]
    values = ", ".join("5" if name == "id" else name for name in names)
    with pytest.raises(sqlite3.IntegrityError, match="only added to"):
        plain.execute(f"INSERT OR REPLACE INTO cells SELECT {values} FROM cells")
    plain.close()


# --- versions -----------------------------------------------------------------------------------------------------


def test_a_history_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    """Not a byte of it changes, nothing appears beside it, and the error says what to do."""
    with History.open(tmp_path) as history:
        begin_point(history)
    plain = sqlite3.connect(history.file)
    plain.execute(f"PRAGMA user_version = {VERSION + 1}")
    plain.execute("CREATE TABLE of_the_future (x)")
    plain.commit()
    plain.close()
    before, there, stat = history.file.read_bytes(), sorted(tmp_path.iterdir()), history.file.stat()
    for create in (True, False):
        with pytest.raises(RunError, match=rf"its version is {VERSION + 1}, this one reads {VERSION}") as raised:
            History.open(tmp_path, create=create)
        assert "Update automed" in str(raised.value.hint)
    assert history.file.read_bytes() == before
    assert history.file.stat().st_mtime_ns == stat.st_mtime_ns
    assert sorted(tmp_path.iterdir()) == there


# --- processes ----------------------------------------------------------------------------------------------------

DYING = """
    import os, signal
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from pathlib import Path
    from madehistory import make_answers, make_cell
    from automed.benchmark.history import History

    @event.listens_for(Engine, "before_cursor_execute")
    def small(connection, cursor, statement, *_):
        cursor.execute("PRAGMA cache_size = 5")  # pages go to the file before the transaction ends

    @event.listens_for(Engine, "after_cursor_execute")
    def die(connection, cursor, statement, *_):
        if statement.startswith("INSERT INTO answers"):
            os.kill(os.getpid(), signal.SIGKILL)

    with History.open(Path(sys.argv[1])) as history:
        history.append(make_cell(seed=1), make_answers(20_000))
"""


def test_a_kill_between_a_cell_and_its_commit_leaves_neither(history: History) -> None:
    """Although pages of it are in the file already: the journal takes them back when it is opened next."""
    history.append(make_cell(), make_answers())
    size = history.file.stat().st_size
    child = python(DYING, history.folder)
    assert child.wait(60) == -signal.SIGKILL, child.communicate()[0]
    child.communicate()
    journal = history.file.with_name("history.sqlite-journal")
    assert journal.stat().st_size > 0
    assert history.file.stat().st_size > size
    with History.open(history.folder) as again:
        assert again.recovered is None
        assert again.cells() == [make_cell()]
        assert_same(again.answers(1, "breast", 0, "automed"), make_answers())
        again.append(make_cell(seed=1), make_answers(seed=1))
        assert len(again.cells()) == 2
    assert not journal.exists()


APPENDING = """
    from pathlib import Path
    from madehistory import make_answers, make_cell
    from automed.benchmark.history import History

    with History.open(Path(sys.argv[1])) as history:
        answers = make_answers(3000)
        print("ready", flush=True)
        for seed in range(int(sys.argv[3])):
            history.append(make_cell(engine=sys.argv[2], seed=seed), answers)
            print(seed, flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_keeps_every_cell_that_was_done(history: History) -> None:
    """What `append` came back from is there, whole; what it was at is there whole or not at all."""
    random = np.random.default_rng(3)
    done = 0
    for turn in range(6):
        child = python(APPENDING, history.folder, f"turn {turn}", 100_000)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for _ in range(int(random.integers(1, 4))):
            child.stdout.readline()
            done += 1
        time.sleep(random.uniform(0, 0.05))
        child.kill()
        child.communicate()
        with History.open(history.folder) as again:
            assert again.recovered is None
            cells = again.cells()
            assert len(cells) >= done
            assert [cell.seed for cell in cells if cell.engine == cells[-1].engine] == list(
                range(sum(cell.engine == cells[-1].engine for cell in cells))
            )
            for cell in cells[-3:]:
                assert_same(again.answers(1, *cell.key), make_answers(3000))


@pytest.mark.slow
def test_two_writers_take_turns(history: History) -> None:
    """Nothing of either is lost, and ids stay in order."""
    children = [python(APPENDING, history.folder, engine, 25) for engine in ("automed", "classical")]
    said = [child.communicate(timeout=60)[0].split() for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    cells = history.cells()
    assert sorted(cell.key for cell in cells) == [("breast", s, e) for s in range(25) for e in ("automed", "classical")]
    for engine in ("automed", "classical"):
        assert [cell.seed for cell in cells if cell.engine == engine] == list(range(25))


def test_a_writer_that_is_kept_waiting_too_long_says_so(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what another is about to write is not seen before it is written."""
    monkeypatch.setattr(store, "PATIENCE", 0.2)
    other = sqlite3.connect(history.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO notes VALUES (99, 1, 'now', 'ended', '{}', '')")
    with pytest.raises(RunError, match="another process has been writing") as raised:
        history.append(make_cell())
    assert raised.value.hint
    assert [note["event"] for note in history.notes(1)] == ["started"]
    other.execute("ROLLBACK")
    other.close()
    history.append(make_cell())
    assert history.cells() == [make_cell()]


# --- disks --------------------------------------------------------------------------------------------------------

FILLING = """
    import resource
    from pathlib import Path
    from madehistory import begin_point, make_answers, make_cell
    from automed.benchmark.history import History
    from automed.errors import RunError

    history = History.open(Path(sys.argv[1]))
    begin_point(history)
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    for seed in range(1000):
        try:
            history.append(make_cell(seed=seed), make_answers(3000, seed=seed))
        except RunError as problem:
            print(seed, problem, sep="|")
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(len(history.cells()))
"""


def _filled(child: subprocess.Popen[str]) -> int:
    said = child.communicate(timeout=120)[0]
    assert child.returncode == 0, said
    failed, message = said.split("|", 1)
    assert "the disk is full" in message
    assert "What was finished is kept" in message
    assert message.rstrip().endswith(f"\n{failed}")  # what was read in the same process: all but the one that failed
    return int(failed)


def test_a_limit_on_the_size_of_files_costs_one_cell(tmp_path: Path) -> None:
    """The cell that no longer fits is refused whole; the others are kept, and more can be added when there is room."""
    kept = _filled(python(FILLING, tmp_path, 2_000_000))
    assert kept > 3
    with History.open(tmp_path) as history:
        assert history.recovered is None
        assert [cell.seed for cell in history.cells()] == list(range(kept))
        assert_same(history.answers(1, "breast", kept - 1, "automed"), make_answers(3000, seed=kept - 1))
        history.append(make_cell(seed=kept), make_answers(3000))


def test_a_full_disk_costs_one_cell(tmp_path: Path) -> None:
    """On a file system of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        kept = _filled(python(FILLING, disk / "medical"))
        assert kept > 3
        with History.open(disk / "medical") as history:
            assert history.recovered is None
            assert len(history.cells()) == kept
            assert_same(history.answers(1, "breast", kept - 1, "automed"), make_answers(3000, seed=kept - 1))
            with pytest.raises(RunError, match="the disk is full"):
                history.append(make_cell(seed=kept), make_answers(6000))
            (disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
            with pytest.raises(RunError, match="the disk is full"):
                History.open(disk / "another")
            (disk / "filler").unlink()
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            with History.open(disk / "medical", create=False) as read:
                assert len(read.cells()) == kept
                with pytest.raises(RunError, match="permission"):
                    read.note(1, "ended")
            with pytest.raises(RunError, match="permission"):
                History.open(disk / "another")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


READING = """
    from pathlib import Path
    from madehistory import make_cell
    from automed.benchmark.history import History
    from automed.errors import RunError

    folder = Path(sys.argv[1])
    with History.open(folder) as history:
        print(len(history.cells()), len(history.points()))
        for attempt in (lambda: history.append(make_cell(seed=5)), lambda: History.open(folder / "another")):
            try:
                attempt()
            except RunError as problem:
                print(problem.what, problem.hint, sep="|")
"""


def test_a_folder_that_may_not_be_written_can_be_read(tmp_path: Path) -> None:
    """By whoever may read it; a cell that is to be added is refused with what to do."""
    folder = tmp_path / "medical"
    try:
        with History.open(folder) as history:
            begin_point(history)
            history.append(make_cell(), make_answers())
        history.file.chmod(0o444)
        folder.chmod(0o555)
        mortal: list[str] = []
        if os.geteuid() == 0:  # whom permissions do not bind
            if shutil.which("setpriv") is None:
                pytest.skip("needs setpriv to give up the rights of root")
            mortal = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        lines = python(READING, folder, by=mortal).communicate(timeout=60)[0].splitlines()
        assert lines[0] == "1 1", lines
        assert all("permission" in line and "once it can be written" in line for line in lines[1:])
        assert len(lines) == 3
    finally:
        folder.chmod(0o755)


def test_a_history_that_was_moved_away_is_not_begun_anew(history: History) -> None:
    """An open history whose file has gone says so, and leaves no empty file behind."""
    history.file.rename(history.folder / "elsewhere.sqlite")
    for use in (history.points, lambda: history.append(make_cell())):
        with pytest.raises(RunError, match="is gone"):
            use()
    assert not history.file.exists()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """With an error that names it."""
    (tmp_path / "medical").write_text("not a folder")
    with pytest.raises(RunError, match="medical"):
        History.open(tmp_path / "medical")
