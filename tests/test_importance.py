"""Which parameters decided a search: told from the journal alone, with what chance gives, and not from too little."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from madeup import HOSTILE, Page, Story, is_named_and_in_order, links_lead_somewhere, make_run, only_report, pages

from automed.errors import RunError
from automed.recipe.evaluate import Audit
from automed.report.found.importance import Importance, Parameter, read_importance
from automed.run import Run, read_json, write_json
from automed.search.importance import DEALS, LEAST, importance
from automed.search.journal import Journal, TrialStory
from automed.search.leaderboard import build


def drawn(count: int, seed: int = 0, *, effect: float = 0.25, state: str = "complete") -> list[TrialStory]:
    """Trials of which the learning rate decides the score, by its distance from .001; all else is noise."""
    random = np.random.default_rng(seed)
    stories = []
    for number in range(count):
        architecture = ("cnn", "resnet")[number % 2]
        choices: dict[str, Any] = {
            "architecture": architecture,
            "adamw.learning_rate": float(10 ** random.uniform(-4, -2)),
            "dropout": float(random.choice([0.0, 0.1, 0.2])),
            "mix": ("none", "mixup")[int(random.integers(2))],
            f"{architecture}.width": int(random.choice([16, 24, 32])),
            "flip": bool(random.integers(2)),
            "loss": "cross_entropy",
        }
        score = 0.8 - effect * abs(math.log10(choices["adamw.learning_rate"]) + 3) + random.normal(0, 0.02)
        stories.append(TrialStory(number, architecture, choices, state, macro_f1=float(score)))
    return stories


def by_name(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in told["parameters"]}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return importance(drawn(32))


# --- at the end of a search --------------------------------------------------------------------------------------


def test_the_parameter_that_decides_is_first_and_beyond_chance(told: dict[str, Any]) -> None:
    """And no other is; a parameter that half of the candidates have is judged by those."""
    rows = by_name(told)
    first = told["parameters"][0]
    assert first["name"] == "adamw.learning_rate" and first["importance"] > 0.5
    beyond = [r["name"] for r in told["parameters"] if r["importance"] is not None and r["importance"] > r["chance"]]
    assert beyond == ["adamw.learning_rate"]
    assert told["n"] == first["n"] == 32 and rows["cnn.width"]["n"] == rows["resnet.width"]["n"] == 16
    assert told["reason"] is None and told["method"] == "fANOVA" and told["deals"] == DEALS
    assert all(0 <= row["importance"] <= 1 for row in told["parameters"] if row["importance"] is not None)


@pytest.mark.slow
def test_of_searches_in_which_nothing_decides_few_name_a_parameter() -> None:
    """1 in 20 by construction; of 12 such searches at most 3, which happens in under 1 of 400 sets of 12."""
    named = 0
    for seed in range(12):
        rows = by_name(importance(drawn(14, seed, effect=0.0)))
        shared = [rows[name] for name in ("architecture", "adamw.learning_rate", "dropout", "mix", "flip")]
        named += any(row["importance"] > row["chance"] for row in shared)
    assert named <= 3


def test_a_parameter_with_one_value_or_few_candidates_is_not_told() -> None:
    """None with the reason, and never 0, which would say that it does not matter."""
    stories = drawn(14)
    for story in stories[:3]:
        story.choices["resnet.blocks"] = story.number
    rows = by_name(importance(stories))
    assert rows["loss"]["importance"] is None and rows["loss"]["reason"] == "every candidate had the same value"
    assert rows["resnet.blocks"]["reason"] == "under 8 candidates had it" and rows["resnet.blocks"]["n"] == 3
    assert rows["cnn.width"]["n"] == 7 and rows["cnn.width"]["chance"] is None


@pytest.mark.parametrize(
    ("stories", "reason"),
    [
        ([], "0 candidates were finished, and 8 are needed"),
        (drawn(LEAST - 1), "7 candidates were finished, and 8 are needed"),
        (drawn(20, state="failed"), "0 candidates were finished, and 8 are needed"),
        (drawn(20, state="interrupted"), "0 candidates were finished, and 8 are needed"),
        ([TrialStory(k, "cnn", {"a": k}, "complete", macro_f1=0.5) for k in range(9)], "every candidate has the same"),
        ([TrialStory(k, "cnn", {"a": 1}, "complete", macro_f1=k / 9) for k in range(9)], "no parameter was tried"),
    ],
    ids=["none", "few", "failed", "cut short", "same score", "same choices"],
)
def test_too_little_to_tell_is_said(stories: list[TrialStory], reason: str) -> None:
    """In one sentence, and no share is given."""
    told = importance(stories)
    assert told["reason"].startswith(reason)
    assert all(row["importance"] is None for row in told["parameters"])


def test_the_same_journal_gives_the_same_shares_and_scores_that_are_nan_are_left_out() -> None:
    """So that a search that is ended twice writes the same file."""
    stories = [*drawn(12), TrialStory(12, "cnn", {"dropout": 0.1}, "complete", macro_f1=math.nan)]
    told = importance(stories)
    assert told == importance(stories) and told["n"] == 12
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_the_leaderboard_holds_it_whatever_the_engine(tmp_path: Path) -> None:
    """It is told from trials.jsonl, which both engines write."""
    run = Run(tmp_path)
    journal = Journal(run)
    for story in drawn(10):
        score, number = story.macro_f1, story.number
        journal.write("start", number=number, architecture="cnn", choices=story.choices, parameters=9, epoch=0)
        journal.write("epoch", number=number, epoch=1, loss=1.0, macro_f1=score, best=score, best_epoch=1, seconds=1.0)
        journal.write("end", number=number, state="complete", reason="", architecture="cnn", macro_f1=score)
    board = build(run, Audit(), trials=10, minutes=None, finalists=1, workers=1, used=60.0)
    assert board["importance"] == importance(drawn(10)) and board["importance"]["n"] == 10


def test_the_leaderboard_loads_optuna_only_when_it_is_built() -> None:
    """A page, and a search by the other engine that is not at its end, does without."""
    code = "import sys, automed.search.leaderboard; print([m for m in ('optuna', 'sklearn') if m in sys.modules])"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "[]"


# --- on the pages ------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=2))


def put(run: Run, told: Any) -> Run:
    write_json(run.leaderboard, read_json(run.leaderboard) | {"importance": told})
    return run


def section(page: Page) -> str:
    return page.text.split("Which parameters went with good scores")[1].split("Failed candidates")[0]


def test_both_pages_draw_it_with_names_for_people_and_say_that_it_is_a_guess(run: Run, told: dict[str, Any]) -> None:
    """The finding first, with n; the drawing's words give it too."""
    first = told["parameters"][0]
    for page in pages(put(run, told)):
        links_lead_somewhere(page)
        is_named_and_in_order(page)
        text = section(page)
        share = f"{first['importance']:.2f}".lstrip("0")
        assert f"goes with AdamW: learning rate ({share}, n = 32)." in text
        assert "With 32 finished candidates this is a guess" in text and "not that they caused them" in text
        assert f"largest share of any parameter in {DEALS} searches" in text
        assert "Not told, for every candidate had the same value: Loss ." in text
        chance = f"{first['chance']:.2f}".lstrip("0")
        assert f"AdamW: learning rate {share} {chance} 32" in text and "CNN: width" in text
        labels = [drawing["aria-label"] for drawing in page.all("svg")]
        assert sum(f"AdamW: learning rate, {share}; chance gives up to {chance}." in one for one in labels) == 2


