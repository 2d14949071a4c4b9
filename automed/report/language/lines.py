"""A line of a page: text and the elements in it, looked up whole, by sentences, or by its parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from automed.report.language.markup import escaped
from automed.report.language.message import CLOSE, END, OPEN, WHOLE, has_letters
from automed.report.language.reader import ENDS, Reader

# "A. CNN" is a name, no end of a sentence.
_SENTENCE = re.compile(rf"(?<!\\b[A-Z]\\.)(?:(?<=[.!?…])|(?<=[.!?…][{chr(CLOSE)}-{chr(WHOLE - 1)}]))\s+")
_DOT = re.compile(r"(\s+·\s+)")  # stands between things of one line that are no sentence
_SIGN = re.compile(f"[{chr(OPEN)}-{chr(END - 1)}]")
LONGEST = 8  # sentences looked up as one message


class Line:
    """Collects text and elements of one line, and gives them back translated."""

    def __init__(self) -> None:
        self.text = ""
        self._raw: dict[str, str] = {}
        self._count = 0
        self.strange = False

    def add(self, text: str) -> None:
        """Text, unescaped."""
        self.strange = self.strange or (bool(text) and ord(max(text)) >= OPEN)
        self.text += text

    def whole(self, raw: str) -> None:
        """An element that stays as it is."""
        self._sign(WHOLE, raw)

    def open(self, raw: str) -> int:
        """The start of an element; what it gives is for `close`."""
        return self._sign(OPEN, raw)

    def close(self, number: int, raw: str) -> None:
        """The end of the element that `open` gave this number."""
        sign = chr(CLOSE + number)
        self._raw[sign] = raw
        self.text += sign

    def _sign(self, kind: int, raw: str) -> int:
        number = self._count
        self._count += 1
        self.strange = self.strange or number >= CLOSE - OPEN
        self.text += chr(kind + number)
        self._raw[chr(kind + number)] = raw
        return number

    def markup(self, text: str) -> str:
        """A text of this line as it is set into the page."""
        return "".join(self._raw[part] if part in self._raw else escaped(part) for part in _split(text))

    def shown(self, text: str) -> str:
        """A text of this line as a catalogue would have it."""
        numbers: dict[int, int] = {}
        parts = []
        for part in _split(text):
            if part not in self._raw:
                parts.append(part)
                continue
            code = ord(part)
            kind = OPEN if code < CLOSE else CLOSE if code < WHOLE else WHOLE
            number = numbers.setdefault((code - kind) + (END if kind == WHOLE else 0), len(numbers))
            parts.append({OPEN: f"<{number}>", CLOSE: f"</{number}>", WHOLE: f"<{number}/>"}[kind])
        return " ".join("".join(parts).split())


def _split(text: str) -> list[str]:
    parts, at = [], 0
    for match in _SIGN.finditer(text):
        parts += [text[at : match.start()], match.group()]
        at = match.end()
    return [part for part in [*parts, text[at:]] if part]


def translated(text: str, reader: Reader, missed: Callable[[str], str]) -> str:
    """The text in the other language; what is not found goes through `missed`.

    Args:
        text: of a line, its elements as single signs.
        reader: of the catalogue.
        missed: what to put where a message is not in the catalogue.
    """
    core = text.strip()
    if not has_letters(core):
        return text
    before, after = text[: text.index(core[0])], text[len(text.rstrip()) :]
    if (found := _found(core, reader)) is not None:
        return before + found + after
    return before + _by_sentence(core, reader, missed) + after


def _found(text: str, reader: Reader) -> str | None:
    """A text as one message, or by its parts where every part is one."""
    if not has_letters(text):
        return text
    if (found := reader.find(text)) is not None:
        return found
    # A figure or a sign before or after it is no part of the message.
    parts = list(_parts(text))
    if parts == [text] and _inside(text) is None:
        return None
    out = []
    for part in parts:
        inner = _inside(part)
        if inner is not None:
            found = _found(inner, reader) if inner else ""
            found = found if found is None else part[0] + found + part[-1]
        else:
            bare = part.strip()
            found = reader.find(bare) if has_letters(bare) else bare
            if found is not None:
                start = part.index(bare[0]) if bare else 0
                found = part[:start] + found + part[start + len(bare) :] if bare else part
        if found is None:
            return None
        out.append(found)
    return "".join(out)


def _inside(part: str) -> str | None:
    """What is between the signs of an element; None where the part is none."""
    return part[1:-1] if part and OPEN <= ord(part[0]) < CLOSE and len(part) > 1 else None


def _parts(text: str) -> Iterator[str]:
    """The elements of a text, and what is between them."""
    at = start = 0
    while at < len(text):
        code = ord(text[at])
        if code < OPEN or code >= END:
            at += 1
            continue
        yield from (part for part in _DOT.split(text[start:at]) if part)
        end = at + 1
        if OPEN <= code < CLOSE:
            end = text.index(chr(code - OPEN + CLOSE), at) + 1
        yield text[at:end]
        at = start = end
    yield from (part for part in _DOT.split(text[start:]) if part)


def _by_sentence(text: str, reader: Reader, missed: Callable[[str], str]) -> str:
    """Sentence by sentence, so that as little as can be is left in English; no cut is inside an element."""
    cuts = [(0, 0), *_cuts(text), (len(text), len(text))]
    best: list[tuple[int, int, str | None]] = [(0, 0, "")]
    for end in range(1, len(cuts)):
        options: list[tuple[int, int, str | None]] = []
        for start in range(max(0, end - LONGEST), end):
            part = text[cuts[start][1] : cuts[end][0]]
            found = _found(part, reader)
            if found is not None or start == end - 1:
                options.append((best[start][0] + (len(part) if found is None else 0), start, found))
        best.append(min(options, key=lambda option: option[:2]))
    steps = []
    end = len(cuts) - 1
    while end:
        steps.append((best[end][1], end, best[end][2]))
        end = best[end][1]
    said = ""
    for start, end, found in reversed(steps):
        between = text[cuts[start][0] : cuts[start][1]]
        # After a full stop of Chinese stands no space.
        said += "" if said.endswith(tuple(ENDS)) else between
        said += missed(text[cuts[start][1] : cuts[end][0]]) if found is None else found
    return said


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    """Where sentences end and the next begin."""
    depth, at = 0, 0
    for match in _SENTENCE.finditer(text):
        for sign in text[at : match.start()]:
            code = ord(sign)
            depth += (OPEN <= code < CLOSE) - (CLOSE <= code < WHOLE)
        at = match.start()
        if at and not depth:
            yield match.span()
