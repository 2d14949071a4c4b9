"""Lists of tokens as arrays: what texts and sequences share, from counting to the rows that a model reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from automed import runtime
from automed.data import store
from automed.data.checks.findings import Finding, about
from automed.data.kinds.kind import Index
from automed.errors import DataError

PADDING, UNKNOWN = 0, 1
SPECIAL = ("", "[unknown]")  # the tokens of these two ids
VERSION = 1  # of what the arrays in the cache hold
MANY = 0.05  # share of unknown tokens, or of records that are cut, from which on the check says so
_BLOCK = 2_000_000  # tokens laid out at once

Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Corpus:
    """m lists of tokens: each distinct token once, and where it stands as a number.

    Attributes:
        tokens: the distinct ones.
        places: whole numbers (t,), of each token of every list its place in `tokens`, one list after the other.
        bounds: int64 (m + 1,), list i is places[bounds[i]:bounds[i + 1]].
    """

    tokens: tuple[str, ...]
    places: Integers
    bounds: Index

    @classmethod
    def of(cls, lists: Iterable[Sequence[str]]) -> Corpus:
        """The corpus of lists of tokens; distinct tokens are numbered as they come."""
        known: dict[str, int] = {}
        parts, bounds = [np.empty(0, np.int32)], [0]
        for tokens in lists:
            parts.append(np.array([known.setdefault(token, len(known)) for token in tokens], np.int32))
            bounds.append(bounds[-1] + len(tokens))
        return cls(tuple(known), np.concatenate(parts), np.array(bounds, np.int64))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def lengths(self) -> Index:
        """int64 (m,), tokens of each list."""
        return np.diff(self.bounds)

    def one(self, number: int) -> Integers:
        """The places of one list."""
        return self.places[self.bounds[number] : self.bounds[number + 1]]

    def name(self, number: int) -> str:
        """The same for lists that are equal, and for no others; "" for an empty one."""
        places = np.ascontiguousarray(self.one(number))
        return hashlib.blake2b(places.data, digest_size=16).hexdigest() if len(places) else ""

    def count(self, chosen: Index) -> tuple[Index, Index]:
        """Of each distinct token, int64: how often it stands in the chosen lists, and in how many of them."""
        often = np.zeros(len(self.tokens), np.int64)
        lists = np.zeros(len(self.tokens), np.int64)
        for number in chosen:
            present, times = np.unique(self.one(int(number)), return_counts=True)
            often[present] += times
            lists[present] += 1
        return often, lists

    def split(self, pieces: Sequence[Sequence[str]]) -> Corpus:
        """The same lists with each distinct token replaced by its pieces, one entry a token."""
        parts = Corpus.of(pieces)
        lengths = parts.lengths[self.places]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        # Of every new token: which piece of the token it came from.
        inside = np.arange(int(ends[-1])) - np.repeat(ends[:-1], lengths)
        places = parts.places[np.repeat(parts.bounds[:-1][self.places], lengths) + inside]
        return Corpus(parts.tokens, places, ends[self.bounds])

    def rows(self, ids: Integers, chosen: Index, length: int) -> Integers:
        """The chosen lists as rows of ids (k, length): cut at the end, then padding; `ids` has one of each token."""
        out = np.full((len(chosen), length), PADDING, ids.dtype)
        used = np.minimum(self.lengths[chosen], length)
        row = np.repeat(np.arange(len(chosen)), used)
        column = np.arange(int(used.sum())) - np.repeat(np.cumsum(used) - used, used)
        out[row, column] = ids[self.places[self.bounds[:-1][chosen][row] + column]]
        return out

    def blocks(self, ids: Integers, chosen: Index, length: int) -> Iterator[Integers]:
        """`rows` in pieces of bounded memory."""
        step = max(1, _BLOCK // length)
        for start in range(0, len(chosen), step):
            yield self.rows(ids, chosen[start : start + step], length)

    @property
    def digest(self) -> str:
        """What the lists hold, hexadecimal."""
        whole = hashlib.blake2b("\n".join(self.tokens).encode("utf-8", "surrogatepass"), digest_size=16)
        for values in (self.places, self.bounds):
            whole.update(str(values.dtype).encode() + np.ascontiguousarray(values).data)
        return whole.hexdigest()


@dataclass(frozen=True)
class Reading:
    """How the lists of a corpus lie in the array.

    Attributes:
        facts: `unknown` and `cut` for data.json.
        findings: where much is unknown, or cut.
    """

    facts: dict[str, Any]
    findings: tuple[Finding, ...]


def refuse_nothing(corpus: Corpus, train: Index, name: str) -> None:
    """Raise DataError where the input is missing in every training record."""
    if not corpus.lengths[train].any():
        hint = "Take the input out, or split otherwise."
        raise DataError("is missing in every training record", where=f"inputs.{name}", hint=hint)


def vocabulary(corpus: Corpus, train: Index, *, most: int | None = None, rarest: int = 1) -> list[str]:
    """Tokens by id: padding, unknown, then those of the training lists, the most frequent first, ties by name.

    Args:
        corpus: m lists.
        train: which of them train.
        most: how many tokens at most, padding and unknown not counted.
        rarest: a token of fewer training lists is left out.
    """
    often, lists = corpus.count(train)
    kept = [int(place) for place in np.flatnonzero(lists >= rarest)]
    kept.sort(key=lambda place: (-int(often[place]), corpus.tokens[place]))
    return [*SPECIAL, *(corpus.tokens[place] for place in kept[:most])]


def ids_of(tokens: Sequence[str], known: Sequence[str]) -> Integers:
    """The id of each token, `UNKNOWN` where it has none: uint8 where that holds every id, else int32."""
    place = {token: number for number, token in enumerate(known) if number > UNKNOWN}
    kind = np.uint8 if len(known) <= 256 else np.int32
    return np.fromiter((place.get(token, UNKNOWN) for token in tokens), kind, len(tokens))


def judge(name: str, corpus: Corpus, ids: Integers, length: int, position: Index, train: Index, rows: Index) -> Reading:
    """What the model does not see: tokens that it does not know, and what lies beyond `length`.

    Args:
        name: of the input.
        corpus: m lists.
        ids: of each distinct token.
        length: tokens a record.
        position: int64 (n,), places of the records among the m.
        train: int64 (k,), which of the n train.
        rows: int64 (n,), row numbers.
    """
    parts = [(block == UNKNOWN).sum(axis=1) for block in corpus.blocks(ids, position, length)]
    unknown = np.concatenate([np.empty(0, np.int64), *parts])
    total = np.minimum(corpus.lengths[position], length)
    other = np.setdiff1d(np.arange(len(position)), train)
    shares = {
        part: float(unknown[chosen].sum() / max(1, total[chosen].sum()))
        for part, chosen in (("train", train), ("other", other))
    }
    cut = corpus.lengths[position] > length
    findings = []
    if shares["other"] > MANY:
        findings.append(
            about(
                "unknown_tokens",
                "note",
                f"{shares['other']:.0%} of the tokens of {name} in validation and test are not in its vocabulary.",
                rows[other][unknown[other] > 0],
                "A model cannot read them: more training records, or another tokenizer.",
            )
        )
    if cut.sum() > MANY * len(position):
        findings.append(
            about(
                "records_cut",
                "note",
                f"{int(cut.sum()):,} records of {name} are longer than {length:,} tokens: the rest is not read.",
                rows[cut],
                f"Ask whether the end matters; if so, raise inputs.{name}.length.",
            )
        )
    return Reading({"unknown": shares, "cut": int(cut.sum())}, tuple(findings))


def keep(corpus: Corpus, ids: Integers, length: int, about: str) -> store.Cached:
    """All lists as rows of ids (m, length), in the cache."""
    what = {"version": VERSION, "corpus": corpus.digest, "length": length, "dtype": str(ids.dtype)}
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode() + np.ascontiguousarray(ids).tobytes())

    def blocks() -> Iterator[store.Block]:
        return ((block, {}) for block in corpus.blocks(ids, np.arange(len(corpus)), length))

    shape, room = (len(corpus), length), runtime.cache_limit_bytes()
    return store.keep(key.hexdigest()[:32], shape, str(ids.dtype), blocks, about, room)
