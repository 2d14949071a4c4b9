"""Tables of names: what a recipe may name leads to code, and a typo leads to the nearest name."""

from __future__ import annotations

import importlib

import pytest

from automed.errors import UsageError
from automed.registry import Entry, Table, nearest

TABLES = (
    ("automed.cli", "VERBS"),
    ("automed.data", "SOURCES"),
    ("automed.data.kinds", "KINDS"),
    ("automed.data.phantoms", "PHANTOMS"),
    ("automed.report.inputs", "INPUTS"),
    ("automed.models", "ARCHITECTURES"),
    ("automed.search", "ENGINES"),
    ("automed.search", "BASELINES"),
    ("automed.evaluate", "METRICS"),
)


@pytest.fixture
def table() -> Table:
    return Table("shape", {"square": Entry("math:sqrt", "four sides"), "circle": Entry("math:pi", "none")})


def test_a_name_leads_to_what_it_stands_for(table: Table) -> None:
    """The module is imported when the name is used."""
    assert table.load("square")(9.0) == 3.0


def test_a_typo_is_answered_with_the_nearest_name(table: Table) -> None:
    """The error says what was asked for, what was probably meant, and what there is."""
    with pytest.raises(UsageError) as caught:
        table.load("sqare")
    assert "no shape is called 'sqare'" in caught.value.what
    assert caught.value.hint is not None
    assert "'square'" in caught.value.hint
    assert "circle" in caught.value.hint


def test_a_name_like_nothing_is_answered_with_all_names(table: Table) -> None:
    """Guessing wildly would mislead."""
    with pytest.raises(UsageError) as caught:
        table["zzz"]
    assert caught.value.hint == "Known: square, circle."


def test_a_table_reads_like_a_mapping(table: Table) -> None:
    """Order is kept: it is the order in which people see the names."""
    assert list(table) == ["square", "circle"]
    assert len(table) == 2
    assert "square" in table
    assert "cube" not in table
    assert {name: entry.summary for name, entry in table.items()} == {"square": "four sides", "circle": "none"}


def test_nearest_prefers_silence_to_a_wild_guess() -> None:
    """A suggestion that is not alike is no help."""
    assert nearest("search", ["serach", "report"]) == "serach"
    assert nearest("x", ["search", "report"]) is None


@pytest.mark.parametrize(("module", "name"), TABLES)
def test_every_entry_points_at_a_file_and_says_what_it_is(module: str, name: str) -> None:
    """Targets are well formed and their modules exist; loading them is the contract suites' work."""
    for key, entry in getattr(importlib.import_module(module), name).items():
        target, colon, attribute = entry.target.partition(":")
        assert colon, f"{key}: {entry.target} must be module:attribute"
        assert attribute.isidentifier()
        assert importlib.util.find_spec(target) is not None, f"{key}: there is no module {target}"
        assert entry.summary, f"{key} has no summary"
        assert "\n" not in entry.summary
