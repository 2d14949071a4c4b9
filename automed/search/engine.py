"""What a search engine is: it proposes candidates, hears of every epoch, and says which to give up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from automed.models.space import Space


class Candidate(Protocol):
    """One trial as its engine sees it."""

    @property
    def number(self) -> int:
        """Position in the order of proposal, from 0; the same after a restart."""
        ...

    @property
    def space(self) -> Space:
        """Where this candidate's choices come from."""
        ...

    def report(self, epoch: int, macro_f1: float) -> bool:
        """Tell one epoch's validation macro-F1; True where the candidate should be given up."""
        ...

    def finish(self, state: str, macro_f1: float | None) -> None:
        """Tell how it ended: "complete", "pruned" or "failed"; an interrupted one is not told and stays open."""
        ...


class Engine(Protocol):
    """A search engine over one run; its own storage lies in the run folder."""

    def suggest_first(self, choices: Mapping[str, Any]) -> None:
        """Try these choices before any that the sampler makes up."""
        ...

    def unfinished(self) -> list[Candidate]:
        """Candidates that an earlier process left open, oldest first."""
        ...

    def propose(self) -> Candidate | None:
        """The next candidate; None where nothing is left, or nothing until a running one has gone on."""
        ...

    def finished(self) -> int:
        """How many candidates were told complete, pruned or failed, in this process and earlier ones."""
        ...
