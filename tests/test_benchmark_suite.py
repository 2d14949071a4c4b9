"""Suites: what they say, what they change in recipes, and how a wrong one reads."""

from pathlib import Path

import pytest
import yaml

from automed.benchmark import ENGINES, KIND, OURS
from automed.benchmark.rivals import RIVALS
from automed.benchmark.suite import load, shipped
from automed.errors import RecipeError, UsageError

SMALL = {
    "name": "small",
    "recipes": ["skin", {"recipe": "motifs", "set": {"data.records": 300}, "gates": {"macro_f1": 0.5}}],
    "seeds": [0, 1],
    "engines": ["automed", {"name": "autokeras", "python": "${AK}/bin/python"}],
    "budget": {"minutes": 2},
    "set": {"train.epochs": 3},
    "gates": {"macro_f1": 0.3, "minutes": 10},
}


def written(tmp_path: Path, **changes):
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump({**SMALL, **changes}, sort_keys=False))
    return file


def suite(tmp_path: Path, environ=None, **changes):
    return load(written(tmp_path, **changes), environ=environ)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_suite_loads_and_so_do_its_recipes(name):
    """A suite that ships must not fail at its first recipe, whatever data are there."""
    found = load(name)
    for entry in found.recipes:
        assert found.recipe(entry.name, seed=1).search.seed == 1
    assert found.name == name


def test_every_engine_is_ours_or_has_a_script():
    """The table of engines, their kinds and the scripts of rivals hold the same names."""
    assert set(ENGINES) == set(KIND) == set(OURS) | set(RIVALS)
    assert all(rival.script.is_file() for rival in RIVALS.values())


def test_short_forms_mean_names(tmp_path):
    """A recipe is called as its file is, an engine by its name alone."""
    found = suite(tmp_path)
    assert [entry.name for entry in found.recipes] == ["skin", "motifs"]
    assert [engine.name for engine in found.engines] == ["automed", "autokeras"]


def test_a_recipe_gets_what_the_suite_changes_its_budget_seed_and_engine(tmp_path):
    """What one recipe changes comes after what the suite changes in all."""
    found = suite(tmp_path, set={"train.epochs": 3, "data.records": 500})
    ours, other = found.recipe("motifs", seed=7), found.recipe("motifs", seed=7, engine="automed-keras-tuner")
    assert (ours.data.records, ours.train.epochs, ours.search.seed, ours.search.minutes) == (300, 3, 7, 2)
    assert ours.search.trials > 1000  # minutes alone end it
    assert (other.search.engine, other.search.sampler) == ("keras-tuner", "hyperband")


def test_trials_alone_end_a_search_where_the_suite_gives_no_minutes(tmp_path):
    """A recipe's own minutes would make two runs differ by the clock."""
    found = suite(tmp_path, budget={"trials": 3})
    assert found.recipe("skin", seed=0).search.minutes is None
    assert found.recipe("skin", seed=0).search.trials == 3


def test_the_digest_is_of_the_recipe_and_not_of_the_seed(tmp_path):
    """Seeds and engines are compared with each other; a changed recipe is another task."""
    found = suite(tmp_path)
    changed = suite(tmp_path, set={"train.epochs": 4})
    assert found.digest_of("skin") == suite(tmp_path, seeds=[5]).digest_of("skin")
    assert found.digest_of("skin") != changed.digest_of("skin")
    assert found.digest != suite(tmp_path, seeds=[5]).digest


def test_gates_of_a_recipe_come_before_those_of_the_suite(tmp_path):
    """What a recipe does not name stays the suite's."""
    gates = suite(tmp_path).gates_of("motifs")
    assert (gates.macro_f1, gates.minutes) == (0.5, 10)


def test_an_interpreter_may_be_named_by_a_variable(tmp_path):
    """One that is not set is told with the engine and the option that helps."""
    assert suite(tmp_path, {"AK": "/opt/ak"}).python_of("autokeras") == "/opt/ak/bin/python"
    with pytest.raises(RecipeError, match="autokeras needs the variable AK") as caught:
        suite(tmp_path).python_of("autokeras")
    assert "--python autokeras=PATH" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipies": ["skin"]}, r"recipies is not a known key"),
        ({"engines": ["autokers"]}, r"no engine is called 'autokers'; did you mean 'autokeras'"),
        ({"seeds": []}, r"seeds must hold at least 1"),
        ({"seeds": [1, 1]}, r"seed '1' stands there twice"),
        ({"recipes": ["skin", "skin"]}, r"recipe 'skin' stands there twice"),
        ({"budget": {}}, r"budget.minutes or budget.trials is needed for the rival autokeras"),
        ({"gates": {"macro_f1": 2}}, r"gates.macro_f1 must be at most 1"),
    ],
)
def test_a_wrong_suite_says_what_and_where(tmp_path, changes, said):
    """As a recipe does: file, line, key, and the nearest known name."""
    file = written(tmp_path, **changes)
    with pytest.raises(RecipeError, match=said) as caught:
        load(file)
    assert caught.value.where.startswith(str(file))
    assert caught.value.exit_code == 2


def test_a_suite_may_not_set_what_its_seeds_engines_and_budget_are_for(tmp_path):
    """Else two cells of different seeds would be one and the same."""
    with pytest.raises(RecipeError, match=r"sets search\.seed"):
        suite(tmp_path, set={"search.seed": 3}).recipe("skin", seed=0)


def test_an_unknown_suite_names_the_nearest(tmp_path):
    """And all that ship."""
    with pytest.raises(UsageError) as caught:
        load("smok")
    assert "Did you mean 'smoke'?" in caught.value.hint
