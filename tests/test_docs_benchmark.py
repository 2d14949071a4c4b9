"""The page of benchmarks: every key of a suite with its default, every engine, verdict, option and file."""

import json
import re
import typing
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from typer.models import OptionInfo

from automed.benchmark import ENGINES
from automed.benchmark.comparison import compare as comparison
from automed.benchmark.comparison.compare import Change, Verdict
from automed.benchmark.comparison.verdict import MISSED, PASSED, UNDECIDED, gates_of, summary
from automed.benchmark.record import Cell, Point
from automed.benchmark.schedule import TARGETS
from automed.benchmark.suite import Suite, load, shipped
from automed.cli.benchmark import run

PAGE = Path(__file__).parents[1] / "docs" / "benchmark.md"
TEXT = PAGE.read_text(encoding="utf-8")


def options() -> set[str]:
    """The long options of `automed benchmark run`, from its signature."""
    found: set[str] = set()
    for name, hint in typing.get_type_hints(run, include_extras=True).items():
        for option in getattr(hint, "__metadata__", ()):
            if isinstance(option, OptionInfo):
                # Inside Annotated, Typer keeps the first declaration where a default would stand.
                named = re.findall(r"--[\w-]+", " ".join(map(str, (option.default, *(option.param_decls or ())))))
                found.update(named or [f"--{name}"])
    return found


def rows(header: str) -> list[list[str]]:
    """The cells of the table whose first column is called so."""
    found: list[list[str]] = []
    inside = False
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]] if line.startswith("|") else []
        if inside and cells and not set(cells[0]) <= {"-"}:
            found.append(cells)
        inside = bool(cells) and (inside or cells[0] == header)
    assert found, header
    return found


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language; that of the suite is called so, since any other YAML is a recipe."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def keys() -> dict[str, dict[str, Any]]:
    """Every key of a suite by its dotted path, with its part of the JSON schema; those that hold others left out."""
    schema = Suite.model_json_schema()
    found: dict[str, dict[str, Any]] = {}

    def parts(node: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in node:
            return [schema["$defs"][node["$ref"].rpartition("/")[2]]]
        inner = [*node.get("anyOf", ()), *([node["items"]] if "items" in node else [])]
        return [part for one in inner for part in parts(one)]

    def walk(node: dict[str, Any], path: str) -> None:
        for name, inner in node.get("properties", {}).items():
            here = f"{path}{name}"
            below = [part for part in parts(inner) if part.get("properties")]
            required = name in node.get("required", ())
            found[here] = {**inner, "required": required, "inner": bool(below)}
            for part in below:
                walk(part, f"{here}.")

    walk(schema, "")
    return found


def test_the_page_names_every_key_of_a_suite_with_its_default() -> None:
    """No more and no less."""
    known, documented = keys(), {names(cells[0])[0]: cells for cells in rows("key")}
    shared = {f"recipes.gates.{name}" for name in ("macro_f1", "gap", "minutes", "memory_gb")}  # as those of the suite
    lacking = {path for path, key in known.items() if not key["inner"]} - documented.keys() - shared
    assert not lacking, "not documented"
    assert documented.keys() <= known.keys(), "documented, but not a key"
    for path, cells in documented.items():
        key = known[path]
        if path == "recipes.name":
            continue  # required, and filled in from the file's name
        assert (cells[2] == "*required*") == key["required"], path
        if "default" in key and not isinstance(key["default"], list):
            assert yaml.safe_load(names(cells[2])[0]) == key["default"], path


def test_the_suite_that_is_shown_is_right(tmp_path: Path) -> None:
    """It loads as it stands, and so do its recipes where they are there."""
    (text,) = blocks("yaml suite")
    (tmp_path / "suite.yaml").write_text(text)
    found = load(tmp_path / "suite.yaml", environ={"AUTOKERAS_PYTHON": "python"})
    assert [entry.name for entry in found.recipes] == ["skin", "lesions"]
    assert found.recipe("skin", seed=1).search.minutes == found.budget.minutes


def test_every_engine_verdict_and_shipped_suite_is_described() -> None:
    """The tables are those of the code."""
    assert [names(cells[0])[0] for cells in rows("engine")] == list(ENGINES)
    assert {name for cells in rows("verdict") for name in names(cells[0])} == set(get_args(Verdict))
    assert {names(cells[0])[0] for cells in rows("suite")} == set(shipped())


def test_the_verdict_that_is_shown_has_the_fields_of_one() -> None:
    """A hook that was written by the page must find what it looks for."""
    (text,) = blocks("json")
    shown = json.loads(text)
    point = Point(1, "medical", "", "2026-11-16T03:00:04Z", None, "", {}, {}, {})
    made = summary([], [], before=point, after=point)
    assert list(shown) == list(made)
    assert shown["before"].keys() == shown["after"].keys() == made["after"].keys()
    assert list(shown["changes"][0]) == [field.name for field in fields(Change)]
    assert shown["gates"][0].keys() == gates_of([missing_a_gate()])[0].keys()


def missing_a_gate() -> Cell:
    """A cell of ours below its lowest macro-F1."""
    gate = {"gate": "macro_f1", "limit": 0.7, "found": 0.69, "state": "missed", "reason": ""}
    return Cell(
        1, "breast", "", 2, "automed", "done", None, {}, None, 1.0, 1.0, 1, None, "", {"gates": [gate]}
    )  # fmt: skip


def test_every_option_of_run_is_described() -> None:
    """Those that other verbs have as well are described elsewhere."""
    described = {name.split()[0] for cells in rows("option") for name in names(cells[0])}
    assert described == options() - {"--json", "--quiet"}


def test_exit_codes_of_the_gate_are_those_of_the_verdict() -> None:
    """0, 4 and 5."""
    assert [int(cells[0]) for cells in rows("code")] == [PASSED, MISSED, UNDECIDED]


@pytest.mark.parametrize("cells", rows("said"), ids=lambda cells: cells[0])
def test_reasons_that_are_explained_are_ones_that_a_comparison_gives(cells: list[str]) -> None:
    """What is quoted stands in the code."""
    code = Path(comparison.__file__).read_text(encoding="utf-8")
    assert names(cells[0])[0] in code


def test_every_scheduler_is_described() -> None:
    """What --for takes."""
    assert [names(cells[0])[0] for cells in rows("`--for`")] == list(TARGETS)
