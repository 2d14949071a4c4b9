"""Corruptions of texts: whole numbers (n, tokens), 0 padding, 1 unknown.

The words are spelled from the vocabulary, changed, and cut and numbered again with the input's own tokenizer. A word
that the model cannot read stays unknown. How many words are changed is our own choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from automed.data.corruptions.corruption import Array, Bools, Corruption, Facts, Shape, fixed, lots
from automed.data.kinds import pieces
from automed.data.kinds.pieces import BEGINS, CONTINUES
from automed.data.kinds.tokens import PADDING, UNKNOWN, ids_of

SHORTEST = 4  # letters; a typing error makes another word of a shorter one


def begins(facts: Facts) -> Bools:
    """Of each token of the vocabulary whether it begins a word: bool (tokens,)."""
    tokens, tokenizer = facts["vocabulary"], facts.get("tokenizer", "words")
    if tokenizer == "wordpiece":
        return np.array([not token.startswith(CONTINUES) for token in tokens])
    if tokenizer == "bpe":
        return np.array([token.startswith(BEGINS) for token in tokens])  # an unknown letter goes on with its word
    return np.ones(len(tokens), bool)


def words(row: Array, first: Bools) -> list[list[int]]:
    """The ids of each word of one text.

    Args:
        row: whole numbers (tokens,).
        first: from `begins`.
    """
    ids = row[row != PADDING]
    starts = np.flatnonzero(first[ids])
    return [part.tolist() for part in np.split(ids, starts[starts > 0])] if len(ids) else []


def _filled(lists: Iterable[Sequence[int]], like: Array) -> Array:
    changed = np.full_like(like, PADDING)
    for row, ids in zip(changed, lists, strict=True):
        row[: len(ids)] = ids[: len(row)]
    return changed


def _spelled(ids: Sequence[int], facts: Facts) -> str | None:
    """A word that a typing error may meet; None for one that is short, unknown, or no word."""
    if UNKNOWN in ids:
        return None
    tokens, mark = facts["vocabulary"], {"wordpiece": CONTINUES, "bpe": BEGINS}.get(facts.get("tokenizer", ""), "")
    word = "".join(str(tokens[each]).removeprefix(mark) for each in ids)
    return word if len(word) >= SHORTEST and word.isalpha() else None


def misspell(word: str, error: float, place: float) -> str:
    """Swap two neighbouring letters of a word, leave one out, or double one.

    Args:
        word: two letters or more.
        error: 0 to 1, which of the three.
        place: 0 to 1, where in the word.
    """
    at = int(place * (len(word) - 1))
    if error < 1 / 3 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if error < 2 / 3:
        return word[:at] + word[at + 1 :]
    return word[: at + 1] + word[at:]


def _typos(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    first = begins(facts)
    drawn = rng.random((*values.shape, 3))
    texts = [words(row, first) for row in values]
    wrong: dict[tuple[int, int], str] = {}
    for row, text in enumerate(texts):
        for number in np.flatnonzero(drawn[row, : len(text), 0] < amount).tolist():
            if (word := _spelled(text[number], facts)) is not None:
                wrong[row, number] = misspell(word, *drawn[row, number, 1:])
    for (row, place), ids in zip(wrong, _numbered(list(wrong.values()), facts), strict=True):
        texts[row][place] = ids
    return _filled(([each for word in text for each in word] for text in texts), values)


def _numbered(written: list[str], facts: Facts) -> list[list[int]]:
    """The ids of the tokens of each word."""
    if facts.get("tokenizer", "words") == "words":
        return [[int(number)] for number in ids_of(written, facts["vocabulary"])]
    place = {token: number for number, token in enumerate(facts["vocabulary"]) if number > UNKNOWN}
    return [[place.get(token, UNKNOWN) for token in parts] for parts in pieces.cut(facts["state"], written)]


def _word_drop(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    first = begins(facts)
    texts = [words(row, first) for row in values]
    there = np.arange(values.shape[1]) < np.array([len(text) for text in texts])[:, None]
    lost = lots(rng, there, amount)
    return _filled(
        (
            [each for word, gone in zip(text, lost[row], strict=False) if not gone for each in word]
            for row, text in enumerate(texts)
        ),
        values,
    )


def _no_words(facts: Facts, shape: Shape) -> str | None:
    return None if facts.get("vocabulary") else "what the numbers of the tokens stand for is not known"


TYPOS = Corruption(
    "misspelling", "share of the words that are misspelled", _typos, fixed(0.02, 0.05, 0.1, 0.2, 0.4), _no_words
)
WORD_DROP = Corruption(
    "loss of words", "share of the words that are left out", _word_drop, fixed(0.05, 0.1, 0.2, 0.3, 0.5), _no_words
)
