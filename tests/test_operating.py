"""The operating threshold of a question, what it yields on other records, and the curves."""

from __future__ import annotations

import json
import math
import time
import warnings
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    accuracy_score,
    class_likelihood_ratios,
    confusion_matrix,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from automed.errors import DataError
from automed.evaluate.intervals import Estimate, draw, encode
from automed.evaluate.operating import report
from automed.evaluate.operating.curves import GRID, POINTS, PrecisionRecall, Roc, precision_recall, roc
from automed.evaluate.operating.rates import Counts, rates, rates_of
from automed.evaluate.operating.report import describe
from automed.evaluate.operating.resampling import on_all
from automed.evaluate.operating.threshold import Operating, choose
from automed.evaluate.questions import Question, questions
from automed.evaluate.sample import collect
from automed.recipe.evaluate import Threshold

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
VALUED = {"sensitivity": 0.8, "specificity": 0.8, "cost": 3.0, "net_benefit": 0.2}
RULES = ("youden", "sensitivity", "specificity", "cost", "net_benefit", "f1")


def rule(name: str, value: float | None = None) -> Threshold:
    return Threshold.model_validate({"rule": name, "value": VALUED.get(name) if value is None else value})


@st.composite
def answered(draw: st.DrawFn, both: bool = True) -> tuple[Bools, Floats]:
    """A few records with coarse probabilities, 0 and 1 among them, so that there are ties."""
    n = draw(st.integers(2, 25))
    truth = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    probability = np.array(draw(st.lists(st.integers(0, 10), min_size=n, max_size=n))) / 10
    assume(not both or 0 < truth.sum() < n)
    return truth, probability


