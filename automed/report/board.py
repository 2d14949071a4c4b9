"""The search as the pages show it: who stood where, what the budget bought, how each candidate learnt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part, read, read_lines
from automed.run import Run

STATES = {"complete": "trained to the end", "pruned": "pruned", "interrupted": "cut short", "failed": "failed"}


@dataclass(frozen=True)
class Row:
    """One line of the leaderboard: a candidate or a baseline, with its score on the tuning set."""

    rank: int
    baseline: bool
    label: str  # "#7 resnet", "gradient boosting"
    number: int | None
    folder: str | None  # "models/01-resnet" where the candidate is a finalist
    score: float | None
    parameters: int | None
    seconds: float | None
    epochs: int | None
    best_epoch: int | None
    state: str  # in words
    choices: tuple[tuple[str, str], ...]

    @property
    def finalist(self) -> bool:
        return self.folder is not None and not self.baseline


@dataclass(frozen=True)
class Failure:
    """A candidate that could not be trained, and why."""

    number: int
    architecture: str
    reason: str


@dataclass(frozen=True)
class Curve:
    """One candidate's macro-F1 on the tuning set after each epoch; epochs count from 1."""

    number: int
    architecture: str
    state: str
    epochs: tuple[int, ...]
    scores: tuple[float, ...]
    rank: int | None  # among the finalists

    @property
    def best(self) -> float:
        return max(self.scores)


@dataclass(frozen=True)
class Budget:
    """What the search was given and what it used; None where nothing was said."""

    asked: int | None
    finished: int
    pruned: int
    failed: int
    interrupted: int
    minutes_asked: float | None
    minutes_used: float | None
    wall: float | None
    training: float | None
    epochs: int | None
    epochs_saved: int | None

    @property
    def tried(self) -> int:
        return self.finished + self.pruned + self.failed + self.interrupted

    @property
    def saved_share(self) -> float | None:
        """Share of epochs that pruning made unnecessary, of all that full training would have taken."""
        if not self.epochs_saved or self.epochs is None:
            return None
        return self.epochs_saved / (self.epochs + self.epochs_saved)


@dataclass(frozen=True)
class Board:
    """The leaderboard, best first."""

    objective: str
    rows: tuple[Row, ...]
    budget: Budget
    workers: int | None
    note: str | None

    @property
    def trials(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.baseline)

    @property
    def baselines(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.baseline)

    def ahead_of(self, row: Row) -> tuple[Row, ...]:
        """The baselines that scored at least as well on the tuning set."""
        return tuple(
            other
            for other in self.baselines
            if other.score is not None and (row.score is None or other.score >= row.score)
        )

    def warning(self, row: Row | None = None) -> str | None:
        """In plain words where a baseline is ahead of `row`, or of some finalist; None where none is."""
        trials = [trial for trial in self.trials if trial.score is not None]
        if trials and (first := self.ahead_of(trials[0])):
            names = words.listing([other.label for other in first])
            return (
                f"No candidate of the search beat {names} on the tuning set: the simpler model did at least as well, "
                "and should be preferred unless something else speaks for a network."
            )
        behind = [trial for trial in trials if trial.finalist and self.ahead_of(trial) and row in (None, trial)]
        if not behind:
            return None
        names = words.listing(sorted({other.label for trial in behind for other in self.ahead_of(trial)}))
        who = (
            "This model stands"
            if row
            else "One finalist stands"
            if len(behind) == 1
            else f"{len(behind)} finalists stand"
        )
        return f"{who} behind {names} on the tuning set."


def read_board(run: Run) -> Board | None:
    """The leaderboard; None where the run ended before it was written; raises RunError where it is damaged."""
    found = read(run.leaderboard)
    if found is None:
        return None
    objective = found.text("objective") or "macro_f1"
    rows = sorted((_row(part, objective) for part in found.rows("rows")), key=lambda row: row.rank)
    workers, note = found.count("workers"), found.text("note")
    return Board(objective, tuple(rows), _budget(found.part("budget")), workers, note)


def read_failures(run: Run) -> tuple[Failure, ...]:
    """Candidates that could not be trained: from the leaderboard, or from the trials where it is not written."""
    found = read(run.leaderboard)
    names = {
        line.count("number"): line.text("architecture") for line in read_lines(run.trials) if "architecture" in line
    }
    if found is not None:
        failed = found.rows("failed")
    else:
        failed = [
            line for line in read_lines(run.trials) if line.text("event") == "end" and line.text("state") == "failed"
        ]
    return tuple(
        Failure(
            number := part.need_count("number"),
            words.architecture(part.text("architecture") or names.get(number) or "unknown"),
            words.sentence(part.text("reason") or "") or "No reason was recorded.",
        )
        for part in failed
    )


def read_curves(run: Run, board: Board | None) -> tuple[Curve, ...]:
    """The learning curves of every candidate that finished an epoch, by number."""
    names: dict[int, str] = {}
    states: dict[int, str] = {}
    points: dict[int, dict[int, float]] = defaultdict(dict)
    for line in read_lines(run.trials):
        if "number" not in line:
            continue  # the start of a session
        number = line.need_count("number")
        event = line.text("event")
        if event == "start":
            names[number] = line.text("architecture") or ""
        elif event == "epoch" and (score := line.number("macro_f1")) is not None:
            # A trial that was cut and went on tells an epoch twice: the later one is what its model came from.
            points[number][line.need_count("epoch")] = score
        elif event == "end":
            states[number] = line.text("state") or ""
    ranks = _finalist_ranks(board.rows if board else ())
    return tuple(
        Curve(
            number,
            words.architecture(names.get(number, "")),
            states.get(number, "interrupted"),
            tuple(sorted(points[number])),
            tuple(points[number][epoch] for epoch in sorted(points[number])),
            ranks.get(number),
        )
        for number in sorted(points)
    )


def _finalist_ranks(rows: Iterable[Row]) -> dict[int, int]:
    found = [row.number for row in rows if row.finalist and row.number is not None]
    return {number: rank for rank, number in enumerate(found, 1)}


def _row(part: Part, objective: str) -> Row:
    baseline = part.text("kind") == "baseline"
    architecture = part.text("architecture") or part.text("name") or "unknown"
    number = part.count("number")
    if baseline:
        label = words.baseline(part.text("name") or architecture)
    else:
        label = words.architecture(architecture)
        label = f"#{number} {label}" if number is not None else label
    return Row(
        part.need_count("rank"),
        baseline,
        label,
        number,
        part.text("folder"),
        part.part("validation").number(objective),
        part.count("parameters"),
        part.number("seconds"),
        part.count("epochs"),
        part.count("best_epoch"),
        "fitted" if baseline else STATES.get(state := part.text("state") or "", state),
        tuple(part.part("choices").plain().items()),
    )


def _budget(part: Part) -> Budget:
    trials, minutes = part.part("trials"), part.part("minutes")
    seconds, epochs = part.part("seconds"), part.part("epochs")
    return Budget(
        trials.count("asked"),
        trials.count("finished") or 0,
        trials.count("pruned") or 0,
        trials.count("failed") or 0,
        trials.count("interrupted") or 0,
        minutes.number("asked"),
        minutes.number("used"),
        seconds.number("wall"),
        seconds.number("training"),
        epochs.count("run"),
        epochs.count("saved_by_pruning"),
    )
