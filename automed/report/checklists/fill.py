"""The checklists of a report, filled in from the facts of a run."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.checklists import claim_2024, tripod_ai
from automed.report.checklists.item import Item, Line, State, judge
from automed.report.facts import Candidate, Facts
from automed.report.inputs.image import Image


@dataclass(frozen=True)
class Checklist:
    """A published checklist."""

    key: str  # of its anchor
    name: str
    of: str  # what studies it is for
    source: str
    items: tuple[Item, ...]


TRIPOD_AI = Checklist(
    "tripod",
    "TRIPOD+AI",
    "studies that develop or test a prediction model",
    "Collins et al., BMJ 2024;385:e078378",
    tripod_ai.ITEMS,
)
CLAIM_2024 = Checklist(
    "claim",
    "CLAIM 2024",
    "studies of AI in medical imaging",
    "Tejani et al., Radiology: Artificial Intelligence 2024;6(4):e240300",
    claim_2024.ITEMS,
)


@dataclass(frozen=True)
class Filled:
    """A checklist with the state of each item in one run; no lines where `left_out` says why it does not apply."""

    checklist: Checklist
    lines: tuple[Line, ...]
    left_out: str | None = None

    def count(self, state: State) -> int:
        """How many items are in a state."""
        return sum(line.state is state for line in self.lines)

    @property
    def in_part(self) -> int:
        """How many items need a person and have part of the answer in the run."""
        return sum(line.state is State.PERSON and bool(line.held) for line in self.lines)

    @property
    def sections(self) -> tuple[tuple[str, tuple[Line, ...]], ...]:
        """The lines under the heading of their section, in the published order."""
        names = dict.fromkeys(line.item.section for line in self.lines)
        return tuple((name, tuple(line for line in self.lines if line.item.section == name)) for name in names)

    @property
    def sentence(self) -> str:
        """How many items are in each state."""
        automatic, person, spared = (self.count(state) for state in State)
        text = f"{words.integer(automatic)} of {words.integer(len(self.lines))} filled in from this run; "
        text += f"{words.integer(person)} {'needs' if person == 1 else 'need'} a person"
        if self.in_part:
            text += f" (part of the answer is here for {words.integer(self.in_part)})"
        return f"{text}; {words.integer(spared)} not applicable."


def fill(facts: Facts, candidate: Candidate) -> tuple[Filled, ...]:
    """Both checklists for one finalist; that of images without lines where no input is an image."""
    return _filled(TRIPOD_AI, facts, candidate), _of_images(facts, candidate)


def _filled(checklist: Checklist, facts: Facts, candidate: Candidate) -> Filled:
    return Filled(checklist, tuple(judge(item, facts, candidate) for item in checklist.items))


def _of_images(facts: Facts, candidate: Candidate) -> Filled:
    if facts.cohort is None:
        return Filled(
            CLAIM_2024, (), "whether an input of this run is an image is not known, as data.json is not there"
        )
    if not any(isinstance(one, Image) for one in facts.cohort.inputs):
        return Filled(CLAIM_2024, (), "no input of this run is an image")
    return _filled(CLAIM_2024, facts, candidate)
