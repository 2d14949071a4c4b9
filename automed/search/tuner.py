"""The parts of Keras-Tuner that automed uses, in the one place that imports it.

Keras-Tuner imports Keras, and Keras its backend. With TensorFlow that adds 6 s of processor time and 0.7 GB to the
process that searches, once, and only where a recipe names this engine. No backend of Keras is lighter without a further
package (numpy needs JAX). No device is touched: TensorFlow's context is not begun, and GPUs stay with the workers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep off the terminal what TensorFlow writes past Python while it is imported; no setting silences all of it."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _hushed():
    from keras_tuner import HyperParameters, Objective, Oracle
    from keras_tuner.engine.hyperparameters import Boolean, Choice, Float, HyperParameter, Int
    from keras_tuner.engine.trial import Trial, TrialStatus
    from keras_tuner.oracles import (
        BayesianOptimizationOracle,
        GridSearchOracle,
        HyperbandOracle,
        RandomSearchOracle,
    )

__all__ = [
    "BayesianOptimizationOracle",
    "Boolean",
    "Choice",
    "Float",
    "GridSearchOracle",
    "HyperParameter",
    "HyperParameters",
    "HyperbandOracle",
    "Int",
    "Objective",
    "Oracle",
    "RandomSearchOracle",
    "Trial",
    "TrialStatus",
]
