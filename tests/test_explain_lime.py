"""LIME: the library's own numbers, the answers known of linear models, and what it says about its own reliability."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from lime.lime_image import LimeImageExplainer

from automed.explain.lime import SEEDS, coalitions, explain, fit, seeds_of, spread
from automed.explain.players.record import divide
from automed.explain.subject import InputSpec, Subject
from automed.recipe.explain import Explain

pytestmark = pytest.mark.slow

COLUMNS, WORDS, SIDE = 8, 12, 24
WEIGHTS = np.array([0.05, -0.04, 0.03, -0.02, 0.01, 0.0, 0.06, -0.01], np.float32)


def affine(features: Any, weights: Any) -> Any:
    """Probabilities .5 - w x and .5 + w x."""
    w = np.asarray(weights, np.float32)
    layer = keras.layers.Dense(2)
    out = layer(features)
    layer.set_weights([np.stack([-w, w], axis=1), np.array([0.5, 0.5], np.float32)])
    return out


@pytest.fixture(scope="module")
def linear() -> Subject:
    """A table whose columns count by WEIGHTS."""
    x = keras.Input((COLUMNS,), name="table")
    model = keras.Model(x, affine(x, WEIGHTS))
    return Subject(model, (InputSpec("table", "tabular", (COLUMNS,), "float32", {}),), ("no", "yes"))


@pytest.fixture(scope="module")
def words() -> Subject:
    """A text in which word k adds its own weight, and an unknown word nothing."""
    x = keras.Input((WORDS,), dtype="int32", name="note")
    layer = keras.layers.Embedding(len(WEIGHTS) + 2, 1)
    model = keras.Model(x, affine(keras.layers.GlobalAveragePooling1D()(layer(x)), [WORDS]))
    layer.set_weights([np.concatenate([[0.0, 0.0], WEIGHTS])[:, None]])
    facts = {"vocabulary": ["", "[unknown]", *(f"word{k}" for k in range(len(WEIGHTS)))]}
    return Subject(model, (InputSpec("note", "text", (WORDS,), "int32", facts),), ("no", "yes"))


@pytest.fixture(scope="module")
def network() -> Subject:
    """A small convolutional network with random weights that reads colour pictures, and is anything but linear."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3), dtype="uint8", name="picture"),
            keras.layers.Rescaling(1 / 60, offset=-2.0),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    return Subject(model, (InputSpec("picture", "image", (SIDE, SIDE, 3), "uint8", {}),), ("a", "b", "c"))


def pictures(n: int, seed: int) -> dict[str, Any]:
    """Coloured spots, blurred noise in between."""
    random = np.random.default_rng(seed)
    x = np.kron(random.integers(0, 255, (n, 6, 6, 3)), np.ones((1, 4, 4, 1))) + random.normal(0, 10, (n, SIDE, SIDE, 3))
    return {"picture": np.clip(x, 1, 255).astype(np.uint8)}


def rows(n: int, seed: int) -> dict[str, Any]:
    return {"table": np.random.default_rng(seed).normal(size=(n, COLUMNS)).astype(np.float32)}


def test_slopes_of_a_linear_model_are_what_each_column_adds(linear: Subject) -> None:
    """In the right order and about right in size, with a perfect fit that does not depend on the seed."""
    x, background, classes = rows(5, 0), rows(8, 1), np.array([0, 1, 1, 0, 1])
    found = explain(linear, x, background, classes, Explain(samples=300), 0)
    sign = np.where(classes == 1, 1, -1)[:, None]
    true = sign * WEIGHTS * (x["table"] - background["table"].mean(axis=0))
    np.testing.assert_allclose(found.values["table"], true, rtol=0.05, atol=2e-3)
    assert (np.argsort(found.values["table"]) == np.argsort(true)).mean() > 0.9
    assert (found.notes["r2"] > 0.99).all() and (found.notes["spread"] < 0.02).all()
    assert found.gap is not None and (found.gap < 5e-3).all()
    assert found.unit == "probability" and found.parameters["seeds"] == SEEDS
    assert found.parameters["fill"] == {"table": "values of training records"}


def test_words_of_a_linear_model_are_ranked_by_their_weights(words: Subject) -> None:
    """Padding gets nothing, an unknown word gets nothing."""
    record = np.array([[2, 3, 4, 5, 6, 7, 8, 9, 1, 0, 0, 0]], np.int32)
    found = explain(words, {"note": record}, {"note": record}, np.array([1]), Explain(samples=400), 0)
    values = found.values["note"][0]
    np.testing.assert_allclose(values[:8], WEIGHTS, atol=2e-3)
    np.testing.assert_allclose(values[8:], 0.0, atol=1e-4)
    assert found.notes["r2"][0] > 0.99


def plain(subject: Subject, game: Any, wanted: int, samples: int, seed: int) -> Any:
    """Slopes of lime.lime_image as its documentation shows it, with our superpixels and our fill."""
    part = game.parts["picture"]
    explained = LimeImageExplainer(random_state=seed).explain_instance(
        game.record["picture"],
        lambda x: subject.model.predict(x, verbose=0),
        labels=(wanted,),
        top_labels=None,
        hide_color=game.stand_ins["picture"][0],
        num_samples=samples,
        batch_size=100,
        segmentation_fn=lambda _: part,
        random_seed=0,
    )
    slopes = dict(explained.local_exp[wanted])
    return np.array([slopes[k] for k in range(len(game))]), explained.score, explained.intercept[wanted]


