"""What the journal of a search tells after any kill, who wins, and what the budget allows."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path

import pytest

from automed.recipe.evaluate import Audit
from automed.run import Run, append_json_line, write_json
from automed.search.budget import Budget
from automed.search.finalists import _arrange
from automed.search.journal import Journal
from automed.search.leaderboard import build, contenders


def trial(run: Run, number: int, score: float | None, *, state: str = "complete", parameters: int = 100) -> None:
    journal = Journal(run)
    journal.write("start", number=number, architecture="cnn", choices={"a": number}, parameters=parameters, epoch=0)
    if score is not None:
        for epoch in (1, 2):
            journal.write(
                "epoch", number=number, epoch=epoch, loss=1.0, macro_f1=score, best=score, best_epoch=1, seconds=2.0
            )
    if state != "open":
        journal.write("end", number=number, state=state, reason="why", architecture="cnn", macro_f1=score)


def board(run: Run, **changes: object) -> dict[str, object]:
    settings = {"trials": 9, "minutes": None, "finalists": 2, "workers": 1, "used": 60.0, **changes}
    return build(run, Audit(), **settings)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_the_best_validation_score_is_first_and_only_finalists_have_folders(run: Run) -> None:
    for number, score in enumerate((0.5, 0.9, 0.7)):
        trial(run, number, score)
    rows = board(run)["rows"]
    assert [row["number"] for row in rows] == [1, 2, 0]
    assert [row["folder"] for row in rows] == ["models/01-cnn", "models/02-cnn", None]
    assert [row["rank"] for row in rows] == [1, 2, 3]


def test_ties_go_to_the_smaller_model(run: Run) -> None:
    trial(run, 0, 0.8, parameters=5000)
    trial(run, 1, 0.8, parameters=50)
    assert [story.number for story in contenders(run, Audit())] == [1, 0]


def test_a_baseline_wins_a_tie_and_the_board_says_so(run: Run) -> None:
    trial(run, 0, 0.8)
    write_json(run.baselines / "boosting.json", {"name": "boosting", "validation": {"macro_f1": 0.8}, "seconds": 3.0})
    found = board(run)
    assert found["rows"][0]["kind"] == "baseline"
    assert found["rows"][1]["folder"] == "models/01-cnn", "the best trial is a finalist all the same"
    assert "boosting" in found["note"]


def test_failed_trials_are_listed_with_their_reason_and_not_ranked(run: Run) -> None:
    trial(run, 0, None, state="failed")
    trial(run, 1, 0.4)
    found = board(run)
    assert [row["number"] for row in found["rows"]] == [1]
    assert found["failed"] == [{"number": 0, "architecture": "cnn", "reason": "why"}]


def test_a_trial_that_a_kill_left_open_counts_as_interrupted_with_its_best(run: Run) -> None:
    trial(run, 0, 0.6, state="open")
    found = board(run)
    assert found["rows"][0]["state"] == "interrupted"
    assert found["budget"]["trials"]["interrupted"] == 1


def test_what_pruning_saved_is_counted_against_whole_trials(run: Run) -> None:
    journal = Journal(run)
    trial(run, 0, 0.9)
    for epoch in range(3, 11):
        journal.write("epoch", number=0, epoch=epoch, loss=1.0, macro_f1=0.9, best=0.9, best_epoch=1, seconds=2.0)
    trial(run, 1, 0.3, state="pruned")
    assert board(run)["budget"]["epochs"] == {"run": 12, "saved_by_pruning": 8}


def test_an_epoch_trained_again_after_a_kill_is_told_once(run: Run) -> None:
    trial(run, 0, 0.6, state="open")
    trial(run, 0, 0.7)
    story = Journal(run).trials()[0]
    assert [line["epoch"] for line in story.history] == [1, 2]
    assert story.macro_f1 == 0.7 and story.state == "complete"


def test_time_between_sessions_is_not_counted(run: Run) -> None:
    for event, when in (("session", 100.0), ("epoch", 130.0), ("session", 1000.0), ("pause", 1010.0)):
        append_json_line(run.trials, {"event": event, "time": when})
    assert Journal(run).used_seconds() == 40.0


def test_a_line_that_a_kill_cut_does_not_hide_the_others(run: Run) -> None:
    trial(run, 0, 0.6)
    with run.trials.open("a") as file:
        file.write('{"event": "epoch", "num')
    trial(run, 1, 0.7)
    assert set(Journal(run).trials()) == {0, 1}


def test_minutes_that_are_over_allow_nothing_more() -> None:
    budget = Budget(trials=5, seconds=60.0, used=60.0)
    assert budget.spent() and not budget.allows_trial(0) and not budget.allows_epoch(1.0)


def test_an_epoch_that_would_overrun_by_more_than_half_is_not_begun() -> None:
    budget = Budget(trials=5, seconds=10.0)
    assert budget.allows_epoch(15.0) and not budget.allows_epoch(30.0)


def test_a_trial_is_not_begun_when_two_usual_epochs_do_not_fit() -> None:
    budget = Budget(trials=5, seconds=10.0, used=2.0)
    budget.saw_epoch(5.0)
    assert not budget.allows_trial(0)


def test_without_minutes_only_the_number_of_trials_counts() -> None:
    budget = Budget(trials=2, seconds=None)
    time.sleep(0.01)
    assert budget.allows_trial(1) and not budget.allows_trial(2) and budget.remaining() == float("inf")


class TestFinalistsOfAnEarlierSession:
    """`_arrange`: what stays a finalist is not tested again, whatever its new rank."""

    @staticmethod
    def made(run: Run, name: str, number: int, *, whole: bool = True) -> None:
        folder = run.models / name
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "model.keras", "w") as archive:
            archive.writestr("automed.json", json.dumps({"trial": number}))
        for file in ("examples.npz", "scores.json", *(["predictions.parquet"] if whole else [])):
            (folder / file).write_text(str(number))

    def test_two_that_change_places_keep_their_predictions(self, run: Run) -> None:
        self.made(run, "01-cnn", 4)
        self.made(run, "02-cnn", 7)
        _arrange(run, {7: run.finalist(1, "cnn"), 4: run.finalist(2, "cnn")})
        assert (run.models / "01-cnn" / "predictions.parquet").read_text() == "7"
        assert (run.models / "02-cnn" / "predictions.parquet").read_text() == "4"
        assert not (run.models / "01-cnn" / "scores.json").exists(), "scores name the finalist: computed again"

    def test_one_that_stays_keeps_its_scores_and_one_that_is_beaten_goes(self, run: Run) -> None:
        self.made(run, "01-cnn", 4)
        self.made(run, "02-resnet", 7)
        _arrange(run, {4: run.finalist(1, "cnn"), 9: run.finalist(2, "cnn")})
        assert (run.models / "01-cnn" / "scores.json").is_file()
        assert [folder.name for folder in run.models.iterdir()] == ["01-cnn"]

    def test_one_that_a_kill_left_half_made_is_made_anew(self, run: Run) -> None:
        self.made(run, "01-cnn", 4, whole=False)
        _arrange(run, {4: run.finalist(1, "cnn")})
        assert not run.finalist(1, "cnn").folder.exists()
