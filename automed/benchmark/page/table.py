"""The newest point as tables: a row an engine, a column a recipe, and beside ours what others reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from automed.benchmark import KIND, OURS
from automed.benchmark.comparison.compare import Change
from automed.benchmark.page.estimate import over_seeds
from automed.benchmark.page.material import Material
from automed.benchmark.record import Cell
from automed.report import words
from automed.report.comparison import letters
from automed.report.results import Score

MOST = 6  # recipes side by side: more would be read by scrolling, and cut on paper
REASON = 110  # characters of a reason within a table; the list of failures has all of it
METRICS = ("macro_f1", "accuracy", "auroc")
SAID = {
    "better": ("▲", "ours better", "right"),
    "worse": ("▼", "ours worse", "wrong"),
    "same": ("=", "the same", "none"),
    "undecided": ("?", "undecided", "none"),
    "not comparable": ("–", "not comparable", "none"),
}
CHANGED = SAID | {"better": ("▲", "better", "right"), "worse": ("▼", "worse", "wrong")}


@dataclass(frozen=True)
class Mark:
    """A verdict: a sign, a word, and the class of its colour."""

    sign: str
    word: str
    look: str


@dataclass(frozen=True)
class Entry:
    """One engine on one recipe: `state` is done, failed, unsuited, not run, published or none."""

    state: str
    score: Score
    reason: str = ""
    mark: Mark | None = None


@dataclass(frozen=True)
class Line:
    """One row: an engine, or a model that others published; `role` is own, baseline, rival or published."""

    name: str
    tag: str
    role: str
    sources: tuple[str, ...]  # letters of the table's sources
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Head:
    """One column."""

    recipe: str
    n: int | None
    seeds: int
    phantom: bool


@dataclass(frozen=True)
class Table:
    """As many recipes as stand side by side."""

    metric: str
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]
    sources: tuple[tuple[str, str], ...]  # a letter and what is printed where


@dataclass(frozen=True)
class Row:
    """One cell of the newest point."""

    recipe: str
    engine: str
    seed: int
    status: str
    reason: str
    scores: tuple[Score, ...]
    most_probable: float | None  # macro-F1, had the most probable class been decided for
    seconds: float
    memory_mb: float
    trials: int | None
    chosen: str


def tables(
    material: Material,
    metric: str,
    rivals: Iterable[Change] = (),
    *,
    engines: Sequence[str] | None = None,
    recipes: Sequence[str] | None = None,
) -> list[Table]:
    """The newest point by one metric, cut where there are too many recipes for one table.

    Args:
        material: of the page.
        metric: of a cell's scores; published figures of it stand in rows of their own.
        rivals: ours against each, for the marks.
        engines: whose rows are shown; all where left out.
        recipes: whose columns are shown; all where left out.
    """
    marks = {
        (change.recipe, change.engine): Mark(*SAID[change.verdict]) for change in rivals if change.engine not in OURS
    }
    shown = material.engines if engines is None else tuple(engines)
    wanted = material.recipes if recipes is None else tuple(recipes)
    return [_table(material, metric, part, shown, marks) for part in parts(wanted)]


def parts(recipes: Sequence[str]) -> list[tuple[str, ...]]:
    """Recipes in as few parts as may be, of the same size as far as they can be."""
    count = -(-len(recipes) // MOST)
    size = -(-len(recipes) // count) if count else 0
    return [tuple(recipes[start : start + size]) for start in range(0, len(recipes), size or 1)]


def published(material: Material) -> dict[str, list[Table]]:
    """By metric beside macro-F1 what others reported, with ours, on the recipes that have it."""
    found: dict[str, list[str]] = {"auroc": [], "accuracy": []}
    for entry in material.suite.recipes if material.suite else ():
        for metric in dict.fromkeys(metric for one in entry.published for metric in one.metrics):
            if entry.name in material.recipes and metric != "macro_f1":
                found.setdefault(metric, []).append(entry.name)
    shown = [engine for engine in material.engines if engine in OURS] or list(material.engines)
    return {
        metric: tables(material, metric, engines=shown, recipes=recipes) for metric, recipes in found.items() if recipes
    }


def rows(material: Material) -> list[Row]:
    """Every cell of the newest point, by recipe, engine and seed."""
    return [
        _row(cell)
        for recipe in material.recipes
        for engine in material.engines
        if material.latest
        for cell in sorted(material.of(material.latest, recipe, engine), key=lambda cell: cell.seed)
    ]


def failures(material: Material) -> list[Row]:
    """The cells of the newest point that failed."""
    return [row for row in rows(material) if row.status == "failed"]


def _table(
    material: Material,
    metric: str,
    recipes: Sequence[str],
    engines: Sequence[str],
    marks: Mapping[tuple[str, str], Mark],
) -> Table:
    assert material.latest is not None
    lines = []
    for engine in engines:
        entries = [
            _entry(material.of(material.latest, recipe, engine), metric, marks.get((recipe, engine)))
            for recipe in recipes
        ]
        kind = KIND.get(engine, "rival")
        role = {"ours": "own", "baseline": "baseline"}.get(kind, "rival")
        lines.append(Line(engine, kind, role, (), tuple(entries)))
    heads = [_head(material, recipe, metric) for recipe in recipes]
    others, sources = _published(material, metric, recipes)
    return Table(metric, tuple(heads), (*lines, *others), sources)


def _head(material: Material, recipe: str, metric: str) -> Head:
    cells = [cell for cell in material.newest if cell.recipe == recipe]
    counts = [score["n"] for c in cells if (score := c.scores.get(metric)) and score.get("n") is not None]
    return Head(recipe, max(counts, default=None), len({cell.seed for cell in cells}), recipe in material.phantoms)


def _entry(cells: Sequence[Cell], metric: str, mark: Mark | None) -> Entry:
    score = over_seeds(cells, metric)
    if not cells:
        return Entry("not run", score)
    failed = [cell for cell in cells if cell.status == "failed"]
    if failed:
        why = words.shorten(words.clean(failed[0].reason or "no reason is kept"), REASON)
        if len(failed) == len(cells):
            return Entry("failed", score, why)
        return Entry("done", score, f"{len(failed)} of {len(cells)} seeds failed: {why}", mark)
    unsuited = next((cell for cell in cells if cell.status == "unsuited"), None)
    if unsuited:
        return Entry("unsuited", score, words.shorten(words.clean(unsuited.reason or ""), REASON))
    return Entry("done", score, score.reason or "", mark)


def _published(
    material: Material, metric: str, recipes: Sequence[str]
) -> tuple[list[Line], tuple[tuple[str, str], ...]]:
    """A row for each model that others reported this metric of on one of these recipes, and where that is printed."""
    found: dict[str, dict[str, float]] = {}
    printed: dict[str, dict[str, None]] = {}
    for entry in material.suite.recipes if material.suite else ():
        for one in entry.published:
            if entry.name in recipes and metric in one.metrics:
                found.setdefault(one.name, {})[entry.name] = one.metrics[metric]
                printed.setdefault(one.name, {})[one.source] = None
    sources = list(dict.fromkeys(source for by_model in printed.values() for source in by_model))
    lines = []
    for name, by_recipe in found.items():
        entries = tuple(
            Entry("published" if recipe in by_recipe else "none", Score(metric, by_recipe.get(recipe)))
            for recipe in recipes
        )
        letters_ = tuple(letters(sources.index(source)).lower() for source in printed[name])
        lines.append(Line(name, "published", "published", letters_, entries))
    return lines, tuple((letters(place).lower(), source) for place, source in enumerate(sources))


def _row(cell: Cell) -> Row:
    return Row(
        cell.recipe,
        cell.engine,
        cell.seed,
        cell.status,
        cell.reason or "",
        tuple(over_seeds([cell], metric) for metric in METRICS),
        cell.detail.get("macro_f1_argmax"),
        cell.seconds,
        cell.memory_mb,
        cell.trials,
        str(cell.detail.get("chosen") or ""),
    )
