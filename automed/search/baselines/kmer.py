"""Gradient boosting on k-mers: what is read of a sequence without its order, and letters by place where it is fixed."""

from __future__ import annotations

import math

from automed.search.baselines.boosting import boost
from automed.search.baselines.material import Material, Predictor


def fit_kmer(material: Material, seed: int = 0, seconds: float = math.inf, threads: int = 1) -> Predictor:
    """Fit gradient boosting on the sequences alone; the arguments are those of `fit_boosting`.

    Raises:
        DataError: there is no sequence, or an array is not as its kind of input has it.
    """
    return boost(material, material.named("sequence"), seed, seconds, threads)
