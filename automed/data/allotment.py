"""Whole patients dealt out to parts of given sizes, so that every class keeps its share in every part."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Counts = dict[int, int]  # class -> records of one patient


def allot(
    patient: npt.NDArray[np.object_], y: npt.NDArray[np.int64], fractions: Sequence[float], seed: int
) -> npt.NDArray[np.int64]:
    """Deal patients out to parts whose classes come as near to `fractions` of the records as whole patients allow.

    Patients with most records first, ties in an order drawn from the seed and the patient's name, each to the part
    where the sum over parts and classes of (records - wanted)^2 / wanted grows least: what StratifiedGroupKFold does,
    for parts of any size. Then every class gets a patient in part 0, in the last part and in the others, in this order,
    as far as it has patients. The same patients in another order of rows are dealt the same.

    Args:
        patient: object (n,), text.
        y: int64 (n,).
        fractions: share of each part; the sum is 1.
        seed: another seed deals ties in another order.

    Returns:
        int64 (n,), the part of every record.
    """
    counts: dict[str, Counts] = {}
    for name, label in zip(patient.tolist(), y.tolist(), strict=True):
        of_patient = counts.setdefault(name, {})
        of_patient[label] = of_patient.get(label, 0) + 1
    parts = _Parts([(fraction * np.bincount(y)).tolist() for fraction in fractions])
    part: dict[str, int] = {}
    for name in sorted(counts, key=lambda each: (-sum(counts[each].values()), lottery(seed, each))):
        part[name] = parts.cheapest(counts[name])
        parts.add(part[name], counts[name])
    _fill_gaps(parts, counts, part, seed)
    return np.array([part[name] for name in patient.tolist()], np.int64)


def lottery(seed: int, name: str) -> bytes:
    """A number drawn from the seed for a name: it depends on nothing else, so neither on rows nor on other names."""
    return hashlib.blake2b(name.encode(), digest_size=8, key=str(seed).encode()[:64]).digest()


class _Parts:
    """How many records of each class every part holds, against how many it should."""

    def __init__(self, wanted: list[list[float]]) -> None:
        self.wanted = wanted
        self.held = [[0] * len(classes) for classes in wanted]
        self.patients = [[0] * len(classes) for classes in wanted]  # by class
        self.whole = [0] * len(wanted)  # patients

    def cheapest(self, counts: Counts) -> int:
        """The part whose misfit grows least, or shrinks most, with one more patient; the first of equal ones."""
        costs = [
            sum(number * (2 * (held[label] - goal[label]) + number) / goal[label] for label, number in counts.items())
            for held, goal in zip(self.held, self.wanted, strict=True)
        ]
        return costs.index(min(costs))

    def add(self, part: int, counts: Counts, sign: int = 1) -> None:
        """Put a patient into a part, or with sign -1 take one out."""
        for label, number in counts.items():
            self.held[part][label] += sign * number
            self.patients[part][label] += sign
        self.whole[part] += sign

    def can_spare(self, part: int, counts: Counts) -> bool:
        """Whether a patient may leave without the part losing a class or its last patient."""
        return self.whole[part] > 1 and all(self.patients[part][label] > 1 for label in counts)


def _fill_gaps(parts: _Parts, counts: dict[str, Counts], part: dict[str, int], seed: int) -> None:
    """Move patients to parts that lack a class, rare classes first; a class with too few patients fills what it can."""
    last = len(parts.wanted) - 1
    order = [0, last, *range(1, last)]
    of_class: dict[int, list[str]] = {}
    for name, classes in counts.items():
        for label in classes:
            of_class.setdefault(label, []).append(name)
    for label in sorted(of_class, key=lambda each: (len(of_class[each]), each)):
        for target in order[: len(of_class[label])]:
            if parts.patients[target][label]:
                continue
            spare = [
                name
                for name in of_class[label]
                # A part later in the order gives its last patient of the class to an earlier one.
                if parts.can_spare(part[name], counts[name])
                or (order.index(part[name]) > order.index(target) and parts.whole[part[name]] > 1)
            ]
            if spare:
                # The smallest patient disturbs the shares least.
                chosen = min(
                    spare,
                    key=lambda name: (
                        not parts.can_spare(part[name], counts[name]),
                        sum(counts[name].values()),
                        lottery(seed, name),
                    ),
                )
                parts.add(part[chosen], counts[chosen], -1)
                parts.add(target, counts[chosen])
                part[chosen] = target
