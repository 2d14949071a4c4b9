"""Occlusion: the fall in probability when one part is hidden, known in closed form for linear models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from madeinputs import CASES, records

from automed.explain.occlusion import explain
from automed.explain.subject import InputSpec, Subject
from automed.recipe.explain import Explain

pytestmark = pytest.mark.slow

COLUMNS = 5


@pytest.fixture(scope="module")
def linear() -> Subject:
    """Probabilities .5 - w x and .5 + w x of five columns; the fourth counts for nothing."""
    w = np.array([0.02, -0.04, 0.01, 0.0, 0.03], np.float32)
    model = keras.Sequential([keras.Input((COLUMNS,), name="table"), keras.layers.Dense(2)])
    model.layers[-1].set_weights([np.stack([-w, w], axis=1), np.array([0.5, 0.5], np.float32)])
    return Subject(model, (InputSpec("table", "tabular", (COLUMNS,), "float32", {}),), ("no", "yes"))


def rows(n: int, seed: int) -> dict[str, Any]:
    return {"table": np.random.default_rng(seed).normal(size=(n, COLUMNS)).astype(np.float32)}


def test_a_column_of_a_linear_model_is_worth_its_weight_times_how_far_it_is_from_others(linear: Subject) -> None:
    """For either class; a column without weight is worth nothing."""
    x, background, classes = rows(7, 0), rows(6, 1), np.array([0, 1] * 3 + [1])
    found = explain(linear, x, background, classes, Explain(), 0)
    w = linear.model.layers[-1].get_weights()[0][:, classes].T
    np.testing.assert_allclose(found.values["table"], w * (x["table"] - background["table"].mean(axis=0)), atol=1e-6)
    np.testing.assert_allclose(found.output, linear.of_class(x, classes), atol=1e-6)
    assert found.base is None and found.gap is None and found.unit == "fall in probability when hidden"
    assert (found.notes["players"] == COLUMNS).all() and found.parts["table"].tolist() == [[0, 1, 2, 3, 4]] * 7


def test_records_are_explained_alike_alone_and_together(linear: Subject) -> None:
    """They share batches and nothing else."""
    x, background, classes = rows(4, 0), rows(20, 1), np.array([1, 0, 1, 0])
    together = explain(linear, x, background, classes, Explain(), 3)
    for i in range(4):
        alone = explain(linear, {"table": x["table"][i : i + 1]}, background, classes[i : i + 1], Explain(), 3)
        np.testing.assert_allclose(alone.values["table"][0], together.values["table"][i], atol=1e-6)


def test_no_record_is_no_explanation(linear: Subject) -> None:
    """Arrays without rows, of the right shape."""
    found = explain(linear, rows(0, 0), rows(5, 1), np.array([], np.int64), Explain(), 0)
    assert len(found) == 0 and found.values["table"].shape == (0, COLUMNS)


def test_the_part_of_an_image_that_decides_is_found() -> None:
    """A model that looks at one corner alone; the superpixels there get everything."""
    weights = np.zeros((24, 24, 1), np.float32)
    weights[2:8, 2:8] = 1 / (36 * 255)
    model = keras.Sequential([keras.Input((24, 24, 1), dtype="uint8"), keras.layers.Flatten(), keras.layers.Dense(2)])
    w = weights.reshape(-1)
    model.layers[-1].set_weights([np.stack([-w, w], axis=1), np.array([1, 0], np.float32)])
    subject = Subject(model, (InputSpec("picture", "image", (24, 24, 1), "uint8", {}),), ("no", "yes"))
    x = np.full((2, 24, 24, 1), 60, np.uint8)
    x[:, 2:8, 2:8] = 220
    x[1] = 0
    found = explain(subject, {"picture": x}, {"picture": x[:1]}, np.array([1, 1]), Explain(parts=30), 0)
    values = found.values["picture"]
    inside = weights[..., 0] > 0
    assert values.shape == (2, 24, 24) and values[0][inside].sum() > 0.85 * values[0].sum() > 0.2
    assert not values[1].any() and (found.parts["picture"][1] == -1).all() and found.notes["players"][1] == 0


@pytest.mark.parametrize("parts", [1, 12])
def test_every_kind_of_input_is_explained_together_with_others(parts: int) -> None:
    """One model reads all kinds, gaps, padding and absent records with them; maps have the shape of the inputs."""
    specs = tuple(InputSpec(name, f.kind, f.shape, f.facts["dtype"], f.facts) for name, f in CASES.items())
    inputs = {spec.name: keras.Input(spec.shape, dtype=spec.dtype, name=spec.name) for spec in specs}
    flat = []
    for one in inputs.values():
        value = keras.ops.cast(one, "float32")
        value = keras.ops.where(keras.ops.isnan(value), 0.0, value)
        flat.append(
            keras.layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(seed=1, stddev=0.01))(
                keras.layers.Flatten()(value)
            )
        )
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Add()(flat)))
    subject = Subject(model, specs, ("a", "b"))
    x, background = ({name: records(f, 6, seed) for name, f in CASES.items()} for seed in (0, 1))
    found = explain(subject, x, background, np.array([0, 1, 0, 1, 0, 1]), Explain(parts=parts), 0)
    assert set(found.values) == set(CASES)
    for spec in specs:
        assert found.values[spec.name].shape == found.parts[spec.name].shape == (6, *spec.map_shape)
        assert np.isfinite(found.values[spec.name]).all() and found.values[spec.name][:5].any()
        assert not found.values[spec.name][5].any()
