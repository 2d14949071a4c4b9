"""One tree of errors: each says what is wrong, where, and what to do next, and carries its exit code.

    AutomedError                1   failure while running
      UsageError                2   usage
        RecipeError             2   the recipe
        MissingExtra            2   an optional package is not installed
      DataError                 3   unreadable, too small
        LeakError               3   a patient or an image in two splits
      RunError                  1   a run folder that cannot be used as asked
      TrialError                1   this trial only: recorded, and the search goes on
      GateError                 4   a score floor, fairness gap or explanation check was not met
      UndecidedError            5   could not be decided; never reads as passed
      Interrupted             130   stopped by the user; can be resumed

Messages name files, keys and row numbers, never a patient id, a cell's value or a pixel.
"""

from __future__ import annotations


class AutomedError(Exception):
    """Something a person can act on.

    Args:
        what: the problem, with the value that was wrong where it is not a patient's.
        where: file, line and key, or the stage.
        hint: what to do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, where, hint)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        message = f"{self.where}: {self.what}" if self.where else self.what
        return f"{message}\n  {self.hint}" if self.hint else message

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and errors cross process borders.
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def _rebuild(kind: type[AutomedError], what: str, where: str | None, hint: str | None) -> AutomedError:
    return kind(what, where=where, hint=hint)


class UsageError(AutomedError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class RecipeError(UsageError):
    """The recipe is wrong; `where` is file:line: key."""


class MissingExtra(UsageError):
    """An optional package is needed; the hint names the extra that brings it."""


class DataError(AutomedError):
    """The data are missing, unreadable or too small for what was asked."""

    exit_code = 3


class LeakError(DataError):
    """The same patient or the same image stands in two splits."""


class RunError(AutomedError):
    """A run folder is locked, incomplete or damaged."""


class TrialError(AutomedError):
    """One candidate failed; the search records the reason and goes on."""


class GateError(AutomedError):
    """A requirement that the user set was not met."""

    exit_code = 4


class UndecidedError(AutomedError):
    """The question could not be decided on these data."""

    exit_code = 5


class Interrupted(AutomedError):
    """The user stopped the run; everything finished is kept."""

    exit_code = 130
