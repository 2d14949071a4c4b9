"""Running a suite: every cell is a row, and nothing finished is lost: real rivals, real kills."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from automed.benchmark import conduct
from automed.benchmark.cells import handover
from automed.benchmark.history import History
from automed.benchmark.suite import Suite, load
from automed.data.dataset import Dataset
from automed.errors import Interrupted, RunError, UsageError
from automed.run import Run

RECIPE = {
    "name": "spots",
    "data": {"source": "phantom", "phantom": "dermoscopy", "records": 700, "difficulty": 0.2},
    "inputs": {"lesion": {"kind": "image", "size": [16, 16], "channels": 3}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a recipe of small phantoms in it."""
    (tmp_path / "spots.yaml").write_text(yaml.safe_dump(RECIPE))
    return tmp_path


def suite(folder: Path, **changes) -> Suite:
    file = folder / "suite.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "name": "spotty",
                "recipes": ["spots.yaml"],
                "seeds": [0, 1],
                "engines": ["majority", "classical"],
                "budget": {"minutes": 0.1},
                **changes,
            },
            sort_keys=False,
        )
    )
    return load(file, environ=os.environ)


def run(folder: Path, found: Suite, **options) -> conduct.Done:
    named = {key: options.pop(key) for key in ("only", "pythons") if key in options}
    return conduct.run(found, conduct.plan(found, **named), parent=folder / "out", **options)


def history(folder: Path) -> History:
    return History.open(folder / "out" / "spotty", create=False)


@pytest.mark.slow
def test_every_recipe_seed_and_engine_is_a_row_with_scores_and_answers(folder):
    """The rival's answers about the test records are kept in the order of their rows, and their score is the cell's."""
    from sklearn.metrics import f1_score

    done = run(folder, suite(folder, seeds=[0]))
    assert done.whole
    assert [cell.key for cell in done.cells] == [("spots", 0, "majority"), ("spots", 0, "classical")]
    assert {cell.status for cell in done.cells} == {"done"}
    with history(folder) as kept:
        for cell in done.cells:
            said = kept.answers(done.point.id, *cell.key)
            assert np.all(np.diff(said.record) > 0)
            assert cell.value() == pytest.approx(f1_score(said.y, said.predicted, average="macro", zero_division=0))
            assert cell.scores["macro_f1"]["n"] == len(said.y)
            assert cell.seconds > 0 and cell.memory_mb > 0
        assert [note["event"] for note in kept.notes(done.point.id)][-1] == "ended"
    best = max(done.cells, key=lambda cell: cell.value())
    assert best.engine == "classical"


@pytest.mark.slow
def test_a_run_of_the_same_suite_is_another_point_once_the_first_is_whole(folder):
    """Two points of one state of the code are what shows that nothing has changed."""
    found = suite(folder, seeds=[0], engines=["majority"])
    assert [run(folder, found).point.id for _ in range(2)] == [1, 2]


@pytest.mark.slow
def test_what_was_left_out_is_run_when_it_is_asked_for(folder):
    """--only leaves a point that is not whole, and the next run fills it."""
    found = suite(folder, seeds=[0], engines=["majority", "minirocket"])
    part = run(folder, found, only=("majority",))
    assert (part.whole, len(part.cells)) == (False, 1)
    rest = run(folder, found)
    assert (rest.point.id, rest.whole, len(rest.cells)) == (part.point.id, True, 2)
    with history(folder) as kept:
        assert "resumed" in [note["event"] for note in kept.notes(rest.point.id)]


@pytest.mark.slow
def test_a_point_is_not_gone_on_with_after_the_suite_has_changed(folder):
    """Half of one task and half of another would be compared as one."""
    run(folder, suite(folder, seeds=[0]), only=("majority",))
    told = []
    done = run(folder, suite(folder, seeds=[0], budget={"minutes": 0.2}), only=("majority",), listen=told.append)
    assert done.point.id == 2
    assert any("the suite has changed" in getattr(event, "text", "") for event in told)


