"""Gaps between groups: values, intervals, tests, verdicts, and what is said of them."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    equal_opportunity_difference,
    equalized_odds_difference,
    false_positive_rate,
    true_positive_rate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from planted_groups import by, gaps_of, measured, planted, subject
from scipy.stats import hypergeom, norm, studentized_range
from sklearn.metrics import f1_score

from automed.audit.gap import DEMOGRAPHIC_PARITY, EQUAL_OPPORTUNITY, EQUALISED_ODDS, WORST_GROUP, Gap
from automed.audit.gaps import decide, measure
from automed.audit.groups import divide

KINDS = (EQUAL_OPPORTUNITY, EQUALISED_ODDS, DEMOGRAPHIC_PARITY, WORST_GROUP)


def made(seed: int, n: int, classes: int = 2, groups: int = 3) -> tuple[NDArray[np.int64], ...]:
    """y, decisions and groups of n records."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    predicted = np.where(rng.random(n) < 0.7, y, rng.integers(0, classes, n))
    return y, predicted, rng.integers(0, groups, n)


@pytest.mark.parametrize("seed", range(5))
def test_values_of_two_classes_are_those_of_fairlearn(seed: int) -> None:
    """The differences between groups of three rates."""
    y, predicted, group = made(seed, 300, groups=4)
    found = measured(subject(y, predicted), by(group))
    for kind, expected in (
        (EQUAL_OPPORTUNITY, equal_opportunity_difference),
        (EQUALISED_ODDS, equalized_odds_difference),
        (DEMOGRAPHIC_PARITY, demographic_parity_difference),
    ):
        assert found[kind].value == pytest.approx(expected(y, predicted, sensitive_features=group), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_values_of_several_classes_are_the_largest_of_fairlearns_metric_frames(seed: int) -> None:
    """One frame a class, and one of the urgent classes; macro-F1 by scikit-learn."""
    y, predicted, group = made(seed, 900, classes=4)
    found = measured(subject(y, predicted, classes=4, urgent=(1, 3)), by(group))
    asked = {"urgent": (np.isin(y, (1, 3)), np.isin(predicted, (1, 3)))}
    asked |= {f"c{k}": (y == k, predicted == k) for k in range(4)}
    rates = {}
    for key, (truth, decided) in asked.items():
        for name, metric in (("sensitivity", true_positive_rate), ("false_positive_rate", false_positive_rate)):
            frame = MetricFrame(metrics=metric, y_true=truth, y_pred=decided, sensitive_features=group)
            rates[name, key] = frame.difference()
    gap = found[EQUALISED_ODDS]
    assert gap.value == pytest.approx(max(rates.values()), abs=1e-12)
    assert rates[gap.figure, gap.question] == max(rates.values())
    only = {key: value for (name, key), value in rates.items() if name == "sensitivity"}
    assert found[EQUAL_OPPORTUNITY].value == pytest.approx(max(only.values()), abs=1e-12)
    assert only[str(found[EQUAL_OPPORTUNITY].question)] == max(only.values())
    f1 = [f1_score(y[group == g], predicted[group == g], average="macro") for g in range(3)]
    assert found[WORST_GROUP].value == pytest.approx(max(f1) - min(f1), abs=1e-12)


def test_values_of_labels_are_the_largest_of_all_labels() -> None:
    """A record may bear several labels; each is a question."""
    rng = np.random.default_rng(3)
    y = (rng.random((500, 3)) < 0.4).astype(int)
    predicted = np.where(rng.random((500, 3)) < 0.8, y, 1 - y)
    group = rng.integers(0, 2, 500)
    found = measured(subject(y, predicted), by(group))
    expected = [equal_opportunity_difference(y[:, k], predicted[:, k], sensitive_features=group) for k in range(3)]
    assert found[EQUAL_OPPORTUNITY].value == pytest.approx(max(expected), abs=1e-12)
    assert found[EQUAL_OPPORTUNITY].question == f"c{int(np.argmax(expected))}"


def test_macro_f1_is_compared_over_the_classes_that_every_group_has() -> None:
    """A class with three records in one group is left out of the means of all, and named."""
    y, predicted, group = made(1, 600, classes=3, groups=2)
    scarce = np.flatnonzero((y == 2) & (group == 1))[3:]
    keep = np.setdiff1d(np.arange(600), scarce)
    y, predicted, group = y[keep], predicted[keep], group[keep]
    gap = measured(subject(y, predicted, classes=3), by(group))[WORST_GROUP]
    f1 = [f1_score(y[group == g], predicted[group == g], labels=[0, 1], average="macro") for g in range(2)]
    assert gap.value == pytest.approx(abs(f1[0] - f1[1]), abs=1e-12)
    assert gap.reason is not None and gap.reason.endswith("c0, c1")


def all_positive(hits: list[int], sizes: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Groups of positive records with that many hits, each beside as many negative ones, rightly decided."""
    y = np.concatenate([np.repeat([1, 0], size) for size in sizes])
    predicted = np.concatenate(
        [np.repeat([1, 0], [hit, 2 * size - hit]) for hit, size in zip(hits, sizes, strict=True)]
    )
    return y, predicted, np.repeat(np.arange(len(sizes)), [2 * size for size in sizes])


def test_of_two_groups_the_interval_is_the_usual_one() -> None:
    """Against the closed form of the difference of two independent proportions."""
    y, predicted, group = all_positive([320, 210], [400, 350])
    gap = measured(subject(y, predicted), by(group), resamples=4000)[EQUAL_OPPORTUNITY]
    error = np.sqrt(0.8 * 0.2 / 400 + 0.6 * 0.4 / 350)
    assert gap.ci95 == pytest.approx((0.2 - 1.96 * error, 0.2 + 1.96 * error), abs=0.004)


@pytest.mark.parametrize("groups", [3, 6])
def test_of_more_groups_the_limits_are_those_of_tukeys_range(groups: int) -> None:
    """With groups of one size all pairs at once need the quantile of the studentised range over the root of 2."""
    y, predicted, group = all_positive([240] * groups, [300] * groups)
    gap = measured(subject(y, predicted), by(group), resamples=4000)[EQUAL_OPPORTUNITY]
    assert gap.critical == pytest.approx(studentized_range.ppf(0.95, groups, 1e6) / np.sqrt(2), rel=0.03)


def test_patients_with_many_like_records_widen_the_interval() -> None:
    """Four copies of every record tell no more than one."""
    y, predicted, group = all_positive([64, 42], [80, 70])
    one = measured(subject(y, predicted), by(group), resamples=2000)[EQUAL_OPPORTUNITY]
    patient = np.repeat(np.arange(len(y)), 4)
    four = measured(
        subject(*(np.repeat(a, 4) for a in (y, predicted)), patient), by(np.repeat(group, 4)), resamples=2000
    )
    assert four[EQUAL_OPPORTUNITY].ci95 == pytest.approx(one.ci95, abs=0.03)
    assert four[EQUAL_OPPORTUNITY].p == pytest.approx(one.p, abs=0.02)


def test_five_of_five_is_not_certain() -> None:
    """Where every rate is 1 the bootstrap has no width; the interval has."""
    y, predicted, group = all_positive([5, 5], [5, 5])
    gap = measured(subject(y, predicted), by(group))[EQUAL_OPPORTUNITY]
    assert gap.value == 0
    assert gap.ci95 is not None and gap.ci95[1] > 0.3
    assert gap.verdict == "undecided"


def test_p_is_that_of_the_hypergeometric_distribution() -> None:
    """Of two groups and one question, labels shuffled among the positive records move hits from group to group."""
    hits, sizes = [17, 15], [20, 30]
    y, predicted, group = all_positive(hits, sizes)
    gap = measured(subject(y, predicted), by(group), permutations=20_000)[EQUAL_OPPORTUNITY]
    law = hypergeom(sum(sizes), sizes[0], sum(hits))
    counts = np.arange(sizes[0] + 1)
    expected = law.pmf(counts)[np.abs(counts - law.mean()) >= abs(hits[0] - law.mean()) - 1e-9].sum()
    assert gap.p == pytest.approx(expected, abs=0.006)


def test_a_gap_that_follows_from_another_mix_of_classes_is_no_alarm() -> None:
    """Two urgent classes, one of them hard and common in one group; given the class, groups are served alike."""
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1], 1500)
    y = np.where(rng.random(3000) < 0.5, 0, np.where(rng.random(3000) < np.array([0.8, 0.2])[group], 1, 2))
    found = rng.random(3000) < np.array([0, 0.95, 0.5])[y]
    one = subject(y, np.where(found, y, 0), classes=3, urgent=(1, 2))
    gap = measured(one, by(group))[EQUAL_OPPORTUNITY]
    assert gap.question == "urgent"
    assert gap.ci95 is not None and gap.ci95[0] > 0.1
    assert gap.p is not None and gap.p > 0.05
    assert gap.verdict == "undecided"


def test_small_groups_are_listed_and_not_compared() -> None:
    """A group under the minimum, one with four positive records, and a missing attribute that is compared."""
    y = np.array([1, 0] * 30 + [1, 0] * 30 + [1] * 4 + [0] * 40 + [1, 0] * 4)
    group = np.repeat([0, 1, 2, 3], [60, 60, 44, 8])
    found = measured(subject(y, y), by(group, ["a", "missing", "few", "small"]), min_group=20)
    left = {each.group: each for each in found[EQUAL_OPPORTUNITY].left_out}
    assert set(left) == {"few", "small"}
    assert left["few"].n == 44 and "4 records, 5 are needed" in left["few"].reason
    assert "8 records, 20 are needed" in left["small"].reason
    assert all(each.reason.startswith("not estimable") for each in left.values())
    assert found[EQUAL_OPPORTUNITY].high is not None
    assert "few (n 44); small (n 8)" in found[EQUAL_OPPORTUNITY].sentence
    assert {each.group for each in found[DEMOGRAPHIC_PARITY].left_out} == {"small"}


def not_estimable(gap: Gap) -> bool:
    values = (gap.value, gap.ci95, gap.p, gap.p_holm, gap.high, gap.low, gap.detectable)
    return all(value is None for value in values) and gap.verdict == "undecided" and bool(gap.reason)


def test_one_class_in_a_group_leaves_nothing_to_compare_in_sensitivity() -> None:
    """Of two groups one has no positive record."""
    y, predicted, group = made(2, 200, groups=2)
    y = np.where(group == 1, 0, y)
    found = measured(subject(y, predicted), by(group))
    assert not_estimable(found[EQUAL_OPPORTUNITY])
    assert not_estimable(found[WORST_GROUP])
    assert found[EQUALISED_ODDS].figure == "false_positive_rate"
    assert "could not be decided" in found[EQUAL_OPPORTUNITY].sentence


def test_a_group_of_one_patient_is_not_estimable() -> None:
    """However many records the patient has."""
    y, predicted, group = made(2, 200, groups=2)
    patient = np.where(group == 1, 1000, np.arange(200))
    found = measured(subject(y, predicted, patient), by(group))
    assert all(not_estimable(gap) for gap in found.values())
    assert "1 patients, 5 are needed" in found[EQUAL_OPPORTUNITY].left_out[0].reason


def test_an_attribute_that_equals_the_label_is_never_beyond_in_what_is_given_the_class() -> None:
    """Within a class there is one group only, so that no test can tell; the share flagged differs, of course."""
    y, predicted, _ = made(2, 600, classes=3)
    found = measured(subject(y, predicted, classes=3), by(y))
    assert found[EQUALISED_ODDS].p == 1
    assert "all patients are of one group" in str(found[EQUALISED_ODDS].reason)
    assert {found[kind].verdict for kind in (EQUAL_OPPORTUNITY, EQUALISED_ODDS, WORST_GROUP)} == {"undecided"}
    assert found[DEMOGRAPHIC_PARITY].verdict == "beyond"


def test_every_record_in_one_group_leaves_no_gap() -> None:
    """Nothing is estimable, and each gap says that two groups are needed."""
    y, predicted, _ = made(2, 200)
    found = measured(subject(y, predicted), by(np.zeros(200)))
    assert all(not_estimable(gap) and "2 are needed" in str(gap.reason) for gap in found.values())


def test_missing_values_are_a_group_like_others() -> None:
    """Of 40 % of the records the attribute is not known, and these are served worse."""
    one, division = planted(3, 3000, (0.95, 0.5), (0.6, 0.4))
    values = [None if code else "known" for code in division.code.tolist()]
    gap = measured(one, divide("sex", values, 20))[EQUAL_OPPORTUNITY]
    assert gap.low is not None and gap.low.group == "missing"
    assert gap.verdict == "beyond"


def test_patients_whose_records_are_in_several_groups_are_compared() -> None:
    """As with age at the visit: the interval takes the two as paired, the test moves them in pieces."""
    one, division = planted(4, 1200, (0.9, 0.9), (0.5, 0.5), per_patient=4, alike=0.9)
    visits = np.arange(len(division.code)) % 2
    apart = measured(one, division, resamples=1000)[EQUAL_OPPORTUNITY]
    paired = measured(one, by(visits), resamples=1000)[EQUAL_OPPORTUNITY]
    assert paired.p is not None and paired.p > 0.05
    assert paired.error < 0.7 * apart.error


@pytest.mark.parametrize("groups", [50])
def test_fifty_categories_stay_quick(groups: int) -> None:
    """1,225 pairs of groups."""
    y, predicted, group = made(2, 4000, groups=groups)
    started = time.process_time()
    found = measured(subject(y, predicted), by(group), min_group=20, resamples=500, permutations=500)
    assert time.process_time() - started < 5
    assert all(gap.verdict == "undecided" for gap in found.values())


@pytest.mark.slow
def test_ten_thousand_records_of_seven_classes_take_seconds() -> None:
    """Three attributes and three crossings with 2,000 resamples and permutations, in time of one core."""
    rng = np.random.default_rng(0)
    patient = np.sort(rng.integers(0, 7500, 10_000))
    y, predicted, _ = made(0, 10_000, classes=7)
    one = subject(y, predicted, patient, classes=7, urgent=(1, 3))
    started = time.process_time()
    for groups in (2, 4, 6, 8, 12, 24):
        measured(one, by(rng.integers(0, groups, 7500)[patient]), resamples=2000, permutations=2000)
    assert time.process_time() - started < 25  # about 8 on an idle core


def gap(**facts: object) -> Gap:
    """A gap with an interval and a p of these, the others plain."""
    one, division = planted(0, 200, (0.9, 0.6), (0.5, 0.5))
    found = gaps_of(measure(one, division, 10, 0.1, 200, 2000, 0))[EQUAL_OPPORTUNITY]
    return replace(found, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ci95", "p", "verdict"),
    [
        ((0.12, 0.4), 0.001, "beyond"),
        ((0.12, 0.4), 0.06, "undecided"),
        ((0.08, 0.4), 0.001, "undecided"),
        ((0.0, 0.09), 0.5, "within"),
        ((0.02, 0.09), 0.001, "within"),
        ((0.0, 0.1), 0.5, "undecided"),
    ],
)
def test_verdicts_need_the_interval_on_one_side_of_the_limit(ci95: tuple[float, float], p: float, verdict: str) -> None:
    """And beyond needs the test as well."""
    decided = decide([gap(ci95=ci95, p=p)], 0.1)[0]
    assert decided.verdict == verdict
    assert {"beyond": "Beyond", "within": "Within"}.get(verdict, "could not be decided") in decided.sentence


def test_tests_are_corrected_for_the_number_of_all_gaps_that_have_one() -> None:
    """Holm's example by hand: .01, .02, .03 become .03, .04, .04; what is not estimable does not count."""
    empty = replace(gap(), value=None, ci95=None, p=None, high=None, low=None, reason="nothing to compare")
    decided = decide([gap(p=0.02), empty, gap(p=0.01), gap(p=0.03)], 0.1)
    assert [found.p_holm for found in decided] == [pytest.approx(0.04), None, pytest.approx(0.03), pytest.approx(0.04)]
    assert [found.verdict for found in decided][1] == "undecided"


def test_too_few_permutations_for_the_number_of_gaps_are_named() -> None:
    """With 2,000 permutations p is .0005 at least, which no correction for 101 gaps leaves under .05."""
    decided = decide([gap(ci95=(0.3, 0.5), p=1 / 2001)] * 101, 0.1)
    assert {found.verdict for found in decided} == {"undecided"}
    assert "2000 permutations are too few" in str(decided[0].reason)


def test_what_could_have_been_shown_follows_from_standard_error_and_number_of_tests() -> None:
    """Of two groups and one gap: (1.96 + .84) standard errors; of more gaps with Bonferroni's quantile."""
    y, predicted, group = all_positive([320, 210], [400, 350])
    found = gaps_of(measure(subject(y, predicted), by(group), 10, 0.1, 4000, 200, 0))[EQUAL_OPPORTUNITY]
    error = np.sqrt(0.8 * 0.2 / 400 + 0.6 * 0.4 / 350)
    alone, among = decide([found], 0.1)[0], decide([found] * 10, 0.1)[0]
    assert alone.detectable == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * error, rel=0.05)
    assert among.detectable == pytest.approx((norm.ppf(1 - 0.0025) + norm.ppf(0.8)) * error, rel=0.05)


def test_a_sentence_names_groups_figures_interval_and_verdict_and_no_cause() -> None:
    """And where a gap was not shown, how large one could have been."""
    y, predicted, group = all_positive([36, 20], [40, 30])
    found = measured(subject(y, predicted), by(group, ["women", "men"], "sex"))[EQUAL_OPPORTUNITY]
    assert found.sentence.startswith(
        "Sensitivity for c1 is .90 in women (n 80, 40 events) and .67 in men (n 60, 30 events). The largest gap is .23"
    )
    assert found.detectable is not None
    unseen = f"With 30 and 40 events, a gap under {found.detectable:.2f}".replace(" 0.", " .")
    assert f"{unseen} would mostly have gone unseen." in found.sentence
    assert not any(word in found.sentence for word in ("because", "due to", "caus", "fair"))


def test_json_holds_every_field_and_no_nan() -> None:
    """Of a gap that is estimable and one that is not."""
    y, predicted, group = made(2, 200, groups=2)
    for where in (by(group), by(np.zeros(200))):
        for found in measured(subject(y, predicted), where).values():
            told = json.loads(json.dumps(found.as_json(), allow_nan=False))
            assert set(told) == {
                *("division", "kind", "figure", "question", "high", "low", "value", "ci95", "p", "p_holm", "limit"),
                *("verdict", "sentence", "left_out", "detectable", "reason"),
            }
            assert (told["value"] is None) == (told["ci95"] is None) == (told["high"] is None)
            assert told["value"] is not None or told["reason"]


def test_one_seed_gives_one_result() -> None:
    """And another seed another interval."""
    one, division = planted(0, 300, (0.9, 0.6), (0.5, 0.5))
    first, again, other = (measure(one, division, 10, 0.1, 200, 200, seed) for seed in (1, 1, 2))
    assert first == again
    assert first[0].ci95 != other[0].ci95


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_whatever_the_records_an_audit_answers_with_figures_or_a_reason(data: st.DataObject) -> None:
    """Intervals hold their value and stay between 0 and 1; so does p."""
    n, classes = data.draw(st.integers(1, 60)), data.draw(st.integers(2, 3))
    whole = lambda most: st.lists(st.integers(0, most), min_size=n, max_size=n).map(np.array)  # noqa: E731
    y, predicted = data.draw(whole(classes - 1)), data.draw(whole(classes - 1))
    patient, group = data.draw(whole(20)), data.draw(whole(2))
    one = subject(y, predicted, patient, classes, (1,) if classes == 3 else ())
    found = measured(one, by(group), min_group=3, resamples=50, permutations=50)
    assert tuple(found) == KINDS
    for each in found.values():
        json.dumps(each.as_json(), allow_nan=False)
        if each.value is None or each.ci95 is None or each.p is None:
            assert not_estimable(each)
        else:
            assert 0 <= each.ci95[0] <= each.value + 1e-9 <= each.ci95[1] + 2e-9 <= 1 + 3e-9
            assert 0 < each.p <= 1
