"""What any threshold would yield: counts of flagged test records, and ten thresholds of them for the page."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from automed.report.artefact import Part, damaged

# The sensitivities whose thresholds are shown: what finding more would cost.
SENSITIVITIES = (0.99, 0.975, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)
DIGITS = 6  # of a threshold: as many as the counts can tell apart


@dataclass(frozen=True)
class Step:
    """What one threshold yields in this test set; None where it is not defined."""

    threshold: float
    sensitivity: float
    specificity: float
    ppv: float | None
    npv: float | None
    net_benefit: float | None
    flagged: float  # share of all records
    missed: float


@dataclass(frozen=True)
class Tally:
    """Flagged test records by rising threshold; a probability of at least the threshold is flagged."""

    thresholds: tuple[float, ...]
    hits: tuple[int, ...]
    alarms: tuple[int, ...]
    positives: int
    negatives: int
    complete: bool  # whether every distinct probability has a threshold

    @property
    def prevalence(self) -> float:
        return self.positives / (self.positives + self.negatives)

    def place(self, threshold: float) -> int:
        """Where the first threshold stands that is as high."""
        return min(bisect_left(self.thresholds, threshold), len(self.thresholds) - 1)

    def simplest(self, place: int) -> float:
        """The threshold with the fewest decimals that flags the same records; as it is where not all are kept."""
        high, low = self.thresholds[place], self.thresholds[place - 1] if place else -1.0
        ways = (math.floor(high * 10**digits) / 10**digits for digits in range(1, DIGITS))
        return next((value for value in ways if low < value <= high), high) if self.complete else high

    def step(self, place: int, threshold: float) -> Step:
        """What a threshold yields that flags the records of `place`."""
        hits, alarms = self.hits[place], self.alarms[place]
        n, missed, left = self.positives + self.negatives, self.positives - hits, self.negatives - alarms
        return Step(
            threshold,
            hits / self.positives,
            left / self.negatives,
            hits / (hits + alarms) if hits + alarms else None,
            left / (left + missed) if left + missed else None,
            (hits - alarms * (threshold / (1 - threshold))) / n if threshold < 1 else None,
            (hits + alarms) / n,
            missed / n,
        )

    def ladder(self, chosen: float) -> tuple[Step, ...]:
        """Ten thresholds or fewer: the chosen one, and of each sensitivity that with the highest specificity."""
        places = {self.place(chosen)}
        for wanted in SENSITIVITIES:
            places.add(max(k for k, hits in enumerate(self.hits) if hits >= wanted * self.positives))
        here = self.place(chosen)
        return tuple(self.step(place, chosen if place == here else self.simplest(place)) for place in sorted(places))


def read_tally(part: Part) -> Tally | None:
    """The counts of one question; None where they were not kept, or where all records have the same answer.

    Raises:
        RunError: they are not those of rising thresholds.
    """
    if not part.value:
        return None
    thresholds = part.numbers("thresholds")
    hits, alarms = (tuple(round(count) for count in part.numbers(key)) for key in ("hits", "alarms"))
    positives, negatives = part.need_count("positives"), part.need_count("negatives")
    if not len(thresholds) == len(hits) == len(alarms):
        raise damaged(part.file, f"{part.place} has lists of different lengths")
    if any(a >= b for a, b in pairwise(thresholds)):
        raise damaged(part.file, f"{part.place}.thresholds do not rise")
    for key, counts, most in (("hits", hits, positives), ("alarms", alarms, negatives)):
        if any(a < b for a, b in pairwise((most, *counts, 0))) or (counts and counts[0] != most):
            raise damaged(part.file, f"{part.place}.{key} do not fall from {most}")
    if not thresholds or not positives or not negatives:
        return None
    return Tally(thresholds, hits, alarms, positives, negatives, part.flag("complete"))
