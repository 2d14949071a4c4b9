"""The verbs of recipes and of data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from commandline import Command

from automed.cli.recipe import Kind
from automed.cli.template import KINDS
from automed.run import Run

# --- recipe ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "source"), [(kind, source) for kind in KINDS for source in KINDS[kind]])
def test_a_new_recipe_passes_its_check(automed_command: Command, kind: str, source: str) -> None:
    """As it is written, for every kind and source, with a comment beside what has to be thought about."""
    named = ("--kind", kind, "--source", source, "--name", "task", "--out", "task.yaml")
    assert automed_command("recipe", "new", *named).code == 0
    ended = automed_command("recipe", "check", "task.yaml", "--json")
    assert ended.code == 0, ended.err
    assert ended.document["ok"] is True
    text = Path("task.yaml").read_text()
    assert text.startswith("# automed search task.yaml")
    assert text.count("#") > 5


def test_every_kind_can_be_asked_for() -> None:
    """What the option offers is what there is a text for."""
    assert [kind.value for kind in Kind] == list(KINDS)


def test_a_new_recipe_of_several_inputs_passes_its_check(automed_command: Command) -> None:
    """All of them side by side in one table."""
    named = [word for kind in KINDS for word in ("--kind", kind)]
    assert automed_command("recipe", "new", *named, "--out", "task.yaml").code == 0
    assert automed_command("recipe", "check", "task.yaml").code == 0
    assert len(yaml.safe_load(Path("task.yaml").read_text())["inputs"]) == len(KINDS)


@pytest.mark.parametrize("shown", ["architectures", "length", "average", "missing", "task", "bands"])
def test_what_a_new_recipe_shows_in_comments_holds_as_well(automed_command: Command, shown: str) -> None:
    """Taken out of its comment, each line is one that a check accepts."""
    automed_command("recipe", "new", "--kind", "signal", "--kind", "events", "--out", "task.yaml")
    lines = Path("task.yaml").read_text().split("\n")
    found = [place for place, line in enumerate(lines) if line.lstrip().startswith(f"# {shown}:")]
    assert found
    for place in found:
        lines[place] = lines[place].replace("# ", "", 1)
        if shown == "bands":
            lines[place + 1] = lines[place + 1].replace("# ", "", 1)
    Path("task.yaml").write_text("\n".join(lines))
    ended = automed_command("recipe", "check", "task.yaml")
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "text", "--source", "folder"), "choose --source table"),
        (("--kind", "image", "--kind", "image"), "names a kind twice"),
        (("--kind", "image", "--kind", "signal", "--source", "phantom"), "one input a record"),
    ],
)
def test_a_new_recipe_that_no_source_could_fill_is_refused(
    automed_command: Command, arguments: tuple[str, ...], said: str
) -> None:
    """With what to choose instead."""
    ended = automed_command("recipe", "new", *arguments)
    assert ended.code == 2 and said in " ".join(ended.err.split())


def test_a_new_recipe_is_printed_where_no_file_is_named(automed_command: Command) -> None:
    """So that it can be piped; what is said besides goes to stderr."""
    ended = automed_command("recipe", "new", "--name", "moles")
    assert yaml.safe_load(ended.out)["name"] == "moles"
    assert ended.err == ""


def test_a_new_recipe_never_overwrites_a_file(automed_command: Command) -> None:
    """Someone may have spent an hour on it."""
    Path("mine.yaml").write_text("precious")
    ended = automed_command("recipe", "new", "--out", "mine.yaml")
    assert ended.code == 2
    assert "is there already" in ended.err
    assert Path("mine.yaml").read_text() == "precious"


@pytest.mark.parametrize("name", ["two words", "3d", "yes", "a: b", "../up"])
def test_a_new_recipe_with_a_name_that_cannot_be_used_is_refused(automed_command: Command, name: str) -> None:
    """Before anything is written."""
    ended = automed_command("recipe", "new", "--name", name, "--out", "new.yaml")
    assert ended.code == 2
    assert f"--name {name!r} cannot be used" in ended.err
    assert not Path("new.yaml").exists()


def test_show_writes_out_every_default(automed_command: Command) -> None:
    """And every --set in its place; what it prints is the same recipe again."""
    ended = automed_command("recipe", "show", "skin", "--set", "search.trials=3")
    tree = yaml.safe_load(ended.out)
    assert tree["search"]["trials"] == 3
    assert tree["audit"]["min_group"] == 20
    Path("again.yaml").write_text(ended.out)
    assert automed_command("recipe", "show", "again.yaml").out == ended.out


def test_the_schema_is_one_json_document(automed_command: Command) -> None:
    """For editors."""
    assert automed_command("recipe", "schema").document["properties"]["search"]


def test_list_names_title_minutes_and_score(automed_command: Command) -> None:
    """What a person needs to choose one."""
    rows = {row["name"]: row for row in automed_command("recipe", "list", "--json").document}
    assert set(rows) >= {"skin", "ham10000", "pneumonia", "breast"}
    assert rows["skin"]["title"] == "Pigmented skin lesion triage"
    assert re.search(r"about \d+ minutes on .* macro-F1 near", rows["skin"]["about"])
    assert all(name in automed_command("recipe", "list").out for name in rows)


def test_check_says_when_the_data_are_not_here(automed_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe is right all the same: exit code 0, and a note."""
    monkeypatch.delenv("AUTOMED_DATA", raising=False)
    ended = automed_command("recipe", "check", "ham10000")
    assert ended.code == 0
    assert ended.out == "ham10000: ok\n"
    assert "AUTOMED_DATA, which is not set" in ended.err


