"""What every explanation method in the table must do with every kind of input, on real networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from madeinputs import CASES, CLASSES, recipe_of, records

from automed.explain import METHODS
from automed.models.facts import InputFacts
from automed.models.space import FixedSpace, Recorder
from automed.recipe.explain import Explain

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.explain.attribution import Attribution, NotApplicable  # noqa: E402
from automed.explain.copies import STAGES, differentiable, learnt, randomised, redraw  # noqa: E402
from automed.explain.gradients import Gradients  # noqa: E402
from automed.explain.subject import InputSpec, Subject, take  # noqa: E402
from automed.models.assembly import assemble  # noqa: E402
from automed.models.known_good import known_good  # noqa: E402

N = 3
SETTINGS = Explain(samples=64, parts=12, background=6)
# Of each kind of input one network, convolutional where there is one; and networks that are hard to take apart.
NETWORKS = {
    "image": "cnn",
    "signal": "cnn1d",
    "irregular": "grud",
    "text": "gru",
    "sequence": "cnn1d",
    "tabular": "mlp",
}
HARD = (("image", "mobilenet"), ("image", "resnet"), ("signal", "lstm"), ("text", "transformer"), ("text", "bag"))


def subject_of(inputs: Mapping[str, InputFacts], architectures: Mapping[str, str]) -> Subject:
    """A network with random weights that reads these inputs."""
    recipe = recipe_of(dict(inputs), *dict.fromkeys(architectures.values()))
    start = known_good(recipe, {name: facts.entry for name, facts in inputs.items()})[0]
    keras.utils.set_random_seed(3)
    model = assemble(recipe, Recorder(FixedSpace(start)), inputs, CLASSES).model
    specs = tuple(
        InputSpec(name, facts.kind, facts.shape, str(facts.facts.get("dtype", "float32")), facts.entry)
        for name, facts in inputs.items()
    )
    return Subject(model, specs, CLASSES)


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    """A network for each case, one for all of them together, and the hard ones; each is built when asked for."""
    return {}


def of_case(subjects: dict[str, Subject], case: str, architecture: str | None = None) -> Subject:
    key = f"{case}-{architecture or NETWORKS[case]}"
    if key not in subjects:
        subjects[key] = subject_of({"input": CASES[case]}, {"input": architecture or NETWORKS[case]})
    return subjects[key]


def several(subjects: dict[str, Subject]) -> Subject:
    if "several" not in subjects:
        names = {"picture": "image", "course": "signal", "admission": "tabular"}
        subjects["several"] = subject_of(
            {name: CASES[case] for name, case in names.items()}, {name: NETWORKS[case] for name, case in names.items()}
        )
    return subjects["several"]


def drawn(subject: Subject, n: int, seed: int = 0) -> dict[str, Any]:
    """n records of every input, with gaps."""
    return {
        spec.name: np.asarray(records(InputFacts(spec.kind, spec.shape, spec.facts), n + seed))[seed:]
        for spec in subject.inputs
    }


def explained(method: str, subject: Subject, arrays: dict[str, Any], seed: int = 0) -> Attribution:
    classes = subject.predict(arrays).argmax(axis=1).astype(np.int64)
    found: Attribution = METHODS.load(method)(subject, arrays, drawn(subject, 6, 1), classes, SETTINGS, seed)
    return found


@pytest.mark.parametrize("case", list(NETWORKS))
@pytest.mark.parametrize("method", list(METHODS))
def test_a_method_explains_every_kind_of_input_or_says_why_it_cannot(
    subjects: dict[str, Subject], method: str, case: str
) -> None:
    """Values have the shape of a map, the output is the model's own, and what claims to add up does."""
    subject = of_case(subjects, case)
    arrays = drawn(subject, N)
    before = subject.predict(arrays)
    try:
        found = explained(method, subject, arrays)
    except NotApplicable as problem:
        assert method == "gradcam" and case not in ("image", "signal", "sequence") and len(problem.what) > 20
        return
    spec = subject.inputs[0]
    assert found.method == method and found.reason and found.explainer
    assert found.values["input"].shape == (N, *spec.map_shape) and found.values["input"].dtype == np.float32
    assert np.isfinite(found.values["input"]).any()
    assert found.output == pytest.approx(before.max(axis=1), abs=1e-5)
    assert (subject.predict(arrays) == before).all(), "the model was changed"
    if method in ("integrated_gradients", "shap") and found.gap is not None:
        assert found.gap.max() < 0.15
    if not found.signed:
        assert np.nanmin(found.values["input"]) >= 0
    for name, part in found.parts.items():
        assert part.shape == found.values[name].shape


