"""What the methods agree on, case by case: what two or more of them mark most, by name, and in pictures outlined."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from automed.report import words
from automed.report.explanations import layers
from automed.report.explanations.image import neighbours, ninth
from automed.report.explanations.overlap import Array, Overlap, drawn, shifted, top
from automed.report.explanations.picture import Map
from automed.report.explanations.places import units
from automed.report.inputs.image import Image
from automed.report.inputs.shown import Input
from automed.report.inputs.signal import Signal
from automed.report.inputs.tokens import Sequence as Letters

NAMES = 4  # told at most
LONGEST = 40  # of each
ORDERED = (Image, Signal, Letters)  # places in order, of which neighbours are alike


@dataclass(frozen=True)
class Pair:
    """Two methods on one input of one case."""

    first: str
    second: str
    overlap: Overlap

    @property
    def text(self) -> str:
        """Shares in words, beside what chance gives."""
        found = self.overlap
        more = "" if found.more else ", no more than by chance"
        limit = f"rarely over {words.percent(found.rarely)}" if found.rarely < 1 else "at times all"
        limit = limit if found.rarely > 0 else "rarely any"
        chance = f"by chance {words.percent(found.chance)}, {limit}"
        return f"{self.first} and {self.second} {words.percent(found.share)}{more} ({chance})"


@dataclass(frozen=True)
class Agreed:
    """What the methods agree on in one input of one case.

    Attributes:
        input: its name.
        pairs: each two methods.
        names: what all of them mark most: stretches, words, columns; () of pictures, where there is nothing to name.
        sentence: the finding.
        shares: of each pair, beside chance.
        marked: of a picture a layer with a line around the places; None where there is nothing to mark.
    """

    input: str
    pairs: tuple[Pair, ...]
    names: tuple[str, ...]
    sentence: Markup
    shares: str
    marked: Map | None


def agreed(one: Input, raw: Array, maps: Mapping[str, Array], single: Sequence[str] = ()) -> Agreed | None:
    """What these methods agree on in one input; None where fewer than two of them mark anything for the class.

    Args:
        one: the input.
        raw: of one record, as the model reads it.
        maps: of each method, by its title, float32 of one shape.
        single: those that explained every pixel of a picture by itself: then means over 3 x 3 are compared, as drawn.
    """
    places, name = units(one, raw)
    if places is None:
        return None
    tops: dict[str, Array] = {}
    strongest: list[int] = []
    for method, values in maps.items():
        if not np.isfinite(values).any():
            continue
        known = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        strength = places(neighbours(known) if method in single else known)
        if (most := top(strength)).any():
            tops[method] = most
            strongest.append(int(strength.argmax()))
    compare = shifted if isinstance(one, ORDERED) else drawn
    pairs = []
    for first, second in itertools.combinations(tops, 2):
        if (overlap := compare(tops[first], tops[second])) is not None:
            pairs.append(Pair(first, second, overlap))
    if not pairs:
        return None
    alike = [tops[pair.first] & tops[pair.second] for pair in pairs if pair.overlap.more]
    common = np.logical_or.reduce(alike) if alike else np.zeros_like(tops[pairs[0].first])
    shared = np.logical_and.reduce(list(tops.values()))
    names = tuple(name(shared, strongest[0])) if name else ()
    leading = bool(names) and all(shared.flat[k] and name and name(shared, k)[0] == names[0] for k in strongest)
    at = f", mostly at the {ninth(common.astype(np.float64))[0]}" if not name and common.any() else ""
    sentence = _sentence(len(tops), pairs, at, names, first=leading)
    shares = "Shared of the strongest: " + "; ".join(pair.text for pair in pairs) + "."
    marked = None
    if isinstance(one, Image) and common.any():
        # Without specks, unless there is nothing else.
        whole = neighbours(common.astype(np.float64)) >= 0.5
        image, size = layers.dashed(whole if whole.any() else common)
        said = f"A dashed line is around what at least two methods mark most{at}"
        marked = Map(one.name, said, image=image, size=size)
    return Agreed(one.name, tuple(pairs), names, sentence, shares, marked)


def _sentence(count: int, pairs: Sequence[Pair], at: str, names: Sequence[str], *, first: bool) -> Markup:
    every = "Both methods" if count == 2 else f"All {count} methods"
    alike = [pair for pair in pairs if pair.overlap.more]
    said: str | Markup
    if len(alike) == len(pairs):
        said = f"{every} mark the same places more than by chance{at}."
    elif len(alike) == 1:
        said = f"{alike[0].first} and {alike[0].second} mark the same places more than by chance{at}; no other two do."
    elif alike:
        two = words.listing([f"{pair.first} with {pair.second}" for pair in alike])
        said = f"The same places are marked more than by chance by {two}{at}."
    else:
        few = "The two methods mark the same places no more than by chance."
        said = few if count == 2 else "No two methods mark the same places more than by chance."
    if not names:
        return escape(said)
    shown = [Markup("<bdi>{}</bdi>").format(words.shorten(text, LONGEST)) for text in names[:NAMES]]
    rest = f" and {words.plural(len(names) - NAMES, 'more', 'more')}" if len(names) > NAMES else ""
    if first:
        others = Markup(" Among the strongest of each: {}{}.").format(_listed(shown, rest), rest)
        return Markup("{} put {} first. {}{}").format(every, shown[0], said, others if len(shown) > 1 else "")
    listed = _listed(shown, rest)
    return Markup("Among the strongest of {}: {}{}. {}").format(every[:1].lower() + every[1:], listed, rest, said)


def _listed(shown: Sequence[Markup], rest: str) -> Markup:
    return Markup(", ").join(shown) if rest else Markup(words.listing(shown))
