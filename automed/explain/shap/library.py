"""SHAP itself, imported in one place, and chance for it: it draws from NumPy's global generator."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

with warnings.catch_warnings():
    # Its colour maps use what Matplotlib means to remove one day.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap

__all__ = ["seeded", "shap"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let SHAP draw from `seed`, and leave the global generator as it was found: a fit may be drawing from it."""
    state = np.random.get_state()  # noqa: NPY002  # SHAP takes no generator
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
