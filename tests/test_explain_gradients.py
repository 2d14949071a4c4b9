"""Methods that look inside a network, on networks whose gradients are known, and on ones that automed assembles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from madeinputs import CASES, CLASSES, recipe_of, records

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.explain import gradcam, integrated_gradients  # noqa: E402
from automed.explain.attribution import Attribution, NotApplicable  # noqa: E402
from automed.explain.copies import STAGES, copy_of, differentiable, learnt, randomised, redraw  # noqa: E402
from automed.explain.gradients import Gradients, asking  # noqa: E402
from automed.explain.subject import InputSpec, Subject, take  # noqa: E402
from automed.models.assembly import assemble  # noqa: E402
from automed.models.facts import InputFacts  # noqa: E402
from automed.models.known_good import known_good  # noqa: E402
from automed.models.space import FixedSpace, Recorder  # noqa: E402
from automed.recipe.explain import Explain  # noqa: E402

LABELS = ("a", "b", "c")
BOTH = ("no", "yes")
COLUMNS, TOKENS, SIDE = 3, 6, 16
SUBJECTS: dict[str, Subject] = {}  # built once


def table(**facts: Any) -> InputSpec:
    return InputSpec("table", "tabular", (COLUMNS,), "float32", facts)


NOTE = InputSpec("note", "text", (TOKENS,), "int32", {})
PICTURE = InputSpec("picture", "image", (SIDE, SIDE, 1), "uint8", {})


def kept(name: str, build: Callable[[], Subject]) -> Subject:
    """A subject that several tests ask and none changes."""
    if name not in SUBJECTS:
        keras.utils.set_random_seed(5)
        SUBJECTS[name] = build()
    return SUBJECTS[name]


def straight() -> Subject:
    """A linear layer and a softmax."""

    def build() -> Subject:
        model = keras.Sequential([keras.Input((COLUMNS,), name="table"), keras.layers.Dense(3, "softmax")])
        return Subject(model, (table(),), LABELS)

    return kept("straight", build)


def bag() -> Subject:
    """The mean of the vectors of tokens, a linear layer and one sigmoid."""

    def build() -> Subject:
        model = keras.Sequential(
            [
                keras.Input((TOKENS,), dtype="int32", name="note"),
                keras.layers.Embedding(8, 4, embeddings_initializer=keras.initializers.RandomNormal(stddev=2.0)),
                keras.layers.GlobalAveragePooling1D(),
                keras.layers.Dense(1, "sigmoid"),
            ]
        )
        return Subject(model, (NOTE,), BOTH)

    return kept("bag", build)


def masked() -> Subject:
    """A recurrent network that skips padding by Keras' masks; its embedding lies in a nested model."""

    def build() -> Subject:
        words = keras.Sequential([keras.Input((TOKENS,), dtype="int32"), keras.layers.Embedding(8, 4, mask_zero=True)])
        x = keras.Input((TOKENS,), dtype="int32", name="note")
        y = keras.layers.Dense(3, "softmax")(keras.layers.LSTM(5)(words(x)))
        return Subject(keras.Model(x, y), (NOTE,), LABELS)

    return kept("masked", build)


