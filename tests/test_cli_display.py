"""What a person sees while a search goes on, and how Ctrl-C ends it."""

from __future__ import annotations

import io
import os
import re
import signal
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from automed import events
from automed.cli.live import Screen, choose
from automed.cli.plain import Plain, Warnings
from automed.cli.search import stoppable
from automed.cli.tally import Tally, clock

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
