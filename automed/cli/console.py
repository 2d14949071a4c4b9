"""Where words go: results to stdout, everything else to stderr; colours and boxes only on a terminal."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 200  # of tables in a log or a pipe, where nothing has to fit


def out() -> Console:
    """The console on stdout."""
    return _console(stderr=False)


def err() -> Console:
    """The console on stderr."""
    return _console(stderr=True)


def emit(document: Any) -> None:
    """Print one JSON document to stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def say(text: str = "") -> None:
    """Print a line to stdout, as it is."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """Print a line that is no result to stderr, as it is."""
    sys.stderr.write(text + "\n")


def table(*columns: str, right: tuple[str, ...] = (), fold: str | None = None) -> Table:
    """An empty table without frame; columns in `right` hold figures, only `fold` may break its lines."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False, collapse_padding=True)
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column != fold,
            overflow="fold" if column == fold else "ellipsis",
        )
    return made


def _console(stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)