def pictures(seed: int = 0, n: int = 3) -> dict[str, Any]:
    """Dark pictures with one bright spot, in another corner each."""
    x = np.random.default_rng(seed).integers(20, 40, (n, SIDE, SIDE, 1)).astype(np.uint8)
    for i in range(n):
        row, column = 8 * (i // 2 % 2), 8 * (i % 2)
        x[i, row : row + 8, column : column + 8] = 220
    return {"picture": x}


def bright(
    weights: tuple[float, float], nested: bool = False, pooled: bool = False, activation: str | None = None
) -> Any:
    """A network of one convolution that passes brightness on, of which the first logit has one weight, the other the
    second one; its sharpness makes probabilities of 1.0."""
    x = keras.Input((SIDE, SIDE, 1), name="picture", dtype="uint8")
    y = keras.layers.Rescaling(1 / 255.0)(x)
    inner = keras.Input((SIDE, SIDE, 1))
    convolution = keras.layers.Conv2D(1, 2, strides=2, use_bias=False, activation="relu", name="look")
    out = convolution(inner)
    convolution.set_weights([np.full((2, 2, 1, 1), 0.25, np.float32)])
    out = keras.layers.GlobalAveragePooling2D()(out) if pooled else out
    if nested:
        y = keras.Model(inner, out, name="backbone")(y)
        y = y if pooled else keras.layers.GlobalAveragePooling2D()(y)
    else:
        y = keras.layers.GlobalAveragePooling2D()(convolution(y))
    last = keras.layers.Dense(2, activation or "softmax", use_bias=False)
    y = last(y)
    last.set_weights([np.array([weights], np.float32)])
    return keras.Model(x, y)


def assembled(inputs: dict[str, str], **architectures: str) -> Subject:
    """A network that automed assembles, with random weights; one is built once.

    Args:
        inputs: by name, one of `CASES`.
        architectures: by name of the input.
    """

    def build() -> Subject:
        facts = {name: CASES[case] for name, case in inputs.items()}
        recipe = recipe_of(facts, *dict.fromkeys(architectures.values()))
        start = known_good(recipe, {name: one.entry for name, one in facts.items()})[0]
        model = assemble(recipe, Recorder(FixedSpace(start)), facts, CLASSES).model
        specs = tuple(
            InputSpec(name, one.kind, one.shape, str(one.facts["dtype"]), one.entry) for name, one in facts.items()
        )
        return Subject(model, specs, CLASSES)

    return kept("+".join(f"{name}:{architectures[name]}" for name in inputs), build)


def several() -> Subject:
    return assembled(
        {"picture": "image", "course": "irregular", "note": "text", "admission": "tabular"},
        picture="resnet",
        course="grud",
        note="lstm",
        admission="mlp",
    )


def drawn(subject: Subject, n: int = 4, seed: int = 0) -> dict[str, Any]:
    return {
        spec.name: np.asarray(records(InputFacts(spec.kind, spec.shape, spec.facts), n, seed))
        for spec in subject.inputs
    }


def explained(method: Any, subject: Subject, arrays: Any, classes: list[int] | None = None, **more: Any) -> Attribution:
    decided = subject.predict(arrays).argmax(axis=1) if classes is None else np.array(classes)
    background = more.get("background", arrays)
    found: Attribution = method.explain(subject, arrays, background, decided.astype(np.int64), Explain(), 0)
    return found


def by_differences(copy: Any, feed: list[Any], classes: Any, entry: int, place: tuple[int, ...], step: float) -> float:
    """The slope at one place of one entry, of the first record."""
    answers = []
    for sign in (-1, 1):
        moved = [part.copy() for part in feed]
        moved[entry][(0, *place)] += sign * step
        found = np.asarray(keras.ops.convert_to_numpy(copy.answers([keras.ops.convert_to_tensor(x) for x in moved])))
        answers.append(float(found[0, classes[0]]))
    return (answers[1] - answers[0]) / (2 * step)


# ---- gradients ----------------------------------------------------------------------------------------------------


def test_gradients_of_a_linear_layer_and_a_softmax_are_those_of_the_formula() -> None:
    """p_k (w_k - sum of p_j w_j), for any number of records."""
    subject = straight()
    weights, _ = subject.model.get_weights()
    for n in (1, 20, 200):
        x = np.random.default_rng(n).normal(size=(n, COLUMNS)).astype(np.float32)
        classes = np.arange(n) % 3
        copy, ask = asking(subject)
        output, (gradient,) = ask(copy.feed({"table": x}), classes)
        p = subject.predict({"table": x})
        expected = p[np.arange(n), classes][:, None] * (weights.T[classes] - p @ weights.T)
        assert output == pytest.approx(p[np.arange(n), classes], abs=1e-6)
        assert gradient == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("wanted", [0, 1])
def test_gradients_of_one_sigmoid_have_the_sign_of_the_class(wanted: int) -> None:
    """The probability of the first class falls where that of the second rises."""
    subject = bag()
    copy, ask = asking(subject)
    tokens = {"note": np.array([[2, 3, 4, 5, 6, 7]], np.int32)}
    output, (gradient,) = ask(copy.feed(tokens), np.array([wanted]))
    kernel, _ = subject.model.layers[-1].get_weights()
    p = float(subject.predict(tokens)[0, 1])
    slope = p * (1 - p) * kernel[:, 0] / TOKENS * (1 if wanted else -1)
    assert output == pytest.approx(p if wanted else 1 - p)
    assert gradient[0] == pytest.approx(np.tile(slope, (TOKENS, 1)), abs=1e-6)


@pytest.mark.parametrize("case", ["signal-lstm", "signal-gru", "text-transformer", "several"])
def test_gradients_equal_finite_differences(case: str) -> None:
    """At the place of the largest gradient of every input, in networks that read step by step or several inputs."""
    kind, _, architecture = case.partition("-")
    subject = assembled({"input": kind}, input=architecture) if architecture else several()
    copy, ask = asking(subject)
    record, classes = take(drawn(subject), slice(0, 1)), np.array([1])
    if "admission" in record:
        record["admission"][0, 0] = 70.0  # the one number that varies is not missing
    feed = copy.feed(record)
    output, gradients = ask(feed, classes)
    assert output == pytest.approx(subject.of_class(record, classes), abs=1e-5)
    for entry, gradient in enumerate(gradients):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
        place = np.unravel_index(int(np.abs(gradient[0]).argmax()), gradient[0].shape)
        step = 0.5 if copy.entries[entry].spec.kind == "image" else 0.004
        slope = by_differences(copy, feed, classes, entry, tuple(int(p) for p in place), step)
        assert gradient[(0, *place)] == pytest.approx(slope, rel=0.1, abs=2e-5)


def test_what_is_missing_has_no_gradient_and_categories_have_none() -> None:
    """NaN stays NaN at the entry; a category is rounded on its way."""
    subject = several()
    copy, ask = asking(subject)
    arrays = drawn(subject)
    feed = copy.feed(arrays)
    assert np.isnan(feed[1]).any() and np.isnan(feed[3]).any()
    gradients = ask(feed, np.zeros(4, np.int64))[1]
    for part, gradient in zip(feed, gradients, strict=False):
        assert (gradient[np.isnan(part)] == 0).all()
    assert copy.entries[3].closed == (1, 3) and (gradients[3][:, [1, 3]] == 0).all()


def test_padding_is_skipped_as_the_model_itself_skips_it() -> None:
    """Keras' masks are made from the raw tokens, although their vectors are handed in."""
    subject = masked()
    tokens = {"note": np.array([[2, 3, 4, 0, 0, 0], [5, 6, 7, 2, 3, 4]], np.int32)}
    copy, ask = asking(subject)
    output, (gradient,) = ask(copy.feed(tokens), np.array([1, 1]))
    assert output == pytest.approx(subject.predict(tokens)[:, 1], abs=1e-6)
    assert (gradient[0, 3:] == 0).all() and (np.abs(gradient[0, :3]).max(axis=1) > 0).all()


def test_a_network_is_copied_and_traced_once() -> None:
    """Weights that are drawn anew in place are those of the next answer."""
    subject = randomised(bag(), 0)
    tokens = {"note": np.array([[2, 3, 4, 5, 6, 7]], np.int32)}
    copy, first = asking(subject)
    before = first(copy.feed(tokens), np.array([1]))
    redraw(subject.model, 1)
    copy, again = asking(replace(subject))
    after = again(copy.feed(tokens), np.array([1]))
    assert again is first and abs(float(after[0][0] - before[0][0])) > 1e-4
    fresh = differentiable(subject)
    expected = Gradients(fresh)(fresh.feed(tokens), np.array([1]))
    assert after[0] == pytest.approx(expected[0], abs=1e-6)
    assert after[1][0] == pytest.approx(expected[1][0], abs=1e-6)


# ---- where gradients do not pass ----------------------------------------------------------------------------------


def test_an_operation_without_a_gradient_is_told() -> None:
    """A network of steps has a gradient of 0 everywhere: that explains nothing, whatever the backend calls it."""
    record = np.array([[3.0, -2.0, 4.0], [-3.0, 2.0, -4.0]], np.float32)
    for steps in (lambda x: keras.ops.cast(keras.ops.cast(x, "int32"), "float32"), keras.ops.sign):
        x = keras.Input((COLUMNS,), name="table")
        model = keras.Model(x, keras.layers.Dense(3, "softmax", kernel_initializer="orthogonal")(steps(x)))
        with pytest.raises(NotApplicable, match=r"lets no gradient pass|less than half"):
            explained(
                integrated_gradients,
                Subject(model, (table(),), LABELS),
                {"table": record},
                background={"table": np.zeros((2, COLUMNS), np.float32)},
            )


def test_a_table_of_categories_alone_has_no_gradient() -> None:
    """There is nothing between two of them."""
    spec = table(features=[{"name": str(k), "kind": "category", "levels": ["", "x"]} for k in range(COLUMNS)])
    with pytest.raises(NotApplicable, match="categories have no values in between"):
        differentiable(Subject(straight().model, (spec,), LABELS))


def test_tokens_that_no_single_layer_looks_up_are_told() -> None:
    """Two embeddings that read one input have no one place where gradients arrive."""
    x = keras.Input((TOKENS,), dtype="int32", name="note")
    both = [keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(8, 4)(x)) for _ in range(2)]
    model = keras.Model(x, keras.layers.Dense(3, "softmax")(keras.layers.Concatenate()(both)))
    with pytest.raises(NotApplicable, match="no one layer looks the tokens of note up"):
        differentiable(Subject(model, (NOTE,), LABELS))


