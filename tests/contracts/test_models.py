"""What every architecture in the table must do with every kind of input it serves, whichever Keras backend runs it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from madeinputs import BACKBONES, CASES, CLASSES, image, irregular, recipe_of, records, signal, text

from automed.errors import TrialError
from automed.models import ARCHITECTURES, SUITED, kinds_of, offered, suited
from automed.models.facts import InputFacts
from automed.models.known_good import known_good
from automed.models.space import FixedSpace, RandomSpace, Recorder, Scope, Space, Value

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models.assembly import Assembled, assemble  # noqa: E402
from automed.models.card import load, save  # noqa: E402
from automed.models.encoders import steps  # noqa: E402
from automed.models.losses import loss  # noqa: E402
from automed.models.optimisers import optimiser  # noqa: E402
from automed.models.training import training_choices  # noqa: E402

COLOUR = (64, 64, 3)
NAME = "lesion"


def serves(case: str) -> tuple[str, ...]:
    """The architectures for an input of `CASES`."""
    return suited("signal", irregular=True) if case == "irregular" else suited(case)


PAIRS = [(architecture, case) for case in CASES for architecture in serves(case)]
# Of each architecture the first case it serves, and the irregular one where there is a difference.
FIRST = {architecture: next(case for case in CASES if architecture in serves(case)) for architecture in ARCHITECTURES}
OF_STEPS = [architecture for architecture, case in FIRST.items() if case in ("signal", "irregular")]
OF_IMAGES = [architecture for architecture, case in FIRST.items() if case == "image"]

every_architecture = pytest.mark.parametrize("architecture", list(ARCHITECTURES))
every_architecture_of_steps = pytest.mark.parametrize("architecture", OF_STEPS)
every_architecture_of_images = pytest.mark.parametrize("architecture", OF_IMAGES)


def starts(architecture: str, facts: InputFacts) -> list[dict[str, Value]]:
    """The known-good choices of one architecture."""
    return known_good(recipe_of({NAME: facts}, architecture), {NAME: facts.entry})


def build(architecture: str, space: Space, facts: InputFacts | None = None) -> Assembled:
    """One assembled candidate with one input."""
    facts = facts or CASES[FIRST[architecture]]
    return assemble(recipe_of({NAME: facts}, architecture), space, {NAME: facts}, CLASSES)


def encode(architecture: str, space: Space, facts: InputFacts) -> Any:
    """The encoder alone, for an input whose channels are already those that the front makes."""
    shape = (*facts.shape, 4) if facts.kind in ("text", "sequence") else facts.shape
    more: dict[str, Any] = {"values": shape[-1] // 3} if architecture == "grud" else {}
    more |= {"backbones": BACKBONES} if architecture == "pretrained" else {}
    return ARCHITECTURES.load(architecture)(space, shape, **more)


def of_encoder(choices: dict[str, Value], architecture: str) -> FixedSpace:
    """The choices that the encoder asks for, without its name."""
    return FixedSpace({name.removeprefix(f"{architecture}."): value for name, value in choices.items()})


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


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved model of every architecture, and records with what it predicts of them."""
    folder = tmp_path_factory.mktemp("saved")
    for architecture, case in FIRST.items():
        built = build(architecture, FixedSpace(starts(architecture, CASES[case])[-1]))
        save(built.model, folder / f"{architecture}.keras", {"classes": list(CLASSES)})
        x = records(CASES[case])
        np.savez(folder / f"{architecture}.npz", x=x, y=predict(built.model, x))
    return folder


def test_every_architecture_serves_a_kind_of_input() -> None:
    """And every kind of input is served; only irregular observations tell what fades."""
    assert all(kinds_of(architecture) for architecture in ARCHITECTURES)
    assert set(SUITED) == {facts.kind for facts in CASES.values()}
    assert {name for names in SUITED.values() for name in names} | {"grud"} == set(ARCHITECTURES)
    assert "grud" in suited("signal", irregular=True) and "grud" not in suited("signal")


