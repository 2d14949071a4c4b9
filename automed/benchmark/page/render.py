"""From a history to its page: what the sections show is gathered once, and filled into the template."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

import automed
from automed.benchmark import OURS
from automed.benchmark.comparison.changes import between
from automed.benchmark.comparison.compare import Change, against
from automed.benchmark.comparison.ranks import Ranks, rank
from automed.benchmark.comparison.verdict import conclude
from automed.benchmark.history import History
from automed.benchmark.page import changed, gates, ranking, table
from automed.benchmark.page.material import Material, gather, when
from automed.benchmark.page.speed import speed
from automed.benchmark.page.trends import trends
from automed.benchmark.suite import Suite
from automed.report import pages, scripts, words
from automed.report.facts import Status
from automed.report.svg import drawing

# What figures most depend on.
PACKAGES = ("automed", "tensorflow", "keras", "jax", "torch", "optuna", "keras-tuner", "scikit-learn", "numpy")
BUDGET = {
    "minutes": ("{} minute of search", "{} minutes of search"),
    "trials": ("{} trial", "{} trials"),
    "cores": ("{} core", "{} cores"),
    "memory_gb": ("{} GB of memory",) * 2,
    "patience": ("stopped after its minutes and two more", "stopped after {} × its minutes and two more"),
}
LOOK = {"better": "ahead", "worse": "behind"}


@dataclass(frozen=True)
class Maker:
    """What made the page."""

    automed: str


@dataclass(frozen=True)
class Frame:
    """What the frame of every page asks for."""

    folder: str
    title: str
    status: Status
    phantom: bool
    origin: Maker


def page(history: History, suite: Suite | None) -> str:
    """The page of a history; `suite` is None where none describes it."""
    material = gather(history, suite)
    latest, before = material.latest, material.before
    told: dict[str, Any] = {"material": material, "latest": latest, "before": before, "ours": material.ours}
    if latest is not None and material.newest:
        told |= _standing(material)
    if latest is not None and before is not None:
        told["before_started"] = when(before.started)
        told["since"] = changed.since(between(history, before, latest))
        with drawing():
            told["differences"] = changed.figures(told.get("decisions", ()), before.id, latest.id)
    told |= {"trends": trends(material), "speed": speed(material), "stages": changed.stages(material)}
    told |= {"facts": _frame(material), "known": _known(material), "recovered": history.recovered}
    style = _style("automed.report", "style.css") + "\n" + _style("automed.benchmark.page", "benchmark.css")
    told |= {"policy": scripts.policy(()), "scripts": [], "style": style, "ci": words.CI}
    return _environment().get_template("benchmark.html").render(**told)


def _standing(material: Material) -> dict[str, Any]:
    """What the newest point came to: verdict, gates, tables, ranks."""
    latest = material.latest
    assert latest is not None
    document = conclude(material.history, material.before, latest, margin=material.margin)
    rivals = against(material.history, latest, material.ours, margin=material.margin) if material.ours else []
    ranks = rank(material.newest)
    return {
        "document": document,
        "look": LOOK.get(document["verdict"], ""),
        "decisions": changed.decisions(_changes(document)),
        "rivals": changed.decisions(rivals, rivals=True),
        "tables": table.tables(material, "macro_f1", rivals),
        "published": table.published(material),
        "one_seed": len({cell.seed for cell in material.newest}) == 1,
        "rows": table.rows(material),
        "failures": table.failures(material),
        "gates": gates.gates(material),
        "ranks": ranks,
        "ranked": ranking.figure(ranks),
        "honest": ranking.honest(ranks),
        "place": _place(ranks),
        "counts": {
            kind: sum(cell.status == kind for cell in material.newest) for kind in ("done", "failed", "unsuited")
        },
    }


def _changes(document: dict[str, Any]) -> list[Change]:
    return [
        Change(**one | {"ci95": None if one["ci95"] is None else tuple(one["ci95"])}) for one in document["changes"]
    ]


def _place(ranks: Ranks) -> str:
    """Where ours stands, in one sentence."""
    ours = next((engine for engine in ranks.engines if engine in OURS), None)
    if ours is None or len(ranks.engines) < 2:
        return ""
    mean = ranks.mean_rank[ours]
    ahead = sum(other < mean for other in ranks.mean_rank.values())
    level = sum(other == mean for other in ranks.mean_rank.values()) - 1
    places = f"place {ahead + 1} of {len(ranks.engines)}{' (shared)' if level else ''}"
    group = [name for clique in ranks.cliques if ours in clique for name in clique if name != ours]
    said = f"By average rank {ours} is in {places}, at {words.decimal(mean)}"
    if ranks.critical_difference is None or ranks.reason:
        return f"{said}; these recipes decide nothing about ranks."
    if not group:
        return f"{said}, and told apart from all others."
    return f"{said}; not told apart from {words.listing(list(dict.fromkeys(group)))}."


def _known(material: Material) -> list[tuple[str, str]]:
    """What the newest point was made with."""
    latest = material.latest
    if latest is None:
        return []
    packages = {name.lower(): (name, version) for name, version in latest.packages.items()}
    shown = [" ".join(packages[name]) for name in PACKAGES if name in packages]
    rest = len(packages) - len(shown)
    others = f"{f'{rest} more' if shown else words.plural(rest, 'package')}"
    # Patience is a number of times its minutes.
    kept = [key for key in BUDGET if latest.budget.get(key) and (key != "patience" or latest.budget.get("minutes"))]
    told = [BUDGET[key][latest.budget[key] != 1].format(changed.plain(latest.budget[key])) for key in kept]
    further = {key: value for key, value in latest.budget.items() if key not in BUDGET and value not in (None, False)}
    told += [f"{words.label(key)} {changed.plain(value)}" for key, value in further.items()]
    return [
        ("Started", when(latest.started)),
        ("Revision", changed.short(latest.revision)),
        ("Packages", words.listing([*shown, others] if rest else shown) or "not recorded"),
        ("Hardware", changed.machine(latest.hardware) or "not recorded"),
        ("Budget of a cell", "; ".join(told) or "none"),
    ]


def _frame(material: Material) -> Frame:
    latest, suite = material.latest, material.suite
    name = suite.name if suite else latest.suite if latest else "benchmark"
    title = (suite.title if suite else "") or f"Benchmark {name}"
    status = Status("done", None)
    if latest is not None and not material.whole(latest):
        status = Status("unfinished", _unfinished(material))
    every = bool(material.recipes) and material.phantoms.issuperset(material.recipes)
    return Frame(name, title, status, every, Maker(automed.__version__))


def _unfinished(material: Material) -> str:
    latest, suite = material.latest, material.suite
    assert latest is not None
    count = words.plural(len(material.newest), "cell")
    if suite is not None:
        count += f" of {len(suite.recipes) * len(suite.seeds) * len(suite.engines):,}"
    whole = [point.id for point in material.points if material.whole(point)]
    last = f" The last whole one is point {whole[-1]}." if whole else ""
    if not material.newest:
        return f"Point {latest.id} was not brought to its end.{last}"
    return f"Point {latest.id} was not brought to its end: {count} are in. What is missing reads “not run”.{last}"


@cache
def _environment() -> Environment:
    """The templates of all pages and ours, over the same filters; direction marks and control characters are shown."""
    return pages.environment().overlay(
        loader=ChoiceLoader([PackageLoader("automed.benchmark.page"), PackageLoader("automed.report")]),
        finalize=_clean,
    )


def _clean(value: Any) -> Any:
    return words.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _style(package: str, name: str) -> Markup:
    # Ours, and no value from a history goes into it.
    return Markup((resources.files(package) / "templates" / name).read_text(encoding="utf-8"))
