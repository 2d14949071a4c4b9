"""Several inputs: fused in three ways, and none that is absent has a part in what is predicted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from madeinputs import CLASSES, columns, dna, image, irregular, recipe_of, records, signal

from automed.models import title
from automed.models.known_good import known_good
from automed.models.space import FixedSpace, RandomSpace, Recorder, Value

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models.assembly import Assembled, assemble  # noqa: E402
from automed.models.card import load, save  # noqa: E402
from automed.models.losses import loss  # noqa: E402
from automed.models.optimisers import optimiser  # noqa: E402
from automed.models.training import training_choices  # noqa: E402

INPUTS = {"lesion": image(), "person": columns(), "course": irregular(12, 2)}
every_fusion = pytest.mark.parametrize("how", ["concat", "gate", "attention"])


def choices(how: str = "concat", inputs: Any = None) -> dict[str, Value]:
    """The first known-good choices, fused in this way."""
    inputs = inputs or INPUTS
    start = known_good(recipe_of(inputs), {name: facts.entry for name, facts in inputs.items()})[0]
    return {**start, "fusion": how, "fusion.width": 32}


def build(given: dict[str, Value], inputs: Any = None) -> Assembled:
    inputs = inputs or INPUTS
    return assemble(recipe_of(inputs), FixedSpace(given), inputs, CLASSES)


def batch(n: int = 5) -> dict[str, np.ndarray]:
    """Records that have all inputs."""
    return {name: records(facts, n + 2)[:n] for name, facts in INPUTS.items()}


def emptied(x: dict[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
    """The same records without these inputs."""
    empty = {name: np.full_like(x[name], 0 if x[name].dtype.kind in "iu" else np.nan) for name in names}
    return {**x, **empty}


def predict(model: Any, x: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(model(x, training=False)))


@pytest.fixture(autouse=True)
def seeded() -> Any:
    """The same weights each time."""
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session()


@every_fusion
def test_an_absent_input_has_no_part_in_the_prediction(how: str) -> None:
    """Whatever its encoder would make of the empty marker; with everything absent there is still a prediction."""
    model = build(choices(how)).model
    x = batch()
    whole = predict(model, x)
    for names in (("lesion",), ("person",), ("course",), ("lesion", "course")):
        before = predict(model, emptied(x, *names))
        assert np.isfinite(before).all() and (np.abs(before - whole) > 1e-5).any()
        kept = model.get_weights()
        for name in names:
            encoder = model.get_layer(f"features_{name}")
            encoder.set_weights([weight + 1.0 for weight in encoder.get_weights()])
        np.testing.assert_allclose(predict(model, emptied(x, *names)), before, atol=1e-6)
        assert (np.abs(predict(model, x) - whole) > 1e-5).any(), "where it is there, it counts"
        model.set_weights(kept)
    assert np.isfinite(predict(model, emptied(x, *INPUTS))).all()


@every_fusion
def test_a_saved_model_of_several_inputs_predicts_as_before(how: str, tmp_path: Path) -> None:
    """Given by name, with some absent; each input has its own encoder, whatever its kind."""
    model = build(choices(how)).model
    save(model, tmp_path / "model.keras", {})
    again, _ = load(tmp_path / "model.keras")
    assert set(again.input) == set(INPUTS)
    for x in (batch(), emptied(batch(), "lesion", "course")):
        np.testing.assert_allclose(predict(again, x), predict(model, x), atol=1e-5)
    names = {layer.name for layer in model.layers}
    assert {f"{part}_{name}" for part in ("preprocess", "features", "pooled") for name in INPUTS} <= names
    assert {"fused", "logits", "probabilities"} <= names


@every_fusion
def test_inputs_that_are_left_out_while_training_leave_no_nan(how: str) -> None:
    """Every weight moves, and stays a number."""
    space = FixedSpace({**choices(how), "input_dropout": 0.3})
    built = build({**choices(how), "input_dropout": 0.3})
    model = built.train_model
    rate = optimiser(space, model.trainable_variables, 4, 1, built.rates)
    model.compile(optimizer=rate, loss=loss(space), jit_compile=False)
    before = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    x, y = emptied(batch(16), "person"), np.eye(3, dtype=np.float32)[np.arange(16) % 3]
    x["person"][:8] = batch(16)["person"][:8]
    assert np.isfinite([float(model.train_on_batch(x, y)) for _ in range(3)]).all()
    for variable, start in zip(model.trainable_variables, before, strict=True):
        now = keras.ops.convert_to_numpy(variable)
        assert np.isfinite(now).all() and (now != start).any(), variable.path


def test_each_input_is_asked_under_its_own_name() -> None:
    """What was chosen rebuilds the same model, and a title tells the architectures in the order of the inputs."""
    recorder = Recorder(RandomSpace(5))
    first = assemble(recipe_of(INPUTS), recorder, INPUTS, CLASSES)
    asked = set(recorder.choices)
    assert {f"{name}.architecture" for name in INPUTS} | {"fusion", "input_dropout", "dropout"} <= asked
    assert {name.partition(".")[0] for name in asked} - set(INPUTS) == {"fusion", "input_dropout", "dropout"}
    assert title(first.choices) == "+".join(str(first.choices[f"{name}.architecture"]) for name in INPUTS)
    again = build(json.loads(json.dumps(first.choices)))
    assert [v.shape for v in again.model.variables] == [v.shape for v in first.model.variables]


def test_known_good_choices_of_several_inputs_are_complete() -> None:
    """Few combinations, small ones first; each builds without a further question."""
    inputs = {"ecg": signal(16, 2), "gene": dna(), "person": columns()}
    recipe = recipe_of(inputs, "cnn1d", "tcn", "mlp")
    starts = known_good(recipe, {name: facts.entry for name, facts in inputs.items()})
    assert [title(start) for start in starts] == ["cnn1d+cnn1d+mlp", "tcn+tcn+mlp"] * 2
    for start in (starts[0], starts[-1]):
        space = Recorder(FixedSpace(start))
        built = assemble(recipe, space, inputs, CLASSES)
        assert training_choices(space, recipe, inputs).mix == "none"
        loss(space)
        optimiser(space, built.train_model.trainable_variables, 10, 2, built.rates)
        assert predict(built.model, {name: records(facts) for name, facts in inputs.items()}).shape == (6, 3)


def test_a_pretrained_encoder_among_several_learns_at_its_own_rate(tmp_path: Path) -> None:
    """Its weights are named, those of the other inputs are not."""
    from test_pretrained import write_keras2

    inputs = {"lesion": image((32, 32, 3)), "person": columns()}
    recipe = recipe_of(inputs, "pretrained", "mlp")
    recipe = recipe.model_copy(update={"pretrained": recipe.pretrained.model_copy(update={"weights": "a file"})})
    recipe._places["pretrained.weights"] = write_keras2(tmp_path / "SqueezeNet.h5")
    given = known_good(recipe, {name: facts.entry for name, facts in inputs.items()})[0]
    built = assemble(recipe, FixedSpace(given), inputs, CLASSES)
    of_encoder = built.model.get_layer("features_lesion").get_layer("backbone").trainable_variables
    assert set(built.rates.multipliers) == {id(variable) for variable in of_encoder} and of_encoder
    assert built.rates.wait > 0.0
