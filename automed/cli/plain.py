"""The display for logs: one line for an event that matters, nothing for an epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Self

from automed import events
from automed.cli.tally import Tally, clock


class Plain:
    """Says what happens in lines; `say` takes each line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.tally = Tally()
        self._say = say

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def stopping(self) -> None:
        """Acknowledge the first Ctrl-C; called from a signal handler, which must not touch a buffered stream."""
        self.tally.stopping = True
        os.write(2, b"stopping: what is finished is kept; Ctrl-C again leaves at once\n")

    def listen(self, event: events.Event) -> None:
        """Hear one event."""
        self.tally.hear(event)
        if line := self._line(event):
            self._say(f"[{clock(self.tally.elapsed()):>5}] {line}")

    def _line(self, event: events.Event) -> str | None:
        match event:
            case events.StageStarted(stage, detail):
                return f"{stage}: {detail}" if detail else stage
            case events.Note(text, warning):
                return f"warning: {text}" if warning else text
            case events.SearchStarted():
                return _budget(event)
            case events.TrialStarted() if event.epoch:
                return f"trial {event.number} {event.architecture} goes on from epoch {event.epoch}"
            case events.TrialEnded():
                return self._trial(event)
            case events.BaselineEnded():
                return f"baseline {event.name}: macro-F1 {event.macro_f1:.3f} ({event.seconds:.1f} s)"
            case events.FinalistScored():
                score = estimate(event.macro_f1, event.ci95)
                return f"finalist {event.rank} {event.architecture}: test macro-F1 {score}"
            case _:
                return None

    def _trial(self, event: events.TrialEnded) -> str:
        score = "" if event.macro_f1 is None else f"macro-F1 {event.macro_f1:.3f}, "
        reason = f": {event.reason}" if event.reason and event.state == "failed" else ""
        best = self.tally.best()
        leads = f"; best so far: trial {best.number}, {best.best:.3f}" if best and best.best is not None else ""
        epochs = f"{event.epochs} epoch{'s' * (event.epochs != 1)}"
        return (
            f"trial {event.number} {event.architecture} {event.state}: {score}{epochs}, {event.seconds:.0f} s"
            f"{reason}{leads}"
        )


class Warnings(Plain):
    """Says only what a person should act on."""

    def _line(self, event: events.Event) -> str | None:
        return super()._line(event) if isinstance(event, events.Note) and event.warning else None


class Steps(Plain):
    """One line on stderr that is written over: what is being done, how far it is, and the time left."""

    def __init__(self) -> None:
        super().__init__(self._write)
        self._since = ("", 0.0)

    def __exit__(self, *_: object) -> None:
        os.write(2, b"\r\x1b[K")

    def listen(self, event: events.Event) -> None:
        super().listen(event)
        if not isinstance(event, events.Progress):
            return
        now = self.tally.elapsed()
        if self._since[0] != event.what:
            self._since = (event.what, now)
        spent = now - self._since[1]
        left = f", {clock(spent / event.done * (event.total - event.done))} left" if event.done and spent > 2 else ""
        self._write(f"\r\x1b[K[{clock(now):>5}] {event.what}: {event.done} of {event.total}{left}", end="")

    @staticmethod
    def _write(text: str, end: str = "\n") -> None:
        os.write(2, (text + end).encode())


def estimate(value: float | None, bounds: Sequence[float] | None) -> str:
    """A score with its interval in words: "0.812 (0.771 to 0.850)"."""
    if value is None:
        return "not estimable"
    return f"{value:.3f} ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else f"{value:.3f}"


def _budget(event: events.SearchStarted) -> str:
    minutes = "" if event.seconds is None else f" or {clock(event.seconds)} minutes"
    workers = f"{event.workers} worker{'s' * (event.workers != 1)}"
    kept = f"; {event.finished} finished before" if event.finished else ""
    return f"search: up to {event.trials} trials{minutes}, {workers}{kept}"
