"""What became of each recipe since the point before, what else is not as it was, and what each point changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automed.benchmark.comparison.changes import Between, Commit
from automed.benchmark.comparison.compare import Change
from automed.benchmark.page.material import Material, when
from automed.benchmark.page.table import CHANGED, SAID, Mark
from automed.benchmark.page.trends import other_machine
from automed.benchmark.record import Point
from automed.report import dots, words
from automed.report.figures import Figure
from automed.report.results import Score

SHORT = 9  # characters of a revision
MOST_COMMITS = 12  # that are not folded away
MOST_ROWS = 24  # that are drawn
# What a reason repeats of the figures that stand beside it.
_TOLD = re.compile(r"^Macro-F1 [+-]\d+\.\d+ \([^)]*\) over (?:one seed|\d+ seeds): ")
SEVERAL = 3  # packages that are named in the list of points


@dataclass(frozen=True)
class Decision:
    """One change as a row."""

    recipe: str
    engine: str
    mark: Mark
    difference: Score
    before: float | None
    after: float | None
    p: str
    seeds: int
    n: int
    reason: str


@dataclass(frozen=True)
class Differing:
    """What is not as it was: (name, before, after), "" where it was not there."""

    title: str
    pairs: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Since:
    """What is not as it was since the point before."""

    code: str
    commits: tuple[Commit, ...]
    folded: tuple[Commit, ...]
    more: int
    others: tuple[Differing, ...]
    same: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """One point in the list of all."""

    id: int
    started: str
    revision: str
    changed: str
    counts: str
    notes: tuple[str, ...]
    whole: bool


def decisions(changes: Iterable[Change], *, rivals: bool = False) -> list[Decision]:
    """Changes as rows; with `rivals` they are of ours against others."""
    return [
        Decision(
            change.recipe,
            change.engine,
            Mark(*(SAID if rivals else CHANGED)[change.verdict]),
            Score("difference", change.difference, *(change.ci95 or (None, None))),
            change.before,
            change.after,
            "" if change.p_holm is None else words.p_value(change.p_holm),
            change.seeds,
            change.n,
            _TOLD.sub("", change.reason),
        )
        for change in changes
    ]


def figures(found: Sequence[Decision], before: int, after: int) -> list[Figure]:
    """The differences of each engine with their intervals, within `svg.drawing`; none where there is no interval."""
    drawn = []
    for place, engine in enumerate(dict.fromkeys(one.engine for one in found)):
        known = [one for one in found if one.engine == engine and one.difference.low is not None]
        shown = [(words.clean(one.recipe), one) for one in known[:MOST_ROWS]]
        if not shown:
            continue
        title = f"{words.clean(engine)}: macro-F1 of point {after} minus that of point {before}, with {words.CI}s"
        alt = f"{title}: " + "; ".join(f"{name} {one.difference.text}, {one.mark.word}" for name, one in shown) + "."
        marks = [dots.Mark(name, one.difference) for name, one in shown]
        axis = f"Right of 0: point {after} is ahead"
        drawn.append(dots.differences_of(f"differences-{place}", title, alt, marks, axis))
    return drawn


def since(found: Between) -> Since:
    """What `changes.between` found, for people."""
    packages = [(name, old, new) for name, (old, new) in found.changed.items()]
    packages += [(name, "", new) for name, new in found.added.items()]
    packages += [(name, old, "") for name, old in found.removed.items()]
    recipes = [(name, (old or "")[:SHORT], (new or "")[:SHORT]) for name, (old, new) in found.recipes.items()]
    groups = [
        Differing("Packages", tuple(sorted(packages, key=lambda one: one[0].lower()))),
        Differing("Recipes", tuple(recipes)),
        Differing("Hardware", _pairs(found.hardware)),
        Differing("Budget", _pairs(found.budget)),
    ]
    return Since(
        _code(found),
        found.commits[:MOST_COMMITS],
        found.commits[MOST_COMMITS:],
        found.more,
        tuple(group for group in groups if group.pairs),
        tuple(group.title.lower() for group in groups if not group.pairs),
    )


def stages(material: Material) -> list[Stage]:
    """Every point, the newest first, and what was not as in the one before it."""
    points = material.points
    before: Sequence[Point | None] = [None, *points]
    return [_stage(material, old, new) for old, new in zip(before, points, strict=False)][::-1]


def plain(value: Any) -> str:
    """A fact of hardware or budget for people."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items()) or "none"
    return str(value)


