"""What every search engine, sampler and pruner must do, on an objective that costs nothing."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any, get_args

import pytest

from automed import recipe
from automed.errors import MissingExtra
from automed.models.space import Space
from automed.recipe.schema import Search
from automed.run import Run
from automed.search import ENGINES

SAMPLERS = get_args(Search.model_fields["sampler"].annotation)
PRUNERS = get_args(Search.model_fields["pruner"].annotation)
HAS_TORCH = importlib.util.find_spec("torch") is not None


def engine_of(folder: Path, name: str = "optuna", *overrides: str) -> Any:
    folder.mkdir(exist_ok=True)
    loaded = recipe.load("skin", ("search.trials=12", "train.epochs=6", *overrides))
    return ENGINES.load(name)(loaded, Run(folder))


def draw(space: Space) -> tuple[float, dict[str, Any]]:
    """A conditional space with a known best: wide, rate near .01."""
    choices: dict[str, Any] = {"architecture": space.choice("architecture", ("wide", "deep"))}
    own = space.scope(choices["architecture"])
    choices["size"] = own.int("size", 1, 8) if choices["architecture"] == "wide" else own.choice("size", (1, 2))
    choices["rate"] = space.float("rate", 1e-4, 1.0, log=True)
    choices["norm"] = space.bool("norm")
    good = 0.4 * (choices["architecture"] == "wide") + 0.05 * choices["size"] - 0.1 * abs(choices["rate"] - 0.01)
    return good, choices


def finish_one(engine: Any) -> tuple[int, str, dict[str, Any]]:
    candidate = engine.propose()
    value, choices = draw(candidate.space)
    for epoch in range(1, 7):
        if candidate.report(epoch, value * epoch / 6):
            candidate.finish("pruned", value * epoch / 6)
            return candidate.number, "pruned", choices
    candidate.finish("complete", value)
    return candidate.number, "complete", choices


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # parts of Optuna announce that they are experimental
        yield


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_sampler_fills_a_budget_with_numbered_trials(sampler: str, tmp_path: Path) -> None:
    if sampler == "gp" and not HAS_TORCH:
        with pytest.raises(MissingExtra, match="PyTorch") as caught:
            engine_of(tmp_path, "optuna", "search.sampler=gp")
        assert "automed[torch]" in str(caught.value)
        return
    engine = engine_of(tmp_path, "optuna", f"search.sampler={sampler}")
    numbers = [finish_one(engine)[0] for _ in range(10)]
    assert numbers == list(range(10)) and engine.finished() == 10


@pytest.mark.parametrize("pruner", PRUNERS)
def test_each_pruner_gives_up_what_is_far_behind_or_nothing(pruner: str, tmp_path: Path) -> None:
    engine = engine_of(tmp_path, "optuna", f"search.pruner={pruner}", "search.sampler=random")
    states = [finish_one(engine)[1] for _ in range(16)]
    assert "complete" in states
    assert ("pruned" in states) == (pruner != "none")


@pytest.mark.parametrize("name", ENGINES)
class TestEveryEngine:
    def test_known_good_choices_are_tried_first(self, name: str, tmp_path: Path) -> None:
        engine = engine_of(tmp_path, name)
        first = {"architecture": "deep", "deep.size": 2, "rate": 0.05, "norm": True}
        engine.suggest_first(first)
        _, choices = draw(engine.propose().space)
        assert choices == {"architecture": "deep", "size": 2, "rate": 0.05, "norm": True}

    def test_every_conditional_choice_can_be_reached(self, name: str, tmp_path: Path) -> None:
        engine = engine_of(tmp_path, name, "search.sampler=random")
        seen = {finish_one(engine)[2]["architecture"] for _ in range(10)}
        assert seen == {"wide", "deep"}

    def test_the_same_seed_proposes_the_same(self, name: str, tmp_path: Path) -> None:
        one, two = engine_of(tmp_path / "one", name), engine_of(tmp_path / "two", name)
        assert [finish_one(one) for _ in range(10)] == [finish_one(two) for _ in range(10)]

    def test_an_open_trial_is_found_again_with_its_number_and_its_choices(self, name: str, tmp_path: Path) -> None:
        engine = engine_of(tmp_path, name)
        finish_one(engine)
        cut = engine.propose()
        _, choices = draw(cut.space)
        cut.report(1, 0.3)

        again = engine_of(tmp_path, name)
        assert again.finished() == 1
        (found,) = again.unfinished()
        assert found.number == cut.number
        assert draw(found.space)[1] == choices
        found.report(2, 0.4)
        found.finish("complete", 0.4)
        assert again.finished() == 2 and again.unfinished() == []

    def test_a_resumed_search_does_not_repeat_what_it_drew(self, name: str, tmp_path: Path) -> None:
        engine = engine_of(tmp_path, name, "search.sampler=random")
        before = [str(finish_one(engine)[2]) for _ in range(4)]
        Run(tmp_path).trials.write_text('{"event": "start", "number": 0}\n' * 4)
        again = engine_of(tmp_path, name, "search.sampler=random")
        after = [str(finish_one(again)[2]) for _ in range(4)]
        assert not set(before) & set(after)

    def test_a_failed_trial_costs_one_trial(self, name: str, tmp_path: Path) -> None:
        engine = engine_of(tmp_path, name)
        broken = engine.propose()
        draw(broken.space)
        broken.finish("failed", None)
        assert finish_one(engine)[0] == broken.number + 1
        assert engine.finished() == 2


def test_tpe_finds_the_better_half_of_the_space(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, "optuna", "search.pruner=none")
    drawn = [finish_one(engine)[2]["architecture"] for _ in range(24)]
    assert drawn[12:].count("wide") > 7