def noisy(n: int, prevalence: float = 0.2, skill: float = 1.5, seed: int = 0) -> tuple[Bools, Floats]:
    """Records with calibrated probabilities."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < prevalence
    logit = skill * rng.normal(size=n) + skill**2 * truth - skill**2 / 2 + np.log(prevalence / (1 - prevalence))
    return truth, 1 / (1 + np.exp(-logit))


def candidates(probability: Floats) -> list[Bools]:
    """Every set of records that some threshold flags."""
    return [probability >= cut for cut in [2.0, *np.unique(probability)[::-1]]]


def sensitivity(truth: Bools, flagged: Bools) -> float:
    return float(flagged[truth].mean())


def specificity(truth: Bools, flagged: Bools) -> float:
    return float((~flagged[~truth]).mean())


def merit(name: str, truth: Bools, flagged: Bools) -> float:
    """What a rule makes as large as it can, minus infinity where its condition is not met."""
    value = VALUED.get(name, 0.0)
    reached, spared = sensitivity(truth, flagged), specificity(truth, flagged)
    if name == "youden":
        return reached + spared
    if name == "sensitivity":
        return spared if reached >= value else -math.inf
    if name == "specificity":
        return reached if spared >= value else -math.inf
    if name == "cost":
        return -(value * int((truth & ~flagged).sum()) + int((~truth & flagged).sum()))
    return float(f1_score(truth, flagged, zero_division=0.0))


@pytest.mark.parametrize("name", [name for name in RULES if name != "net_benefit"])
@given(records=answered())
@settings(max_examples=25, deadline=None)
def test_a_rule_reaches_on_validation_what_it_promises(name: str, records: tuple[Bools, Floats]) -> None:
    """No other threshold is better by its rule; of those as good none is more sensitive, then none more specific."""
    truth, probability = records
    operating = choose(rule(name), truth, probability)
    flagged = operating.flag(probability)
    best = max(merit(name, truth, other) for other in candidates(probability))
    assert merit(name, truth, flagged) == pytest.approx(best, abs=1e-12)
    for other in candidates(probability):
        if merit(name, truth, other) == pytest.approx(best, abs=1e-12):
            assert sensitivity(truth, other) <= sensitivity(truth, flagged)
            if sensitivity(truth, other) == sensitivity(truth, flagged):
                assert specificity(truth, other) <= specificity(truth, flagged)
    assert operating.sensitivity == pytest.approx(recall_score(truth, flagged))
    assert operating.specificity == pytest.approx(recall_score(~truth, ~flagged))


@pytest.mark.parametrize("name", [name for name in RULES if name != "net_benefit"])
@given(records=answered(), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_the_last_digits_of_probabilities_flip_no_record(name: str, records: tuple[Bools, Floats], seed: int) -> None:
    """A threshold lies half-way between two probabilities, so that float32 or another machine decides alike."""
    truth, probability = records
    operating = choose(rule(name), truth, probability)
    shaken = np.clip(probability + np.random.default_rng(seed).uniform(-1e-6, 1e-6, len(probability)), 0, 1)
    assert np.array_equal(operating.flag(shaken), operating.flag(probability)) or operating.threshold == 0


def test_between_neighbouring_floats_the_upper_is_the_threshold() -> None:
    """There is no middle, and the lower one must not be flagged."""
    lower = 0.5
    upper = float(np.nextafter(lower, 1))
    operating = choose(rule("youden"), [False, True], [lower, upper])
    assert operating.flag([lower, upper]).tolist() == [False, True]


def test_the_reason_is_a_sentence_with_the_figures() -> None:
    """People read what was reached, and on how many records."""
    truth = np.repeat([True, False], [50, 200])
    probability = np.concatenate([np.repeat([0.9, 0.1], [43, 7]), np.repeat([0.9, 0.1], [38, 162])])
    operating = choose(rule("youden"), truth, probability)
    assert operating.threshold == pytest.approx(0.5)
    assert operating.reason == "highest sensitivity + specificity on the tuning set (.86 and .81 of 50 and 200 records)"
    cost = choose(rule("cost", 10), truth, probability).reason
    assert "a missed case is worth 10 false alarms: 7 missed and 38 false alarms" in cost
    assert "highest F1 on the tuning set, .66" in choose(rule("f1"), truth, probability).reason
    assert "one case found is worth 4 false alarms" in choose(rule("net_benefit"), truth, probability).reason


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_records_of_one_answer_leave_the_threshold_at_a_half(name: str, answer: bool) -> None:
    """They say nothing about thresholds; a stated threshold probability needs none."""
    operating = choose(rule(name), [answer] * 4, [0.1, 0.2, 0.6, 1.0])
    assert operating.threshold == (0.2 if name == "net_benefit" else 0.5)
    assert (operating.specificity if answer else operating.sensitivity) is None
    assert name == "net_benefit" or "nothing can be chosen" in operating.reason
    assert choose(rule(name), [], []).threshold == operating.threshold


def test_what_needs_everyone_or_no_one_flagged_is_said() -> None:
    """A promise that costs all specificity, or all sensitivity, is no ordinary threshold."""
    truth, probability = [True, False, False, True], [0.0, 0.4, 0.6, 1.0]
    everyone = choose(rule("sensitivity", 0.99), truth, probability)
    assert everyone.flag(probability).all()
    assert "only by flagging all 4 records" in everyone.reason
    nobody = choose(rule("specificity", 0.99), [False, True], [1.0, 0.3])
    assert not nobody.flag([0.0, 1.0]).any()
    assert "only by flagging none of 2 records" in nobody.reason
    useless = choose(rule("youden"), [True, False] * 5, [0.4] * 10)
    assert useless.flag([0.4]).all()
    assert "it flags every record there" in useless.reason


def test_probabilities_that_are_none_are_refused() -> None:
    """Before they become a threshold."""
    for wrong in ([0.1, math.nan], [0.1, 1.5]):
        with pytest.raises(DataError, match="1 of 2 probabilities"):
            choose(rule("youden"), [True, False], wrong)
    with pytest.raises(DataError, match="shape"):
        choose(rule("youden"), [True], [0.1, 0.2])


def test_rates_are_those_of_scikit_learn() -> None:
    """On records without special cases, likelihood ratios included."""
    truth, probability = noisy(400)
    flagged = probability >= 0.25
    found = rates(truth, flagged, np.arange(400), prevalence=float(truth.mean()), resamples=200)
    ratios = class_likelihood_ratios(truth, flagged)
    expected = {
        "prevalence": truth.mean(),
        "sensitivity": recall_score(truth, flagged),
        "specificity": recall_score(~truth, ~flagged),
        "ppv": precision_score(truth, flagged),
        "npv": precision_score(~truth, ~flagged),
        "flagged": flagged.mean(),
        "missed": (truth & ~flagged).mean(),
        "accuracy": accuracy_score(truth, flagged),
        "f1": f1_score(truth, flagged),
        "lr_positive": ratios[0],
        "lr_negative": ratios[1],
        "nne": 1 / precision_score(truth, flagged),
        # At the sample's own prevalence Bayes' rule gives back the sample's predictive values.
        "ppv_at_prevalence": precision_score(truth, flagged),
        "npv_at_prevalence": precision_score(~truth, ~flagged),
        "nne_at_prevalence": 1 / precision_score(truth, flagged),
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value), name
        low, high = interval(found[name])
        assert low < value < high, name


def interval(estimate: Estimate) -> tuple[float, float]:
    assert estimate.ci95 is not None, estimate.reason
    return estimate.ci95


@given(records=answered(both=False), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_weighted_counts_are_those_of_records_written_out_that_often(records: tuple[Bools, Floats], seed: int) -> None:
    """By scikit-learn's confusion matrix."""
    truth, probability = records
    flagged = probability > 0.4
    weights = np.random.default_rng(seed).integers(0, 3, (len(truth), 5)).astype(float)
    counts = Counts(truth, flagged)(weights)
    for k in range(5):
        times = weights[:, k].astype(int)
        assume(times.any())
        matrix = confusion_matrix(np.repeat(truth, times), np.repeat(flagged, times), labels=[False, True])
        assert counts[k].tolist() == [matrix[1, 1], matrix[0, 1], matrix[1, 0], matrix[0, 0]]


