"""Shapley values: closed forms, the laws they are defined by, and what happens where an explainer cannot."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automed.explain.attribution import NotApplicable
from automed.explain.shap import coalitions, deep, expected_gradients, sampler
from automed.explain.shap.choice import choose
from automed.explain.shap.library import seeded
from automed.explain.shap.method import explain
from automed.explain.subject import InputSpec, Subject
from automed.recipe.explain import Explain

pytestmark = pytest.mark.slow

EXPLAINERS = ("exact", "permutation", "kernel")
Game = Callable[[npt.NDArray[Any]], npt.NDArray[np.float64]]


# ---- games without a model ----------------------------------------------------------------------------------------


def random_game(p: int, seed: int) -> tuple[Game, npt.NDArray[np.float64]]:
    """Any game at all of p players: a number for each of the 2^p coalitions."""
    table = np.random.default_rng(seed).normal(size=2**p)
    places = 2 ** np.arange(p)
    return (lambda rows: table[(np.asarray(rows) > 0.5) @ places]), table


def by_definition(table: npt.NDArray[np.float64], p: int) -> npt.NDArray[np.float64]:
    """Shapley's formula, term by term."""
    values = np.zeros(p)
    for i in range(p):
        others = [j for j in range(p) if j != i]
        for size in range(p):
            weight = math.factorial(size) * math.factorial(p - size - 1) / math.factorial(p)
            for members in itertools.combinations(others, size):
                place = sum(2**j for j in members)
                values[i] += weight * (table[place + 2**i] - table[place])
    return values


