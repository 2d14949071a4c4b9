"""Is a point better, the same or worse than another: never claimed of what was not comparable, or of luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from madebenchmark import OURS, Key, answer, cell, held, made, make_history, start, trained

from automed.benchmark.comparison.compare import Change, against, compare
from automed.benchmark.record import Answers


def only(folder: Path, *points: Mapping[Key, Any], **asked: Any) -> Change:
    """The one change from the first of two points to the second."""
    with held(folder, *points) as history:
        (change,) = compare(history, *history.points(), **asked)
    assert change.reason
    if change.difference is not None:
        assert change.ci95 is not None or "one seed" in change.reason
    return change


# What is decided


def test_a_planted_loss_is_worse_and_a_gain_is_better(tmp_path: Path) -> None:
    """With five seeds a clear loss of one recipe is found, and so is a gain; both without a word about the others."""
    with make_history(
        tmp_path, seeds=range(5), engines=(OURS,), worse={("splice", OURS): 1.5, ("breast", OURS): -4.0}
    ) as history:
        found = {change.recipe: change for change in compare(history, *history.points())}
    lost, gained = found["splice"], found["breast"]
    assert (lost.verdict, gained.verdict) == ("worse", "better")
    for change in (lost, gained):
        assert change.difference is not None and change.ci95 is not None and change.before is not None
        assert change.difference == pytest.approx((change.after or 0) - change.before)
        assert change.ci95[0] < change.difference < change.ci95[1]
        assert (change.p_holm or 1) < 0.05 and change.seeds == 5
    assert "Macro-F1 -0." in lost.reason and "5 seeds" in lost.reason


def test_a_loss_of_labels_is_found_too(tmp_path: Path) -> None:
    """Records that bear several labels are compared by the same figures."""
    change = only(tmp_path, trained(1, 5, "ecg"), trained(2, 5, "ecg", lost=2.5))
    assert change.verdict == "worse" and change.n == 200


def test_of_a_loss_less_is_better(tmp_path: Path) -> None:
    """Brier's score falls where a model gets better: a rise of it is worse."""
    change = only(tmp_path, trained(1, 5), trained(2, 5, lost=1.5), metric="brier")
    assert change.verdict == "worse" and (change.difference or 0) > 0


def test_identical_answers_are_the_same_whatever_their_number_of_seeds(tmp_path: Path) -> None:
    """A point against itself, and two points that answer alike, are the same with an interval of no width."""
    for seeds in (1, 3):
        with make_history(tmp_path / str(seeds), seeds=range(seeds), engines=(OURS,), identical=True) as history:
            first, second = history.points()
            for pair in ((first, second), (second, second)):
                for change in compare(history, *pair):
                    assert change.verdict == "same" and change.difference == 0.0 and change.ci95 == (0.0, 0.0)
                    assert change.p is None and change.before == change.after


def test_rounding_is_no_change_and_other_probabilities_are(tmp_path: Path) -> None:
    """Probabilities that differ in the seventh digit are the same answer; in the fifth they are tested."""
    smooth = {k: replace(said, probabilities=0.999 * said.probabilities + 0.001 / 3) for k, said in trained(1).items()}

    def moved(by: float) -> dict[Key, Answers]:
        aside = by * np.array([1.0, -1.0, 0.0])
        return {k: replace(said, probabilities=said.probabilities + aside) for k, said in smooth.items()}

    near, far = (only(tmp_path / str(by), smooth, moved(by)) for by in (1e-7, 1e-5))
    assert near.verdict == "same" and near.p is None
    assert far.p == 1.0 and far.ci95 is not None and far.ci95[1] > 0


def test_models_that_decide_alike_are_not_certain_to_do_so_elsewhere(tmp_path: Path) -> None:
    """Without one record on which they differ the interval has the width that one such patient would give it."""
    few, many = (
        only(tmp_path / str(n), *({("r", s, OURS): made(y, p ** (1 + point)) for s in range(3)} for point in (0, 1)))
        for n in (40, 4000)
        for y in [np.arange(n) % 2]
        for p in [np.where(y == 1, 0.9, 0.1)]
    )
    assert few.difference == many.difference == 0.0
    assert (few.verdict, many.verdict) == ("undecided", "same")


