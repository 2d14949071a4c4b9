"""Schedules: times, the words of other schedulers, what is installed, and the verb."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
import yaml
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from automed.benchmark.schedule import TARGETS, cron, crontab, job, systemd
from automed.cli.schedule import schedule
from automed.errors import AutomedError, RunError, UsageError

SATURDAY = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
HERE = crontab.machine_zone().key  # the only one that cron takes
HOOK = "sh -c 'echo 50% \"$HOME\" \\ done'"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's own reader")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of one recipe that reads a variable, both in a folder whose name holds what units must escape."""
    folder = tmp_path / "my 50% $suites"
    folder.mkdir()
    (folder / "own.yaml").write_text("name: own\ndata: {source: npz, root: '${AUTOMED_DATA}/x', target: y}\n")
    file = folder / "weekly.yaml"
    file.write_text(
        "# ${IN_A_COMMENT}\nname: weekly\nrecipes: [own.yaml]\nbudget: {trials: 1, memory_gb: 2, cores: 1}\n"
    )
    return file


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment that knows where the data are, and no more of ours."""
    kept = {name: value for name, value in os.environ.items() if name not in job.SETTINGS}
    return {
        **kept,
        "AUTOMED_DATA": str(tmp_path / 'da"ta 9%'),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


@pytest.fixture
def made(suite: Path, environ: dict[str, str], tmp_path: Path) -> job.Job:
    """The job of that suite on Mondays at three."""
    times = cron.read("0 3 * * 1", HERE)
    return job.make(str(suite), times, parent=tmp_path / "all reports", environ=environ, hook=HOOK, gate=True)


# --- times ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", range(8))
def test_weekdays_count_from_sunday(day: int) -> None:
    """Field five is cron's: 0 and 7 are Sunday, 1 is Monday."""
    found = cron.read(f"0 3 * * {day}", "Europe/Berlin").next(1, SATURDAY)[0]
    assert found.isoweekday() % 7 == day % 7
    assert (found.hour, found.minute) == (3, 0)


@pytest.mark.parametrize("text", ["0 3 * * 1", "0 3 * * MON", "0 3 * * mon", "0 3 * * 1-1"])
def test_monday_is_monday_in_the_words_of_every_scheduler(made: job.Job, text: str) -> None:
    """However it is written, what is printed says Monday."""
    made = dataclasses.replace(made, cron=cron.read(text, HERE))
    texts = {name: "\n".join(TARGETS.load(name)(made).values()) for name in TARGETS}
    assert "OnCalendar=Mon *-*-* 03:00:00" in texts["systemd"]
    assert texts["crontab"].startswith("0 3 * * 1 ")
    assert yaml.safe_load(texts["github"])[True]["schedule"][0]["cron"] == "0 3 * * 1"
    assert [one["spec"]["schedule"] for one in yaml.safe_load_all(texts["k8s"]) if one["kind"] == "CronJob"] == [
        "0 3 * * 1"
    ]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("60 3 * * 1", "minute"),
        ("0 24 * * 1", "hour"),
        ("0 3 0 * 1", "day of month"),
        ("0 3 * 13 *", "month"),
        ("0 3 * * 8", "day of week"),
        ("0 3 * * MUN", "day of week"),
        ("0 3 L * *", "day of month"),
        ("0 3 * * 1#2", "day of week"),
        ("*/0 3 * * 1", "minute"),
        ("5-1 3 * * 1", "minute"),
        ("0 3,, * * 1", "hour"),
        ("0 -3 * * 1", "hour"),
    ],
)
def test_a_wrong_field_is_named(text: str, field: str) -> None:
    """The message says which of the five fields is wrong, and what stands there."""
    with pytest.raises(UsageError, match=f"the field {field} cannot be read: ") as caught:
        cron.read(text, "UTC")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "0 3 * *", "0 0 3 * * 1", "@reboot", "monday at 3"])
