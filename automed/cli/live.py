"""The display on a terminal: trials as rows, best so far, baselines, time left; never taller than the screen."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Self

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from automed import events
from automed.cli.plain import estimate
from automed.cli.tally import RUNNING, Row, Tally, clock

STATES = {
    RUNNING: "cyan",
    "complete": "green",
    "pruned": "yellow",
    "failed": "bold red",
    "interrupted": "magenta",
    "cut": "magenta",
}
AROUND = 9  # lines of the display that are not trials
FEWEST = 3  # trials that are shown on the lowest screen
FINALISTS = 5  # that are shown as they are scored; the table at the end has all
REFRESH_PER_S = 4
CHOICES_FROM = 84  # columns from which a trial's choices have room


@dataclass(frozen=True)
class Picture:
    """What one screen shows, decided before it is drawn: the trials in view and how many are not."""

    rows: tuple[Row, ...]
    hidden: int


def choose(tally: Tally, room: int) -> Picture:
    """The trials for `room` lines: the best, the running ones, then the last that ended; by number."""
    room = max(1, room)
    best = tally.best()
    wanted = ([best] if best else []) + tally.running() + tally.ended()[::-1]
    chosen = list({row.number: row for row in wanted}.values())
    everything = len(tally.rows)
    if everything > room:
        chosen = chosen[: max(1, room - 1)]  # one line says how many are not shown
    shown = tuple(sorted(chosen, key=lambda row: row.number))
    return Picture(shown, everything - len(shown))


class Screen:
    """Draws a tally as one renderable."""

    def __init__(self, tally: Tally, title: str, place: str) -> None:
        self.tally, self.title, self.place = tally, title, place
        self.lock = threading.Lock()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self.lock:
            yield self._draw(options.max_width, console.size.height)

    def _draw(self, width: int, height: int) -> Group:
        parts: list[Any] = [self._head(width)]
        if self.tally.rows:
            parts.append(self._trials(width, choose(self.tally, max(FEWEST, height - AROUND - len(self._finalists())))))
        if self.tally.search:
            later = self.tally.progress  # of what follows the search
            parts += [Text(), self._standing(), self._progress(width, later) if later else self._bar(width)]
        elif self.tally.progress:
            parts.append(self._progress(width, self.tally.progress))
        parts += [self._finalist(finalist) for finalist in self._finalists()]
        parts.append(self._foot())
        return Group(*parts)

    def _finalists(self) -> list[events.FinalistScored]:
        return self.tally.finalists[-FINALISTS:]

    def _head(self, width: int) -> Group:
        stage = Text.assemble((self.tally.stage or "starting", "bold cyan"))
        if self.tally.detail:
            stage.append(f"  {self.tally.detail}")
        stage.append(f"  {clock(self.tally.elapsed())}", "dim")
        stage.truncate(width, overflow="ellipsis")
        head = Rule(Text(self.title, "bold"), align="left", style="dim")
        return Group(head, _one_line(self.place, "dim"), stage)

    def _trials(self, width: int, picture: Picture) -> Table:
        best = self.tally.best()
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True, padding=(0, 1))
        # Widths that hold what will come, so that columns do not jump while a trial starts or ends.
        for name, least in (("#", 2), ("architecture", 12), ("state", 11), ("epoch", 6), ("now", 5), ("macro-F1", 8)):
            words = name in ("architecture", "state")
            table.add_column(name, justify="left" if words else "right", no_wrap=True, min_width=least)
        table.add_column("time", justify="right", no_wrap=True, min_width=5)
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        for row in picture.rows:
            table.add_row(*self._row(row, leads=best is row, wide=width >= CHOICES_FROM))
        if picture.hidden:
            table.add_row("", Text(f"and {picture.hidden} more", "dim"))
        return table

    def _row(self, row: Row, *, leads: bool, wide: bool) -> list[Text]:
        running = row.state == RUNNING
        seconds = self.tally.clock() - row.began if running else row.seconds
        epochs = f"{row.epoch}/{row.epochs}" if row.epochs else str(row.epoch or "")
        remark = Text(row.reason, "red") if row.state == "failed" else Text(_choices(row) if wide else "", "dim")
        if leads and wide:
            remark = Text.assemble(("best ", "bold green"), remark)
        return [
            Text(str(row.number), "bold" if leads else ""),
            Text(row.architecture, "bold" if leads else ""),
            Text(row.state, STATES.get(row.state, "")),
            Text(epochs),
            Text(f"{row.macro_f1:.3f}" if running and row.macro_f1 is not None else ""),
            Text("" if row.best is None else f"{row.best:.3f}", "bold green" if leads else ""),
            Text(clock(seconds), "" if running else "dim"),
            remark,
        ]

    def _standing(self) -> Text:
        best = self.tally.best()
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append("best so far ", "dim")
        if best is None:
            text.append("none yet")
        else:
            text.append(f"{best.best:.3f}", "bold green")
            text.append(f" trial {best.number} {best.architecture}")
        for baseline in self.tally.baselines:
            ahead = best is not None and best.best is not None and best.best > baseline.macro_f1
            text.append(f"   {baseline.name} ", "dim")
            text.append(f"{baseline.macro_f1:.3f}", "" if ahead or best is None else "bold yellow")
        return text

    def _bar(self, width: int) -> Table:
        search = self.tally.search
        total = max(1, search.trials) if search else 1
        counted = min(self.tally.counted(), total)
        words = f"{counted}/{total} trials"
        done = counted / total
        if left := self.tally.left():
            seconds, guess = left
            words += f"   {'about ' * guess}{clock(seconds)} left"
            spent = self.tally.searched()
            done = max(done, spent / (spent + seconds)) if spent + seconds > 0 else 1.0
        if self.tally.stage != "search":
            words, done = f"{counted}/{total} trials", 1.0
        return _progress_bar(done, words, width)

    def _progress(self, width: int, progress: events.Progress) -> Table:
        words = f"{progress.what} {progress.done:,}/{progress.total:,}"
        return _progress_bar(progress.done / max(1, progress.total), words, width)

    def _finalist(self, event: events.FinalistScored) -> Text:
        score = estimate(event.macro_f1, event.ci95)
        return _one_line(f"finalist {event.rank} {event.architecture}  test macro-F1 {score}")

    def _foot(self) -> Text:
        if self.tally.stopping:
            return _one_line("Stopping: what is finished is kept. Ctrl-C again leaves at once.", "bold yellow")
        return _one_line("Ctrl-C: stop and keep the best so far", "dim")


class Screened:
    """The display on a terminal; leaves nothing but notes when it is closed."""

    def __init__(self, console: Console, title: str, place: str) -> None:
        self.tally = Tally()
        self._console = console
        self._screen = Screen(self.tally, title, place)
        self._live = Live(self._screen, console=console, refresh_per_second=REFRESH_PER_S, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def stopping(self) -> None:
        """Acknowledge the first Ctrl-C; called from a signal handler, so that it only leaves a mark."""
        self.tally.stopping = True

    def listen(self, event: events.Event) -> None:
        """Hear one event."""
        with self._screen.lock:
            self.tally.hear(event)
        if isinstance(event, events.Note):
            self._console.print(
                Text(f"{'warning: ' * event.warning}{event.text}", "yellow" if event.warning else "dim")
            )


def _progress_bar(done: float, words: str, width: int) -> Table:
    room = max(10, min(48, width - len(words) - 4))
    grid = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=1.0, completed=done, width=room, complete_style="cyan")
    grid.add_row(bar, _one_line(words))
    return grid


def _one_line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _choices(row: Row) -> str:
    """The choices of a trial in short: width 64, depth 3; without the architecture's own prefix."""
    said = []
    for name, value in row.choices.items():
        if name == "architecture":
            continue
        short = name.rpartition(".")[2].replace("_", " ")
        said.append(f"{short} {value:.2g}" if isinstance(value, float) else f"{short} {value}")
    return ", ".join(said)
