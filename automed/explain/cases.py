"""Which records are explained: those that a reader sees, those on which methods are tested, and the background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.dataset import Dataset
from automed.errors import DataError
from automed.evaluate.readout import Readout

Index = npt.NDArray[np.int64]

JUDGED = 500  # test records on which the model's skill is judged, at most
MISSING = "missing"
WRONG, UNSURE, RIGHT, ASKED = "wrong, confident", "least certain", "right", "asked for"


@dataclass(frozen=True)
class Case:
    """A record that is shown: its place in the data set, why it was chosen, and of which group it is one."""

    place: int
    reason: str
    why: str = ""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model says of some records.

    Attributes:
        index: int64 (n,), places in the data set.
        probabilities: float32 (n, K), calibrated.
        decided: int64 (n,), or (n, labels) of 0 and 1.
        y: the reference standard, of the same shape.
    """

    index: Index
    probabilities: npt.NDArray[np.float32]
    decided: Index
    y: Index

    @classmethod
    def of(cls, data: Dataset, index: Index, raw: npt.NDArray[np.float32], readout: Readout) -> Answers:
        """What the model's own probabilities (n, K) come to."""
        return cls(index, readout.probabilities(raw).astype(np.float32), readout(raw), data.y[index])

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether every label of a record is right: bool (n,)."""
        same = self.decided == self.y
        return same if same.ndim == 1 else np.asarray(same.all(axis=1))

    @property
    def explained(self) -> Index:
        """The class that is explained: int64 (n,).

        The one decided for; where a record may bear several labels the most probable of those, or else of all.
        """
        if self.decided.ndim == 1:
            return self.decided
        some = self.decided.any(axis=1, keepdims=True)
        return np.asarray(np.where((self.decided == 1) | ~some, self.probabilities, -1.0).argmax(axis=1), np.int64)

    @property
    def certainty(self) -> npt.NDArray[np.float64]:
        """Distance of the two largest probabilities, or of labels the least distance from one half: (n,)."""
        if self.decided.ndim == 2:
            return np.asarray(np.abs(self.probabilities.astype(np.float64) - 0.5).min(axis=1))
        ordered = np.sort(self.probabilities.astype(np.float64), axis=1)
        return np.asarray(ordered[:, -1] - ordered[:, -2])


def shown(data: Dataset, answers: Answers, count: int) -> list[Case]:
    """Cases to show, chosen by rule from the test records.

    In turn: the most confident error, the least certain record, a right one of each class, and one of each group of
    each sensitive attribute that is not there yet; the first `count` of them, in the order of the page.
    """
    wrong = np.flatnonzero(~answers.right)
    errors = iter(wrong[np.argsort(-answers.certainty[wrong], kind="stable")].tolist())
    unsure = iter(np.argsort(answers.certainty, kind="stable").tolist())
    turns = (_each(errors, WRONG), _each(unsure, UNSURE), _typical(data, answers), _of_groups(data, answers))
    chosen: dict[int, tuple[str, str]] = {}
    waiting = list(turns)
    while waiting and len(chosen) < min(count, len(answers.index)):
        for turn in list(waiting):
            for place, reason, why in turn:
                if place not in chosen:
                    chosen[place] = (reason, why)
                    break
            else:
                waiting.remove(turn)
            if len(chosen) >= count:
                break
    order = {WRONG: 0, UNSURE: 1, RIGHT: 2}
    cases = [Case(int(answers.index[place]), reason, why) for place, (reason, why) in chosen.items()]
    return sorted(cases, key=lambda case: order[case.reason])


def asked(data: Dataset, rows: Sequence[int]) -> list[Case]:
    """The records with these row numbers, of whatever split, each once.

    Raises:
        DataError: a row that is not among the records.
    """
    found = []
    for row in dict.fromkeys(rows):
        places = np.flatnonzero(data.record == row)
        if not len(places):
            raise DataError(
                f"no record comes from row {row}",
                where="--record",
                hint=f"Rows are counted from 1 to {int(data.record.max())}; unreadable and doubled ones are left out.",
            )
        split = str(data.split[places[0]])
        found.append(Case(int(places[0]), ASKED, "" if split == "test" else f"of the {split} set, not a test record"))
    return found


def tested(data: Dataset, answers: Answers, count: int, seed: int) -> Index:
    """Places in `answers` on which methods are tested: one record a patient, classes in turn, by chance within each.

    Chosen without regard to the model's answers, and so to which cases are shown.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(answers.index))
    _, first = np.unique(data.patient[answers.index[order]], return_index=True)
    firsts = order[np.sort(first)]
    return np.sort(_in_turn(answers.y[firsts], firsts, count))


def judged(answers: Answers, seed: int) -> Index:
    """Places in `answers` on which the model's skill is judged: all, or JUDGED of them by chance."""
    n = len(answers.index)
    return np.arange(n) if n <= JUDGED else np.sort(np.random.default_rng(seed).permutation(n)[:JUDGED])


def background(data: Dataset, count: int, seed: int) -> Index:
    """Training records that stand for what is hidden: classes in turn, by chance within each."""
    train = data.part("train")
    order = np.random.default_rng(seed).permutation(train)
    return np.sort(_in_turn(data.y[order], order, count))


def group_of(data: Dataset, index: Index) -> dict[str, npt.NDArray[Any]]:
    """By sensitive column the group of each record, "missing" where the attribute is: object (n,)."""
    columns = [name for name in data.facts.get("sensitive", ()) if name in data.frame]
    found = {}
    for name in columns:
        values = data.frame[name].iloc[index]
        found[name] = values.astype(object).where(values.notna(), MISSING).to_numpy(object)
    return found


def _each(places: Iterator[int], reason: str) -> Iterator[tuple[int, str, str]]:
    for place in places:
        yield place, reason, ""


def _typical(data: Dataset, answers: Answers) -> Iterator[tuple[int, str, str]]:
    """Right ones, classes in turn, from middling certainty outwards: neither the easiest nor the luckiest."""
    bears = data.targets(answers.index) == 1
    queues = []
    for k in range(bears.shape[1]):
        own = np.flatnonzero(answers.right & bears[:, k])
        own = own[np.argsort(answers.certainty[own], kind="stable")]
        middle = np.argsort(np.abs(np.arange(len(own)) - len(own) // 2), kind="stable")
        queues.append(own[middle].tolist())
    for rank in range(max((len(queue) for queue in queues), default=0)):
        for queue in queues:
            if rank < len(queue):
                yield queue[rank], RIGHT, ""


def _of_groups(data: Dataset, answers: Answers) -> Iterator[tuple[int, str, str]]:
    """One record of each group, that of middling certainty."""
    for name, groups in group_of(data, answers.index).items():
        for group in sorted(set(groups)):
            own = np.flatnonzero(groups == group)
            place = own[np.argsort(answers.certainty[own], kind="stable")][len(own) // 2]
            yield int(place), RIGHT if answers.right[place] else WRONG, f"of the group {name}: {group}"


def _in_turn(y: Index, places: Index, count: int) -> Index:
    """`count` of the places, classes (or of labels: patterns of them) in turn, in the order given."""
    keys = y if y.ndim == 1 else np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)
    rank = np.zeros(len(keys), np.int64)
    for key in np.unique(keys):
        own = np.flatnonzero(keys == key)
        rank[own] = np.arange(len(own))
    return np.asarray(places[np.argsort(rank, kind="stable")][:count], np.int64)
