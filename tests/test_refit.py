"""Training choices again: the same as the trial, under a change, without a site; and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automed import recipe
from automed.data.dataset import Dataset
from automed.errors import Interrupted
from automed.events import Event, Progress, ignore
from automed.recipe import Recipe
from automed.run import Finalist, Run
from automed.search.change import UNCHANGED, Change
from automed.search.journal import Journal
from automed.search.messages import Built, Epoch, FinishJob, TrainJob

pytestmark = pytest.mark.slow

NUMBER = 3
CHOICES: dict[str, Any] = {
    "architecture": "cnn",
    "cnn.depth": 2,
    "cnn.width": 16,
    "cnn.kernel": 3,
    "cnn.normalisation": "batch",
    "cnn.dropout": 0.1,
    "normalise": "dataset",
    "pool": "average",
    "dropout": 0.1,
    "mix": "none",
    "loss": "cross_entropy",
    "label_smoothing": 0.0,
    "optimiser": "adamw",
    "adamw.learning_rate": 3e-3,
    "adamw.weight_decay": 0.02,
    "warmup": 0.1,
}
RECIPE = """\
name: wards
title: Stripes that lie or stand, from wards that differ
data:
  source: npz
  file: wards.npz
  classes: {"0": standing, "1": {name: lying, urgent: true}}
  sensitive: [ward]
inputs:
  picture: {kind: image, size: [16, 16], channels: 1}
