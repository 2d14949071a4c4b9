"""What a model must know about an input before it can be built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLACES = 128


@dataclass(frozen=True)
class InputFacts:
    """What one input looks like, fitted on the training records.

    Args:
        kind: image, signal, text, sequence or tabular.
        shape: of one record: (height, width, channels), (steps, channels), (tokens,) or (columns,).
        facts: the input's entry in data.json; the front of its kind says what it reads there.
    """

    kind: str
    shape: tuple[int, ...]
    facts: Mapping[str, Any]

    @property
    def entry(self) -> Mapping[str, Any]:
        """The facts with `kind` and `shape`, as `offered` and `known_good` read them."""
        return {**self.facts, "kind": self.kind, "shape": list(self.shape)}


def placed(entry: Mapping[str, Any]) -> bool:
    """Whether an input has few steps, and each means the same in every record.

    So it is with the letters around a site, and with the hours since admission; not with words.
    """
    return (entry["kind"] == "signal" or bool(entry.get("aligned"))) and int(entry["shape"][0]) <= PLACES
