"""What every search engine, sampler and pruner must do, on an objective that costs nothing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, get_args

import pytest

from automed import recipe
from automed.errors import MissingExtra, RecipeError, UsageError
from automed.models.space import FixedSpace, Recorder, Space
from automed.recipe.evaluate import Audit
from automed.recipe.schema import Search
from automed.run import Run
from automed.search import ENGINES
from automed.search.journal import Journal
from automed.search.leaderboard import contenders

PRUNERS = get_args(Search.model_fields["pruner"].annotation)
HAS_TORCH = importlib.util.find_spec("torch") is not None
WHOLE = {
    "optuna": ("random", "none"),
    "keras-tuner": ("random", "none"),
}  # sampler and pruner that train all to the end


def marked(name: str, *others: Any) -> Any:
    """A parameter of a test; Keras-Tuner imports TensorFlow, which takes seconds."""
    return pytest.param(name, *others, marks=pytest.mark.slow if name == "keras-tuner" else ())


every_engine = pytest.mark.parametrize("name", [marked(name) for name in ENGINES])
every_sampler = pytest.mark.parametrize(
    ("name", "sampler"), [marked(name, sampler) for name, own in Search.SAMPLERS.items() for sampler in own]
)


def engine_of(folder: Path, name: str = "optuna", *overrides: str) -> Any:
    folder.mkdir(exist_ok=True)
    loaded = recipe.load("skin", (f"search.engine={name}", "search.trials=12", "train.epochs=6", *overrides))
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


def draw_small(space: Space) -> tuple[float, str]:
    """Eleven candidates, in branches within branches; the best is deep, 3, with a gate that is shut."""
    if space.choice("architecture", ("wide", "deep")) == "wide":
        size = space.scope("wide").int("size", 2, 6, step=2)
        return 0.1 * size, f"wide {size}"
    size = space.scope("deep").int("size", 1, 3)
    if not space.bool("gate"):
        return 0.3 * size, f"deep {size} shut"
    kind = space.choice("kind", (None, 0.5)) if size == 2 else space.choice("other", ("a",))
    return 0.2 * size, f"deep {size} {kind}"


SMALL = {"wide 2", "wide 4", "wide 6"} | {f"deep {size} shut" for size in (1, 2, 3)}
SMALL |= {"deep 1 a", "deep 2 None", "deep 2 0.5", "deep 3 a"}


def finish_one(engine: Any, draw: Any = draw) -> tuple[int, str, Any]:
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


@every_sampler
def test_each_sampler_fills_a_budget_with_numbered_trials(name: str, sampler: str, tmp_path: Path) -> None:
    """Ten proposals are trials 0 to 9, and all count."""
    if sampler == "gp" and not HAS_TORCH:
        with pytest.raises(MissingExtra, match="PyTorch") as caught:
            engine_of(tmp_path, "optuna", "search.sampler=gp")
        assert "automed[torch]" in str(caught.value)
        return
    engine = engine_of(tmp_path, name, f"search.sampler={sampler}")
    numbers = [finish_one(engine)[0] for _ in range(10)]
    assert numbers == list(range(10)) and engine.finished() == 10


@pytest.mark.parametrize(
    ("name", "sampler", "pruner"),
    [("optuna", "random", pruner) for pruner in PRUNERS]
    + [marked("keras-tuner", sampler, "hyperband" if sampler == "hyperband" else "none")
       for sampler in Search.SAMPLERS["keras-tuner"]],
)  # fmt: skip
def test_each_pruner_gives_up_what_is_far_behind_or_nothing(
    name: str, sampler: str, pruner: str, tmp_path: Path
) -> None:
    """Some of sixteen are trained to the end, and some are given up unless the pruner is none."""
    engine = engine_of(tmp_path, name, f"search.pruner={pruner}", f"search.sampler={sampler}")
    states = [finish_one(engine)[1] for _ in range(16)]
    assert "complete" in states
    assert ("pruned" in states) == (pruner != "none")


@every_engine
class TestEveryEngine:
    def test_known_good_choices_are_tried_first(self, name: str, tmp_path: Path) -> None:
        """What is suggested comes before what is drawn, in its order."""
        engine = engine_of(tmp_path, name)
        engine.suggest_first({"architecture": "deep", "deep.size": 2, "rate": 0.05, "norm": True})
        engine.suggest_first({"architecture": "wide", "wide.size": 7, "rate": 0.5, "norm": False})
        _, choices = draw(engine.propose().space)
        assert choices == {"architecture": "deep", "size": 2, "rate": 0.05, "norm": True}
        _, choices = draw(engine.propose().space)
        assert choices == {"architecture": "wide", "size": 7, "rate": 0.5, "norm": False}

    def test_what_is_suggested_for_nobody_is_left_alone(self, name: str, tmp_path: Path) -> None:
        """A recipe that fixes a name does not ask for it; names that are not suggested are drawn."""
        engine = engine_of(tmp_path, name)
        engine.suggest_first({"architecture": "wide", "unheard": 3})
        _, choices = draw(engine.propose().space)
        assert choices["architecture"] == "wide" and 1 <= choices["size"] <= 8

    def test_suggestions_that_were_not_tried_outlive_a_kill(self, name: str, tmp_path: Path) -> None:
        """The second suggestion is the first candidate of the next session."""
        engine = engine_of(tmp_path, name)
        for size in (1, 2):
            engine.suggest_first({"architecture": "deep", "deep.size": size, "rate": 0.05, "norm": True})
        finish_one(engine)
        assert finish_one(engine_of(tmp_path, name))[2]["size"] == 2

    def test_every_conditional_choice_can_be_reached(self, name: str, tmp_path: Path) -> None:
        """Both branches are visited, though the engine knows of neither before."""
        engine = engine_of(tmp_path, name, *whole(name))
        seen = {finish_one(engine)[2]["architecture"] for _ in range(10)}
        assert seen == {"wide", "deep"}

    def test_branches_within_branches_can_be_reached(self, name: str, tmp_path: Path) -> None:
        """All ten candidates of a small space are met, whatever their depth and the types of their answers."""
        engine = engine_of(tmp_path, name, *whole(name))
        assert {finish_one(engine, draw_small)[2] for _ in range(120)} == SMALL

    def test_every_value_is_one_that_was_offered(self, name: str, tmp_path: Path) -> None:
        """Ranges hold both ends, steps are kept, and options keep their types."""
        engine = engine_of(tmp_path, name, *whole(name))
        for _ in range(40):
            candidate = engine.propose()
            space = Recorder(candidate.space)
            ask = ask_of_everything(space)
            assert ask_of_everything(FixedSpace(space.choices)) == ask
            assert [type(value) for value in ask] == [type(value) for value in ask_of_everything(candidate.space)]
            candidate.finish("complete", 0.5)

    def test_the_same_seed_proposes_the_same(self, name: str, tmp_path: Path) -> None:
        """Two runs of one recipe draw alike."""
        one, two = engine_of(tmp_path / "one", name), engine_of(tmp_path / "two", name)
        assert [finish_one(one) for _ in range(10)] == [finish_one(two) for _ in range(10)]

    def test_another_seed_proposes_others(self, name: str, tmp_path: Path) -> None:
        """The seed of the recipe is the one that draws."""
        one, two = engine_of(tmp_path / "one", name), engine_of(tmp_path / "two", name, "search.seed=1")
        assert [finish_one(one) for _ in range(3)] != [finish_one(two) for _ in range(3)]

    def test_an_open_trial_is_found_again_with_its_number_and_its_choices(self, name: str, tmp_path: Path) -> None:
        """A kill after an epoch costs nothing of what was chosen."""
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

    def test_a_trial_that_was_cut_while_it_asked_goes_on(self, name: str, tmp_path: Path) -> None:
        """What it had been told stands, and the rest is asked for."""
        engine = engine_of(tmp_path, name)
        told = engine.propose().space.choice("architecture", ("wide", "deep"))
        (found,) = engine_of(tmp_path, name).unfinished()
        assert draw(found.space)[1]["architecture"] == told

    def test_several_open_trials_come_back_oldest_first(self, name: str, tmp_path: Path) -> None:
        """Each under its number, and none under two."""
        engine = engine_of(tmp_path, name, *whole(name))
        cut = [engine.propose() for _ in range(3)]
        choices = [draw(candidate.space)[1] for candidate in cut]
        again = engine_of(tmp_path, name, *whole(name))
        assert [found.number for found in again.unfinished()] == [0, 1, 2]
        assert [draw(found.space)[1] for found in again.unfinished()] == choices
        assert again.propose().number == 3

    def test_a_resumed_search_does_not_repeat_what_it_drew(self, name: str, tmp_path: Path) -> None:
        """The second session draws on, and does not begin again."""
        engine = engine_of(tmp_path, name, *whole(name))
        before = [str(finish_one(engine)[2]) for _ in range(4)]
        Run(tmp_path).trials.write_text('{"event": "start", "number": 0}\n' * 4)
        again = engine_of(tmp_path, name, *whole(name))
        after = [str(finish_one(again)[2]) for _ in range(4)]
        assert not set(before) & set(after)

    def test_a_failed_trial_costs_one_trial(self, name: str, tmp_path: Path) -> None:
        """The next has the next number."""
        engine = engine_of(tmp_path, name)
        broken = engine.propose()
        draw(broken.space)
        broken.finish("failed", None)
        assert finish_one(engine)[0] == broken.number + 1
        assert engine.finished() == 2

    def test_many_failures_in_a_row_cost_as_many_trials(self, name: str, tmp_path: Path) -> None:
        """Before their first question, among them, and in mid-training; the search goes on."""
        engine = engine_of(tmp_path, name)
        for turn in range(6):
            broken = engine.propose()
            if turn % 3:
                broken.space.choice("architecture", ("wide", "deep"))
            if turn % 3 == 2:
                draw(broken.space)
                broken.report(1, 0.2)
            broken.finish("failed", 0.2 if turn % 3 == 2 else None)
        assert finish_one(engine)[0] == 6
        assert engine.finished() == 7

    def test_several_candidates_are_open_at_once(self, name: str, tmp_path: Path) -> None:
        """Workers ask, report and end in any order."""
        engine = engine_of(tmp_path, name, *whole(name))
        candidates = [engine.propose() for _ in range(4)]
        values = [draw(candidate.space)[0] for candidate in reversed(candidates)][::-1]
        for epoch in (1, 2):
            assert not any(c.report(epoch, value) for c, value in zip(candidates, values, strict=True))
        for candidate, value in zip(candidates[::-1], values[::-1], strict=True):
            candidate.finish("complete", value)
        assert [candidate.number for candidate in candidates] == [0, 1, 2, 3] and engine.finished() == 4

    def test_the_best_by_macro_f1_wins_and_is_rebuilt_from_its_choices(self, name: str, tmp_path: Path) -> None:
        """The leaderboard's first has the highest score of all; FixedSpace replays what the engine answered."""
        engine, journal, values = engine_of(tmp_path, name, *whole(name)), Journal(Run(tmp_path)), []
        for _ in range(12):
            candidate = engine.propose()
            space = Recorder(candidate.space)
            value, _ = draw(space)
            number, architecture = candidate.number, space.choices["architecture"]
            candidate.report(1, value)
            candidate.finish("complete", value)
            journal.write("start", number=number, architecture=architecture, choices=space.choices, parameters=1)
            journal.write("epoch", number=number, epoch=1, best=value, best_epoch=1, seconds=1.0)
            journal.write("end", number=number, state="complete", reason="")
            values.append(value)
        best = contenders(Run(tmp_path), Audit())[0]
        assert best.macro_f1 == max(values) == values[best.number]
        assert draw(FixedSpace(best.choices))[0] == best.macro_f1

    def test_two_questions_of_one_name_are_refused(self, name: str, tmp_path: Path) -> None:
        """A name stands for one question; the candidate that breaks this fails, and says so."""
        engine = engine_of(tmp_path, name)
        space = engine.propose().space
        space.choice("architecture", ("wide", "deep"))
        with pytest.raises((UsageError, ValueError)):
            space.choice("architecture", ("wide", "deep", "flat"))