@pytest.mark.slow
def test_what_cannot_run_is_a_row_that_says_why(folder):
    """No data, no interpreter, no input of its kind: the other cells go on."""
    (folder / "lost.yaml").write_text(
        yaml.safe_dump(
            {
                **RECIPE,
                "name": "lost",
                "data": {"source": "npz", "file": "nowhere.npz", "classes": {"0": "no", "1": "yes"}},
            }
        )
    )
    engines = ["optuna", "minirocket", "majority", {"name": "autokeras", "python": "${NOT_SET_ANYWHERE}"}]
    found = suite(folder, recipes=["lost.yaml", "spots.yaml"], seeds=[0], engines=engines)
    done = run(folder, found, pythons=("optuna=/nowhere/python",))
    rows = {cell.key: cell for cell in done.cells}
    assert done.whole
    assert "NOT_SET_ANYWHERE, which is not set" in rows["spots", 0, "autokeras"].reason
    assert {rows["lost", 0, engine].status for engine in ("optuna", "minirocket", "majority")} == {"failed"}
    assert "nowhere.npz" in rows["lost", 0, "majority"].reason or "no" in rows["lost", 0, "majority"].reason
    assert (rows["spots", 0, "optuna"].status, "cannot be started" in rows["spots", 0, "optuna"].reason) == (
        "failed",
        True,
    )
    assert (rows["spots", 0, "minirocket"].status, rows["spots", 0, "minirocket"].reason) == (
        "unsuited",
        "reads no image",
    )
    assert rows["spots", 0, "majority"].status == "done"


def script(folder: Path, name: str, text: str) -> Path:
    """An interpreter of a rival's own: a program that is handed a script and a folder."""
    file = folder / name
    file.write_text(
        f"#!{sys.executable}\nimport sys, time\nfrom pathlib import Path\nfolder = Path(sys.argv[2])\n{text}\n"
    )
    file.chmod(0o755)
    return file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time.sleep(600)", r"took longer than"),
        (
            "kept = bytearray(900_000_000); kept[::4096] = b'x' * len(kept[::4096]); time.sleep(600)",
            r"used more than 0\.5 GB",
        ),
        ("sys.exit('the rival lost its way')", r"the rival lost its way"),
        ("pass", r"is missing"),
        ("(folder / 'answer.json').write_text('{}'); (folder / 'answer.npz').write_text('no')", r"holds no answer"),
    ],
)
def test_a_rival_that_hangs_eats_memory_fails_or_answers_nothing_is_a_row(folder, monkeypatch, text, said):
    """It is stopped at its limit, and the reason stands in its row."""
    monkeypatch.setattr("automed.benchmark.suite.GRACE", 2.0)
    found = suite(folder, seeds=[0], engines=["optuna"], budget={"minutes": 0.05, "patience": 1, "memory_gb": 0.5})
    done = run(folder, found, pythons=(f"optuna={script(folder, 'python', text)}",))
    (cell,) = done.cells
    assert cell.status == "failed"
    assert re.search(said, cell.reason), cell.reason


@pytest.mark.slow
def test_a_rival_is_not_handed_the_reference_standard_of_the_test(folder):
    """Whatever it does with the files, it cannot have looked."""
    keep = folder / "kept"
    text = f"import shutil; shutil.copytree(folder, {str(keep)!r}); sys.exit(1)"
    found = suite(folder, seeds=[0], engines=["optuna"])
    run(folder, found, pythons=(f"optuna={script(folder, 'python', text)}",))
    with np.load(keep / "test.npz") as test, np.load(keep / "train.npz") as train:
        assert set(test.files) == {"x_lesion"}
        assert set(train.files) == {"x_lesion", "y"}
    assert sorted(file.name for file in keep.iterdir()) == ["task.json", "test.npz", "train.npz", "validation.npz"]
    assert not list((folder / "out").rglob("given"))  # the records do not stay


