"""Where choices come from: replayed, drawn by chance, recorded; and what is offered and tried first."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automed.errors import RecipeError, UsageError
from automed.models import kinds_of, offered, suited, title
from automed.models.known_good import known_good
from automed.models.space import FixedSpace, RandomSpace, Recorder, Scope, Space
from automed.recipe import Recipe

seeds = st.integers(0, 2**32 - 1)


def ask_everything(space: Space) -> list[object]:
    """A builder that uses each verb, a scope, and a condition."""
    answers: list[object] = [space.choice("name", ("a", "b", None, 3, 0.5, True)), space.bool("flag")]
    if space.bool("flag"):
        answers.append(space.scope("inner").scope("most").int("count", 2, 8, step=3))
    answers += [space.int("units", 1, 512, log=True), space.float("rate", 1e-4, 1e-1, log=True)]
    return [*answers, space.float("share", -1.0, 1.0)]


@given(seeds)
def test_what_was_recorded_can_be_replayed(seed: int) -> None:
    """FixedSpace over a Recorder's choices gives every answer again."""
    recorder = Recorder(RandomSpace(seed))
    first = ask_everything(recorder)
    again = Recorder(FixedSpace(recorder.choices))
    assert ask_everything(again) == first
    assert again.choices == recorder.choices
    assert list(again.choices) == list(recorder.choices)


@given(seeds)
def test_the_same_seed_draws_the_same_values(seed: int) -> None:
    """Randomness flows from the seed alone."""
    assert ask_everything(RandomSpace(seed)) == ask_everything(RandomSpace(seed))


@given(seeds, st.integers(-50, 50), st.integers(0, 50), st.integers(1, 7))
def test_whole_numbers_stay_on_their_steps(seed: int, low: int, span: int, step: int) -> None:
    """A drawn whole number is one that FixedSpace accepts."""
    drawn = RandomSpace(seed).int("n", low, low + span, step)
    assert FixedSpace({"n": drawn}).int("n", low, low + span, step) == drawn


@given(seeds, st.floats(1e-6, 1e6), st.floats(1.0, 1e6), st.booleans())
def test_numbers_stay_between_their_bounds(seed: int, low: float, ratio: float, log: bool) -> None:
    """Both bounds hold, for even and for logarithmic draws."""
    drawn = RandomSpace(seed).float("x", low, low * ratio, log=log)
    assert low <= drawn <= low * ratio


def test_logarithmic_draws_weigh_orders_of_magnitude_alike() -> None:
    """Half of the draws from 1e-4 to 1e-2 lie under 1e-3; an even draw would put nine in a hundred there."""
    draws = [RandomSpace(seed).float("x", 1e-4, 1e-2, log=True) for seed in range(400)]
    assert 0.4 < sum(draw < 1e-3 for draw in draws) / 400 < 0.6
    whole = [RandomSpace(seed).int("n", 1, 100, log=True) for seed in range(400)]
    assert 0.4 < sum(draw <= 9 for draw in whole) / 400 < 0.6
    assert min(whole) == 1 and max(whole) <= 100


def test_a_name_has_one_answer() -> None:
    """Asked twice, a name keeps its value; asked with other options, it is an error of the builder."""
    space = RandomSpace(0)
    assert space.float("x", 0.0, 1.0) == space.float("x", 0.0, 1.0)
    with pytest.raises(UsageError, match="x was asked twice"):
        space.float("x", 0.0, 2.0)


def test_a_scope_puts_its_prefix_before_names() -> None:
    """Scopes nest with dots."""
    recorder = Recorder(FixedSpace({"cnn.stem.width": 16}))
    assert recorder.scope("cnn").scope("stem").choice("width", (8, 16)) == 16
    assert recorder.choices == {"cnn.stem.width": 16}


def test_a_missing_name_is_told_with_the_nearest_one() -> None:
    """A typo in stored choices can be found."""
    with pytest.raises(UsageError, match=r"cnn\.width is missing\n.*'cnn\.widht'"):
        FixedSpace({"cnn.widht": 16}).choice("cnn.width", (16, 32))


@pytest.mark.parametrize(
    ("value", "ask"),
    [
        (3, lambda space: space.choice("x", (1, 2))),
        (True, lambda space: space.choice("x", (1, 2))),
        (1, lambda space: space.choice("x", (True, False))),
        (9, lambda space: space.int("x", 1, 8)),
        (4, lambda space: space.int("x", 1, 8, 2)),
        (2.0, lambda space: space.int("x", 1, 8)),
        (True, lambda space: space.int("x", 0, 8)),
        (1.1, lambda space: space.float("x", 0.0, 1.0)),
        ("0.5", lambda space: space.float("x", 0.0, 1.0)),
        (math.nan, lambda space: space.float("x", 0.0, 1.0)),
        (1, lambda space: space.bool("x")),
    ],
)
def test_a_value_that_is_not_offered_is_refused(value: object, ask: object) -> None:
    """The message names the choice and the value that was wrong."""
    with pytest.raises(UsageError, match="x must be") as caught:
        ask(FixedSpace({"x": value}))  # type: ignore[operator,dict-item]
    assert repr(value) in str(caught.value)


