"""Tables of names: what a recipe may name, where it is found, and one line about it.

A name leads to "module:attribute" and is imported when it is used, so that a table costs nothing at start-up.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from automed.errors import UsageError


@dataclass(frozen=True)
class Entry:
    """One named implementation: `target` is "module:attribute", `summary` one line for people."""

    target: str
    summary: str


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a typo most likely meant, or None."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


class Table(Mapping[str, Entry]):
    """A read-only table of names of one thing ("architecture", "source", ...)."""

    def __init__(self, what: str, entries: Mapping[str, Entry]) -> None:
        self.what = what
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            guess = nearest(name, self._entries)
            raise UsageError(
                f"no {self.what} is called {name!r}",
                hint=f"Did you mean {guess!r}? Known: {', '.join(self._entries)}."
                if guess
                else f"Known: {', '.join(self._entries)}.",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, name: str) -> Any:
        """Import and return what `name` stands for.

        Raises:
            UsageError: the name is not in the table; the hint holds the nearest one.
        """
        module, _, attribute = self[name].target.partition(":")
        return getattr(importlib.import_module(module), attribute)
