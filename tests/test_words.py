"""Numbers, names and comparisons in words, as clinicians read them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automed.report import words
from automed.report.results import Comparison


@given(st.floats(-2, 2), st.integers(2, 3))
def test_a_decimal_reads_back_as_the_number_it_was(value: float, digits: int) -> None:
    """Rounded to the digits shown, with a true minus sign, no zero before the point and no negative zero."""
    text = words.decimal(value, digits)
    assert float(text.replace(words.MINUS, "-")) == pytest.approx(value, abs=0.5001 * 10**-digits)
    assert not text.startswith(("0.", "-")) and (words.MINUS not in text or float(text.strip(words.MINUS)) > 0)


@given(st.floats(0, 1))
def test_a_share_reads_as_none_or_all_only_where_it_is(share: float) -> None:
    """ "0 %" and "100 %" are claims; nearly is not quite."""
    text = words.percent(share).replace(words.THIN, " ")
    assert (text == "0 %") == (share == 0) and (text == "100 %") == (share == 1)


@given(st.text())
def test_cleaned_text_cannot_turn_or_control_its_surroundings(text: str) -> None:
    """What is left can be printed anywhere, and cleaning twice changes nothing."""
    cleaned = words.clean(text)
    assert len(cleaned) == len(text) and cleaned == words.clean(cleaned)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", cleaned)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.1, "0.1 s"), (9.97, "10 s"), (59.7, "1 min"), (296, "4 min 56 s"), (3600, "1 h"), (7512, "2 h 5 min")],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    """The two largest units that say something."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("low", "difference", "high", "verdict", "text"),
    [
        (0.01, 0.05, 0.09, "ahead", "Ahead of gradient boosting by .05 in macro-F1"),
        (0.001, 0.05, 0.09, "ahead", "interval .001 to .090"),
        (-0.09, -0.05, -0.01, "behind", "the simpler model is the better one here"),
        (-0.01, 0.05, 0.09, "open", "which includes 0"),
        (0.0, 0.05, 0.09, "open", "No difference from gradient boosting could be shown"),
    ],
)
def test_a_comparison_claims_no_more_than_its_interval(
    low: float, difference: float, high: float, verdict: str, text: str
) -> None:
    """Ahead and behind are said only where the interval lies on one side of 0."""
    comparison = Comparison("boosting", "macro_f1", difference, low, high, 0.01, None)
    assert comparison.verdict == verdict and text in comparison.sentence.replace(words.THIN, " ")
