"""A message of the catalogue: what a page says in English, what in the other language, and where they have places.

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
from collections.abc import Iterator
from dataclasses import dataclass

# How a line holds its elements while it is looked up: one character each, which no text of a page may contain.
OPEN, CLOSE, WHOLE, END = 0xF0000, 0xF4000, 0xF8000, 0xFC000
PIECES = re.compile(r"(\{[^{}]+\}|</?\d+/?>|\(s\)|\[[^\[\]|]+(?:\|[^\[\]|]+)+\])")
WORD = re.compile(r"[a-z]{2,}")
_TAGS = f"{chr(OPEN)}-{chr(WHOLE - 1)}"
_NUMBER = r"(?:(?:under|over)\s+)?[-−+±]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e-?\d+)?(?:\s?%)?"
_LETTER = re.compile(r"[^\W\d_]")


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
    found = (piece for piece in PIECES.split(text)[1::2] if piece[0] in "{<")
    return sorted(piece.strip("{}!?&@") if piece[0] == "{" else piece for piece in found)


def compiled(key: str, value: str) -> tuple[set[str], Pattern]:
    """The words that a text must hold to match a message with places, and the message made ready."""
    regex, literal = "", 0
    places: list[Place] = []
    words: set[str] = set()
    pieces = PIECES.split(key)
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            before, after = place > 0, place < len(pieces) - 1
            lower = piece.lower()
            words.update(
                match.group()
                for match in WORD.finditer(lower)
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
    for place, piece in enumerate(PIECES.split(value)):
        if place % 2 and piece[0] in "{<":
            yield _place(piece) if piece[0] == "{" else _element(piece)
        elif piece:
            yield piece
