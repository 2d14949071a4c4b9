"""Curves of removal: what becomes of the probability when a record is taken apart in one order or another.

Deletion hides the first cells of an order, insertion hides all but the first ones; both are read at the same amounts,
which are symmetrical about a half. An order is then as good as hiding its last cells leaves more of the probability
than hiding its first ones, the amount being equal. Two things follow. The reverse of an order has exactly the negative
area, so it costs no further question. And orders by chance, drawn each with its reverse, have area 0 however coarse or
fine they are, which deletion or insertion alone would not give them: scattered holes are mended by the filling in.

Source: Rong et al. 2022, arXiv:2202.00449, sections 4.2 and 5 (most and least relevant first); Petsiuk, Das and Saenko
2018, arXiv:1806.07421, section 4.3 (deletion and insertion).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automed.explain.infill import Filler, cells, filler
from automed.explain.subject import LARGE
from automed.explain.validation.controls import CONTROLS, orders_of_controls
from automed.explain.validation.subject import Trial

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

AMOUNTS = (0.05, 0.15, 0.35, 0.65, 0.85, 0.95)  # shares of the cells, symmetrical about a half
PAIRS = 2  # orders by chance, each with its reverse

_BLOCK_BYTES = 64_000_000  # records with cells hidden held at once


@dataclass(frozen=True, eq=False)
class Removal:
    """Curves of every case under every order.

    Attributes:
        deletion: by order, float64 (n, amounts), probability with the first cells hidden; amounts run from 0 to 1.
        insertion: the same with only the first cells shown.
        shares: float64 (n, amounts), what share of the cells of each case the amounts are.
        controls: the orders that are no method.
    """

    deletion: Mapping[str, Floats]
    insertion: Mapping[str, Floats]
    shares: Floats
    controls: tuple[str, ...]

    def area(self, order: str) -> Floats:
        """Half the area between insertion and deletion: float64 (n,), -.5 to .5, and 0 for chance."""
        between = self.insertion[order] - self.deletion[order]
        return np.asarray(np.trapezoid(between, self.shares, axis=1) / 2)


def removal(trial: Trial) -> Removal:
    """The curves of all methods and controls, computed once for all checks."""
    found = trial.once("removal", lambda: _removal(trial))
    assert isinstance(found, Removal)
    return found


@dataclass(frozen=True, eq=False)
class Cut:
    """One record cut into cells, counted through over its inputs: `where` int64 (*map_shape) by input, -1 none."""

    where: Mapping[str, Whole]
    count: int
    fillers: Mapping[str, Filler]

    def summed(self, maps: Mapping[str, npt.NDArray[np.float32]]) -> Floats:
        """Values of the cells, float64 (cells,), of a map; what a method says nothing about counts 0."""
        totals = np.zeros(self.count)
        for name, where in self.where.items():
            there = where >= 0
            totals += np.bincount(where[there], np.nan_to_num(maps[name][there]), minlength=self.count)
        return totals

    @property
    def references(self) -> int:
        return max(one.references for one in self.fillers.values())

    def compose(self, hidden: Bools, reference: int) -> dict[str, npt.NDArray[np.generic]]:
        """The record with cells hidden, bool (m, cells), by input (m, *shape)."""
        made = {}
        for name, where in self.where.items():
            first = int(where[where >= 0].min(initial=self.count))
            last = int(where.max(initial=-1)) + 1
            made[name] = self.fillers[name].fill(hidden[:, first:last], reference)
        return made


def cut(trial: Trial, case: int) -> Cut:
    """Cut one of the cases."""
    cases, count = trial.cases, 0
    where: dict[str, Whole] = {}
    fillers: dict[str, Filler] = {}
    for spec in trial.subject.inputs:
        record = cases.arrays[spec.name][case]
        own = cells(spec, record, trial.seed)
        fillers[spec.name] = filler(spec, record, cases.background[spec.name], own, trial.seed + case)
        where[spec.name] = np.where(own >= 0, own + count, -1)
        count += int(own.max(initial=-1)) + 1
    return Cut(where, count, fillers)


def hidden(order: Whole, counts: Whole) -> Bools:
    """What deletion and then insertion hide at each count: bool (2 counts, cells).

    Args:
        order: int64 (cells,), cells from the first one to the last one.
        counts: int64 (m,), how many are deleted or inserted.
    """
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    gone = rank < counts[:, None]
    return np.concatenate([gone, ~gone])


def counts_of(cells: int) -> Whole:
    """How many cells the amounts are: int64 (amounts,); each from the end as far as its mirror from the start."""
    half = len(AMOUNTS) // 2
    lower = np.floor(np.array(AMOUNTS[:half]) * cells + 0.5).astype(np.int64)
    lower = np.clip(lower, min(1, cells // 2), cells // 2)
    return np.concatenate([lower, cells - lower[::-1]])


def _removal(trial: Trial) -> Removal:
    names = tuple(trial.attributions)
    asked: list[tuple[Cut, Bools]] = []
    shares = []
    for case in range(len(trial.cases)):
        trial.tell("cut records into cells", case, len(trial.cases))
        record = cut(trial, case)
        random = np.random.default_rng([trial.seed, case])
        chance = random.permutation(record.count)  # of equal values the one first that chance takes first
        orders = {
            name: _by(record.summed({k: maps[case] for k, maps in trial.attributions[name].values.items()}), chance)
            for name in names
        }
        for name, key in orders_of_controls(trial, case, record.where, record.count).items():
            orders[name] = _by(key, chance)
        for k in range(PAIRS):
            orders[f"random {k}"] = random.permutation(record.count)
        counts = counts_of(record.count)
        ends = np.array([[False], [True]]).repeat(record.count, axis=1)
        asked.append((record, np.concatenate([ends, *(hidden(order, counts) for order in orders.values())])))
        shares.append(np.concatenate([[0.0], counts / max(record.count, 1), [1.0]]))
    trial.tell("cut records into cells", len(trial.cases), len(trial.cases))
    answers = _answers(trial, asked)
    return _curves(tuple(orders), answers, np.array(shares))


def _by(key: Floats, chance: Whole) -> Whole:
    """Cells by falling key, of equal ones first what chance takes first."""
    return np.lexsort([chance, -key])


def _answers(trial: Trial, asked: list[tuple[Cut, Bools]]) -> list[Floats]:
    """Of each case the probability of its class under each of its masks, in full batches: float64 (masks,)."""
    totals = [np.zeros(len(masks)) for _, masks in asked]
    size = sum(values[:1].nbytes for values in trial.cases.arrays.values())
    room = LARGE * max(1, _BLOCK_BYTES // (LARGE * max(1, size)))
    queue: list[tuple[int, slice, dict[str, npt.NDArray[np.generic]]]] = []
    waiting = 0

    def ask(most: int) -> None:
        """Ask the model for the first `most` that wait."""
        nonlocal waiting
        taken, left = [], most
        while left and queue:
            case, rows, made = queue.pop(0)
            if rows.stop - rows.start > left:
                middle = rows.start + left
                rest = {name: values[left:] for name, values in made.items()}
                queue.insert(0, (case, slice(middle, rows.stop), rest))
                rows, made = slice(rows.start, middle), {name: values[:left] for name, values in made.items()}
            taken.append((case, rows, made))
            left -= rows.stop - rows.start
        together = {name: np.concatenate([made[name] for _, _, made in taken]) for name in trial.subject.names}
        told, start = trial.subject.predict(together), 0
        for case, rows, _ in taken:
            stop = start + rows.stop - rows.start
            totals[case][rows] += told[start:stop, trial.cases.classes[case]] / asked[case][0].references
            start = stop
        waiting -= start

    for case, (record, masks) in enumerate(asked):
        trial.tell("hide and ask", case, len(asked))
        for reference in range(record.references):
            for start in range(0, len(masks), room):
                rows = slice(start, min(start + room, len(masks)))
                queue.append((case, rows, record.compose(masks[rows], reference)))
                waiting += rows.stop - rows.start
                while waiting >= room:
                    ask(room)
    if waiting:
        ask(waiting)
    trial.tell("hide and ask", len(asked), len(asked))
    return totals


def _curves(orders: tuple[str, ...], answers: list[Floats], shares: Floats) -> Removal:
    """Answers laid out by order, with the ends that all orders share and the reverses that were not asked."""
    told = np.array(answers)  # (n, 2 + orders * 2 * amounts)
    whole, nothing = told[:, :1], told[:, 1:2]
    each = told[:, 2:].reshape(len(told), len(orders), 2, len(AMOUNTS))
    deletion, insertion = {}, {}
    for place, name in enumerate(orders):
        deletion[name] = np.concatenate([whole, each[:, place, 0], nothing], axis=1)
        insertion[name] = np.concatenate([nothing, each[:, place, 1], whole], axis=1)
    if "centre" in orders:
        deletion["edges"], insertion["edges"] = insertion["centre"][:, ::-1], deletion["centre"][:, ::-1]
    drawn = [f"random {k}" for k in range(PAIRS)]
    one_way = np.mean([deletion.pop(name) for name in drawn], axis=0)
    other_way = np.mean([insertion.pop(name) for name in drawn], axis=0)[:, ::-1]
    deletion["random"] = (one_way + other_way) / 2
    insertion["random"] = deletion["random"][:, ::-1]
    controls = tuple(name for name in CONTROLS if name in deletion)
    return Removal(deletion, insertion, shares, controls)