@pytest.mark.parametrize(("architecture", "case"), PAIRS)
def test_raw_records_go_in_and_probabilities_come_out(architecture: str, case: str) -> None:
    """Every known-good choice builds; rows add up to one, also of a record that is absent or mostly missing."""
    facts = CASES[case]
    # Of further kinds of input the front alone is new.
    for choices in starts(architecture, facts)[: 2 if case == FIRST[architecture] else 1]:
        model = build(architecture, FixedSpace(choices), facts).model
        assert model.input.dtype == facts.facts["dtype"]
        found = predict(model, records(facts))
        assert found.shape == (6, 3) and found.dtype == np.float32 and np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-5)
        names = {layer.name for layer in model.layers}
        assert {NAME, f"preprocess_{NAME}", f"features_{NAME}", f"pooled_{NAME}", "logits", "probabilities"} <= names
        rank = {"image": 4, "tabular": 2}.get(case, 3)
        assert len(model.get_layer(f"features_{NAME}").output.shape) == rank
        assert len(model.get_layer(f"pooled_{NAME}").output.shape) == 2


@every_architecture
def test_known_good_choices_are_complete(architecture: str) -> None:
    """No question of a trial is left to chance when they are replayed."""
    facts = image(COLOUR) if FIRST[architecture] == "image" else CASES[FIRST[architecture]]
    task = recipe_of({NAME: facts}, architecture)
    for choices in starts(architecture, facts):
        space = Recorder(FixedSpace(choices))
        built = build(architecture, space, facts)
        training_choices(space, task, {NAME: facts})
        loss(space)
        optimiser(space, built.train_model.trainable_variables, 10, 2, built.rates)
        assert set(built.choices) <= set(space.choices) <= set(choices)


@every_architecture
@pytest.mark.parametrize("seed", [1, 2])
def test_a_saved_model_predicts_as_before(architecture: str, seed: int, tmp_path: Path) -> None:
    """Save, load and predict agree to 1e-5, and the card comes back, for choices and kinds of input by chance."""
    cases = [facts for case, facts in CASES.items() if architecture in serves(case)]
    facts = cases[seed % len(cases)]
    if facts.kind == "image" and seed % 2 == 0:
        facts = image((32, 40, 3))
    model = build(architecture, RandomSpace(seed), facts).model
    save(model, tmp_path / "model.keras", {"classes": list(CLASSES)})
    again, card = load(tmp_path / "model.keras")
    assert card == {"classes": list(CLASSES)}
    x = records(facts, seed=seed)
    np.testing.assert_allclose(predict(again, x), predict(model, x), atol=1e-5)


STRANGER = """
import sys
from pathlib import Path
sys.modules["automed"] = None  # any import of it fails, as where it is not installed
import keras, numpy as np
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path, safe_mode=True)
    expected = np.load(path.with_suffix(".npz"))
    found = np.asarray(keras.ops.convert_to_numpy(model(expected["x"], training=False)))
    np.testing.assert_allclose(found, expected["y"], atol=1e-5, err_msg=path.name)
    print(path.stem)
"""


def test_models_open_where_automed_is_not_installed(saved: Path) -> None:
    """Plain Keras in another process, in safe mode, opens every architecture and predicts the same."""
    answer = subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, str(saved)], capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert answer.stdout.split() == sorted(ARCHITECTURES)


@every_architecture
def test_a_saved_model_holds_parts_of_keras_only(architecture: str, saved: Path) -> None:
    """No Lambda, no class from outside Keras, no optimiser."""
    with zipfile.ZipFile(saved / f"{architecture}.keras") as archive:
        config = json.loads(archive.read("config.json"))
    for item in configurations(config):
        assert item["class_name"] != "Lambda"
        assert item.get("registered_name") in (None, item["class_name"]), item["class_name"]
        assert (item.get("module") or "keras").partition(".")[0] in ("keras", "builtins"), item["class_name"]
    assert not config.get("compile_config")


