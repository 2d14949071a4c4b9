"""One record cut into players, and the model's answer when only some of them are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from automed.explain.players import DIVISIONS
from automed.explain.subject import Array, Arrays, InputSpec, Subject

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


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
    """What a file of this folder offers."""

    def divide(self, spec: InputSpec, record: Array, parts: int, seed: int) -> Division:
        """Cut one record (*shape) into at most `parts` players (at least one, unless the record lacks the input)."""
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
            made[name] = np.where(keep, record[None], self.stand_ins[name][reference][None]).astype(record.dtype)
        return made

    def ask(self, shown: Bools) -> Floats:
        """Probabilities with only some players shown, mean over the stand-ins: float32 (m, K)."""
        shown = np.asarray(shown, bool).reshape(-1, len(self))
        total: Any = 0.0
        for reference in range(self.references):
            total = total + self.subject.predict(self.compose(shown, reference)).astype(np.float64)
        return np.asarray(total / self.references, np.float32)

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
