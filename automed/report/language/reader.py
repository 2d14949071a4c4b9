"""Looking up what a page says: messages within messages, listings, and what is known to be data."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from automed.report.language.catalogue import STOP, Section
from automed.report.language.message import END, WHOLE, Place, canonical, has_letters

_PERCENT = re.compile(r"\s+%")
_LISTS = (
    re.compile(r"(;\s+)"),
    re.compile(r"((?<=\)),\s+|(?<=\))\s+(?:and|or)\s+)"),
    re.compile(r"(,\s+|\s+(?:and|or)\s+)"),
)
_SIGNS = {"and": "和", "or": "或", ";": "；"}
_SENTENCE = re.compile(r"[.!?;]\s")  # no name holds the end of a sentence, but one that is known
LONGEST_LIST = 81  # items of a listing, and what is between them
DEEPEST = 4  # messages within messages
_HAN, _LATIN, _APART = "\u4e00-\u9fff", "A-Za-z0-9.#±−+", f"{chr(WHOLE)}-{chr(END - 1)}"
_JOIN = re.compile(rf"[{_HAN}]\0[{_LATIN}{_APART}]|[{_LATIN}%{_APART}]\0[{_HAN}]")
LINES, LETTERS = 12, 3  # words of a name that a drawing breaks into lines, and letters of a part
ENDS, CLOSED = "。！？；：", "。！？；：，、）"


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


def spaced(parts: Iterable[str]) -> str:
    """Parts one after the other, with a space between Chinese and Latin letters or figures, as it is set."""
    text = ""
    for part in filter(None, parts):
        part = part.lstrip() if text.endswith(tuple(CLOSED)) else part
        apart = text and part and _JOIN.fullmatch(f"{text[-1]}\0{part[0]}")
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