def test_what_has_not_five_fields_is_no_time(text: str) -> None:
    """Too few, too many, or words."""
    with pytest.raises(UsageError, match="not 5: minute, hour, day of month, month, day of week"):
        cron.read(text, "UTC")


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30,31 2 *", "0 0 31 4,6,9,11 *"])
def test_times_that_never_come_are_refused(text: str) -> None:
    """The message says which two fields never meet."""
    with pytest.raises(UsageError, match=r"never fires: the field day of month, .* meets no day of the field month"):
        cron.read(text, "UTC")


def test_leap_days_do_come() -> None:
    """Rare is not never."""
    assert cron.read("0 0 29 2 *", "UTC").next(1, SATURDAY) == [datetime(2028, 2, 29, tzinfo=UTC)]


def test_days_that_schedulers_read_differently_are_refused() -> None:
    """Debian's cron reads a starred step beside a weekday as "and", Kubernetes as "or"."""
    with pytest.raises(UsageError, match="others where one of them does"):
        cron.read("0 0 */2 * 1", "UTC")
    assert cron.read("0 0 1-31/2 * 1", "UTC").either


FIELD = [
    st.sampled_from(["*", "0", "*/15", "7,8,9", "0-59/7", "50-59,3"]),
    st.sampled_from(["*", "3", "*/6", "0-5", "1,23"]),
    st.sampled_from(["*", "1", "13", "1-7", "1-31", "2-30/2", "28-31"]),
    st.sampled_from(["*", "2", "JAN,JUL", "*/3", "1-12"]),
    st.sampled_from(["*", "0", "7", "MON-FRI", "5-7", "0-6", "1"]),
]


@settings(max_examples=60, deadline=None)
@given(st.tuples(*FIELD))
def test_the_text_in_numbers_means_what_was_written(fields: tuple[str, ...]) -> None:
    """What other schedulers are given fires when cron fires on what the person wrote."""
    text, berlin = " ".join(fields), SATURDAY.astimezone(ZoneInfo("Europe/Berlin"))
    try:
        read = cron.read(text, "Europe/Berlin")
    except UsageError:
        assert "never" in text or fields[2] in ("28-31", "2-30/2", "13") or "*/" in text
        return
    assert re.fullmatch(r"[0-9*,/-]+( [0-9*,/-]+){4}", read.text)
    assert "7" not in read.text.split()[4]
    assert read.next(12, SATURDAY) == list(islice(CronSim(text, berlin), 12))


