"""Maps of texts and sequences: shaded words, letters as high as their influence, and shaded letters of long ones."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from automed.report import words
from automed.report.explanations import strokes
from automed.report.explanations.picture import BROAD, Array, Map, scale_of, side
from automed.report.inputs.tokens import BEGINS, CONTINUES, GROUP, HOLE, UNKNOWN, Sequence, Text

WORDS = 200
LOGO = 120  # letters that are drawn by height; longer sequences are shaded
LETTERS = 600
ACROSS = 60  # letters of one line of a logo


def passage(one: Text, raw: Array, values: Array) -> Map:
    """Words with their shade; of a long text those around the strongest."""
    places = np.flatnonzero(raw != 0)
    if not len(places):
        return Map(one.name, f"{one.name}: no text", note="No text.")
    scale = scale_of(values[places])
    shown = window(places, values, WORDS)
    marked = any(token.startswith(BEGINS) for token in one.vocabulary)
    tokens = []
    for place in shown:
        token = one.vocabulary[raw[place]] if UNKNOWN < raw[place] < len(one.vocabulary) else HOLE
        goes_on = token.startswith(CONTINUES) or (marked and token != HOLE and not token.startswith(BEGINS))
        bare = token.removeprefix(CONTINUES) if len(token) > len(CONTINUES) else token
        bare = bare[1:] if marked and bare.startswith(BEGINS) else bare
        tokens.append((bare, strokes.look(strokes.level(float(values[place]), scale)), not goes_on))
    best = int(np.abs(values[shown]).argmax())
    value = float(values[shown][best])
    says = f"{one.name}: the strongest word is {tokens[best][0]}, {side(value)} the class"
    if not value:
        says = f"{one.name}: nothing is marked"
    notes = [_part(places, shown, "word")]
    if any(HOLE in text for text, _, _ in tokens):
        notes.append(f"{HOLE} stands for a word that is not in the vocabulary")
    return Map(one.name, says, tokens=_merged(tokens), note=words.sentence("; ".join(filter(None, notes))))


def letters(one: Sequence, raw: Array, values: Array) -> Map:
    """Letters up for the class and down against it, each as high as its influence; of long sequences shaded ones."""
    places = np.flatnonzero(raw != 0)
    if not len(places):
        return Map(one.name, f"{one.name}: no sequence", note="No sequence.")
    shown = window(places, values, LETTERS)
    names = [one.alphabet[raw[p]] if UNKNOWN < raw[p] < len(one.alphabet) else "·" for p in shown]
    if len(places) <= LOGO:
        picture, says = logo(names, values[shown], one.name)
        return Map(one.name, says, drawing=picture, broad=True)
    scale = scale_of(values[places])
    looks = [strokes.look(strokes.level(float(values[place]), scale)) for place in shown]
    tokens = [(name, look, k % GROUP == 0) for k, (name, look) in enumerate(zip(names, looks, strict=True))]
    says = _highest(one.name, names, values[shown], int(shown[0]))
    note = words.sentence(_part(places, shown, "letter"))
    return Map(one.name, says, tokens=_merged(tokens, spaced=False), letters=True, note=note, broad=True)


def window(places: Array, values: Array, most: int) -> Array:
    """Up to `most` neighbouring places, from the start, or around the strongest where that lies further on."""
    best = int(np.abs(values[places]).argmax())
    start = 0 if best < most else min(best - most // 2, len(places) - most)
    return np.asarray(places[start : start + most])


def _part(places: Array, shown: Array, noun: str) -> str:
    if len(shown) == len(places):
        return ""
    first = int(np.searchsorted(places, shown[0])) + 1
    total = words.plural(len(places), noun)
    if first == 1:
        return f"the first {words.integer(len(shown))} of {total}"
    last = words.integer(first + len(shown) - 1)
    return f"{noun}s {words.integer(first)} to {last} of {total}, around the strongest"


def _merged(tokens: list[tuple[str, str, bool]], *, spaced: bool = True) -> tuple[tuple[str, str, bool], ...]:
    """Neighbours of one shade as one piece; of letters a space always begins a new one."""
    merged: list[tuple[str, str, bool]] = []
    for text, look, apart in tokens:
        if merged and merged[-1][1] == look and (spaced or not apart):
            before, _, first = merged[-1]
            merged[-1] = (f"{before}{' ' if apart else ''}{text}", look, first)
        else:
            merged.append((text, look, apart))
    return tuple(merged)


def logo(names: list[str], values: Array, title: str) -> tuple[Markup, str]:
    """Letters in lines of ACROSS, each as high as its value, above the plain sequence; and the finding in words."""
    scale = scale_of(values)
    high, each = 28.0, (BROAD - 22) / ACROSS
    up, down = (high if (values * sign > 0).any() else 4.0 for sign in (1, -1))
    row = up + down + 24
    parts: list[Markup] = []
    for at in range(-(-len(names) // ACROSS)):
        some = list(zip(names, values, strict=True))[at * ACROSS : (at + 1) * ACROSS]
        foot = at * row + up + 2
        parts.append(strokes.line([(22, foot + 1), (22 + len(some) * each, foot + 1)], "--pale"))
        parts.append(strokes.label(str(at * ACROSS + 1), 14, foot + down + 13, colour="--muted", size=9, anchor="end"))
        for column, (name, value) in enumerate(some):
            x, steps = 22 + (column + 0.5) * each, strokes.level(float(value), scale)
            parts.append(strokes.label(name[:2], x, foot + down + 13, colour="--muted", size=9, anchor="middle"))
            if steps:
                height = min(1.0, abs(float(value)) / scale) * high
                parts.append(strokes.letter(name[:2], x, foot if steps > 0 else foot + 2 + height, height, steps))
    says = _highest(title, names, values, 0)
    return strokes.drawing(parts, BROAD, max(1, -(-len(names) // ACROSS)) * row, says), says


def _highest(title: str, names: list[str], values: Array, before: int) -> str:
    if not len(names) or not np.abs(values).max():
        return f"{title}: nothing is marked"
    best = int(np.abs(values).argmax())
    place = words.integer(before + best + 1)
    return f"{title}: the strongest letter is {names[best]} at place {place}, {side(float(values[best]))} the class"
