"""Shares as people count: "about 89 (76 to 98) of 100", never a figure without its interval."""

from __future__ import annotations

from automed.report import words
from automed.report.results import Score

BASES = (100, 1000, 10_000, 100_000)


def of_hundred(score: Score) -> tuple[str, int] | None:
    """A share as a count: its figure with the interval, and of how many.

    Args:
        score: a share, 0 to 1.

    Returns:
        ("89 (76 to 98)", 100); of more where a count among 100 would read as none or all. None without an interval.

    Source: Gigerenzer et al. 2007, Psychol Sci Public Interest 8:53-96 (natural frequencies).
    """
    if score.value is None or score.low is None or score.high is None:
        return None
    base = _base(score.value)
    value, low, high = (words.integer(round(base * share)) for share in (score.value, score.low, score.high))
    return tied(f"{value} ({low} to {high})"), base


def tied(text: str) -> str:
    """Text that no line breaks: a figure stays beside its interval."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def complement(score: Score) -> Score:
    """One minus a share, with its interval turned round."""
    value, low, high = (None if end is None else 1 - end for end in (score.value, score.high, score.low))
    return Score(score.key, value, low, high, score.n, score.events, score.reason)


def among(share: float) -> str:
    """A share that was stated, in whole numbers: .02 as "2 in 100", .004 as "4 in 1,000"."""
    base = next(
        (base for base in BASES if abs(share * base - round(share * base)) < 1e-6 and round(share * base)), None
    )
    base = base or _base(share)
    return tied(f"{words.integer(round(share * base))} in {words.integer(base)}")


def _base(share: float) -> int:
    """The smallest of BASES of which the share is neither none nor all."""
    whole = share in (0, 1)
    return next((base for base in BASES if whole or 0 < round(share * base) < base), BASES[-1])