@needs_systemd
@pytest.mark.parametrize(
    "text", ["0 3 * * 1", "*/20 1-4 1,15 * *", "0 0 13 * 5", "30 2 28-31 2,12 *", "0 12 * JAN-MAR sun", "5 * * * *"]
)
def test_systemd_reads_the_same_times(text: str) -> None:
    """systemd's own reader finds the times that cron finds."""
    read = cron.read(text, "UTC")
    found: set[str] = set()
    for one in read.calendars():
        asked = ["systemd-analyze", "calendar", "--base-time=2026-11-28 12:00:00 UTC", "--iterations=25", one]
        said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout
        found |= set(re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", said))
    expected = [f"{one:%Y-%m-%d %H:%M:%S}" for one in read.next(25, SATURDAY)]
    assert sorted(found - {"2026-11-28 12:00:00"})[:25] == expected


def test_the_time_zone_is_the_machines_unless_it_is_said() -> None:
    """Three o'clock is three o'clock in Berlin, before and after the clocks change."""
    code = "from automed.benchmark.schedule import cron; print(cron.read('0 3 * * *').zone.key)"
    told = {**os.environ, "TZ": "Europe/Berlin"}
    done = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert done.stdout == "Europe/Berlin\n"
    read = cron.read("0 3 * * *", "Europe/Berlin")
    hours = {
        one.astimezone(UTC).hour for one in (*read.next(1, datetime(2026, 7, 1, tzinfo=UTC)), *read.next(1, SATURDAY))
    }
    assert hours == {1, 2}


def test_an_unknown_time_zone_gets_the_nearest_name() -> None:
    """A typo is named, with what was meant."""
    with pytest.raises(UsageError, match="no time zone is called 'Europe/Berln'") as caught:
        cron.read("0 3 * * 1", "Europe/Berln")
    assert "'Europe/Berlin'" in str(caught.value.hint)


# --- units ---------------------------------------------------------------------------------------------------------


def test_the_command_knows_all_that_another_process_cannot(made: job.Job, suite: Path, tmp_path: Path) -> None:
    """Interpreter, suite and folder are absolute; variables are those of suite and recipes, none of a comment."""
    words = made.command()
    assert words[:6] == [sys.executable, "-m", "automed", "benchmark", "run", str(suite)]
    assert words[6:] == ["--in", str(tmp_path / "all reports"), "--hook", HOOK, "--gate"]
    assert list(made.environment()) == ["AUTOMED_DATA"]


def test_a_variable_that_is_not_set_is_told_now_and_not_at_night(suite: Path, environ: dict[str, str]) -> None:
    """The suite names it, nobody has set it."""
    del environ["AUTOMED_DATA"]
    asked = job.make(str(suite), cron.read("@daily", HERE), parent=Path("reports"), environ=environ)
    for target in ("systemd", "crontab"):
        with pytest.raises(UsageError, match="AUTOMED_DATA, which is not set"):
            TARGETS.load(target)(asked)
    assert "vars.AUTOMED_DATA" in "".join(TARGETS.load("github")(asked).values())


def test_a_line_break_is_refused(suite: Path, environ: dict[str, str]) -> None:
    """It would begin a line of its own in a unit or a crontab."""
    with pytest.raises(UsageError, match="control signs"):
        job.make(str(suite), cron.read("@daily", HERE), parent=Path("reports"), environ=environ, hook="a\n* * * * * b")


@needs_systemd
def test_systemd_finds_no_fault_in_the_units(made: job.Job, tmp_path: Path) -> None:
    """`systemd-analyze verify` is silent."""
    for name, text in systemd.render(made).items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in systemd.render(made)]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "weekly" in line]) == (0, [])


@needs_systemd
def test_systemd_unescapes_every_word(made: job.Job) -> None:
    """Read by systemd itself, the command and the variable are those of the job."""
    manager = Path("/lib/systemd/systemd")
    if not manager.is_file():
        pytest.skip("needs systemd's manager")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for name, text in systemd.render(made).items():
            (Path(folder) / name).write_text(text)
        told = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "HOME": folder}
        # It is tried by anyone but root.
        user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        asked = [str(manager), "--test", "--system", f"--unit={made.unit}.service"]
        done = subprocess.run(asked, capture_output=True, text=True, env=told, timeout=60, cwd="/", **user)
    said = done.stdout.partition(f"-> Unit {made.unit}.service:")[2]
    if not said:
        pytest.skip("systemd cannot be tried here")
    assert f"Environment: AUTOMED_DATA={made.environ['AUTOMED_DATA']}\n" in said
    shown = re.search(r"Command Line: (.*)", said)
    assert shown is not None
    assert shown.group(1) == " ".join(_as_systemd_shows(word) for word in made.command())


def _as_systemd_shows(word: str) -> str:
    """A word in quotes where it holds more than plain signs, with backslashes before what a shell would read."""
    escaped = re.sub(r'([\\"$`])', r"\\\1", word)
    return word if re.fullmatch(r"[A-Za-z0-9@+=:,./_%-]+", word) else f'"{escaped}"'


