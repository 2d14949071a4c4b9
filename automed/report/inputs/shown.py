"""What every kind of input gives a page: a description of it, and one record of it in a form that can be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from markupsafe import Markup
from numpy.typing import NDArray

from automed.report import words
from automed.report.artefact import Part
from automed.report.inputs import INPUTS


@dataclass(frozen=True)
class Shown:
    """One input of one case; `macro` names what sets it in templates/inputs.html.

    Attributes:
        name: of the input.
    """

    name: str
    macro: ClassVar[str]
    narrow: ClassVar[bool] = False  # whether several fit side by side

    @property
    def says(self) -> str:
        """What is there, in a few words, for who does not see it."""
        return self.name

    @property
    def small(self) -> bool:
        """Whether it has so little to show that many fit side by side."""
        return False

    def drawing(self, name: str, alt: str) -> Markup | None:
        """An SVG whose ids begin with `name`, made within `svg.drawing`; None for what needs no drawing."""
        return None


@dataclass(frozen=True)
class Absent(Shown):
    """An input that the record lacks, or that cannot be shown, and why."""

    why: str
    macro: ClassVar[str] = "absent"
    narrow: ClassVar[bool] = True

    @property
    def says(self) -> str:
        return self.why

    @property
    def small(self) -> bool:
        return True


class Input(Protocol):
    """One input of a run, as data.json describes it."""

    @property
    def name(self) -> str: ...

    @property
    def words(self) -> str:
        """What a record offers here: "image of 64 x 64 pixels, colour"."""
        ...

    @classmethod
    def read(cls, name: str, part: Part) -> Self:
        """From the facts in data.json; raises RunError where they are damaged."""
        ...

    def problem(self, values: NDArray[Any]) -> str | None:
        """Why the array (n, ...) of some records is not of this input; None where it is."""
        ...

    def show(self, values: NDArray[Any]) -> Shown:
        """One record."""
        ...


@dataclass(frozen=True)
class Unknown:
    """An input of a kind that this version of automed cannot show."""

    name: str
    kind: str

    @property
    def words(self) -> str:
        return f"of the kind {self.kind}"

    @classmethod
    def read(cls, name: str, part: Part) -> Unknown:
        return cls(name, part.text("kind") or "unknown")

    def problem(self, values: NDArray[Any]) -> str | None:
        return None

    def show(self, values: NDArray[Any]) -> Shown:
        return Absent(self.name, f"an input of the kind {self.kind} cannot be shown")


def read_input(name: str, part: Part) -> Input:
    """One input of data.json; runs that name no kind have images."""
    kind = part.text("kind") or "image"
    reader: type[Input] = INPUTS.load(kind) if kind in INPUTS else Unknown
    return reader.read(name, part)


def first(shown: int, total: int, noun: str) -> str:
    """The words "the first 60 of 212 words", or "" where all are shown."""
    return f"the first {words.integer(shown)} of {words.plural(total, noun)}" if shown < total else ""
