"""Logistic regression on TF-IDF: what it reads, and how strongly it is held back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import planted

from automed.errors import DataError
from automed.search.baselines import tfidf
from automed.search.baselines.material import Material
from automed.search.baselines.tfidf import STRENGTHS, USUAL, fit_tfidf


def strength(material: Material, seconds: float = 1e6) -> float:
    """The C that was chosen."""
    predictor = fit_tfidf(material, seconds=seconds)
    assert isinstance(predictor, tfidf.Weighed)
    return float(predictor.models[0].C)


def test_the_order_of_words_counts() -> None:
    """The same two words, side by side either way round: a bigram tells them apart."""
    rng = np.random.default_rng(0)
    y = (np.arange(200) % 2).astype(np.int64)
    tokens = rng.integers(4, 30, (200, 12)).astype(np.int32)
    tokens[:, 5:7] = np.where(y[:, None] == 1, (2, 3), (3, 2))
    material = Material({"note": tokens}, {"note": {"kind": "text"}}, np.arange(150), y[:150], 2)
    found = fit_tfidf(material)(material.arrays, np.arange(150, 200))
    assert (found.argmax(axis=1) == y[150:]).mean() > 0.95


def test_padding_and_unknown_words_say_nothing() -> None:
    """However many stand there."""
    material, _ = planted("text")
    predictor = fit_tfidf(material)
    note = np.array([[60, 61, 9, 0, 0, 0, 0, 0, 0]], np.int32)
    padded = np.array([[60, 61, 9, 1, 1, 1, 1, 1, 1]], np.int32)
    found = [predictor({"text": each}, np.array([0])) for each in (note, padded)]
    assert np.array_equal(*found)


def test_what_cannot_be_learnt_is_held_back_more_than_what_can() -> None:
    """Shuffled classes ask for the weakest fit; planted words for a strong one."""
    material, _ = planted("text", n=120, train=120)
    shuffled = replace(material, y=np.random.default_rng(0).permutation(material.y))
    assert strength(shuffled) == STRENGTHS[0] < strength(material)


def test_patients_are_apart_when_the_strength_is_chosen() -> None:
    """Records of a patient that repeat each other would speak for learning them by heart."""
    rng = np.random.default_rng(0)
    tokens = np.repeat(rng.integers(2, 400, (40, 20)), 5, axis=0).astype(np.int32)
    y = np.repeat(rng.integers(0, 2, 40), 5).astype(np.int64)
    material = Material({"note": tokens}, {"note": {"kind": "text"}}, np.arange(200), y, 2)
    assert strength(material) > USUAL
    assert strength(replace(material, patient=np.repeat(np.arange(40), 5))) == STRENGTHS[0]


def test_where_time_is_short_the_usual_strength_is_taken() -> None:
    """By known costs and not by the clock, so that a run repeats exactly."""
    material, _ = planted("text")
    assert strength(material, seconds=0.01) == USUAL


def test_several_texts_are_read_together() -> None:
    """The second knows what the first does not."""
    material, y = planted("text", n=150, train=100)
    noise = np.random.default_rng(5).integers(2, 60, (150, 20)).astype(np.int32)
    both = Material(
        {"a": noise, "b": material.arrays["text"]}, {"a": {"kind": "text"}, "b": {"kind": "text"}},
        material.train, material.y, 3,
    )  # fmt: skip
    found = fit_tfidf(both)(both.arrays, np.arange(100, 150))
    assert (found.argmax(axis=1) == y[100:]).mean() > 0.7


def test_an_array_that_holds_no_tokens_is_refused() -> None:
    """By the name of the input."""
    material = Material(
        {"note": np.zeros((4, 9), np.float32)}, {"note": {"kind": "text"}}, np.arange(4), np.arange(4), 4
    )
    with pytest.raises(DataError, match="input note: expected whole numbers"):
        fit_tfidf(material)
