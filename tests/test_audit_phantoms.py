"""Does the audit find what is planted, and stay silent where nothing is?"""

from __future__ import annotations

import numpy as np
import pytest
from planted_groups import audited, measured, nothing_planted, planted, subject
from scipy.stats import binomtest

from automed.audit.gap import Gap

SENSITIVITY = (0.9, 0.9, 0.6)
SHARES = (0.5, 0.25, 0.25)
TRUE_GAP = 0.3


def opportunity(seed: int, n: int) -> Gap:
    one, division = planted(seed, n, SENSITIVITY, SHARES)
    return measured(one, division, resamples=300, permutations=300, seed=seed)["equal_opportunity"]


def covered(gap: Gap, true: float) -> bool:
    assert gap.ci95 is not None
    return gap.ci95[0] <= true <= gap.ci95[1]


def test_a_planted_disadvantage_is_found_named_and_inside_the_interval() -> None:
    """Sensitivity .6 in one group against .9 in the others, in 3,000 clustered records."""
    found = [opportunity(seed, 3000) for seed in range(4)]
    assert all(gap.verdict == "beyond" and gap.p_holm is not None and gap.p_holm < 0.05 for gap in found)
    assert all(gap.low is not None and gap.low.group == "g2" for gap in found)
    assert sum(covered(gap, TRUE_GAP) for gap in found) >= 3


def test_a_few_audits_without_planted_difference_raise_no_alarm() -> None:
    """Four audits of three attributes, in two and in four classes."""
    for seed in range(4):
        one = nothing_planted(seed, 2 + 2 * (seed % 2), same_prevalence=False)
        found = audited(one, draws=200, seed=seed, crossings=False, without=["demographic_parity"])
        assert all(gap.verdict != "beyond" for gap in found)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "found_at_least"), [(300, 0), (1000, 35), (4000, 97)])
def test_the_size_of_a_planted_disadvantage_is_inside_the_interval(n: int, found_at_least: int) -> None:
    """In 90 of 100 simulations at least, of small and large sets; with many records it is beyond the limit as well."""
    found = [gap for seed in range(100) if (gap := opportunity(seed, n)).value is not None]
    assert len(found) == 100
    assert sum(covered(gap, TRUE_GAP) for gap in found) >= 90
    assert sum(gap.verdict == "beyond" for gap in found) >= found_at_least


@pytest.mark.slow
def test_a_planted_false_alarm_rate_is_found_by_equalised_odds_alone() -> None:
    """Where only the false-positive rate differs, equal opportunity is not beyond the limit."""
    one, division = planted(1, 4000, (0.9, 0.9), (0.5, 0.5), specificity=0.9)
    predicted = one.sample.predicted.copy()
    rng = np.random.default_rng(2)
    predicted[(one.sample.y == 0) & (division.code == 1) & (rng.random(len(predicted)) < 0.3)] = 1
    found = measured(subject(one.sample.y, predicted, one.patient), division)
    assert found["equalised_odds"].verdict == "beyond"
    assert found["equalised_odds"].figure == "false_positive_rate"
    assert found["equal_opportunity"].verdict != "beyond"


def _alarms(classes: int, audits: int) -> tuple[int, int]:
    """In how many audits some gap is beyond the limit, and in how many some corrected p is under .05.

    Every other audit has groups of equal prevalence; where it differs, demographic parity is rightly broken and is set
    aside.
    """
    beyond = small = 0
    for seed in range(audits):
        same = seed % 2 == 0
        one = nothing_planted(1000 + seed, classes, same_prevalence=same)
        found = audited(one, seed=seed, without=[] if same else ["demographic_parity"])
        beyond += any(gap.verdict == "beyond" for gap in found)
        small += any(gap.p_holm is not None and gap.p_holm < 0.05 for gap in found)
    return beyond, small


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("classes", "audits"), [(2, 200), (4, 100)])
def test_with_nothing_planted_audits_raise_alarm_at_no_more_than_the_nominal_rate(classes: int, audits: int) -> None:
    """Three attributes and their crossings in 600 to 1,500 records, up to 24 gaps an audit."""
    beyond, small = _alarms(classes, audits)
    print(f"{classes} classes, {audits} audits: {beyond} with a gap beyond the limit, {small} with corrected p < .05")
    assert beyond <= 0.05 * audits
    assert binomtest(small, audits, 0.05, alternative="greater").pvalue > 0.01
