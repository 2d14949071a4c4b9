"""What every architecture in the table must do, whichever Keras backend runs it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automed.errors import TrialError
from automed.models import ARCHITECTURES
from automed.models.known_good import known_good
from automed.models.space import FixedSpace, RandomSpace, Recorder, Space, Value
from automed.recipe import Recipe

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models.assembly import Assembled, InputFacts, as_input, assemble  # noqa: E402
from automed.models.card import load, save  # noqa: E402
from automed.models.losses import loss  # noqa: E402
from automed.models.optimisers import optimiser  # noqa: E402
from automed.models.training import training_choices  # noqa: E402

CLASSES = ("benign", "malignant", "other")
GREY, COLOUR = (28, 28, 1), (64, 64, 3)
BACKBONES = ("SqueezeNet",)
every_architecture = pytest.mark.parametrize("architecture", list(ARCHITECTURES))


def recipe(*architectures: str, augment: tuple[str, ...] = ("flip", "rotate", "zoom", "brightness")) -> Recipe:
    """A recipe that offers these architectures."""
    return Recipe.model_validate(
        {
            "name": "contract",
            "data": {"source": "phantom", "phantom": "dermoscopy"},
            "inputs": {"lesion": {"kind": "image"}},
            "search": {"architectures": architectures},
            "train": {"augment": augment},
            "pretrained": {"backbones": BACKBONES, "weights": "none"},
        }
    )


def facts(shape: tuple[int, int, int]) -> InputFacts:
    """An input of this shape with plausible training statistics."""
    return InputFacts(shape, mean=(140.0,) * shape[2], std=(45.0,) * shape[2])


def build(architecture: str, space: Space, shape: tuple[int, int, int] = GREY) -> Assembled:
    """One assembled candidate with the input `lesion`."""
    return assemble(recipe(architecture), space, {"lesion": facts(shape)}, CLASSES)


def starts(architecture: str) -> list[dict[str, Value]]:
    """The known-good choices of one architecture."""
    return known_good([architecture], BACKBONES)


def images(shape: tuple[int, int, int], n: int = 4, seed: int = 0) -> np.ndarray:
    """Pixels by chance."""
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def predict(model: Any, x: Any) -> np.ndarray:
    """What a model answers to a batch; called as it is, because tracing each one would take most of the time."""
    return np.asarray(keras.ops.convert_to_numpy(model(x, training=False)))


def configurations(node: Any) -> Iterator[dict[str, Any]]:
    """Everything in a configuration that names a class."""
    if isinstance(node, dict):
        if "class_name" in node:
            yield node
        for value in node.values():
            yield from configurations(value)
    elif isinstance(node, list):
        for value in node:
            yield from configurations(value)


@pytest.fixture(autouse=True)
def fresh_session() -> Iterator[None]:
    """Layers of one test do not slow down the next, and weights start alike."""
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session()


@every_architecture
@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_pixels_go_in_and_probabilities_come_out(architecture: str, shape: tuple[int, int, int]) -> None:
    """Every known-good choice builds; rows add up to one; the layers that others look for have their names."""
    for choices in starts(architecture):
        model = build(architecture, FixedSpace(choices), shape).model
        assert model.input.dtype == "uint8"
        found = predict(model, images(shape))
        assert found.shape == (4, 3) and found.dtype == np.float32
        np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-5)
        names = {layer.name for layer in model.layers}
        assert {"lesion", "preprocess_lesion", "features_lesion", "pooled_lesion", "logits", "probabilities"} <= names
        assert len(model.get_layer("features_lesion").output.shape) == 4


@every_architecture
def test_known_good_choices_are_complete(architecture: str) -> None:
    """No question of a trial is left to chance when they are replayed."""
    task = recipe(architecture)
    for choices in starts(architecture):
        space = Recorder(FixedSpace(choices))
        built = build(architecture, space, COLOUR)
        training_choices(space, task)
        loss(space)
        optimiser(space, built.train_model.trainable_variables, 10, 2, built.rates)
        assert set(built.choices) <= set(space.choices) <= set(choices)


@every_architecture
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_saved_model_predicts_as_before(architecture: str, seed: int, tmp_path: Path) -> None:
    """Save, load and predict agree to 1e-5, and the card comes back, for choices drawn by chance."""
    shape = GREY if seed % 2 else (32, 40, 3)
    model = build(architecture, RandomSpace(seed), shape).model
    save(model, tmp_path / "model.keras", {"classes": list(CLASSES)})
    again, card = load(tmp_path / "model.keras")
    assert card == {"classes": list(CLASSES)}
    x = images(shape, seed=seed)
    np.testing.assert_allclose(predict(again, x), predict(model, x), atol=1e-5)


STRANGER = """
import sys
from pathlib import Path
sys.modules["automed"] = None  # any import of it fails, as where it is not installed
import keras, numpy as np
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path, safe_mode=True)
    expected = np.load(path.with_suffix(".npz"))
    found = np.asarray(model.predict_on_batch(expected["x"]))
    np.testing.assert_allclose(found, expected["y"], atol=1e-5, err_msg=path.name)
    print(path.stem)
