"""The kind `text`: notes and reports as numbers of words, or of pieces of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

import numpy as np
import pandas as pd

from automed.data.cache import Cached
from automed.data.checks.duplicates import Duplicates, find_equal
from automed.data.kinds import embeddings, pieces
from automed.data.kinds.kind import ABSENT, Fitted, Held, Index, Progress
from automed.data.kinds.tokens import SPECIAL, Corpus, Integers, ids_of, judge, keep, refuse_nothing, vocabulary
from automed.data.kinds.written import column_of, read_column, written_in
from automed.data.records import Items, Records
from automed.errors import DataError
from automed.recipe import Recipe, TextInput

_AT_ONCE = 1000  # texts between two reports of progress
_TELLING = 10  # words from which on equal texts mean one origin: "no acute finding" is written of many patients


class Text:
    """int32 (m, length), 0 is padding; a text that is absent is padding alone."""

    noun = "text"

    def fields(self, recipe: Recipe, name: str) -> Iterator[tuple[str, str]]:
        yield column_of(recipe, name)

    def items(self, recipe: Recipe, name: str, frame: pd.DataFrame, rows: Index) -> Items:
        return read_column(recipe, name, frame)

    def read(self, recipe: Recipe, records: Records, name: str, progress: Progress | None = None) -> Held:
        written = written_in(recipe, records, name)

        def told() -> Iterator[list[str]]:
            for number, text in enumerate(written, 1):
                yield words(text)
                if progress and (number % _AT_ONCE == 0 or number == len(written)):
                    progress(number, len(written))

        corpus = Corpus.of(told())
        return Held(corpus, {int(place): ABSENT for place in np.flatnonzero(corpus.lengths == 0)})

    def duplicates(self, held: Held, position: Index) -> Duplicates | None:
        corpus = _corpus(held)
        telling = corpus.lengths >= _TELLING
        return find_equal([corpus.name(int(place)) if telling[place] else None for place in position])

    def fit(self, recipe: Recipe, held: Held, name: str, position: Index, train: Index, rows: Index) -> Fitted:
        spec = recipe.inputs[name]
        assert isinstance(spec, TextInput)
        corpus, seen = _corpus(held), position[train]
        refuse_nothing(corpus, seen, name)
        known = vocabulary(corpus, seen, rarest=spec.rarest)
        if len(known) == len(SPECIAL):
            raise DataError(
                f"no word is in {spec.rarest} training records or more",
                where=f"inputs.{name}",
                hint=f"Lower inputs.{name}.rarest: a word of fewer records might name a person, so know your texts.",
            )
        facts: dict[str, Any] = {"tokenizer": spec.tokenizer, "lower": True, "length": spec.length}
        if spec.tokenizer == "words":
            facts["vocabulary"] = known[: len(SPECIAL) + spec.vocabulary]
        else:
            often = dict(zip(corpus.tokens, corpus.count(seen)[0].tolist(), strict=True))
            # A rare word must not get a piece of its own either: pieces are learnt from the words that may be known.
            learnt = {word: often[word] for word in known[len(SPECIAL) :]}
            facts["state"] = pieces.learn(spec.tokenizer, learnt, spec.vocabulary)
            facts["vocabulary"] = _pieces_known(corpus, seen, facts["state"], set(learnt), spec.vocabulary)
        listed, ids = _numbered(facts, corpus)
        reading = judge(name, listed, ids, spec.length, position, train, rows)
        spelled = [token.removeprefix(pieces.BEGINS) for token in facts["vocabulary"]]
        facts |= {**reading.facts, "embedding": embeddings.fetch(recipe, name, spelled, lower=True)}
        return Fitted(facts, reading.findings)

    def store(self, recipe: Recipe, held: Held, name: str, fitted: Fitted) -> Cached:
        listed, ids = _numbered(fitted.facts, _corpus(held))
        length = int(fitted.facts["length"])
        return keep(listed, ids, length, f"{len(listed):,} texts of {length:,} {fitted.facts['tokenizer']} tokens")


def words(text: str) -> list[str]:
    """Words and numbers of a text in lower case, without punctuation: "T2DM, 39.5 °C!" is t2dm, 39.5, c.

    Compatible signs become one (NFKC: the ligature of fi is f and i). An apostrophe inside of a word and a point or
    comma inside of a number stay. Languages that write no spaces need the tokenizer wordpiece or bpe.

    This is a pattern of our own because Keras' TextVectorization needs TensorFlow whatever the backend, and is a layer
    in the model where a plain array is wanted.
    """
    return _pattern().findall(unicodedata.normalize("NFKC", text).lower().replace("_", " "))


def tokenise(facts: Mapping[str, Any], written: Sequence[str | None]) -> Integers:
    """New texts as a model reads them.

    Args:
        facts: of the input, from data.json or the model's card.
        written: n texts, None where there is none.

    Returns:
        int32 (n, length).
    """
    listed, ids = _numbered(facts, Corpus.of(words(text or "") for text in written))
    return listed.rows(ids, np.arange(len(listed)), int(facts["length"]))


@cache
def _pattern() -> re.Pattern[str]:
    # Vowel signs and points are no letters to `re`; without them words of Hindi or pointed Hebrew fall apart.
    marks = "".join(sign for sign in map(chr, range(0x300, 0xFB1F)) if unicodedata.category(sign) in ("Mn", "Mc"))
    word = rf"\w[\w{marks}]*"
    return re.compile(rf"\d+(?:[.,]\d+)+|{word}(?:['’]{word})*")


def _numbered(facts: Mapping[str, Any], corpus: Corpus) -> tuple[Corpus, Integers]:
    """The lists of tokens that a model reads, and the id of each distinct token."""
    if facts["tokenizer"] != "words":
        corpus = corpus.split(pieces.cut(facts["state"], corpus.tokens))
    return corpus, ids_of(corpus.tokens, facts["vocabulary"]).astype(np.int32)


def _pieces_known(corpus: Corpus, train: Index, state: str, learnt: set[str], most: int) -> list[str]:
    """The vocabulary of pieces: what the words that were learnt from consist of, the most frequent first.

    A piece that is only a step to longer ones has no training record, and stays unknown.
    """
    cut = pieces.cut(state, corpus.tokens)
    told = corpus.split([parts if word in learnt else [] for word, parts in zip(corpus.tokens, cut, strict=True)])
    known = [token for token in vocabulary(told, train) if token not in SPECIAL]
    return [*SPECIAL, *known[:most]]


def _corpus(held: Held) -> Corpus:
    return cast(Corpus, held.content)


KIND = Text()