def test_nearly_the_same_on_many_records_is_the_same(tmp_path: Path) -> None:
    """Same means that the whole interval lies within the margin: with a narrower one it is undecided."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 3000)
    sides: list[dict[Key, Answers]] = []
    for _ in range(2):
        sides.append({})
        for seed in range(5):
            p = np.where(y == 1, 0.9, 0.1)
            wrong = np.r_[0:300, 300 + rng.choice(2700, 30, replace=False)]  # most errors are everybody's
            p[wrong] = 1 - p[wrong]
            sides[-1]["r", seed, OURS] = made(y, p)
    change = only(tmp_path / "wide", *sides)
    assert change.verdict == "same" and change.ci95 is not None and "within 0.02" in change.reason
    narrow = max(map(abs, change.ci95)) * 0.9
    assert only(tmp_path / "narrow", *sides, margin=narrow).verdict == "undecided"


def test_same_goes_before_a_difference_that_does_not_matter(tmp_path: Path) -> None:
    """A loss that is more than chance and within the margin is the same; beyond it, it is worse."""
    y = np.arange(4000) % 2
    good = np.where(y == 1, 0.9, 0.1)
    bad = good.copy()
    bad[:20] = 1 - bad[:20]
    sides = [{("r", s, OURS): made(y, p) for s in range(3)} for p in (good, bad)]
    assert only(tmp_path / "wide", *sides).verdict == "same"
    assert only(tmp_path / "narrow", *sides, margin=0.002).verdict == "worse"


def test_one_seed_decides_nothing(tmp_path: Path) -> None:
    """However large the difference: two trainings of one seed differ anyway."""
    change = only(tmp_path, trained(1, 1), trained(2, 1, lost=3.0))
    assert change.verdict == "undecided" and change.reason.startswith("one seed") and change.p is None
    assert (change.difference or 0) < -0.2 and change.seeds == 1


def test_too_few_events_decide_nothing(tmp_path: Path) -> None:
    """Four records of the rarest class carry no interval, as everywhere else."""
    y = np.r_[np.zeros(60), np.ones(4)].astype(int)
    rng = np.random.default_rng(0)
    sides = [{("r", s, OURS): made(y, rng.random(64)) for s in range(3)} for _ in range(2)]
    change = only(tmp_path, *sides)
    assert change.verdict == "undecided" and "not estimable" in change.reason
    assert change.difference is None and change.ci95 is None


def test_only_seeds_of_both_points_count(tmp_path: Path) -> None:
    """Three of five seeds that the earlier point has are what is compared."""
    change = only(tmp_path, trained(1, 5), trained(2, 3))
    assert change.seeds == 3 and change.verdict in ("undecided", "same")


def test_all_tests_made_together_are_corrected_together(tmp_path: Path) -> None:
    """Holm: the smallest p times their number, the next times one less, and never falling."""
    with make_history(tmp_path, engines=(OURS, "automed-keras-tuner"), worse={("splice", OURS): 1.5}) as history:
        found = compare(history, *history.points())
    assert len(found) == 4
    highest, order = 0.0, sorted(found, key=lambda change: change.p or 0)
    for place, change in enumerate(order):
        highest = min(1.0, max(highest, (change.p or 0) * (len(order) - place)))
        assert change.p_holm == pytest.approx(highest)


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy"])
def test_turned_round_a_comparison_says_the_opposite(tmp_path: Path, metric: str) -> None:
    """After against before is minus before against after, interval and verdict as well."""
    with make_history(tmp_path, seeds=range(4), engines=(OURS,), worse={("splice", OURS): 1.5}) as history:
        first, second = history.points()
        there, back = (compare(history, *pair, metric=metric) for pair in ((first, second), (second, first)))
        again = compare(history, first, second, metric=metric)
    assert there == again
    opposite = {"worse": "better", "better": "worse"}
    for one, two in zip(there, back, strict=True):
        assert two.verdict == opposite.get(one.verdict, one.verdict)
        assert one.difference == pytest.approx(-(two.difference or 0)) and one.p == pytest.approx(two.p)
        assert one.ci95 == pytest.approx((-two.ci95[1], -two.ci95[0]))  # type: ignore[index]


# What is not comparable


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"digest": "e" * 64}, "the recipe has changed between point 1 and point 2"),
        ({"fingerprint": "e" * 64}, "the recipe has changed between point 1 and point 2: its data"),
    ],
)
def test_a_changed_recipe_is_not_comparable(tmp_path: Path, change: dict[str, str], said: str) -> None:
    """Whether its own text or its data changed, and however different the scores."""
    after = {key: (answers, change) for key, answers in trained(2, lost=3.0).items()}
    found = only(tmp_path, trained(1), after)
    assert found.verdict == "not comparable" and found.reason.startswith(said)
    assert found.p is None and found.difference is None


def test_a_changed_recipe_that_fails_is_not_worse(tmp_path: Path) -> None:
    """Its failure says nothing about the code."""
    with held(tmp_path, trained(1)) as history:
        point = start(history, 2)
        for seed in range(3):
            history.append(cell(point, "splice", seed, OURS, why=("failed", "no memory"), digest="e" * 64))
        (found,) = compare(history, *history.points())
    assert found.verdict == "not comparable" and "recipe has changed" in found.reason


def test_other_questions_are_not_comparable(tmp_path: Path) -> None:
    """Other test records, another reference standard, other patients, other classes, another task."""
    base = trained(1)
    said = base["splice", 0, OURS]
    others: dict[str, tuple[Answers, str]] = {
        "records": (replace(said, record=said.record + 3), "239 are in both, of 240 and 240"),
        "reference": (replace(said, y=np.roll(said.y, 1)), "reference standard"),
        "patients": (replace(said, patient=np.arange(240)), "other patients"),
        "classes": (replace(said, classes=("a", "b", "c")), "other classes"),
        "task": (replace(said, task="ordinal"), "another task"),
    }
    for name, (other, expected) in others.items():
        change = only(tmp_path / name, base, trained(2) | {("splice", 2, OURS): other})
        assert change.verdict == "not comparable" and expected in change.reason, name


def test_numbers_of_patients_may_change_where_their_groups_do_not(tmp_path: Path) -> None:
    """A patient is a group of records: what it is called in a history does not matter."""
    base, moved = trained(1), {key: replace(said, patient=500 - said.patient) for key, said in trained(1).items()}
    assert only(tmp_path, base, moved).verdict == "same"


def test_what_was_not_run_is_not_comparable(tmp_path: Path) -> None:
    """A recipe of one point only, in whichever, and seeds that are not shared."""
    with held(
        tmp_path / "a", trained(1) | trained(1, recipe="breast"), trained(2) | trained(2, recipe="ecg")
    ) as history:
        found = {change.recipe: change for change in compare(history, *history.points())}
    assert found["breast"].reason == "not run: point 2 has no such cell"
    assert found["ecg"].reason == "not run: point 1 has no such cell"
    assert {found["breast"].verdict, found["ecg"].verdict} == {"not comparable"}
    assert found["splice"].p_holm == found["splice"].p  # one test was made
    later = {("splice", seed + 10, OURS): said for (_, seed, _), said in trained(2).items()}
    change = only(tmp_path / "b", trained(1), later)
    assert change.verdict == "not comparable"
    assert change.reason == "no seed is done in both: 0, 1, 2 in point 1 and 10, 11, 12 in point 2"


def test_answers_that_were_not_kept_are_not_comparable(tmp_path: Path) -> None:
    """Scores alone cannot be tested in pairs."""
    with held(tmp_path, trained(1)) as history:
        point = start(history, 2)
        for seed in range(3):
            history.append(cell(point, "splice", seed, OURS, answer("splice", seed, OURS)))
        (change,) = compare(history, *history.points())
    assert change.verdict == "not comparable" and "not in the history" in change.reason


# Failures


def failing(reason: str, seeds: int = 3) -> dict[Key, Any]:
    return {("splice", seed, OURS): ("failed", reason) for seed in range(seeds)}


def test_a_failure_where_there_was_none_is_worse(tmp_path: Path) -> None:
    """In every seed or in one; statistics claim nothing, the reason is the cell's."""
    change = only(tmp_path / "all", trained(1), failing("took longer than 660 s"))
    assert change.verdict == "worse" and change.p is None and change.difference is None
    assert change.reason == "failed: 3 of 3 seeds that point 1 had done: took longer than 660 s"
    change = only(tmp_path / "one", trained(1), trained(2) | {("splice", 1, OURS): ("failed", "no memory")})
    assert change.verdict == "worse" and change.reason.startswith("failed: 1 of 3 seeds")


