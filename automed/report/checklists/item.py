"""One item of a checklist: what it asks, what in a run answers it, what a person must write, and its state in a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from automed.report.facts import Candidate, Facts

PHANTOM = "Phantom data: there are no patients, centres or readers."


class State(Enum):
    """What became of an item; none of them says that it is met, which only a person can judge."""

    AUTOMATIC = "automatic"
    PERSON = "needs a person"
    NOT_APPLICABLE = "not applicable"


# Of each state its sign, so that it is told without colour, and the class of its colour.
LOOKS = {State.AUTOMATIC: ("●", "right"), State.PERSON: ("○", "open"), State.NOT_APPLICABLE: ("–", "none")}


@dataclass(frozen=True)
class Evidence:
    """Something that a run may hold.

    Attributes:
        name: what it is, the text of the link to it.
        where: an anchor of the report, "#scores", or a file of the run as seen from the report.
        lacking: what is missing where the run does not hold it.
        held: whether the run holds it.
    """

    name: str
    where: str
    lacking: str
    held: Callable[[Facts, Candidate], bool]


@dataclass(frozen=True)
class Item:
    """One row of a checklist, with the rule for its state.

    Not applicable where `spared` gives a reason. Else automatic where all `evidence` is held and nothing is left for a
    person; else it needs a person, who is told what is missing and what is there.

    Attributes:
        number: as published.
        section: as published.
        topic: as published, or a short one where there is none.
        asks: what it asks for, in our words.
        evidence: all that must be held.
        also: what is linked to where it is held, and not needed.
        person: what only a person can write; empty where the evidence answers the item.
        of_patients: whether what a person must write is about patients, of whom a phantom has none.
        spared: gives the reason why the item does not apply to this run, or None.
    """

    number: str
    section: str
    topic: str
    asks: str
    evidence: tuple[Evidence, ...] = ()
    also: tuple[Evidence, ...] = ()
    person: str = ""
    of_patients: bool = False
    spared: Callable[[Facts, Candidate], str | None] | None = None


@dataclass(frozen=True)
class Line:
    """An item as the page shows it.

    Attributes:
        item: what is asked.
        state: what became of it.
        text: what is missing, or why it does not apply; empty where it is automatic.
        held: evidence that the run holds: the answer, or a part of it.
        also: what else is worth a look.
    """

    item: Item
    state: State
    text: str
    held: tuple[Evidence, ...] = ()
    also: tuple[Evidence, ...] = ()

    @property
    def sign(self) -> str:
        return LOOKS[self.state][0]

    @property
    def look(self) -> str:
        return LOOKS[self.state][1]


def judge(item: Item, facts: Facts, candidate: Candidate) -> Line:
    """The state of one item in one run."""
    if item.spared and (reason := item.spared(facts, candidate)):
        return Line(item, State.NOT_APPLICABLE, reason)
    void = item.of_patients and facts.phantom
    if void and not item.evidence:
        return Line(item, State.NOT_APPLICABLE, PHANTOM)
    missing = [one.lacking for one in item.evidence if not one.held(facts, candidate)]
    if item.person and not void:
        missing.append(item.person)
    held, also = (tuple(one for one in of if one.held(facts, candidate)) for of in (item.evidence, item.also))
    if missing:
        return Line(item, State.PERSON, "; ".join(missing) + ".", held, also)
    return Line(item, State.AUTOMATIC, "", held, also)
