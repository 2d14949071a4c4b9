"""Both winners of the search, the best and the fairest of those near it, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part, read
from automed.run import Run


@dataclass(frozen=True)
class Winner:
    """One of the two; figures are of the tuning set."""

    title: str
    candidate: str
    number: int
    macro_f1: float | None
    worst_group: float | None
    group: str


@dataclass(frozen=True)
class Selection:
    """What leaderboard.json says of the choice."""

    fair: bool  # whether the recipe asks for the fair one
    winners: tuple[Winner, ...]
    sentence: str

    @property
    def chosen(self) -> int | None:
        """The number of the winner that the recipe asks for."""
        wanted = self.winners[-1:] if self.fair else self.winners[:1]
        return wanted[0].number if wanted else None


def read_selection(run: Run) -> Selection | None:
    """The choice between the best and the fair; None where no candidate was judged by groups."""
    found = read(run.leaderboard)
    part = None if found is None else found.part("selection")
    if part is None or not part.value:
        return None
    titles = {"best": "Highest macro-F1", "fair": "Best worst group"}
    winners = tuple(_winner(titles[key], part.part(key)) for key in titles if key in part)
    sentence = part.text("sentence") or ""
    for key in titles:
        if group := part.part(key).text("group"):
            sentence = sentence.replace(f"({group})", f"({_group(group)})")
    return Selection(part.text("rule") == "fair", winners, sentence)


def _winner(title: str, part: Part) -> Winner:
    number = part.need_count("number")
    return Winner(
        title,
        f"#{number} {words.architecture(part.text('architecture') or 'unknown')}",
        number,
        part.number("macro_f1"),
        part.number("worst_group"),
        _group(part.text("group") or ""),
    )


def _group(text: str) -> str:
    """ "skin_tone: dark" as "skin tone: dark"."""
    key, colon, name = text.partition(": ")
    return f"{words.attribute(key)}{colon}{name}"
