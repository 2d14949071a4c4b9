"""The kind `sequence`: DNA, protein and SMILES as numbers of their letters or tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.cache import Cached
from automed.data.checks.duplicates import Duplicates, find_equal
from automed.data.columns import name_rows
from automed.data.kinds import alphabets, embeddings
from automed.data.kinds.kind import ABSENT, Fitted, Held, Index, Progress
from automed.data.kinds.tokens import SPECIAL, Corpus, Integers, ids_of, judge, keep, refuse_nothing, vocabulary
from automed.data.kinds.written import column_of, read_column, written_in
from automed.data.records import Items, Records
from automed.data.scaffolds import canonical
from automed.errors import DataError
from automed.recipe import Recipe, SequenceInput

_LONGEST = 100_000  # tokens a record, where the recipe leaves the length out
_OPPOSITE = (np.array(alphabets.complement()[len(SPECIAL) :]) - len(SPECIAL)).astype(np.uint8)  # by place of a letter


@dataclass(frozen=True, eq=False)
class _Content:
    corpus: Corpus
    written: tuple[str, ...]  # SMILES, whose equals are written otherwise; of other alphabets nothing
    alphabet: str


class Sequences:
    """uint8 (m, length), or int32 for more than 256 tokens, 0 is padding; one that is absent is padding alone."""

    noun = "sequence"

    def fields(self, recipe: Recipe, name: str) -> Iterator[tuple[str, str]]:
        yield column_of(recipe, name)

    def items(self, recipe: Recipe, name: str, frame: pd.DataFrame, rows: Index) -> Items:
        return read_column(recipe, name, frame)

    def read(self, recipe: Recipe, records: Records, name: str, progress: Progress | None = None) -> Held:
        alphabet = _spec(recipe, name).alphabet
        corpus, written, reasons = _corpus(written_in(recipe, records, name), alphabet)
        if progress:
            progress(len(corpus), len(corpus))
        return Held(_Content(corpus, written, alphabet), reasons)

    def duplicates(self, held: Held, position: Index) -> Duplicates | None:
        content = _content(held)
        if content.alphabet == "smiles":
            return find_equal([text or None for text in canonical(content.written[place] for place in position)])
        name = _name_of_strands if content.alphabet == "dna" else Corpus.name
        return find_equal([name(content.corpus, int(place)) or None for place in position])

    def fit(self, recipe: Recipe, held: Held, name: str, position: Index, train: Index, rows: Index) -> Fitted:
        spec, corpus, seen = _spec(recipe, name), _content(held).corpus, position[train]
        refuse_nothing(corpus, seen, name)
        fixed = alphabets.LETTERS.get(spec.alphabet)
        known = vocabulary(corpus, seen) if fixed is None else [*SPECIAL, *fixed]
        length = spec.length or min(int(corpus.lengths[seen].max()), _LONGEST)
        facts: dict[str, Any] = {"kind_of": spec.alphabet, "alphabet": known, "length": length}
        # Cut out around something, each letter at its place; or each begins where it likes.
        facts["aligned"] = bool((corpus.lengths[seen] == length).all())
        if spec.alphabet == "dna":
            facts |= {"complement": alphabets.complement(), "vectors": alphabets.shares()}
        reading = judge(name, corpus, ids_of(corpus.tokens, known), length, position, train, rows)
        return Fitted({**facts, **reading.facts, "embedding": embeddings.fetch(recipe, name, known)}, reading.findings)

    def store(self, recipe: Recipe, held: Held, name: str, fitted: Fitted) -> Cached:
        corpus, facts = _content(held).corpus, fitted.facts
        about = f"{len(corpus):,} sequences ({facts['kind_of']}) of {facts['length']:,}"
        return keep(corpus, ids_of(corpus.tokens, facts["alphabet"]), int(facts["length"]), about)


def tokenise(facts: Mapping[str, Any], written: Sequence[str | None]) -> Integers:
    """New sequences as a model reads them.

    Args:
        facts: of the input, from data.json or the model's card.
        written: n sequences, None where there is none.

    Returns:
        uint8 or int32 (n, length).

    Raises:
        DataError: letters that are not in the alphabet, with rows counted from 1.
    """
    corpus, _, reasons = _corpus([text or "" for text in written], str(facts["kind_of"]))
    if strange := {place: reason for place, reason in reasons.items() if reason != ABSENT}:
        first = next(iter(strange.values()))
        raise DataError(f"sequences that cannot be read ({name_rows(place + 1 for place in strange)}: {first})")
    return corpus.rows(ids_of(corpus.tokens, facts["alphabet"]), np.arange(len(corpus)), int(facts["length"]))


def _corpus(written: Sequence[str], alphabet: str) -> tuple[Corpus, tuple[str, ...], dict[int, str]]:
    """The tokens of each sequence, the SMILES without spaces, and what cannot be read."""
    bare = tuple("".join(text.split()) for text in written)
    reasons = {place: ABSENT for place, text in enumerate(bare) if not text}
    if alphabet == "smiles":
        return Corpus.of(alphabets.cut_smiles(text) for text in bare), bare, reasons
    parts: list[npt.NDArray[np.uint8]] = [np.empty(0, np.uint8)]
    for place, text in enumerate(bare):
        letters, reason = alphabets.read_letters(text, alphabet)
        parts.append(letters)
        if reason:
            reasons[place] = reason
    bounds = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return Corpus(tuple(alphabets.LETTERS[alphabet]), np.concatenate(parts), bounds), (), reasons


def _name_of_strands(corpus: Corpus, number: int) -> str:
    """The same for a sequence of DNA and its reverse complement, "" for an empty one."""
    strand = corpus.one(number)
    return min(strand.tobytes(), _OPPOSITE[strand[::-1]].tobytes()).hex()


def _spec(recipe: Recipe, name: str) -> SequenceInput:
    spec = recipe.inputs[name]
    assert isinstance(spec, SequenceInput)
    return spec


def _content(held: Held) -> _Content:
    return cast(_Content, held.content)


KIND = Sequences()