@every_architecture
def test_training_lowers_the_loss(architecture: str) -> None:
    """Also with gaps and absent records; a first step has moved every trainable weight, and none is NaN."""
    facts = CASES[FIRST[architecture]]
    choices = {**starts(architecture, facts)[0], "augment": "none", "dropout": 0.0, "adamw.learning_rate": 1e-3}
    choices |= {f"{architecture}.dropout": 0.0}
    space = FixedSpace(choices)
    built = build(architecture, space)
    model = built.train_model
    rate = optimiser(space, model.trainable_variables, 12, 1, built.rates)
    model.compile(optimizer=rate, loss=loss(space), jit_compile=False)
    x, y = records(facts, 16), np.eye(3, dtype=np.float32)[np.arange(16) % 3]
    before = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    losses = [float(model.train_on_batch(x, y, sample_weight=np.ones(16, np.float32)))]
    for variable, start in zip(model.trainable_variables, before, strict=True):
        now = keras.ops.convert_to_numpy(variable)
        assert np.isfinite(now).all(), variable.path
        assert (now != start).any(), f"{variable.path} has no gradient"
    losses += [float(model.train_on_batch(x, y, sample_weight=np.ones(16, np.float32))) for _ in range(11)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


class Nudge(keras.layers.Layer):
    """Adds a weight to an input: the weight's gradient is the input's."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.nudge = self.add_weight(shape=shape[1:], initializer="zeros", name="nudge")

    def call(self, x: Any) -> Any:
        return x + self.nudge


@pytest.mark.parametrize(("architecture", "case"), [("cnn1d", "signal"), ("grud", "irregular"), ("mlp", "tabular")])
def test_the_gradient_of_a_raw_input_is_a_number(architecture: str, case: str) -> None:
    """Missing values and absent records do not make NaN of it: explanations need it."""
    facts = CASES[case]
    built = build(architecture, FixedSpace(starts(architecture, facts)[0]), facts)
    raw = keras.Input(facts.shape)
    nudge = Nudge()
    model = keras.Model(raw, built.model(nudge(raw)))
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="categorical_crossentropy", jit_compile=False)
    model.train_on_batch(records(facts), np.eye(3, dtype=np.float32)[np.arange(6) % 3])
    found = keras.ops.convert_to_numpy(nudge.nudge)
    assert np.isfinite(found).all() and (found != 0.0).any()


@every_architecture
def test_the_model_that_is_trained_is_the_one_that_is_saved(architecture: str) -> None:
    """Both share every weight, and outside of training the softmax of one's logits is the other's output."""
    facts = CASES[FIRST[architecture]]
    built = build(architecture, FixedSpace({**starts(architecture, facts)[0], "augment": "strong"}))
    ours = {id(variable) for variable in built.model.variables}
    assert {id(variable) for variable in built.train_model.trainable_variables} <= ours
    assert any("augment" in layer.name for layer in built.train_model.layers) == (facts.kind != "tabular")
    x = records(facts)
    logits = predict(built.train_model, x)
    exponential = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(exponential / exponential.sum(1, keepdims=True), predict(built.model, x), atol=1e-5)


@every_architecture
def test_recorded_choices_rebuild_the_same_architecture(architecture: str) -> None:
    """FixedSpace over what was recorded gives the same configuration and the same shapes of weights."""
    first = build(architecture, RandomSpace(11))
    stored = json.loads(json.dumps(first.choices))
    second = build(architecture, FixedSpace(stored))
    assert second.choices == first.choices
    assert layers_of(second.model.get_config()) == layers_of(first.model.get_config())
    shapes = [[tuple(variable.shape) for variable in built.model.variables] for built in (first, second)]
    assert shapes[0] == shapes[1]


def layers_of(node: Any) -> Any:
    """A configuration without the names that Keras counts up by itself."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key not in ("name", "keras_history")}
        return {key: layers_of(value) for key, value in kept.items()}
    return [layers_of(value) for value in node] if isinstance(node, list | tuple) else repr(node)


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
        return Scope(self, prefix)


@every_architecture
def test_every_option_can_be_reached_and_builds(architecture: str) -> None:
    """Chance draws each option of each question sooner or later, and whatever it draws fits the input."""
    facts = {"image": image(COLOUR), "signal": signal(600), "irregular": irregular(600)}.get(
        FIRST[architecture], CASES[FIRST[architecture]]
    )
    asked: set[tuple[str, str]] = set()
    given: set[tuple[str, str]] = set()
    for seed in range(40):
        encode(architecture, Listening(seed, asked, given), facts)
        keras.backend.clear_session()
        if seed > 5 and given == asked:
            break
    assert len(asked) >= 3
    assert given == asked


@every_architecture_of_images
@pytest.mark.parametrize("side", [1, 3])
def test_an_image_that_is_too_small_is_this_trials_failure(architecture: str, side: int) -> None:
    """The search goes on; the message says what size came in."""
    facts = image((side, side, 1))
    with pytest.raises(TrialError, match=f"{architecture}: a {side}x{side} image"):
        build(architecture, FixedSpace(starts(architecture, facts)[-1]), facts)


@pytest.mark.parametrize("architecture", ["cnn1d", "resnet1d", "inceptiontime", "tcn"])
def test_an_input_that_is_shorter_than_a_window_is_this_trials_failure(architecture: str) -> None:
    """The message says how many steps came in; recurrent networks and attention take any number."""
    with pytest.raises(TrialError, match=f"{architecture}: an input of 2 steps"):
        encode(architecture, of_encoder(starts(architecture, signal())[0], architecture), signal(2))
    for other in ("gru", "transformer"):
        assert encode(other, of_encoder(starts(other, signal())[0], other), signal(1)).output.shape[1] == 1


@every_architecture_of_images
def test_images_of_any_size_end_in_a_small_map(architecture: str) -> None:
    """From 28 to 224 pixels, and out of square, the stem brings the work to about the same resolution."""
    for shape in [(28, 28, 1), (96, 64, 3), (224, 224, 3)]:
        space = of_encoder(starts(architecture, image(shape))[0], architecture)
        _, height, width, _ = encode(architecture, space, image(shape)).output.shape
        assert 1 <= min(height, width) <= max(height, width) <= 14
        keras.backend.clear_session()


@every_architecture_of_steps
def test_long_inputs_are_shortened_first(architecture: str) -> None:
    """Five thousand steps become some hundreds; so few that a loop over them is quick, and short ones stay whole."""
    for length, most in ((5000, 250), (1000, 250), (40, 40)):
        facts = irregular(length, 1) if architecture == "grud" else signal(length, 1)
        space = of_encoder(starts(architecture, facts)[0], architecture)
        encoder = encode(architecture, space, facts)
        assert encoder.output.shape[1] <= most
        mask = steps.shrink(keras.KerasTensor((None, length, 1)), encoder.output.shape[1], "mask")
        assert mask.shape[1] == encoder.output.shape[1], "halved, each time rounded up"


@every_architecture_of_steps
@pytest.mark.parametrize("position", [0, 1])
def test_how_far_a_record_is_padded_does_not_matter(architecture: str, position: int) -> None:
    """The same weights answer the same to a record of 13 steps in an array of 44 and of 57."""
    random = np.random.default_rng(0)
    content = random.normal(size=(2, 13, 6)).astype(np.float32)
    found = []
    weights = None
    for length in (44, 57):
        facts = irregular(length, 2)
        space = of_encoder(starts(architecture, CASES[FIRST[architecture]])[position], architecture)
        encoder = encode(architecture, space, replace(facts, shape=(length, 6)))
        weights = encoder.get_weights() if weights is None else weights
        encoder.set_weights(weights)
        x, mask = np.zeros((2, length, 6), np.float32), np.zeros((2, length, 1), np.float32)
        x[:, :13], mask[:, :13] = content, 1.0
        features = predict(encoder, [x, mask])
        short = keras.ops.convert_to_numpy(steps.shrink(keras.ops.convert_to_tensor(mask), features.shape[1], "m"))
        found.append((features * short)[:, : int(short.sum(1).max())])
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert (np.abs(found[0]).sum(axis=(1, 2)) > 0).all()


@every_architecture
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_probabilities_stay_in_float32_whatever_the_policy(architecture: str, policy: str) -> None:
    """Half precision inside, full precision for what is read; absent records stay numbers."""
    facts = CASES[FIRST[architecture]]
    keras.config.set_dtype_policy(policy)
    try:
        built = build(architecture, FixedSpace(starts(architecture, facts)[0]))
        assert built.model.output.dtype == built.train_model.output.dtype == "float32"
        assert built.model.get_layer(f"preprocess_{NAME}").output.dtype == "float32"
        assert built.model.get_layer(f"features_{NAME}").output.dtype == policy.removeprefix("mixed_")
        found = predict(built.model, records(facts))
        np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-5)
    finally:
        keras.config.set_dtype_policy("float32")


def test_several_labels_have_a_probability_each() -> None:
    """A sigmoid each: they need not add up to one; other tasks have a softmax."""
    facts = text()
    choices = starts("cnn1d", facts)[0]
    for task, alone in (("multilabel", True), ("ordinal", False)):
        recipe = recipe_of({NAME: facts}, "cnn1d", task=task)
        found = predict(assemble(recipe, FixedSpace(choices), {NAME: facts}, CLASSES).model, records(facts))
        assert ((found > 0.0) & (found < 1.0)).all()
        assert (np.abs(found.sum(1) - 1.0) > 1e-3).any() == alone


def test_a_recipe_that_names_none_is_offered_what_suits() -> None:
    """For each input all architectures of its kind, but for the pretrained ones, whose weights may have to come."""
    found = offered(recipe_of(CASES), {name: facts.entry for name, facts in CASES.items()})
    assert {case: set(names) for case, names in found.items()} == {
        case: set(serves(case)) - {"pretrained"} for case in CASES
    }