@pytest.mark.slow
def test_answers_that_are_no_probabilities_are_refused(folder):
    """A rival that answers about other records, or with scores, has not answered."""
    found = suite(folder, seeds=[0], engines=["majority"])
    run(folder, found)
    data = Dataset.open(Run(folder / "out" / "spotty" / "data" / found.digest_of("spots")[:12]))
    settings = found.recipe("spots", seed=0).evaluate
    n, m, k = len(data.part("validation")), len(data.part("test")), len(data.classes)
    place = folder / "answers"
    place.mkdir()
    (place / "answer.json").write_text("{}")
    for wrong in (np.full((m - 1, k), 1 / k), np.full((m, k), np.nan), np.full((m, k), 3.0), np.full((m, k), 0.9)):
        np.savez(place / "answer.npz", validation=np.full((n, k), 1 / k), test=wrong)
        with pytest.raises(RunError):
            handover.take(data, place, "optuna", settings, 0)


@pytest.mark.slow
def test_a_benchmark_that_is_killed_goes_on_where_it_was(folder):
    """kill -9 after the first cell: the next run keeps that cell, and runs the others."""
    suite(folder, seeds=list(range(30)), engines=["majority"])
    command = [sys.executable, "-m", "automed", "benchmark", "run", "suite.yaml", "--in", "out"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = folder / "out" / "spotty" / "history.sqlite"

    def cells() -> int:
        if not file.is_file():
            return 0
        try:
            with history(folder) as kept:
                return len(kept.cells(1))
        except (RunError, UsageError):
            return 0

    end = time.monotonic() + 120
    while cells() < 1 and time.monotonic() < end:
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with history(folder) as kept:
        before = kept.cells(1)
    assert 1 <= len(before) < 30
    done = run(folder, load(folder / "suite.yaml"))
    assert (done.point.id, done.whole) == (1, True)
    assert done.cells[: len(before)] == before


@pytest.mark.slow
def test_it_stops_when_the_user_says_so(folder):
    """What is finished is in the history, and the message says how to go on."""
    asked = iter([False] * 3 + [True] * 1000)
    with pytest.raises(Interrupted, match="stopped in point 1") as caught:
        run(folder, suite(folder, seeds=[0]), stop=lambda: next(asked))
    assert "same command" in caught.value.hint
    with history(folder) as kept:
        assert [note["event"] for note in kept.notes(1)][-1] == "interrupted"


@pytest.mark.slow
def test_a_full_disk_is_told_and_what_was_finished_is_kept(folder):
    """A real one: a file system of a few megabytes."""
    place = folder / "out"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        found = suite(folder, seeds=[0], engines=["majority"])
        run(folder, found)
        filled = place / "filler"
        with contextlib.suppress(OSError), filled.open("wb", buffering=0) as out:
            while True:
                out.write(b"x" * 512)
        with pytest.raises(RunError, match="disk is full"):
            run(folder, found)
        filled.unlink()
        with history(folder) as kept:
            assert len(kept.cells(1)) == 1
        assert run(folder, found).whole
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_name_that_is_not_in_the_suite_is_told(folder):
    """With those that are."""
    with pytest.raises(UsageError, match="--only breast") as caught:
        conduct.plan(suite(folder), only=("breast",))
    assert "majority" in caught.value.hint
    with pytest.raises(UsageError, match="ENGINE=PATH"):
        conduct.plan(suite(folder), pythons=("/usr/bin/python3",))


@pytest.mark.slow
def test_old_runs_are_removed_and_their_figures_stay(folder):
    """The folders of the last `keep` points stay."""
    found = suite(folder, seeds=[0], engines=["majority"], keep=1)
    for _ in range(2):
        run(folder, found)
    assert [one.name for one in (folder / "out" / "spotty" / "runs").iterdir()] == ["0002"]
    with history(folder) as kept:
        assert kept.answers(1, "spots", 0, "majority") is not None