def machine(hardware: Mapping[str, Any]) -> str:
    """A machine in one line."""
    parts = []
    for key, value in hardware.items():
        if key == "cores":
            parts.append(words.plural(value, "core") if isinstance(value, int) else f"{plain(value)} cores")
        elif key == "memory_gb":
            parts.append(f"{plain(value)} GB of memory")
        elif key == "backend":
            parts.append(f"backend {plain(value)}")
        elif key == "gpus":
            parts.append(plain(value) if value else "no GPU")
        else:
            parts.append(plain(value))
    return ", ".join(parts)


def short(revision: str | None) -> str:
    """The beginning of a commit's name; "+" stays, which says that files were changed."""
    if revision is None:
        return "not from a repository"
    return revision[:SHORT] + ("+" if revision.endswith("+") and len(revision) > SHORT else "")


def _pairs(found: Mapping[str, tuple[Any, Any]]) -> tuple[tuple[str, str, str], ...]:
    return tuple((words.label(name), plain(old), plain(new)) for name, (old, new) in found.items())


def _code(found: Between) -> str:
    old, new = (short(revision) for revision in found.revision)
    if not found.code:
        return f"The same code, revision {new}."
    if found.revision[0] == found.revision[1]:
        said = f"Other code at the same revision, {new}"
    else:
        said = f"From revision {old} to {new}"
    if found.unknown:
        said += f"; {found.unknown}"
    elif not found.commits:
        said += "; no commit of the later one is missing in the earlier one"
    return f"{said}."


def _stage(material: Material, before: Point | None, point: Point) -> Stage:
    cells = material.cells[point.id]
    counts = [(sum(cell.status == status for cell in cells), status) for status in ("done", "failed", "unsuited")]
    said = [f"{count:,} {status}" for count, status in counts if count]
    measured = sum(at == point.id for at, _ in material.measurements)
    if measured:
        said.append(words.plural(measured, "measurement"))
    return Stage(
        point.id,
        when(point.started),
        short(point.revision),
        "" if before is None else _changed(material, before, point),
        ", ".join(said) or "nothing",
        tuple(_note(note) for note in material.notes[point.id] if note["event"] not in ("started", "ended")),
        material.whole(point),
    )


def _changed(material: Material, before: Point, after: Point) -> str:
    told = []
    if (before.code, before.revision) != (after.code, after.revision):
        told.append("code")
    names = {**before.packages, **after.packages}
    packages = [name for name in names if before.packages.get(name) != after.packages.get(name)]
    if packages:
        named = [f"{name} {after.packages.get(name, 'gone')}" for name in packages[:SEVERAL]]
        rest = len(packages) - len(named)
        told.append(f"packages ({words.listing([*named, f'{rest} more'] if rest else named)})")
    old, new = ({cell.recipe: cell.digest for cell in material.cells[point.id]} for point in (before, after))
    recipes = [name for name in new if name in old and old[name] != new[name]]
    if recipes:
        told.append(f"recipe {words.listing(recipes)}")
    if set(old) != set(new) and old and new:
        told.append("which recipes there are")
    if other_machine(before.hardware, after.hardware):
        told.append("hardware")
    if dict(before.budget) != dict(after.budget):
        told.append("budget")
    return "; ".join(told) or "nothing"


def _note(note: Mapping[str, Any]) -> str:
    """An event in words: "interrupted, 2026-11-28, 12:33 UTC"."""
    event = {"clock_back": "the clock stood before the last point's start"}.get(
        str(note["event"]), str(note["event"]).replace("_", " ")
    )
    detail = [f"{key} {plain(value)}" for key, value in note.items() if key not in ("time", "event")]
    return f"{event}{': ' if detail else ''}{', '.join(detail)} ({when(str(note['time']))})"
