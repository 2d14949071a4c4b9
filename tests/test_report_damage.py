"""Damaged artefacts: the person learns which file it is, and no page is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from madeup import Story, make_run

from automed.errors import RunError
from automed.report.facts import gather
from automed.run import Run, write_json


@pytest.fixture
def small(tmp_path: Path) -> Run:
    """A run with one finalist and few of everything; not rendered yet."""
    return make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=4))


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _change(*path: str | int, to: Any) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        tree = json.loads(file.read_text(encoding="utf-8"))
        inner = tree
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to
        write_json(file, tree)

    return change


DAMAGE: list[tuple[str, Callable[[Path], Any]]] = [
    *((name, _truncate) for name in ("manifest.json", "data.json", "leaderboard.json", "scores.json", "examples.npz")),
    *((name, lambda file: file.write_bytes(b"\xff\xfe\x00garbage")) for name in ("trials.jsonl", "ledger.jsonl")),
    ("trials.jsonl", lambda file: file.write_text("no json at all\n", encoding="utf-8")),
    ("ledger.jsonl", lambda file: file.write_text("[1]\n", encoding="utf-8")),
    ("recipe.yaml", lambda file: file.write_text("data: {source: pha", encoding="utf-8")),
    ("recipe.yaml", lambda file: file.unlink()),
    ("data.json", lambda file: file.write_text("[]", encoding="utf-8")),
    ("data.json", _change("classes", to=[{"name": "no key"}])),
    ("data.json", _change("phantom", to="perhaps")),
    ("leaderboard.json", _change("rows", 0, "rank", to="first")),
    ("leaderboard.json", _change("rows", to={"not": "a list"})),
    ("scores.json", _change("test", "macro_f1", "value", to=[0.8])),
    ("scores.json", _change("test", "macro_f1", "ci95", to=[0.7, 0.8, 0.9])),
    ("scores.json", _change("test", "confusion", "matrix", to=[[1, 2], [3]])),
    ("scores.json", _change("test", "confusion", "matrix", to=[[1, 2], [3, 4]])),
    ("scores.json", _change("test", to=None)),
    ("examples.npz", lambda file: np.savez(file, record=[1], label=[9], predicted=[0], probabilities=np.ones((1, 4)))),
    ("examples.npz", lambda file: np.savez(file, record=[1], label=[0], predicted=[0])),
    ("examples.npz", lambda file: np.savez(file, record=[1], label=[0], predicted=[0], probabilities=[[1.0]])),
]


def test_a_damaged_artefact_is_an_error_that_names_the_file(small: Run) -> None:
    """Cut, foreign or of the wrong shape: the person learns which file it is, and no page is written."""
    for name, damage in DAMAGE:
        (file,) = small.folder.rglob(name)
        kept = file.read_bytes()
        damage(file)
        with pytest.raises(RunError) as caught:
            gather(small)
        assert name in str(caught.value), (name, str(caught.value))
        file.write_bytes(kept)
    assert gather(small).candidates and not list(small.folder.rglob("*.html"))


def test_a_line_that_a_kill_cut_is_no_damage(small: Run) -> None:
    """trials.jsonl ends in half a line after a kill; the curves before it are shown."""
    with small.trials.open("ab") as file:
        file.write(b'{"event": "epoch", "number": 1, "epo')
    assert len(gather(small).curves) == 3