def test_intervals_are_percentiles_over_patients_drawn_whole() -> None:
    """Against resamples written out one by one, over more than one chunk."""
    truth, probability = noisy(3000)
    flagged, codes = probability >= 0.25, np.arange(3000) // 3
    found = rates(truth, flagged, codes, prevalence=0.05, resamples=400, seed=3)
    values: dict[str, list[float]] = {"sensitivity": [], "nne": [], "lr_positive": [], "ppv_at_prevalence": []}
    for weights in draw(codes, 400, 3):
        for column in weights.T:
            times = column.astype(int)
            yes, said = np.repeat(truth, times), np.repeat(flagged, times)
            se, sp = sensitivity(yes, said), specificity(yes, said)
            values["sensitivity"].append(se)
            values["nne"].append(said.sum() / (yes & said).sum())
            values["lr_positive"].append(se / (1 - sp))
            values["ppv_at_prevalence"].append(se * 0.05 / (se * 0.05 + (1 - sp) * 0.95))
    for name, drawn in values.items():
        # The limits of a reciprocal are the reciprocals of the limits up to interpolation between two resamples.
        tolerance = 1e-3 if name == "nne" else 1e-12
        assert interval(found[name]) == pytest.approx(np.percentile(drawn, (2.5, 97.5)), rel=tolerance), name


def test_records_of_one_patient_count_as_one() -> None:
    """Copies of a record under the same patient make no interval narrower; under others they do."""
    truth, probability = noisy(150)
    once = rates(truth, probability > 0.2, np.arange(150))["specificity"]
    copied = [np.repeat(values, 4) for values in (truth, probability > 0.2)]
    same = rates(copied[0], copied[1], np.repeat(np.arange(150), 4))["specificity"]
    apart = rates(copied[0], copied[1], np.arange(600))["specificity"]
    width = [interval(one)[1] - interval(one)[0] for one in (once, same, apart)]
    assert width[1] == pytest.approx(width[0], rel=0.1)
    assert width[2] == pytest.approx(width[0] / 2, rel=0.15)


