"""One record cut into players, and the model's answer when only some of them are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from automed.explain.players import DIVISIONS
from automed.explain.subject import LARGE, Array, Arrays, InputSpec, Subject

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

_BLOCK_BYTES = 64_000_000  # compositions held at once


@dataclass(frozen=True, eq=False)
class Division:
    """How one input of one record is cut.

    Attributes:
        part: int32 (*map_shape), from 0, the player of an element; -1 for what is in no player (padding, what the
            record does not have): it always stays as it is.
        names: of each player, for people: "superpixel 3", "V2, 1.2 to 1.6 s", "word 5 (chest)", "age".
    """

    part: npt.NDArray[np.int32]
    names: tuple[str, ...]


class Kind(Protocol):
    """What a file of this folder offers; `fill` says in words what stands where a part is hidden."""

    fill: str

    def divide(self, spec: InputSpec, record: Array, parts: int, seed: int) -> Division:
        """Cut one record (*shape) into at most `parts` players (at least one, unless the record lacks the input).

        A signal of many variables may have up to three times as many, see its file.
        """
        ...

    def stand_ins(self, spec: InputSpec, record: Array, background: Array, seed: int) -> Array:
        """What stands where an element is hidden: (r, *shape), r >= 1; the answer is the mean over the r.

        Args:
            spec: of the input.
            record: (*shape).
            background: (b, *shape) training records.
            seed: where chance comes from.
        """
        ...


@dataclass(frozen=True, eq=False)
class Players:
    """A record cut into p players, over all its inputs.

    Attributes:
        record: by input, (*shape).
        parts: by input, int32 (*map_shape): numbers of players, counted through over all inputs; -1 none.
        names: of each player.
        owner: of each player its input.
        stand_ins: by input, (r, *shape), the same r for all inputs.
    """

    subject: Subject
    record: Mapping[str, Array]
    parts: Mapping[str, npt.NDArray[np.int32]]
    names: tuple[str, ...]
    owner: tuple[str, ...]
    stand_ins: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def references(self) -> int:
        """How many stand-ins each hidden element has."""
        return len(next(iter(self.stand_ins.values())))

    def compose(self, shown: Bools, reference: int) -> dict[str, Array]:
        """The record with the hidden players replaced: by input (m, *shape).

        Args:
            shown: bool (m, p).
            reference: which of the stand-ins.
        """
        # One more column, always shown, is where -1 points.
        padded = np.concatenate([shown, np.ones((len(shown), 1), bool)], axis=1)
        made = {}
        for name, record in self.record.items():
            spec = self.subject.spec(name)
            keep = padded[:, self.parts[name]]  # (m, *map_shape)
            if spec.kind == "image":
                keep = keep[..., None]
            elif spec.kind == "signal":
                keep = keep[..., spec.owner]
            hidden = self.stand_ins[name][reference].astype(record.dtype, copy=False)
            made[name] = np.where(keep, record[None], hidden[None])
        return made

    def ask(self, shown: Bools) -> Floats:
        """Probabilities with only some players shown, mean over the stand-ins: float32 (m, K)."""
        return ask_many([(self, shown)])[0]

    def spread(self, values: npt.NDArray[Any]) -> dict[str, Floats]:
        """Values of the players (p,) as maps that sum to them: each element has an equal share of its player's."""
        size = np.zeros(len(self))
        for part in self.parts.values():
            size += np.bincount(part[part >= 0], minlength=len(self))
        share = np.append(np.asarray(values, np.float64) / np.maximum(size, 1), 0.0)
        return {name: share[part].astype(np.float32) for name, part in self.parts.items()}


