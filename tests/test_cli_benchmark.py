"""The verbs `automed benchmark compare` and `show`, from histories that are made up."""

from pathlib import Path

import pytest
from commandline import Command
from madebenchmark import make_history

SUITE = """\
name: made-up
recipes: [skin, motifs]
seeds: [0, 1, 2, 3, 4]
engines: [automed, majority]
budget: {trials: 1}
"""
SEEDS = (0, 1, 2, 3, 4)


@pytest.fixture
def suite(tmp_path: Path) -> str:
    """A suite file beside which histories lie."""
    (tmp_path / "made-up.yaml").write_text(SUITE)
    return "made-up.yaml"


def made(tmp_path: Path, **changes) -> None:
    options = {"seeds": SEEDS, "recipes": ("skin", "motifs"), "engines": ("automed", "majority")} | changes
    make_history(tmp_path / "out" / "made-up", **options).close()


def test_two_points_that_answer_alike_are_the_same(automed_command: Command, tmp_path: Path, suite: str) -> None:
    """And the gate lets them pass."""
    made(tmp_path, identical=True)
    ended = automed_command("benchmark", "compare", suite, "--in", "out", "--gate", "--json")
    assert ended.code == 0
    assert ended.document["verdict"] == "same"
    assert {change["verdict"] for change in ended.document["changes"]} == {"same"}


def test_a_recipe_that_got_worse_is_named_and_stops_at_the_gate(
    automed_command: Command, tmp_path: Path, suite: str
) -> None:
    """Without --gate it is told and nothing more."""
    made(tmp_path, worse={("motifs", "automed"): 2.0})
    ended = automed_command("benchmark", "compare", suite, "--in", "out", "--gate")
    assert ended.code == 4
    assert "worse: motifs" in " ".join(ended.out.split())
    assert automed_command("benchmark", "compare", suite, "--in", "out").code == 0


def test_what_cannot_be_decided_never_passes_the_gate(automed_command: Command, tmp_path: Path, suite: str) -> None:
    """One seed decides nothing."""
    made(tmp_path, seeds=(0,))
    assert automed_command("benchmark", "compare", suite, "--in", "out", "--gate").code == 5


def test_points_may_be_named(automed_command: Command, tmp_path: Path, suite: str) -> None:
    """An earlier one after a later one too; one that is not there is told."""
    made(tmp_path, points=3, seeds=(0, 1), identical=True)
    document = automed_command("benchmark", "compare", suite, "1", "3", "--in", "out", "--json").document
    assert (document["before"]["id"], document["after"]["id"]) == (1, 3)
    ended = automed_command("benchmark", "compare", suite, "1", "9", "--in", "out")
    assert ended.code == 1 and "there is no point 9" in ended.err


def test_the_first_point_has_nothing_to_be_compared_with(automed_command: Command, tmp_path: Path, suite: str) -> None:
    """Nor has a suite that never ran; both say which command helps."""
    ended = automed_command("benchmark", "compare", suite, "--in", "out")
    assert ended.code == 1 and "there is no history" in ended.err and "benchmark run" in ended.err
    made(tmp_path, points=1, seeds=(0,))
    ended = automed_command("benchmark", "compare", suite, "--in", "out")
    assert ended.code == 2 and "the first whole one" in ended.err


def test_the_page_is_written_beside_the_history_or_where_it_is_asked_for(
    automed_command: Command, tmp_path: Path, suite: str
) -> None:
    """Its path is the one JSON document."""
    made(tmp_path, seeds=(0, 1))
    ended = automed_command("benchmark", "show", suite, "--in", "out", "--json")
    assert ended.code == 0 and Path(ended.document["page"]) == Path("out/made-up/index.html")
    assert automed_command("benchmark", "show", suite, "--in", "out", "--out", "page.html").code == 0
    assert "made-up" in (tmp_path / "page.html").read_text()


def test_a_hook_that_cannot_be_read_is_told_before_anything_runs(
    automed_command: Command, tmp_path: Path, suite: str
) -> None:
    """Not after an hour."""
    ended = automed_command("benchmark", "run", suite, "--in", "out", "--hook", "notify 'me")
    assert ended.code == 2 and "--hook" in ended.err
    assert not (tmp_path / "out").exists()
