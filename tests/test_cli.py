"""The command line: what is typed, what is shown where, and with which exit code it ends."""

from __future__ import annotations

import os
import pty
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import AUTOMED, Command
from typer.testing import CliRunner

import automed
from automed.cli import VERBS, build, failure
from automed.cli.tally import Tally
from automed.registry import Entry, Table

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
