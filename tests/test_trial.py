"""One trial in this process, on whatever backend Keras has: what it says, what it keeps, how it goes on.

Also run with KERAS_BACKEND=jax and torch by `make test-backends`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automed import recipe
from automed.data.dataset import Dataset, channel_statistics
from automed.errors import TrialError
from automed.models.space import FixedSpace
from automed.search.messages import Built, Done, Epoch, TrainJob

pytestmark = pytest.mark.slow

CHOICES: dict[str, Any] = {
    "architecture": "cnn",
    "cnn.depth": 2,
    "cnn.width": 16,
    "cnn.kernel": 3,
    "cnn.normalisation": "batch",
    "cnn.dropout": 0.1,
    "normalise": "dataset",
    "pool": "average",
    "dropout": 0.2,
    "augment": "light",
    "mix": "mixup",
    "loss": "cross_entropy",
    "label_smoothing": 0.05,
    "optimiser": "adamw",
    "adamw.learning_rate": 3e-3,
    "adamw.weight_decay": 0.02,
    "warmup": 0.1,
}


class TestDesk:
    """Answers from fixed choices, listens, and says when to stop: what the parent does, without a pipe."""

    __test__ = False

    def __init__(self, choices: Mapping[str, Any], stop_after: int | None = None, word: str = "stop") -> None:
        self._space, self._choices = FixedSpace(choices), choices
        self.epochs: list[Epoch] = []
        self.built: Built | None = None
        self._stop_after, self._word = stop_after, word
        self.cut = False

    def ask(self, verb: str, name: str, *arguments: Any) -> Any:
        return self._choices[name] if name in self._choices else getattr(self._space, verb)(name, *arguments)

    def tell(self, message: Built) -> None:
        self.built = message

    def report(self, message: Epoch) -> str:
        self.epochs.append(message)
        return self._word if len(self.epochs) == self._stop_after else "go"


@pytest.fixture(scope="module")
def loaded(stripes: Path) -> recipe.Recipe:
    overrides = ("train.epochs=4", "train.patience=4", "train.augment=[flip, rotate, brightness]")
    return recipe.load(stripes / "stripes.yaml", overrides)


@pytest.fixture(scope="module")
def data(stripes: Path) -> Dataset:
    with np.load(stripes / "stripes.npz") as stored:
        images, y = stored["images"][..., None], stored["labels"].astype(np.int64)
        patient = stored["patient"].astype(np.int64)
    split = np.where(patient < 72, "train", np.where(patient < 96, "validation", "test")).astype(object)
    mean, deviation = channel_statistics(images, np.flatnonzero(split == "train"))
    facts = {"inputs": {"picture": {"kind": "image", "shape": [16, 16, 1], "mean": mean, "std": deviation}}}
    n = np.arange(len(y))
    return Dataset({"picture": images}, n, y, n + 1, patient, split, ("0", "1"), facts, pd.DataFrame())


def run_trial(loaded: recipe.Recipe, data: Dataset, folder: Path, desk: TestDesk, number: int = 3) -> Done:
    from automed.search.trial import train

    return train(TrainJob(number, folder), loaded, data, desk)


def told(desk: TestDesk) -> list[tuple[int, float, float, float]]:
    return [(e.epoch, e.macro_f1, round(e.loss, 5), round(e.validation_loss, 5)) for e in desk.epochs]


def test_a_trial_reports_every_epoch_and_keeps_its_best_weights(
    loaded: recipe.Recipe, data: Dataset, tmp_path: Path
) -> None:
    desk = TestDesk(CHOICES)
    done = run_trial(loaded, data, tmp_path, desk)
    assert done.state == "complete"
    assert [e.epoch for e in desk.epochs] == [1, 2, 3, 4]
    assert desk.epochs[-1].best == max(e.macro_f1 for e in desk.epochs)
    assert desk.epochs[-1].loss < desk.epochs[0].loss
    assert desk.built is not None and desk.built.parameters > 0
    assert (tmp_path / "best.npz").is_file() and (tmp_path / "last.npz").is_file()


def test_a_trial_that_was_cut_goes_on_as_if_it_had_not_been(
    loaded: recipe.Recipe, data: Dataset, tmp_path: Path
) -> None:
    whole = TestDesk(CHOICES)
    run_trial(loaded, data, tmp_path / "whole", whole)
    first, second = TestDesk(CHOICES, stop_after=2), TestDesk(CHOICES)
    assert run_trial(loaded, data, tmp_path / "cut", first).state == "interrupted"
    run_trial(loaded, data, tmp_path / "cut", second)
    assert second.built is not None and second.built.epoch == 2
    assert told(first) + told(second) == told(whole)


def test_the_best_weights_give_the_best_score_when_rebuilt_from_the_choices(
    loaded: recipe.Recipe, data: Dataset, tmp_path: Path
) -> None:
    from automed.evaluate.metrics import macro_f1
    from automed.models.assembly import assemble
    from automed.search.checkpoint import load_best
    from automed.search.predict import predict
    from automed.search.trial import input_facts

    desk = TestDesk(CHOICES)
    run_trial(loaded, data, tmp_path, desk)
    assert desk.built is not None
    model = assemble(loaded, FixedSpace(desk.built.choices), input_facts(data), data.classes).model
    load_best(tmp_path, model.variables)
    validation = data.part("validation")
    probabilities = predict(model, data, validation)
    assert macro_f1(data.y[validation], probabilities.argmax(1), 2) == pytest.approx(desk.epochs[-1].best)


def test_a_loss_that_is_not_a_number_fails_the_trial_and_says_so(
    loaded: recipe.Recipe, data: Dataset, tmp_path: Path
) -> None:
    """A learning rate no space would offer: the weights leave the range of float32."""
    wild = {**CHOICES, "optimiser": "sgd", "sgd.learning_rate": 1e38, "sgd.weight_decay": 1e-5, "warmup": 0.0}
    with pytest.raises(TrialError, match="epoch 1"):
        run_trial(loaded, data, tmp_path, TestDesk(wild))


def test_a_pruned_trial_says_at_which_epoch(loaded: recipe.Recipe, data: Dataset, tmp_path: Path) -> None:
    done = run_trial(loaded, data, tmp_path, TestDesk(CHOICES, stop_after=1, word="prune"))
    assert (done.state, done.reason) == ("pruned", "behind the others at epoch 1")


def test_a_checkpoint_of_another_model_is_refused(loaded: recipe.Recipe, data: Dataset, tmp_path: Path) -> None:
    run_trial(loaded, data, tmp_path, TestDesk(CHOICES, stop_after=1))
    with pytest.raises(TrialError, match="another model"):
        run_trial(loaded, data, tmp_path, TestDesk({**CHOICES, "cnn.depth": 3}))


class TestFeed:
    """Batches: every record once an epoch, the same from memory as from blocks of the map."""

    @staticmethod
    def feed(data: Dataset, mix: str = "none", power: float = 0.0) -> Any:
        from automed.models.training import Training
        from automed.search.feed import Feed

        alpha = {"none": 0.0, "mixup": 0.2, "cutmix": 1.0}[mix]
        return Feed(data, Training(16, mix, alpha), seed=5, power=power)

    def test_each_record_is_seen_at_most_once_an_epoch(self, data: Dataset) -> None:
        feed = self.feed(data)
        seen = np.concatenate([feed[step][0].reshape(16, -1) for step in range(len(feed))])
        assert len(np.unique(seen, axis=0)) == len(seen) == len(feed) * 16

    def test_blocks_of_a_large_set_hold_every_record_too(self, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        import automed.search.feed as module

        monkeypatch.setattr(module, "IN_MEMORY", 0)
        monkeypatch.setattr(module, "BLOCK", 40)
        monkeypatch.setattr(module, "RUN", 8)
        feed = self.feed(data)
        batches = [feed[step] for step in range(len(feed))]
        seen = np.concatenate([images.reshape(16, -1) for images, _, _ in batches])
        assert len(np.unique(seen, axis=0)) == len(seen)
        by_picture = {picture.tobytes(): label for picture, label in zip(data.arrays["picture"], data.y, strict=True)}
        for images, targets, _ in batches:
            assert [by_picture[i.tobytes()] for i in images] == targets.argmax(1).tolist(), "labels stay with pictures"

    def test_another_epoch_has_another_order_and_the_same_epoch_the_same(self, data: Dataset) -> None:
        one, two = self.feed(data), self.feed(data)
        assert np.array_equal(one[0][0], two[0][0])
        one.on_epoch_end()
        assert not np.array_equal(one[0][0], two[0][0])
        two.begin(1)
        assert np.array_equal(one[0][0], two[0][0])

    @pytest.mark.parametrize("mix", ["mixup", "cutmix"])
    def test_mixed_targets_still_add_up_to_one(self, data: Dataset, mix: str) -> None:
        feed = self.feed(data, mix)
        batches = [feed[step] for step in range(len(feed))]
        targets = np.concatenate([batch[1] for batch in batches])
        assert np.allclose(targets.sum(1), 1.0) and batches[0][0].dtype == np.uint8
        assert ((targets > 0.01) & (targets < 0.99)).any()

    def test_balanced_weights_let_each_class_count_alike(self, data: Dataset) -> None:
        feed = self.feed(data, power=1.0)
        total = np.zeros(2)
        for step in range(len(feed)):
            _, targets, weights = feed[step]
            total += targets.T @ weights
        assert total[0] == pytest.approx(total[1], rel=0.15)


def test_half_precision_goes_on_with_its_loss_scale(stripes: Path, data: Dataset, tmp_path: Path) -> None:
    from automed.search.checkpoint import Progress, load
    from automed.search.trial import train

    half = recipe.load(stripes / "stripes.yaml", ("train.epochs=2", "train.precision=float16"))
    train(TrainJob(0, tmp_path / "half"), half, data, TestDesk(CHOICES, stop_after=1))
    again = TestDesk(CHOICES)
    done = train(TrainJob(0, tmp_path / "half"), half, data, again)
    assert done.state == "complete" and [e.epoch for e in again.epochs] == [2]
    with np.load(tmp_path / "half" / "last.npz") as stored:
        names = len(stored.files)
    single = recipe.load(stripes / "stripes.yaml", ("train.epochs=1", "train.precision=float32"))
    train(TrainJob(0, tmp_path / "single"), single, data, TestDesk(CHOICES))
    with np.load(tmp_path / "single" / "last.npz") as stored:
        assert names > len(stored.files), "the scale and its counter are kept"
    assert load(tmp_path / "nothing", []) is None and Progress().epoch == 0