split: {by: patient, fractions: {train: 0.6, validation: 0.2, test: 0.2}}
search: {trials: 1, finalists: 1, architectures: [cnn], workers: 1}
train: {epochs: 5, patience: 5, batch: 32, augment: []}
explain: {methods: []}
evaluate: {sites: hospital, threshold: {rule: net_benefit, value: 0.5}, calibration: none}
audit: {min_group: 10, mitigate: [reweight, resample, penalty, thresholds]}
"""


@pytest.fixture(scope="module")
def wards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 pictures of faint stripes; a bright corner gives the ward away, and in one ward lying stripes are common."""
    folder = tmp_path_factory.mktemp("wards")
    random = np.random.default_rng(5)
    n = 600
    ward = random.integers(0, 2, n)
    labels = (random.random(n) < np.where(ward == 1, 0.85, 0.15)).astype(np.int64)
    waves = np.sin(np.arange(16)[None, :] * random.uniform(1.2, 2.0, n)[:, None] + random.uniform(0, 6, n)[:, None])
    flat = np.repeat(waves[:, :, None], 16, axis=2)
    pictures = 128 + 16 * np.where(labels[:, None, None] == 1, flat, flat.transpose(0, 2, 1))
    pictures += random.normal(0, 45, pictures.shape)
    pictures[:, :6, :6] += 90.0 * ward[:, None, None]
    np.savez(
        folder / "wards.npz",
        images=np.clip(pictures, 0, 255).astype(np.uint8),
        labels=labels,
        patient=np.arange(n) // 2,
        ward=np.where(ward == 1, "north", "south"),
        hospital=np.array(["A", "B", "C", ""])[random.choice(4, n, p=[0.4, 0.3, 0.25, 0.05])],
    )
    (folder / "wards.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def loaded(wards: Path) -> Recipe:
    return recipe.load(wards / "wards.yaml")


@pytest.fixture(scope="module")
def run(loaded: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A prepared run whose one trial is over and has become a finalist."""
    from automed.data.prepare import prepare
    from automed.search.finish import finish

    run = Run(tmp_path_factory.mktemp("run"))
    prepare(loaded, run, ignore)
    desk = trial(loaded, Dataset.open(run), run.trial(NUMBER))
    journal = Journal(run)
    assert desk.built is not None
    choices = desk.built.choices
    journal.write("start", number=NUMBER, architecture="cnn", choices=choices, parameters=1, epoch=0)
    for told in desk.epochs:
        journal.write(
            "epoch", number=NUMBER, epoch=told.epoch, best=told.best, best_epoch=told.best_epoch, seconds=told.seconds
        )
    journal.write("end", number=NUMBER, state="complete", reason="", architecture="cnn")
    finish(FinishJob(1, NUMBER, "cnn", choices, run.trial(NUMBER)), loaded, run, Dataset.open(run))
    return run


@pytest.fixture(scope="module")
def data(run: Run) -> Dataset:
    return Dataset.open(run)


@pytest.fixture(scope="module")
def finalist(run: Run) -> Finalist:
    return run.finalist(1, "cnn")


class Listening:
    """A desk that answers from CHOICES and lets everything pass."""

    cut = False

    def __init__(self) -> None:
        self.epochs: list[Epoch] = []
        self.built: Built | None = None

    def ask(self, verb: str, name: str, *arguments: Any) -> Any:
        return CHOICES[name]

    def tell(self, message: Built) -> None:
        self.built = message

    def report(self, message: Epoch) -> str:
        self.epochs.append(message)
        return "go"


def trial(loaded: Recipe, data: Dataset, folder: Path) -> Listening:
    from automed.search.trial import train

    desk = Listening()
    train(TrainJob(NUMBER, folder), loaded, data, desk)
    return desk


def again(loaded: Recipe, data: Dataset, folder: Path, change: Change = UNCHANGED, **more: Any) -> Any:
    from automed.search.refit import refit

    return refit(loaded, data, CHOICES, folder, change, number=NUMBER, **more)


def test_the_same_choices_and_seed_give_the_finalist_once_more(
    loaded: Recipe, run: Run, data: Dataset, finalist: Finalist, tmp_path: Path
) -> None:
    from automed.search.reading import predictions_of

    heard: list[Epoch] = []
    found = again(loaded, data, tmp_path, hear=heard.append)
    story = Journal(run).trials()[NUMBER]
    assert heard[-1].best == pytest.approx(story.macro_f1)
    own = predictions_of(finalist, data)
    assert np.allclose(found.validation, own["validation"], atol=1e-5)
    assert np.allclose(found.test, own["test"], atol=1e-5)
    assert found.seconds > 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["predictions.npz"], "weights are not kept"


@pytest.fixture(scope="module")
def whole(loaded: Recipe, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Two epochs in one go, and where they lie."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, again(loaded, data, folder, epochs=2)


def never(epoch: Epoch) -> None:
    pytest.fail("trained again")


def test_what_was_finished_is_read_back_and_not_trained_again(
    loaded: Recipe, data: Dataset, whole: tuple[Path, Any]
) -> None:
    once_more = again(loaded, data, whole[0], epochs=2, hear=never)
    assert np.array_equal(whole[1].test, once_more.test) and whole[1].seconds == once_more.seconds


def test_a_refit_that_was_stopped_goes_on_as_if_it_had_not_been(
    loaded: Recipe, data: Dataset, whole: tuple[Path, Any], tmp_path: Path
) -> None:
    heard: list[Epoch] = []
    with pytest.raises(Interrupted):
        again(loaded, data, tmp_path, epochs=2, stop=lambda: bool(heard), hear=heard.append)
    rest: list[Epoch] = []
    found = again(loaded, data, tmp_path, epochs=2, hear=rest.append)
    assert [epoch.epoch for epoch in (*heard, *rest)] == [1, 2]
    assert np.array_equal(found.test, whole[1].test)


def test_a_kill_after_the_last_epoch_costs_no_further_epoch(
    loaded: Recipe, data: Dataset, whole: tuple[Path, Any], tmp_path: Path
) -> None:
    """The weights are there and the probabilities are not yet."""
    from automed.search.refit import Replay
    from automed.search.trial import train

    desk = Replay(CHOICES, 2, lambda: False, lambda epoch: None)
    train(TrainJob(NUMBER, tmp_path), loaded, data, desk)
    assert np.array_equal(again(loaded, data, tmp_path, epochs=2, hear=never).test, whole[1].test)


class TestFeed:
    """What a change does to batches."""

    @staticmethod
    def feed(data: Dataset, change: Change, mix: str = "none", power: float = 1.0) -> Any:
        from automed.models.training import Training
        from automed.search.feed import Feed

        return Feed(data, Training(16, mix, 0.2), seed=5, power=power, change=change)

    @staticmethod
    def cells(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
        ward = (data.frame["ward"].to_numpy(object) == "north").astype(np.int64)
        from automed.audit.mitigation.weights import reweighing

        return ward, reweighing(ward, data.y)

    @pytest.mark.parametrize("in_memory", [True, False])
    def test_resampling_draws_each_cell_as_often_as_its_weight_says(
        self, data: Dataset, monkeypatch: pytest.MonkeyPatch, in_memory: bool
    ) -> None:
        import automed.search.feed as module

        if not in_memory:
            monkeypatch.setattr(module, "IN_MEMORY", 0)
            monkeypatch.setattr(module, "BLOCK", 128)
            monkeypatch.setattr(module, "RUN", 8)
        ward, weights = self.cells(data)
        # The groups of a penalty travel with the targets, and so tell which cell a record is of.
        feed = self.feed(data, Change(weights=weights, resample=True, groups=ward, penalty=1.0))
        drawn = np.zeros((2, 2))
        for epoch in range(30):
            feed.begin(epoch)
            for step in range(len(feed)):
                targets = feed[step][1]
                drawn += targets[:, 2:].T @ targets[:, :2]
        train = data.part("train")
        expected = np.zeros((2, 2))
        np.add.at(expected, (ward[train], data.y[train]), weights[train])
        assert np.allclose(drawn / drawn.sum(), expected / expected.sum(), atol=0.02)

    def test_a_resampled_epoch_is_the_same_when_it_begins_again(self, data: Dataset) -> None:
        _, weights = self.cells(data)
        one, two = (self.feed(data, Change(weights=weights, resample=True)) for _ in range(2))
        one.begin(4)
        two.begin(4)
        assert np.array_equal(one[2][0], two[2][0])
        assert len(one) == len(self.feed(data, UNCHANGED)), "an epoch is as long as before"

    def test_weights_multiply_the_class_weights_and_are_one_on_average(self, data: Dataset) -> None:
        ward, weights = self.cells(data)
        plain, changed = self.feed(data, UNCHANGED), self.feed(data, Change(weights=weights))
        ones = self.feed(data, Change(weights=np.ones(len(ward))))
        by_picture = {data.arrays["picture"][p].tobytes(): w for p, w in zip(data.position, weights, strict=True)}
        ratios = []
        for step in range(len(plain)):
            pictures, targets, before = plain[step]
            _, same, after_ = changed[step]
            assert np.array_equal(targets, same) and same.shape[1] == 2
            assert np.allclose(ones[step][2], before, atol=1e-5)
            ratios.append(after_ / before / [by_picture[picture.tobytes()] for picture in pictures])
        assert np.ptp(np.concatenate(ratios)) < 1e-5
        assert changed._beside.mean() == pytest.approx(1.0, abs=1e-5)

    def test_groups_stand_behind_the_targets_and_are_mixed_with_them(self, data: Dataset) -> None:
        ward, _ = self.cells(data)
        feed = self.feed(data, Change(groups=ward, penalty=1.0), mix="mixup")
        _, targets, weights = feed[0]
        assert targets.shape == (16, 4) and weights.shape == (16,)
        assert np.allclose(targets[:, :2].sum(axis=1), 1.0) and np.allclose(targets[:, 2:].sum(axis=1), 1.0, atol=1e-6)
        assert ((targets[:, 2:] > 0) & (targets[:, 2:] < 1)).any()


class TestPenalty:
    """The smooth stand-in for equalised odds."""

    @staticmethod
    def batch(seed: int, n: int = 60, classes: int = 3, groups: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        y, g = random.integers(0, classes, n), random.integers(0, groups, n)
        p = random.dirichlet(np.ones(classes), n)
        return np.eye(classes)[y], np.eye(groups)[g], p

    @staticmethod
    def of(*arrays: np.ndarray) -> float:
        from automed.models.fairness import unequal_odds

        return float(np.asarray(unequal_odds(*(np.asarray(array, np.float32) for array in arrays))))

    def test_it_is_the_mean_over_pairs_of_squared_differences_of_means(self) -> None:
        truth, groups, p = self.batch(1)
        groups[:, 2] = 0.0  # a group that is not in the batch, and records of no group
        expected = 0.0
        for k in range(3):
            for side in (1.0, 0.0):
                here = truth[:, k] == side
                means = [p[here & (groups[:, g] == 1), k].mean() for g in (0, 1, 3)]
                pairs = [(a - b) ** 2 for i, a in enumerate(means) for b in means[:i]]
                expected += np.mean(pairs) / 3
        assert self.of(truth, groups, p) == pytest.approx(expected, rel=1e-4)

    def test_two_classes_and_two_groups_give_both_error_rates(self) -> None:
        truth, groups, p = self.batch(2, classes=2, groups=2)
        north = groups[:, 1] == 1
        rates = [
            (p[(truth[:, 1] == side) & north, 1].mean() - p[(truth[:, 1] == side) & ~north, 1].mean()) ** 2
            for side in (0, 1)
        ]
        assert self.of(truth, groups, p) == pytest.approx(sum(rates), rel=1e-4)

    def test_it_is_nothing_where_all_are_treated_alike_or_one_group_is_alone(self) -> None:
        truth, groups, p = self.batch(3)
        assert self.of(truth, groups, np.full(p.shape, 1 / 3)) == pytest.approx(0.0, abs=1e-6)
        alone = np.zeros_like(groups)
        alone[:, 0] = 1.0
        assert self.of(truth, alone, p) == 0.0

    @pytest.mark.parametrize("several", [False, True])
    def test_the_loss_is_the_ordinary_one_and_the_weighted_penalty(self, several: bool) -> None:
        import keras

        from automed.models.fairness import EqualisedOdds

        truth, groups, p = self.batch(4)
        logits, weights = np.log(p).astype(np.float32), np.linspace(0.5, 1.5, len(p)).astype(np.float32)
        of = keras.losses.BinaryCrossentropy if several else keras.losses.CategoricalCrossentropy
        ordinary = of(from_logits=True)
        both = np.hstack([truth, groups]).astype(np.float32)
        found = float(EqualisedOdds(ordinary, 3, 2.0, several=several)(both, logits, weights))
        probabilities = 1 / (1 + 1 / p) if several else p
        plain = float(ordinary(truth.astype(np.float32), logits, weights))
        assert found == pytest.approx(plain + 2 * self.of(truth, groups, probabilities), rel=1e-4)


def odds_gap(data: Dataset, probabilities: np.ndarray) -> float:
    """Largest difference between the wards in mean probability of lying stripes, given what they do."""
    test = data.part("test")
    north, y = data.frame["ward"].to_numpy(object)[test] == "north", data.y[test]
    means = [[probabilities[(y == k) & (north == at), 1].mean() for at in (False, True)] for k in (0, 1)]
    return float(np.abs(np.diff(means)).max())


def test_each_way_of_training_narrows_a_gap_that_was_planted_and_is_compared(
    loaded: Recipe, run: Run, data: Dataset, finalist: Finalist
) -> None:
    """The plain network reads the ward off the corner and takes it for a sign."""
    from automed.search.mitigating import mitigate
    from automed.search.reading import predictions_of
    from automed.search.refit import place

    heard: list[Event] = []
    before = run.looks_at_test()
    document = mitigate(loaded, run, finalist, data, heard.append, lambda: False)
    plain = odds_gap(data, predictions_of(finalist, data)["test"])
    assert plain > 0.2, "nothing was planted"
    for name in ("reweight", "resample", "penalty-10"):
        with np.load(place(run, NUMBER, name, "ward") / "predictions.npz") as stored:
            assert odds_gap(data, stored["test"]) < 0.5 * plain, name
    assert [row["method"] for row in document["rows"]] == ["plain", "reweight", "resample", "penalty", "thresholds"]
    assert document["attribute"]["key"] == "ward" and "validation" in document["attribute"]["why"]
    assert all(row["reason"] is None and row["macro_f1"]["value"] is not None for row in document["rows"])
    assert all(0 < row["against"]["worst_group"]["p_holm"] <= 1 for row in document["rows"][1:])
    penalty, thresholds = document["rows"][3], document["rows"][4]
    assert penalty["setting"]["strength"] in (0.1, 1.0, 10.0) and len(penalty["setting"]["tried"]) == 3
    assert "unlawful" in thresholds["note"]
    assert document["conclusion"] and document["caveats"]
    json.dumps(document, allow_nan=False)
    assert run.looks_at_test() == before + 1
    assert any(isinstance(event, Progress) and event.what == "training again: reweight" for event in heard)


def test_each_site_is_left_out_once(loaded: Recipe, run: Run, data: Dataset, finalist: Finalist) -> None:
    from automed.search.sites import leave_one_site_out, sites_of, without

    names, site = sites_of(data, "hospital")
    assert names == ("A", "B", "C") and (site == -1).any()
    for number in range(3):
        left = without(data, site, number)
        test = left.part("test")
        assert np.array_equal(test, np.flatnonzero(site == number))
        for split in ("train", "validation"):
            part = left.part(split)
            assert not np.isin(left.patient[part], left.patient[test]).any() and (site[part] >= 0).all()
            assert np.isin(part, data.part(split)).all()
    quick = recipe.load(Path(str(loaded._file)), ("train.epochs=1",))
    document = leave_one_site_out(quick, run, finalist, data, ignore, lambda: False)
    assert document["reason"] is None and [row["site"] for row in document["sites"]] == ["A", "B", "C"]
    for number, row in enumerate(document["sites"]):
        assert row["n"] == (site == number).sum() and row["trained_on"] == len(
            without(data, site, number).part("train")
        )
        assert row["without"]["macro_f1"]["n"] == row["n"]
        own = np.flatnonzero((site == number) & (data.split == "test"))
        assert row["within"]["auroc"]["n"] == len(own) == row["difference"]["macro_f1"]["n"]
        assert row["within"]["macro_f1"]["value"] == pytest.approx(row["difference"]["macro_f1"]["baseline"])
    assert any("all sites" in note for note in document["notes"])


@pytest.mark.parametrize(
    ("column", "says"), [("country", "no column"), ("picture_id", "no more than 20"), ("ward_of_all", "two are needed")]
)
def test_a_column_that_names_no_usable_sites_gives_a_reason(
    loaded: Recipe, run: Run, data: Dataset, finalist: Finalist, column: str, says: str
) -> None:
    from dataclasses import replace

    from automed.search.sites import leave_one_site_out

    frame = data.frame.assign(picture_id=data.frame["record"].astype("string"), ward_of_all="all")
    asked = recipe.load(Path(str(loaded._file)), (f"evaluate.sites={column}",))
    document = leave_one_site_out(asked, run, finalist, replace(data, frame=frame), ignore, lambda: False)
    assert says in document["reason"] and document["sites"] == []
