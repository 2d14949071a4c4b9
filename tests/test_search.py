"""A search from a recipe to tested finalists, and what is left of it when processes, disks and people interfere.

Real processes, real kills, a real full disk. Each search starts workers that import TensorFlow, so these are slow.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from automed import pipeline, recipe
from automed.errors import DataError, RunError
from automed.events import BaselineEnded, EpochEnded, Event, FinalistScored, TrialEnded, TrialStarted
from automed.run import Run, read_json, read_json_lines

pytestmark = pytest.mark.slow


def begin(stripes: Path, out: Path, *overrides: str) -> tuple[recipe.Recipe, Run]:
    loaded = recipe.load(stripes / "stripes.yaml", overrides)
    return loaded, pipeline.start(loaded, out=out, command="test")


def workers_of(parent: int) -> list[psutil.Process]:
    """The worker processes of a search, by its process id."""
    found = []
    for child in psutil.Process(parent).children(recursive=True):
        try:
            if "automed.search.worker" in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


def trial_worker(parent: int) -> psutil.Process:
    """The worker in slot 0: it trains, the last slot fits baselines."""
    return next(w for w in workers_of(parent) if w.cmdline()[-1] == "0")


def wait_for(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def lines(folder: Path, event: str) -> list[dict[str, object]]:
    return [line for line in read_json_lines(Run(folder).trials) if line["event"] == event]


@pytest.fixture(scope="module")
def done(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[pipeline.Outcome, list[Event]]:
    """One whole search that nothing disturbed."""
    told: list[Event] = []
    loaded, run = begin(stripes, tmp_path_factory.mktemp("done") / "run")
    return pipeline.search(loaded, run, told.append), told


class TestAWholeSearch:
    def test_it_leaves_every_artefact_that_the_design_names(self, done: tuple[pipeline.Outcome, list[Event]]) -> None:
        run = done[0].run
        for file in (
            run.recipe,
            run.manifest,
            run.data,
            run.splits,
            run.journal,
            run.trials,
            run.leaderboard,
            run.index,
        ):
            assert file.is_file(), file
        assert [f.folder.name for f in run.finalists()] == ["01-cnn", "02-cnn"]
        for finalist in run.finalists():
            for file in (
                finalist.model,
                finalist.predictions,
                finalist.scores,
                finalist.evaluation,
                finalist.features,
                finalist.audit,
                finalist.examples,
                finalist.report,
            ):
                assert file.is_file(), file

    def test_the_manifest_says_done_and_names_versions_and_the_recipe(
        self, done: tuple[pipeline.Outcome, list[Event]]
    ) -> None:
        manifest = read_json(done[0].run.manifest)
        assert manifest["status"] == "done" and manifest["ended"]
        assert manifest["versions"]["keras"] != "not installed"
        assert len(manifest["recipe"]["digest"]) == 64

    def test_the_leaderboard_ranks_by_validation_macro_f1_with_both_baselines(
        self, done: tuple[pipeline.Outcome, list[Event]]
    ) -> None:
        rows = done[0].leaderboard["rows"]
        scores = [row["validation"]["macro_f1"] for row in rows]
        assert scores == sorted(scores, reverse=True)
        assert {row["name"] for row in rows if row["kind"] == "baseline"} == {"majority", "boosting"}

    def test_each_finalist_and_baseline_reads_the_test_set_once_and_the_ledger_counts_it(
        self, done: tuple[pipeline.Outcome, list[Event]]
    ) -> None:
        run = done[0].run
        looks = [line for line in read_json_lines(run.ledger) if line["event"] == "test_read"]
        assert sorted(line["model"] for line in looks) == ["01-cnn", "02-cnn", "boosting", "majority"]
        assert run.verify_ledger() > 3
        assert read_json(run.manifest)["looks_at_test"] == run.looks_at_test() == 4

    def test_no_patient_is_in_two_splits_and_no_patient_is_named(
        self, done: tuple[pipeline.Outcome, list[Event]]
    ) -> None:
        table = pd.read_parquet(done[0].run.splits)
        assert table.groupby("patient")["split"].nunique().max() == 1
        assert table["patient"].str.len().min() >= 16, "patients are salted hashes"

    def test_every_headline_score_has_an_interval_and_n(self, done: tuple[pipeline.Outcome, list[Event]]) -> None:
        for finalist in done[0].finalists:
            estimate = finalist["test"]["macro_f1"]
            low, high = estimate["ci95"]
            assert low <= estimate["value"] <= high and estimate["n"] > 0
            assert set(finalist["against"]) == {"majority", "boosting"}

    def test_events_tell_the_story_in_order(self, done: tuple[pipeline.Outcome, list[Event]]) -> None:
        kinds = [type(event) for event in done[1]]
        assert kinds.index(TrialStarted) < kinds.index(EpochEnded) < kinds.index(TrialEnded)
        assert kinds.count(BaselineEnded) == 2 and kinds.count(FinalistScored) == 2

    def test_a_finished_run_started_again_has_nothing_left_to_do(
        self, done: tuple[pipeline.Outcome, list[Event]]
    ) -> None:
        run = done[0].run
        before = {f: f.stat().st_mtime_ns for f in run.models.rglob("*.keras")}
        told: list[Event] = []
        pipeline.search(*pipeline.reopen(run.folder), told.append)
        assert not any(isinstance(event, TrialStarted) for event in told)
        assert {f: f.stat().st_mtime_ns for f in run.models.rglob("*.keras")} == before
        assert run.looks_at_test() == 4

    def test_the_same_recipe_gives_the_same_trials_and_scores_again(
        self, done: tuple[pipeline.Outcome, list[Event]], stripes: Path, tmp_path: Path
    ) -> None:
        """One worker, a budget in trials, CPU."""
        loaded, run = begin(stripes, tmp_path / "again")
        pipeline.search(loaded, run, lambda event: None)

        def story(folder: Path) -> list[object]:
            kept = [line for line in read_json_lines(Run(folder).trials) if line["event"] in ("start", "epoch")]
            return [{k: v for k, v in line.items() if k not in ("time", "seconds")} for line in kept]

        assert story(run.folder) == story(done[0].run.folder)
        mine = pd.read_parquet(run.finalists()[0].predictions)
        theirs = pd.read_parquet(done[0].run.finalists()[0].predictions)
        pd.testing.assert_frame_equal(mine, theirs)


def test_a_killed_worker_costs_its_trial_and_nothing_else(stripes: Path, tmp_path: Path) -> None:
    loaded, run = begin(stripes, tmp_path / "run")
    killed: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, EpochEnded) and not killed:
            victim = trial_worker(os.getpid())
            killed.append(event.number)
            victim.send_signal(signal.SIGKILL)

    outcome = pipeline.search(loaded, run, listen)
    assert outcome.status == "done"
    assert [row["number"] for row in outcome.leaderboard["failed"]] == killed
    assert "SIGKILL" in outcome.leaderboard["failed"][0]["reason"]
    assert outcome.leaderboard["budget"]["trials"]["failed"] == 1
    assert len(run.finalists()) == 2


def test_a_worker_out_of_memory_costs_its_trial_and_nothing_else(stripes: Path, tmp_path: Path) -> None:
    """The address space of the worker is closed around it as soon as it has a model."""
    loaded, run = begin(stripes, tmp_path / "run")
    starved: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, TrialStarted) and not starved:
            worker = trial_worker(os.getpid())
            starved.append(event.number)
            worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms // 2,) * 2)

    outcome = pipeline.search(loaded, run, listen)
    assert outcome.status == "done"
    assert [row["number"] for row in outcome.leaderboard["failed"]] == starved
    assert outcome.leaderboard["failed"][0]["reason"]
    assert len(run.finalists()) == 2


def test_a_second_search_on_the_same_run_is_refused(stripes: Path, tmp_path: Path) -> None:
    _, run = begin(stripes, tmp_path / "run")
    with run.lock():
        script = (
            "import sys; from pathlib import Path; from automed import pipeline\n"
            "recipe, run = pipeline.reopen(Path(sys.argv[1]))\n"
            "pipeline.search(recipe, run, lambda event: None)"
        )
        second = subprocess.run([sys.executable, "-c", script, str(run.folder)], capture_output=True, text=True)
    assert second.returncode == 1
    assert "another search is working in this run folder" in second.stderr


@pytest.fixture
def command(stripes: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `automed search` as a user does; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "automed", "search", *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


LONG = (
    "--set",
    "train.epochs=20",
    "--set",
    "train.patience=20",
    "--set",
    "search.trials=2",
    "--set",
    "search.pruner=none",
)


def epochs_written(folder: Path) -> int:
    return len(lines(folder, "epoch"))


def test_one_interrupt_ends_cleanly_and_the_run_goes_on_from_its_last_epoch(
    stripes: Path, tmp_path: Path, command: Callable[..., subprocess.Popen[str]]
) -> None:
    folder = tmp_path / "run"
    process = command(str(stripes / "stripes.yaml"), "--out", str(folder), *LONG)
    wait_for(lambda: epochs_written(folder) >= 4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "--resume" in out + err
    assert read_json(Run(folder).manifest)["status"] == "interrupted"
    assert Run(folder).finalists(), "the best so far was kept and tested"
    reached = max(line["epoch"] for line in lines(folder, "epoch"))

    again = command(str(folder), "--resume", "--json")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert json.loads(out)["status"] == "done"
    resumed = [line for line in lines(folder, "start") if line["epoch"]]
    assert resumed and resumed[0]["epoch"] == reached, "the cut trial went on where it stood"
    epochs = [line["epoch"] for line in lines(folder, "epoch") if line["number"] == resumed[0]["number"]]
    assert epochs == sorted(set(epochs)), "no epoch was trained twice"


def test_two_interrupts_leave_at_once_and_lose_nothing_finished(
    stripes: Path, tmp_path: Path, command: Callable[..., subprocess.Popen[str]]
) -> None:
    folder = tmp_path / "run"
    process = command(str(stripes / "stripes.yaml"), "--out", str(folder), *LONG)
    wait_for(lambda: epochs_written(folder) >= 3)
    children = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - asked < 15
    assert (Run(folder).trial(0) / "last.npz").is_file()
    psutil.wait_procs(children, timeout=10)
    assert not any(child.is_running() for child in children), "no worker outlives its parent"


@pytest.mark.parametrize(
    "engine",
    [(), ("--set", "search.engine=keras-tuner", "--set", "search.sampler=bayesian")],
    ids=["optuna", "keras-tuner"],
)
def test_a_killed_parent_leaves_no_worker_and_a_run_that_goes_on(
    stripes: Path, tmp_path: Path, command: Callable[..., subprocess.Popen[str]], engine: tuple[str, ...]
) -> None:
    folder = tmp_path / "run"
    process = command(str(stripes / "stripes.yaml"), "--out", str(folder), *LONG, *engine)
    wait_for(lambda: epochs_written(folder) >= 3)
    children = workers_of(process.pid)
    assert children
    process.kill()
    process.wait()
    psutil.wait_procs(children, timeout=10)
    assert not any(child.is_running() for child in children)
    assert read_json(Run(folder).manifest)["status"] == "running", "a killed run reads as not done"

    again = command(str(stripes / "stripes.yaml"), "--resume", "--out", str(folder), "--json")
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert read_json(Run(folder).manifest)["status"] == "done"
    assert [line for line in lines(folder, "start") if line["epoch"]], "the cut trial went on"
    epochs = [(line["number"], line["epoch"]) for line in lines(folder, "epoch")]
    assert len(epochs) - len(set(epochs)) <= 1, "at most the epoch that was being written was trained again"
    assert Run(folder).finalists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small file system (tmpfs)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_stops_the_search_with_a_message_and_it_goes_on_when_there_is_space(
    stripes: Path, tmp_path: Path, small_disk: Path
) -> None:
    loaded, run = begin(stripes, small_disk / "run")
    ballast = small_disk / "ballast"

    def listen(event: Event) -> None:
        if isinstance(event, EpochEnded) and not ballast.exists():
            with ballast.open("wb") as file:
                try:
                    while True:
                        file.write(b"x" * 65536)
                        file.flush()
                except OSError:
                    pass

    with pytest.raises(RunError, match="disk is full") as caught:
        pipeline.search(loaded, run, listen)
    assert caught.value.exit_code == 1 and "--resume" in str(caught.value)
    first = lines(run.folder, "epoch")
    assert first, "what was finished before is still there"

    ballast.unlink()
    outcome = pipeline.search(*pipeline.reopen(run.folder), lambda event: None)
    assert outcome.status == "done"
    assert lines(run.folder, "epoch")[: len(first)] == first


def test_the_minutes_are_kept_within_an_epoch(stripes: Path, tmp_path: Path) -> None:
    loaded, run = begin(
        stripes, tmp_path / "run", "search.minutes=0.4", "search.trials=1000", "train.epochs=500", "train.patience=500"
    )
    outcome = pipeline.search(loaded, run, lambda event: None)
    longest = max(line["seconds"] for line in lines(run.folder, "epoch"))
    assert outcome.status == "done"
    assert outcome.leaderboard["budget"]["minutes"]["used"] * 60 <= 24 + longest + 1.0
    assert outcome.leaderboard["budget"]["trials"]["interrupted"] >= 1


def test_two_workers_share_one_study(stripes: Path, tmp_path: Path) -> None:
    loaded, run = begin(stripes, tmp_path / "run", "search.workers=2", "search.trials=4")
    told: list[Event] = []
    outcome = pipeline.search(loaded, run, told.append)
    assert {event.worker for event in told if isinstance(event, TrialStarted)} == {0, 1}
    assert sorted(line["number"] for line in lines(run.folder, "end")) == [0, 1, 2, 3]
    assert outcome.status == "done"


def test_a_class_that_validation_lacks_is_told_and_does_not_stop_the_search(stripes: Path, tmp_path: Path) -> None:
    with np.load(stripes / "stripes.npz") as stored:
        labels = stored["labels"].copy()
        labels[:2] = 2  # the pictures of one patient: they can be in one split only
        np.savez(tmp_path / "rare.npz", images=stored["images"], labels=labels, patient=stored["patient"])
    text = (stripes / "stripes.yaml").read_text().replace("stripes.npz", "rare.npz")
    (tmp_path / "rare.yaml").write_text(text.replace('"1": lying', '"1": lying, "2": rare'))
    loaded = recipe.load(tmp_path / "rare.yaml", ("search.trials=1", "search.finalists=1"))
    run = pipeline.start(loaded, out=tmp_path / "run", command="test")
    outcome = pipeline.search(loaded, run, lambda event: None)
    findings = read_json(run.data)["findings"]
    assert outcome.status == "done"
    assert any("rare" in finding["message"] or "2" in finding["message"] for finding in findings)
    assert outcome.finalists[0]["test"]["macro_f1"]["value"] is not None


def test_all_records_of_one_patient_are_refused(stripes: Path, tmp_path: Path) -> None:
    with np.load(stripes / "stripes.npz") as stored:
        same = np.zeros(len(stored["labels"]), np.int64)
        np.savez(tmp_path / "one.npz", images=stored["images"], labels=stored["labels"], patient=same)
    (tmp_path / "one.yaml").write_text((stripes / "stripes.yaml").read_text().replace("stripes.npz", "one.npz"))
    loaded = recipe.load(tmp_path / "one.yaml")
    run = pipeline.start(loaded, out=tmp_path / "run", command="test")
    with pytest.raises(DataError) as caught:
        pipeline.search(loaded, run, lambda event: None)
    assert caught.value.exit_code == 3
    assert read_json(run.manifest)["status"] == "failed"
