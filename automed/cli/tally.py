"""What the events of a search add up to: one account that every display reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from automed import events

if TYPE_CHECKING:
    from automed.search.journal import Journal

RUNNING = "running"
ENOUGH = 3  # trials that must have ended before their pace is believed


@dataclass
class Row:
    """One trial as it stands; `seconds` is training time once it has ended."""

    number: int
    architecture: str
    worker: int
    choices: Mapping[str, Any]
    began: float
    state: str = RUNNING
    epoch: int = 0
    epochs: int = 0
    macro_f1: float | None = None
    best: float | None = None
    seconds: float = 0.0
    reason: str = ""
    earlier: bool = False  # of a session before this one: counted by SearchStarted.finished


@dataclass
class Tally:
    """The account; `hear` is called with every event, in order."""

    clock: Callable[[], float] = time.monotonic
    stage: str = ""
    detail: str = ""
    progress: events.Progress | None = None
    search: events.SearchStarted | None = None
    rows: dict[int, Row] = field(default_factory=dict)
    baselines: list[events.BaselineEnded] = field(default_factory=list)
    finalists: list[events.FinalistScored] = field(default_factory=list)
    stopping: bool = False
    used: float = 0.0  # seconds of searching in earlier sessions
    _began: float = 0.0
    _search_began: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.clock()

    def hear(self, event: events.Event) -> None:
        """Take one event into account."""
        match event:
            case events.StageStarted(stage, detail):
                self.stage, self.detail, self.progress = stage, detail, None
            case events.Progress():
                self.progress = event
            case events.SearchStarted():
                self.search, self.progress, self._search_began = event, None, self.clock()
            case events.TrialStarted():
                known = self.rows.get(event.number)
                best = known.best if known and event.epoch else None
                self.rows[event.number] = Row(
                    event.number,
                    event.architecture,
                    event.worker,
                    event.choices,
                    self.clock(),
                    epoch=event.epoch,
                    best=best,
                )
            case events.EpochEnded():
                self._epoch(event)
            case events.TrialEnded():
                self._end(event)
            case events.BaselineEnded():
                self.baselines.append(event)
            case events.FinalistScored():
                self.finalists.append(event)
            case events.Note():
                pass

    def recall(self, journal: Journal) -> None:
        """Take over the trials and the time of earlier sessions of the same run."""
        self.used = journal.used_seconds()
        for story in journal.trials().values():
            state = "cut" if story.state == "open" else story.state
            self.rows[story.number] = Row(
                story.number,
                story.architecture,
                0,
                story.choices,
                0.0,
                state=state,
                epoch=story.epochs,
                best=story.macro_f1,
                seconds=story.seconds,
                reason=story.reason,
                earlier=True,
            )

    def _epoch(self, event: events.EpochEnded) -> None:
        row = self.rows.get(event.number)
        if row is not None:
            row.epoch, row.epochs = event.epoch, event.epochs
            row.macro_f1, row.best = event.macro_f1, event.best

    def _end(self, event: events.TrialEnded) -> None:
        # A candidate that could not be built never started.
        row = self.rows.setdefault(
            event.number, Row(event.number, event.architecture, event.worker, {}, began=self.clock())
        )
        row.state, row.reason, row.seconds = event.state, event.reason, event.seconds
        row.epoch = event.epochs
        if event.macro_f1 is not None:
            row.best = event.macro_f1

    # --- what a display asks ------------------------------------------------------------------------------------

    def elapsed(self) -> float:
        """Seconds since the display began."""
        return self.clock() - self._began

    def running(self) -> list[Row]:
        """Trials that are being trained, in the order of their workers."""
        return sorted((row for row in self.rows.values() if row.state == RUNNING), key=lambda row: row.worker)

    def ended(self) -> list[Row]:
        """Trials that are over, oldest first."""
        return [row for row in self.rows.values() if row.state != RUNNING]

    def best(self) -> Row | None:
        """The trial with the highest macro-F1 so far, the earlier one of two equals."""
        scored = [row for row in self.rows.values() if row.best is not None and row.state != "failed"]
        return max(scored, key=lambda row: (row.best or 0.0, -row.number)) if scored else None

    def counted(self) -> int:
        """Trials that count towards the budget: those of earlier sessions and those that ended now."""
        kept = self.search.finished if self.search else 0
        ended = ("complete", "pruned", "failed")
        return kept + sum(row.state in ended and not row.earlier for row in self.rows.values())

    def searched(self) -> float:
        """Seconds since this session's search began."""
        return self.clock() - self._search_began if self.search else 0.0

    def left(self) -> tuple[float, bool] | None:
        """Seconds that the search still takes, and whether that is a guess; None where nothing is known yet."""
        if self.search is None:
            return None
        limit = None if self.search.seconds is None else max(0.0, self.search.seconds - self.used - self.searched())
        ended = len([row for row in self.ended() if row.state != "interrupted" and not row.earlier])
        if ended < ENOUGH:
            return None if limit is None else (limit, False)
        to_go = max(0, self.search.trials - self.counted())
        guess = self.searched() / ended * to_go
        return (guess, True) if limit is None or guess < limit else (limit, False)


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
