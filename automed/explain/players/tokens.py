"""Players of a text or a sequence: words, letters, or runs of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from automed.data.kinds.pieces import BEGINS, CONTINUES
from automed.data.kinds.tokens import PADDING, UNKNOWN
from automed.explain.players.record import Division
from automed.explain.subject import Array, InputSpec

DRAWS = 8  # training sequences whose letters stand in for a hidden one
SHOWN = 30  # letters of a run in its name


class Tokens:
    """Words of a text, letters of a sequence; runs of neighbouring ones where there are more than parts.

    The pieces of a word that a tokenizer has cut are one player. Padding belongs to none.
    """

    fill = "the unknown token; of aligned sequences, letters of training sequences at the same place"

    def divide(self, spec: InputSpec, record: Array, parts: int, seed: int) -> Division:
        """Cut a list of tokens into at most `parts` runs of about as many words or letters each."""
        places = np.flatnonzero(record != PADDING)
        part = np.full(spec.map_shape, -1, np.int32)
        if not len(places):
            return Division(part, ())
        tokens = _spelled(spec, record[places])
        word = np.cumsum(_begins(spec, tokens)) - 1
        count = int(word[-1]) + 1
        runs = min(count, parts)
        run = word * runs // count
        part[places] = run
        bounds = np.searchsorted(word * runs // count, np.arange(runs + 1))
        names = []
        for start, stop in pairwise(bounds):
            names.append(_name(spec, int(word[start]), int(word[stop - 1]), tokens[start:stop]))
        return Division(part, tuple(names))

    def stand_ins(self, spec: InputSpec, record: Array, background: Array, seed: int) -> Array:
        """What stands where a token is hidden: (r, tokens).

        Sequences that are aligned (cut out around something) get the letters of up to `DRAWS` training sequences at
        the same place. In texts, and where sequences begin anywhere, a neighbour's token would be as strange as any:
        there it is the unknown token, which a model meets in training when a word is rare (of DNA it is N).
        """
        if spec.kind == "sequence" and spec.facts.get("aligned"):
            there = background[(background != PADDING).any(axis=1)]
            if len(there):
                drawn = there[np.random.default_rng(seed).permutation(len(there))[:DRAWS]]
                return np.asarray(np.where(drawn == PADDING, UNKNOWN, drawn).astype(record.dtype))
        return np.full((1, *record.shape), UNKNOWN, record.dtype)


def _spelled(spec: InputSpec, ids: Array) -> list[str]:
    """The tokens of ids, "" where they are not known."""
    known: Sequence[str] = spec.facts.get("vocabulary" if spec.kind == "text" else "alphabet") or ()
    return [str(known[i]) if UNKNOWN < i < len(known) else "" for i in ids.astype(np.int64)]


def _begins(spec: InputSpec, tokens: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which tokens begin a word; the first one does in any case."""
    tokenizer = spec.facts.get("tokenizer")
    begins = np.ones(len(tokens), bool)
    if tokenizer == "wordpiece":
        begins[:] = [not token.startswith(CONTINUES) for token in tokens]
    elif tokenizer == "bpe":
        begins[:] = [token.startswith(BEGINS) for token in tokens]  # an unknown letter goes on with its word
    begins[0] = True
    return begins


def _name(spec: InputSpec, first: int, last: int, tokens: Sequence[str]) -> str:
    """ "word 5 (chest)", "words 5 to 7 (chest pain since)", "letters 11 to 14 (GATT)"."""
    text = spec.kind == "text"
    noun = "word" if text else "token" if spec.facts.get("kind_of") == "smiles" else "letter"
    place = f"{noun} {first + 1}" if first == last else f"{noun}s {first + 1} to {last + 1}"
    if not any(tokens):
        return place
    if text:
        written = ""
        for token, begins in zip(tokens, _begins(spec, tokens), strict=True):
            written += (" " if begins else "") + (token or "?").removeprefix(BEGINS if begins else CONTINUES)
        written = written.strip()
    else:
        written = "".join(token or "?" for token in tokens)
    return f"{place} ({written if len(written) <= SHOWN else written[: SHOWN - 1] + '…'})"


KIND = Tokens()
