"""Places of one input of a record that maps are compared at: pixels, stretches of time, words, letters, columns."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from collections.abc import Sequence as Many

import numpy as np

from automed.report import words
from automed.report.explanations.picture import Array
from automed.report.explanations.signal import stretches
from automed.report.inputs.image import Image
from automed.report.inputs.shown import Input
from automed.report.inputs.signal import Signal
from automed.report.inputs.tabular import Tabular
from automed.report.inputs.tokens import BEGINS, CONTINUES, HOLE, PADDING, UNKNOWN, Sequence, Text

PIECE = 12  # letters of a sequence that are told

Places = Callable[[Array], Array]
Names = Callable[[Array, int], list[str]]


def units(one: Input, raw: Array) -> tuple[Places | None, Names | None]:
    """How values become those of the places to compare, and how places are named: what is first leads.

    Pictures have places without names; of a record that has nothing in it there are no places.
    """
    if isinstance(one, Image):
        return (lambda values: values), None
    if isinstance(one, Signal):
        return _of_signal(one, raw)
    if isinstance(one, Tabular):
        texts = [feature.name for feature in one.features]
        return (lambda values: values), lambda inside, first: _first(np.flatnonzero(inside).tolist(), first, texts)
    if isinstance(one, Text | Sequence):
        places = np.flatnonzero(raw != PADDING)
        if not len(places):
            return None, None
        if isinstance(one, Text):
            return (lambda values: values[places]), lambda inside, first: _words(one, raw[places], inside, first)
        return (lambda values: values[places]), lambda inside, first: _letters(one, raw[places], inside, first)
    return None, None


def _first(inside: list[int], first: int, texts: Many[str]) -> list[str]:
    ordered = sorted(inside, key=lambda k: k != first)
    return list(dict.fromkeys(texts[k] for k in ordered))


def _words(one: Text, raw: Array, inside: Array, first: int) -> list[str]:
    """Whole words, from tokens that may be parts of them."""
    marked = any(token.startswith(BEGINS) for token in one.vocabulary)
    whole: list[str] = []
    word = []
    for number in raw.tolist():
        token = one.vocabulary[number] if UNKNOWN < number < len(one.vocabulary) else HOLE
        goes_on = token.startswith(CONTINUES) or (marked and token != HOLE and not token.startswith(BEGINS))
        bare = token.removeprefix(CONTINUES) if len(token) > len(CONTINUES) else token
        bare = bare[1:] if marked and bare.startswith(BEGINS) else bare
        if goes_on and whole:
            whole[-1] += bare
        else:
            whole.append(bare)
        word.append(len(whole) - 1)
    return _first(np.flatnonzero(inside).tolist(), first, [whole[k] for k in word])


def _letters(one: Sequence, raw: Array, inside: Array, first: int) -> list[str]:
    """Neighbours as one piece, by their places from 1."""
    known = [one.alphabet[n] if UNKNOWN < n < len(one.alphabet) else "·" for n in raw.tolist()]
    found = []
    for low, high in sorted(_pieces(inside), key=lambda piece: not piece[0] <= first < piece[1]):
        text = words.shorten("".join(known[low:high]), PIECE)
        at = f"place {low + 1}" if high == low + 1 else f"places {low + 1} to {high}"
        found.append(f"{text} ({at})")
    return found


def _of_signal(one: Signal, raw: Array) -> tuple[Places | None, Names | None]:
    """Stretches of time (stretch, channel), of those channels in which anything was measured."""
    measured = np.isfinite(raw[:, list(one.values)])
    some = np.flatnonzero(measured.any(axis=0))
    if not len(some):
        return None, None
    bounds = stretches(measured)

    def places(values: Array) -> Array:
        return np.stack([values[a:b, some].mean(axis=0) for a, b in itertools.pairwise(bounds.tolist())])

    def names(inside: Array, first: int) -> list[str]:
        at, channel = divmod(first, len(some))
        found = []
        for k, column in enumerate(some.tolist()):
            for low, high in _pieces(inside[:, k]):
                begins, ends = int(bounds[low]), int(bounds[high])
                start = one.span(begins).partition(" ")[0] if begins else "0"
                leads = k == channel and low <= at < high
                found.append((not leads, f"{one.channels[one.values[column]]} ({start} to {one.span(ends)})"))
        return [text for _, text in sorted(found, key=lambda pair: pair[0])]

    return places, names


def _pieces(inside: Array) -> list[tuple[int, int]]:
    """Runs of places: (first, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
