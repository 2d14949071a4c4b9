"""The command line: what is typed, what is shown where, and with which exit code it ends."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

import automed
from automed import events
from automed.cli import VERBS, build, failure, main
from automed.cli.live import Screen, choose
from automed.cli.plain import Plain, Warnings
from automed.cli.search import stoppable
from automed.cli.tally import Tally, clock
from automed.registry import Entry, Table
from automed.run import Run, write_json

AUTOMED = [sys.executable, "-m", "automed"]


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def automed_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as done:
            main(list(arguments))
        said = capsys.readouterr()
        return Ended(int(done.value.code or 0), said.out, said.err)

    return run


# --- help, verbs, start-up ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    """--help reads like a manual: what it does, then commands that can be typed."""
    shown = CliRunner().invoke(build(), [*verb.split(), "--help"])
    assert shown.exit_code == 0
    assert "Examples" in shown.output
    assert f"automed {verb}" in shown.output


def test_every_verb_and_family_stands_in_the_help_of_its_parent() -> None:
    """Nothing can be called that is not shown."""
    for name, entry in VERBS.items():
        *family, verb = name.split()
        shown = CliRunner().invoke(build(), [*family, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
        assert verb in shown.output
        assert entry.summary[:40] in re.sub(r"\s+", " ", shown.output)


def test_help_takes_less_than_a_second() -> None:
    """Processor time, so that a busy machine does not decide; the least of three."""
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*AUTOMED, "--help"], capture_output=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < 1.0


def test_the_version_is_shown(automed_command: Command) -> None:
    """One line, for bug reports."""
    assert automed_command("--version").out == f"automed {automed.__version__}\n"


@pytest.mark.parametrize(("typed", "meant"), [(("serch",), "search"), (("recipe", "chek"), "check")])
def test_a_verb_that_is_not_known_is_answered_with_the_nearest(
    automed_command: Command, typed: tuple[str, ...], meant: str
) -> None:
    """Exit code 2, on stderr."""
    ended = automed_command(*typed)
    assert ended.code == 2
    assert ended.out == ""
    assert f"'{meant}'" in ended.err


def test_an_option_out_of_bounds_is_refused(automed_command: Command) -> None:
    """With the bound that was passed."""
    ended = automed_command("search", "skin", "--workers", "0")
    assert ended.code == 2
    assert "greater than or equal to 1" in ended.err


@pytest.mark.parametrize(
    ("typed", "expected"), [("sk", "skin"), ("", "ham10000"), ("my", "my.yaml"), ("sub/o", "sub/own.yaml")]
)
def test_the_shell_completes_recipes(tmp_path: Path, typed: str, expected: str) -> None:
    """Shipped names and recipe files, through Typer's own completion."""
    (tmp_path / "my.yaml").write_text("name: my\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "own.yaml").write_text("name: own\n")
    (tmp_path / "notes.txt").write_text("")
    asked = {"_AUTOMED_COMPLETE": "complete_bash", "COMP_WORDS": f"automed search {typed}", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", "from automed.cli import main; main()"],
        env={**os.environ, **asked}, capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert expected in done.stdout.split()
    assert "notes.txt" not in done.stdout


# --- errors ---------------------------------------------------------------------------------------------------------


def test_an_error_is_a_message_and_a_hint(automed_command: Command) -> None:
    """What, where, what to do next; on stderr; its own exit code; no traceback."""
    ended = automed_command("recipe", "check", "skn")
    assert ended.code == 2
    assert ended.out == ""
    first, second = ended.err.splitlines()
    assert first == "error: skn: no such recipe"
    assert second.startswith("  Did you mean 'skin'?")


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb with a fault in it, and one that is interrupted."""
    code = (
        "def fault() -> None:\n"
        "    '''Fail.'''\n"
        "    patient = 'HAM_0000118'\n"
        "    raise KeyError(patient)\n"
        "def pressed() -> None:\n"
        "    '''Be interrupted.'''\n"
        "    raise KeyboardInterrupt\n"
    )
    (tmp_path / "broken_verbs.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    entries = {name: Entry(f"broken_verbs:{name}", "for this test") for name in ("fault", "pressed")}
    monkeypatch.setattr("automed.cli.VERBS", Table("verb", entries))


@pytest.mark.usefixtures("broken")
def test_an_unexpected_error_is_one_calm_line_without_values(automed_command: Command) -> None:
    """Its kind, its place and what to type; what it holds may be a patient's and is not shown."""
    ended = automed_command("fault")
    assert ended.code == 1
    assert ended.out == ""
    assert re.search(r"unexpected KeyError in automed/.*, from broken_verbs\.py:4 \(fault\)", ended.err)
    assert "--debug" in ended.err
    assert "Traceback" not in ended.err
    assert "HAM_0000118" not in ended.err


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("arguments", [("--debug", "fault"), ("fault", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(automed_command: Command, arguments: tuple[str, ...]) -> None:
    """Lines of code, and never the values of locals."""
    ended = automed_command(*arguments)
    assert ended.code == 1
    assert "Traceback" in ended.err
    assert "raise KeyError(patient)" in ended.err
    assert "locals" not in ended.err


@pytest.mark.usefixtures("broken")
def test_an_interrupt_ends_with_130(automed_command: Command) -> None:
    """Without a traceback, whatever the verb."""
    ended = automed_command("pressed")
    assert ended.code == 130
    assert "Traceback" not in ended.err


def test_debug_after_two_dashes_is_an_argument(automed_command: Command) -> None:
    """-- ends the options, as everywhere."""
    assert "--debug: no such recipe" in automed_command("recipe", "check", "--", "--debug").err


def test_an_error_in_a_library_is_placed_where_automed_called_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The line of automed is what a bug report needs."""
    try:
        Tally(clock=None)  # type: ignore[arg-type]
    except TypeError as problem:
        failure.show_unexpected(problem)
    assert re.search(r"unexpected TypeError in automed/cli/tally\.py:\d+ \(__post_init__\)\n", capsys.readouterr().err)


def test_colours_are_for_terminals_alone(automed_command: Command) -> None:
    """No escape codes in a log."""
    assert "\x1b" not in automed_command("recipe", "check", "skn").err


def test_a_terminal_gets_colours() -> None:
    """The same error on a pseudo-terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen([*AUTOMED, "recipe", "check", "skn"], stderr=theirs, stdout=theirs, env=environment)
    process.wait(60)
    os.close(theirs)
    assert b"\x1b[" in os.read(ours, 4096)
    os.close(ours)


# --- recipe ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["table", "folder", "npz", "medmnist", "phantom"])
def test_a_new_recipe_passes_its_check(automed_command: Command, source: str) -> None:
    """As it is written, for every source, with a comment beside what has to be thought about."""
    assert automed_command("recipe", "new", "--source", source, "--name", "task", "--out", "task.yaml").code == 0
    ended = automed_command("recipe", "check", "task.yaml", "--json")
    assert ended.code == 0, ended.err
    assert ended.document["ok"] is True
    text = Path("task.yaml").read_text()
    assert text.startswith("# automed search task.yaml")
    assert text.count("#") > 5


def test_a_new_recipe_is_printed_where_no_file_is_named(automed_command: Command) -> None:
    """So that it can be piped; what is said besides goes to stderr."""
    ended = automed_command("recipe", "new", "--name", "moles")
    assert yaml.safe_load(ended.out)["name"] == "moles"
    assert ended.err == ""


def test_a_new_recipe_never_overwrites_a_file(automed_command: Command) -> None:
    """Someone may have spent an hour on it."""
    Path("mine.yaml").write_text("precious")
    ended = automed_command("recipe", "new", "--out", "mine.yaml")
    assert ended.code == 2
    assert "is there already" in ended.err
    assert Path("mine.yaml").read_text() == "precious"


@pytest.mark.parametrize("name", ["two words", "3d", "yes", "a: b", "../up"])
def test_a_new_recipe_with_a_name_that_cannot_be_used_is_refused(automed_command: Command, name: str) -> None:
    """Before anything is written."""
    ended = automed_command("recipe", "new", "--name", name, "--out", "new.yaml")
    assert ended.code == 2
    assert f"--name {name!r} cannot be used" in ended.err
    assert not Path("new.yaml").exists()


def test_show_writes_out_every_default(automed_command: Command) -> None:
    """And every --set in its place; what it prints is the same recipe again."""
    ended = automed_command("recipe", "show", "skin", "--set", "search.trials=3")
    tree = yaml.safe_load(ended.out)
    assert tree["search"]["trials"] == 3
    assert tree["audit"]["min_group"] == 20
    Path("again.yaml").write_text(ended.out)
    assert automed_command("recipe", "show", "again.yaml").out == ended.out


def test_the_schema_is_one_json_document(automed_command: Command) -> None:
    """For editors."""
    assert automed_command("recipe", "schema").document["properties"]["search"]


def test_list_names_title_minutes_and_score(automed_command: Command) -> None:
    """What a person needs to choose one."""
    rows = {row["name"]: row for row in automed_command("recipe", "list", "--json").document}
    assert set(rows) >= {"skin", "ham10000", "pneumonia", "breast"}
    assert rows["skin"]["title"] == "Pigmented skin lesion triage"
    assert re.search(r"about \d+ minutes on .* macro-F1 near", rows["skin"]["about"])
    assert all(name in automed_command("recipe", "list").out for name in rows)


def test_check_says_when_the_data_are_not_here(automed_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe is right all the same: exit code 0, and a note."""
    monkeypatch.delenv("AUTOMED_DATA", raising=False)
    ended = automed_command("recipe", "check", "ham10000")
    assert ended.code == 0
    assert ended.out == "ham10000: ok\n"
    assert "AUTOMED_DATA, which is not set" in ended.err


# --- data -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """A recipe whose official split has the same pictures in train and test."""
    random = np.random.default_rng(3)
    arrays = {}
    for part, n in (("train", 40), ("val", 16), ("test", 16)):
        arrays[f"{part}_images"] = random.integers(0, 256, (n, 16, 16), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(n)[:, None] % 2
    arrays["test_images"][:4] = arrays["train_images"][:4]
    np.savez(tmp_path / "leak.npz", **arrays)
    recipe = tmp_path / "leak.yaml"
    recipe.write_text(
        "name: leak\n"
        "data: {source: npz, file: leak.npz}\n"
        "inputs: {picture: {kind: image, size: [16, 16], channels: 1}}\n"
        "split: {by: official}\n"
    )
    return recipe


def test_data_check_ends_with_3_on_a_leak_and_says_what_to_do(automed_command: Command, leaking: Path) -> None:
    """The finding stands in the result, with rows and remedy."""
    ended = automed_command("data", "check", str(leaking))
    assert ended.code == 3
    assert "leak" in ended.out
    assert "a search would be refused" in ended.err


def test_data_check_prints_what_data_json_will_hold(automed_command: Command, leaking: Path) -> None:
    """One document, also when it ends with 3; progress is on stderr."""
    ended = automed_command("data", "check", str(leaking), "--json")
    assert ended.code == 3
    assert ended.document["n"] == 72
    assert any(finding["severity"] == "leak" and finding["remedy"] for finding in ended.document["findings"])


def test_a_search_on_leaking_data_is_refused(automed_command: Command, leaking: Path) -> None:
    """Exit code 3, with the rows; the run folder says failed and keeps what was found."""
    ended = automed_command("search", str(leaking), "--out", "run")
    assert ended.code == 3
    assert "rows" in ended.err
    run = Run(Path("run"))
    assert json.loads(run.manifest.read_text())["status"] == "failed"
    assert run.data.is_file()


def test_the_cache_is_shown_and_cleared(automed_command: Command, leaking: Path) -> None:
    """Bytes and folder; clearing frees what showing listed."""
    automed_command("data", "check", str(leaking))
    listed = automed_command("data", "cache", "show", "--json").document
    assert listed["entries"]
    assert listed["bytes"] == sum(entry["bytes"] for entry in listed["entries"])
    assert listed["entries"][0]["key"][:12] in automed_command("data", "cache", "show").out
    assert automed_command("data", "cache", "clear", "--json").code == 0
    assert automed_command("data", "cache", "clear", "zzzz").code == 2


# --- runs -----------------------------------------------------------------------------------------------------------


def estimate(value: float | None) -> dict[str, Any]:
    ci95 = None if value is None else [value - 0.05, value + 0.04]
    return {"value": value, "ci95": ci95, "n": 300, "events": None, "reason": ""}


def scores(macro_f1: float | None) -> dict[str, Any]:
    return {"macro_f1": estimate(macro_f1), "accuracy": estimate(0.9), "auroc": estimate(None), "n": 300}


BOARD: dict[str, Any] = {
    "objective": "macro_f1",
    "rows": [
        {"rank": 1, "kind": "trial", "number": 7, "architecture": "resnet", "folder": "models/01-resnet",
         "validation": {"macro_f1": 0.83}, "parameters": 123456, "seconds": 33.1, "epochs": 14, "best_epoch": 9,
         "state": "complete", "choices": {}},
        {"rank": 2, "kind": "baseline", "name": "boosting", "architecture": "boosting", "folder": None,
         "validation": {"macro_f1": 0.7}, "seconds": 4.2, "state": "complete"},
    ],
    "failed": [],
    "budget": {
        "trials": {"asked": 20, "finished": 12, "pruned": 5, "failed": 1, "interrupted": 0},
        "minutes": {"asked": 5, "used": 4.93},
        "seconds": {"wall": 296.0, "training": 280.0, "other": 16.0},
        "epochs": {"run": 140, "saved_by_pruning": 60},
    },
    "workers": 1,
    "note": None,
}  # fmt: skip


def leave_run(folder: Path, status: str = "done", *, tested: bool = True) -> Run:
    """A run folder as a search leaves it, as far as the verbs read it."""
    run = Run(folder)
    run.describe(
        status=status, started="2026-01-31T10:15:00+00:00", ended=None, seed=0, command="automed search skin",
        recipe={"name": "skin", "title": "Moles", "digest": "ab"},
    )  # fmt: skip
    run.log("created")
    if tested:
        write_json(run.leaderboard, BOARD)
        finalist = run.finalist(1, "resnet")
        finalist.folder.mkdir(parents=True)
        finalist.model.write_bytes(b"zip")
        against = {
            "boosting": {"macro_f1": {"difference": 0.12, "ci95": [0.08, 0.17], "p": 0.001, "n": 300}},
            "majority": {"macro_f1": {"difference": None, "ci95": None, "p": None, "n": 300}},
        }
        baselines = {"majority": {"test": scores(0.1)}, "boosting": {"test": scores(0.7)}}
        made = {"finalist": finalist.name, "test": scores(0.81), "against": against, "baselines": baselines}
        write_json(finalist.scores, made)
        run.log("test_read")
    return run


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """reports/ with three runs: done, killed, damaged."""
    folder = tmp_path / "reports"
    leave_run(folder / "skin" / "20260101T000000Z-aaaa")
    leave_run(folder / "skin" / "20260201T000000Z-bbbb", "running", tested=False)
    damaged = leave_run(folder / "breast" / "20260301T000000Z-cccc")
    damaged.leaderboard.write_text("{")
    return folder


@pytest.mark.usefixtures("reports")
def test_runs_are_listed_newest_first_with_status_and_score(automed_command: Command) -> None:
    """A run that says running while nobody works on it was killed; a damaged one is listed, not fatal."""
    rows = automed_command("runs", "list", "--json").document
    assert [(row["run"], row["status"]) for row in rows] == [
        ("breast/20260301T000000Z-cccc", "damaged"),
        ("skin/20260201T000000Z-bbbb", "killed"),
        ("skin/20260101T000000Z-aaaa", "done"),
    ]
    assert rows[2]["best"]["macro_f1"] == 0.81
    shown = automed_command("runs", "list").out
    assert "0.810" in shown
    assert "0.760 to 0.850" in shown


def test_a_run_that_is_worked_on_reads_running(automed_command: Command, reports: Path) -> None:
    """The lock tells, not the file."""
    run = Run(reports / "skin" / "20260201T000000Z-bbbb")
    with run.lock():
        rows = automed_command("runs", "list", "--json").document
    assert rows[1]["status"] == "running"


@pytest.mark.usefixtures("reports")
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("skin", "reports/skin/20260201T000000Z-bbbb"),
        ("skin/20260101T000000Z-aaaa", "reports/skin/20260101T000000Z-aaaa"),
        ("20260101T000000Z-aaaa", "reports/skin/20260101T000000Z-aaaa"),
        ("reports/skin/20260101T000000Z-aaaa/", "reports/skin/20260101T000000Z-aaaa"),
    ],
)
def test_a_run_is_found_by_what_a_person_calls_it(automed_command: Command, name: str, found: str) -> None:
    """Its folder, its name below reports/, or its recipe's name, which means the newest."""
    assert automed_command("runs", "show", name, "--json").document["run"] == found


@pytest.mark.usefixtures("reports")
def test_latest_is_the_newest_of_all(automed_command: Command) -> None:
    """Also where it is damaged: then the file is named, with exit code 1."""
    ended = automed_command("runs", "show")
    assert ended.code == 1
    assert "reports/breast/20260301T000000Z-cccc/leaderboard.json: is damaged" in ended.err


@pytest.mark.usefixtures("reports")
def test_a_run_is_shown_with_its_leaderboard_and_tests(automed_command: Command) -> None:
    """Finalists stand beside the baselines on the same records, with intervals."""
    shown = automed_command("runs", "show", "20260101T000000Z-aaaa").out
    assert "18 trials (12 finished, 5 pruned, 1 failed) in 4.9 minutes" in shown
    assert "resnet #7" in shown
    assert "- boosting" in shown
    assert "+0.12 (+0.08 to +0.17)" in shown
    assert "the test set was read once" in shown


@pytest.mark.usefixtures("reports")
def test_a_run_that_is_not_there_is_answered_with_the_nearest(automed_command: Command) -> None:
    """Or with the verb that lists them."""
    assert "Did you mean 'skin'?" in automed_command("runs", "show", "skn").err
    assert "automed runs list" in automed_command("runs", "show", "zzz").err


def test_no_runs_at_all_is_no_error(automed_command: Command) -> None:
    """A first look should not frighten; JSON stays JSON."""
    assert automed_command("runs", "list").code == 0
    assert automed_command("runs", "list", "--json").document == []
    assert automed_command("runs", "show").code == 2


def test_a_ledger_that_was_changed_is_refused(automed_command: Command, reports: Path) -> None:
    """Exit code 1, with the line; nothing is shown of a run whose book was altered."""
    run = Run(reports / "skin" / "20260101T000000Z-aaaa")
    run.ledger.write_text(run.ledger.read_text().replace("created", "CREATED"))
    ended = automed_command("runs", "show", "20260101T000000Z-aaaa")
    assert ended.code == 1
    assert "line 1 does not follow" in ended.err


# --- search: what it begins with ------------------------------------------------------------------------------------


def test_there_is_nothing_to_resume_before_a_search(automed_command: Command) -> None:
    """It says how to start one."""
    ended = automed_command("search", "skin", "--resume")
    assert ended.code == 2
    assert "no unfinished run of this recipe below reports/skin" in ended.err
    assert "automed search skin" in ended.err


def test_a_folder_that_is_not_empty_is_no_place_for_a_run(automed_command: Command) -> None:
    """Nothing is mixed with what lies there."""
    Path("full").mkdir()
    Path("full/thesis.tex").write_text("")
    ended = automed_command("search", "skin", "--out", "full")
    assert ended.code == 1
    assert "is there already and not empty" in ended.err


def begin(recipe: str, folder: Path, status: str, *overrides: str) -> Run:
    """A run folder with the recipe it was begun with, and a status."""
    from automed import pipeline
    from automed.recipe import load

    run = pipeline.start(load(recipe, overrides), out=folder, command="test")
    run.describe(status=status)
    return run


def test_resume_takes_the_newest_unfinished_run_of_the_same_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Done runs and other recipes are passed over; the budget may differ."""
    from automed.cli.search import _begin

    monkeypatch.chdir(tmp_path)
    reports = Path("reports/skin")
    begin("skin", reports / "20260101T000000Z-a", "interrupted")
    begin("skin", reports / "20260201T000000Z-b", "failed", "search.trials=7")
    begin("skin", reports / "20260301T000000Z-c", "done")
    begin("skin", reports / "20260401T000000Z-d", "interrupted", "train.epochs=3")
    recipe, run = _begin("skin", ("search.minutes=9",), None, True, "test")
    assert run.folder.name == "20260201T000000Z-b"
    assert (recipe.search.trials, recipe.search.minutes) == (7, 9)
    _, run = _begin("skin", ("train.epochs=3",), None, True, "test")
    assert run.folder.name == "20260401T000000Z-d"


def test_an_unfinished_run_of_a_changed_recipe_is_pointed_at(automed_command: Command) -> None:
    """With the command that goes on with it as it was."""
    begin("skin", Path("reports/skin/20260101T000000Z-a"), "interrupted")
    ended = automed_command("search", "skin", "--resume", "--set", "train.epochs=3")
    assert ended.code == 2
    assert "automed search reports/skin/20260101T000000Z-a goes on with it" in ended.err


def test_a_run_that_goes_on_keeps_its_recipe_and_place(automed_command: Command) -> None:
    """Only the budget may change."""
    begin("skin", Path("run"), "interrupted")
    ended = automed_command("search", "run", "--set", "train.epochs=3")
    assert ended.code == 2
    assert "a run that goes on keeps its recipe" in ended.err
    assert automed_command("search", "run", "--out", "elsewhere").code == 2


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------


def test_one_interrupt_asks_to_stop_and_two_leave() -> None:
    """The first is acknowledged and read by `stop()`; afterwards Ctrl-C means what it meant before."""
    before = signal.getsignal(signal.SIGINT)
    acknowledged = []
    with pytest.raises(KeyboardInterrupt), stoppable(lambda: acknowledged.append(True)) as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        assert acknowledged == [True]
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
    assert signal.getsignal(signal.SIGINT) is before


# --- the display ----------------------------------------------------------------------------------------------------


def story(trials: int = 6, workers: int = 2, finalists: int = 2) -> Iterator[events.Event]:
    """A search as it is told: every kind of event, every end of a trial."""
    yield events.StageStarted("data", "reading phantom")
    yield events.Progress("decoding", 100, 2000)
    yield events.Note("image size gives away the label", warning=True)
    yield events.StageStarted("search", "cnn, resnet")
    yield events.SearchStarted(trials, 300.0, workers)
    yield events.BaselineEnded("majority", 0.06, 0.1)
    yield events.BaselineEnded("boosting", 0.69, 4.2)
    ends = ("complete", "pruned", "failed", "complete")
    for number in range(trials):
        kind = ("cnn", "resnet")[number % 2]
        yield events.TrialStarted(
            number, number % workers, kind, {"architecture": kind, f"{kind}.width": 64, "rate": 3e-4}
        )
        if number >= trials - workers:
            yield events.EpochEnded(number, number % workers, 1, 30, 0.2, 0.2, 0.9, 0.9, 1.0)
            continue
        best = 0.5 + 0.3 * ((number * 7) % 11) / 11
        yield events.EpochEnded(number, number % workers, 5, 30, best - 0.1, best, 0.5, 0.6, 1.5)
        state = ends[number % 4]
        score = None if state == "failed" else best
        yield events.TrialEnded(number, number % workers, kind, state, score, 5, 7.5, "NaN loss" * (state == "failed"))
    for rank in range(1, finalists + 1):
        yield events.FinalistScored(rank, "resnet", 0.812, (0.771, 0.85))


def drawn(tally: Tally, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(Screen(tally, "skin  Pigmented skin lesion triage", "reports/skin/20260131T101500Z-1a2b3c4d"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def told(*given: events.Event) -> Tally:
    tally = Tally()
    for event in given:
        tally.hear(event)
    return tally


@given(
    trials=st.integers(1, 60),
    workers=st.integers(1, 6),
    finalists=st.integers(0, 20),
    width=st.integers(50, 200),
    height=st.integers(20, 60),
    until=st.floats(0, 1),
)
@settings(max_examples=40, deadline=None)
def test_the_display_fits_the_terminal(
    trials: int, workers: int, finalists: int, width: int, height: int, until: float
) -> None:
    """At any moment of any search: no line wider, no more lines than there are."""
    everything = list(story(trials, workers, finalists))
    lines = drawn(told(*everything[: round(until * len(everything))]), width, height)
    assert len(lines) < height
    assert all(len(line) <= width for line in lines)


def test_the_best_and_the_running_trials_are_always_in_view() -> None:
    """The earlier ones give way, and their number is told."""
    tally = told(*story(trials=40, workers=2))
    best = tally.best()
    assert best is not None
    picture = choose(tally, 8)
    shown = {row.number for row in picture.rows}
    assert best.number in shown
    assert {row.number for row in tally.running()} <= shown
    assert len(picture.rows) + 1 == 8
    assert picture.hidden == 40 - 7
    text = "\n".join(drawn(tally, 80, 24))
    assert "and " in text and "more" in text


def test_the_display_shows_states_scores_baselines_and_time() -> None:
    """What a person looks for while they wait."""
    text = "\n".join(drawn(told(*story()), 120, 40))
    for expected in ("running", "complete", "pruned", "failed", "NaN loss", "1/30", "boosting 0.690", "majority 0.060"):
        assert expected in text
    assert re.search(r"\d/6 trials   about \d+:\d\d left", text)
    assert "0.812 (0.771 to 0.850)" in text
    assert "Ctrl-C" in text


def test_the_first_interrupt_is_acknowledged_on_the_display() -> None:
    """At once, before the epochs under way have ended."""
    tally = told(*story())
    tally.stopping = True
    assert "Ctrl-C again leaves at once" in "\n".join(drawn(tally, 80, 24))


def test_a_log_gets_a_line_for_what_matters_and_none_for_an_epoch() -> None:
    """One line for the end of each trial, with the best so far."""
    lines: list[str] = []
    display = Plain(lines.append)
    for event in story(trials=6, workers=2):
        display.listen(event)
    ends = [line for line in lines if re.search(r"trial \d \w+ (complete|pruned|failed)", line)]
    assert len(ends) == 4
    assert not any("epoch 1" in line or "decoding" in line for line in lines)
    assert any("warning: image size gives away the label" in line for line in lines)
    assert any("up to 6 trials or 5:00 minutes, 2 workers" in line for line in lines)
    assert all("\x1b" not in line for line in lines)


def test_quiet_keeps_warnings_alone() -> None:
    """What a person should act on is never hidden."""
    lines: list[str] = []
    display = Warnings(lines.append)
    for event in story():
        display.listen(event)
    assert len(lines) == 1
    assert "warning: image size" in lines[0]


def test_trials_of_an_earlier_session_are_not_counted_twice() -> None:
    """A resumed search begins at the number it had, and with the time that is left."""
    tally = Tally(clock=lambda: 100.0)
    tally.used = 60.0
    tally.hear(events.SearchStarted(20, 300.0, 1, finished=5))
    assert tally.counted() == 5
    assert tally.left() == (240.0, False)


@given(st.floats(0, 1e6))
def test_durations_read_like_a_clock(seconds: float) -> None:
    """Minutes and seconds, hours when there are any; never sixty of anything."""
    parts = [int(part) for part in clock(seconds).split(":")]
    assert all(0 <= part < 60 for part in parts[1:])
    total = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    assert total == int(seconds)


# --- doctor, and a whole search -------------------------------------------------------------------------------------


def test_the_doctor_shows_what_automed_runs_on(automed_command: Command) -> None:
    """Versions, devices, threads, the cache; without training it takes no TensorFlow."""
    facts = automed_command("doctor", "--no-train", "--json").document
    assert facts["versions"]["automed"] == automed.__version__
    assert facts["hardware"]["cores"] >= 1
    assert facts["workers"][0]["threads"] >= 1
    assert facts["cache"]["limit_bytes"] > 0
    shown = automed_command("doctor", "--no-train").out
    assert "tensorflow" in shown
    assert facts["cache"]["folder"] in shown


@pytest.mark.slow
def test_the_doctor_trains_for_five_seconds(automed_command: Command) -> None:
    """In a worker's environment: the loss falls, and the speed is told."""
    ended = automed_command("doctor", "--json")
    assert ended.code == 0, ended.out
    training = ended.document["training"]
    assert training["ok"]
    assert training["loss"]["after"] < training["loss"]["before"]
    assert training["images_per_second"] > 0
    assert 4 < training["seconds"]["training"] < 30


def test_a_doctor_that_cannot_train_says_so(automed_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that is not there: exit code 1 and the reason, not a traceback."""
    monkeypatch.setenv("KERAS_BACKEND", "no-such-backend")
    ended = automed_command("doctor", "--json")
    assert ended.code == 1
    assert ended.document["training"]["ok"] is False
    assert "no-such-backend" in ended.document["training"]["error"]


@pytest.mark.slow
def test_a_search_from_the_command_line(stripes: Path, tmp_path: Path, automed_command: Command) -> None:
    """From the recipe to pages: a log with lines, a table at the end, and the run found again by its name."""
    done = subprocess.run(
        [*AUTOMED, "search", str(stripes / "stripes.yaml"), "--set", "search.trials=2", "--workers", "1"],
        capture_output=True, text=True, timeout=400, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "stripes: done" in done.stdout
    assert "on the test set, n = 48" in done.stdout
    assert "- boosting" in done.stdout
    index = re.search(r"^report  (.*index\.html)$", done.stdout, re.MULTILINE)
    assert index is not None
    assert (tmp_path / index[1]).is_file()
    shown = automed_command("runs", "show", "stripes", "--json").document
    assert shown["status"] == "done"
    assert shown["ledger"]["looks_at_test"] == 4, "two finalists and two baselines"
    assert automed_command("report", "stripes", "--json").document["written"][-1] == index[1]
    # A run that is done has nothing left to do; what it came to is told again, as one document.
    again = automed_command("search", shown["run"], "--json")
    assert again.code == 0, again.err
    assert again.document["status"] == "done"
    assert again.document["finalists"][0]["test"]["macro_f1"]["n"] == 48