def divide(
    subject: Subject, records: Arrays, index: int, background: Arrays, parts: int, seed: int, references: int = 8
) -> Players:
    """Cut one record into players.

    Args:
        subject: whom the players are shown to.
        records: by input (n, *shape).
        index: which of them.
        background: by input (b, *shape), training records.
        parts: players at most, shared out among the inputs.
        seed: where chance comes from.
        references: stand-ins at most; inputs that have one only repeat it.
    """
    record = {name: records[name][index] for name in subject.names}
    part: dict[str, npt.NDArray[np.int32]] = {}
    stand_ins: dict[str, Array] = {}
    names: list[str] = []
    owner: list[str] = []
    each = max(1, parts // len(subject.inputs))
    for spec in subject.inputs:
        kind: Kind = DIVISIONS.load(spec.kind)
        division = kind.divide(spec, record[spec.name], each, seed)
        part[spec.name] = np.where(division.part >= 0, division.part + len(names), -1).astype(np.int32)
        names += [f"{spec.name}: {one}" if len(subject.inputs) > 1 else one for one in division.names]
        owner += [spec.name] * len(division.names)
        stand_ins[spec.name] = kind.stand_ins(spec, record[spec.name], background[spec.name], seed)[:references]
    most = max(len(one) for one in stand_ins.values())
    even = {name: one[np.arange(most) % len(one)] for name, one in stand_ins.items()}
    return Players(subject, record, part, tuple(names), tuple(owner), even)


def fills(subject: Subject) -> dict[str, str]:
    """By input what stands where a part of it is hidden, in words."""
    kinds: dict[str, Kind] = {spec.name: DIVISIONS.load(spec.kind) for spec in subject.inputs}
    return {name: kind.fill for name, kind in kinds.items()}


def lay_out(
    subject: Subject, games: Sequence[Players], values: Sequence[npt.NDArray[Any]]
) -> tuple[dict[str, Floats], dict[str, npt.NDArray[np.int32]]]:
    """Values of the players of n records, (p,) each, as `Attribution.values`, and its `parts`."""
    maps = [game.spread(each) for game, each in zip(games, values, strict=True)]
    shapes = {spec.name: (len(games), *spec.map_shape) for spec in subject.inputs}
    return (
        {name: np.array([one[name] for one in maps], np.float32).reshape(shape) for name, shape in shapes.items()},
        {name: np.array([g.parts[name] for g in games], np.int32).reshape(shape) for name, shape in shapes.items()},
    )


def ask_many(asked: Sequence[tuple[Players, npt.NDArray[Any]]]) -> list[Floats]:
    """What `Players.ask` gives for many records of one subject, with the model called in full batches.

    The compositions of all records stand in one queue, so that a batch is rarely padded, and a coalition that is asked
    for twice is answered once. Memory does not grow with their number.

    Args:
        asked: records cut into players, each with its coalitions, (m, p) of bool or of 0 and 1.

    Returns:
        For each record float32 (m, K), the mean over its stand-ins.
    """
    if not asked:
        return []
    subject = asked[0][0].subject
    coalitions, places = [], []
    for players, wanted in asked:
        shown = np.asarray(wanted).astype(bool, copy=False)
        shown = shown.reshape(-1, len(players)) if len(players) else shown.reshape(len(shown), 0)
        once, place = _distinct(shown)
        coalitions.append(once)
        places.append(place)
    games = [players for players, _ in asked]
    sums = [np.zeros((len(once), len(subject.classes))) for once in coalitions]
    for block in _blocks(games, coalitions):
        made = [games[i].compose(coalitions[i][rows], reference) for i, reference, rows in block]
        together = {name: np.concatenate([one[name] for one in made]) for name in subject.names}
        answers, start = subject.predict(together), 0
        for i, _, rows in block:
            count = rows.stop - rows.start
            sums[i][rows] += answers[start : start + count]
            start += count
    return [
        np.asarray(total[place] / players.references, np.float32)
        for total, place, players in zip(sums, places, games, strict=True)
    ]


def _distinct(shown: Bools) -> tuple[Bools, npt.NDArray[np.intp]]:
    """The different rows of (m, p), and of each of the m rows which of them it is."""
    if not shown.shape[1]:
        return shown[:1], np.zeros(len(shown), np.intp)
    packed = np.ascontiguousarray(np.packbits(shown, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return shown[first], place


def _blocks(games: Sequence[Players], coalitions: Sequence[Bools]) -> Iterator[list[tuple[int, int, slice]]]:
    """All compositions in blocks of a number of full batches: (which record, which stand-in, which coalitions)."""
    record = games[0].record
    size = LARGE * max(1, _BLOCK_BYTES // (LARGE * max(1, sum(values.nbytes for values in record.values()))))
    block: list[tuple[int, int, slice]] = []
    room = size
    for i, players in enumerate(games):
        for reference in range(players.references):
            start = 0
            while start < len(coalitions[i]):
                stop = min(start + room, len(coalitions[i]))
                block.append((i, reference, slice(start, stop)))
                room -= stop - start
                start = stop
                if not room:
                    yield block
                    block, room = [], size
    if block:
        yield block
