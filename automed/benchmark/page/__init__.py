"""The page of a history: the newest table, ranks, trends, what changed, and speed; one file that fetches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automed.benchmark.history import History
    from automed.benchmark.suite import Suite


def show(history: History, suite: Suite | None, out: Path) -> Path:
    """Write the page of a history.

    Args:
        history: what is shown.
        suite: what it is of, for its title, gates and published figures; None for a history of measurements alone.
        out: the file.

    Returns:
        The file.

    Raises:
        RunError: the history is damaged, or the file cannot be written.
    """
    # Here, for it draws: a table of names loads nothing of that.
    from automed.benchmark.page.render import page
    from automed.errors import RunError
    from automed.run import write_text

    made = page(history, suite)
    try:
        write_text(out, made)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as problem:
        hint = "Name another file with --out."
        raise RunError("a file and a folder stand in each other's place", where=str(out), hint=hint) from problem
    return out