def test_perfect_decisions_get_exact_limits_and_nothing_infinite() -> None:
    """Where no resample shows an error, Clopper and Pearson's limits stand in, and what is infinite has a reason."""
    truth = np.repeat([True, False], [20, 60])
    found = rates(truth, truth, np.arange(80), prevalence=0.1)
    for name, patients in (("sensitivity", 20), ("specificity", 60), ("ppv", 20), ("npv", 60)):
        exact = binomtest(patients, patients).proportion_ci(method="exact")
        assert interval(found[name]) == pytest.approx((exact.low, 1.0)), name
        assert "exact binomial" in (found[name].reason or "")
    assert found["lr_positive"].value is None
    assert found["lr_positive"].reason == "not estimable: no record is flagged wrongly"
    assert found["lr_negative"].value == 0
    sens, spec = (binomtest(k, k).proportion_ci(method="exact").low for k in (20, 60))
    assert interval(found["lr_negative"]) == pytest.approx((0, (1 - sens) / spec))
    ppv = sens * 0.1 / (sens * 0.1 + (1 - spec) * 0.9)
    assert interval(found["ppv_at_prevalence"]) == pytest.approx((ppv, 1.0))
    assert interval(found["nne_at_prevalence"]) == pytest.approx((1, 1 / ppv))


@pytest.mark.parametrize("flags", ["everyone", "no one", "the wrong ones"])
def test_hopeless_decisions_have_figures_or_reasons(flags: str) -> None:
    """Never infinity, never NaN, and value and interval are missing together."""
    truth = np.repeat([True, False], [20, 60])
    flagged = {"everyone": np.ones(80, bool), "no one": np.zeros(80, bool), "the wrong ones": ~truth}[flags]
    found = rates(truth, flagged, np.arange(80), prevalence=0.1)
    for name, estimate in found.items():
        assert (estimate.value is None) == (estimate.ci95 is None), name
        if estimate.value is None:
            assert estimate.reason and estimate.reason[0].islower(), name
        else:
            assert np.isfinite([estimate.value, *interval(estimate)]).all(), name
            assert interval(estimate)[0] <= estimate.value <= interval(estimate)[1], name
    if flags == "no one":
        assert found["ppv"].reason == "no record is flagged"
        assert found["nne"].reason == "no record is flagged"
        assert found["lr_positive"].value is None
    if flags == "the wrong ones":
        assert found["nne"].reason == "not estimable: no flagged record is right"
        assert found["lr_negative"].reason == "not estimable: no record is left rightly"


def test_a_ratio_that_is_infinite_in_many_resamples_is_not_estimable() -> None:
    """Of two false alarms a resample has none in one of seven: the upper limit does not exist."""
    truth = np.repeat([True, False], [50, 50])
    flagged = truth.copy()
    flagged[:5], flagged[50:52] = False, True
    found = rates(truth, flagged, np.arange(100), prevalence=0.2)
    assert found["lr_positive"].value is None
    assert "without limit in 1" in (found["lr_positive"].reason or "")
    assert interval(found["ppv_at_prevalence"])[1] == 1  # the same resamples bound what has a bound
    flagged[52:58] = True
    assert rates(truth, flagged, np.arange(100))["lr_positive"].value == pytest.approx(0.9 / 0.16)


def test_four_events_carry_no_figure() -> None:
    """Sensitivity and what follows from it say so; what rests on more records stands."""
    truth, probability = np.repeat([True, False], [4, 96]), np.linspace(1, 0, 100)
    found = rates(truth, probability > 0.8, np.arange(100), prevalence=0.1)
    for name in ("sensitivity", "f1", "lr_positive", "lr_negative", "ppv_at_prevalence", "nne_at_prevalence"):
        assert "4 records, 5 are needed" in (found[name].reason or ""), name
    for name in ("specificity", "ppv", "npv", "nne"):
        assert found[name].value is not None, name