def test_nothing_stands_out_is_said_in_words() -> None:
    """Bars alone would be read as a ranking."""
    found = Importance("fANOVA", 9, 8, 19, None, (Parameter("dropout", 0.3, 0.5, 9, None),))
    assert found.sentence.startswith("No parameter stands out")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "Not done: leaderboard.json does not say"),
        (importance([]), "Not told: 0 candidates were finished, and 8 are needed."),
    ],
)
def test_a_search_that_tells_nothing_says_so(run: Run, content: Any, text: str) -> None:
    """Also that of an earlier version, whose leaderboard has no such part."""
    assert text in section(only_report(put(run, content)))


def test_hostile_names_of_parameters_are_text(run: Run) -> None:
    """In the table, the sentence and the drawing."""
    rows = [{"name": name, "importance": 0.6, "chance": 0.2, "n": 9, "reason": None} for name in HOSTILE]
    rows.append({"name": HOSTILE[0] + "x", "importance": None, "chance": None, "n": 9, "reason": HOSTILE[1]})
    page = only_report(put(run, importance(drawn(8)) | {"parameters": rows}))
    assert "<script>alert(1)</script>" in section(page) and "{{ 7 * 7 }} {% raw %}" in section(page)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "\u202e" not in page.source


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"parameters": [{"importance": 0.5}]}, "importance.parameters"),
        ({"parameters": [{"name": "a", "importance": "much"}]}, "importance"),
        ({"parameters": 3}, "importance.parameters"),
        ([1], "importance"),
    ],
)
def test_a_damaged_part_is_named(run: Run, content: Any, place: str) -> None:
    with pytest.raises(RunError) as problem:
        read_importance(put(run, content))
    assert place in problem.value.what and str(run.leaderboard) in str(problem.value.where)
