"""A page in another language: every line, every text of a drawing and every attribute that is read or heard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from automed.report.language.catalogue import Catalogue, load
from automed.report.language.lines import Line, translated
from automed.report.language.markup import RAW, Token, attributes, cut, replaced, text_of
from automed.report.language.message import END, has_letters
from automed.report.language.reader import Known, Reader
from automed.report.scripts import ESCAPES

INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "code", "em", "i", "kbd", "mark", "output", "small", "span", "strong", "sub", "sup"}
)
DATA = frozenset({"bdi", "code", "kbd", "pre", "samp", "textarea"})  # what is inside is no message
PLAIN = frozenset({"title", "desc", "option", "text", "tspan", "textpath"})  # may hold no element of HTML
SPOKEN = ("alt", "aria-label", "aria-description", "aria-roledescription", "aria-valuetext", "title", "placeholder",
          "label", "data-label")  # fmt: skip
PREFIX = "data-say"  # what a script shows: data-say, data-say-more
ENGLISH, STOP = chr(END), chr(END + 1)  # around what stays English, until it is set into the page
_SPOKEN = re.compile(rf"\s(?:{'|'.join(SPOKEN)}|{PREFIX}[\w-]*)\s*=")
# In a drawing no element sets names apart: of channels, columns, words; cut short, or with their value.
_NAME = re.compile(r"^\S+$|…$| = ")
_KEPT = re.compile(r'translate="no"|class="(?:passage|letters)"')
_HTML = re.compile(r'(<html\b[^>]*\blang=")[^"]*(")')


def translate(page: str, language: str = "zh", data: Iterable[str] = ()) -> str:
    """An English page in another language; what has no translation stays, marked as English.

    Args:
        page: whole, as its template made it.
        language: "zh", Chinese in simplified characters.
        data: texts that are not set apart on the page and belong to the run all the same: what the recipe says.

    Returns:
        The same elements with the same ids, addresses and data.
    """
    work = _Page(load(language), page, data)
    return _HTML.sub(rf"\g<1>{work.catalogue.tag}\g<2>", work.run(), count=1)


def missing(page: str, language: str = "zh", data: Iterable[str] = ()) -> list[str]:
    """The messages of an English page that the catalogue does not have, each once, as they would stand in it."""
    work = _Page(load(language), page, data)
    work.run()
    return list(dict.fromkeys(work.missed))


class _Page:
    """One page on its way."""

    def __init__(self, catalogue: Catalogue, page: str, data: Iterable[str]) -> None:
        self.catalogue = catalogue
        self.tokens = list(cut(page))
        self.missed: list[str] = []
        names = {*data, *_set_apart(self.tokens)}
        every = Known(names)
        apart = Reader(catalogue.bdi, every, Reader(catalogue.messages, every))
        # A sentence may be set apart for the names in it; it is no name.
        self._known = Known({name for name in names if not _told(name, apart)})
        self._messages = Reader(catalogue.messages, self._known)
        self._apart = Reader(catalogue.bdi, self._known, self._messages)
        self._pairs = Reader(catalogue.pairs, self._known, self._messages)
        self._out: list[str] = []
        self._closed = 0  # elements of data that are open

    def run(self) -> str:
        """The page in the other language."""
        line: list[Token] = []
        names: list[Token] = []  # the starts of those blocks that are open
        for token in self.tokens:
            raw = bool(names) and names[-1].name in RAW
            if token.name in INLINE or (token.kind == "text" and not raw):
                line.append(token)
                continue
            if line:
                self._flush(line, names)
                line = []
            if token.kind == "text":
                self._out.append(self._script(token.raw, names[-1].raw))
                continue
            if token.kind == "end":
                while names:
                    last = names.pop()
                    self._closed -= _data(last)
                    if last.name == token.name:
                        break
            self._out.append(self._tag(token))
            if token.kind == "start":
                names.append(token)
                self._closed += _data(token)
        self._flush(line, names)
        return "".join(self._out)

    def _flush(self, tokens: list[Token], names: list[Token]) -> None:
        """Put out what stands between two borders of blocks."""
        if self._closed or not has_letters(_text(tokens)):
            self._out.extend(map(self._tag, tokens))
            return
        line = self._line(tokens)
        reader = self._reader(names)
        drawn = any(one.name == "svg" for one in names)
        if line.strange or self._is_data(line.text, reader, drawing=drawn):
            self._out.extend(map(self._tag, tokens))
            return
        plain = bool(names) and names[-1].name in PLAIN

        def missed(part: str) -> str:
            if reader is self._pairs or self._known(part) or (drawn and _NAME.search(part)):
                return part
            self.missed.append(line.shown(part))
            return part if plain else f"{ENGLISH}{part}{STOP}"

        found = line.markup(translated(line.text, reader, missed))
        self._out.append(found.replace(ENGLISH, '<span lang="en">').replace(STOP, "</span>"))

    def _reader(self, names: list[Token]) -> Reader:
        """Messages, unless this is a cell of a table of keys and values."""
        for one in reversed(names):
            if one.name == "caption":
                break
            if one.name == "table":
                pairs = "pairs" in attributes(one.raw).get("class", "").split()
                return self._pairs if pairs else self._messages
        return self._messages

    def _is_data(self, text: str, reader: Reader, *, drawing: bool) -> bool:
        """Whether the whole of a line is a value of the run; within a drawing no element can set it apart."""
        return self._known(text) and (drawing or reader.find(text) is None)

    def _line(self, tokens: list[Token]) -> Line:
        line = Line()
        opened: list[tuple[int, int]] = []  # where each open element ends, and its number
        at = 0
        while at < len(tokens):
            token = tokens[at]
            end = _end(tokens, at) if token.kind == "start" else None
            if token.kind == "text":
                line.add(text_of(token.raw))
            elif opened and opened[-1][0] == at:
                line.close(opened.pop()[1], token.raw)
            elif end is None:
                line.whole(self._tag(token))
            elif _data(token) or not has_letters(_text(tokens[at:end])):
                line.whole(self._kept(tokens[at : end + 1]))
                at = end
            else:
                opened.append((end, line.open(self._tag(token))))
            at += 1
        return line

    def _kept(self, tokens: list[Token]) -> str:
        """An element that is no message; of what `bdi` sets apart a sentence may be one, a name never is."""
        first, *inside, last = tokens
        if first.name != "bdi" or _kept(first):
            return "".join(map(self._tag, tokens))
        line = self._line(inside)
        found: str | None = None
        if not line.strange and not self._known(line.text):
            lost: list[str] = []

            def missed(part: str) -> str:
                lost.append(part)
                return part

            found = translated(line.text, self._apart, missed)
            if lost and found != line.text:
                self.missed.extend(map(line.shown, lost))
                found = None
        return self._tag(first) + line.markup(line.text if found is None else found) + last.raw

    def _tag(self, token: Token) -> str:
        """A token as it is, or a start with its attributes translated."""
        raw = token.raw
        if token.kind not in ("start", "empty") or not _SPOKEN.search(raw):
            return raw
        new = {}
        for name, value in attributes(raw).items():
            if (name in SPOKEN or name.startswith(PREFIX)) and has_letters(value) and not self._known(value):
                found = translated(value, self._messages, self._miss)
                if found != value:
                    new[name] = found
        return replaced(raw, new)

    def _miss(self, part: str) -> str:
        if not self._known(part):
            self.missed.append(" ".join(part.split()))
        return part

    def _script(self, text: str, start: str) -> str:
        """Of data that scripts read the messages: a block of them, or those named `text`; all else stays as it is."""
        told = attributes(start)
        if told.get("type") != "application/json":
            return text
        value = json.loads(text)
        if told.get("id", "").endswith("messages"):
            value = self._said(value)
        elif isinstance(value, dict) and isinstance(value.get("text"), dict):
            value["text"] = self._said(value["text"])
        else:
            return text
        return json.dumps(value, separators=(",", ":")).translate(ESCAPES)

    def _said(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._said(one) for key, one in value.items()}
        if not isinstance(value, str) or not has_letters(value):
            return value
        found = self.catalogue.scripts.get(value)
        if found is None:
            found = self._messages.find(value)
        return self._miss(value) if found is None else found


def _end(tokens: list[Token], start: int) -> int | None:
    """Where the element ends that starts there; None where it ends beyond this line."""
    depth = 0
    for at in range(start, len(tokens)):
        if tokens[at].name == tokens[start].name:
            depth += (tokens[at].kind == "start") - (tokens[at].kind == "end")
            if not depth:
                return at
    return None


def _told(text: str, reader: Reader) -> bool:
    """Whether a sentence of a text is a message: it may be set apart for the names in it, and is none itself."""
    return has_letters(text) and translated(text, reader, lambda part: part) != text


def _text(tokens: list[Token]) -> str:
    return "".join(text_of(token.raw) for token in tokens if token.kind == "text")


def _data(token: Token) -> bool:
    return token.name in DATA or _kept(token)


def _kept(token: Token) -> bool:
    """Whether an element says that it is data: texts and sequences as a model reads them bear their own names."""
    return _KEPT.search(token.raw) is not None


def _set_apart(tokens: list[Token]) -> set[str]:
    """The texts that the page itself marks as data."""
    found = set()
    for at, token in enumerate(tokens):
        if token.kind == "start" and token.name in ("bdi", "code"):
            end = _end(tokens[at : at + 40], 0)
            if end is not None:
                found.add(_text(tokens[at : at + end]))
    return found
