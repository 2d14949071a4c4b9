"""Whether features tell a group: what is planted is found, and of noise nothing is claimed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automed.audit.groups import MISSING, divide
from automed.audit.probe import probe

FIVE = {"value", "ci95", "n", "events", "reason"}


def noise(n: int, width: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def people(n: int, names: str, seed: int = 5) -> NDArray[np.object_]:
    return np.random.default_rng(seed).choice(list(names), n).astype(object)


def probed(features: Any, values: Any, y: Any, patient: Any = None, **settings: Any) -> dict[str, Any]:
    codes = np.arange(len(features)) if patient is None else patient
    given = {"min_group": 20, "seed": 0, "resamples": 400} | settings
    least = given.pop("min_group")
    return probe(features, divide("sex", values, least), np.asarray(y), codes, least, given.pop("seed"), **given)


def test_what_is_planted_in_the_features_is_found() -> None:
    """One feature that is higher in one group tells it, overall and within each class."""
    sex, y = people(400, "fm"), np.arange(400) % 3
    features = noise(400, 12, 0)
    features[:, 3] += 1.5 * (sex == "f")
    found = probed(features, sex, y, classes=("a", "b", "c"))
    # Two normal distributions 1.5 apart: the best AUROC there is 0.856.
    for figure in (found["overall"], found["within_class"]):
        assert figure["ci95"][0] < 0.856 < figure["ci95"][1] + 0.03
        assert figure["ci95"][0] > 0.7
    assert list(found["by_class"]) == ["a", "b", "c"]
    assert all(set(figure) == FIVE for figure in found["by_class"].values())
    assert found["sentence"].endswith("more than chance. That is a way in for shortcuts, and no proof of one.")
    json.dumps(found, allow_nan=False)


def test_the_overall_figure_is_that_of_scikit_learns_cross_validation() -> None:
    """Same folds, same model, out-of-fold scores and their macro one-vs-rest AUROC."""
    tone, y = people(300, "abc"), np.arange(300) % 2
    features = noise(300, 8, 1)
    features[:, 0] += tone == "a"
    group = divide("tone", tone, 20).code
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(features, group)
    scaled = StandardScaler().fit_transform(features)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_predict(model, scaled, group, cv=folds, method="predict_proba")
    found = probed(features, tone, y)
    expected = roc_auc_score(group, scores, multi_class="ovr", average="macro")
    assert found["overall"]["value"] == pytest.approx(expected, abs=1e-6)
    each = [roc_auc_score(group[y == k], scores[y == k], multi_class="ovr", average="macro") for k in (0, 1)]
    assert found["within_class"]["value"] == pytest.approx(np.mean(each), abs=1e-6)


@pytest.mark.slow
def test_noise_raises_alarm_at_no_more_than_the_nominal_rate() -> None:
    """Of 200 sets of features without any group in them about 5 may seem to tell it: the lower limit is one of 95 %."""
    alarms = {"overall": 0, "within_class": 0}
    for seed in range(200):
        patient = np.arange(180) // 2
        features = noise(90, 10, seed)[patient] + 0.5 * noise(180, 10, 1000 + seed)
        found = probed(features, people(90, "fm", seed)[patient], np.arange(180) % 3, patient, seed=seed, resamples=200)
        for name in alarms:
            limits = found[name]["ci95"]
            alarms[name] += limits is not None and limits[0] > 0.5
    # P(more than 11 of 200 at a rate of 2.5 %) = 0.5 %.
    assert max(alarms.values()) <= 11


def test_records_of_a_patient_are_never_on_both_sides() -> None:
    """Features that only tell patients apart do not tell the group: a probe that leaked would name each record."""
    patient = np.arange(400) // 20
    sex = people(20, "fm", 2)[patient]
    features = 5 * noise(20, 40, 3)[patient] + 0.01 * noise(400, 40, 4)
    found = probed(features, sex, np.arange(400) % 2, patient)
    assert found["overall"]["value"] < 0.9


def test_an_attribute_that_is_told_by_the_diagnosis_alone_is_not_told_within_class() -> None:
    """Features of the class tell a group that has more of the class; among its records they do not."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 800)
    sex = np.where(rng.random(800) < np.where(y == 1, 0.85, 0.15), "f", "m").astype(object)
    features = noise(800, 6, 1)
    features[:, 0] += 4 * y
    found = probed(features, sex, y)
    assert found["overall"]["ci95"][0] > 0.7
    assert found["within_class"]["ci95"][0] < 0.5 < found["within_class"]["ci95"][1]
    assert "more than chance overall only" in found["sentence"]


