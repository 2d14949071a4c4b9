"""Inputs of example cases on a page: pictures, traces, texts, sequences and tables, and what is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from madeup import (
    ECG,
    NOTE,
    VITALS,
    Page,
    heartbeats,
    is_named_and_in_order,
    links_lead_somewhere,
    make_labelled_run,
    names_no_network,
    only_report,
    pages,
)

from automed.errors import RunError
from automed.report.artefact import Part
from automed.report.facts import gather
from automed.report.inputs import INPUTS
from automed.report.inputs.image import Picture
from automed.report.inputs.shown import Absent, Input, read_input
from automed.report.inputs.signal import CHANNELS, Signal, Trace, thin
from automed.report.inputs.tabular import Values
from automed.report.inputs.tokens import HOLE, Letters, Passage
from automed.report.svg import drawing
from automed.run import Run


def described(**facts: Any) -> Input:
    """An input as data.json describes it."""
    return read_input("it", Part(Path("data.json"), facts))


# --- kinds -------------------------------------------------------------------------------------------------------

PICTURE = {"shape": [8, 8, 3]}
STRAND = {"kind": "sequence", "shape": [60], "alphabet": ["", "A", "C", "G", "T", "N"]}
# Of each kind what data.json says, an array of one record, and one of a record that lacks it.
KINDS: dict[str, tuple[dict[str, Any], np.ndarray, np.ndarray]] = {
    "image": (PICTURE, np.full((1, 8, 8, 3), 9, np.uint8), np.zeros((1, 8, 8, 3), np.uint8)),
    "signal": (ECG, heartbeats(1), np.full((1, 500, 12), np.nan, np.float32)),
    "text": (NOTE, np.array([[2, 3, 4, 5, 0, 0]], np.int32), np.zeros((1, 6), np.int32)),
    "sequence": (STRAND, np.array([[1, 2, 3, 4] * 15], np.uint8), np.zeros((1, 60), np.uint8)),
    "tabular": (VITALS, np.array([[64, 1.9, 2]], np.float32), np.full((1, 3), np.nan, np.float32)),
}


def test_every_kind_is_tried() -> None:
    """A new line in the table is met by the tests below."""
    assert set(KINDS) == set(INPUTS)


@pytest.mark.parametrize("kind", INPUTS)
def test_a_kind_says_what_it_is_and_shows_a_record_or_that_there_is_none(kind: str) -> None:
    """Nothing about an input that the record lacks reads as if it were there."""
    facts, present, lacking = KINDS[kind]
    one = described(**facts)
    assert len(one.words) > 5 and one.problem(present) is None and one.problem(lacking) is None
    shown, nothing = one.show(present[0]), one.show(lacking[0])
    assert not isinstance(shown, Absent) and shown.says
    assert isinstance(nothing, Absent) and nothing.why.startswith("no ")


@pytest.mark.parametrize("kind", [kind for kind in INPUTS if kind != "image"])
def test_an_array_of_another_kind_is_a_problem_and_no_crash(kind: str) -> None:
    """A file that does not hold what data.json says is damaged."""
    assert described(**KINDS[kind][0]).problem(np.zeros((2, 5, 4, 3), np.uint8))


def test_a_kind_of_later_is_told_and_not_shown() -> None:
    """A page of a newer run says what it cannot show."""
    one = described(kind="volume", shape=[64, 64, 64])
    assert "volume" in one.words and isinstance(one.show(np.zeros((64, 64, 64))), Absent)


def test_a_run_that_names_no_kind_has_pictures() -> None:
    """As all runs had at first."""
    one = described(cache="c0ffee", shape=[64, 64, 3], mean=[0.5], std=[0.1])
    assert one.words == "image of 64 × 64 pixels, colour"
    assert isinstance(one.show(np.ones((64, 64, 3), np.uint8)), Picture)


# --- signals -----------------------------------------------------------------------------------------------------


def test_only_measured_channels_are_drawn_and_those_left_out_are_counted() -> None:
    """Masks and times since the last value are for the model; twelve traces fill a card."""
    names = [f"c{k}" for k in range(30)]
    one = described(kind="signal", shape=[48, 30], channels=names, step=1, unit="h", values=list(range(15)))
    values = np.ones((48, 30), np.float32)
    values[:, 4] = np.nan
    values[40:] = np.nan
    shown = one.show(values)
    assert isinstance(shown, Trace)
    assert [channel.name for channel in shown.channels] == [f"c{k}" for k in range(13) if k != 4]
    assert len(shown.channels) == CHANNELS and shown.span == "40 h"
    assert shown.note == "2 channels more with values; 1 channel without any value."
    assert one.words == "signal of 15 channels over 48 h"


def test_without_a_step_the_span_is_in_steps() -> None:
    """No unit of time is made up."""
    one = described(kind="signal", shape=[1000, 1], channels=["II"], step=None, unit=None, values=[0])
    assert one.words == "signal of 1 channel over 1,000 steps"


def test_a_trace_is_named_scaled_and_spoken() -> None:
    """Each lead has its name and its range, the axis its length, and who does not see it hears what is drawn."""
    values = np.full((1, 50, 2), np.nan, np.float32)
    values[0, :, 0], values[0, [3, 9], 1] = np.linspace(60, 104, 50), 0.4
    one = described(kind="signal", shape=[50, 2], channels=["pulse", "<b>K</b>"], step=0.5, unit="h", values=[0, 1])
    shown = one.show(values[0])
    with drawing():
        source = str(shown.drawing("trace-0", "Test record 1: a trace of a pulse"))
    page = Page(source)
    assert "pulse" in page.text and "<b>K</b>" in page.text and "60 to 104" in page.text and "25 h" in page.text
    assert page.all("svg")[0]["aria-label"] == "Test record 1: a trace of a pulse"
    assert "pulse and <b>K</b>" in shown.says


@given(
    values=arrays(np.float32, st.integers(1, 300), elements=st.floats(-5, 5, width=32) | st.just(np.nan)),
    most=st.integers(2, 60),
)
@settings(max_examples=60, deadline=None)
def test_thinning_keeps_every_peak(values: np.ndarray, most: int) -> None:
    """Few points, in order, and the largest and smallest value among them."""
    at = thin(values, most)
    assert len(at) <= max(most, 2) and (np.diff(at) > 0).all()
    if not np.isnan(values).all():
        assert np.nanmax(values[at]) == np.nanmax(values) and np.nanmin(values[at]) == np.nanmin(values)


def test_a_gap_stays_open_and_a_single_value_is_seen() -> None:
    """What was not measured is not drawn as if it were."""
    values = np.zeros((400, 1), np.float32)
    values[100:200] = np.nan
    one = described(kind="signal", shape=[400, 1], channels=["II"], step=1, unit="s", values=[0])
    (channel,) = one.show(values).channels
    assert not channel.sparse and np.isnan(channel.values).any()
    values[:] = np.nan
    values[7] = 1.5
    (channel,) = one.show(values).channels
    assert channel.sparse and channel.values == (1.5,)


def test_a_channel_that_does_not_exist_is_a_problem() -> None:
    """`values` must name channels."""
    one = described(kind="signal", shape=[4, 1], channels=["II"], values=[1])
    assert isinstance(one, Signal) and one.problem(np.zeros((1, 4, 1), np.float32))


# --- texts, sequences, tables ------------------------------------------------------------------------------------


def test_a_text_is_its_words_with_unknown_ones_as_holes() -> None:
    """The first sixty words, what is cut is counted, and the hole is explained."""
    one = described(**NOTE)
    shown = one.show(np.array([2, 3, 1, 5, 0, 0]))
    assert isinstance(shown, Passage) and shown.text == f"chest pain {HOLE} rest"
    assert shown.note == f"{HOLE} stands for a word that is not in the vocabulary."
    long = one.show(np.array([2, 3] * 100))
    assert len(long.text.split()) == 61 and long.text.endswith("…") and long.note == "The first 60 of 200 words."


def test_parts_of_words_are_joined() -> None:
    """As WordPiece and byte-pair encodings mark them."""
    pieces = described(kind="text", shape=[9], vocabulary=["", "", "cardio", "##myo", "##pathy", "mild"])
    assert pieces.show(np.array([5, 2, 3, 4])).text == "mild cardiomyopathy"
    pairs = described(kind="text", shape=[9], vocabulary=["", "", "▁cardio", "myopathy", "▁mild"])
    assert pairs.show(np.array([4, 2, 3])).text == "mild cardiomyopathy"


def test_a_sequence_is_shown_in_groups_of_ten() -> None:
    """At most 120 letters; padding is none of them."""
    shown = described(**STRAND).show(np.array([1, 2, 3, 4, 5] * 5 + [0] * 10, np.uint8))
    assert isinstance(shown, Letters) and shown.groups == ("ACGTNACGTN", "ACGTNACGTN", "ACGTN")
    shown = described(**STRAND).show(np.ones(300, np.uint8))
    assert sum(map(len, shown.groups)) == 120 and shown.note == "The first 120 of 300 tokens."


def test_a_table_names_its_values() -> None:
    """A category is its level, a level that training never saw is told so, and what is missing says missing."""
    one = described(**VITALS)
    rows = one.show(np.array([64, np.nan, 2], np.float32)).rows
    assert rows == (("age", "64"), ("lactate", "missing"), ("sex", "male"))
    assert one.show(np.array([64, -1.25, 0], np.float32)).rows[1:] == (("lactate", "−1.25"), ("sex", "another level"))
    many = [{"name": f"f{k}", "kind": "number"} for k in range(50)]
    shown = described(kind="tabular", shape=[50], features=many).show(np.ones(50, np.float32))
    assert isinstance(shown, Values) and len(shown.rows) == 20 and shown.note == "The first 20 of 50 values."


# --- on the page -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of six cases with a signal, a picture, a text, a sequence and a table each."""
    inputs = {"ecg": ECG, "scan": PICTURE, "note": NOTE, "strand": STRAND, "vitals": VITALS}
    shown = {
        "ecg": heartbeats(6),
        "scan": np.concatenate([np.zeros((1, 8, 8, 3), np.uint8), np.full((5, 8, 8, 3), 120, np.uint8)]),
        "note": np.tile(np.array([2, 1, 4, 5, 0, 0], np.int32), (6, 1)),
        "strand": np.tile(np.array([1, 2, 3, 4], np.uint8), (6, 15)),
        "vitals": np.tile(np.array([64, np.nan, 1], np.float32), (6, 1)),
    }
    return make_labelled_run(tmp_path_factory.mktemp("mixed") / "run", inputs, shown)


