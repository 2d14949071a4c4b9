"""A page cut into its tags and texts, byte for byte: joined again they are the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

_TAG = re.compile(r"<!--.*?-->|<![^>]*>|<(/?)([A-Za-z][\w:-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.DOTALL)
_ATTRIBUTE = re.compile(r"([^\s=\"'/]+)(?:(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?")
_SIGNS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
# What is inside is no markup.
RAW = frozenset({"script", "style"})
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


@dataclass(frozen=True)
class Token:
    """A piece of a page.

    Attributes:
        kind: "text", "start", "end", "empty" (a start that has no end), or "other" (a comment, a doctype).
        raw: as it is on the page.
        name: of the element, in small letters.
    """

    kind: str
    raw: str
    name: str = ""


def cut(page: str) -> Iterator[Token]:
    """The tokens of a page; what is inside a script or a style is one text."""
    at = 0
    while match := _TAG.search(page, at):
        if match.start() > at:
            yield Token("text", page[at : match.start()])
        at = match.end()
        name = (match.group(2) or "").lower()
        if not name:
            yield Token("other", match.group())
        elif match.group(1):
            yield Token("end", match.group(), name)
        elif name in VOID or match.group(3).endswith("/"):
            yield Token("empty", match.group(), name)
        else:
            yield Token("start", match.group(), name)
            if name in RAW:
                end = page.find(f"</{name}", at)
                end = len(page) if end < 0 else end
                if end > at:
                    yield Token("text", page[at:end])
                at = end
    if at < len(page):
        yield Token("text", page[at:])


def attributes(raw: str) -> dict[str, str]:
    """The attributes of a start tag, unescaped."""
    inside = raw.strip("</>").partition(" ")[2]
    return {name.lower(): unescape(value.strip("\"'")) for name, _, value in _ATTRIBUTE.findall(inside)}


def replaced(raw: str, values: dict[str, str]) -> str:
    """A start tag with other values of attributes that it has."""
    for name, value in values.items():
        raw = re.sub(
            rf"(\s{re.escape(name)}\s*=\s*)(?:\"[^\"]*\"|'[^']*')",
            lambda match, value=value: f'{match.group(1)}"{escaped(value)}"',  # type: ignore[misc]
            raw,
            count=1,
        )
    return raw


def text_of(raw: str) -> str:
    """A text as who reads the page sees it."""
    return unescape(raw) if "&" in raw else raw


def escaped(text: str) -> str:
    """A text as it is set into a page or an attribute."""
    return text.translate(_SIGNS)