def whole(name: str) -> tuple[str, str]:
    """Overrides under which candidates are drawn at random and none is given up."""
    return f"search.sampler={WHOLE[name][0]}", f"search.pruner={WHOLE[name][1]}"


def ask_of_everything(space: Space) -> list[Any]:
    """One question of each kind."""
    return [
        space.choice("mixed", (None, True, 1, 1.0, "1")),
        space.choice("flags", (False, True)),
        space.choice("numbers", (1.0, 1.5)),
        space.choice("sole", ("only",)),
        space.int("steps", 3, 12, step=3),
        space.int("orders", 1, 1000, log=True),
        space.int("fixed", 2, 2),
        space.float("share", 0.0, 0.3),
        space.float("rate", 3e-4, 1e-2, log=True),
        space.bool("norm"),
    ]


def test_tpe_finds_the_better_half_of_the_space(tmp_path: Path) -> None:
    """Half-way, three of five candidates are of the better architecture."""
    engine = engine_of(tmp_path, "optuna", "search.pruner=none")
    drawn = [finish_one(engine)[2]["architecture"] for _ in range(24)]
    assert drawn[12:].count("wide") > 7


@pytest.mark.parametrize(
    ("overrides", "sampler", "pruner"),
    [
        ((), "tpe", "hyperband"),
        (("search.engine=keras-tuner",), "hyperband", "hyperband"),
        (("search.engine=keras-tuner", "search.sampler=bayesian"), "bayesian", "none"),
        (("search.engine=keras-tuner", "search.sampler=grid", "search.pruner=none"), "grid", "none"),
    ],
)
def test_what_a_recipe_leaves_out_goes_with_its_engine(overrides: tuple[str, ...], sampler: str, pruner: str) -> None:
    """The resolved recipe says what will be done, and is itself a recipe."""
    search = recipe.load("skin", overrides).search
    assert (search.sampler, search.pruner) == (sampler, pruner)
    assert Search.model_validate(search.model_dump()) == search


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ("search.engine=keras-tuner", "search.sampler=tpe"),
            "'tpe' is no sampler of keras-tuner, which has hyperband",
        ),
        (("search.sampler=grid",), "'grid' is no sampler of optuna, which has tpe, random, gp, cmaes and nsga2"),
        (("search.engine=keras-tuner", "search.pruner=asha"), "'asha' does not go with the sampler hyperband"),
        (
            ("search.engine=keras-tuner", "search.sampler=random", "search.pruner=hyperband"),
            "'hyperband' does not go with the sampler random of keras-tuner, only 'none' does",
        ),
    ],
)
def test_a_sampler_or_pruner_of_another_engine_is_refused(overrides: tuple[str, ...], said: str) -> None:
    """The message names the key, the engine and what it has."""
    with pytest.raises(RecipeError) as caught:
        recipe.load("skin", overrides)
    assert said in str(caught.value)
    assert str(caught.value.where).startswith("--set search.")


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_its_samplers_in_the_recipe(name: str) -> None:
    """The table of engines and the recipe name the same."""
    assert set(Search.SAMPLERS) == set(ENGINES)
    assert set(Search.SAMPLERS[name]) <= set(get_args(Search.model_fields["sampler"].annotation))