def test_a_page_shows_every_input_of_a_case(mixed: Run) -> None:
    """Drawn, written or as a table, in one file that is named throughout and loads nothing."""
    page = only_report(mixed)
    is_named_and_in_order(page)
    names_no_network(page)
    assert len([a for a in page.all("svg") if "12 traces over 10 s: I, II" in a["aria-label"]]) == 6
    assert len(page.all("img")) == 5 and page.text.count("no picture") == 1
    assert page.text.count(f"chest {HOLE} at rest") == 6 and page.text.count("ACGTACGTAC GTACGTACGT") == 6 * 3
    assert page.text.count("lactate missing sex female") == 6
    assert "Input ecg : signal of 12 channels over 10 s." in page.text
    assert "Input vitals : 2 numbers and 1 category." in page.text
    assert re.search(r"text of up to 6 tokens, vocabulary of 6", page.text)
    assert len(page.source) < 1_000_000


def test_links_hold_with_drawings_in_cases(mixed: Run) -> None:
    """Identical signals of two cases must not share an id."""
    for page in pages(mixed):
        links_lead_somewhere(page)


def test_twenty_four_ecgs_stay_small(tmp_path: Path) -> None:
    """A page of traces is under 1.1 MB."""
    page = only_report(make_labelled_run(tmp_path / "run", {"ecg": ECG}, {"ecg": heartbeats(24, 500)}))
    assert len([a for a in page.all("svg") if "12 traces" in a["aria-label"]]) == 24
    assert len(page.source.encode()) < 1_100_000


def test_an_input_that_is_not_what_data_json_says_names_the_file(mixed: Run) -> None:
    """examples.npz with 11 leads for 12 channels is damaged."""
    (finalist,) = mixed.finalists()
    kept = finalist.examples.read_bytes()
    with np.load(finalist.examples) as stored:
        held = {name: stored[name] for name in stored.files}
    np.savez(finalist.examples, **{**held, "input_ecg": held["input_ecg"][:, :, :11]})
    with pytest.raises(RunError, match=r"examples\.npz.*'ecg'"):
        gather(mixed)
    finalist.examples.write_bytes(kept)
