"""The majority class: what is reached without looking."""

from __future__ import annotations

import math

from automed.search.baselines.material import Constant, Material, Predictor


def fit_majority(material: Material, seed: int = 0, seconds: float = math.inf, threads: int = 1) -> Predictor:
    """Give every record the classes' shares in training, of several labels each label's; see `fit_boosting`."""
    return Constant(material.shares())
