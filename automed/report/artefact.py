"""Reading an artefact by the shape it promises: what is not there is None, what is of the wrong kind names its file."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from automed.errors import RunError
from automed.report.words import clean
from automed.run import read_json, read_json_lines


@dataclass(frozen=True)
class Part:
    """One JSON object in an artefact; knows the file and the place in it, so that damage can be named."""

    file: Path
    value: dict[str, Any]
    place: str = ""

    def __contains__(self, key: str) -> bool:
        return self.value.get(key) is not None

    def text(self, key: str) -> str | None:
        """A text; a number is read as its text."""
        value = self.value.get(key)
        if value is None:
            return None
        return str(value) if isinstance(value, str | int | float) else self._wrong(key, "a text")

    def need_text(self, key: str) -> str:
        """A text that must be there."""
        value = self.text(key)
        return value if value is not None else self._lacking(key)

    def number(self, key: str) -> float | None:
        """A finite number."""
        value = self.value.get(key)
        return None if value is None else self._number(value, key)

    def need_number(self, key: str) -> float:
        """A finite number that must be there."""
        value = self.number(key)
        return value if value is not None else self._lacking(key)

    def count(self, key: str) -> int | None:
        """A whole number."""
        value = self.number(key)
        return None if value is None else round(value)

    def need_count(self, key: str) -> int:
        """A whole number that must be there."""
        return round(self.need_number(key))

    def flag(self, key: str) -> bool:
        """True or false; what is missing is false."""
        value = self.value.get(key)
        return value if isinstance(value, bool) else False if value is None else self._wrong(key, "true or false")

    def part(self, key: str) -> Part:
        """An object inside; an empty one where there is none."""
        value = self.value.get(key)
        if value is None:
            return Part(self.file, {}, self._at(key))
        return Part(self.file, value, self._at(key)) if isinstance(value, dict) else self._wrong(key, "an object")

    def parts(self) -> list[tuple[str, Part]]:
        """Every object inside, by its key."""
        return [(key, self.part(key)) for key in self.value if self.value[key] is not None]

    def rows(self, key: str) -> list[Part]:
        """A list of objects; an empty one where there is none."""
        found = self._list(key)
        if not all(isinstance(row, dict) for row in found):
            self._wrong(key, "a list of objects")
        return [Part(self.file, row, f"{self._at(key)}[{index}]") for index, row in enumerate(found)]

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers; an empty one where there is none."""
        return tuple(self._number(value, key) for value in self._list(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; an empty one where there is none."""
        return tuple(str(value) for value in self._list(key))

    def matrix(self, key: str) -> tuple[tuple[int, ...], ...]:
        """A square table of counts; an empty one where there is none."""
        return self._square(self._list(key), key)

    def matrices(self, key: str) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """A list of square tables of counts; an empty one where there is none."""
        return tuple(self._square(lines, key) for lines in self._list(key))

    def pair(self, key: str) -> tuple[float, float] | None:
        """Two numbers (an interval); None where there is none, or where one end of it is missing."""
        found = self._list(key)
        if not found or None in found:
            return None
        if len(found) != 2:
            self._wrong(key, "two numbers")
        return self._number(found[0], key), self._number(found[1], key)

    def plain(self) -> dict[str, str]:
        """Every value as one line of text, for tables of things that only their writer understands."""
        return {key: _line(value) for key, value in self.value.items()}

    def _list(self, key: str) -> list[Any]:
        value = self.value.get(key)
        return [] if value is None else value if isinstance(value, list) else self._wrong(key, "a list")

    def _square(self, lines: object, key: str) -> tuple[tuple[int, ...], ...]:
        if not isinstance(lines, list) or not all(isinstance(line, list) and len(line) == len(lines) for line in lines):
            self._wrong(key, "a square table")
        return tuple(tuple(round(self._number(value, key)) for value in line) for line in lines)

    def _number(self, value: object, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._wrong(key, "a number")
        return float(value)

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def _wrong(self, key: str, expected: str) -> NoReturn:
        raise damaged(self.file, f"{self._at(key)} is not {expected}")

    def _lacking(self, key: str) -> NoReturn:
        raise damaged(self.file, f"{self._at(key)} is missing")


def damaged(file: Path, what: str) -> RunError:
    """The error for an artefact that does not hold what its stage promised."""
    return RunError(
        f"is damaged: {clean(what)}", where=str(file), hint="Restore the file, or make the run again: automed search."
    )


def read(file: Path) -> Part | None:
    """The object in a JSON artefact; None where the stage has not written it.

    Raises:
        RunError: names the file where it is cut or holds no object.
    """
    if not file.is_file():
        return None
    value = read_json(file)
    if not isinstance(value, dict):
        raise damaged(file, "it holds no object")
    return Part(file, _cleaned(value))


def read_lines(file: Path) -> list[Part]:
    """The objects of a JSON-lines artefact, without a last line that a kill cut; raises RunError as `read` does."""
    try:
        found: Iterable[object] = read_json_lines(file)
    except UnicodeDecodeError as problem:
        raise damaged(file, "it is not text") from problem
    lines = [
        Part(file, _cleaned(value), f"line {number}")
        for number, value in enumerate(found, 1)
        if isinstance(value, dict)
    ]
    if not lines and file.is_file() and file.stat().st_size:
        raise damaged(file, "no line of it can be read")
    return lines


def _cleaned(value: Any) -> Any:
    """Every text and key without control characters, so that no page has to think of them again."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    return value


def _line(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_line(inner) for inner in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_line(inner)}" for key, inner in value.items()) or "none"
    return str(value)
