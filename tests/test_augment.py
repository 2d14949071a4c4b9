"""Augmentation changes records while training, keeps their kind, and leaves them alone otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from madeinputs import CASES, dna, image, irregular, records, signal, text

from automed.models import augment
from automed.models.facts import InputFacts
from automed.models.space import FixedSpace

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.models.augment.choice import layer  # noqa: E402
from automed.models.augment.images import MOVES, STRENGTHS, AugmentImages, Strength  # noqa: E402
from automed.models.augment.inputs import DropInputs  # noqa: E402
from automed.models.augment.signals import AugmentSignals  # noqa: E402
from automed.models.augment.tokens import AugmentTokens  # noqa: E402

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
    assert (run(AugmentImages(ALL, STRENGTHS["strong"], 1.0), x, training=False) == x).all()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("strength", list(STRENGTHS))
def test_each_kind_changes_images_and_keeps_them_in_bounds(kind: str, strength: str) -> None:
    """Shape and type stay; something changes; images of one batch change differently; values stay near."""
    x = picture()
    found = run(AugmentImages((kind,), STRENGTHS[strength], 1.0), x)
    assert found.shape == x.shape and found.dtype == np.float32 and np.isfinite(found).all()
    changes = np.abs(found - x).max(axis=(1, 2, 3))
    assert changes.max() > 1e-3 and changes.std() > 1e-4
    assert np.abs(found).max() < 1.5 * np.abs(x).max()


def test_flips_are_exact() -> None:
    """A flipped image is the image read backwards, and about half of a batch is."""
    for kind, axis in (("flip", 1), ("vertical_flip", 0)):
        x = picture(64)
        found = run(AugmentImages((kind,), STILL, 1.0), x)
        mirrored = np.flip(x[0], axis)
        flipped = [np.allclose(image, mirrored, atol=1e-4) for image in found]
        same = [np.allclose(image, x[0], atol=1e-4) for image in found]
        assert sum(flipped) + sum(same) == 64 and 16 < sum(flipped) < 48


def test_an_image_without_an_upright_is_turned_any_way() -> None:
    """With both flips the turning is not kept to the strength's angle."""
    x = picture(64)
    little = run(AugmentImages(("rotate",), STRENGTHS["light"], 1.0), x)
    any_way = run(AugmentImages(("rotate", "flip", "vertical_flip"), STRENGTHS["light"], 1.0), x)
    assert np.abs(any_way - x).mean() > 3 * np.abs(little - x).mean()


def test_moves_keep_a_constant_image() -> None:
    """Nothing foreign comes in at the border: it is mirrored."""
    x = np.full((16, 17, 23, 1), 0.7, np.float32)
    np.testing.assert_allclose(run(AugmentImages(MOVES, STRENGTHS["strong"], 1.0), x), x, atol=1e-5)


def test_brightness_is_in_units_of_the_deviation() -> None:
    """Half the deviation, half the change."""
    x = np.zeros((256, 2, 2, 1), np.float32)
    full, half = (run(AugmentImages(("brightness",), STRENGTHS["strong"], d), x) for d in (1.0, 0.5))
    assert 0.25 < np.abs(full).max() <= 0.3 and 0.12 < np.abs(half).max() <= 0.15


def ask(named: Any, facts: InputFacts, **choices: Any) -> Any:
    """The layer that is chosen for an input."""
    return layer(FixedSpace(choices), named, facts, 1.0, "augment")


def test_the_space_decides_whether_there_is_any() -> None:
    """No kinds, no question; the answer none gives no layer."""
    assert ask((), image()) is None
    assert ask(("flip",), image(), augment="none") is None
    assert isinstance(ask(("flip",), image(), augment="light"), AugmentImages)
    assert isinstance(ask(None, signal(), augment="light"), AugmentSignals)
    assert isinstance(ask(("flip", "word_drop"), text(), augment="strong"), AugmentTokens)


def test_each_kind_of_input_takes_what_fits_it() -> None:
    """A recipe names augmentations for all of its inputs; where it names none, a sequence gets none."""
    named = ("flip", "scale", "lead_drop", "reverse_complement", "word_drop")
    found = {case: augment.fitting(named, facts) for case, facts in CASES.items()}
    assert found == {
        "image": ("flip",),
        "signal": ("scale", "lead_drop"),
        "irregular": ("scale",),
        "text": ("word_drop",),
        "sequence": ("reverse_complement", "word_drop"),
        "tabular": (),
    }
    protein = InputFacts("sequence", (9,), {"alphabet": ["", "?", "A"]})
    assert augment.fitting(named, protein) == ("word_drop",)
    usual = {case: augment.fitting(None, facts) for case, facts in CASES.items()}
    assert usual["irregular"] == ("jitter",) and usual["sequence"] == usual["tabular"] == ()
    assert usual["image"] == ("flip", "rotate", "zoom", "brightness")
    assert ask(("flip",), dna()) is None and ask(None, dna()) is None


def series(n: int = 64, gaps: bool = False) -> np.ndarray:
    """Two channels that rise from 0 and from 10, 20 steps."""
    x = np.arange(20.0)[None, :, None] + np.array([0.0, 10.0])
    x = np.repeat(x, n, axis=0).astype(np.float32)
    if gaps:
        x[:, 5:8, 0] = np.nan
    return x


@pytest.mark.parametrize("kind", augment.OF_SIGNALS)
@pytest.mark.parametrize("strength", ["light", "strong"])
def test_each_kind_changes_signals(kind: str, strength: str) -> None:
    """Something changes in training and nothing outside of it; what is missing is not filled in."""
    x, change = series(gaps=True), AugmentSignals((kind,), strength, signal(20, 2))
    assert np.array_equal(run(change, x, training=False), x, equal_nan=True)
    found = run(change, x)
    assert found.shape == x.shape and found.dtype == np.float32
    assert not np.array_equal(found, x, equal_nan=True)
    if kind != "time_shift":
        assert np.isnan(found[np.isnan(x)]).all()
    assert not np.isnan(found).all(axis=(1, 2)).any()


