"""What the checks are handed: the cases, what is known about them, and the methods that are to be tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import Attribution
from automed.explain.subject import Arrays, Subject
from automed.recipe.explain import Explain

# A method with everything but the model, the records and the seed filled in.
Method = Callable[[Subject, Arrays, npt.NDArray[np.int64], int], Attribution]


@dataclass(frozen=True, eq=False)
class Cases:
    """Test records on which explanations are validated.

    Attributes:
        arrays: by input (n, *shape).
        classes: int64 (n,), the class that is explained: the one decided for (of labels the most certain one).
        patients: int64 (n,).
        y: int64 (n,), or (n, labels) of 0 and 1: the reference standard.
        background: by input (b, *shape), training records.
        regions: by input, uint8 (n, *map_shape), 0 outside; other numbers are in `region_names`. Only where known.
        region_names: by input, names of 1, 2, ...: ("lesion", "ruler"). The first is where the sign is.
        groups: by sensitive column, object (n,), "missing" where the attribute is.
        judged: (arrays, y, patients) of many more test records, for the skill of the model: up to some hundreds.
    """

    arrays: Arrays
    classes: npt.NDArray[np.int64]
    patients: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    background: Arrays
    regions: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    region_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    judged: tuple[Arrays, npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, eq=False)
class Trial:
    """All that a check may need; each check is `check(trial) -> dict[method name, Finding]`.

    Attributes:
        subject: the model.
        cases: the records.
        methods: by name, to explain again with other weights, other seeds, other records.
        attributions: by name, of all the cases with the first seed: computed once, shared by all checks.
        settings: the recipe's `explain`.
        seed: where chance comes from.
        tell: told how far a check is: (what, done, total).
        kept: what one check has computed and another one can use.
    """

    subject: Subject
    cases: Cases
    methods: Mapping[str, Method]
    attributions: Mapping[str, Attribution]
    settings: Explain
    seed: int
    tell: Callable[[str, int, int], None]
    kept: dict[str, Any] = field(default_factory=dict)

    def once(self, what: str, compute: Callable[[], Any]) -> Any:
        """What `compute` gives, computed by the first check that asks for it."""
        if what not in self.kept:
            self.kept[what] = compute()
        return self.kept[what]
