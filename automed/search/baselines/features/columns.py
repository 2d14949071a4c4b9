"""What simple features are, and those of several inputs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from automed.search.baselines.features import FEATURES
from automed.search.baselines.material import Array, Arrays, Floats, Indices, Material


class Features(Protocol):
    """Simple features of one input.

    Attributes:
        width: how many columns; about how many until they are fitted.
        seconds: of one thread for the features of one record, about.
        rounding: what gap between values, as a share of a column's largest, may be due to the block of records in
            which they were computed; 0 where they are copied.
        categories: the columns that hold codes of categories, whole numbers from 0 to 254.
    """

    @property
    def width(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    @property
    def rounding(self) -> float: ...

    @property
    def categories(self) -> Sequence[int]: ...

    @classmethod
    def of(cls, name: str, values: Array, facts: Mapping[str, Any], alike: int) -> Self:
        """The features of an input, before anything is read.

        Args:
            name: of the input, for messages.
            values: (m, ...), maybe a memory map.
            facts: its entry in data.json.
            alike: how many inputs of this kind there are.

        Raises:
            DataError: the array is not as the kind has it.
        """
        ...

    def fit(self, values: Array, train: Indices, y: Indices) -> Features:
        """Choose columns by the training records: int64 (n,) places, int64 (n,) or (n, labels) classes."""
        ...

    def __call__(self, values: Array, positions: Indices) -> Floats:
        """float32 (n, width) of some records; NaN where a value is missing."""
        ...


@dataclass(frozen=True)
class Columns:
    """The features of several inputs side by side."""

    parts: Mapping[str, Features]

    @classmethod
    def of(cls, material: Material, names: Sequence[str]) -> Columns:
        """The features of the named inputs; raises DataError as `Features.of` does, UsageError for an unknown kind."""
        kinds = [material.facts[name]["kind"] for name in names]
        return cls(
            {
                name: FEATURES.load(kind).of(name, material.arrays[name], material.facts[name], kinds.count(kind))
                for name, kind in zip(names, kinds, strict=True)
            }
        )

    def fit(self, material: Material) -> Columns:
        """Choose columns by the training records."""
        return Columns({n: part.fit(material.arrays[n], material.train, material.y) for n, part in self.parts.items()})

    def __call__(self, arrays: Arrays, positions: Indices) -> Floats:
        return np.concatenate([part(arrays[name], positions) for name, part in self.parts.items()], axis=1)

    @property
    def width(self) -> int:
        return sum(part.width for part in self.parts.values())

    @property
    def seconds(self) -> float:
        return sum(part.seconds for part in self.parts.values())

    @property
    def rounding(self) -> NDArray[np.float64]:
        """float64 (width,)."""
        return np.concatenate([np.full(part.width, part.rounding) for part in self.parts.values()])

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """bool (width,)."""
        return np.concatenate([np.isin(np.arange(part.width), part.categories) for part in self.parts.values()])
