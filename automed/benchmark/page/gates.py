"""The gates of a suite at the newest point: which were missed, which could not be decided, how many were met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from automed.benchmark import OURS
from automed.benchmark.comparison.verdict import gates_of
from automed.benchmark.page.material import Material
from automed.benchmark.record import Cell
from automed.report import words

NAMES = {
    "macro_f1": "macro-F1, at least {}",
    "gap": "gap between groups, at most {}",
    "minutes": "at most {} minutes",
    "memory_gb": "at most {} GB of memory",
}


@dataclass(frozen=True)
class Gate:
    """One that was not met; `state` is missed or undecided."""

    recipe: str
    engine: str
    seed: int
    gate: str
    found: str
    state: str
    reason: str


@dataclass(frozen=True)
class Gates:
    """What became of all gates."""

    open: tuple[Gate, ...]
    met: int

    @property
    def sentence(self) -> str:
        missed = sum(gate.state == "missed" for gate in self.open)
        unknown = len(self.open) - missed
        if not self.open and not self.met:
            return "No gate is set."
        told = [f"{words.plural(missed, 'gate')} missed"] if missed else []
        told += [f"{unknown} could not be decided"] if unknown else []
        told += [f"{self.met:,} met"] if self.met else []
        if not self.open:
            return f"All {self.met:,} gates are met." if self.met > 1 else "The only gate is met."
        return words.sentence(words.listing(told))


def gates(material: Material) -> Gates:
    """Those of the cells of ours, as they were held when the point was run; those of the suite may be others by now."""
    open_ = [_gate(gate) for gate in gates_of(material.newest)]
    open_ += [_unknown(cell, gate) for cell, gate in _set(material) if cell.status == "failed"]
    kept = {(gate["recipe"], gate["engine"], gate["seed"], gate["gate"]) for gate in gates_of(material.newest)}
    met = [
        gate
        for cell, gate in _set(material)
        if cell.status == "done" and (cell.recipe, cell.engine, cell.seed, gate) not in kept
    ]
    return Gates(tuple(sorted(open_, key=lambda gate: gate.state)), len(met))


def _set(material: Material) -> Iterator[tuple[Cell, str]]:
    """Every cell of ours with each gate that its suite sets for it."""
    suite = material.suite
    if suite is None:
        return
    known = {entry.name: suite.gates_of(entry.name).model_dump(exclude_none=True) for entry in suite.recipes}
    for cell in material.newest:
        if cell.engine in OURS:
            for gate in known.get(cell.recipe, ()):
                yield cell, gate


def _gate(gate: dict[str, Any]) -> Gate:
    key, limit, found = str(gate["gate"]), gate["limit"], gate["found"]
    score = key in ("macro_f1", "gap")
    limit_ = _short(float(limit), score)
    name = NAMES[key].format(limit_) if key in NAMES else f"{words.label(key)} {limit_}"
    shown = "not known" if found is None else _short(float(found), score)
    return Gate(gate["recipe"], gate["engine"], gate["seed"], name, shown, gate["state"], str(gate["reason"] or ""))


def _unknown(cell: Cell, gate: str) -> Gate:
    name = NAMES[gate].partition(",")[0].replace("at most {} ", "")
    return Gate(cell.recipe, cell.engine, cell.seed, name, "not known", "undecided", f"the cell failed: {cell.reason}")


def _short(value: float, score: bool) -> str:
    return words.decimal(value, 3).rstrip("0").rstrip(".") or "0" if score else f"{value:.3g}"
