"""How far a mean difference over seeds can be trusted: it varies with the test records, and with the trainings.

Two variances, each known from few or many of its kind, are added up. Few seeds are the difficulty: the variance between
two or three of them is small by chance now and then, and Satterthwaite's degrees of freedom then take a difference of
luck for one of the code (at two seeds in up to 13 % of all comparisons rather than in 5 %). Banerjee's interval cannot:
it covers at least as often as it says, whatever the two variances are, and is but little wider where the records
decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import t

LEVEL = 0.05
LEAST = 1e-12  # no p is said to be smaller


@dataclass(frozen=True)
class Spread:
    """Where the error of a mean over seeds comes from.

    Attributes:
        records: variance of the mean over draws of patients, the trainings held fixed.
        patients: how many were drawn from, at least 2.
        between: variance of the mean by the trainings: that between the seeds divided by their number.
        seeds: how many, at least 2.
    """

    records: float
    patients: int
    between: float
    seeds: int

    def half_width(self, level: float = LEVEL) -> float:
        """Half the interval that misses the true difference in at most `level` of all cases.

        Source: Banerjee 1960, Sankhya 22:359-376 (each variance keeps the t quantile of its own degrees of freedom).
        """
        by_records = float(t.isf(level / 2, self.patients - 1)) ** 2 * self.records
        by_seeds = float(t.isf(level / 2, self.seeds - 1)) ** 2 * self.between
        return math.sqrt(by_records + by_seeds)

    def p(self, difference: float) -> float:
        """The level at which the interval around a difference would just reach 0; two-sided, never below LEAST."""
        size = abs(difference)
        if size == 0:
            return 1.0
        if self.half_width(LEAST) <= size:
            return LEAST
        return math.exp(brentq(lambda log: self.half_width(math.exp(log)) - size, math.log(LEAST), 0.0, xtol=1e-10))