def test_a_model_that_cannot_be_copied_is_told() -> None:
    """A class of somebody's own does not say how to build it."""

    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self, wide: int) -> None:
            super().__init__()
            self.last = keras.layers.Dense(wide, "softmax")

        def call(self, x: Any) -> Any:
            return self.last(x)

    model = Own(3)
    model(np.ones((1, COLUMNS), np.float32))
    with pytest.raises(NotApplicable, match="cannot be copied"):
        copy_of(model)


# ---- the original, and copies with random weights -----------------------------------------------------------------


def test_the_explained_model_can_still_be_used_for_everything(tmp_path: Path) -> None:
    """Its weights and answers are the same; it can be saved, loaded, copied and fitted."""
    subject = assembled({"scan": "image", "words": "sequence"}, scan="cnn", words="cnn1d")
    arrays = drawn(subject)
    before, weights = subject.predict(arrays), [one.copy() for one in subject.model.get_weights()]
    for method in (integrated_gradients, gradcam):
        explained(method, subject, arrays)
    randomised(subject, 0)
    assert all(np.array_equal(a, b) for a, b in zip(weights, subject.model.get_weights(), strict=True))
    assert np.array_equal(subject.predict(arrays), before)
    subject.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert replace(subject, model=loaded).predict(arrays) == pytest.approx(before, abs=1e-6)
    other = keras.models.clone_model(subject.model)
    other.set_weights(weights)
    assert replace(subject, model=other).predict(arrays) == pytest.approx(before, abs=1e-6)
    other.compile("sgd", "sparse_categorical_crossentropy")
    other.fit(subject.as_input(arrays), np.zeros(4), verbose=0)
    assert np.abs(replace(subject, model=other).predict(arrays) - before).max() > 1e-5