def test_an_attribute_that_equals_the_label_has_no_figure_within_class() -> None:
    """Each class holds one group: there is nothing to tell apart, and the reason says so."""
    y = np.arange(300) % 3
    features = noise(300, 6, 1)
    features[:, 0] += 2 * y
    found = probed(features, y.astype(str).astype(object), y)
    assert found["overall"]["ci95"][0] > 0.5
    assert found["within_class"]["value"] is None
    assert "two groups" in found["within_class"]["reason"]
    json.dumps(found, allow_nan=False)


def test_labels_are_looked_at_within_those_that_bear_them() -> None:
    """The records of a label's figure are its positives, and a record may count for several."""
    sex = people(400, "fm")
    y = (np.random.default_rng(0).random((400, 3)) < 0.5).astype(np.int64)
    features = noise(400, 6, 1)
    features[:, 0] += 2 * (sex == "f")
    found = probed(features, sex, y)
    assert [found["by_class"][str(k)]["n"] for k in range(3)] == y.sum(axis=0).tolist()
    assert found["within_class"]["n"] == int(y.sum())


def test_wide_features_are_reduced_and_still_tell() -> None:
    """The direction in which features vary most is kept."""
    sex = people(300, "fm")
    features = noise(300, 600, 1)
    features += 2 * (sex == "f")[:, None] * (np.arange(600) < 100)
    found = probed(features, sex, np.arange(300) % 2)
    assert found["width"] == 600
    assert found["overall"]["value"] > 0.95


def test_what_reducing_leaves_out_is_told() -> None:
    """A direction of little variance may be lost, and "not shown" then says how much was looked at."""
    found = probed(noise(300, 600, 1), people(300, "fm"), np.arange(300) % 2)
    assert 0.2 < found["variance"] < 0.5
    assert (
        f"only the 50 directions of most variance were looked at, {found['variance']:.0%} of it." in found["sentence"]
    )


def test_small_groups_and_the_missing_are_left_out_and_named() -> None:
    """Only groups of enough records of enough patients are told apart."""
    values = people(300, "fm")
    values[:30] = None
    values[30:42] = "x"
    found = probed(noise(300, 6, 1), values, np.arange(300) % 2)
    assert found["groups"] == ["f", "m"]
    assert found["left_out"] == ["x", MISSING]
    assert found["n"] == 258


@pytest.mark.parametrize(
    ("values", "patient", "why"),
    [
        (np.full(100, "f", dtype=object), None, "fewer than two groups"),
        (np.array(["f"] * 90 + ["m"] * 10, dtype=object), None, "fewer than two groups"),
        (np.array(["f"] * 60 + ["m"] * 40, dtype=object), np.array([*range(60), *[60] * 40]), "of 5 patients"),
    ],
)
def test_a_probe_that_cannot_be_fitted_says_why(values: Any, patient: Any, why: str) -> None:
    """One group, too few records, or one patient only."""
    found = probed(noise(100, 6, 1), values, np.arange(100) % 2, patient)
    assert found["overall"]["value"] is None
    assert why in found["reason"]
    assert why in found["sentence"]
    json.dumps(found, allow_nan=False)


def test_features_of_a_broken_model_are_not_probed() -> None:
    """NaN is a reason, and no figure."""
    features = noise(100, 6, 1)
    features[3, 2] = np.nan
    found = probed(features, people(100, "fm"), np.arange(100) % 2)
    assert "NaN" in found["reason"]


def test_a_constant_feature_is_no_obstacle() -> None:
    """A network may have units that never fire."""
    features = noise(200, 6, 1)
    features[:, 0] = 0.0
    assert probed(features, people(200, "fm"), np.arange(200) % 2)["overall"]["ci95"] is not None