def test_amplitude_and_noise_are_in_units_of_the_channel() -> None:
    """The mean stays where it is; a channel of twice the deviation gets twice the noise."""
    facts = signal(400, 2)  # means 0 and 10, deviations 1 and 2
    mean = np.tile(np.array([0.0, 10.0], np.float32), (16, 400, 1))
    np.testing.assert_allclose(run(AugmentSignals(("scale",), "strong", facts), mean), mean, atol=1e-4)
    scaled = run(AugmentSignals(("scale",), "strong", facts), mean + 1.0) - mean
    assert scaled.std(axis=(1, 2)).max() < 1e-4 and 0.77 < scaled.min() < 0.95 < 1.05 < scaled.max() < 1.29
    noise = (run(AugmentSignals(("jitter",), "strong", facts), mean) - mean).std(axis=(0, 1))
    np.testing.assert_allclose(noise, [0.15, 0.30], rtol=0.1)


def test_a_shift_moves_all_channels_and_leaves_a_gap() -> None:
    """By up to three steps of twenty, both ways; what comes in is unknown, nothing is wrapped around."""
    x = series()
    found = run(AugmentSignals(("time_shift",), "strong", signal(20, 2)), x)
    shifts = []
    for moved in found:
        there = ~np.isnan(moved[:, 0])
        shift = int(np.flatnonzero(there)[0] - moved[there][0, 0])
        expected = np.full_like(moved, np.nan)
        expected[max(0, shift) : 20 + min(0, shift)] = x[0][max(0, -shift) : 20 - max(0, shift)]
        np.testing.assert_array_equal(moved, expected)
        shifts.append(shift)
    assert min(shifts) == -3 and max(shifts) == 3


def test_a_lost_lead_is_one_of_several() -> None:
    """Three in ten records lose one channel; the only channel is never lost."""
    lost = np.isnan(run(AugmentSignals(("lead_drop",), "strong", signal(20, 2)), series(400))).all(axis=1)
    assert lost.sum(axis=1).max() == 1 and 0.2 < lost.any(axis=1).mean() < 0.4
    assert lost.any(axis=0).all(), "each channel's turn comes"
    alone = AugmentSignals(("lead_drop",), "strong", signal(20, 1))
    assert not np.isnan(run(alone, series()[..., :1])).any()


def test_masks_and_times_are_not_changed() -> None:
    """Of irregular observations the values alone."""
    facts = irregular()
    x = records(facts)
    found = run(AugmentSignals(("scale", "jitter"), "strong", facts), x)
    assert np.array_equal(found[..., 3:], x[..., 3:], equal_nan=True)
    assert np.array_equal(np.isnan(found), np.isnan(x)) and not np.array_equal(found, x, equal_nan=True)


def test_forgotten_words_are_unknown_and_padding_stays() -> None:
    """About the share that the strength says; the type stays."""
    x = np.full((50, 40), 7, np.int32)
    x[:, 30:] = 0
    for strength, share in (("light", 0.05), ("strong", 0.15)):
        found = run(AugmentTokens(("word_drop",), strength), x)
        assert found.dtype == np.int32 and (found[:, 30:] == 0).all() and set(np.unique(found)) == {0, 1, 7}
        assert abs((found[:, :30] == 1).mean() - share) < 0.04
    assert np.array_equal(run(AugmentTokens(("word_drop",), "strong"), x, training=False), x)


def test_half_of_dna_is_read_from_the_other_strand() -> None:
    """Backwards, A against T and C against G; padding stays at the end, unknown letters in their place."""
    x = np.tile(np.array([2, 2, 3, 1, 5, 0, 0], np.uint8), (64, 1))
    other = np.array([2, 1, 4, 5, 5, 0, 0], np.uint8)
    found = run(AugmentTokens(("reverse_complement",), "light", dna().facts["complement"]), x)
    turned = (found == other).all(axis=1)
    assert found.dtype == np.uint8 and ((found == x[0]).all(axis=1) | turned).all()
    assert 16 < turned.sum() < 48


def test_inputs_are_left_out_but_never_the_last_one() -> None:
    """By the marks of absence; what is absent already does not count as there."""
    n = 600
    x = [np.ones((n, 2, 2, 1), np.uint8), np.ones((n, 3), np.float32), np.ones((n, 4), np.int32)]
    x[0][: n // 2] = 0
    drop = DropInputs(0.3)
    same = drop([keras.ops.convert_to_tensor(each) for each in x], training=False)
    assert all(np.array_equal(keras.ops.convert_to_numpy(a), b) for a, b in zip(same, x, strict=True))
    found = [np.asarray(keras.ops.convert_to_numpy(each)) for each in drop(x, training=True)]
    assert [each.dtype for each in found] == [np.uint8, np.float32, np.int32]
    there = np.stack([found[0].any(axis=(1, 2, 3)), ~np.isnan(found[1]).all(axis=1), found[2].any(axis=1)], axis=1)
    assert there.any(axis=1).all() and not there[: n // 2, 0].any()
    assert (np.isnan(found[1]).any(axis=1) == np.isnan(found[1]).all(axis=1)).all(), "whole inputs, not parts"
    # The safe one of three is spared a third of the time, of two half of the time.
    assert abs((~there[n // 2 :]).mean() - 0.3 * 2 / 3) < 0.06
    assert abs((~there[: n // 2, 1:]).mean() - 0.3 / 2) < 0.06