def test_random_weights_are_those_of_a_network_that_begins_to_learn() -> None:
    """Kernels by their initialisers, forget gates open, moving averages anew; statistics of the data stay."""
    normalise = keras.layers.Normalization()
    normalise.adapt(np.random.default_rng(0).normal(7.0, 2.0, (50, 12, 4)))
    model = keras.Sequential(
        [
            keras.Input((12, 4), name="course"),
            normalise,
            keras.layers.DepthwiseConv1D(
                3, depth_multiplier=16, depthwise_initializer=keras.initializers.Constant(2.0)
            ),
            keras.layers.BatchNormalization(),
            keras.layers.Bidirectional(keras.layers.LSTM(6)),
            keras.layers.Dense(40, kernel_initializer=keras.initializers.RandomNormal(stddev=3.0, seed=1)),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.set_weights([one if not one.shape else one + 5 for one in model.get_weights()])
    statistics = [one.copy() for one in normalise.get_weights()]
    subject = Subject(model, (InputSpec("course", "signal", (12, 4), "float32", {}),), LABELS)
    copy = randomised(subject, 1).model
    kept_, depthwise, batch, way, dense, _ = copy.layers
    assert all(np.array_equal(a, b) for a, b in zip(kept_.get_weights(), statistics, strict=True))
    assert (depthwise.get_weights()[0] == 2.0).all()
    gamma, beta, mean, variance = batch.get_weights()
    assert (gamma == 1).all() and (beta == 0).all() and (mean == 0).all() and (variance == 1).all()
    forget = way.forward_layer.cell.get_weights()[2]
    assert (forget[6:12] == 1).all() and (forget[:6] == 0).all() and (forget[12:] == 0).all()
    kernel = dense.get_weights()[0]
    assert 2.5 < kernel.std() < 3.5
    redraw(copy, 2)
    assert np.abs(dense.get_weights()[0] - kernel).max() > 0.1, "a seed in the layer does not bind the draw"
    redraw(copy, 1)
    assert np.array_equal(dense.get_weights()[0], kernel)


@pytest.mark.parametrize(
    ("case", "architecture"), [("image", "mobilenet"), ("signal", "resnet1d"), ("text", "transformer")]
)
def test_random_networks_still_tell_records_apart(case: str, architecture: str) -> None:
    """Their answers are finite and differ between records, from draw to draw, and from those of the model."""
    subject = assembled({"input": case}, input=architecture)
    arrays = drawn(subject, 8)
    before = subject.predict(arrays)
    copy = randomised(subject, 0)
    answers = []
    for seed in range(1, 4):
        redraw(copy.model, seed)
        answers.append(copy.predict(arrays))
        assert np.isfinite(answers[-1]).all() and answers[-1].std(axis=0).max() > 1e-4
        assert np.abs(answers[-1] - before).max() > 1e-3
    assert np.abs(answers[0] - answers[1]).max() > 1e-3
    assert np.array_equal(subject.predict(arrays), before)


def test_the_head_alone_is_drawn_anew_first_and_constants_never() -> None:
    """Positions of a transformer are no weights."""
    subject = assembled({"input": "text"}, input="transformer")
    head = randomised(subject, 0, STAGES[0])
    changed = [
        layer.name
        for layer, own in zip(learnt(head.model), learnt(subject.model), strict=True)
        if not all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), own.get_weights(), strict=True))
    ]
    assert changed == ["logits"]
    whole = randomised(subject, 0)
    rates = [model.get_layer("features_input").get_layer("rates") for model in (whole.model, subject.model)]
    assert np.array_equal(rates[0].get_weights()[0], rates[1].get_weights()[0])


