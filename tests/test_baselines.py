"""The bar that a search must clear."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from automed.errors import DataError
from automed.evaluate.metrics import macro_f1
from automed.search.baselines import afford, fit_boosting, fit_majority, majority
from automed.search.features import area_matrix, features, shrink

FITS = (fit_majority, fit_boosting)


def stripes(
    n: int, channels: int = 1, size: int = 20, n_classes: int = 2
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures whose stripes run across (class 0), down (1) or are absent (2), under noise."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes
    wave = 60 * np.sin(np.arange(size))
    pattern = np.stack([np.tile(wave[:, None], size), np.tile(wave, (size, 1)), np.zeros((size, size))])[y]
    pictures = 128 + pattern[..., None] + 20 * rng.normal(size=(n, size, size, channels))
    return np.clip(pictures, 0, 255).astype(np.uint8), y.astype(np.int64)


def test_the_majority_gives_the_shares_in_training() -> None:
    assert majority(np.array([0, 0, 2, 0]), 4).tolist() == [0.75, 0.0, 0.25, 0.0]
    predictor = fit_majority({}, np.arange(4), np.array([0, 0, 2, 0]), 4)
    found = predictor({}, np.arange(3))
    assert found.dtype == np.float32
    assert found.tolist() == [[0.75, 0.0, 0.25, 0.0]] * 3


@pytest.mark.parametrize("channels", [1, 3])
def test_boosting_learns_what_the_pictures_show(channels: int) -> None:
    pictures, y = stripes(160, channels, n_classes=3)
    images = {"lesion": pictures}
    predictor = fit_boosting(images, np.arange(100), y[:100], 3, seed=0, seconds=1)
    found = predictor(images, np.arange(100, 160))
    assert macro_f1(y[100:], found.argmax(axis=1), 3) > 0.9


@pytest.mark.parametrize("fit", FITS)
def test_a_class_that_training_lacked_keeps_its_column(fit: object) -> None:
    pictures, y = stripes(60)
    predictor = fit({"a": pictures}, np.arange(60), 2 * y, 4, seconds=1)  # type: ignore[operator]
    found = predictor({"a": pictures}, np.arange(7))
    assert found.shape == (7, 4)
    assert found.dtype == np.float32
    assert (found[:, [1, 3]] == 0).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(7), abs=1e-5)


@pytest.mark.parametrize("fit", FITS)
def test_one_class_alone_is_predicted_with_certainty(fit: object) -> None:
    pictures, _ = stripes(10)
    predictor = fit({"a": pictures}, np.arange(10), np.ones(10, dtype=np.int64), 3)  # type: ignore[operator]
    assert (predictor({"a": pictures}, np.arange(4)) == [[0, 1, 0]]).all()


def test_one_seed_and_the_same_training_records_give_one_answer_whatever_the_other_records_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("automed.search.baselines.ITERATIONS", 60)
    pictures, _ = stripes(80)
    others = pictures.copy()
    others[1::2] = 255 - others[1::2]
    index = np.arange(0, 80, 2)
    labels = (np.arange(40) % 2).astype(np.int64)
    fitted = [fit_boosting({"a": each}, index, labels, 2) for each in (pictures, others)]
    answers = [predictor({"a": pictures}, np.arange(80)) for predictor in fitted]
    assert np.array_equal(*answers)


def test_a_training_record_is_predicted_alike_alone_and_among_others() -> None:
    """Sums of pixels round differently in another block; no bound between bins may lie within that rounding."""
    pictures, y = stripes(60, size=23)
    images = {"a": pictures}
    predictor = fit_boosting(images, np.arange(60), y, 2, seconds=1)
    together = predictor(images, np.arange(60))
    for size in (1, 7, 31):
        parts = [predictor(images, np.arange(start, min(60, start + size))) for start in range(0, 60, size)]
        assert np.array_equal(np.concatenate(parts), together)


def test_pictures_may_be_a_memory_map_and_several_inputs(tmp_path: Path) -> None:
    pictures, y = stripes(60)
    np.save(tmp_path / "a.npy", pictures)
    mapped = {"a": np.load(tmp_path / "a.npy", mmap_mode="r"), "b": stripes(60, 3, 30)[0]}
    in_memory = {"a": pictures, "b": mapped["b"]}
    index = np.array([5, 3, 40])
    assert np.array_equal(features(mapped, index), features(in_memory, index))
    assert fit_boosting(mapped, np.arange(60), y, 2, seconds=1)(mapped, index).shape == (3, 2)


def test_features_of_a_record_do_not_depend_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, _ = stripes(30)
    together = features({"a": pictures}, np.arange(30))
    monkeypatch.setattr("automed.search.features.BLOCK_BYTES", 4 * 20 * 20 * 4)
    assert features({"a": pictures}, np.arange(30)) == pytest.approx(together, abs=1e-4)
    assert features({"a": pictures}, np.array([], dtype=np.int64)).shape == (0, together.shape[1])


@given(size=st.integers(1, 300), target=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_shrinking_keeps_the_mean_shade(size: int, target: int) -> None:
    weights = area_matrix(size, target)
    assert weights.sum(axis=1) == pytest.approx(np.ones(target), abs=1e-5)
    line = np.random.default_rng(0).random(size, dtype=np.float32)
    assert (weights @ line).mean() == pytest.approx(line.mean(), abs=1e-4)


def test_shrinking_averages_areas() -> None:
    picture = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    assert shrink(picture, 2, 2)[0, :, :, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]


@given(rows=st.integers(2, 200_000), trees=st.integers(1, 20), seconds=st.floats(1, 600))
@settings(max_examples=100, deadline=None)
def test_less_time_never_buys_more(rows: int, trees: int, seconds: float) -> None:
    full, half = (afford(rows, trees, 64 * 64 * 3, budget) for budget in (seconds, seconds / 2))
    assert half.rows <= full.rows <= rows
    assert half.iterations <= full.iterations or half.rows < full.rows
    assert half.rate >= full.rate
    assert full.iterations * full.rate == pytest.approx(12, abs=0.1)


def test_without_a_budget_nothing_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (200, 60):
        monkeypatch.setattr("automed.search.baselines.ITERATIONS", most)
        plan = afford(1_000_000, 9, 224 * 224 * 3, float("inf"))
        assert (plan.rows, plan.iterations) == (1_000_000, most)


@pytest.mark.parametrize(
    ("images", "y", "said"),
    [
        ({"a": np.zeros((4, 5, 5, 1), np.float32)}, [0, 1, 0, 1], "input a: expected uint8"),
        ({"a": np.zeros((4, 5, 5, 1), np.uint8)}, [0, 1, 0], "4 training records for 3 labels"),
        ({"a": np.zeros((4, 5, 5, 1), np.uint8)}, [0, 1, 0, 2], "expected 0 to 1"),
        ({}, [0, 1, 0, 1], "no picture"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(images: dict[str, NDArray[np.uint8]], y: list[int], said: str) -> None:
    with pytest.raises(DataError, match=said):
        fit_boosting(images, np.arange(4), np.array(y), 2)


@pytest.mark.slow
def test_baselines_load_no_tensorflow() -> None:
    code = "import sys, automed.search.baselines; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "floor"), [("breastmnist", 0.72), ("pneumoniamnist", 0.80)])
def test_boosting_is_no_straw_man_on_real_pictures(name: str, floor: float) -> None:
    """Floors: what plain boosting on all pixels reaches, less the spread over seeds."""
    folder = os.environ.get("AUTOMED_DATA")
    if not folder or not (Path(folder) / name / f"{name}.npz").is_file():
        pytest.skip(f"set AUTOMED_DATA to a folder that holds {name}/{name}.npz")
    with np.load(Path(folder) / name / f"{name}.npz") as parts:
        train, test = parts["train_images"], parts["test_images"]
        y, answer = parts["train_labels"].ravel().astype(np.int64), parts["test_labels"].ravel()
    images = {"picture": np.concatenate([train, test])[..., None]}
    predictor = fit_boosting(images, np.arange(len(train)), y, 2, seed=0, seconds=60)
    found = predictor(images, np.arange(len(train), len(train) + len(test)))
    assert macro_f1(answer, found.argmax(axis=1), 2) > floor