# --- Keras-Tuner alone --------------------------------------------------------------------------------------------


@pytest.mark.slow
class TestKerasTuner:
    def test_the_gaussian_process_finds_the_better_half_of_the_space(self, tmp_path: Path) -> None:
        """After its random beginning it keeps to the better architecture."""
        engine = engine_of(tmp_path, "keras-tuner", "search.sampler=bayesian")
        drawn = [finish_one(engine)[2]["architecture"] for _ in range(16)]
        assert drawn[8:].count("wide") > 5

    @pytest.mark.parametrize("restarts", [False, True])
    def test_a_grid_is_walked_to_its_end_and_no_further(self, restarts: bool, tmp_path: Path) -> None:
        """Every candidate once, branches that were unknown at the start and restarts included; then None."""
        engine = engine_of(tmp_path, "keras-tuner", "search.sampler=grid")
        met = []
        while (candidate := engine.propose()) is not None:
            value, told = draw_small(candidate.space)
            candidate.report(1, value)
            candidate.finish("complete", value)
            met.append(told)
            if restarts:
                engine = engine_of(tmp_path, "keras-tuner", "search.sampler=grid")
        assert sorted(met) == sorted(SMALL)
        assert engine_of(tmp_path, "keras-tuner", "search.sampler=grid").propose() is None

    def test_a_grid_tries_every_architecture_early(self, tmp_path: Path) -> None:
        """A budget that does not last for the grid has not spent itself on the last question."""
        engine = engine_of(tmp_path, "keras-tuner", "search.sampler=grid")
        assert [finish_one(engine)[2]["architecture"] for _ in range(2)] == ["wide", "deep"]

    def test_a_grid_does_not_try_again_what_was_suggested(self, tmp_path: Path) -> None:
        """A suggestion is a candidate like others."""
        engine = engine_of(tmp_path, "keras-tuner", "search.sampler=grid")
        engine.suggest_first({"architecture": "deep", "deep.size": 2, "gate": True, "kind": None})
        met = []
        while (candidate := engine.propose()) is not None:
            met.append(draw_small(candidate.space)[1])
            candidate.finish("complete", 0.5)
        assert met[0] == "deep 2 None" and sorted(met) == sorted(SMALL)

    def test_workers_share_a_grid(self, tmp_path: Path) -> None:
        """Nobody waits longer than until the first question is answered, and nothing is tried twice."""
        engine = engine_of(tmp_path, "keras-tuner", "search.sampler=grid")
        first = engine.propose()
        assert engine.propose() is None  # nobody has asked anything yet
        met, running = [], [first]
        while running:
            met.append(draw_small(running[0].space)[1])
            while len(running) < 3 and (candidate := engine.propose()) is not None:
                running.append(candidate)
            running.pop(0).finish("complete", 0.5)
        assert sorted(met) == sorted(SMALL)

    def test_a_place_of_the_grid_is_not_lost_with_a_worker_that_died_at_its_start(self, tmp_path: Path) -> None:
        """What failed before it was asked anything is proposed again."""
        engine = engine_of(tmp_path, "keras-tuner", "search.sampler=grid")
        met = []
        while (candidate := engine.propose()) is not None:
            if candidate.number % 2:
                candidate.finish("failed", None)
                continue
            met.append(draw_small(candidate.space)[1])
            candidate.finish("complete", 0.5)
        assert sorted(met) == sorted(SMALL)

    @pytest.mark.parametrize("sampler", ["hyperband", "random", "bayesian"])
    def test_a_small_space_is_searched_whole_and_then_drawn_from(self, sampler: str, tmp_path: Path) -> None:
        """Nothing is tried twice while something else is found at once; an exhausted space ends no search."""
        engine = engine_of(tmp_path, "keras-tuner", f"search.sampler={sampler}")
        met = [finish_one(engine, draw_small)[2] for _ in range(16)]
        assert len(set(met[:8])) == 8
        assert len(set(met)) >= 9

    def test_only_the_best_third_passes_a_rung(self, tmp_path: Path) -> None:
        """Of candidates that arrive from best to worst, the first goes on, and each third place opens another."""
        engine = engine_of(tmp_path, "keras-tuner")
        kept = []
        for turn in range(5):
            candidate = engine.propose()
            draw(candidate.space)
            assert not candidate.report(1, 0.9)
            kept.append(not candidate.report(2, 0.9 - turn / 10))
            candidate.finish("complete" if kept[-1] else "pruned", 0.9)
        assert kept == [True, False, False, False, False]

    def test_rungs_outlive_a_kill(self, tmp_path: Path) -> None:
        """Rivals of an earlier session count."""
        engine = engine_of(tmp_path, "keras-tuner")
        candidate = engine.propose()
        draw(candidate.space)
        assert not candidate.report(2, 0.9)
        candidate.finish("complete", 0.9)
        candidate = engine_of(tmp_path, "keras-tuner").propose()
        draw(candidate.space)
        assert candidate.report(2, 0.5)

    def test_an_objective_that_no_worker_reports_is_told_before_the_first_epoch(self, tmp_path: Path) -> None:
        """The recipe allows macro_f1 alone; the engine holds its oracle to it as well."""
        loaded = recipe.load("skin", ("search.engine=keras-tuner",))
        other = loaded.model_copy(update={"search": loaded.search.model_copy(update={"objective": "macro_f2"})})
        with pytest.raises(RecipeError, match=r"search\.objective must be macro_f1, got 'macro_f2'"):
            ENGINES.load("keras-tuner")(other, Run(tmp_path))

    def test_a_kill_between_two_files_loses_no_candidate(self, tmp_path: Path) -> None:
        """A trial that was written, but not handed out, is made again under its number."""
        engine = engine_of(tmp_path, "keras-tuner")
        finish_one(engine)
        before = Run(tmp_path).keras_tuner / "oracle.json"
        kept = before.read_bytes()
        lost = draw(engine.propose().space)[1]
        before.write_bytes(kept)
        again = engine_of(tmp_path, "keras-tuner")
        assert again.unfinished() == []
        candidate = again.propose()
        assert candidate.number == 1 and draw(candidate.space)[1] == lost

    def test_the_files_are_keras_tuners(self, tmp_path: Path) -> None:
        """Its own oracle opens them, and ranks the trials as we do."""
        import keras_tuner

        engine = engine_of(tmp_path, "keras-tuner", "search.sampler=random")
        scores = {}
        for _ in range(5):
            number, _, choices = finish_one(engine)
            scores[number] = draw(FixedSpace({**choices, f"{choices['architecture']}.size": choices["size"]}))[0]
        theirs = keras_tuner.oracles.RandomSearchOracle(keras_tuner.Objective("macro_f1", "max"))
        theirs._set_project_dir(tmp_path, "keras_tuner")
        theirs.reload()
        ranked = [int(trial.trial_id) for trial in theirs.get_best_trials(5)]
        assert ranked == sorted(scores, key=lambda number: -scores[number])

    def test_values_that_were_not_asked_for_are_not_kept(self, tmp_path: Path) -> None:
        """The size of a deep network is no value of a wide one, so that it misleads no oracle."""
        engine = engine_of(tmp_path, "keras-tuner", "search.sampler=random")
        for _ in range(6):
            number, _, choices = finish_one(engine)
            file = Run(tmp_path).keras_tuner / f"trial_{number:04d}" / "trial.json"
            kept = json.loads(file.read_text())["hyperparameters"]["values"]
            assert set(kept) == {"architecture", f"{choices['architecture']}.size", "rate", "norm"}

    def test_no_device_is_touched(self, tmp_path: Path) -> None:
        """GPUs stay with the workers: TensorFlow is imported, its context is not begun."""
        if importlib.util.find_spec("tensorflow") is None:
            pytest.skip("needs TensorFlow")
        code = (
            "import sys, warnings\n"
            "warnings.simplefilter('ignore')\n"
            "from pathlib import Path\n"
            "from automed import recipe\n"
            "from automed.run import Run\n"
            "from automed.search import ENGINES\n"
            "loaded = recipe.load('skin', ('search.engine=keras-tuner',))\n"
            "engine = ENGINES.load('keras-tuner')(loaded, Run(Path(sys.argv[1])))\n"
            "engine.propose().space.bool('norm')\n"
            "from tensorflow.python.eager import context\n"
            "assert not context.context()._initialized\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "what TensorFlow says at its import is kept off the terminal"
