"""A catalogue of messages: what a page says in English, and what it says in the other language.

A message may hold places, and what stands in one on the page is put where the translation has it:

    {name}      any text, kept as it is: data
    {n} {n2}    a number: 1,204, .81, −.05, 43 %, under 1 %
    {why!}      text that is a message itself, and must be in the catalogue
    {arm?}      a message, or text that is known to be data of this page
    {parts&}    a listing, "a, b and c" or "a; b", of messages or data
    {group@}    text that is known to be data of this page
    <0>...</0>  an element within a line; <0/> one whose inside is not translated
    record(s)   with or without the s
    [is|are]    one of these words

A capital first letter and a full stop at the end make no difference.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

# How a line holds its elements while it is looked up: one character each, which no text of a page may contain.
OPEN, CLOSE, WHOLE, END = 0xF0000, 0xF4000, 0xF8000, 0xFC000
SECTIONS = ("messages", "bdi", "pairs", "scripts")
_TAGS = f"{chr(OPEN)}-{chr(WHOLE - 1)}"
_NUMBER = r"(?:(?:under|over)\s+)?[-−+±]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e-?\d+)?(?:\s?%)?"
_PIECES = re.compile(r"(\{[^{}]+\}|</?\d+/?>|\(s\)|\[[^\[\]|]+(?:\|[^\[\]|]+)+\])")
_WORD = re.compile(r"[a-z]{2,}")
_LETTER = re.compile(r"[^\W\d_]")
_PERCENT = re.compile(r"\s+%")
_LISTS = (
    re.compile(r"(;\s+)"),
    re.compile(r"((?<=\)),\s+|(?<=\))\s+(?:and|or)\s+)"),
    re.compile(r"(,\s+|\s+(?:and|or)\s+)"),
)
_SIGNS = {"and": "和", "or": "或", ";": "；"}
_SENTENCE = re.compile(r"[.!?;]\s")  # no name holds the end of a sentence, but one that is known
LONGEST_LIST = 81  # items of a listing, and what is between them
SHORTEST = 6  # letters of a message that is cut short
DEEPEST = 4  # messages within messages
_HAN, _LATIN = "\u4e00-\u9fff", "A-Za-z0-9.#±−+"
_JOIN = re.compile(rf"[{_HAN}]\0[{_LATIN}]|[{_LATIN}%]\0[{_HAN}]")
LINES, LETTERS = 12, 3  # words of a name that a drawing breaks into lines, and letters of a part
STOP, ENDS = "。", "。！？；："


@dataclass(frozen=True)
class Place:
    """One place of a message: its name and its kind, "" for data, else one of "n!?&@<>/"."""

    name: str
    kind: str


@dataclass(frozen=True)
class Pattern:
    """A message with places, ready to be held against a text."""

    regex: re.Pattern[str]
    places: tuple[Place, ...]
    template: tuple[str | Place, ...]
    literal: int  # how many characters are its own


def has_letters(text: str) -> bool:
    """Whether there is anything to translate: figures and signs are the same in every language."""
    return _LETTER.search(text) is not None


def canonical(text: str) -> tuple[str, bool]:
    """A text as it is looked up, and whether it ended with a full stop."""
    text = " ".join(text.split())
    stop = text.endswith(".") and not text.endswith("..")
    text = text[:-1] if stop else text
    return text[:1].lower() + text[1:], stop


def places(text: str) -> list[str]:
    """The places of one side of a message, each by its name without its kind, and elements by number."""
    found = (piece for piece in _PIECES.split(text)[1::2] if piece[0] in "{<")
    return sorted(piece.strip("{}!?&@") if piece[0] == "{" else piece for piece in found)


class Section:
    """Messages that may stand in one kind of place: exact ones in a table, those with places by their rarest word."""

    def __init__(self, entries: dict[str, str]) -> None:
        self._exact: dict[str, str] = {}
        self._by_word: dict[str, list[Pattern]] = {}
        made: list[tuple[set[str], Pattern]] = []
        for english, other in entries.items():
            key, stop = canonical(english)
            value = other.removesuffix(STOP) if stop else other
            if _PIECES.search(key):
                made.append(_compile(key, value))
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
        words = {*_WORD.findall(key.lower()), ""}
        found = [pattern for word in words for pattern in self._by_word.get(word, ())]
        return sorted(found, key=lambda pattern: (-pattern.literal, len(pattern.places)))


class Reader:
    """Finds the translation of what one page says.

    Args:
        section: where messages are looked up.
        known: whether a text is data of this page.
        within: where messages within messages are looked up, when not there.
    """

    def __init__(self, section: Section, known: Known, within: Reader | None = None) -> None:
        self.section = section
        self.known = known
        self._within = within or self
        self._found: dict[tuple[str, int], str | None] = {}

    def find(self, text: str, depth: int = 0) -> str | None:
        """The translation of a text; None where there is none.

        Args:
            text: with its elements as single characters.
            depth: how many messages this one stands in.
        """
        key, stop = canonical(text)
        if (key, depth) not in self._found:
            exact = self.section.exact(key)
            text = text.strip()
            text = text[:-1] if stop else text
            self._found[key, depth] = self._match(text, depth) if exact is None and depth < DEEPEST else exact
        found = self._found[key, depth]
        if found is None:
            return None
        return found + STOP if stop and not found.endswith(tuple(ENDS)) else found

    def _match(self, key: str, depth: int) -> str | None:
        for pattern in self.section.patterns(key):
            match = pattern.regex.fullmatch(key)
            if match is None:
                continue
            values = {}
            for place, text in zip(pattern.places, match.groups(), strict=True):
                if (value := self._value(place, text, depth)) is None:
                    break
                values[place.name] = value
            else:
                parts = (values[part.name] if isinstance(part, Place) else part for part in pattern.template)
                return spaced(parts)
        return None

    def _value(self, place: Place, text: str, depth: int) -> str | None:
        if place.kind == "@":
            return text if self.known(text) or not has_letters(text) else None
        if place.kind == "n":
            text = _PERCENT.sub("%", text)
            return self._within.find(text, depth + 1) if text[0] in "uo" else text
        if place.kind == "!":
            return self._within.find(text, depth + 1) if has_letters(text) else text
        if place.kind == "?":
            return text if self.known(text) or not has_letters(text) else self._within.find(text, depth + 1)
        if place.kind == "&":
            return self._listed(text, depth)
        return text if self.known(text) or not _SENTENCE.search(text) else None

    def _listed(self, text: str, depth: int) -> str | None:
        for split in _LISTS:
            pieces = split.split(text)
            if 1 < len(pieces) <= LONGEST_LIST and (items := self._items(pieces, depth)) is not None:
                return items
        return self._item(text, depth, self.known)

    def _items(self, pieces: list[str], depth: int) -> str | None:
        """The items of a listing; what lies between two of them may be a part of a name: "ST or T change"."""
        best: list[tuple[str, ...] | None] = [None] * (len(pieces) + 1)
        for end in range(1, len(pieces) + 1, 2):
            for start in range(0, end, 2):
                before = best[start - 1] if start else ()
                item = self._item("".join(pieces[start:end]), depth, self.known.whole) if before is not None else None
                if before is None or item is None:
                    continue
                sign = (_SIGNS.get(pieces[start - 1].strip(), "、"),) if start else ()
                told = (*before, *sign, item)
                if len(told) > len(best[end] or ()):
                    best[end] = told
        found = best[len(pieces)]
        return spaced(found) if found is not None else None

    def _item(self, text: str, depth: int, known: Callable[[str], bool]) -> str | None:
        return text if not has_letters(text) or known(text) else self._within.find(text, depth + 1)


def _compile(key: str, value: str) -> tuple[set[str], Pattern]:
    """The words that a text must hold to match, and the pattern."""
    regex, literal = "", 0
    places: list[Place] = []
    words: set[str] = set()
    pieces = _PIECES.split(key)
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            before, after = place > 0, place < len(pieces) - 1
            lower = piece.lower()
            words.update(
                match.group()
                for match in _WORD.finditer(lower)
                if not (before and match.start() == 0) and not (after and match.end() == len(lower))
            )
            literal += len(piece)
            regex += _literal(piece, first=place == 0)
        elif piece == "(s)":
            regex += "s?"
        elif piece[0] == "[":
            regex += f"(?:{'|'.join(_literal(word, first=False) for word in piece[1:-1].split('|'))})"
        elif piece[0] == "<":
            places.append(_element(piece))
            start, stop = {"<": (OPEN, CLOSE), ">": (CLOSE, WHOLE), "/": (WHOLE, END)}[places[-1].kind]
            regex += f"([{chr(start)}-{chr(stop - 1)}])"
        else:
            places.append(_place(piece))
            # Atomic up to the next one of these: a name made up of a message's own words must not cost time.
            regex += f"({_NUMBER})" if places[-1].kind == "n" else f"\0([^{_TAGS}]+?)"
    first, *others = regex.split("\0")
    return words, Pattern(
        re.compile(first + "".join(f"(?>{other})" for other in others[:-1]) + "".join(others[-1:])),
        tuple(places),
        tuple(_template(value)),
        literal,
    )


def _literal(text: str, *, first: bool) -> str:
    escaped = "".join(r"\s+" if part.isspace() else re.escape(part) for part in re.split(r"(\s+)", text))
    if first and text[:1].isalpha() and escaped.startswith(text[0]):
        return f"[{text[0].lower()}{text[0].upper()}]{escaped[1:]}"
    return escaped


def _element(piece: str) -> Place:
    kind = "/" if piece.endswith("/>") else ">" if piece.startswith("</") else "<"
    return Place(piece, kind)


def _place(piece: str) -> Place:
    name = piece[1:-1]
    if name[-1] in "!?&@":
        return Place(name[:-1], name[-1])
    return Place(name, "n" if re.fullmatch(r"n\d*", name) else "")


def _template(value: str) -> Iterator[str | Place]:
    for place, piece in enumerate(_PIECES.split(value)):
        if place % 2 and piece[0] in "{<":
            yield _place(piece) if piece[0] == "{" else _element(piece)
        elif piece:
            yield piece


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


def spaced(parts: Iterable[str]) -> str:
    """Parts one after the other, with a space between Chinese and Latin letters or figures, as it is set."""
    text = ""
    for part in filter(None, parts):
        apart = text and _JOIN.fullmatch(f"{text[-1]}\0{part[0]}")
        text += f" {part}" if apart else part
    return text


class Known:
    """Whether a text is data of a page.

    Args:
        data: texts that are.
    """

    def __init__(self, data: Collection[str]) -> None:
        self._whole = frozenset(" ".join(text.split()) for text in data)
        self._parts = {
            " ".join(words[start:end])
            for words in (text.split() for text in self._whole)
            if 1 < len(words) <= LINES
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
            if end - start > 1 or len(words[start]) > LETTERS
        }

    def whole(self, text: str) -> bool:
        """Whether it is one of them."""
        return " ".join(text.split()) in self._whole

    def __call__(self, text: str) -> bool:
        """Whether it is one of them, or a part of one: cut short by an ellipsis, or a line of several."""
        text = " ".join(text.split())
        if text in self._whole or text in self._parts:
            return True
        cut = text[:-1].rstrip() if len(text) > LETTERS and text.endswith("…") else ""
        return bool(cut) and any(one.startswith(cut) for one in self._whole)