# --- data -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """A recipe whose official split has the same pictures in train and test."""
    random = np.random.default_rng(3)
    arrays = {}
    for part, n in (("train", 40), ("val", 16), ("test", 16)):
        arrays[f"{part}_images"] = random.integers(0, 256, (n, 16, 16), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(n)[:, None] % 2
    arrays["test_images"][:4] = arrays["train_images"][:4]
    np.savez(tmp_path / "leak.npz", **arrays)
    recipe = tmp_path / "leak.yaml"
    recipe.write_text(
        "name: leak\n"
        "data: {source: npz, file: leak.npz}\n"
        "inputs: {picture: {kind: image, size: [16, 16], channels: 1}}\n"
        "split: {by: official}\n"
    )
    return recipe


def test_data_check_ends_with_3_on_a_leak_and_says_what_to_do(automed_command: Command, leaking: Path) -> None:
    """The finding stands in the result, with rows and remedy."""
    ended = automed_command("data", "check", str(leaking))
    assert ended.code == 3
    assert "leak" in ended.out
    assert "a search would be refused" in ended.err


def test_data_check_prints_what_data_json_will_hold(automed_command: Command, leaking: Path) -> None:
    """One document, also when it ends with 3; progress is on stderr."""
    ended = automed_command("data", "check", str(leaking), "--json")
    assert ended.code == 3
    assert ended.document["n"] == 72
    assert any(finding["severity"] == "leak" and finding["remedy"] for finding in ended.document["findings"])


def test_a_search_on_leaking_data_is_refused(automed_command: Command, leaking: Path) -> None:
    """Exit code 3, with the rows; the run folder says failed and keeps what was found."""
    ended = automed_command("search", str(leaking), "--out", "run")
    assert ended.code == 3
    assert "rows" in ended.err
    run = Run(Path("run"))
    assert json.loads(run.manifest.read_text())["status"] == "failed"
    assert run.data.is_file()


def test_the_cache_is_shown_and_cleared(automed_command: Command, leaking: Path) -> None:
    """Bytes and folder; clearing frees what showing listed."""
    automed_command("data", "check", str(leaking))
    listed = automed_command("data", "cache", "show", "--json").document
    assert listed["entries"]
    assert listed["bytes"] == sum(entry["bytes"] for entry in listed["entries"])
    assert listed["entries"][0]["key"][:12] in automed_command("data", "cache", "show").out
    assert automed_command("data", "cache", "clear", "--json").code == 0
    assert automed_command("data", "cache", "clear", "zzzz").code == 2