def test_cron_and_the_shell_unescape_every_word(made: job.Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as cron reads it, and run by a shell, the line starts the program with the words of the job."""
    program = tmp_path / "my 100% python"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "print(json.dumps([sys.argv[1:], os.environ['AUTOMED_DATA'], os.getcwd()]))\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    line = crontab.line(made)
    assert line.endswith(" # automed benchmark weekly")
    # man 5 crontab: a bare % ends the command; one behind a backslash is a %, and two backslashes are one.
    command = line.split(" ", 5)[5]
    assert not re.search(r"(?<!\\)(\\\\)*%", command)
    read = re.sub(r"\\([\\%])", r"\1", command)
    subprocess.run(["sh", "-c", read], check=True, timeout=20, env={"PATH": os.environ["PATH"]}, cwd="/")
    said = json.loads((tmp_path / "all reports" / "weekly" / crontab.LOG).read_text())
    assert said == [made.command()[1:], made.environ["AUTOMED_DATA"], str(Path.cwd())]


def test_cron_has_one_time_zone(made: job.Job) -> None:
    """A crontab cannot hold another zone's times: that is said and not guessed."""
    other = "Asia/Tokyo" if crontab.machine_zone().key != "Asia/Tokyo" else "UTC"
    with pytest.raises(UsageError, match="cron works in this machine's time zone, "):
        crontab.line(dataclasses.replace(made, cron=cron.read("0 3 * * 1", other)))


def test_a_line_that_cron_would_cut_is_refused(made: job.Job) -> None:
    """Debian's cron drops what stands behind its limit, without a word."""
    with pytest.raises(UsageError, match="cron takes 990"):
        crontab.line(dataclasses.replace(made, hook="echo " + "x" * 900))


def test_the_workflow_says_its_time_zone(made: job.Job) -> None:
    """UTC by itself, any other by name; one run at a time."""
    tree = _workflow(dataclasses.replace(made, cron=cron.read("0 3 * * 1", "Europe/Berlin")))
    assert tree[True]["schedule"] == [{"cron": "0 3 * * 1", "timezone": "Europe/Berlin"}]
    assert tree["concurrency"] == {"group": "automed-benchmark-weekly", "cancel-in-progress": False}
    assert _workflow(dataclasses.replace(made, cron=cron.read("0 3 * * 1", "UTC")))[True]["schedule"] == [
        {"cron": "0 3 * * 1"}
    ]


def test_patients_data_keep_off_rented_machines(made: job.Job, environ: dict[str, str]) -> None:
    """A suite that reads data from a folder asks for a runner of the user's; phantoms run anywhere."""
    assert _workflow(made)["jobs"]["benchmark"]["runs-on"] == ["self-hosted", "linux"]
    phantoms = job.make("smoke", cron.read("@daily", HERE), parent=Path("reports"), environ=environ)
    assert _workflow(phantoms)["jobs"]["benchmark"]["runs-on"] == "ubuntu-latest"


@needs_git
def test_the_workflow_keeps_the_history_in_a_branch(made: job.Job, tmp_path: Path) -> None:
    """Its own steps, run against a repository: each run finds what the last one left, and the branch stays short."""
    steps = {step["name"]: step["run"] for step in _workflow(made)["jobs"]["benchmark"]["steps"] if "run" in step}
    origin = _repository(tmp_path)
    for number in (1, 2, 3):
        clone, temporary = tmp_path / f"clone{number}", tmp_path / f"runner{number}"
        _git("clone", "-q", str(origin), str(clone))
        temporary.mkdir()
        history = temporary / "benchmarks" / "weekly" / "history.sqlite"
        assert _step(steps["Take up the history"], clone, temporary) == 0
        history.write_bytes((history.read_bytes() if history.exists() else b"") + f"point {number}\0".encode())
        assert _step(steps["Keep the history"], clone, temporary) == 0
    kept = subprocess.run(
        ["git", "-C", origin, "show", "automed-benchmark-weekly:history.sqlite"], capture_output=True, check=True
    )
    assert kept.stdout == b"point 1\0point 2\0point 3\0"
    assert _git("-C", str(origin), "rev-list", "--count", "automed-benchmark-weekly").strip() == "1"


@needs_git
def test_a_history_that_cannot_be_fetched_is_not_begun_anew(made: job.Job, tmp_path: Path) -> None:
    """A network that fails is told from a branch that is not there; else the old history would be overwritten."""
    steps = {step["name"]: step for step in _workflow(made)["jobs"]["benchmark"]["steps"] if "name" in step}
    origin = _repository(tmp_path)
    _git("clone", "-q", str(origin), str(tmp_path / "clone"))
    shutil.rmtree(origin)
    assert _step(steps["Take up the history"]["run"], tmp_path / "clone", tmp_path) not in (0, 2)
    assert steps["Take up the history"]["id"] == "history"
    assert steps["Keep the history"]["if"] == "always() && steps.history.outcome == 'success'"


def test_kubernetes_gets_volumes_limits_and_the_suite(made: job.Job) -> None:
    """One run at a time, a claim for the history, the resources of the budget, and the files that no image holds."""
    objects = {one["kind"]: one for one in yaml.safe_load_all("".join(TARGETS.load("k8s")(made).values()))}
    spec = objects["CronJob"]["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"]) == ("Forbid", made.cron.zone.key)
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    claims = [one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"] if "persistentVolumeClaim" in one]
    assert claims[0] == objects["PersistentVolumeClaim"]["metadata"]["name"]
    container = pod["containers"][0]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "3000M"}
    assert container["args"][2] == "/suite/weekly.yaml"
    assert {"name": "AUTOMED_DATA", "value": "/data"} in container["env"]
    items = {
        item["path"]: item["key"] for volume in pod["volumes"] for item in volume.get("configMap", {}).get("items", [])
    }
    assert set(items) == {"weekly.yaml", "own.yaml"}
    assert objects["ConfigMap"]["data"][items["own.yaml"]].startswith("name: own")
    assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]}


