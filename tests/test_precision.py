"""What a test set can show: widths of intervals, what patients with several records cost, and events still needed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from automed.evaluate.intervals import encode, estimates
from automed.evaluate.precision import decimal, precision, wilson_events
from automed.evaluate.questions import questions
from automed.evaluate.sample import Sample, collect


def noisy(n: int, seed: int = 0, repeat: int = 1, skill: float = 1.5) -> Sample:
    """Three classes, each record `repeat` times."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, size=n, p=[0.6, 0.3, 0.1])
    logits = rng.normal(size=(n, 3))
    logits[np.arange(n), y] += skill
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return collect(np.repeat(y, repeat), np.repeat(p, repeat, axis=0), classes=("a", "b", "c"))


def rows(
    sample: Sample, patient: np.ndarray | None = None, resamples: int = 2000
) -> dict[tuple[str, str | None], dict]:
    codes = encode(patient, len(sample.y))
    found = precision(sample, questions(sample), codes, resamples=resamples)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return {(row["figure"], row["of"]): row for row in found["figures"]}


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("margin", [0.05, 0.1])
def test_the_events_needed_are_those_of_wilsons_interval(share: float, margin: float) -> None:
    """With so many the interval of scipy is within the margin, and with a few less it is not."""

    def half(n: int) -> float:
        limits = binomtest(round(share * n), n).proportion_ci(0.95, method="wilson")
        return float(limits.high - limits.low) / 2

    needed = wilson_events(share, margin)
    step = {0.0: 1, 1.0: 1, 0.5: 2}.get(share, 10)  # so that the share of n records is a whole number
    enough = -(-needed // step) * step
    assert half(enough) <= margin + 1e-9
    assert half(((needed - 1) // step) * step) > margin - 1e-9


def test_half_widths_are_those_of_the_published_intervals() -> None:
    """The figures of the classes in scores.json have the same limits."""
    sample = noisy(300)
    found, published = rows(sample), estimates(sample, None)
    for k, key in enumerate(sample.classes):
        for figure, name in (("sensitivity", "recall"), ("specificity", "specificity")):
            row, estimate = found[figure, key], published.by_class[name][k]
            assert (row["value"], row["events"]) == (pytest.approx(estimate.value), estimate.events)
            assert row["ci95"] == pytest.approx(estimate.ci95)
            assert row["half_width"] == pytest.approx((estimate.ci95[1] - estimate.ci95[0]) / 2)
        area, published_area = found["auroc", key], published.by_class["auroc"][k]
        assert area["value"] == pytest.approx(published_area.value) and area["events"] == published_area.events
        assert area["ci95"] == pytest.approx(published_area.ci95, abs=0.03)
    assert found["macro_f1", None]["ci95"] == pytest.approx(published.overall["macro_f1"].ci95)
    assert all(row["design_effect"] is None for row in found.values())


def test_records_that_are_copies_have_a_design_effect_of_their_number() -> None:
    """Four equal records of a patient say what one does: the variance is four times that of so many patients."""
    found = rows(noisy(150, repeat=4, skill=1.0), np.repeat(np.arange(150), 4))
    for row in found.values():
        assert row["design_effect"] == pytest.approx(4, rel=0.15), row["figure"]
    once, row = rows(noisy(150, skill=1.0))["sensitivity", "a"], found["sensitivity", "a"]
    assert row["half_width"] == pytest.approx(once["half_width"], rel=0.05)
    assert row["needed"] == pytest.approx(4 * once["needed"], rel=0.15)


def test_so_many_events_do_narrow_the_interval_to_the_margin() -> None:
    """A test set as large as asked for, drawn from the same patients, reaches about ± .05."""
    small = rows(noisy(200, seed=1))
    for figure in ("sensitivity", "auroc"):
        row = small[figure, "c"]
        assert row["half_width"] > 0.05
        grown = rows(noisy(int(200 * row["needed"] / row["events"]), seed=2), resamples=500)[figure, "c"]
        assert grown["half_width"] == pytest.approx(0.05, abs=0.02)


def test_the_sentence_says_what_the_figures_say() -> None:
    """Wide, narrow, and not estimable."""
    found = rows(noisy(200, seed=1))
    row = found["sensitivity", "c"]
    assert row["sentence"] == (
        f"With {row['events']} events the interval of sensitivity of c reaches ±{decimal(row['half_width'])}; "
        f"about {row['needed']:,} would be needed for ±.05."
    )
    wide = rows(noisy(5000), resamples=200)["specificity", "c"]
    assert wide["sentence"].endswith("which is within ±.05.") and "records without it" in wide["sentence"]
    few = collect([0] * 60 + [1] * 3, np.tile([0.6, 0.4], (63, 1)), classes=("well", "ill"))
    row = rows(few, resamples=100)["sensitivity", "ill"]
    assert row["half_width"] is row["value"] is None and "not estimable" in row["reason"]
    assert row["sentence"].startswith("With 3 events sensitivity of ill is not estimable; about ")


def test_an_interval_that_only_rounds_to_the_margin_is_not_called_the_margin() -> None:
    """ ".05" would read as reached."""
    assert [decimal(0.0543), decimal(0.0543, 3), decimal(0.004), decimal(0.21)] == [".05", ".054", ".004", ".21"]


def test_a_question_with_one_answer_and_labels_are_answered() -> None:
    """No record of a class: nothing is estimable, yet what it would take is said."""
    sample = collect([0] * 40 + [1] * 40, np.tile([0.5, 0.3, 0.2], (80, 1)), classes=("a", "b", "c"))
    row = rows(sample, resamples=100)["sensitivity", "c"]
    assert row["value"] is None and row["events"] == 0 and row["needed"] == wilson_events(0.5, 0.05)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (100, 3))
    p = np.clip(0.4 * y + rng.uniform(0, 0.6, (100, 3)), 0, 1)
    labelled = rows(collect(y, p, predicted=(p > 0.5).astype(int), classes=("x", "y", "z")), resamples=200)
    assert labelled["sensitivity", "z"]["value"] == pytest.approx((p > 0.5)[:, 2][y[:, 2] == 1].mean())
