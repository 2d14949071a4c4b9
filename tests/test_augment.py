"""Augmentation changes images while training, keeps their kind, and leaves them alone otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models.augment import MOVES, STRENGTHS, Augment, Strength, layer  # noqa: E402
from automed.models.space import FixedSpace  # noqa: E402

ALL = (*MOVES, "brightness", "contrast")
STILL = Strength(turn=0.0, zoom=0.0, shift=0.0, brightness=0.0, contrast=0.0)


def picture(n: int = 32) -> np.ndarray:
    """Smooth images without any symmetry, 24x20x3, about zero mean."""
    y, x = np.meshgrid(np.linspace(-1, 1, 24), np.linspace(-1, 1, 20), indexing="ij")
    one = np.stack([x + 0.3 * y, np.sin(2 * x) - y, x * y + 0.5 * x], axis=-1)
    return np.repeat(one[None], n, axis=0).astype(np.float32)


def run(augment: Any, x: np.ndarray, training: bool = True) -> np.ndarray:
    """The layer's answer."""
    return np.asarray(keras.ops.convert_to_numpy(augment(x, training=training)))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same draws each time."""
    keras.utils.set_random_seed(3)


def test_nothing_happens_outside_of_training() -> None:
    """Prediction sees the image as it is."""
    x = picture()
    assert (run(Augment(ALL, STRENGTHS["strong"], 1.0), x, training=False) == x).all()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("strength", list(STRENGTHS))
def test_each_kind_changes_images_and_keeps_them_in_bounds(kind: str, strength: str) -> None:
    """Shape and type stay; something changes; images of one batch change differently; values stay near."""
    x = picture()
    found = run(Augment((kind,), STRENGTHS[strength], 1.0), x)
    assert found.shape == x.shape and found.dtype == np.float32 and np.isfinite(found).all()
    changes = np.abs(found - x).max(axis=(1, 2, 3))
    assert changes.max() > 1e-3 and changes.std() > 1e-4
    assert np.abs(found).max() < 1.5 * np.abs(x).max()


def test_flips_are_exact() -> None:
    """A flipped image is the image read backwards, and about half of a batch is."""
    for kind, axis in (("flip", 1), ("vertical_flip", 0)):
        x = picture(64)
        found = run(Augment((kind,), STILL, 1.0), x)
        mirrored = np.flip(x[0], axis)
        flipped = [np.allclose(image, mirrored, atol=1e-4) for image in found]
        same = [np.allclose(image, x[0], atol=1e-4) for image in found]
        assert sum(flipped) + sum(same) == 64 and 16 < sum(flipped) < 48


def test_an_image_without_an_upright_is_turned_any_way() -> None:
    """With both flips the turning is not kept to the strength's angle."""
    x = picture(64)
    little = run(Augment(("rotate",), STRENGTHS["light"], 1.0), x)
    any_way = run(Augment(("rotate", "flip", "vertical_flip"), STRENGTHS["light"], 1.0), x)
    assert np.abs(any_way - x).mean() > 3 * np.abs(little - x).mean()


def test_moves_keep_a_constant_image() -> None:
    """Nothing foreign comes in at the border: it is mirrored."""
    x = np.full((16, 17, 23, 1), 0.7, np.float32)
    np.testing.assert_allclose(run(Augment(MOVES, STRENGTHS["strong"], 1.0), x), x, atol=1e-5)


def test_brightness_is_in_units_of_the_deviation() -> None:
    """Half the deviation, half the change."""
    x = np.zeros((256, 2, 2, 1), np.float32)
    full, half = (run(Augment(("brightness",), STRENGTHS["strong"], d), x) for d in (1.0, 0.5))
    assert 0.25 < np.abs(full).max() <= 0.3 and 0.12 < np.abs(half).max() <= 0.15


def test_the_space_decides_whether_there_is_any() -> None:
    """No kinds, no question; the answer none gives no layer."""
    assert layer(FixedSpace({}), (), 1.0, "augment") is None
    assert layer(FixedSpace({"augment": "none"}), ("flip",), 1.0, "augment") is None
    assert isinstance(layer(FixedSpace({"augment": "light"}), ("flip",), 1.0, "augment"), Augment)