def test_a_failure_that_is_gone_is_better_and_one_that_stays_is_not_comparable(tmp_path: Path) -> None:
    """The opposite of a new failure is named for what it is; two failures say nothing."""
    change = only(tmp_path / "gone", failing("no memory"), trained(2))
    assert change.verdict == "better" and "point 1 failed: no memory" in change.reason
    change = only(tmp_path / "stays", failing("no memory"), failing("no disk"))
    assert change.verdict == "not comparable" and "failed" in change.reason and "as well" in change.reason
    some = only(tmp_path / "some", trained(1) | {("splice", 0, OURS): ("failed", "no memory")}, trained(2))
    assert some.seeds == 2 and some.verdict in ("undecided", "same")


# Rivals


def test_ours_is_held_against_every_rival(tmp_path: Path) -> None:
    """Better than the majority class; unsuited and failed rivals are not beaten; all tests are one family."""
    with make_history(
        tmp_path,
        points=1,
        seeds=range(4),
        engines=(OURS, "majority", "classical", "keras-tuner", "optuna"),
        failed={("splice", "optuna"): "no memory"},
        unsuited={("breast", "keras-tuner"): "reads no images"},
    ) as history:
        found = {(c.recipe, c.engine): c for c in against(history, history.points()[0], OURS, margin=0.02)}
    assert OURS not in {engine for _, engine in found} and len(found) == 8
    assert found["splice", "majority"].verdict == found["breast", "majority"].verdict == "better"
    unsuited, failed = found["breast", "keras-tuner"], found["splice", "optuna"]
    assert (unsuited.verdict, unsuited.reason) == ("not comparable", "unsuited: reads no images")
    assert (failed.verdict, failed.reason) == ("not comparable", "optuna failed: no memory")
    tested = [change for change in found.values() if change.p is not None]
    assert min(c.p_holm or 1 for c in tested) == pytest.approx(min(1, len(tested) * min(c.p or 1 for c in tested)))


def test_ours_that_fails_is_worse_than_a_rival_that_does_not(tmp_path: Path) -> None:
    """The same rule as between points, the rival in the place of the earlier one."""
    with make_history(tmp_path, points=1, recipes=("splice",), failed={("splice", OURS): "no memory"}) as history:
        found = against(history, history.points()[0], OURS)
    assert {change.verdict for change in found} == {"worse"}
    assert found[0].reason == "failed: 3 of 3 seeds that majority had done: no memory"


def test_one_seed_says_nothing_about_engines(tmp_path: Path) -> None:
    """Not even against the majority class."""
    with make_history(tmp_path, points=1, seeds=(0,), engines=(OURS, "majority")) as history:
        found = against(history, history.points()[0], OURS)
    assert {change.verdict for change in found} == {"undecided"} and "the engines" in found[0].reason
