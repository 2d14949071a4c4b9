"""Split-conformal prediction sets: every class that cannot be ruled out, with the true one among them as promised.

A class is in the set of a record where its probability reaches a threshold. The threshold is taken from the
probabilities of the true classes of calibration records, here those of validation: so that the promised share of them
would have had the true class in the set. Either one threshold serves all classes (marginal: the promise holds for all
records together) or each class has its own (class-conditional: it holds for the records of each class).

The promise needs that calibration and test records are exchangeable: that their order tells nothing. Patients with
several records break that mildly, for records of one patient resemble each other: the coverage keeps its mean, but
varies more from one calibration set to the next than the range in `expected` says. Validation also served to choose the
model and to fit the map of calibration, which makes its probabilities a little too good and the sets a little too
small. Hence the coverage is measured on test.

No kept library makes such sets; MAPIE does, marginal ones, and the tests hold these against it.

Source: Sadinle, Lei and Wasserman 2019, J Am Stat Assoc 114:223-234 (least ambiguous sets); Vovk 2012, ACML, PMLR
25:475-490 (class-conditional sets, and how coverage varies); Angelopoulos and Bates 2023, Found Trends Mach Learn
16:494-591, sections 1.1 and 3.2 (the order statistic).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from automed.errors import DataError
from automed.evaluate.intervals import RESAMPLES, TAIL
from automed.evaluate.sample import Sample, whole
from automed.evaluate.scores import as_json
from automed.evaluate.shares import Share, shares

ROUNDING = 1e-8  # MAPIE's: one probability computed twice, in two libraries, is still in the set
FREQUENT = 10
KINDS = {"marginal": False, "by_class": True}  # name -> whether each class has a threshold of its own
NOT_OF_LABELS = (
    "not applicable: a record may bear several labels, and a set of the labels that are each possible promises "
    "nothing about all of them together"
)


@dataclass(frozen=True)
class Sets:
    """How probabilities become prediction sets, called by `apply`.

    Attributes:
        coverage: the promised share of records whose true class is in the set.
        by_class: whether each class has a threshold of its own.
        thresholds: of each class the probability from which it is in the set; 0 where it always is.
        records: of each class the calibration records that its threshold rests on.
        reason: how the thresholds were found, in a sentence for people.
    """

    coverage: float
    by_class: bool
    thresholds: tuple[float, ...]
    records: tuple[int, ...]
    reason: str

    def apply(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Which classes are in the set of each record.

        Args:
            probabilities: floats (n, classes), calibrated as those that the thresholds were fitted on.

        Returns:
            bool (n, classes); a row may be empty, where no class is probable enough.

        Raises:
            DataError: another number of classes.
        """
        scores = np.asarray(probabilities, dtype=np.float64)
        if scores.ndim != 2 or scores.shape[1] != len(self.thresholds):
            raise DataError(f"probabilities of shape {scores.shape} for sets of {len(self.thresholds)} classes")
        return np.asarray(scores >= np.array(self.thresholds) - ROUNDING)

    @property
    def expected(self) -> tuple[tuple[float, float], ...]:
        """Of each class between which limits 95 % of calibration sets of this size would put the true coverage.

        Source: Vovk 2012, section 3: a beta distribution, with independent records and no ties.
        """
        limits = []
        for n in self.records:
            rank = _rank(n, self.coverage)
            spread = beta(rank, n + 1 - rank) if rank <= n else None  # None: always in the set
            limits.append((float(spread.ppf(TAIL)), float(spread.ppf(1 - TAIL))) if spread else (1.0, 1.0))
        return tuple(limits)

    def as_json(self) -> dict[str, Any]:
        """{"coverage", "by_class", "thresholds": [classes], "records": [classes], "reason"}: what `read` takes back."""
        return {
            "coverage": self.coverage,
            "by_class": self.by_class,
            "thresholds": list(self.thresholds),
            "records": list(self.records),
            "reason": self.reason,
        }

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Sets:
        """The sets that `as_json` wrote."""
        return cls(
            float(stored["coverage"]),
            bool(stored["by_class"]),
            tuple(float(threshold) for threshold in stored["thresholds"]),
            tuple(int(count) for count in stored["records"]),
            str(stored["reason"]),
        )


