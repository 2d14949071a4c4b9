"""report.json: what report.html shows, for programs: every figure with its unit, interval, n and reason.

It is made from the same view data as the page, field by field, so that nothing is on the page and not in it. Pictures,
signals and texts of records stay on the page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from markupsafe import Markup

from automed.report.artefact import Part
from automed.report.explanations.picture import Map
from automed.report.explanations.read import Explained
from automed.report.explanations.verdicts import Verdict
from automed.report.facts import Candidate, Facts
from automed.report.inputs.shown import Shown
from automed.report.results import Comparison, Score
from automed.report.words import MINUS

FORMAT, VERSION = "automed report", 1
LEVEL = 0.95
# "1" is a number without a unit, as in the Unified Code for Units of Measure: shares, probabilities, ratios, areas.
UNITS = {"log_loss": "nat", "rank_error": "rank", "nne": "record", "size": "class"}
# Drawings and whatever else shows a record itself.
LEFT_OUT = (Markup, Shown, Map, Explained)


def twin(facts: Facts, candidate: Candidate) -> dict[str, Any]:
    """The content of report.json.

    Args:
        facts: of the run.
        candidate: the finalist whose page it stands beside.

    Returns:
        {"format", "version", "level", "units", "run", "finalist", "intended_use", "out_of_scope", "test", "validation",
        "baselines", "against", "search", "data", "provenance", and a key for each further part of the page, null where
        it was not done}. A figure is {"value", "ci95", "n", "events", "unit", "reason"}. `version` rises when a key is
        taken away or changes its meaning; keys that come in leave it as it is.
    """
    results = candidate.results
    shown = {field.name: getattr(candidate, field.name) for field in dataclasses.fields(candidate)}
    named = ("rank", "name", "architecture", "row")
    document = {
        "format": FORMAT,
        "version": VERSION,
        "level": LEVEL,
        "units": {"1": "a number without a unit, as a share, a probability or a ratio"},
        "run": {"folder": facts.folder, "title": facts.title, "name": facts.plan.name, "status": plain(facts.status)},
        "finalist": {key: plain(shown[key]) for key in named} | {"of": len(facts.candidates)},
        "intended_use": facts.plan.intended_use or None,
        "out_of_scope": facts.plan.out_of_scope or None,
        "test": plain(results.test) if results else None,
        "validation": plain(results.validation) if results else None,
        "baselines": {name: plain(tested) for name, tested in results.baselines} if results else {},
        "against": plain(results.against) if results else [],
        "decision": results.decision or None if results else None,
    }
    document |= {key: _of(candidate, key) for key in shown if key not in (*named, "href", "results", "model")}
    own = {field.name for field in dataclasses.fields(facts)} - {"folder", "status", "cohort", "board", "origin"}
    held = own - {"plan", "failures", "curves", "candidates", "selection"}
    document |= {key: _of(facts, key) for key in sorted(held) if key not in document}
    document |= {
        "data": plain(facts.cohort),
        "search": {
            "plan": plain(facts.plan),
            "leaderboard": plain(facts.board),
            "failed": plain(facts.failures),
            "curves": plain(facts.curves),
            "selection": plain(facts.selection),
        },
        "provenance": plain(facts.origin),
    }
    return document


def figure(score: Score) -> dict[str, Any]:
    """A figure with all that is needed to quote it; `value` is null where `reason` says why."""
    ci95 = None if score.low is None or score.high is None else [score.low, score.high]
    return {
        "value": score.value,
        "ci95": ci95,
        "n": score.n,
        "events": score.events,
        "unit": UNITS.get(score.key, "1"),
        "reason": score.reason,
    }


def plain(value: Any) -> Any:
    """View data as what JSON knows; what shows a record itself is left out."""
    if isinstance(value, Score):
        return figure(value)
    if isinstance(value, Verdict):
        return value.word
    if isinstance(value, Comparison):
        paired = Score(value.metric, value.difference, value.low, value.high, reason=value.reason)
        return {"baseline": value.baseline, "metric": value.metric, "difference": figure(paired), "p": value.p}
    if isinstance(value, Part):
        return plain(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        keys = [field.name for field in dataclasses.fields(value)]
        return {key: _of(value, key) for key in keys if not _left_out(getattr(value, key))}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items() if not _left_out(inner)}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(inner) for inner in value if not _left_out(inner)]
    if isinstance(value, Path):
        return value.name
    return value.replace(MINUS, "-") if isinstance(value, str) else value


def _of(holder: Any, name: str) -> Any:
    """One field; figures, and pairs of a name and something, become an object by name."""
    value, kind = getattr(holder, name), _kinds(holder.__class__).get(name)
    if isinstance(value, tuple) and get_origin(kind) is tuple and get_args(kind)[1:] == (Ellipsis,):
        inner = get_args(kind)[0]
        if inner is Score:
            return {score.key: figure(score) for score in value}
        pairs = get_origin(inner) is tuple and len(get_args(inner)) == 2 and get_args(inner)[0] is str
        # Of names that stand twice, one would be lost.
        if pairs and len({key for key, _ in value}) == len(value):
            return {key: plain(of) for key, of in value if not _left_out(of)}
    return plain(value)


@cache
def _kinds(holder: type) -> dict[str, Any]:
    return get_type_hints(holder)


def _left_out(value: Any) -> bool:
    """Drawings and arrays, also inside a list of them."""
    if isinstance(value, tuple | list) and value:
        return all(_left_out(inner) for inner in value)
    if isinstance(value, Mapping) and value:
        return all(_left_out(inner) for inner in value.values())
    return isinstance(value, LEFT_OUT) or hasattr(value, "__array__")
