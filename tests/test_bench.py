"""`make bench`: its table is printed and its figures are kept; one that cannot be measured is a row, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from automed.benchmark.history import History

PERFORMANCE = Path(__file__).parent / "performance"


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PERFORMANCE / "bench.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "error"})


@pytest.mark.slow
def test_figures_are_printed_as_a_table_and_added_to_the_history(tmp_path: Path) -> None:
    """Twice the same figure: two points, and the first is still there."""
    for points in (1, 2):
        done = bench("--only", "startup.commands", "--quick", "--in", tmp_path)
        assert done.returncode == 0, done.stderr
        for word in ("ours", "reference", "ratio", "start-up: automed --help", "import typer, rich"):
            assert word in done.stdout
        with History.open(tmp_path / "performance", create=False) as history:
            assert [point.suite for point in history.points()] == ["performance"] * points
            kept = [row for id, row in history.measurements() if id == points]
            assert [note["event"] for note in history.notes(points)] == ["started", "ended"]
        assert [row.name for row in kept] == ["start-up: automed --help", "start-up: automed recipe check"]
        for row in kept:
            assert row.ratio is not None
            assert 0 < row.ours < 60 and f"{row.ratio:.3g}" in done.stdout
            assert row.detail["ours"] == [pytest.approx(row.ours, rel=1e-3)]


def test_a_name_that_is_not_measured_is_told_with_those_that_are(tmp_path: Path) -> None:
    """Before anything is measured or written."""
    done = bench("--only", "startup.speed", "--in", tmp_path)
    assert done.returncode == 1
    assert "startup.speed" in done.stderr and "startup.commands" in done.stderr and "training" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A module of figures that fail in several ways, beside one that does not."""
    module = tmp_path / "failing.py"
    module.write_text(
        f"""
import sys, os
sys.path.insert(0, {str(PERFORMANCE)!r})
import measuring
from measuring import Side
from pathlib import Path

def good(asked):
    turns = measuring.alternating(lambda: 1.0, lambda: 2.0, 3)
    return [measuring.row("good", *turns, "s", "twice as much", size=3)]

def raises(asked):
    raise ValueError("no such thing")

def dies(asked):
    os._exit(9)

def side(asked):
    with Side(Path(__file__), "broken", asked) as one:
        one()
    return []

def sides(asked):
    with Side(Path(__file__), "counting", asked) as one, Side(Path(__file__), "counting", asked) as two:
        return [measuring.row("sides", *measuring.alternating(one, two, 3), "s", "itself")]

def broken(asked):
    raise RuntimeError("a side that cannot begin")

def counting(asked):
    print("what a library says")
    numbers = iter(range(10))
    return lambda: next(numbers)

figures = {{"good": good, "raises": raises, "dies": dies, "side": side, "sides": sides}}
if __name__ == "__main__":
    measuring.main(figures, {{"broken": broken, "counting": counting}})
"""
    )
    return module


def test_a_figure_that_fails_is_a_row_that_says_why_and_costs_no_other(failing: Path) -> None:
    """A wrong call, a process that vanishes, a side that cannot begin: the others are measured all the same."""
    done = subprocess.run([sys.executable, str(failing)], capture_output=True, text=True)
    assert done.returncode == 1
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "no such thing" in lines["failing.raises"]
    assert "exit code 9" in lines["failing.dies"]
    assert "a side that cannot begin" in lines["failing.side"]
    assert "0.5" in lines["good"] and "twice as much" in lines["good"]
    assert "sides" in lines and "failed" not in lines["sides"]


def test_repetitions_take_turns_and_change_who_begins(failing: Path) -> None:
    """So that neither side always meets the warmer machine."""
    code = (
        f"import sys; sys.path.insert(0, {str(PERFORMANCE)!r}); import measuring; said = []\n"
        "measuring.alternating(lambda: said.append('a'), lambda: said.append('b'), 3); print(''.join(said))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "abbaab"
