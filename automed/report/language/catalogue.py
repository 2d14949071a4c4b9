"""The catalogue of a language: one file of messages, in sections by where they may stand on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from automed.report.language.message import PIECES, WORD, Pattern, canonical, compiled

SECTIONS = ("messages", "bdi", "pairs", "scripts")
SHORTEST = 6  # letters of a message that is cut short
STOP = "。"


class Section:
    """Messages that may stand in one kind of place: exact ones in a table, those with places by their rarest word."""

    def __init__(self, entries: dict[str, str]) -> None:
        self._exact: dict[str, str] = {}
        self._by_word: dict[str, list[Pattern]] = {}
        made: list[tuple[set[str], Pattern]] = []
        for english, other in entries.items():
            key, stop = canonical(english)
            value = other.removesuffix(STOP) if stop else other
            if PIECES.search(key):
                made.append(compiled(key, value))
            else:
                self._exact[key] = value
        common = Counter(word for words, _ in made for word in words)
        for words, pattern in made:
            rarest = min(words, key=lambda word: (common[word], -len(word), word), default="")
            self._by_word.setdefault(rarest, []).append(pattern)

    def exact(self, key: str) -> str | None:
        """The translation of a message without places, also of one that a drawing has cut short."""
        if key.endswith("…") and len(key) > SHORTEST:
            found = {other for english, other in self._exact.items() if english.startswith(key[:-1].rstrip())}
            return found.pop() if len(found) == 1 else None
        return self._exact.get(key)

    def patterns(self, key: str) -> list[Pattern]:
        """The messages with places that may match, those with most words of their own first."""
        words = {*WORD.findall(key.lower()), ""}
        found = [pattern for word in words for pattern in self._by_word.get(word, ())]
        return sorted(found, key=lambda pattern: (-pattern.literal, len(pattern.places)))


@dataclass(frozen=True)
class Catalogue:
    """All messages of one language.

    Attributes:
        tag: of the language, as HTML names it.
        messages: what the pages say.
        bdi: what may stand set apart as data is, without being data.
        pairs: what may stand in a table of keys and values, most of which are data.
        scripts: what scripts say, whose places they fill themselves: as it is written, character by character.
    """

    tag: str
    messages: Section
    bdi: Section
    pairs: Section
    scripts: Mapping[str, str]


def read(language: str) -> dict[str, dict[str, str]]:
    """The sections of a catalogue file as they are written."""
    text = (resources.files("automed.report.language") / f"{language}.yaml").read_text(encoding="utf-8")
    document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {section: document[section] for section in SECTIONS}


@cache
def load(language: str) -> Catalogue:
    """The catalogue of a language, "zh" for Chinese in simplified characters."""
    sections = read(language)
    shared = sections["bdi"]
    return Catalogue(
        {"zh": "zh-Hans"}[language],
        Section({**shared, **sections["messages"]}),
        Section(shared),
        Section(sections["pairs"]),
        sections["scripts"],
    )
