"""What the data check has to say, in one shape for the terminal, data.json and the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from automed.errors import LeakError

Severity = Literal["leak", "warning", "note"]
ORDER: tuple[Severity, ...] = ("leak", "warning", "note")
SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """One thing about the data that a person should know.

    Attributes:
        kind: a name that does not change, for programs: `exact_duplicates_across_splits`.
        severity: a leak is refused, a warning should be looked into, a note is good to know.
        message: one sentence; columns and classes are named, never patients, cells or pixels.
        rows: the first row numbers it is about.
        count: how many records it is about.
        remedy: what to do; empty where nothing needs to be done.
    """

    kind: str
    severity: Severity
    message: str
    rows: tuple[int, ...] = ()
    count: int = 0
    remedy: str = ""


def about(
    kind: str,
    severity: Severity,
    message: str,
    rows: npt.NDArray[np.int64],
    remedy: str = "",
    *,
    count: int | None = None,
) -> Finding:
    """A finding about records: the first of `rows`, in their order, are kept, and how many there are."""
    return Finding(
        kind, severity, message, tuple(int(row) for row in rows[:SHOWN]), len(rows) if count is None else count, remedy
    )


def raise_on_leak(findings: Iterable[Finding]) -> None:
    """Raise the LeakError that names every leak among the findings, with rows and remedies; return if there is none."""
    leaks = [finding for finding in findings if finding.severity == "leak"]
    if not leaks:
        return
    parts = [finding.message.rstrip(".") + (f" ({in_words(finding)})" if finding.rows else "") for finding in leaks]
    remedies = dict.fromkeys(finding.remedy for finding in leaks if finding.remedy)
    raise LeakError("; ".join(parts), where="data", hint="\n  ".join(remedies) or None)


def in_words(finding: Finding) -> str:
    """`row 3`, or `rows 3, 17, 40 and 12 more`."""
    rest = finding.count - len(finding.rows)
    listed = ", ".join(str(row) for row in finding.rows)
    return f"row{'s' if finding.count != 1 else ''} {listed}" + (f" and {rest:,} more" if rest > 0 else "")
