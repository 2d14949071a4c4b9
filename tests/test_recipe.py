"""A recipe is read, overridden, checked, dumped and hashed; what is wrong with it is said with file, line and key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from automed import pipeline
from automed.errors import RecipeError, UsageError
from automed.recipe import Recipe, dump, load, schema, shipped
from automed.recipe.load import digest

GOOD = """\
name: moles
title: Moles
data:
  source: table
  root: ${MOLES}/set
  table: metadata.csv
  target: dx
  patient: lesion
  classes: {nv: Nevus, mel: {name: Melanoma, urgent: true}}
inputs:
  lesion: {kind: image, column: path, size: [32, 48]}
search:
  trials: 5
  architectures: [cnn]
"""


def write(folder: Path, text: str = GOOD) -> Path:
    path = folder / "moles.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def fails(folder: Path, text: str, *overrides: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        load(write(folder, text), overrides)
    return caught.value


# --- reading --------------------------------------------------------------------------------------------------------


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    """A short recipe is a whole one."""
    recipe = load(write(tmp_path))
    assert recipe.search.sampler == "tpe"
    assert recipe.split.by == "patient"
    assert recipe.inputs["lesion"].size == (32, 48)
    assert recipe.inputs["lesion"].channels == 3


def test_classes_may_be_written_short(tmp_path: Path) -> None:
    """A name alone, a mapping, or a list that gives the order alone."""
    recipe = load(write(tmp_path))
    assert recipe.data.classes is not None
    assert {key: (c.name, c.urgent) for key, c in recipe.data.classes.items()} == {
        "nv": ("Nevus", False),
        "mel": ("Melanoma", True),
    }
    listed = load(write(tmp_path), ["data.classes=[1, 0]"])
    assert listed.data.classes is not None
    assert list(listed.data.classes) == ["1", "0"]


def test_a_recipe_cannot_be_changed_after_it_was_read(tmp_path: Path) -> None:
    """What the run folder says is what ran."""
    recipe = load(write(tmp_path))
    with pytest.raises(ValidationError):
        recipe.search.trials = 9  # type: ignore[misc]


def test_the_root_starts_at_the_recipe(tmp_path: Path) -> None:
    """A relative folder means the same wherever the command is typed."""
    recipe = load(write(tmp_path, GOOD.replace("${MOLES}/set", "../images")))
    assert recipe.root == tmp_path.parent / "images"


def test_a_root_that_was_typed_starts_where_the_shell_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--set data.root=images is read like any other path on a command line."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load(write(tmp_path), ["data.root=images"]).root == elsewhere / "images"


def test_a_variable_in_the_path_of_weights_is_looked_up(tmp_path: Path) -> None:
    """Published weights lie where the machine keeps them; the recipe that a run keeps names them absolutely."""
    file = write(tmp_path)
    recipe = load(file, ["pretrained.weights=${NETS}/squeeze.h5"], environ={"NETS": str(tmp_path), "MOLES": "/m"})
    assert recipe.place("pretrained.weights") == tmp_path / "squeeze.h5"
    assert f"weights: {tmp_path / 'squeeze.h5'}" in dump(recipe, resolved=True)
    unset = load(file, ["pretrained.weights=${NETS}/squeeze.h5"], environ={})
    with pytest.raises(RecipeError, match=r"pretrained.weights needs the environment variable NETS"):
        unset.place("pretrained.weights")


def test_a_variable_in_the_root_is_looked_up(tmp_path: Path) -> None:
    """${NAME} comes from the environment that is handed in."""
    assert load(write(tmp_path), environ={"MOLES": str(tmp_path)}).root == tmp_path / "set"


def test_a_variable_that_is_not_set_is_told_when_the_data_are_needed(tmp_path: Path) -> None:
    """The recipe can be shown and checked anywhere; only reading the data needs the variable."""
    recipe = load(write(tmp_path))
    with pytest.raises(RecipeError) as caught:
        _ = recipe.root
    assert caught.value.where == f"{tmp_path}/moles.yaml:5"
    assert "data.root needs the environment variable MOLES, which is not set" in caught.value.what


def test_a_shipped_recipe_is_found_by_name() -> None:
    """`automed search skin` works away from the repository."""
    assert load("skin").name == "skin"


def test_a_name_that_no_recipe_has_is_answered_with_the_nearest() -> None:
    """And with all that there are."""
    with pytest.raises(RecipeError) as caught:
        load("skn")
    assert caught.value.hint is not None
    assert "Did you mean 'skin'?" in caught.value.hint
    assert "ham10000" in caught.value.hint


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    """It says so, rather than that it cannot be read."""
    with pytest.raises(RecipeError, match="is a folder, not a recipe"):
        load(tmp_path)


# --- overrides ------------------------------------------------------------------------------------------------------


def test_an_override_replaces_one_value(tmp_path: Path) -> None:
    """The rest stays as it is written; the value is read as YAML."""
    recipe = load(write(tmp_path), ["search.trials=7", "search.architectures=[cnn, resnet]", "search.minutes=0.5"])
    assert recipe.search.trials == 7
    assert recipe.search.architectures == ("cnn", "resnet")
    assert recipe.search.minutes == 0.5
    assert recipe.data.source == "table"


def test_an_override_reaches_what_the_file_does_not_mention(tmp_path: Path) -> None:
    """Defaults can be overridden too."""
    assert load(write(tmp_path), ["train.epochs=3"]).train.epochs == 3


@pytest.mark.parametrize("text", ["search.trials", "=3", "", "  =3"])
def test_an_override_without_key_or_value_is_refused(tmp_path: Path, text: str) -> None:
    """With an example of how it is written."""
    with pytest.raises(UsageError, match="must read key=value") as caught:
        load(write(tmp_path), [text])
    assert caught.value.hint == "For example --set search.minutes=2"


def test_an_override_below_a_value_is_refused(tmp_path: Path) -> None:
    """search.trials is a number and holds no keys."""
    with pytest.raises(UsageError, match="'trials' is not a mapping"):
        load(write(tmp_path), ["search.trials.more=1"])


def test_an_override_whose_value_is_no_yaml_is_refused(tmp_path: Path) -> None:
    """A shell that ate a bracket is a common cause."""
    with pytest.raises(UsageError, match="not valid YAML"):
        load(write(tmp_path), ["search.architectures=[cnn"])


@pytest.mark.parametrize(
    ("override", "where"),
    [
        ("search.trials=0", "--set search.trials"),
        ("serch.trials=3", "--set serch.trials"),
        ("inputs.lesion.size=[4, 64]", "--set inputs.lesion.size"),
        ("data.source=tabel", "--set data.source"),
    ],
)
def test_an_error_in_an_override_names_the_override(tmp_path: Path, override: str, where: str) -> None:
    """The file is not to blame, and no line of it is named."""
    assert fails(tmp_path, GOOD, override).where == where


def test_an_error_of_the_names_in_an_override_names_the_override(tmp_path: Path) -> None:
    """Names are held against the tables later than the schema; the place is still right."""
    with pytest.raises(RecipeError) as caught:
        pipeline.check(load(write(tmp_path), ["search.architectures=[cnn, resnt]"]))
    assert caught.value.where == "--set search.architectures"
    assert caught.value.hint is not None
    assert "'resnet'" in caught.value.hint


# --- errors ---------------------------------------------------------------------------------------------------------

WRONG = [
    # what is changed, its line, words of the message, words of the hint
    ("  trials: 5", "  trials: 0", 13, "search.trials must be at least 1, got 0", None),
    ("  trials: 5", "  trials: many", 13, "search.trials must be a whole number, got 'many'", None),
    ("  trials: 5", "  trails: 5", 13, "search.trails is not a known key", "Did you mean 'trials'?"),
    ("  trials: 5", "  xyzzy: 5", 13, "search.xyzzy is not a known key", "Known here: engine"),
    ("  trials: 5", "  sampler: tpa", 13, "search.sampler must be one of", "Did you mean 'tpe'?"),
    ("  trials: 5", "  workers: 0", 13, "search.workers must be at least 1, got 0", "Or 'auto'."),
    ("  trials: 5", "  minutes: 0", 13, "search.minutes must be more than 0", None),
    ("  architectures: [cnn]", "  architectures: cnn", 14, "search.architectures must be a list, got 'cnn'", None),
    ("source: table", "source: tabel", 4, "data.source must be one of", "Did you mean 'table'?"),
    ("  source: table\n", "", 3, "data.source is missing", None),
    ("  table: metadata.csv", "  tabel: metadata.csv", 6, "data.tabel is not a known key", "Did you mean 'table'?"),
    ("  target: dx\n", "", 3, "data.target is missing", None),
    (
        "{nv: Nevus, mel: {name: Melanoma, urgent: true}}",
        "{nv: Nevus}",
        3,
        "data: a classifier needs at least two",
        None,
    ),
    ("urgent: true", "urgnt: true", 9, "data.classes.mel.urgnt is not a known key", "Did you mean 'urgent'?"),
    (
        "kind: image",
        "kind: pictures",
        11,
        "inputs.lesion.kind must be one of image, signal, text, sequence, tabular, got 'pictures'",
        None,
    ),
    ("size: [32, 48]", "size: [4, 48]", 11, "inputs.lesion.size.0 must be at least 8, got 4", None),
    ("size: [32, 48]", "sise: [32, 48]", 11, "inputs.lesion.sise is not a known key", "Did you mean 'size'?"),
    ("name: moles", "name: 'two words'", 1, "name must match", None),
    ("search:", "split: {by: tme, column: date}\nsearch:", 12, "split.by must be one of", "Did you mean 'time'?"),
    ("search:", "split: {by: time}\nsearch:", 12, "split.column is missing", None),
    (
        "search:",
        "split: {by: patient, fractions: {train: 0.9}}\nsearch:",
        12,
        "split.fractions: fractions must add up to 1, got 1.2",
        None,
    ),
    ("  trials: 5", "  trials: {a: 1}", 13, "search.trials must be a whole number, got a dict", None),
    ("search:\n  trials: 5\n  architectures: [cnn]", "search: 3", 12, "search must be a mapping of keys, got 3", None),
    ("search:", "serch:", 12, "serch is not a known key", "Did you mean 'search'?"),
]


@pytest.mark.parametrize(("old", "new", "line", "what", "hint"), WRONG, ids=[case[3][:40] for case in WRONG])
def test_an_error_names_file_line_key_value_and_the_nearest_key(
    tmp_path: Path, old: str, new: str, line: int, what: str, hint: str | None
) -> None:
    """Each kind of mistake is answered with where it stands and what was probably meant."""
    assert old in GOOD
    problem = fails(tmp_path, GOOD.replace(old, new, 1))
    assert problem.where == f"{tmp_path}/moles.yaml:{line}"
    assert what in problem.what
    if hint is not None:
        assert problem.hint is not None
        assert hint in problem.hint
    assert problem.exit_code == 2


def test_several_errors_are_told_at_once(tmp_path: Path) -> None:
    """The first is the message, the others follow, each with its own line."""
    problem = fails(tmp_path, GOOD.replace("trials: 5", "trials: 0").replace("size: [32, 48]", "size: [4, 48]"))
    assert problem.what == "inputs.lesion.size.0 must be at least 8, got 4"
    assert problem.hint is not None
    assert "moles.yaml:13: search.trials must be at least 1, got 0" in problem.hint


def test_a_key_that_is_written_twice_is_refused(tmp_path: Path) -> None:
    """YAML alone would keep the last one in silence."""
    problem = fails(tmp_path, GOOD + "  trials: 50\n")
    assert problem.where == f"{tmp_path}/moles.yaml:15"
    assert "'trials' is written twice" in problem.what


def test_text_that_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    """A tab, a missing bracket."""
    problem = fails(tmp_path, GOOD.replace("[cnn]", "[cnn"))
    assert "is not valid YAML" in problem.what
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/moles\.yaml:1[45]", problem.where or "")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "skin\n", "# nothing\n"])
def test_yaml_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """An empty file is no recipe."""
    assert "must be a mapping of keys" in fails(tmp_path, text).what


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """An image given by mistake gives a message, not a decoding error."""
    path = tmp_path / "moles.yaml"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(RecipeError, match="cannot be read"):
        load(path)


def test_yaml_cannot_make_objects(tmp_path: Path) -> None:
    """No code and no expressions in a recipe."""
    problem = fails(tmp_path, GOOD.replace("title: Moles", "title: !!python/object/apply:os.getcwd []"))
    assert "is not valid YAML" in problem.what


# --- dump, digest, schema -------------------------------------------------------------------------------------------

fractions = st.tuples(st.integers(1, 8), st.integers(1, 8)).map(
    lambda pair: {"train": pair[0] / 20, "validation": pair[1] / 20, "test": 1 - pair[0] / 20 - pair[1] / 20}
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,12}", fullmatch=True)
recipes = st.fixed_dictionaries(
    {
        "name": names,
        "title": texts,
        "intended_use": texts,
        "data": st.one_of(
            st.fixed_dictionaries(
                {
                    "source": st.just("table"),
                    "root": texts.filter(lambda text: "$" not in text),
                    "table": texts,
                    "target": texts,
                    "sensitive": st.lists(texts, max_size=3),
                    "classes": st.dictionaries(
                        texts, st.fixed_dictionaries({"name": texts, "urgent": st.booleans()}), min_size=2, max_size=4
                    ),
                }
            ),
            st.fixed_dictionaries({"source": st.just("phantom"), "difficulty": st.floats(0, 1)}),
            st.fixed_dictionaries({"source": st.just("medmnist"), "name": texts, "size": st.sampled_from([28, 224])}),
        ),
        "inputs": st.dictionaries(
            names,
            st.fixed_dictionaries(
                {
                    "kind": st.just("image"),
                    "size": st.tuples(st.integers(8, 1024), st.integers(8, 1024)),
                    "channels": st.sampled_from([1, 3]),
                    "window": st.none() | st.tuples(st.floats(-1e3, 1e3), st.floats(1, 1e3)),
                }
            ),
            min_size=1,
            max_size=2,
        ),
        "split": st.one_of(
            st.fixed_dictionaries({"by": st.just("patient"), "fractions": fractions, "seed": st.integers(0, 99)}),
            st.fixed_dictionaries({"by": st.just("time"), "column": texts}),
            st.just({"by": "official"}),
        ),
        "search": st.fixed_dictionaries(
            {
                "trials": st.integers(1, 1000),
                "minutes": st.none() | st.floats(0.01, 1e4),
                "workers": st.just("auto") | st.integers(1, 8),
            }
        ),
        "train": st.fixed_dictionaries({"augment": st.lists(st.sampled_from(["flip", "rotate"]), unique=True)}),
    }
)


@given(tree=recipes)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_a_recipe_survives_dump_and_load(tmp_path: Path, tree: dict[str, Any]) -> None:
    """What is dumped is a recipe again, with the same meaning and the same digest."""
    recipe = Recipe.model_validate(tree)
    again = load(write(tmp_path, dump(recipe)))
    assert again.model_dump() == recipe.model_dump()
    assert digest(again) == digest(recipe)
    assert dump(again) == dump(recipe)


def test_the_home_of_a_user_who_is_not_known_stays_as_it_is(tmp_path: Path) -> None:
    """As in a shell: a folder may be called ~0."""
    tree = {"name": "a", "data": {"source": "table", "root": "~0", "table": "t.csv", "target": "y"}}
    recipe = load(write(tmp_path, yaml.safe_dump({**tree, "inputs": {"x": {"kind": "image", "column": "c"}}})))
    assert recipe.root == tmp_path / "~0"


def test_a_resolved_dump_names_the_data_absolutely(tmp_path: Path) -> None:
    """The recipe in a run folder finds its data from there."""
    recipe = load(write(tmp_path), environ={"MOLES": "/data"})
    kept = tmp_path / "run" / "recipe.yaml"
    kept.parent.mkdir()
    kept.write_text(dump(recipe, resolved=True), encoding="utf-8")
    assert load(kept).root == Path("/data/set")


def test_the_digest_is_the_same_on_every_machine(tmp_path: Path) -> None:
    """It hashes the meaning as written: paths of this machine, order, comments and left-out defaults do not matter."""
    here = load(write(tmp_path), environ={"MOLES": "/data"})
    there = tmp_path / "there"
    there.mkdir()
    lines = GOOD.splitlines()
    turned = "\n".join([*lines[11:], "train: {epochs: 30}", *lines[:11], "# a comment"])
    assert digest(load(write(there, turned), environ={"MOLES": "/other"})) == digest(here)
    assert digest(load(write(tmp_path), ["search.trials=6"])) != digest(here)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_recipe_is_right(name: str) -> None:
    """It loads, its names are in the tables, it is called what its file is called, and says its command on top."""
    recipe = load(name)
    pipeline.check(recipe)
    assert recipe.name == name
    assert recipe.title
    assert recipe.intended_use
    assert recipe.out_of_scope
    first, second = shipped()[name].read_text(encoding="utf-8").splitlines()[:2]
    assert first.startswith("# ")
    assert f"automed search recipes/{name}.yaml" in first
    assert "minutes on" in second
    assert re.search(r"expect test (macro-F1|accuracy|AUROC)", second)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_recipe_holds_to_the_json_schema(name: str) -> None:
    """An editor that uses `automed recipe schema` marks nothing in them."""
    whole = schema()
    tree = yaml.safe_load(shipped()[name].read_text(encoding="utf-8"))
    assert not list(complaints(tree, whole, whole))


def test_the_json_schema_marks_what_is_wrong(tmp_path: Path) -> None:
    """It knows keys, types, bounds and the words that may be chosen."""
    whole = schema()
    tree = yaml.safe_load(GOOD)
    assert not list(complaints(tree, whole, whole))
    for key, value in (("trails", 3), ("trials", 0), ("trials", "x"), ("sampler", "tpa"), ("architectures", [3])):
        wrong = {**tree, "search": {**tree["search"], key: value}}
        assert list(complaints(wrong, whole, whole)), (key, value)


def complaints(value: Any, rule: Any, whole: dict[str, Any], at: str = "") -> Any:
    """What a JSON schema has against a value; the part of the standard that pydantic uses."""
    if "$ref" in rule:
        yield from complaints(value, whole["$defs"][rule["$ref"].rpartition("/")[2]], whole, at)
    for several in ("anyOf", "oneOf"):
        if several in rule and all(list(complaints(value, option, whole, at)) for option in rule[several]):
            yield f"{at}: fits none of {several}"
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if "type" in rule:
        asked = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        if not any(value is None if kind == "null" else isinstance(value, kinds[kind]) for kind in asked):
            yield f"{at}: is no {asked}"
            return
    if "const" in rule and value != rule["const"]:
        yield f"{at}: is not {rule['const']}"
    if "enum" in rule and value not in rule["enum"]:
        yield f"{at}: is none of {rule['enum']}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < rule.get("minimum", value) or value > rule.get("maximum", value):
            yield f"{at}: is out of bounds"
        if value <= rule.get("exclusiveMinimum", value - 1) or value >= rule.get("exclusiveMaximum", value + 1):
            yield f"{at}: is out of bounds"
    if isinstance(value, str) and "pattern" in rule and not re.search(rule["pattern"], value):
        yield f"{at}: does not match"
    if isinstance(value, list):
        if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value)):
            yield f"{at}: has {len(value)} items"
        for place, item in enumerate(value):
            each = rule.get("prefixItems", [])[place : place + 1] or [rule.get("items", {})]
            yield from complaints(item, each[0], whole, f"{at}.{place}")
    if isinstance(value, dict):
        known = rule.get("properties", {})
        yield from (f"{at}.{key}: is missing" for key in rule.get("required", []) if key not in value)
        for key, inner in value.items():
            other = rule.get("additionalProperties", True)
            if key in known or isinstance(other, dict):
                yield from complaints(inner, known.get(key, other), whole, f"{at}.{key}")
            elif "patternProperties" in rule:
                for pattern, each in rule["patternProperties"].items():
                    if re.search(pattern, key):
                        yield from complaints(inner, each, whole, f"{at}.{key}")
            elif other is False:
                yield f"{at}.{key}: is not known"