# ---- integrated gradients -----------------------------------------------------------------------------------------


def test_words_share_a_change_by_their_vectors() -> None:
    """Behind a mean and one sigmoid the shares are those of each word's distance from an unknown word."""
    subject = bag()
    tokens = {"note": np.array([[2, 3, 4, 5, 1, 0], [7, 7, 2, 1, 1, 3]], np.int32)}
    found = explained(integrated_gradients, subject, tokens, [1, 0])
    vectors = subject.model.layers[0].get_weights()[0]
    weight = subject.model.layers[-1].get_weights()[0][:, 0]
    far = (vectors[tokens["note"]] - vectors[1]) @ weight * (tokens["note"] != 0)
    assert found.base is not None
    expected = (found.output - found.base)[:, None] * far / far.sum(axis=1, keepdims=True)
    assert found.values["note"] == pytest.approx(expected, abs=2e-3)
    reference = np.where(tokens["note"] != 0, 1, 0).astype(np.int32)
    assert found.base == pytest.approx(subject.of_class({"note": reference}, np.array([1, 0])), abs=1e-6)


@profile(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**31 - 1))
def test_values_add_up_to_the_change_in_probability(seed: int) -> None:
    """From the reference to the record; and what is as in the reference has no share."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 2, (5, COLUMNS)).astype(np.float32)
    background = random.normal(0, 2, (7, COLUMNS)).astype(np.float32)
    x[0, 1] = background[:, 1].astype(np.float64).mean()
    found = explained(integrated_gradients, straight(), {"table": x}, background={"table": background})
    assert found.gap is not None and found.gap.max() < integrated_gradients.ADDS_UP
    assert abs(found.values["table"][0, 1]) < 1e-5


def test_the_base_is_the_probability_at_the_reference() -> None:
    """Several inputs go their ways at once; gaps stay gaps, and categories and masks what they are."""
    subject = several()
    arrays, background = drawn(subject), drawn(subject, 8, 1)
    found = explained(integrated_gradients, subject, arrays, background=background)
    assert found.gap is not None and found.gap.max() < 0.02
    assert np.isnan(found.values["admission"][:, [1, 3]]).all()
    assert np.isfinite(found.values["admission"][:, [0, 2]]).all()
    assert all((found.values[name][-1] == 0).all() for name in ("picture", "course", "note")), "absent inputs"
    seen = ~np.isnan(arrays["course"][..., :3])
    assert (found.values["course"][~seen] == 0).all()


def test_numbers_that_no_training_record_has_stay_as_they_are() -> None:
    """A column without any value in the background has no mean to begin at; what is missing has no share."""
    x = keras.Input((COLUMNS,), name="table")
    seen = keras.ops.where(keras.ops.isnan(x), 0.0, x)
    subject = Subject(keras.Model(x, keras.layers.Dense(3, "softmax")(seen)), (table(),), LABELS)
    record = np.array([[1.0, np.nan, 2.0]], np.float32)
    background = np.array([[0.0, 1.0, np.nan], [2.0, np.nan, np.nan]], np.float32)
    found = explained(integrated_gradients, subject, {"table": record}, background={"table": background})
    assert found.values["table"][0].tolist() == [0.0, 0.0, 0.0]
    assert found.gap is not None and found.gap.max() < 1e-6


# ---- Grad-CAM -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["flat", "nested", "nested and pooled"])
def test_the_map_lies_where_the_network_looks(shape: str) -> None:
    """A network that counts brightness looks at the bright spot, wherever its convolution is; what speaks against the
    class is not shown."""
    subject = Subject(bright((3.0, -3.0), shape != "flat", shape.endswith("pooled")), (PICTURE,), BOTH)
    arrays = pictures()
    found = explained(gradcam, subject, arrays, [0, 0, 1])
    maps, spot = found.values["picture"], arrays["picture"][..., 0] > 100
    assert maps.shape == (3, SIDE, SIDE) and not found.signed and found.gap is None
    for i in range(2):
        assert maps[i].max() == pytest.approx(1.0)
        assert maps[i][spot[i]].min() > 0.4 and maps[i][~spot[i]].mean() < 0.2
    assert (maps[2] == 0).all()


def test_a_probability_of_one_still_has_a_map() -> None:
    """The gradient is that of the score before the softmax."""
    subject = Subject(bright((900.0, -900.0)), (PICTURE,), BOTH)
    found = explained(gradcam, subject, pictures())
    assert (found.output == 1.0).all() and (found.values["picture"].max(axis=(1, 2)) == 1.0).all()
    assert found.parameters["of"] == "logits"


def test_one_sigmoid_has_a_map_for_either_class() -> None:
    """What speaks for the second class speaks against the first."""
    x = keras.Input((SIDE, SIDE, 1), name="picture", dtype="uint8")
    y = keras.layers.Conv2D(1, 2, strides=2, activation="relu", kernel_initializer="ones")(
        keras.layers.Rescaling(1 / 255.0)(x)
    )
    last = keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")
    subject = Subject(keras.Model(x, last(keras.layers.GlobalAveragePooling2D()(y))), (PICTURE,), BOTH)
    found = explained(gradcam, subject, pictures(), [1, 0, 1])
    assert found.values["picture"].max(axis=(1, 2)) == pytest.approx([1.0, 0.0, 1.0])


@pytest.mark.parametrize("architecture", ["cnn1d", "resnet1d", "inceptiontime", "tcn"])
def test_variables_of_a_signal_share_one_map_over_time(architecture: str) -> None:
    """And the reason says so; what comes after the end of a record has no part."""
    subject = assembled({"input": "signal"}, input=architecture)
    found = explained(gradcam, subject, drawn(subject))
    values = found.values["input"]
    assert values.shape == (4, *subject.inputs[0].map_shape)
    assert (values == values[..., :1]).all() and values.min() >= 0 and values.max() <= 1
    assert "all variables share one map over time" in found.reason


def test_inputs_without_convolutions_are_left_out() -> None:
    """Of several inputs those that are read by convolutions have a map; of the others it says why not."""
    subject = several()
    found = explained(gradcam, subject, drawn(subject))
    assert np.isfinite(found.values["picture"]).all()
    assert all(np.isnan(found.values[name]).all() for name in ("course", "note", "admission"))
    assert "nothing of note: its encoder is recurrent" in found.reason


def test_the_convolutions_of_each_input_are_told_apart_in_any_network() -> None:
    """Two pictures, and only one of them matters: the other's map is empty."""
    sides = [keras.Input((SIDE, SIDE, 1), name=name) for name in ("left", "right")]
    read = []
    for side in sides:
        y = keras.layers.Conv2D(1, 2, strides=2, activation="relu", kernel_initializer="ones")(side)
        read.append(keras.layers.GlobalAveragePooling2D()(y))
    last = keras.layers.Dense(2, "softmax")
    model = keras.Model(sides, last(keras.layers.Concatenate()(read)))
    last.set_weights([np.array([[0.01, 0.0], [0.0, 0.0]], np.float32), np.zeros(2, np.float32)])
    specs = tuple(InputSpec(name, "image", (SIDE, SIDE, 1), "float32", {}) for name in ("left", "right"))
    x = pictures()["picture"].astype(np.float32)
    found = explained(gradcam, Subject(model, specs, BOTH), {"left": x, "right": x}, [0, 0, 0])
    assert (found.values["left"].max(axis=(1, 2)) == 1.0).all() and (found.values["right"] == 0).all()


@pytest.mark.parametrize(
    ("case", "architecture", "why"),
    [
        ("signal", "lstm", "recurrent"),
        ("text", "transformer", "looks everywhere at once"),
        ("text", "bag", "no convolution"),
        ("tabular", "mlp", "no order"),
    ],
)
def test_encoders_without_places_are_told(case: str, architecture: str, why: str) -> None:
    """Rather than drawing something."""
    subject = assembled({"input": case}, input=architecture)
    with pytest.raises(NotApplicable, match=why):
        explained(gradcam, subject, drawn(subject))


def test_maps_follow_weights_that_are_drawn_anew() -> None:
    """The copy is made once; its weights are those of the model when it is asked."""
    subject = Subject(copy_of(bright((3.0, -3.0))), (PICTURE,), BOTH)
    before = explained(gradcam, subject, pictures(), [0, 0, 0]).values["picture"]
    weights = subject.model.get_weights()
    subject.model.set_weights([*weights[:-1], -weights[-1]])
    after = explained(gradcam, subject, pictures(), [0, 0, 0]).values["picture"]
    assert before.max() == 1.0 and after.max() == 0.0
