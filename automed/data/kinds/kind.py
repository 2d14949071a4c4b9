"""What a kind of input is: the steps from what a source gives to an array that every record has a row in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.cache import Cached
from automed.data.checks.duplicates import Duplicates
from automed.data.checks.findings import Finding
from automed.data.records import Items, Records
from automed.recipe import Recipe

Index = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

ABSENT = "nothing is there"  # of one input: with others beside it the record stays, alone it cannot be read


@dataclass(frozen=True, eq=False)
class Held:
    """One input of all m records of a source, read and not yet fitted.

    Attributes:
        content: what `Kind.fit` and `Kind.store` of the same kind need; for arrays the `Cached` entry.
        unreadable: reasons by position; `ABSENT` where the source has nothing for the record.
    """

    content: Any
    unreadable: dict[int, str]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was learnt about one input from the training records, and what the check should say.

    Attributes:
        facts: plain JSON values for data.json and the model's card, besides `kind`, `cache`, `shape` and `dtype`:
            what the front of the kind in `automed.models` needs.
        findings: about this input.
    """

    facts: dict[str, Any]
    findings: tuple[Finding, ...] = ()


class Kind(Protocol):
    """One kind of input.

    `noun` is one of what is read, in the singular, for messages: picture, signal, text.
    """

    noun: str

    def fields(self, recipe: Recipe, name: str) -> Iterator[tuple[str, str]]:
        """(key of the recipe, column) of every column of a table that the input reads, so that each is checked.

        Columns whose cells must stay text (paths, sequences) are those that the source `table` hands over as text.
        """
        ...

    def items(self, recipe: Recipe, name: str, frame: pd.DataFrame, rows: Index) -> Items:
        """What is to be read, from a table with one row a record.

        Args:
            recipe: `inputs.<name>` says how.
            name: of the input.
            frame: n rows; cells of `fields` are text as written, or numbers where the file knows them.
            rows: int64 (n,), row numbers for messages.

        Raises:
            RecipeError: the input cannot be found that way; DataError: with row numbers.
        """
        ...

    def read(self, recipe: Recipe, records: Records, name: str, progress: Progress | None = None) -> Held:
        """Read the input of all m records; decoded arrays go to the cache.

        Raises:
            DataError: nothing usable is there.
        """
        ...

    def duplicates(self, held: Held, position: Index) -> Duplicates | None:
        """Which of the n records at `position` hold the same; None where equal values do not mean one patient."""
        ...

    def fit(self, recipe: Recipe, held: Held, name: str, position: Index, train: Index, rows: Index) -> Fitted:
        """Learn from the training records what the model needs to know.

        Args:
            recipe: `inputs.<name>` says how.
            held: what `read` gave.
            name: of the input.
            position: int64 (n,), places in `held` of the records that are kept.
            train: int64 (k,), which of the n train.
            rows: int64 (n,), row numbers for messages and findings.

        Raises:
            DataError: the training records cannot be learnt from, e.g. the input is missing in every one.
        """
        ...

    def store(self, recipe: Recipe, held: Held, name: str, fitted: Fitted) -> Cached:
        """The array that models read, (m, ...), memory-mapped; a row of an absent input is `empty`: 0 or NaN."""
        ...