def test_images_are_explained_as_lime_itself_does(network: Subject) -> None:
    """The same seeds, superpixels and fill give the same slopes, fit and intercept; other seeds nearly the same."""
    x, background = pictures(2, 0), pictures(6, 1)
    classes = network.predict(x).argmax(axis=1)
    settings = Explain(samples=500, parts=16)
    found = explain(network, x, background, classes, settings, 5)
    for i, wanted in enumerate(classes):
        game = divide(network, x, i, background, 16, 5)
        size = np.bincount(game.parts["picture"].ravel())
        mine = np.array([found.values["picture"][i][game.parts["picture"] == k][0] for k in range(len(game))]) * size
        told = [plain(network, game, int(wanted), 500, seed) for seed in seeds_of(5)]
        np.testing.assert_allclose(mine, np.mean([slopes for slopes, _, _ in told], axis=0), atol=1e-5)
        assert found.notes["r2"][i] == pytest.approx(np.mean([r2 for _, r2, _ in told]), abs=1e-4)
        assert found.base is not None
        assert found.base[i] == pytest.approx(np.mean([base for _, _, base in told]), abs=1e-4)
        other, _, _ = plain(network, game, int(wanted), 1000, 77)
        assert np.corrcoef(mine, other)[0, 1] > 0.95


def test_the_spread_falls_with_more_samples(network: Subject) -> None:
    """It is what a reader is told about how far the picture depends on chance."""
    x, background = pictures(3, 0), pictures(6, 1)
    few, many = (
        explain(network, x, background, np.array([0, 1, 2]), Explain(samples=samples, parts=16), 0)
        for samples in (40, 1000)
    )
    assert (few.notes["spread"] > 2 * many.notes["spread"]).all() and (many.notes["spread"] > 0).all()


def test_one_superpixel_is_worth_the_whole_difference(network: Subject) -> None:
    """A cosine cannot tell one player from none; the local model must."""
    x, background = pictures(1, 0), pictures(6, 1)
    game = divide(network, x, 0, background, 1, 0)
    nobody, everyone = game.ask(np.array([[False], [True]]))[:, 1]
    found = explain(network, x, background, np.array([1]), Explain(samples=400, parts=1), 0)
    assert found.total[0] == pytest.approx(everyone - nobody, rel=0.05, abs=1e-3)


def test_a_record_without_players_says_nothing(network: Subject) -> None:
    """A black picture is absent: no values, the fit is not a number, and the others are explained."""
    x, background = pictures(2, 0), pictures(6, 1)
    x["picture"][0] = 0
    found = explain(network, x, background, np.array([0, 1]), Explain(samples=50), 0)
    assert not found.values["picture"][0].any() and found.values["picture"][1].any()
    assert np.isnan(found.notes["r2"][0]) and np.isnan(found.notes["spread"][0])
    assert found.base is not None and found.base[0] == pytest.approx(float(found.output[0]))


def test_a_constant_model_gets_zeros_and_no_warning() -> None:
    """Nothing that is hidden changes anything: the spread is 0."""
    x = keras.Input((COLUMNS,), name="table")
    subject = Subject(
        keras.Model(x, affine(x, WEIGHTS * 0)), (InputSpec("table", "tabular", (COLUMNS,), "float32", {}),), ("a", "b")
    )
    found = explain(subject, rows(2, 0), rows(4, 1), np.array([0, 1]), Explain(samples=50), 0)
    np.testing.assert_allclose(found.values["table"], 0.0, atol=1e-7)
    assert np.isfinite(found.notes["r2"]).all() and np.isfinite(found.notes["spread"]).all()


def test_the_same_seed_gives_the_same_values_and_another_seed_shares_no_draws(linear: Subject) -> None:
    """Neighbouring seeds are used to see how stable an explanation is."""
    x, background, classes = rows(2, 0), rows(20, 1), np.array([0, 1])
    one, again, other = (explain(linear, x, background, classes, Explain(samples=60), seed) for seed in (1, 1, 2))
    assert one.values["table"].tobytes() == again.values["table"].tobytes() != other.values["table"].tobytes()
    assert not {seed for k in (0, 1, 2) for seed in seeds_of(k)} & set(seeds_of(3))


@pytest.mark.parametrize("p", [1, 2, 5, 40])
def test_coalitions_begin_with_the_whole_record(p: int) -> None:
    """And show each player about half of the time."""
    shown = coalitions(p, 400, 0)
    assert shown.shape == (400, p) and shown[0].all() and abs(shown.mean() - 0.5) < 0.06


def test_a_local_model_weighs_what_is_near() -> None:
    """A step that only coalitions far away see leaves the slopes near the record as they are."""
    shown = coalitions(10, 4000, 0)
    answers = np.where(shown.sum(axis=1) >= 4, shown @ np.full(10, 0.05), 5.0)
    slopes = fit(shown, answers, table=False, seed=0).slopes
    flat = np.linalg.lstsq(np.c_[shown, np.ones(len(shown))], answers, rcond=None)[0][:-1]
    assert np.abs(slopes - 0.05).max() < np.abs(flat - 0.05).max()


def test_spread_is_relative_to_the_size_of_the_slopes() -> None:
    """Seeds that agree have none."""
    assert spread(np.array([[1.0, -2.0]] * 3)) == 0.0
    assert spread(np.array([[1.0], [2.0], [3.0]])) == spread(np.array([[10.0], [20.0], [30.0]])) == 0.5
    assert spread(np.zeros((3, 4))) == 0.0
