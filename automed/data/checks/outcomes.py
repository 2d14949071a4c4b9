"""Columns that are known only afterwards, among the inputs: the surest leak there is."""

from __future__ import annotations

from automed.data.checks.findings import Finding
from automed.data.kinds import KINDS
from automed.recipe import Recipe, SignalInput, TableData

AMONG_INPUTS = "outcome_among_inputs"
_REMEDY = "Take it out of inputs: at the moment of decision nobody knows it."


def outcomes_among_inputs(recipe: Recipe) -> list[Finding]:
    """A leak for every column of `data.outcomes`, or the target itself, that an input reads."""
    known_later = set(recipe.data.outcomes)
    if isinstance(recipe.data, TableData):
        known_later.add(recipe.data.target)
    found = []
    for name in recipe.inputs:
        for column in _read_by(recipe, name):
            if column in known_later:
                message = f"The input {name} reads the column {column}, which holds an outcome."
                found.append(Finding(AMONG_INPUTS, "leak", message, remedy=_REMEDY))
    return found


def _read_by(recipe: Recipe, name: str) -> list[str]:
    """Columns and variables that an input reads, each once; of sources without a table, those that it names."""
    spec = recipe.inputs[name]
    read = list(getattr(spec, "columns", None) or ())
    if isinstance(spec, SignalInput) and spec.events is not None:
        read += spec.events.variables or ()
    if isinstance(recipe.data, TableData):
        read += [column for _, column in KINDS.load(spec.kind).fields(recipe, name)]
    return list(dict.fromkeys(read))
