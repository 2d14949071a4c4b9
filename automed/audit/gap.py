"""A gap between groups, as it travels to the page: figures, interval, test, verdict, and a sentence of it all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

EQUAL_OPPORTUNITY = "equal_opportunity"
EQUALISED_ODDS = "equalised_odds"
DEMOGRAPHIC_PARITY = "demographic_parity"
WORST_GROUP = "worst_group"

BEYOND, WITHIN, UNDECIDED = "beyond", "within", "undecided"


@dataclass(frozen=True)
class Side:
    """One of the two groups that differ most.

    Attributes:
        group: its name.
        value: the figure in it, 0 to 1.
        n: its records.
        events: those that the figure rests on; of macro-F1 those of the rarest class compared.
    """

    group: str
    value: float
    n: int
    events: int


@dataclass(frozen=True)
class LeftOut:
    """A group that is not estimable.

    Attributes:
        group: its name.
        n: its records.
        reason: why they are too few.
        wholly: whether it was compared in no question at all.
    """

    group: str
    n: int
    reason: str
    wholly: bool


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups of a division.

    Attributes:
        division: key of the attribute or crossing.
        kind: equal_opportunity, equalised_odds, demographic_parity or worst_group.
        figure: what differs: sensitivity, false_positive_rate, flagged or macro_f1.
        question: key of the question in which it differs most; None of macro-F1.
        high, low: the two groups; None where the gap is not estimable, as are value, ci95 and p.
        value: the difference, 0 to 1.
        ci95: interval of the largest difference, all pairs and questions considered.
        p: of the permutation test.
        p_holm: corrected for all gaps of the audit; None until `decide`.
        limit: the largest gap that is accepted.
        verdict: beyond, within or undecided.
        sentence: all of it for people.
        left_out: the groups that were not compared, in some question or in any.
        detectable: the smallest gap that these two groups would show with 80 % power; None where none would.
        reason: why the gap is not estimable or the test cannot tell, or over which classes it was taken.
        surest: figure, question, high and low group of the pair that the lower limit stems from, where that is another
            one than the pair that differs most.
        critical, error: the interval of each pair reaches `critical` times its standard error to either side.
        permutations: of the test.
    """

    division: str
    kind: str
    figure: str
    question: str | None = None
    high: Side | None = None
    low: Side | None = None
    value: float | None = None
    ci95: tuple[float, float] | None = None
    p: float | None = None
    p_holm: float | None = None
    limit: float = 0.0
    verdict: str = UNDECIDED
    sentence: str = ""
    left_out: tuple[LeftOut, ...] = ()
    detectable: float | None = None
    reason: str | None = None
    surest: tuple[str, str | None, Side, Side] | None = None
    critical: float = 0.0
    error: float = 0.0
    permutations: int = 0

    def as_json(self) -> dict[str, Any]:
        """The gap as JSON values; null where something is not estimable, with the reason."""
        return {
            "division": self.division,
            "kind": self.kind,
            "figure": self.figure,
            "question": self.question,
            "high": None if self.high is None else vars(self.high).copy(),
            "low": None if self.low is None else vars(self.low).copy(),
            "value": self.value,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "p": self.p,
            "p_holm": self.p_holm,
            "limit": self.limit,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "left_out": [vars(group).copy() for group in self.left_out],
            "detectable": self.detectable,
            "reason": self.reason,
        }
