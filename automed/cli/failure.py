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
    """The innermost line of automed that the error passed through."""
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)] or list(frames)
    if not own:
        return "somewhere"
    frame = own[-1]
    file = Path(frame.filename)
    shown = file.relative_to(_PACKAGE.parent) if file.is_relative_to(_PACKAGE) else Path(file.name)
    return f"in {shown}:{frame.lineno} ({frame.name})"
