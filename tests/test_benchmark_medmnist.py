"""The suite of MedMNIST: all twelve flat sets, as their authors have them, with published figures beside."""

import pytest

from automed import pipeline, recipe
from automed.benchmark.suite import find, load
from automed.data.sources import medmnist

SUITE = load("medmnist", environ={"AUTOMED_DATA": "data"})
SETS = {one.name: one for one in medmnist.catalogue() if one.size == 28 and not one.name.endswith("3d")}
TASKS = {"multi-label, binary-class": "multilabel", "ordinal-regression": "ordinal"}  # else one class of several


def set_of(name: str) -> medmnist.Published:
    """The published set that a recipe of the suite reads."""
    data = SUITE.recipe(name, seed=0).data
    return SETS[data.name if data.source == "medmnist" else data.file.removesuffix(".npz")]


def test_every_flat_set_is_in_the_suite_once():
    """No set is forgotten, and none stands there twice."""
    assert sorted(set_of(entry.name).name for entry in SUITE.recipes) == sorted(SETS)


@pytest.mark.parametrize("name", [entry.name for entry in SUITE.recipes])
def test_a_recipe_has_the_classes_task_and_test_set_of_its_authors(name):
    """Else its figures could not stand beside published ones."""
    found, published = SUITE.recipe(name, seed=0), set_of(name)
    pipeline.check(found)
    assert list(found.data.classes) == [str(number) for number in range(published.classes)]
    assert all(each.name for each in found.data.classes.values())
    assert found.data.task == TASKS.get(published.task, "multiclass")
    assert (found.split.by, found.data.duplicates) == ("official", "drop")


def test_no_picture_is_mirrored_in_which_left_and_right_differ():
    """A mirrored left kidney is a right one; a mirrored chest has its heart on the wrong side."""
    for name in ("chest", "pneumonia", "organa", "organc", "organs"):
        assert not {"flip", "vertical_flip"} & set(SUITE.recipe(name, seed=0).train.augment)


def test_suites_that_hold_the_same_published_figure_agree():
    """One of them would be a slip of the pen."""
    here, there = ({entry.name: entry.published for entry in suite.recipes} for suite in (SUITE, load("medical")))
    shared = [
        (name, ours, theirs)
        for name in here.keys() & there.keys()
        for ours in here[name]
        for theirs in there[name]
        if ours.name == theirs.name
    ]
    assert len(shared) >= 10
    for name, ours, theirs in shared:
        assert ours.metrics == theirs.metrics, (name, ours.name)


@pytest.mark.parametrize(
    "file", sorted((find("medmnist").parent / "medmnist").glob("*.yaml")), ids=lambda file: file.stem
)
def test_a_recipe_of_the_suite_says_its_command_and_what_to_hold_it_against(file):
    """As the recipes do that ship on their own."""
    found = recipe.load(file)
    first, second = file.read_text(encoding="utf-8").splitlines()[:2]
    assert found.name == file.stem and found.title and found.intended_use and found.out_of_scope
    assert first == f"# automed search recipes/benchmarks/medmnist/{file.name}"
    assert "minutes on" in second and "test" in second