@settings(max_examples=15, deadline=None)
@given(p=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_exact_values_are_those_of_the_definition(p: int, seed: int) -> None:
    """All coalitions asked, the values are Shapley's formula."""
    game, table = random_game(p, seed)
    np.testing.assert_allclose(coalitions.solve(p, game, "exact", 16, 0), by_definition(table, p), rtol=1e-9, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    p=st.integers(1, 12), seed=st.integers(0, 10**6), explainer=st.sampled_from(EXPLAINERS), samples=st.integers(16, 99)
)
def test_values_add_up_however_few_samples(p: int, seed: int, explainer: str, samples: int) -> None:
    """Efficiency: what all players bring together is shared out, to the last digit."""
    game, table = random_game(p, seed)
    values = coalitions.solve(p, game, explainer, samples, seed)
    assert values.sum() == pytest.approx(table[-1] - table[0], abs=1e-8)


@settings(max_examples=15, deadline=None)
@given(p=st.integers(2, 7), seed=st.integers(0, 10**6), explainer=st.sampled_from(("exact", "permutation")))
def test_a_player_that_changes_nothing_gets_nothing(p: int, seed: int, explainer: str) -> None:
    """Dummy: the last player is not looked at, and its value is 0, sampled or not."""
    inner, _ = random_game(p - 1, seed)
    values = coalitions.solve(p, lambda rows: inner(np.asarray(rows)[:, :-1]), explainer, 60, seed)
    assert values[-1] == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(p=st.integers(2, 6), seed=st.integers(0, 10**6))
def test_players_that_can_be_swapped_get_the_same(p: int, seed: int) -> None:
    """Symmetry: a game that only counts its members pays each of them the same."""
    worth = np.random.default_rng(seed).normal(size=p + 1)
    values = coalitions.solve(p, lambda rows: worth[np.asarray(rows).astype(int).sum(axis=1)], "exact", 16, 0)
    np.testing.assert_allclose(values, (worth[-1] - worth[0]) / p, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(p=st.integers(2, 20), seed=st.integers(0, 10**6))
def test_one_pair_of_orders_is_exact_where_only_pairs_interact(p: int, seed: int) -> None:
    """An order and its reverse together are exact up to interactions of two: antithetic sampling at work."""
    random = np.random.default_rng(seed)
    alone, pairs = random.normal(size=p), np.triu(random.normal(size=(p, p)), 1)

    def game(rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        z = np.asarray(rows, np.float64)
        return np.asarray(z @ alone + np.einsum("mi,ij,mj->m", z, pairs, z))

    found = coalitions.solve(p, game, "permutation", 16, seed)
    np.testing.assert_allclose(found, alone + (pairs.sum(axis=0) + pairs.sum(axis=1)) / 2, atol=1e-9)


def test_the_plan_holds_whatever_will_be_asked() -> None:
    """Coalitions are collected before the model is asked: none twice, the empty and the full one among them."""
    for explainer in EXPLAINERS:
        plan = coalitions.planned(9, explainer, 100, 3)
        assert len(np.unique(plan, axis=0)) == len(plan)
        assert (plan.sum(axis=1) == 0).any()
        assert (plan.sum(axis=1) == 9).any()
    assert len(coalitions.planned(9, "exact", 100, 3)) == 2**9


def test_other_chance_is_left_alone() -> None:
    """SHAP draws from NumPy's global generator, which a fit may be using."""
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    with seeded(0):
        np.random.random(10)  # noqa: NPY002
    coalitions.planned(5, "permutation", 100, 1)
    assert np.random.random() == expected  # noqa: NPY002


# ---- models whose values are known --------------------------------------------------------------------------------


def table(columns: int) -> InputSpec:
    features = [{"name": f"column {k}", "kind": "number", "mean": 0.0, "std": 1.0} for k in range(columns)]
    return InputSpec("table", "tabular", (columns,), "float32", {"features": features})


def linear(weights: list[list[float]], bias: list[float]) -> Any:
    """Answers that are linear in the columns: not softmax, so that Shapley values have a closed form."""
    layer = keras.layers.Dense(len(bias))
    model = keras.Sequential([keras.Input((len(weights),), name="table"), layer])
    layer.set_weights([np.array(weights, np.float32), np.array(bias, np.float32)])
    return model


WEIGHTS = np.array([[0.1, -0.1], [0.0, 0.0], [-0.05, 0.05]])


@pytest.fixture(scope="module")
def straight() -> Subject:
    return Subject(linear(WEIGHTS.tolist(), [0.5, 0.5]), (table(3),), ("a", "b"))


@pytest.fixture(scope="module")
def product() -> Subject:
    """.2 + .4 x0 x1 + .1 x2 for class 1."""
    x = keras.Input((3,), name="table")
    y = 0.2 + 0.4 * x[:, 0:1] * x[:, 1:2] + 0.1 * x[:, 2:3]
    return Subject(keras.Model(x, y), (table(3),), ("no", "yes"))


@pytest.fixture(scope="module")
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("explainer", ["auto", *EXPLAINERS, "gradient"])
def test_a_linear_model_has_the_values_of_the_closed_form(
    straight: Subject, random: np.random.Generator, explainer: str
) -> None:
    """weight x (value - mean of the background), by whichever explainer."""
    x, background = (random.normal(size=(n, 3)).astype(np.float32) for n in (5, 8))
    classes = np.array([0, 1, 0, 1, 1])
    found = explain(
        straight, {"table": x}, {"table": background}, classes, Explain(explainer=explainer, samples=4000), 1
    )
    expected = WEIGHTS.T[classes] * (x - background.mean(axis=0))
    tolerance = 0.02 if explainer == "gradient" else 1e-5
    np.testing.assert_allclose(found.values["table"], expected, atol=tolerance)
    assert found.gap is not None and found.gap.max() < tolerance
    assert found.reason


def test_an_interaction_is_shared_by_the_two_that_interact(product: Subject) -> None:
    """Of a product each factor gets half, and the other class the opposite."""
    records, background = (
        {"table": np.array([[1.0, 0.5, -1.0]] * 2, np.float32)},
        {"table": np.zeros((1, 3), np.float32)},
    )
    found = explain(product, records, background, np.array([1, 0]), Explain(), 0)
    np.testing.assert_allclose(found.values["table"], [[0.1, 0.1, -0.1], [-0.1, -0.1, 0.1]], atol=1e-6)
    np.testing.assert_allclose(found.base, [0.2, 0.8], atol=1e-6)
    np.testing.assert_allclose(found.output, [0.3, 0.7], atol=1e-6)
    assert found.explainer == "shap.ExactExplainer"
    assert "3 columns" in found.reason


def test_a_record_does_not_depend_on_its_company(straight: Subject, random: np.random.Generator) -> None:
    """Explained alone or among others, with few samples, a record has the same values."""
    x, background = (random.normal(size=(n, 3)).astype(np.float32) for n in (4, 6))
    for explainer in ("permutation", "kernel", "gradient"):
        asked = Explain(explainer=explainer, samples=20)
        together = explain(straight, {"table": x}, {"table": background}, np.zeros(4, np.int64), asked, 0)
        alone = explain(straight, {"table": x[2:3]}, {"table": background}, np.zeros(1, np.int64), asked, 0)
        np.testing.assert_allclose(together.values["table"][2], alone.values["table"][0], atol=1e-6)


def test_a_record_like_the_background_has_nothing_to_explain(straight: Subject) -> None:
    """A constant input, and a background of one record that is the same: zeros that add up."""
    x = np.full((1, 3), 0.7, np.float32)
    for explainer in ("exact", "permutation", "kernel", "gradient"):
        found = explain(straight, {"table": x}, {"table": x}, np.array([0]), Explain(explainer=explainer), 0)
        np.testing.assert_allclose(found.values["table"], 0.0, atol=1e-6)
        assert found.gap is not None and found.gap[0] < 1e-6


def test_a_class_that_is_never_predicted_has_values_too() -> None:
    """Its probability is 0 whatever is shown: zeros, and no division by them."""
    subject = Subject(linear([[0.1, 0.0]] * 3, [0.5, 0.0]), (table(3),), ("common", "never"))
    x = np.ones((2, 3), np.float32)
    for explainer in ("exact", "kernel", "gradient"):
        found = explain(subject, {"table": x}, {"table": 0 * x}, np.array([1, 1]), Explain(explainer=explainer), 0)
        assert found.explainer != ""
        np.testing.assert_array_equal(found.values["table"], 0.0)


def test_no_records_are_explained_by_nothing(straight: Subject) -> None:
    """An empty choice of cases is no error."""
    nothing = np.zeros((0, 3), np.float32)
    for explainer in ("exact", "gradient"):
        found = explain(
            straight, {"table": nothing}, {"table": np.zeros((2, 3), np.float32)}, np.zeros(0, np.int64),
            Explain(explainer=explainer), 0,
        )  # fmt: skip
        assert found.values["table"].shape == (0, 3)


# ---- which explainer, and what instead ----------------------------------------------------------------------------


def subject_of(*specs: InputSpec) -> Subject:
    return Subject(None, specs, ("a", "b"))


IMAGE = InputSpec("image", "image", (8, 8, 1), "uint8", {})
REGULAR = InputSpec("ecg", "signal", (20, 2), "float32", {})
IRREGULAR = InputSpec("icu", "signal", (20, 6), "float32", {"roles": ["value"] * 2 + ["mask"] * 2 + ["elapsed"] * 2})
TEXT = InputSpec("note", "text", (30,), "int32", {})


@pytest.mark.parametrize(
    ("specs", "explainer"),
    [
        ((IMAGE,), "gradient"),
        ((REGULAR,), "gradient"),
        ((IRREGULAR,), "permutation"),
        ((TEXT,), "permutation"),
        ((table(10),), "exact"),
        ((table(11),), "permutation"),
        ((IMAGE, table(3)), "permutation"),
    ],
)
def test_the_inputs_choose_the_explainer(specs: tuple[InputSpec, ...], explainer: str) -> None:
    """Each kind has one that suits, a sentence that says why, and one at the end that can explain any model."""
    choices = choose(subject_of(*specs), "auto", 40)
    assert choices[0].explainer == explainer
    assert choices[-1].explainer == "permutation"
    assert all(len(choice.reason) > 20 for choice in choices)


def test_what_is_asked_for_by_name_comes_first() -> None:
    """A name is tried before what suits, once."""
    for name in ("gradient", "exact", "deep"):
        tried = [choice.explainer for choice in choose(subject_of(TEXT), name, 40)]
        assert tried == [name, "permutation"]
    assert [choice.explainer for choice in choose(subject_of(IMAGE), "kernel", 40)] == ["kernel"]
    assert [choice.explainer for choice in choose(subject_of(IMAGE), "gradient", 40)] == ["gradient", "permutation"]


def test_too_many_players_for_exact_values_are_sampled_and_it_is_said(random: np.random.Generator) -> None:
    """Exact values asked for by name of 15 columns: sampled ones, with the reason."""
    subject = Subject(linear([[0.01, -0.01]] * 15, [0.5, 0.5]), (table(15),), ("a", "b"))
    x = random.normal(size=(2, 15)).astype(np.float32)
    found = explain(subject, {"table": x}, {"table": 0 * x}, np.array([0, 1]), Explain(explainer="exact"), 0)
    assert found.explainer == "shap.PermutationExplainer"
    assert "15 parts" in found.reason and "Instead" in found.reason


def test_a_model_without_gradients_is_explained_by_players(random: np.random.Generator) -> None:
    """A step has a derivative of 0: expected gradients say so instead of drawing an empty map."""
    x = keras.Input((8, 8, 1), name="image")
    bright = keras.ops.sign(keras.ops.mean(x, axis=(1, 2)) - 0.5)
    subject = Subject(
        keras.Model(x, 0.5 + 0.4 * bright), (InputSpec("image", "image", (8, 8, 1), "float32", {}),), ("dark", "bright")
    )
    records = {
        "image": np.full((2, 8, 8, 1), 0.9, np.float32) + 0.01 * random.normal(size=(2, 8, 8, 1)).astype(np.float32)
    }
    background = {"image": 0.05 * random.random(size=(4, 8, 8, 1)).astype(np.float32)}
    found = explain(subject, records, background, np.array([1, 1]), Explain(parts=6), 0)
    assert found.explainer == "shap.PermutationExplainer"
    assert "Given up: expected gradients" in found.reason
    assert found.parts["image"].shape == (2, 8, 8)


# ---- expected gradients -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def curved() -> Subject:
    """A small network whose gradient changes on the way: samples are needed."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((12, 2), name="ecg"),
            keras.layers.Conv1D(
                8, 3, activation="tanh", kernel_initializer=keras.initializers.RandomNormal(stddev=0.7)
            ),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(stddev=0.7)),
        ]
    )
    return Subject(model, (InputSpec("ecg", "signal", (12, 2), "float32", {}),), ("a", "b", "c"))


def test_more_samples_close_the_gap(curved: Subject, random: np.random.Generator) -> None:
    """The additivity gap falls as samples are added, and no more are drawn than are allowed."""
    x, background = (random.normal(size=(n, 12, 2)).astype(np.float32) for n in (6, 16))
    few, many = (
        explain(curved, {"ecg": x}, {"ecg": background}, np.arange(6) % 3, Explain(samples=n), 0) for n in (16, 1600)
    )
    assert few.explainer == many.explainer == "shap.GradientExplainer"
    assert few.gap is not None and many.gap is not None
    assert many.gap.mean() < few.gap.mean() / 2
    assert few.notes["samples"].max() <= 16
    assert many.notes["samples"].max() <= 1600
    assert many.notes["reliability"].min() > 0.9


def test_weights_that_change_in_place_are_taken_over(random: np.random.Generator) -> None:
    """The graph of gradients is kept between explanations; the weights it was made with are not."""
    subject = Subject(linear(WEIGHTS.tolist(), [0.5, 0.5]), (table(3),), ("a", "b"))
    x, background = np.ones((1, 3), np.float32), np.zeros((1, 3), np.float32)
    for factor in (1.0, -2.0):
        subject.model.set_weights([np.float32(factor * WEIGHTS), np.full(2, 0.5, np.float32)])
        found = explain(subject, {"table": x}, {"table": background}, np.array([0]), Explain(explainer="gradient"), 0)
        np.testing.assert_allclose(found.values["table"][0], factor * WEIGHTS[:, 0], atol=1e-6)


def test_no_name_of_a_layer_is_in_the_way() -> None:
    """A model that was loaded may have a layer of any name, that of the next new one too."""
    x = keras.Input((3,))
    copy = keras.Model(x, keras.layers.Dense(2, name="picked_")(keras.layers.Dense(2, name="picked")(x)))
    for _ in range(3):
        copy = sampler.picking(copy).model
    assert len({layer.name for layer in copy.layers}) == len(copy.layers)


def test_the_formula_of_other_backends_gives_what_shap_gives(curved: Subject, random: np.random.Generator) -> None:
    """Expected gradients without SHAP, for JAX and torch, differ from SHAP's by chance alone."""
    x, background = (random.normal(size=(n, 12, 2)).astype(np.float32) for n in (1, 16))
    copy = sampler.smooth(curved)
    one, other = (made(copy)([x], [background], 2, 4000, 50, 1)[0] for made in (sampler.FromShap, sampler.FromFormula))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.98


def test_words_asked_for_by_gradient_are_explained_by_players() -> None:
    """Between two words there is no word: the reason says so, and sampled values come instead."""
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32", name="note"),
            keras.layers.Embedding(10, 3),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    spec = InputSpec("note", "text", (6,), "int32", {"vocabulary": ["", "[unknown]", *"abcdefgh"]})
    records = {"note": np.array([[2, 3, 4, 0, 0, 0], [5, 6, 7, 8, 9, 2]], np.int32)}
    found = explain(
        Subject(model, (spec,), ("a", "b")), records, records, np.array([0, 1]), Explain(explainer="gradient"), 0
    )
    assert found.explainer == "shap.PermutationExplainer"
    assert "between two tokens" in found.reason
    np.testing.assert_array_equal(found.values["note"][0, 3:], 0.0)
    assert found.gap is not None and found.gap.max() < 1e-6


def test_what_is_missing_has_no_value_and_spoils_nothing() -> None:
    """A signal with gaps: 0 where the record has none, numbers that add up elsewhere."""
    x = keras.Input((6, 2), name="ecg")
    filled = keras.ops.where(keras.ops.isnan(x), 0.0, x)
    model = keras.Model(x, 0.5 + 0.1 * keras.ops.sum(filled, axis=(1, 2))[:, None])
    subject = Subject(model, (InputSpec("ecg", "signal", (6, 2), "float32", {}),), ("no", "yes"))
    record = np.ones((1, 6, 2), np.float32)
    record[0, 4:] = np.nan
    background = np.zeros((3, 6, 2), np.float32)
    background[0, 2:] = np.nan
    background[:, 0, 1] = np.nan
    found = explain(subject, {"ecg": record}, {"ecg": background}, np.array([1]), Explain(), 0)
    assert found.explainer == "shap.GradientExplainer"
    np.testing.assert_array_equal(found.values["ecg"][0, 4:], 0.0)
    np.testing.assert_allclose(found.values["ecg"][0, :4], 0.1, atol=1e-5)
    np.testing.assert_allclose(found.base, 0.5, atol=1e-6)
    assert found.gap is not None and found.gap[0] < 1e-5


def test_a_background_takes_the_gaps_of_the_record() -> None:
    """Gaps of the record stay gaps; those of the background are filled from the others, the channel, the record."""
    record = {"ecg": np.array([[[1.0, np.nan], [2.0, 5.0], [3.0, 6.0]]], np.float32)}
    background = {
        "ecg": np.array(
            [[[4.0, 1.0], [np.nan, np.nan], [np.nan, np.nan]], [[6.0, 1.0], [8.0, np.nan], [np.nan, np.nan]]],
            np.float32,
        )
    }
    made = expected_gradients.aligned(record, background)["ecg"]
    np.testing.assert_allclose(made[:, 0, 1], np.nan)
    np.testing.assert_allclose(made[:, 1, 0], [8.0, 8.0])
    np.testing.assert_allclose(made[:, 2, 0], [6.0, 6.0])  # the channel's mean
    np.testing.assert_allclose(made[:, 1:, 1], 1.0)


def test_several_inputs_share_one_explanation(random: np.random.Generator) -> None:
    """Expected gradients of two inputs asked for by name add up over both of them."""
    first, second = keras.Input((3,), name="table"), keras.Input((4, 1), name="ecg")
    y = 0.5 + 0.1 * keras.ops.sum(first, axis=1, keepdims=True) + 0.2 * second[:, 0]
    subject = Subject(
        keras.Model({"table": first, "ecg": second}, y),
        (table(3), InputSpec("ecg", "signal", (4, 1), "float32", {})),
        ("no", "yes"),
    )
    records, background = (
        {
            "table": random.normal(size=(n, 3)).astype(np.float32),
            "ecg": random.normal(size=(n, 4, 1)).astype(np.float32),
        }
        for n in (2, 5)
    )
    for explainer, tolerance in (("gradient", 0.05), ("auto", 1e-5)):
        found = explain(subject, records, background, np.array([1, 0]), Explain(explainer=explainer, samples=1600), 0)
        assert found.gap is not None and found.gap.max() < tolerance
        assert set(found.values) == {"table", "ecg"}
        np.testing.assert_allclose(found.values["ecg"][:, 1:], 0.0, atol=1e-3)


# ---- DeepExplainer ------------------------------------------------------------------------------------------------


def test_deep_on_a_recurrent_network_falls_back_and_a_fit_still_works(random: np.random.Generator) -> None:
    """DeepExplainer cannot explain an LSTM; it says so, and this process can go on training."""
    model = keras.Sequential(
        [keras.Input((10, 2), name="ecg"), keras.layers.LSTM(4), keras.layers.Dense(2, activation="softmax")]
    )
    subject = Subject(model, (InputSpec("ecg", "signal", (10, 2), "float32", {}),), ("a", "b"))
    x = random.normal(size=(40, 10, 2)).astype(np.float32)
    found = explain(subject, {"ecg": x[:2]}, {"ecg": x[2:10]}, np.array([0, 1]), Explain(explainer="deep"), 0)
    assert found.explainer == "shap.GradientExplainer"
    assert found.reason.startswith("Given up: DeepExplainer, since it does not know the operation TensorList")
    assert "Instead" in found.reason
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(x, np.arange(40) % 2, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_deep_is_taken_where_it_agrees(random: np.random.Generator) -> None:
    """Of a small network with one sigmoid DeepExplainer's values add up and agree with expected gradients."""
    model = keras.Sequential(
        [
            keras.Input((10, 2), name="ecg"),
            keras.layers.Conv1D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    subject = Subject(model, (InputSpec("ecg", "signal", (10, 2), "float32", {}),), ("a", "b"))
    x = random.normal(size=(12, 10, 2)).astype(np.float32)
    found = explain(subject, {"ecg": x[:2]}, {"ecg": x[2:]}, np.array([0, 1]), Explain(explainer="deep"), 0)
    assert found.explainer == "shap.DeepExplainer"
    assert found.gap is not None and found.gap.max() <= deep.ADDS_UP
    assert found.notes["agreement"].mean() >= deep.AGREES


def test_deep_is_refused_where_its_time_is_up(curved: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not come back is ended, and nothing of it is left."""
    monkeypatch.setattr(deep, "PATIENCE", 0.5)
    x = np.zeros((2, 12, 2), np.float32)
    with pytest.raises(NotApplicable, match="longer"):
        deep.explain(curved, {"ecg": x}, {"ecg": x}, np.array([0, 1]), Explain(), 0)
