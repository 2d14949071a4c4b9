"""What differs between two points: code, packages, suite, recipes, hardware, budget."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import automed
from automed.benchmark.record import Point

if TYPE_CHECKING:
    from automed.benchmark.history import History

MOST = 200  # commits that are named


@dataclass(frozen=True)
class Commit:
    """One change of the code."""

    revision: str
    date: str
    subject: str


@dataclass(frozen=True)
class Between:
    """What is not as it was.

    Attributes:
        before: id of the earlier point.
        after: id of the later one.
        revision: the two commits, None outside a repository.
        code: whether the source files differ.
        commits: of the later point that the earlier one does not have, the newest first.
        more: how many there are beyond those that are named.
        unknown: why commits are not known; None where they are, or where the code is the same.
        added: packages that are new, with their version.
        removed: packages that are gone, with the version they had.
        changed: packages of another version: name -> before, after.
        suite: whether its recipes, seeds, engines or budget differ.
        recipes: name -> digest before and after where they differ, None where a recipe is new or gone.
        hardware: what differs: name -> before, after.
        budget: likewise.
    """

    before: int
    after: int
    revision: tuple[str | None, str | None]
    code: bool
    commits: tuple[Commit, ...]
    more: int
    unknown: str | None
    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]
    suite: bool
    recipes: Mapping[str, tuple[str | None, str | None]]
    hardware: Mapping[str, tuple[Any, Any]]
    budget: Mapping[str, tuple[Any, Any]]

    @property
    def nothing(self) -> bool:
        """Whether all is as it was."""
        packages = self.added or self.removed or self.changed
        return not (self.code or packages or self.suite or self.recipes or self.hardware or self.budget)


def between(history: History, before: Point, after: Point, *, repository: Path | None = None) -> Between:
    """Find what differs between two points.

    Args:
        history: that they are of.
        before: the earlier one.
        after: the later one.
        repository: a folder inside the repository of the code; that of automed itself where left out.
    """
    code = before.code != after.code or before.revision != after.revision
    commits, more, unknown = (
        _commits(before, after, repository or Path(automed.__file__).parent) if code else ((), 0, None)
    )
    names = [{name.lower(): name for name in point.packages} for point in (before, after)]
    recipes = [{cell.recipe: cell.digest for cell in history.cells(point.id)} for point in (before, after)]
    both = sorted(set(names[0]) & set(names[1]))
    versions = {names[1][key]: (before.packages[names[0][key]], after.packages[names[1][key]]) for key in both}
    return Between(
        before=before.id,
        after=after.id,
        revision=(before.revision, after.revision),
        code=code,
        commits=commits,
        more=more,
        unknown=unknown,
        added={names[1][key]: after.packages[names[1][key]] for key in sorted(set(names[1]) - set(names[0]))},
        removed={names[0][key]: before.packages[names[0][key]] for key in sorted(set(names[0]) - set(names[1]))},
        changed={name: pair for name, pair in versions.items() if pair[0] != pair[1]},
        suite=before.digest != after.digest,
        recipes=_differing(*recipes),
        hardware=_differing(before.hardware, after.hardware),
        budget=_differing(before.budget, after.budget),
    )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*before, *after])
    pairs = {name: (before.get(name), after.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _commits(before: Point, after: Point, repository: Path) -> tuple[tuple[Commit, ...], int, str | None]:
    """What `git log` has between two revisions, how many more, and why it is not known."""
    if before.revision is None or after.revision is None:
        return (), 0, "a point was run outside a repository"
    span = [revision.rstrip("+") for revision in (before.revision, after.revision)]
    if any(not revision.isalnum() for revision in span):
        return (), 0, "a revision is not the name of a commit"
    lines = _git(repository, "log", "--format=%H%x09%cs%x09%s", f"{span[0]}..{span[1]}", "--")
    if lines is None:
        return (), 0, "no repository that holds both commits is at hand"
    found = [Commit(*line.split("\t", 2)) for line in lines]
    uncommitted = any(revision.endswith("+") for revision in (before.revision, after.revision))
    unknown = "files were changed that are in no commit" if uncommitted else None
    return tuple(found[:MOST]), max(0, len(found) - MOST), unknown


def _git(repository: Path, *arguments: str) -> list[str] | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(repository), "--no-pager", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.splitlines() if answer.returncode == 0 else None
