"""The checks of explanations, on models whose right explanation is known."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import planted_maps as planted
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automed.errors import DataError
from automed.explain import infill
from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.copies import randomised
from automed.explain.subject import InputSpec, Subject
from automed.explain.validation import (
    agreement,
    faithfulness,
    groups,
    localisation,
    randomisation,
    removal,
    skill,
    stability,
)
from automed.explain.validation.maps import few, ranks, spearman
from automed.explain.validation.subject import Cases, Trial
from automed.explain.validation.validate import validate
from automed.explain.validation.verdict import (
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    UNDECIDED,
    Figure,
    difference_with_interval,
    mean_with_interval,
    overall,
    words,
)
from automed.recipe.explain import Explain

pytestmark = pytest.mark.slow

BOTH = ("no", "yes")


@pytest.fixture(scope="module")
def honest() -> Trial:
    """A model that reads the sign, in pictures that hold nothing else, and five methods."""
    subject = Subject(planted.looking_at(planted.SIGN), (planted.SPEC,), BOTH)
    cases = planted.cases_of(subject, {"lesion": planted.SIGN, "ruler": planted.RULER})
    background = cases.background["picture"]
    methods = {
        "oracle": planted.oracle(background),
        "inverted": planted.oracle(background, -1.0),
        "contrast": planted.of_input_only,
        "chance": planted.of_chance_only,
        "constant": planted.always(1.0),
        "silent": planted.always(np.nan),
    }
    return planted.trial_of(subject, cases, methods)


@pytest.fixture(scope="module")
def checked(honest: Trial) -> dict[str, Any]:
    return validate(honest)


def finding(checked: dict[str, Any], method: str, check: str) -> Any:
    return next(one for one in checked[method][1] if one.check == check)


# ---- the model ----------------------------------------------------------------------------------------------------


def test_a_model_that_learnt_the_sign_has_something_to_explain(checked: dict[str, Any]) -> None:
    """Above .5, and better than 19 copies with random weights on the same records."""
    found = finding(checked, "oracle", "skill")
    assert found.verdict == PASSED
    assert found.figures["auroc"].ci95[0] > 0.8
    assert len(found.curves["random weights"]) == skill.COPIES
    assert max(found.curves["random weights"]) < found.curves["model"]


def test_with_random_weights_every_verdict_is_failed(honest: Trial) -> None:
    """There is nothing to explain, however well a map describes the random weights."""
    subject = randomised(honest.subject, 7)
    cases = planted.cases_of(subject, {"lesion": planted.SIGN})
    methods = {"oracle": honest.methods["oracle"], "contrast": planted.of_input_only}
    found = validate(planted.trial_of(subject, cases, methods))
    assert {verdict for verdict, _ in found.values()} == {FAILED}
    assert all(finding(found, name, "skill").sentence.startswith("There is nothing to explain") for name in methods)


def test_skill_by_brightness_alone_is_none(honest: Trial) -> None:
    """Where the classes differ in brightness, a random network reaches a high AUROC: being above .5 is not enough."""
    random = np.random.default_rng(0)
    subject = randomised(honest.subject, 0)
    y = (np.arange(200) % 2).astype(np.int64)
    bright = np.clip(random.normal(100, 5, (200, 16, 16, 1)) + 60 * y[:, None, None, None], 0, 255).astype(np.uint8)
    if subject.predict({"picture": bright})[y == 1, 1].mean() < 0.5:
        y = 1 - y
    cases = replace(honest.cases, judged=({"picture": bright}, y, np.arange(200)))
    found = skill.check(replace(honest, subject=subject, cases=cases, kept={}))["oracle"]
    assert found.figures["auroc"].ci95[0] > 0.5
    assert found.verdict == FAILED


def test_a_class_without_records_is_left_out_of_the_skill(honest: Trial) -> None:
    """Its AUROC is not defined; where none is left, skill is not decided."""
    arrays, y, patients = honest.cases.judged or ({}, np.zeros(0, np.int64), np.zeros(0, np.int64))
    one_class = replace(honest.cases, judged=(arrays, np.zeros_like(y), patients))
    assert skill.check(replace(honest, cases=one_class, kept={}))["oracle"].verdict == UNDECIDED


# ---- faithfulness -------------------------------------------------------------------------------------------------


def test_the_right_map_is_faithful(checked: dict[str, Any]) -> None:
    """The exact explanation of a linear model beats every control."""
    found = finding(checked, "oracle", "faithfulness")
    assert found.verdict == PASSED, found.sentence
    assert set(found.figures) == {"random", "centre", "edges", "magnitude"}
    assert all(figure.value > 0 for figure in found.figures.values())
    curves = found.curves
    assert curves["deletion"]["oracle"][0] == pytest.approx(curves["insertion"]["oracle"][-1])
    assert min(curves["deletion"]["oracle"]) < min(curves["deletion"]["centre"][:-1])


@pytest.mark.parametrize("method", ["inverted", "chance"])
def test_a_wrong_map_is_not_faithful(checked: dict[str, Any], method: str) -> None:
    """Removing the edges, where the sign happens to be, is better than either."""
    assert finding(checked, method, "faithfulness").verdict == FAILED


@pytest.mark.parametrize("method", ["constant", "silent"])
def test_a_map_that_says_nothing_is_never_passed(checked: dict[str, Any], method: str) -> None:
    """Equal values leave the order to chance, and NaN is no value."""
    assert finding(checked, method, "faithfulness").verdict in (FAILED, UNDECIDED)
    assert checked[method][0] != PASSED


def test_chance_has_no_area_and_edges_mirror_the_centre(honest: Trial) -> None:
    """What makes orders comparable whether they are coarse or fine."""
    curves = removal.removal(honest)
    np.testing.assert_allclose(curves.area("random"), 0.0, atol=1e-6)
    np.testing.assert_allclose(curves.area("edges"), -curves.area("centre"), atol=1e-6)


def test_the_verdict_of_faithfulness_follows_from_the_intervals() -> None:
    """The rule, case by case."""

    def figure(value: float, half: float) -> Figure:
        return Figure(value, (value - half, value + half), 24, "")

    better, unclear, worse = figure(0.2, 0.1), figure(-0.01, 0.1), figure(-0.2, 0.1)
    assert faithfulness.decide({"random": better, "centre": better})[0] == PASSED
    assert faithfulness.decide({"random": better, "centre": unclear})[0] == UNDECIDED
    assert faithfulness.decide({"random": better, "centre": worse})[0] == FAILED
    assert faithfulness.decide({"random": unclear, "centre": better})[0] == UNDECIDED
    assert faithfulness.decide({"random": worse, "centre": better})[0] == FAILED
    assert faithfulness.decide({"random": figure(0.0, 0.005), "centre": better})[0] == FAILED
    assert faithfulness.decide({"random": Figure(0.3, None, 1, "", "one patient")})[0] == UNDECIDED


@given(cells=st.integers(0, 3000))
def test_amounts_are_mirrored_whatever_the_number_of_cells(cells: int) -> None:
    """As many are hidden from one end as from the other, so that a reverse order is exactly the reverse."""
    counts = removal.counts_of(cells)
    assert (counts + counts[::-1] == cells).all()
    assert (np.diff(counts) >= 0).all()


# ---- randomisation, stability, agreement --------------------------------------------------------------------------


def test_a_map_of_the_input_alone_fails_randomisation(checked: dict[str, Any]) -> None:
    """It shows the same of a network that has learnt nothing."""
    found = finding(checked, "contrast", "randomisation")
    assert found.verdict == FAILED
    assert found.figures["all layers"].value == pytest.approx(1.0)
    assert checked["contrast"][0] == FAILED


def test_the_right_map_changes_with_the_weights(checked: dict[str, Any]) -> None:
    """And the curve over the stages is there to be drawn."""
    found = finding(checked, "oracle", "randomisation")
    assert found.verdict == PASSED, found.sentence
    assert len(found.curves["stage"]) == len(found.curves["correlation"]) == 4


def test_the_model_is_left_as_it_was(honest: Trial, checked: dict[str, Any]) -> None:
    """Random weights are put into copies only."""
    assert planted.looking_at(planted.SIGN).get_weights()[0].max() == pytest.approx(
        honest.subject.model.get_weights()[0].max()
    )


def test_a_map_of_chance_is_unstable(checked: dict[str, Any]) -> None:
    """Other seeds, other maps."""
    found = finding(checked, "chance", "stability")
    assert found.verdict == FAILED
    assert abs(found.figures["seeds"].value) < 0.2


def test_a_method_without_chance_rests_on_noise(checked: dict[str, Any]) -> None:
    """It is told that every seed gives the same map."""
    found = finding(checked, "oracle", "stability")
    assert found.verdict == PASSED, found.sentence
    assert "seeds" not in found.figures
    assert "every seed gives the same map" in found.sentence


@pytest.mark.parametrize("method", ["constant", "silent"])
def test_where_there_is_no_order_nothing_is_decided(checked: dict[str, Any], method: str) -> None:
    """A constant map has no rank correlation with anything."""
    for check in ("randomisation", "stability"):
        assert finding(checked, method, check).verdict == UNDECIDED


def test_methods_agree_with_themselves_and_not_with_chance(honest: Trial) -> None:
    """1 with a copy of itself, about 0 with noise, and no count towards the verdict."""
    maps = honest.attributions
    found = agreement.check(
        replace(honest, attributions={"one": maps["oracle"], "same": maps["oracle"], "chance": maps["chance"]})
    )
    assert found["one"].figures["same"].value == pytest.approx(1.0)
    assert abs(found["one"].figures["chance"].value) < 0.1
    assert not found["one"].counts
    alone = agreement.check(replace(honest, attributions={"one": maps["oracle"]}))
    assert alone["one"].verdict == NOT_APPLICABLE


@settings(max_examples=25, deadline=None)
@given(units=st.integers(10, 200), seed=st.integers(0, 10**6))
def test_agreement_by_chance_is_none_on_average(units: int, seed: int) -> None:
    """The top tenth of one map is not chosen by looking at the other."""
    random = np.random.default_rng(seed)
    values = np.array([agreement.agreement(*random.normal(size=(2, units))) for _ in range(200)])
    values = values[np.isfinite(values)]  # of ten units all may speak against the class
    assert abs(np.mean(values)) < 5 * np.std(values) / np.sqrt(len(values))
    assert max(values) <= 1 + 1e-12


def test_of_equal_values_none_ranks_first() -> None:
    """Differences that float32 makes are no order."""
    assert np.ptp(ranks(np.array([1.0, 1.0 + 1e-8, 1.0]))) == 0
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))
    assert spearman(np.arange(5.0), np.ones(5)) == 0.0
    assert spearman(np.arange(5.0), np.arange(5.0) ** 3) == pytest.approx(1.0)


def test_cases_that_are_explained_again_come_from_many_patients(honest: Trial) -> None:
    """One of each first; the rest fills up."""
    cases = replace(honest.cases, patients=np.repeat(np.arange(6), 4))
    chosen = few(replace(honest, cases=cases))
    assert len(chosen) == 8
    assert len(np.unique(cases.patients[chosen])) == 6


# ---- localisation and groups --------------------------------------------------------------------------------------


def test_a_map_of_an_honest_model_points_at_the_lesion(checked: dict[str, Any]) -> None:
    """All of it, in fact."""
    found = finding(checked, "oracle", "localisation")
    assert found.verdict == PASSED
    assert found.figures["share in lesion"].value == pytest.approx(1.0)
    assert found.figures["pointing at lesion"].value == pytest.approx(1.0)
    assert found.figures["share in lesion"].ci95[0] < 1.0  # 24 cases without exception do not make certain
    assert not found.counts


def test_a_planted_ruler_is_named() -> None:
    """The model reads a stripe at the edge: the maps are true, and the report must say where they point."""
    subject = Subject(planted.looking_at(planted.RULER), (planted.SPEC,), BOTH)
    cases = planted.cases_of(subject, {"lesion": planted.MIDDLE, "ruler": planted.RULER})
    trial = planted.trial_of(subject, cases, {"oracle": planted.oracle(cases.background["picture"])})
    found = localisation.check(trial)["oracle"]
    assert found.verdict == FAILED
    assert found.sentence.startswith("The maps point at the ruler, which is no part of the lesion")
    assert not found.counts
    assert faithfulness.check(trial)["oracle"].verdict == PASSED


def test_a_map_without_places_is_near_chance_everywhere(checked: dict[str, Any]) -> None:
    """A constant map puts into a region what its area is."""
    found = finding(checked, "constant", "localisation")
    assert found.figures["share in lesion"].value == pytest.approx(16 / 256)
    assert found.figures["pointing at lesion"].value == pytest.approx(16 / 256)
    assert finding(checked, "silent", "localisation").verdict == UNDECIDED
    assert "ruler" not in finding(checked, "contrast", "localisation").sentence  # a little more than chance, no more


def test_without_regions_nothing_is_localised(honest: Trial) -> None:
    """And this is no shortcoming of the method."""
    cases = replace(honest.cases, regions={}, region_names={})
    assert localisation.check(replace(honest, cases=cases))["oracle"].verdict == NOT_APPLICABLE


def test_a_group_that_is_explained_worse_is_found(honest: Trial) -> None:
    """In one group the map is turned around."""
    sex = np.array(["f", "m"] * 12, object)
    good = honest.attributions["oracle"]
    values = good.values["picture"] * np.where(sex == "m", -1.0, 1.0)[:, None, None].astype(np.float32)
    cases = replace(honest.cases, groups={"sex": sex, "rare": np.array(["a"] * 22 + ["b"] * 2, object)})
    maps = {"oracle": good, "unfair": replace(good, values={"picture": values})}
    found = groups.check(replace(honest, cases=cases, attributions=maps, kept={}))
    assert found["unfair"].figures["sex: gap in faithfulness"].ci95[0] > 0.1
    assert found["unfair"].verdict == FAILED
    assert found["oracle"].figures["sex: gap in faithfulness"].value < 0.1
    assert found["oracle"].verdict == UNDECIDED  # two patients of a group tell nothing
    assert "not estimable" in found["oracle"].sentence
    assert not found["oracle"].counts


# ---- few cases, failing methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "patients"), [(1, 1), (6, 1), (8, 4)])
def test_few_patients_decide_nothing(honest: Trial, n: int, patients: int) -> None:
    """No interval, no verdict; with fewer than five patients nothing is passed or failed."""
    cases = planted.cases_of(honest.subject, {"lesion": planted.SIGN}, n=n, patients=patients)
    cases = replace(cases, judged=None, groups={"sex": np.array(["f"] * n, object)})
    for verdict, findings in validate(planted.trial_of(honest.subject, cases, dict(honest.methods))).values():
        assert verdict == UNDECIDED
        assert {one.verdict for one in findings} <= {UNDECIDED, NOT_APPLICABLE}


def test_a_method_that_cannot_explain_random_weights_costs_one_check(honest: Trial) -> None:
    """Whatever it raises, and its message is in the finding."""
    good = honest.methods["oracle"]

    def picky(subject: Subject, arrays: Any, classes: Any, seed: int) -> Attribution:
        if subject.model is not honest.subject.model:
            raise NotApplicable("its gradients are not numbers")
        return good(subject, arrays, classes, seed)

    def broken(subject: Subject, arrays: Any, classes: Any, seed: int) -> Attribution:
        if subject.model is not honest.subject.model:
            raise ZeroDivisionError
        return good(subject, arrays, classes, seed)

    found = randomisation.check(planted.trial_of(honest.subject, honest.cases, {"picky": picky, "broken": broken}))
    assert found["picky"].verdict == found["broken"].verdict == UNDECIDED
    assert "its gradients are not numbers" in found["picky"].sentence
    assert "ZeroDivisionError" in found["broken"].sentence


def test_noise_that_changes_the_decision_does_not_count(honest: Trial) -> None:
    """A method must not be blamed for a model that is undecided itself."""
    loud = Explain(thresholds={"noise": 1.0})
    trial = replace(honest, settings=loud, kept={})
    flat = randomised(honest.subject, 3)
    steep = Subject(planted.linear(np.random.default_rng(0).normal(size=(16, 16)), 50.0), flat.inputs, BOTH)
    found = stability.check(replace(trial, subject=steep, attributions={"contrast": trial.attributions["contrast"]}))
    assert found["contrast"].figures["noise"].n < 8


# ---- filling in ---------------------------------------------------------------------------------------------------


def test_one_hidden_cell_is_the_weighted_mean_of_its_neighbours() -> None:
    """A sixth of each direct one and a twelfth of each diagonal one."""
    values = np.random.default_rng(0).normal(size=(5, 7, 2))
    hidden = np.zeros((1, 5, 7), bool)
    hidden[0, 2, 3] = True
    expected = sum(
        (1 / 6 if 0 in (dy, dx) else 1 / 12) * values[2 + dy, 3 + dx]
        for dy, dx in itertools.product((-1, 0, 1), repeat=2)
        if (dy, dx) != (0, 0)
    )
    found = infill.interpolate(hidden, values, np.zeros(2))
    np.testing.assert_allclose(found[0, 2, 3], expected, atol=1e-3)
    np.testing.assert_array_equal(found[~hidden], np.broadcast_to(values, (1, 5, 7, 2))[~hidden])


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), share=st.floats(0.0, 1.0), seed=st.integers(0, 10**6))
def test_filling_stays_between_what_is_known(height: int, width: int, share: float, seed: int) -> None:
    """No value is invented beyond those around it, whatever the shape of the grid and of the holes."""
    random = np.random.default_rng(seed)
    values, hidden = random.normal(size=(height, width, 1)), random.random((3, height, width)) < share
    rest = values.mean(axis=(0, 1))
    found = infill.interpolate(hidden, values, rest)
    assert found.min() >= values.min() - 1e-9
    assert found.max() <= values.max() + 1e-9
    # The equations themselves: of a hidden cell the weighted sum of differences to its neighbours is the small pull.
    for m, y, x in np.argwhere(hidden):
        total = 0.0
        for dy, dx in itertools.product((-1, 0, 1), repeat=2):
            if (dy, dx) != (0, 0) and 0 <= y + dy < height and 0 <= x + dx < width:
                total += (1 / 6 if 0 in (dy, dx) else 1 / 12) * (found[m, y + dy, x + dx, 0] - found[m, y, x, 0])
        assert abs(total) <= 1e-3 * (np.ptp(values) + 1)


def test_a_picture_keeps_what_is_shown() -> None:
    """Hidden cells only are touched, and stay values that a picture may have."""
    x, _ = planted.pictures(9, {"sign": planted.SIGN}, 0)
    spec = InputSpec("picture", "image", (40, 70, 1), "uint8", {})
    large = np.resize(x, (9, 40, 70, 1))
    where = infill.cells(spec, large[0], 0)
    assert where.max() + 1 == 14 * 24  # cells of 3 x 3 pixels
    made = infill.filler(spec, large[0], large, where, 0)
    hidden = np.random.default_rng(0).random((5, 14 * 24)) < 0.5
    filled = made.fill(hidden, 0)
    assert filled.dtype == np.uint8
    shown = ~hidden[:, where]
    np.testing.assert_array_equal(filled[shown], np.repeat(large[:1], 5, axis=0)[shown])
    assert made.fill(np.ones((1, 14 * 24), bool), 0).std() < large[0].std()


def test_a_hidden_stretch_of_a_signal_is_a_straight_line() -> None:
    """Between what is left on both sides; missing values are not taken for either."""
    spec = InputSpec("ecg", "signal", (200, 2), "float32", {})
    line = np.stack([np.linspace(0, 1, 200), np.full(200, 5.0)], axis=1).astype(np.float32)
    line[150:, 0] = np.nan
    where = infill.cells(spec, line, 0)
    made = infill.filler(spec, line, line[None], where, 0)
    count = int(where.max()) + 1
    hidden = np.random.default_rng(0).random((20, count)) < 0.4
    filled = made.fill(hidden, 0)
    inner = slice(20, 130)
    np.testing.assert_allclose(filled[:, inner, 0].mean(axis=0), line[inner, 0], atol=0.05)
    everything = made.fill(np.ones((1, count), bool), 0)
    assert np.isfinite(everything[0, :150]).all()


# ---- other kinds of input -----------------------------------------------------------------------------------------


def check_of(model: Any, specs: tuple[InputSpec, ...], arrays: Any, background: Any, values: Any) -> Any:
    """Faithfulness of the right values and of their negative, on 24 patients."""
    subject = Subject(model, specs, BOTH)
    classes = subject.predict(arrays).argmax(axis=1).astype(np.int64)
    cases = Cases(arrays, classes, np.arange(24), classes, background)
    output = subject.of_class(arrays, classes)
    sign = np.where(classes == 1, 1.0, -1.0)
    maps = {}
    for name, turn in (("right", 1.0), ("wrong", -1.0)):
        signed = {
            key: (turn * one * sign.reshape(-1, *([1] * (one.ndim - 1)))).astype(np.float32)
            for key, one in values.items()
        }
        maps[name] = Attribution(name, name, "", classes, signed, output, None, {})
    return faithfulness.check(Trial(subject, cases, {}, maps, Explain(), 0, planted.silent))


def dense(inputs: int, weights: Any, gain: float) -> Any:
    layer = keras.layers.Dense(2, activation="softmax")
    layer.build((None, inputs))
    column = np.asarray(weights, np.float32).ravel() * gain
    layer.set_weights([np.stack([-column, column], axis=1), np.zeros(2, np.float32)])
    return layer


def test_columns_of_a_table_are_replaced_by_those_of_others() -> None:
    """Two of eight columns count."""
    random = np.random.default_rng(0)
    weights = np.zeros(8)
    weights[[2, 5]] = 1.0, -1.0
    model = keras.Sequential([keras.Input((8,), name="table"), dense(8, weights, 2.0)])
    x, background = random.normal(size=(24, 8)).astype(np.float32), random.normal(size=(32, 8)).astype(np.float32)
    spec = InputSpec("table", "tabular", (8,), "float32", {})
    found = check_of(model, (spec,), {"table": x}, {"table": background}, {"table": weights * x})
    assert found["right"].verdict == PASSED, found["right"].sentence
    assert found["wrong"].verdict == FAILED
    assert set(found["right"].figures) == {"random", "magnitude"}


def test_a_stretch_of_a_signal_is_found() -> None:
    """The mean of 20 of 200 steps of the second lead counts."""
    random = np.random.default_rng(0)
    weights = np.zeros((200, 2))
    weights[60:80, 1] = 1 / 20
    model = keras.Sequential([keras.Input((200, 2), name="ecg"), keras.layers.Flatten(), dense(400, weights, 3.0)])
    x = random.normal(size=(24, 200, 2))
    x[:, 60:80, 1] += np.where(np.arange(24) % 2, 1.0, -1.0)[:, None]
    background = random.normal(size=(32, 200, 2))
    spec = InputSpec("ecg", "signal", (200, 2), "float32", {})
    found = check_of(
        model, (spec,), {"ecg": x.astype(np.float32)}, {"ecg": background.astype(np.float32)}, {"ecg": weights * x}
    )
    assert found["right"].verdict == PASSED, found["right"].sentence
    assert found["wrong"].verdict == FAILED


def test_words_and_columns_are_removed_together() -> None:
    """A model of two inputs: a word that counts, and a column that counts; padding is never removed."""
    text, table = keras.Input((30,), dtype="int32", name="note"), keras.Input((4,), name="table")
    embedding = keras.layers.Embedding(20, 1, name="embedding_note")
    summed = keras.layers.GlobalAveragePooling1D()(embedding(text))
    joined = keras.layers.Concatenate()([summed, table])
    model = keras.Model([text, table], dense(5, [15.0, 1.0, 0.0, 0.0, 0.0], 1.0)(joined))
    vectors = np.zeros((20, 1), np.float32)
    vectors[5], vectors[6] = 1.0, -1.0
    embedding.set_weights([vectors])
    random = np.random.default_rng(0)
    note = random.integers(7, 20, (56, 30)).astype(np.int32)
    note[:, 24:] = 0
    for row in range(56):
        note[row, random.choice(24, 2, replace=False)] = 5 if row % 2 else 6
    columns = random.normal(size=(56, 4)).astype(np.float32)
    specs = (
        InputSpec("note", "text", (30,), "int32", {"vocabulary": ["", "?", *map(str, range(2, 20))]}),
        InputSpec("table", "tabular", (4,), "float32", {}),
    )
    values = {"note": vectors[note[:24], 0] * 15 / 30, "table": columns[:24] * np.array([1.0, 0, 0, 0])}
    found = check_of(
        model,
        specs,
        {"note": note[:24], "table": columns[:24]},
        {"note": note[24:], "table": columns[24:]},
        values,
    )
    assert found["right"].verdict == PASSED, found["right"].sentence
    assert found["wrong"].verdict == FAILED


# ---- figures ------------------------------------------------------------------------------------------------------


def test_intervals_of_few_patients_hold_what_they_promise() -> None:
    """Eight patients: the mean is covered about 95 times of 100, where plain percentiles reach about 89."""
    random = np.random.default_rng(0)
    inside = 0
    for k in range(400):
        figure = mean_with_interval(random.normal(size=8), np.arange(8), "", seed=k, resamples=1000)
        assert figure.ci95 is not None
        inside += figure.ci95[0] <= 0 <= figure.ci95[1]
    assert inside / 400 > 0.92


def test_records_of_one_patient_count_as_one() -> None:
    """Doubling every record makes no interval narrower."""
    values = np.random.default_rng(0).normal(size=20)
    once = mean_with_interval(values, np.arange(20), "")
    twice = mean_with_interval(np.repeat(values, 2), np.repeat(np.arange(20), 2), "")
    assert once.ci95 == pytest.approx(twice.ci95)
    assert mean_with_interval(values, np.arange(20) % 4, "").ci95 is None
    assert mean_with_interval(np.full(3, np.nan), np.arange(3), "").value is None


def test_a_difference_allows_for_having_been_chosen() -> None:
    """The greatest of several differences has the wider interval."""
    values, first = np.random.default_rng(0).normal(size=40), np.arange(40) < 20
    one = difference_with_interval(values, first, ~first, np.arange(40), "")
    ten = difference_with_interval(values, first, ~first, np.arange(40), "", comparisons=10)
    assert one.value == ten.value == pytest.approx(values[:20].mean() - values[20:].mean())
    assert one.ci95 is not None
    assert ten.ci95 is not None
    assert ten.ci95[0] < one.ci95[0] < one.ci95[1] < ten.ci95[1]
    assert difference_with_interval(values, first, ~first, np.arange(40) % 4, "").ci95 is None


def test_a_figure_reads_as_a_sentence() -> None:
    """With its interval, or why it has none."""
    assert words(Figure(-0.001, (-0.1, 0.2), 24, "")) == "0.00 (95 % interval -0.10 to 0.20, 24 cases)"
    assert words(Figure(0.5, None, 1, "", "not estimable: 1 patient, 5 are needed")).endswith("5 are needed)")
    assert overall([]) == UNDECIDED


def test_probabilities_that_are_no_numbers_are_refused(honest: Trial) -> None:
    """The model's fault is told as such, not as one of the methods."""
    model = planted.linear(np.full((16, 16), np.nan))
    with pytest.raises(DataError):
        Subject(model, (planted.SPEC,), BOTH).predict(honest.cases.arrays)


