"""A damaged history is set aside as it was found, and every row that can be read of it lives on, unchanged."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from madehistory import assert_same, begin_point, fill, make_answers, make_cell, quick_folder
from test_benchmark_history import python

from automed.benchmark.history import VERSION, History
from automed.benchmark.record import Answers, Cell, Measurement, Point
from automed.benchmark.storage import leaves
from automed.benchmark.storage.store import PAGE
from automed.benchmark.storage.tables import TABLES
from automed.errors import RunError

Kept = dict[tuple[int, str, int, str], Answers]


@pytest.fixture(scope="module")
def whole() -> Iterator[tuple[Path, Kept]]:
    """A history of two points, 64 cells and 32 answers, each of several pages."""
    with quick_folder() as folder:
        yield folder / "medical", fill(folder / "medical")


@pytest.fixture
def folder(whole: tuple[Path, Kept]) -> Iterator[Path]:
    """A copy of it that may be damaged."""
    with quick_folder() as folder:
        yield Path(shutil.copytree(whole[0], folder / "medical"))


def contents(folder: Path) -> tuple[list[Point], list[Cell], list[Any]]:
    """Everything but the answers."""
    with History.open(folder, create=False) as history:
        assert history.recovered is None
        return history.points(), history.cells(), history.measurements()


def damage(folder: Path, at: int, bytes_: bytes) -> bytes:
    """Overwrite a few bytes of the file; what it holds then."""
    file = folder / "history.sqlite"
    data = bytearray(file.read_bytes())
    data[at : at + len(bytes_)] = bytes_
    file.write_bytes(data)
    return bytes(data)


def set_aside(folder: Path) -> list[Path]:
    """The copies of damaged files."""
    return sorted(folder.glob("history-damaged-*"))


def assert_usable(history: History) -> None:
    """A history that was mended goes on like any other."""
    point = begin_point(history)
    history.append(make_cell(point.id), make_answers(seed=5))
    assert_same(history.answers(point.id, "breast", 0, "automed"), make_answers(seed=5))
    assert history.points()[-1] == point
    plain = sqlite3.connect(history.file)
    with pytest.raises(sqlite3.IntegrityError, match="only added to"):
        plain.execute("DELETE FROM cells")
    assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    # Answers without their cell are kept; nothing else hangs in the air.
    assert {table for table, *_ in plain.execute("PRAGMA foreign_key_check")} <= {"answers"}
    assert plain.execute("PRAGMA user_version").fetchone() == (VERSION,)
    plain.close()


def assert_true(
    history: History, before: tuple[list[Point], list[Cell], list[Any]], kept: Kept, every: int = 1
) -> None:
    """Nothing that a mended history holds differs from what was written; answers of one in `every` cells are read."""
    points = {point.id: point for point in before[0]}
    for point in history.points():
        assert point == points[point.id] or (point.digest == "" and point.packages == {})
    cells = history.cells()
    assert [cell for cell in before[1] if cell in cells] == cells
    assert {cell.point for cell in cells} <= {point.id for point in history.points()}
    for cell in cells[::every]:
        answers = history.answers(cell.point, *cell.key)
        if answers is not None:
            assert_same(answers, kept[cell.point, *cell.key])
    assert all(measured in before[2] for measured in history.measurements())


def test_a_whole_file_is_read_leaf_by_leaf_as_sqlite_reads_it(whole: tuple[Path, Kept]) -> None:
    """Every row of every table, those with long chains of pages among them, and no other."""
    file = whole[0] / "history.sqlite"
    found = {(table.name, row["id"]): row for table, row in leaves.rows(file)}
    plain = sqlite3.connect(file)
    plain.row_factory = sqlite3.Row
    wanted = {
        (table.name, row["id"]): dict(row) for table in TABLES for row in plain.execute(f"SELECT * FROM {table.name}")
    }
    plain.close()
    assert found == wanted
    assert len(wanted) == 2 + 64 + 32 + 4 + 2


def _empty(data: bytes) -> bytes:
    return b""


def _text(data: bytes) -> bytes:
    return b"recipe,seed,engine\nbreast,0,automed\n" * 200


def _zeros(data: bytes) -> bytes:
    return bytes(len(data))


@pytest.mark.parametrize(
    ("change", "why"),
    [(_empty, "it holds no bytes"), (_text, "it is no SQLite file"), (_zeros, "it is no SQLite file")],
)
def test_a_file_that_holds_nothing_of_a_history(folder: Path, change: Callable[[bytes], bytes], why: str) -> None:
    """Is set aside, and a new history is begun; both are said."""
    file = folder / "history.sqlite"
    damaged = change(file.read_bytes())
    file.write_bytes(damaged)
    with History.open(folder) as history:
        (copy,) = set_aside(folder)
        assert copy.read_bytes() == damaged
        assert re.fullmatch(r"history-damaged-\d{8}T\d{6}Z\.sqlite", copy.name)
        assert history.recovered == (
            f"history.sqlite was damaged ({why}): nothing in it could be read, and a new history is begun; "
            f"the damaged file is kept as {copy.name}."
        )
        assert history.points() == []
        assert_usable(history)
    with History.open(folder) as history:
        assert history.recovered is None
    assert len(set_aside(folder)) == 1


@pytest.mark.parametrize("share", [0.4, 0.5, 0.9])
def test_a_cut_file_keeps_every_row_before_the_cut(folder: Path, whole: tuple[Path, Kept], share: float) -> None:
    """Whose pages are all there; the others are counted as far as they can be."""
    before = contents(folder)
    file = folder / "history.sqlite"
    data = file.read_bytes()
    cut = int(len(data) * share)
    file.write_bytes(data[:cut])
    # Rows on pages before the cut, by their seals; on the page that is cut, a row may be whole or not.
    plain = sqlite3.connect(whole[0] / "history.sqlite")
    seals = [seal.encode() for (seal,) in plain.execute("SELECT seal FROM cells")]
    plain.close()
    pages = {seal: data.index(seal) // PAGE for seal in seals}
    readable = sum((page + 1) * PAGE <= cut for page in pages.values())
    with History.open(folder) as history:
        assert history.recovered is not None
        assert f" {len(history.cells())} cells" in history.recovered
        assert "lost" in history.recovered
        assert set_aside(folder)[0].read_bytes() == data[:cut]
        assert len(history.cells()) >= readable > 5
        assert_true(history, before, whole[1])
        assert any(note["event"] == "recovered" for note in history.notes(history.points()[-1].id))
        assert_usable(history)


def test_a_figure_that_changed_on_the_disk_is_found_and_left_out(folder: Path, whole: tuple[Path, Kept]) -> None:
    """Although SQLite finds nothing wrong: the row is not what was written, and is in the copy only."""
    before = contents(folder)
    file = folder / "history.sqlite"
    data = file.read_bytes()
    damage(folder, data.index(b'"value": 0.8125'), b'"value": 0.9125')
    plain = sqlite3.connect(file)
    assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    plain.close()
    with History.open(folder) as history:
        assert history.recovered is not None
        assert re.search(r"\(row \d+ of cells is not what was written\)", history.recovered)
        assert "2 points, 63 cells, the answers of 32 cells, 4 notes and 2 measurements saved" in history.recovered
        assert "at least 1 cell lost" in history.recovered
        assert_true(history, before, whole[1])
        assert len(history.cells()) == 63
        assert_usable(history)
        # The answers of the lost cell are nobody's, and stay nobody's.
        lost = next(cell for cell in before[1] if cell not in history.cells())
        assert history.answers(lost.point, *lost.key) is None


def test_answers_whose_cell_is_lost_never_become_those_of_another(tmp_path: Path) -> None:
    """Where the last cell is lost, the next one does not take its number."""
    with History.open(tmp_path) as history:
        begin_point(history)
        history.append(make_cell(seed=1), make_answers(seed=1))
        history.append(make_cell(seed=2, validation=0.123456), make_answers(seed=2))
    at = history.file.read_bytes().index(b'"architecture": "resnet"')  # rows fill a page from its end: the last one
    damage(tmp_path, at, b'"architecture": "resNet"')
    with History.open(tmp_path) as history:
        assert [cell.seed for cell in history.cells()] == [1]
        history.append(make_cell(seed=3))
        history.append(make_cell(seed=4), make_answers(seed=4))
        assert history.answers(1, "breast", 3, "automed") is None
        assert_same(history.answers(1, "breast", 4, "automed"), make_answers(seed=4))
        assert_same(history.answers(1, "breast", 1, "automed"), make_answers(seed=1))


def test_answers_that_changed_on_the_disk_are_left_out_and_their_cell_is_kept(
    folder: Path, whole: tuple[Path, Kept]
) -> None:
    """In the middle of probabilities."""
    before = contents(folder)
    file = folder / "history.sqlite"
    plain = sqlite3.connect(file)
    blob = plain.execute("SELECT parquet FROM answers WHERE id = 3").fetchone()[0]
    plain.close()
    at = file.read_bytes().index(blob[9000:9100])
    damage(folder, at + 10, bytes([file.read_bytes()[at + 10] ^ 0x10]))
    with History.open(folder) as history:
        assert history.recovered is not None
        assert "at least the answers of 1 cell lost" in history.recovered
        assert history.cells() == before[1]
        assert history.answers(1, "breast", 1, "automed") is None
        assert_true(history, before, whole[1])
    with History.open(folder) as history:
        assert history.recovered is None


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_a_tree_without_its_root_loses_no_row_of_a_leaf(folder: Path, whole: tuple[Path, Kept], table: str) -> None:
    """SQLite finds nothing of the table any more; its leaves are read one by one."""
    before = contents(folder)
    file = folder / "history.sqlite"
    plain = sqlite3.connect(file)
    (root,) = plain.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (rows,) = plain.execute(f"SELECT count(*) FROM {table}").fetchone()
    plain.close()
    data = file.read_bytes()
    is_leaf = data[(root - 1) * PAGE] == 0x0D
    damage(folder, (root - 1) * PAGE, bytes(PAGE))
    with History.open(folder) as history:
        assert history.recovered is not None
        assert_true(history, before, whole[1])
        plain = sqlite3.connect(file)
        (saved,) = plain.execute(f"SELECT count(*) FROM {table}").fetchone()
        plain.close()
        if is_leaf and table == "points":  # two points stand in for two, since their cells are there
            assert [point.digest for point in history.points()] == ["", ""]
            assert history.points()[0].started == before[1][0].ended
            assert "the row of this point is lost" in history.notes(1)[2]["said"]
            assert len(history.cells()) == 64
        elif not is_leaf and table != "notes":
            assert saved == rows
        assert_usable(history)


def test_any_changed_byte_is_found_or_harms_nothing(folder: Path, whole: tuple[Path, Kept]) -> None:
    """Anywhere in the file: what comes back is what was written, and one page's rows at most are lost."""
    before = contents(folder)
    file = folder / "history.sqlite"
    data = file.read_bytes()
    random = np.random.default_rng(11)
    # The first page and the first bytes of pages are where most depends on a byte.
    places = [*random.integers(0, 100, 10), *random.integers(0, len(data), 15)]
    places += [int(page) * PAGE + int(random.integers(0, 12)) for page in random.integers(0, len(data) // PAGE, 12)]
    found = 0
    for place in map(int, places):
        damage(folder, place, bytes([data[place] ^ (1 << int(random.integers(8)))]))
        damaged = file.read_bytes()
        try:
            with History.open(folder) as history:
                found += history.recovered is not None
                assert_true(history, before, whole[1], every=10)
                if history.recovered is None:
                    assert history.cells() == before[1]
                    assert set_aside(folder) == []
                else:
                    assert set_aside(folder)[0].read_bytes() == damaged
                    assert len(history.cells()) >= 64 - 6
        except RunError as problem:  # the version in the header was what changed
            assert "later automed" in problem.what
            assert 60 <= place < 64
            assert file.read_bytes() == damaged
        for copy in set_aside(folder):
            copy.unlink()
        file.write_bytes(data)
    assert found > 12


def test_a_version_that_was_wiped_out_loses_nothing(folder: Path) -> None:
    """A file of version 0 was never a history that was finished; its rows are."""
    before = contents(folder)
    damage(folder, 60, bytes(4))
    with History.open(folder) as history:
        assert history.recovered is not None
        assert "its header names no version" in history.recovered
        assert "no row is known to be lost" in history.recovered
        assert (history.points(), history.cells(), history.measurements()) == before


def test_another_programs_file_is_set_aside(tmp_path: Path) -> None:
    """Under the name of a history, with tables of its own."""
    plain = sqlite3.connect(tmp_path / "history.sqlite")
    plain.execute("CREATE TABLE pages_visited (address)")
    plain.execute("INSERT INTO pages_visited VALUES ('https://example.org')")
    plain.execute("PRAGMA user_version = 1")
    plain.commit()
    plain.close()
    before = (tmp_path / "history.sqlite").read_bytes()
    with History.open(tmp_path) as history:
        assert history.recovered is not None
        assert "it has no table points" in history.recovered
        assert_usable(history)
    assert set_aside(tmp_path)[0].read_bytes() == before


@pytest.mark.parametrize("there", [True, False])
def test_a_journal_that_is_no_longer_wanted_goes_aside_too(folder: Path, there: bool) -> None:
    """It would be played back into the file that takes the damaged one's place."""
    file = folder / "history.sqlite"
    journal = file.with_name("history.sqlite-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(5000))
    if there:
        file.write_text("no longer a database, " * 500)
    else:
        file.unlink()
    before = journal.read_bytes()
    with History.open(folder) as history:
        assert (history.recovered is None) is not there
        assert not journal.exists()
        kept = [copy for copy in set_aside(folder) if copy.name.endswith("-journal")]
        assert [copy.read_bytes() for copy in kept] == [before]
        assert_usable(history)


def test_two_that_are_damaged_within_a_second_are_both_kept(folder: Path) -> None:
    """No copy takes the place of another."""
    for said in ("one", "two", "three"):
        (folder / "history.sqlite").write_text(said * 100)
        History.open(folder).close()
    assert sorted(copy.read_text()[:3] for copy in set_aside(folder)) == ["one", "thr", "two"]


def test_damage_under_an_open_history_is_said_and_mended_when_it_is_opened_next(folder: Path) -> None:
    """A figure that changed since is never handed out."""
    with History.open(folder) as history:
        at = (folder / "history.sqlite").read_bytes().index(b'"value": 0.8125')
        damage(folder, at, b'"value": 0.9125')
        with pytest.raises(RunError, match=r"row \d+ of cells is damaged") as raised:
            history.cells()
        assert "same command again" in str(raised.value.hint)
        (folder / "history.sqlite").write_text("no longer a database, " * 500)
        with pytest.raises(RunError, match="is damaged"):
            history.cells()


def test_a_disk_too_full_to_mend_leaves_the_damaged_file(folder: Path) -> None:
    """Nothing half-made stays beside it, and the error says what to do."""
    damaged = damage(folder, 60, bytes(4))
    child = python(
        """
        import resource
        from pathlib import Path
        from automed.benchmark.history import History
        from automed.errors import RunError
        size = (Path(sys.argv[1]) / "history.sqlite").stat().st_size
        for limit in (size // 2, size - 4096):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                History.open(Path(sys.argv[1]))
            except RunError as problem:
                print(problem.what)
        """,
        folder,
    )
    said = child.communicate(timeout=60)[0]
    assert child.returncode == 0, said
    assert len(said.splitlines()) == 2, said
    assert (folder / "history.sqlite").read_bytes() == damaged
    assert [file.name for file in folder.iterdir() if not file.name.startswith(".history.")] == ["history.sqlite"]
    with History.open(folder) as history:
        assert history.recovered is not None
        assert len(history.cells()) == 64


@pytest.mark.slow
def test_one_of_two_processes_mends(folder: Path) -> None:
    """The other waits and finds it done: one copy, nothing twice."""
    damage(folder, 60, bytes(4))
    code = """
        from pathlib import Path
        from automed.benchmark.history import History
        print("ready", flush=True)
        sys.stdin.readline()
        with History.open(Path(sys.argv[1])) as history:
            print(history.recovered is not None, len(history.cells()))
    """
    children = [python(code, folder, stdin=subprocess.PIPE) for _ in range(2)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = sorted(child.communicate(timeout=60)[0].strip() for child in children)
    assert said == ["False 64", "True 64"]
    assert len(set_aside(folder)) == 1


def survivors(file: Path, gone: set[int], table: str) -> int:
    """How many rows have their leaf and all their overflow pages, by SQLite's own account of the file's pages."""
    plain = sqlite3.connect(file)
    try:
        pages = plain.execute("SELECT path, pageno, pagetype, ncell FROM dbstat WHERE name = ?", (table,)).fetchall()
    except sqlite3.OperationalError:
        pytest.skip("SQLite was built without its dbstat table")
    finally:
        plain.close()
    broken = {path.split("+")[0] for path, number, kind, _ in pages if kind == "overflow" and number in gone}
    count = 0
    for path, number, kind, cells in pages:
        if kind == "leaf" and number not in gone:
            # The path of an overflow page is that of its leaf and the cell's place in it.
            count += cells - sum(cell.rpartition("/")[0] + "/" == path for cell in broken)
    return count


@pytest.mark.parametrize("harm", ["cut", *range(4)])
def test_exactly_the_rows_whose_pages_are_gone_are_lost(
    folder: Path, whole: tuple[Path, Kept], harm: str | int
) -> None:
    """Whether the file's end is missing or pages all over it are zeros, the first and the roots among them."""
    before = contents(folder)
    file = folder / "history.sqlite"
    data = file.read_bytes()
    count = len(data) // PAGE
    if harm == "cut":
        gone = set(range(count * 6 // 10 + 1, count + 1))
        file.write_bytes(data[: count * 6 // 10 * PAGE])
    else:
        random = np.random.default_rng(int(harm))
        gone = {1, *(int(page) for page in random.integers(2, count + 1, 10))}
        for page in gone:
            damage(folder, (page - 1) * PAGE, bytes(PAGE))
    with History.open(folder) as history:
        assert history.recovered is not None
        assert_true(history, before, whole[1])
        plain = sqlite3.connect(file)
        saved = {name: plain.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("cells", "answers")}
        plain.close()
        assert saved == {name: survivors(whole[0] / "history.sqlite", gone, name) for name in saved}
        assert saved["cells"] > 10
        assert_usable(history)


def test_what_is_kept_of_a_measurement_is_json_that_anyone_reads(folder: Path) -> None:
    """Columns are plain: a history can be read without automed."""
    plain = sqlite3.connect(folder / "history.sqlite")
    name, ours, detail = plain.execute("SELECT name, ours, detail FROM measurements").fetchone()
    scores = plain.execute("SELECT scores FROM cells WHERE engine = 'automed'").fetchone()[0]
    plain.close()
    assert (name, ours, json.loads(detail)) == ("epoch, images", 3.5, {})
    assert json.loads(scores)["macro_f1"]["value"] == 0.8125
    assert Measurement(name, ours, None, "s", "x").ratio is None
