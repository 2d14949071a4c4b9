"""trials.jsonl: what happened, one line an event, and what can be told from it after any kill."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from automed.run import Run, append_json_line, read_json_lines


@dataclass
class TrialStory:
    """All that the journal tells of one trial; `state` is "open" until an end is written."""

    number: int
    architecture: str = "unknown"
    choices: dict[str, Any] = field(default_factory=dict)
    state: str = "open"
    reason: str = ""
    macro_f1: float | None = None
    worst_group: float | None = None
    group: str | None = None
    best_epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    parameters: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Journal:
    """Appends events of a run and reads them back."""

    run: Run

    def write(self, event: str, **facts: Any) -> None:
        """Append one event with the time."""
        append_json_line(self.run.trials, {"event": event, "time": round(time.time(), 3), **facts})

    def used_seconds(self) -> float:
        """Seconds that searching took in all sessions so far: from each session's start to its last event."""
        total, start, last = 0.0, None, 0.0
        for line in read_json_lines(self.run.trials):
            if line["event"] == "session":
                total += last - start if start is not None else 0.0
                start = line["time"]
            last = line["time"]
        return total + (last - start if start is not None else 0.0)

    def trials(self) -> dict[int, TrialStory]:
        """The story of each trial, by number."""
        found: dict[int, TrialStory] = {}
        for line in read_json_lines(self.run.trials):
            if "number" not in line:
                continue
            story = found.setdefault(line["number"], TrialStory(line["number"]))
            if line["event"] == "start":
                story.architecture, story.choices = line["architecture"], line["choices"]
                story.parameters, story.state = line["parameters"], "open"
            elif line["event"] == "epoch":
                # An epoch that was trained again after a kill replaces its first account.
                story.history = [h for h in story.history if h["epoch"] < line["epoch"]] + [line]
                story.epochs = line["epoch"]
                story.seconds = sum(h["seconds"] for h in story.history)
                story.macro_f1, story.best_epoch = line["best"], line["best_epoch"]
                of_best = next((h for h in story.history if h["epoch"] == line["best_epoch"]), line)
                story.worst_group, story.group = of_best.get("worst_group"), of_best.get("group")
            elif line["event"] == "end":
                story.state, story.reason = line["state"], line["reason"]
                if line.get("architecture"):
                    story.architecture = line["architecture"]
        return found
