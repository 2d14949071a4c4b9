"""The verbs of runs, and what a search begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commandline import Command
from madeup import Story, make_run

from automed.run import Run, write_json

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


def test_a_model_stands_for_the_run_that_it_lies_in(automed_command: Command, tmp_path: Path) -> None:
    """`automed report model.keras` renders its run; a model that lies nowhere is answered with the reason."""
    run = make_run(tmp_path / "run", Story(finalists=1, trials=1, examples=0))
    model = run.finalists()[0].model
    ended = automed_command("report", str(model), "--json")
    assert ended.code == 0 and Path(ended.document["run"]) == run.folder
    alone = tmp_path / "alone.keras"
    alone.write_bytes(model.read_bytes())
    assert automed_command("report", str(alone)).code == 2