def fit(y: ArrayLike, probabilities: ArrayLike, coverage: float, by_class: bool = False) -> Sets:
    """Find the thresholds on calibration records.

    Of n records the threshold is the probability of the true class that ceil((n + 1) coverage) of them reach. Where
    that is more than there are, no threshold can keep the promise and the class is always in the set.

    Args:
        y: integers (n,), index of the reference class.
        probabilities: floats (n, classes).
        coverage: above 0 and below 1.
        by_class: one threshold a class, from its own records.

    Raises:
        DataError: shapes disagree, there are no records, or the reference standard is of labels.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    if not 0 < coverage < 1:
        raise DataError(f"coverage of prediction sets must lie between 0 and 1, got {coverage:g}")
    if scores.ndim != 2:
        raise DataError(f"probabilities must be (records, classes), got shape {scores.shape}")
    reference = whole(y, scores.shape[1], "reference")
    if reference.ndim != 1:
        raise DataError("prediction sets are not made of labels: of several a record may bear more than one")
    if len(reference) != len(scores):
        raise DataError(f"{len(reference)} reference classes for {len(scores)} rows of probabilities")
    true = scores[np.arange(len(scores)), reference]
    groups = [true[reference == k] if by_class else true for k in range(scores.shape[1])]
    thresholds = tuple(_threshold(group, coverage) for group in groups)
    return Sets(
        coverage, by_class, thresholds, tuple(len(group) for group in groups), _reason(coverage, groups, by_class)
    )


def _rank(n: int, coverage: float) -> int:
    # 100 times .55 is 55.00000000000001 in floats, and 56 would be one record too many.
    return math.ceil(round((n + 1) * coverage, 9))


def _threshold(true: NDArray[np.float64], coverage: float) -> float:
    rank = _rank(len(true), coverage)
    return 0.0 if rank > len(true) else float(-np.partition(-true, rank - 1)[rank - 1])


def _reason(coverage: float, groups: list[NDArray[np.float64]], by_class: bool) -> str:
    fewest = math.ceil(round(coverage / (1 - coverage), 9))
    if not by_class:
        reason = f"one threshold for all classes, from {len(groups[0])} validation records"
        always = len(groups[0]) < fewest
        return f"{reason}: {fewest} are needed, so every class is in every set" if always else reason
    few = sum(len(group) < fewest for group in groups)
    reason = "one threshold a class, from its own validation records"
    if few:
        reason += f"; {few} of {len(groups)} classes have fewer than the {fewest} needed and are in every set"
    return reason


def conformal(
    validation: Sample,
    test: Sample,
    codes: NDArray[np.int64],
    coverage: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    given: Mapping[str, Sets] = MappingProxyType({}),
) -> dict[str, Any]:
    """Both kinds of prediction sets, fitted on validation and measured on test.

    Args:
        validation: records with calibrated probabilities, to fit the thresholds on.
        test: n other records, to measure on.
        codes: int64 (n,), patient of each test record.
        coverage: the promise.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        given: "marginal" and "by_class" sets that were fitted before, as the model's card holds them.

    Returns:
        {"coverage": promised, "reason": why there are none, or null, "marginal": {"sets": Sets.as_json(), "expected":
        [[low, high], ...] of each class, "test": as `measure`}, "by_class": the same}; of labels marginal and by_class
        are null.
    """
    if test.task == "multilabel":
        return {"coverage": coverage, "reason": NOT_OF_LABELS, "marginal": None, "by_class": None}
    found: dict[str, Any] = {"coverage": coverage, "reason": None}
    for name, by_class in KINDS.items():
        sets = given.get(name) or fit(validation.y, validation.probabilities, coverage, by_class)
        found[name] = {
            "sets": sets.as_json(),
            "expected": [list(limits) for limits in sets.expected],
            "test": measure(sets.apply(test.probabilities), test, codes, resamples=resamples, seed=seed),
        }
    return found


def measure(
    sets: NDArray[np.bool_],
    sample: Sample,
    codes: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """What prediction sets hold and how large they are.

    Args:
        sets: bool (n, classes).
        sample: the n records, each of one class.
        codes: int64 (n,), patient of each record.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        {"coverage": share of records whose true class is in the set, "by_class": {class key: the same within the
        class}, "size": mean number of classes, "single": share of sets of one class, "empty": share of empty ones,
        "single_coverage": share of the sets of one class that hold the true one}, each a figure with value, ci95, n,
        events and reason; "sizes": records by size, 0 to classes; "frequent": up to 10 {"classes": [keys], "records",
        "covered"}, the sets that occur most and how many of their records have the true class in them.
    """
    size = sets.sum(axis=1)
    covered = sets[np.arange(len(sets)), sample.y]
    everyone = np.ones(len(sets), dtype=bool)
    asked = {
        "coverage": Share(covered, everyone),
        "size": Share(size.astype(np.float64), everyone, high=float(sets.shape[1])),
        "single": Share(size == 1, everyone),
        "empty": Share(size == 0, everyone),
        "single_coverage": Share(covered, size == 1),
    } | {f"class {key}": Share(covered, sample.y == k) for k, key in enumerate(sample.classes)}
    found = {name: as_json(estimate) for name, estimate in shares(asked, codes, resamples=resamples, seed=seed).items()}
    by_class = {key: found.pop(f"class {key}") for key in sample.classes}
    return {
        **found,
        "by_class": by_class,
        "sizes": np.bincount(size, minlength=sets.shape[1] + 1).tolist(),
        "frequent": _frequent(sets, covered, sample.classes),
    }


def _frequent(sets: NDArray[np.bool_], covered: NDArray[np.bool_], classes: tuple[str, ...]) -> list[dict[str, Any]]:
    kinds, which = np.unique(sets, axis=0, return_inverse=True)
    which = which.ravel()
    records = np.bincount(which, minlength=len(kinds))
    hits = np.bincount(which, weights=covered, minlength=len(kinds))
    return [
        {
            "classes": [classes[k] for k in np.flatnonzero(kinds[kind])],
            "records": int(records[kind]),
            "covered": int(hits[kind]),
        }
        for kind in np.argsort(-records, kind="stable")[:FREQUENT]
    ]