def test_labels_and_single_sigmoids_are_judged_too(honest: Trial) -> None:
    """Of labels each is a question of its own; one output of a sigmoid is two classes."""
    dense = honest.subject.model.layers[-1]
    kernel, bias = dense.get_weights()
    arrays, y, patients = honest.cases.judged or ({}, np.zeros(0, np.int64), np.zeros(0, np.int64))
    for units, task, theirs in ((2, "multilabel", np.stack([1 - y, y], axis=1)), (1, "multiclass", y)):
        last = keras.layers.Dense(units, activation="sigmoid")
        model = keras.Sequential(
            [
                keras.Input((16, 16, 1), dtype="uint8"),
                keras.layers.Rescaling(1 / 128, -1.0),
                keras.layers.Flatten(),
                last,
            ]
        )
        last.set_weights([kernel[:, -units:], bias[-units:]])
        subject = Subject(model, (planted.SPEC,), BOTH, task)
        cases = replace(honest.cases, judged=(arrays, theirs, patients))
        found = skill.check(replace(honest, subject=subject, cases=cases, kept={}))["oracle"]
        assert found.verdict == PASSED, found.sentence
        trial = replace(
            honest, subject=subject, cases=cases, attributions={"contrast": honest.attributions["contrast"]}
        )
        assert stability.check(replace(trial, kept={}))["contrast"].verdict == PASSED
        assert faithfulness.check(replace(trial, kept={}))["contrast"].verdict == FAILED
