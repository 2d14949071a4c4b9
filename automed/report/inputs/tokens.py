"""Texts and sequences of example cases, put together again from the numbers that a model receives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automed.report import words
from automed.report.artefact import Part
from automed.report.inputs.shown import Absent, Shown, first

WORDS = 60
LETTERS = 120
GROUP = 10
PADDING, UNKNOWN = 0, 1
HOLE = "□"
CONTINUES = "##"  # how WordPiece marks a token that goes on with the word before it
BEGINS = ("Ġ", "▁")  # how byte-pair encodings mark a token that begins a word


@dataclass(frozen=True)
class Passage(Shown):
    """The first words of a text; `note` says what is not there."""

    text: str
    note: str
    macro: ClassVar[str] = "passage"


@dataclass(frozen=True)
class Text:
    """Records are whole numbers (length,): 0 is padding, 1 a word that is not in the vocabulary."""

    name: str
    length: int | None
    vocabulary: tuple[str, ...]

    @classmethod
    def read(cls, name: str, part: Part) -> Text:
        return cls(name, _length(part), part.texts("vocabulary"))

    @property
    def words(self) -> str:
        up_to = f" of up to {words.plural(self.length, 'token')}" if self.length else ""
        return f"text{up_to}, vocabulary of {words.integer(len(self.vocabulary))}"

    def problem(self, values: NDArray[Any]) -> str | None:
        return _no_numbers(values)

    def show(self, values: NDArray[Any]) -> Shown:
        found = self._joined(values[values != PADDING].tolist())
        if not found:
            return Absent(self.name, "no text")
        shown = found[:WORDS]
        unknown = sum(HOLE in word for word in shown)
        notes = [first(len(shown), len(found), "word")]
        if unknown:
            notes.append(f"{HOLE} stands for a word that is not in the vocabulary")
        ellipsis = "\N{NO-BREAK SPACE}…" if len(shown) < len(found) else ""
        return Passage(self.name, " ".join(shown) + ellipsis, words.sentence("; ".join(filter(None, notes))))

    def _joined(self, ids: list[int]) -> list[str]:
        """Whole words, from tokens that may be parts of words."""
        marked = any(token.startswith(BEGINS) for token in self.vocabulary)
        found: list[str] = []
        for one in ids:
            token = self.vocabulary[one] if UNKNOWN < one < len(self.vocabulary) else HOLE
            goes_on = token.startswith(CONTINUES) or (marked and not token.startswith(BEGINS))
            bare = token.removeprefix(CONTINUES) if len(token) > len(CONTINUES) else token
            bare = bare[1:] if marked and bare.startswith(BEGINS) else bare
            if goes_on and found:
                found[-1] += bare
            else:
                found.append(bare)
        return found


@dataclass(frozen=True)
class Letters(Shown):
    """The first letters of a sequence in groups of ten."""

    groups: tuple[str, ...]
    length: int
    note: str
    macro: ClassVar[str] = "letters"


@dataclass(frozen=True)
class Sequence:
    """Records are whole numbers (length,), 0 is padding; the alphabet names the others."""

    name: str
    length: int | None
    alphabet: tuple[str, ...]

    @classmethod
    def read(cls, name: str, part: Part) -> Sequence:
        return cls(name, _length(part), part.texts("alphabet"))

    @property
    def words(self) -> str:
        return f"sequence of up to {words.plural(self.length, 'token')}" if self.length else "sequence"

    def problem(self, values: NDArray[Any]) -> str | None:
        return _no_numbers(values)

    def show(self, values: NDArray[Any]) -> Shown:
        ids = values[values != PADDING].tolist()
        if not ids:
            return Absent(self.name, "no sequence")
        shown = [self.alphabet[one] if 0 < one < len(self.alphabet) else HOLE for one in ids[:LETTERS]]
        groups = tuple("".join(shown[start : start + GROUP]) for start in range(0, len(shown), GROUP))
        return Letters(self.name, groups, len(ids), words.sentence(first(len(shown), len(ids), "token")))


def _length(part: Part) -> int | None:
    shape = part.numbers("shape")
    return round(shape[0]) if len(shape) == 1 else None


def _no_numbers(values: NDArray[Any]) -> str | None:
    if values.dtype.kind not in "iu" or values.ndim != 2:
        return f"an array of shape {values.shape} and type {values.dtype} where lists of whole numbers should be"
    return "a number below 0" if np.any(values < 0) else None
