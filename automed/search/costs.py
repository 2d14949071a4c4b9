"""What a corruption costs, in words for people."""

from __future__ import annotations

from collections.abc import Mapping

from automed.evaluate.intervals import Estimate

MINUS = "\N{MINUS SIGN}"


def finding(noun: str, differences: Mapping[int, Estimate]) -> str:
    """What a corruption costs, in a sentence or two for people.

    Args:
        noun: of the corruption.
        differences: by severity, rising, macro-F1 under it minus that of the clean test.
    """
    known = list(differences)
    middle, worst = known[len(known) // 2], known[-1]
    change = differences[middle]
    start = noun[0].upper() + noun[1:]
    if change.value is None or change.ci95 is None:
        return f"What {noun} costs cannot be said ({change.reason})."
    interval = _interval(change)
    if change.ci95[1] < 0:
        return f"{start} at severity {middle} costs {_short(-change.value)} in macro-F1 ({interval})."
    if change.ci95[0] > 0:
        return f"{start} at severity {middle} adds {_short(change.value)} to macro-F1 ({interval})."
    told = f"That {noun} at severity {middle} costs macro-F1 could not be shown ({_short(-change.value)}, {interval})"
    last = differences[worst]
    if worst != middle and last.value is not None and last.ci95 is not None and last.ci95[1] < 0:
        return f"{told}; at severity {worst} it costs {_short(-last.value)} ({_interval(last)})."
    return f"{told}."


def _interval(change: Estimate) -> str:
    """The 95 % interval of what is lost; of a gain, of what is added."""
    low, high = change.ci95 or (0.0, 0.0)
    low, high = (low, high) if low > 0 else (-high, -low)
    return f"95 % interval {_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    """Two decimals without a zero before the point: .12, −.03."""
    text = f"{abs(value):.2f}"
    sign = MINUS if value < 0 and float(text) else ""
    return sign + text.removeprefix("0")