def test_every_space_has_the_verbs() -> None:
    """The classes here are Spaces, as engines must be."""
    fixed = FixedSpace({})
    assert all(isinstance(space, Space) for space in (fixed, RandomSpace(0), Recorder(fixed), Scope(fixed, "a")))


def recipe(*architectures: str, backbones: tuple[str, ...] = ("SqueezeNet",)) -> Recipe:
    """A recipe that names these architectures."""
    return Recipe.model_validate(
        {
            "name": "offers",
            "data": {"source": "phantom"},
            "inputs": {"lesion": {"kind": "image"}},
            "search": {"architectures": architectures},
            "pretrained": {"backbones": backbones},
        }
    )


IMAGE, COLUMNS = {"kind": "image"}, {"kind": "tabular"}
SIGNAL, COURSE = {"kind": "signal", "irregular": False}, {"kind": "signal", "irregular": True}


def test_each_input_is_offered_what_suits_it() -> None:
    """Of the architectures that the recipe names, in its order; of all that suit where it names none."""
    named = recipe("mlp", "resnet", "cnn")
    assert offered(named, {"lesion": IMAGE, "person": COLUMNS}) == {"lesion": ("resnet", "cnn"), "person": ("mlp",)}
    alone = offered(recipe(), {"lesion": IMAGE, "ecg": SIGNAL, "course": COURSE})
    assert alone == {
        "lesion": ("cnn", "resnet", "mobilenet"),
        "ecg": suited("signal"),
        "course": suited("signal", irregular=True),
    }
    assert "grud" in alone["course"] and "grud" not in alone["ecg"]
    assert kinds_of("gru") == ("signal", "text", "sequence") and kinds_of("grud") == ("signal",)


def test_an_input_without_an_architecture_is_refused() -> None:
    """So is an architecture without an input, and a name that does not exist."""
    with pytest.raises(RecipeError, match=r"none that suits the tabular input 'person'\n.*mlp"):
        offered(recipe("cnn"), {"lesion": IMAGE, "person": COLUMNS})
    with pytest.raises(RecipeError, match="'gru', which suits no input"):
        offered(recipe("cnn", "gru"), {"lesion": IMAGE})
    with pytest.raises(RecipeError, match="none that suits the signal input"):
        offered(recipe("grud"), {"ecg": SIGNAL})
    with pytest.raises(UsageError, match="no architecture is called 'grue'"):
        offered(recipe("gru", "grue"), {"ecg": SIGNAL})


def test_a_title_names_the_architectures() -> None:
    """One as it is, several in the order of the inputs."""
    assert title({"architecture": "cnn", "cnn.depth": 3}) == "cnn"
    assert title({"lesion.architecture": "cnn", "lesion.pool": "max", "person.architecture": "mlp"}) == "cnn+mlp"
    with pytest.raises(UsageError, match="name no architecture"):
        title({"pool": "max"})


def test_known_good_choices_alternate_between_architectures() -> None:
    """A search of few trials meets every architecture before it meets one twice."""
    named = recipe("cnn", "resnet", "pretrained", backbones=("SqueezeNet", "MobileNetV3Small"))
    starts = known_good(named, {"lesion": IMAGE})
    assert [start["architecture"] for start in starts[:3]] == ["cnn", "resnet", "pretrained"]
    assert sum(start["architecture"] == "pretrained" for start in starts) == 4
    assert all(isinstance(value, str | int | float | bool) for start in starts for value in start.values())


def test_known_good_choices_of_several_inputs_are_few_combinations() -> None:
    """Each architecture of the richest input once with the small ones of the others, then as many larger ones."""
    starts = known_good(recipe(), {"course": COURSE, "lesion": IMAGE, "person": COLUMNS})
    small = ["grud+cnn+mlp", "gru+resnet+mlp", "cnn1d+mobilenet+mlp", "tcn+cnn+mlp"]
    assert [title(start) for start in starts] == small * 2
    assert all(start["fusion"] == "concat" and start["mix"] == "none" for start in starts)
    assert starts[0]["person.mlp.width"] != starts[4]["person.mlp.width"]
    rates = known_good(recipe("transformer", "mlp"), {"ecg": SIGNAL, "person": COLUMNS})
    assert {start["adamw.learning_rate"] for start in rates} == {1e-3}, "the most careful of its architectures"


def test_letters_with_a_place_are_tried_at_their_place_first() -> None:
    """Then anywhere, for a motif may move."""
    window = {"kind": "sequence", "shape": [60], "aligned": True, "embedding": None}
    assert [start["pool"] for start in known_good(recipe("cnn1d"), {"x": window})] == ["flatten", "attention"]
    assert next(start["pool"] for start in known_good(recipe("cnn1d"), {"x": {**window, "aligned": False}})) == "max"


def test_vectors_that_are_there_are_tried_first() -> None:
    """Published ones are tuned, then frozen; those of an alphabet come after learnt ones."""
    note = {"kind": "text", "embedding": {"cache": "x", "size": 50, "found": 9}}
    dna = {"kind": "sequence", "vectors": [[0.0] * 4], "embedding": None}
    for entry, expected in ((note, ["tuned", "frozen"]), (dna, ["learnt", "fixed"])):
        assert [start["embedding.vectors"] for start in known_good(recipe("gru"), {"x": entry})] == expected