def test_several_questions_share_their_resamples() -> None:
    """Each has the figures that it has alone."""
    asked = [Question(str(k), (k,), *noisy(120, seed=k), np.zeros(120, bool)) for k in range(3)]
    flagged = np.stack([question.probability > 0.2 for question in asked], axis=1)
    together = rates_of(asked, flagged, np.arange(120), {"1": 0.1}, resamples=300, seed=4)
    for k, question in enumerate(asked):
        alone = rates(question.truth, flagged[:, k], np.arange(120), 0.1 if k == 1 else None, resamples=300, seed=4)
        assert together[k] == alone
    with pytest.raises(DataError, match="3 questions"):
        rates_of(asked, flagged[:, :2], np.arange(120))


def fawcett(truth: Bools, probability: Floats) -> list[float]:
    """Sensitivity at the false-positive rates of the grid, by Fawcett's algorithm 3, one point at a time."""
    x, y, _ = roc_curve(truth, probability, drop_intermediate=False)
    found = []
    for rate in GRID:
        at = max(k for k in range(len(x)) if x[k] <= rate + 1e-12)
        exact = at == len(x) - 1 or abs(x[at] - rate) < 1e-12
        found.append(y[at] if exact else y[at] + (rate - x[at]) / (x[at + 1] - x[at]) * (y[at + 1] - y[at]))
    return found


def stepped(truth: Bools, probability: Floats) -> list[float]:
    """Precision at the highest threshold that reaches each recall of the grid and finds any record."""
    precision, recall, _ = precision_recall_curve(truth, probability)
    return [
        precision[max(k for k in range(len(recall) - 1) if recall[k] >= wanted - 1e-12 and recall[k] > 0)]
        for wanted in GRID
    ]