def test_kubernetes_names_are_short_and_small(environ: dict[str, str], suite: Path) -> None:
    """A CronJob's name has at most 52 signs, of which none is a capital."""
    suite.write_text(suite.read_text().replace("name: weekly", f"name: My_{'long' * 15}"))
    asked = job.make(str(suite), cron.read("@daily", HERE), parent=Path("reports"), environ=environ)
    names = [one["metadata"]["name"] for one in yaml.safe_load_all("".join(TARGETS.load("k8s")(asked).values()))]
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name) for name in names)
    assert len(names[-1]) <= 52


def _workflow(made: job.Job) -> dict[Any, Any]:
    tree: dict[Any, Any] = yaml.safe_load("".join(TARGETS.load("github")(made).values()))
    return tree


def _repository(folder: Path) -> Path:
    work, origin = folder / "work", folder / "origin.git"
    _git("init", "-q", "-b", "main", str(work))
    _git("-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first")
    _git("clone", "-q", "--bare", str(work), str(origin))
    return origin


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=30).stdout


def _step(text: str, clone: Path, temporary: Path) -> int:
    """Run a step's text as a runner does."""
    told = {
        **os.environ,
        "GITHUB_WORKSPACE": str(clone),
        "RUNNER_TEMP": str(temporary),
        "BRANCH": "automed-benchmark-weekly",
    }
    asked = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    return subprocess.run(asked, cwd=clone, env=told, capture_output=True, timeout=30).returncode


# --- installing ----------------------------------------------------------------------------------------------------

CRONTAB = """\
#!/bin/sh
# As Debian's crontab: lists, replaces and removes, and takes no text without a line end.
case "$1" in
  -l) if [ -e "$TABLE" ]; then cat "$TABLE"; else echo "no crontab for $LOGNAME" >&2; exit 1; fi ;;
  -r) rm "$TABLE" ;;
  -)  cat > "$TABLE.new"
      if [ -s "$TABLE.new" ] && [ -n "$(tail -c 1 "$TABLE.new")" ]; then echo "missing newline" >&2; exit 1; fi
      mv "$TABLE.new" "$TABLE" ;;
esac
"""
OTHERS = (
    b"# my own\nMAILTO=me\n17 * * * * run 50\\% \xff\xfe  \n\n"
    b"# 0 3 * * 1 old # automed benchmark weekly\n0 1 * * * x # automed benchmark weekly2\n"
)