"""


def test_models_open_where_automed_is_not_installed(tmp_path: Path) -> None:
    """Plain Keras in another process, in safe mode, opens every architecture and predicts the same."""
    for architecture in ARCHITECTURES:
        model = build(architecture, FixedSpace(starts(architecture)[-1])).model
        save(model, tmp_path / f"{architecture}.keras", {})
        x = images(GREY)
        np.savez(tmp_path / f"{architecture}.npz", x=x, y=predict(model, x))
    answer = subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert answer.stdout.split() == sorted(ARCHITECTURES)


@every_architecture
def test_a_saved_model_holds_standard_layers_only(architecture: str, tmp_path: Path) -> None:
    """No Lambda, no class from outside Keras, no optimiser."""
    save(build(architecture, FixedSpace(starts(architecture)[-1])).model, tmp_path / "model.keras", {})
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    for item in configurations(config):
        assert item["class_name"] != "Lambda"
        assert item.get("registered_name") in (None, item["class_name"]), item["class_name"]
        assert (item.get("module") or "keras").partition(".")[0] in ("keras", "builtins"), item["class_name"]
    assert not config.get("compile_config")


@every_architecture
def test_training_lowers_the_loss(architecture: str) -> None:
    """After some steps on one batch the loss is lower, and a first step has moved every trainable weight."""
    choices = {**starts(architecture)[0], "augment": "none", "dropout": 0.0, "adamw.learning_rate": 1e-3}
    choices |= {f"{architecture}.dropout": 0.0}
    space = FixedSpace(choices)
    built = build(architecture, space)
    model = built.train_model
    steps = optimiser(space, model.trainable_variables, 12, 1, built.rates)
    model.compile(optimizer=steps, loss=loss(space), jit_compile=False)
    x, y = images(GREY, 16), np.eye(3, dtype=np.float32)[np.arange(16) % 3]
    before = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    losses = [float(model.train_on_batch(x, y, sample_weight=np.ones(16, np.float32)))]
    for variable, start in zip(model.trainable_variables, before, strict=True):
        now = keras.ops.convert_to_numpy(variable)
        assert np.isfinite(now).all(), variable.path
        assert (now != start).any(), f"{variable.path} has no gradient"
    losses += [float(model.train_on_batch(x, y, sample_weight=np.ones(16, np.float32))) for _ in range(11)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@every_architecture
def test_the_model_that_is_trained_is_the_one_that_is_saved(architecture: str) -> None:
    """Both share every weight, and without augmentation the softmax of one's logits is the other's output."""
    built = build(architecture, FixedSpace({**starts(architecture)[0], "augment": "strong"}))
    ours = {id(variable) for variable in built.model.variables}
    assert {id(variable) for variable in built.train_model.trainable_variables} <= ours
    assert any("augment" in layer.name for layer in built.train_model.layers)
    x = images(GREY)
    logits = predict(built.train_model, x)
    exponential = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(exponential / exponential.sum(1, keepdims=True), predict(built.model, x), atol=1e-5)


@every_architecture
def test_recorded_choices_rebuild_the_same_architecture(architecture: str) -> None:
    """FixedSpace over what was recorded gives the same configuration and the same shapes of weights."""
    first = build(architecture, RandomSpace(11), COLOUR)
    stored = json.loads(json.dumps(first.choices))
    second = build(architecture, FixedSpace(stored), COLOUR)
    assert second.choices == first.choices
    assert json.dumps(second.model.get_config()) == json.dumps(first.model.get_config())
    shapes = [[tuple(variable.shape) for variable in built.model.variables] for built in (first, second)]
    assert shapes[0] == shapes[1]


class Listening:
    """A random space that notes which options it offered, and which it gave."""

    def __init__(self, seed: int, offered: set[tuple[str, str]], given: set[tuple[str, str]]) -> None:
        self._space, self._offered, self._given = RandomSpace(seed), offered, given

    def choice(self, name: str, options: Any) -> Any:
        value = self._space.choice(name, options)
        self._offered |= {(name, repr(option)) for option in options}
        self._given.add((name, repr(value)))
        return value

    def int(self, name: str, low: int, high: int, step: int = 1, log: bool = False) -> int:
        value = self._space.int(name, low, high, step, log)
        self._offered |= {(name, repr(option)) for option in range(low, high + 1, step)}
        self._given.add((name, repr(value)))
        return value

    def float(self, name: str, low: float, high: float, log: bool = False) -> float:
        return self._space.float(name, low, high, log)

    def bool(self, name: str) -> bool:
        return bool(self.choice(name, (False, True)))

    def scope(self, prefix: str) -> Space:
        from automed.models.space import Scope

        return Scope(self, prefix)


@every_architecture
def test_every_option_can_be_reached_and_builds(architecture: str) -> None:
    """Chance draws each option of each question sooner or later, and whatever it draws fits a 64x64 image."""
    offered: set[tuple[str, str]] = set()
    given: set[tuple[str, str]] = set()
    for seed in range(40):
        build(architecture, Listening(seed, offered, given), COLOUR)
        keras.backend.clear_session()
        if seed > 5 and given == offered:
            break
    assert len(offered) > 5
    assert given == offered


@every_architecture
@pytest.mark.parametrize("side", [1, 3])
def test_an_image_that_is_too_small_is_this_trials_failure(architecture: str, side: int) -> None:
    """The search goes on; the message says what size came in."""
    choices = {**starts(architecture)[-1]}
    with pytest.raises(TrialError, match=f"{architecture}: a {side}x{side} image"):
        build(architecture, FixedSpace(choices), (side, side, 1))


@every_architecture
def test_images_of_any_size_end_in_a_small_map(architecture: str) -> None:
    """From 28 to 224 pixels, and out of square, the stem brings the work to about the same resolution."""
    for shape in [(28, 28, 1), (96, 64, 3), (224, 224, 3)]:
        built = build(architecture, FixedSpace(starts(architecture)[0]), shape)
        _, height, width, _ = built.model.get_layer("features_lesion").output.shape
        assert 1 <= min(height, width) <= max(height, width) <= 14
        keras.backend.clear_session()


@every_architecture
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_probabilities_stay_in_float32_whatever_the_policy(architecture: str, policy: str) -> None:
    """Half precision inside, full precision for what is read."""
    keras.config.set_dtype_policy(policy)
    try:
        built = build(architecture, FixedSpace(starts(architecture)[0]))
        assert built.model.output.dtype == built.train_model.output.dtype == "float32"
        assert built.model.get_layer("preprocess_lesion").output.dtype == "float32"
        assert built.model.get_layer("features_lesion").output.dtype == policy.removeprefix("mixed_")
        found = predict(built.model, images(GREY))
        np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-5)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("normalise", ["dataset", "image"])
def test_pixels_are_standardised_inside_the_model(normalise: str) -> None:
    """Preprocessed training pixels have about zero mean and unit deviation; a constant image stays finite."""
    x = images(GREY, 64)
    seen = InputFacts(GREY, (float(x.mean()),), (float(x.std()),))
    choices = {**starts("cnn")[0], "normalise": normalise}
    model = assemble(recipe("cnn"), FixedSpace(choices), {"lesion": seen}, CLASSES).model
    preprocess = keras.Model(model.input, model.get_layer("preprocess_lesion").output)
    values = predict(preprocess, x)
    assert abs(values.mean()) < 0.02 and abs(values.std() - 1.0) < 0.02
    assert np.isfinite(predict(model, np.full((2, *GREY), 255, np.uint8))).all()


def test_several_inputs_are_fused(tmp_path: Path) -> None:
    """Two inputs of different shapes share the choices, have their own weights, and are given by name."""
    inputs = {"clinic": facts(GREY), "scope": facts((32, 32, 3))}
    built = assemble(recipe("cnn"), FixedSpace(starts("cnn")[0]), inputs, CLASSES)
    names = {layer.name for layer in built.model.layers}
    assert {"features_clinic", "features_scope", "pooled_clinic", "pooled_scope", "fused", "logits"} <= names
    x = as_input({"clinic": images(GREY), "scope": images((32, 32, 3))})
    save(built.model, tmp_path / "model.keras", {})
    again, _ = load(tmp_path / "model.keras")
    np.testing.assert_allclose(predict(again, x), predict(built.model, x), atol=1e-5)
    assert predict(built.train_model, x).shape == (4, 3)
