"""How an error is shown: what, where and what to do next, on stderr, without a traceback unless it is asked for."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from automed.cli import console
from automed.errors import AutomedError

_PACKAGE = Path(__file__).parent.parent


def show(problem: AutomedError, debug: bool = False) -> None:
    """Show an error that a person can act on."""
    if debug:
        _trace(problem)
    from rich.text import Text

    text = Text.assemble(
        ("interrupted: " if problem.exit_code == 130 else "error: ", "bold red"),
        (f"{problem.where}: " if problem.where else "", "bold"),
        problem.what,
    )
    if problem.hint:
        text.append("".join(f"\n  {line.strip()}" for line in problem.hint.splitlines()), "dim")
    console.err().print(text, soft_wrap=True)


def show_unexpected(problem: BaseException, debug: bool = False) -> None:
    """Show an error of the program itself: its kind and place, never its values, which may be a patient's."""
    if debug:
        _trace(problem)
        return
    from rich.text import Text

    text = Text.assemble(
        ("error: ", "bold red"),
        f"unexpected {type(problem).__name__} {_place(problem)}",
        ("\n  This is a fault in automed. Run again with --debug to see the whole story.", "dim"),
    )
    console.err().print(text, soft_wrap=True)


def _trace(problem: BaseException) -> None:
    # The standard traceback shows source lines and no locals.
    traceback.print_exception(problem, file=sys.stderr)


def _place(problem: BaseException) -> str:
    """The innermost line of automed that the error passed through, and the line of a library that raised it."""
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    if not frames:
        return "somewhere"
    raised = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} ({frames[-1].name})"
    if not own:
        return f"in {raised}"
    place = f"in {Path(own[-1].filename).relative_to(_PACKAGE.parent)}:{own[-1].lineno} ({own[-1].name})"
    return place if own[-1] is frames[-1] else f"{place}, from {raised}"
