"""Many tests at once: Holm's correction, and one model against all others."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automed.errors import DataError
from automed.evaluate.multiplicity import comparisons, holm
from automed.evaluate.paired import paired
from automed.evaluate.sample import Sample, collect
from automed.evaluate.scores import as_json

PATIENT = np.random.default_rng(7).integers(0, 150, 240)


def model(seed: int, skill: float, classes: int = 2, n: int = 240) -> Sample:
    y = np.random.default_rng(99).integers(0, classes, n)
    logits = np.random.default_rng(seed).normal(size=(n, classes))
    logits[np.arange(n), y] += skill
    return collect(y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def test_holm_gives_the_values_of_r() -> None:
    """p.adjust(c(.01, .04, .03, .005), "holm"), and tests that could not be made count for nothing."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm([]) == [] and holm([None]) == [None] and holm([0.7, 0.9]) == [1.0, 1.0]


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_holm_lies_between_the_plain_value_and_bonferronis(p: list[float | None]) -> None:
    """And keeps the order; a single test stays as it is; at any level it rejects as the step-down procedure does."""
    found = holm(p)
    made = [(value, corrected) for value, corrected in zip(p, found, strict=True) if value is not None]
    assert [value is None for value in p] == [corrected is None for corrected in found]
    for value, corrected in made:
        assert corrected is not None and value <= corrected <= min(1, len(made) * value) + 1e-12
    ordered = sorted(made)
    assert all(one[1] <= other[1] for one, other in itertools.pairwise(ordered))
    rejected = 0
    for rank, (value, _) in enumerate(ordered):  # Holm 1979: go down until one is not rejected
        if value * (len(ordered) - rank) > 0.05:
            break
        rejected += 1
    assert rejected == sum(corrected <= 0.05 for _, corrected in made)


def test_the_chance_of_any_false_alarm_stays_at_the_level() -> None:
    """Of six tests without a difference, in one of twenty families one or more is below .05."""
    rng = np.random.default_rng(0)
    alarms = [min(holm(rng.random(6).tolist())) < 0.05 for _ in range(4000)]  # type: ignore[type-var]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.012)


def test_each_comparison_is_the_paired_test_and_corrected_within_its_metric() -> None:
    """Own is left out, the order is kept, and the same figures come as from testing one by one."""
    candidates = {"a": model(1, 1.5), "own": model(2, 1.4), "majority": model(3, 0.0), "d": model(4, 0.9)}
    found = comparisons(candidates, PATIENT, "own", resamples=400, seed=3)
    assert [entry["against"] for entry in found] == ["a", "majority", "d"]
    for metric in ("macro_f1", "auroc", "accuracy"):
        for entry in found:
            alone = as_json(
                paired(candidates["own"], candidates[entry["against"]], PATIENT, resamples=400, seed=3)[metric]
            )
            assert {key: entry[metric][key] for key in alone} == alone
        assert [entry[metric]["p_holm"] for entry in found] == holm([entry[metric]["p"] for entry in found])
    assert found[1]["macro_f1"]["p_holm"] < 0.05 < found[0]["macro_f1"]["p_holm"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_delong_stands_beside_the_bootstrap_for_two_classes_only() -> None:
    """Nearly the same answer by another way; of more classes there is none."""
    candidates = {"own": model(2, 1.4), "a": model(1, 1.5), "d": model(4, 0.8)}
    found = comparisons(candidates, PATIENT, "own", resamples=2000)
    for entry in found:
        boot, exact = entry["auroc"], entry["auroc"]["delong"]
        assert exact["difference"] == pytest.approx(boot["difference"])
        assert exact["ci95"] == pytest.approx(boot["ci95"], abs=0.012)
        assert exact["p"] == pytest.approx(boot["p"], abs=0.06)
    assert [entry["auroc"]["delong"]["p_holm"] for entry in found] == holm(
        [entry["auroc"]["delong"]["p"] for entry in found]
    )
    several = {"own": model(2, 1.4, 3), "a": model(1, 1.5, 3)}
    assert comparisons(several, PATIENT, "own", resamples=100)[0]["auroc"]["delong"] is None


def test_what_is_not_estimable_has_no_p_and_is_not_counted() -> None:
    """Four records of the positive class carry no AUROC: both tests say so, and accuracy is still compared."""
    y = np.r_[np.ones(4, dtype=int), np.zeros(76, dtype=int)]
    rng = np.random.default_rng(0)
    scores = [np.clip(0.5 * y + rng.uniform(0, 0.5, 80), 0, 1) for _ in range(2)]
    candidates = {name: collect(y, np.stack([1 - p, p], axis=1)) for name, p in zip("ab", scores, strict=True)}
    (entry,) = comparisons(candidates, None, "a", resamples=200)
    assert entry["auroc"]["p"] is entry["auroc"]["p_holm"] is entry["auroc"]["delong"]["p"] is None
    assert entry["auroc"]["delong"]["reason"] == entry["auroc"]["reason"]
    assert entry["accuracy"]["p_holm"] == entry["accuracy"]["p"]


def test_a_model_against_itself_is_no_difference() -> None:
    """p is 1 by both ways."""
    one = model(1, 1.0)
    (entry,) = comparisons({"own": one, "copy": one}, PATIENT, "own", resamples=200)
    assert entry["auroc"]["p"] == entry["auroc"]["delong"]["p"] == 1 and entry["auroc"]["difference"] == 0


def test_other_records_and_unknown_models_are_refused() -> None:
    """A paired test needs the same records."""
    with pytest.raises(DataError, match="no model 'b'"):
        comparisons({"a": model(1, 1.0)}, PATIENT, "b")
    other = collect(1 - model(1, 1.0).y, model(1, 1.0).probabilities)
    with pytest.raises(DataError, match="same records"):
        comparisons({"a": model(1, 1.0), "b": other}, PATIENT, "a", resamples=50)