@pytest.mark.parametrize("method", list(METHODS))
def test_a_method_gives_the_same_numbers_for_the_same_seed(subjects: dict[str, Subject], method: str) -> None:
    """Chance comes from the seed alone."""
    subject = of_case(subjects, "image")
    arrays = drawn(subject, 2)
    first, second = (explained(method, subject, arrays, seed=5) for _ in range(2))
    assert first.values["input"] == pytest.approx(second.values["input"], abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("method", list(METHODS))
def test_a_method_explains_several_inputs_at_once(subjects: dict[str, Subject], method: str) -> None:
    """Each input has a map of its own shape; a method that says nothing of one gives NaN there."""
    subject = several(subjects)
    found = explained(method, subject, drawn(subject, 2))
    for spec in subject.inputs:
        assert found.values[spec.name].shape == (2, *spec.map_shape)
    assert any(np.isfinite(values).any() for values in found.values.values())


@pytest.mark.parametrize(("case", "architecture"), HARD)
def test_gradients_pass_networks_that_are_hard_to_take_apart(
    subjects: dict[str, Subject], case: str, architecture: str
) -> None:
    """Integrated gradients add up to the change in probability, and SHAP finds an explainer that works."""
    subject = of_case(subjects, case, architecture)
    arrays = drawn(subject, 2)
    assert explained("integrated_gradients", subject, arrays).gap == pytest.approx(0.0, abs=0.03)
    assert np.isfinite(explained("shap", subject, arrays).total).all()


def test_gradients_equal_finite_differences(subjects: dict[str, Subject]) -> None:
    """At the pixels of an image and the numbers of a table."""
    for case in ("image", "tabular"):
        subject = of_case(subjects, case)
        copy = differentiable(subject)
        ask = Gradients(copy)
        feed = [np.nan_to_num(part).astype(np.float32) for part in copy.feed(take(drawn(subject, 3), slice(0, 1)))]
        classes = np.array([1])
        _, (gradient,) = ask(feed, classes)
        place = np.unravel_index(int(np.abs(gradient[0]).argmax()), gradient[0].shape)
        step = 2.0 if case == "image" else 0.05
        moved = [feed[0].copy() for _ in range(2)]
        moved[0][(0, *place)] -= step
        moved[1][(0, *place)] += step
        low, high = (float(ask([one, *feed[1:]], classes)[0][0]) for one in moved)
        assert gradient[(0, *place)] == pytest.approx((high - low) / (2 * step), rel=0.1, abs=1e-5)


@pytest.mark.parametrize("case", ["image", "signal", "text", "tabular"])
def test_a_missing_number_has_no_gradient_and_spoils_none(subjects: dict[str, Subject], case: str) -> None:
    """NaN in a record gives 0 there and finite numbers elsewhere."""
    subject = of_case(subjects, case)
    copy = differentiable(subject)
    _, gradients = Gradients(copy)(copy.feed(drawn(subject, 2)), np.array([0, 1]))
    assert all(np.isfinite(one).all() for one in gradients)


@pytest.mark.parametrize("stage", STAGES)
def test_random_weights_change_the_answers_and_leave_the_model_alone(subjects: dict[str, Subject], stage: str) -> None:
    """Statistics of the data stay in the copy; the original predicts, saves and copies as before."""
    subject = of_case(subjects, "image")
    arrays = drawn(subject, 4)
    before = subject.predict(arrays)
    copy = randomised(subject, 7, stage)
    drawn_once = copy.predict(arrays)
    assert np.abs(drawn_once - before).max() > 1e-4 and np.isfinite(drawn_once).all()
    assert (subject.predict(arrays) == before).all()
    kept = [layer for layer in copy.model.layers if type(layer).__name__ == "Normalization"]
    original = [layer for layer in subject.model.layers if type(layer).__name__ == "Normalization"]
    for one, other in zip(kept, original, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    redraw(copy.model, 8, stage)
    assert np.abs(copy.predict(arrays) - drawn_once).max() > 1e-4, "drawn anew through the same compiled function"
    keras.models.clone_model(subject.model)


def test_a_deeper_stage_draws_more_layers_anew(subjects: dict[str, Subject]) -> None:
    """From the head down: head, upper half, all."""
    subject = of_case(subjects, "image")
    changed = []
    for stage in STAGES:
        copy = randomised(subject, 1, stage)
        pairs = zip(learnt(copy.model), learnt(subject.model), strict=True)
        changed.append(sum(not np.array_equal(a.get_weights()[0], b.get_weights()[0]) for a, b in pairs))
    assert changed[0] >= 1 and changed == sorted(changed) and changed[0] < changed[-1]


def test_batches_of_any_size_get_the_same_answers(subjects: dict[str, Subject]) -> None:
    """A record's answer does not depend on which others are asked about."""
    subject = of_case(subjects, "image")
    arrays = drawn(subject, 40)
    whole = subject.predict(arrays)
    parts = [subject.predict(take(arrays, slice(k, k + 1))) for k in range(0, 40, 13)]
    assert np.concatenate(parts) == pytest.approx(whole[::13], abs=1e-5)


def test_deep_explainer_asked_for_on_a_mobile_network_gives_way_and_says_why(subjects: dict[str, Subject]) -> None:
    """It fails or disagrees there, in a process of its own; what comes instead adds up."""
    subject = of_case(subjects, "image", "mobilenet")
    arrays = drawn(subject, 1)
    classes = subject.predict(arrays).argmax(axis=1).astype(np.int64)
    settings = SETTINGS.model_copy(update={"explainer": "deep"})
    found = METHODS.load("shap")(subject, arrays, drawn(subject, 6, 1), classes, settings, 0)
    assert found.explainer == "shap.DeepExplainer" or "Given up: DeepExplainer" in found.reason
    assert np.isfinite(found.total).all()