@given(records=answered(), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_curves_of_weighted_records_are_those_of_records_written_out_that_often(
    records: tuple[Bools, Floats], seed: int
) -> None:
    """Joining records beforehand loses nothing; undefined where a resample holds one side only."""
    truth, probability = records
    weights = np.random.default_rng(seed).integers(0, 3, (len(truth), 4)).astype(float)
    weights[:, 0] = 1
    along, steps = Roc(truth, probability)(weights), PrecisionRecall(truth, probability)(weights)
    for k in range(4):
        times = weights[:, k].astype(int)
        yes, score = np.repeat(truth, times), np.repeat(probability, times)
        if not yes.any() or yes.all():
            assert np.isnan(along[k]).all()
            assert np.isnan(steps[k]).all() == (not yes.any())
            continue
        assert along[k] == pytest.approx(fawcett(yes, score))
        assert steps[k] == pytest.approx(stepped(yes, score))


@given(records=answered(), copies=st.integers(3, 8))
@settings(max_examples=30, deadline=None)
def test_an_roc_band_rises_from_corner_to_corner(records: tuple[Bools, Floats], copies: int) -> None:
    """It holds both ends of the curve and never falls."""
    truth, probability = (np.repeat(values, copies) for values in records)
    found = roc(truth, probability, np.arange(len(truth)), resamples=60)
    assume(found.reason is None)
    assert found.lower[0] == 0 <= found.upper[0]
    assert found.lower[-1] == found.upper[-1] == 1
    for line in (found.lower, found.upper, found.x, found.y):
        assert (np.diff(line) >= -1e-12).all()
    assert (found.lower <= found.upper).all()
    assert (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (0, 0, 1, 1)


def test_bands_hold_the_curve_and_have_the_width_of_a_proportion() -> None:
    """At a false-positive rate that many records fix, sensitivity varies as a share of the records inside does."""
    truth, probability = noisy(20_000, prevalence=0.02)
    found = roc(truth, probability, np.arange(len(truth)), resamples=500)
    curve = on_all(Roc(truth, probability), len(truth))
    assert (found.lower - 1e-12 <= curve).all()
    assert (curve <= found.upper + 1e-12).all()
    share = curve[20]
    expected = 2 * 1.96 * math.sqrt(share * (1 - share) / truth.sum())
    assert found.upper[20] - found.lower[20] == pytest.approx(expected, rel=0.2)
    steps = precision_recall(truth, probability, np.arange(len(truth)), resamples=200)
    value = on_all(PrecisionRecall(truth, probability), len(truth))
    assert (steps.lower - 1e-12 <= value).mean() > 0.97
    assert (value <= steps.upper + 1e-12).mean() > 0.97


def test_a_curve_is_thinned_without_being_seen() -> None:
    """At most 200 points, both ends among them, and nearly the same area."""
    truth, probability = noisy(20_000)
    found = roc(truth, probability, np.arange(len(truth)), resamples=20)
    assert len(found.x) <= POINTS
    assert np.trapezoid(found.y, found.x) == pytest.approx(roc_auc_score(truth, probability), abs=1e-3)
    steps = precision_recall(truth, probability, np.arange(len(truth)), resamples=20)
    assert len(steps.x) <= POINTS
    assert steps.x[-1] == 1
    assert steps.y[-1] == pytest.approx(precision_recall_curve(truth, probability)[0][0], abs=1e-3)


def asked(truth: Bools, probability: Floats, key: str = "ill") -> list[Question]:
    return [Question(key, (1,), truth, probability, probability > 0.5)]


def figures(value: Any) -> list[dict[str, Any]]:
    """Every estimate in a document."""
    if isinstance(value, list):
        return [one for part in value for one in figures(part)]
    if isinstance(value, dict):
        own = [value] if "ci95" in value else []
        return own + [one for part in value.values() for one in figures(part)]
    return []


Case = Literal["zeros and ones", "all equal", "all zero", "all one", "all ill", "none ill", "one patient", "one record"]
CASES: tuple[Case, ...] = Case.__args__  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("case", CASES)
def test_strange_records_give_reasons_and_no_crash(case: Case, name: str) -> None:
    """Valid JSON without NaN; a figure or curve that is missing says why."""
    truth, probability = noisy(60, prevalence=0.4)
    patient = np.arange(60)
    probability = {
        "zeros and ones": np.round(probability),
        "all equal": np.full(60, 0.3),
        "all zero": np.zeros(60),
        "all one": np.ones(60),
    }.get(case, probability)
    truth = {"all ill": np.ones(60, bool), "none ill": np.zeros(60, bool)}.get(case, truth)
    patient = np.zeros(60, int) if case == "one patient" else patient
    if case == "one record":
        truth, probability, patient = truth[:1], probability[:1], patient[:1]
    validation = asked(*noisy(60, prevalence=0.4, seed=1)) if case.endswith("ill") else asked(truth, probability)
    question = asked(truth, probability)
    told = describe(validation, question, rule(name), {"ill": 0.1}, {"other": question}, patient, resamples=100)
    json.dumps(told, allow_nan=False)
    for figure in figures(told):
        assert (figure["value"] is None) == (figure["ci95"] is None)
        assert figure["value"] is not None or figure["reason"]
    only = told["questions"][0]
    for curve in (only["roc"], only["pr"]):
        assert bool(curve["x"]) == (curve["reason"] is None) == bool(curve["band"]["lower"])
    assert bool(only["decision_curve"]["thresholds"]) == (only["decision_curve"]["reason"] is None)
    if case in ("all ill", "none ill", "one patient", "one record"):
        assert only["roc"]["reason"].startswith("not estimable")
        assert only["decision_curve"]["reason"].startswith("not estimable")


def seven(n: int, seed: int, skill: float = 1.5) -> list[Question]:
    """Questions about classes, the first about two urgent ones together; the same records for every skill."""
    rng = np.random.default_rng(seed)
    prior = np.array([0.6, 0.12, 0.1, 0.07, 0.05, 0.04, 0.02])
    y = rng.choice(7, n, p=prior)
    logits = rng.normal(size=(n, 7)) + np.log(prior)
    logits[np.arange(n), y] += skill
    shares = np.exp(logits)
    return questions(collect(y, shares / shares.sum(axis=1, keepdims=True)), urgent=[1, 2])


def test_a_report_says_of_every_question_what_is_documented() -> None:
    """The threshold decides exactly as it was chosen, and the figures are those of the modules."""
    validation, test = seven(800, 0), seven(700, 1)
    patient = np.arange(700) // 2
    told = describe(validation, test, Threshold(), {"1": 0.03, "2": 0.05}, {"poor": seven(700, 1, 0.5)}, patient, 300)
    assert told["rule"] == {"rule": "youden", "value": None}
    assert [one["key"] for one in told["questions"]] == ["urgent", *"0123456"]
    first = told["questions"][0]
    operating: Operating = choose(Threshold(), validation[0].truth, validation[0].probability)
    assert first["threshold"] == operating.threshold
    assert first["reason"] == operating.reason
    assert first["at_prevalence"]["prevalence"] == pytest.approx(0.08)  # of both classes together
    assert told["questions"][1]["at_prevalence"] is None
    alone = rates(test[0].truth, operating.flag(test[0].probability), encode(patient, 700), 0.08, resamples=300)
    assert first["test"]["lr_positive"]["value"] == pytest.approx(alone["lr_positive"].value, rel=1e-3)
    assert first["at_prevalence"]["ppv"]["ci95"] == pytest.approx(interval(alone["ppv_at_prevalence"]), rel=1e-3)
    assert set(first["decision_curve"]["baselines"]) == set(first["decision_curve"]["at_threshold"]["over"]) == {"poor"}
    assert first["validation"]["positives"] == int(validation[0].truth.sum())
    assert len(json.dumps(told)) / len(told["questions"]) < 30_000


def test_many_questions_take_several_passes_with_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the number of questions."""
    validation, test = seven(200, 0), seven(150, 1)
    whole = describe(validation, test, Threshold(), {}, {}, resamples=100)
    monkeypatch.setattr(report, "HELD", 1)
    assert describe(validation, test, Threshold(), {}, {}, resamples=100) == whole


def test_other_questions_or_records_are_refused() -> None:
    """A curve beside another is of the same records."""
    one, other = asked(*noisy(50)), asked(*noisy(50, seed=1))
    with pytest.raises(DataError, match="same records"):
        describe(one, one, Threshold(), {}, {"boosting": other})
    with pytest.raises(DataError, match="different questions"):
        describe(asked(*noisy(50), key="well"), one, Threshold(), {}, {})
    with pytest.raises(DataError, match="no test records"):
        describe(one, asked(np.empty(0, bool), np.empty(0)), Threshold(), {}, {})
    assert describe([], [], Threshold(), {}, {})["questions"] == []


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    """Of 300 samples of a known population about 95 % of the intervals hold the true figure."""
    population, score = noisy(400_000, prevalence=0.3, seed=7)
    said = score >= 0.3
    se, sp = sensitivity(population, said), specificity(population, said)
    truths = {
        "sensitivity": se,
        "lr_positive": se / (1 - sp),
        "ppv_at_prevalence": se * 0.1 / (se * 0.1 + (1 - sp) * 0.9),
        "nne": 1 / precision_score(population, said),
    }
    held = dict.fromkeys(truths, 0)
    rng = np.random.default_rng(0)
    for seed in range(300):
        rows = rng.integers(0, len(population), 250)
        found = rates(population[rows], said[rows], np.arange(250), 0.1, resamples=500, seed=seed)
        for name, value in truths.items():
            low, high = interval(found[name])
            held[name] += low <= value <= high
    for name, count in held.items():
        assert 0.91 <= count / 300 <= 0.985, (name, count)


def test_scikit_learn_warns_where_we_give_a_reason() -> None:
    """The reference itself calls these undefined."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UndefinedMetricWarning)
        with pytest.raises(UndefinedMetricWarning):
            precision_score([True, False], [False, False])
    assert rates([True, False] * 10, [False] * 20, np.arange(20))["ppv"].value is None


@pytest.mark.slow
def test_ten_thousand_records_are_described_in_seconds() -> None:
    """Eight questions, two baselines, 2,000 resamples: about 2 s on one core, and far from a minute on a busy one."""
    validation, test = seven(2000, 0), seven(10_000, 1)
    baselines = {"poor": seven(10_000, 1, 0.5), "poorer": seven(10_000, 1, 0.1)}
    start = time.process_time()
    told = describe(validation, test, Threshold(), {}, baselines, np.arange(10_000) // 2)
    assert time.process_time() - start < 12
    assert len(json.dumps(told)) < 300_000