@pytest.fixture
def table(tmp_path: Path, environ: dict[str, str]) -> Path:
    """A crontab program on the path, and the file in which it keeps its table."""
    _program(tmp_path / "bin" / "crontab", CRONTAB)
    environ["PATH"] = f"{tmp_path / 'bin'}:{environ['PATH']}"
    environ["TABLE"] = str(tmp_path / "table")
    return tmp_path / "table"


def test_a_crontab_keeps_its_other_lines_byte_for_byte(made: job.Job, table: Path, environ: dict[str, str]) -> None:
    """Installed twice it has one line of ours, removed none; all else is as it was."""
    table.write_bytes(OTHERS)
    own = crontab.Crontab(environ)
    own.install(made)
    own.install(made)
    assert table.read_bytes() == OTHERS + crontab.line(made).encode() + b"\n"
    later = dataclasses.replace(made, cron=cron.read("0 4 * * 2", HERE))
    own.install(later)
    assert table.read_bytes() == OTHERS + crontab.line(later).encode() + b"\n"
    assert own.remove("weekly")
    assert table.read_bytes() == OTHERS
    assert not own.remove("weekly")


def test_a_crontab_of_ours_alone_is_taken_away_whole(made: job.Job, table: Path, environ: dict[str, str]) -> None:
    """Where there was none before, there is none after."""
    own = crontab.Crontab(environ)
    own.install(made)
    assert table.exists()
    assert own.remove("weekly")
    assert not table.exists()


def test_a_crontab_that_cannot_be_read_is_not_written(made: job.Job, table: Path, environ: dict[str, str]) -> None:
    """A failure other than "there is none" must not end in an empty table."""
    table.write_bytes(OTHERS)
    _program(
        table.parent / "bin" / "crontab", CRONTAB.replace("-l) if", '-l) echo "you are not allowed" >&2; exit 1; if')
    )
    with pytest.raises(RunError, match="you are not allowed"):
        crontab.Crontab(environ).install(made)
    assert table.read_bytes() == OTHERS


def test_a_machine_without_cron_is_told_what_to_do(made: job.Job, environ: dict[str, str], tmp_path: Path) -> None:
    """The error names the other ways."""
    environ["PATH"] = str(tmp_path)
    with pytest.raises(RunError, match="crontab is not installed") as caught:
        crontab.Crontab(environ).install(made)
    assert "--foreground" in str(caught.value.hint)


SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> "$CALLS"
if [ "$2" = "$REFUSED" ]; then echo "Failed to connect to bus: No medium found" >&2; exit 1; fi
"""


@pytest.fixture
def calls(tmp_path: Path, environ: dict[str, str]) -> Path:
    """A systemctl on the path, and the file in which it writes what it is asked."""
    _program(tmp_path / "bin" / "systemctl", SYSTEMCTL)
    environ["PATH"] = f"{tmp_path / 'bin'}:{environ['PATH']}"
    environ["CALLS"] = str(tmp_path / "calls")
    return tmp_path / "calls"


def test_units_are_installed_once_and_removed_without_a_trace(
    made: job.Job, calls: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """Two files below $XDG_CONFIG_HOME, enabled; then neither."""
    folder = tmp_path / "config" / "systemd" / "user"
    units = systemd.Units(environ)
    units.install(made)
    units.install(made)
    assert {file.name: file.read_text() for file in folder.iterdir()} == systemd.render(made)
    assert "--user enable automed-benchmark-weekly.timer" in calls.read_text().splitlines()
    (folder / "other.service").write_text("mine")
    calls.unlink()
    assert units.remove("weekly")
    assert [file.name for file in folder.iterdir()] == ["other.service"]
    assert calls.read_text().splitlines() == [
        "--user disable --now automed-benchmark-weekly.timer",
        "--user daemon-reload",
    ]
    assert not units.remove("weekly")


def test_units_that_systemd_refuses_leave_things_as_they_were(
    made: job.Job, calls: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """No half of an installation stays behind, and an older one stays whole."""
    folder = tmp_path / "config" / "systemd" / "user"
    for refused in ("daemon-reload", "enable", "restart"):
        with pytest.raises(RunError, match="Failed to connect to bus") as caught:
            systemd.Units({**environ, "REFUSED": refused}).install(made)
        assert "enable-linger" in str(caught.value.hint)
        assert not list(folder.iterdir())
    systemd.Units(environ).install(made)
    later = dataclasses.replace(made, cron=cron.read("0 4 * * 2", HERE))
    with pytest.raises(RunError):
        systemd.Units({**environ, "REFUSED": "restart"}).install(later)
    assert {file.name: file.read_text() for file in folder.iterdir()} == systemd.render(made)


def test_a_machine_without_systemd_is_told_what_to_do(made: job.Job, environ: dict[str, str], tmp_path: Path) -> None:
    """The error names the other ways, and nothing is written."""
    environ["PATH"] = str(tmp_path)
    with pytest.raises(RunError, match="systemctl is not installed") as caught:
        systemd.Units(environ).install(made)
    assert "--for crontab" in str(caught.value.hint)
    assert not (tmp_path / "config").exists()


def _program(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


# --- the command line ----------------------------------------------------------------------------------------------


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> Callable[..., str]:
    """Call the verb; returns what it wrote to stdout, raises what it raised."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    app = typer.Typer()
    app.command()(schedule)

    def call(*words: str) -> str:
        done = CliRunner().invoke(app, list(words))
        if isinstance(done.exception, AutomedError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


def test_the_verb_prints_installs_and_removes(table: Path, ask: Callable[..., str], suite: Path) -> None:
    """Printed is what would be installed; the name removes it once the file is gone."""
    printed = ask(str(suite), "--cron", "@weekly", "--timezone", HERE, "--for", "crontab")
    ask(str(suite), "--cron", "@weekly", "--timezone", HERE, "--for", "crontab", "--install")
    assert table.read_text() == printed
    suite.unlink()
    assert "weekly is removed" in ask("weekly", "--for", "crontab", "--remove")
    assert not table.exists()


def test_the_verb_answers_in_json(ask: Callable[..., str], suite: Path) -> None:
    """Files, zone and next times as one document."""
    told = json.loads(ask(str(suite), "--cron", "0 3 * * 1", "--timezone", "UTC", "--json"))
    assert (told["cron"], told["timezone"], told["installed"]) == ("0 3 * * 1", "UTC", False)
    assert set(told["files"]) == {"automed-benchmark-weekly.service", "automed-benchmark-weekly.timer"}
    assert {datetime.fromisoformat(one).isoweekday() for one in told["next"]} == {1}


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--cron", "@daily", "--for", "github", "--install"), "cannot reach into github"),
        (("--for", "k8s", "--remove"), "cannot reach into k8s"),
        (("--cron", "@daily", "--for", "sytemd"), "no scheduler is called 'sytemd'"),
        (("--install",), "--cron is missing"),
        (("--cron", "@daily", "--install", "--foreground"), "exclude each other"),
        (("--cron", "@daily", "--hook", "say 'so"), "no closing quotation"),
        (("--cron", "@daily", "--python", "autokeras"), "must read ENGINE=PATH"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_a_usage_error(
    ask: Callable[..., str], suite: Path, words: tuple[str, ...], what: str
) -> None:
    """Exit code 2 with a sentence."""
    with pytest.raises(UsageError, match=what):
        ask(str(suite), *words)
