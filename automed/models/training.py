"""The choices of a trial that no model, loss or optimiser asks for: batch size and mixing."""

from __future__ import annotations

from dataclasses import dataclass

from automed.models.space import Space
from automed.recipe import Recipe

BATCHES = (32, 64, 128)


@dataclass(frozen=True)
class Training:
    """How batches are made.

    Args:
        batch: records a batch.
        mix: none; mixup (arXiv:1710.09412), pairs are averaged; cutmix (arXiv:1905.04899), a patch goes from one to
            the other of a pair. Targets are mixed in the same proportion.
        alpha: the share of the first of a pair is drawn from Beta(alpha, alpha); 0 where nothing is mixed.
    """

    batch: int
    mix: str
    alpha: float


def training_choices(space: Space, recipe: Recipe) -> Training:
    """Ask for `batch`, unless the recipe fixes it, and for `mix`."""
    batch = recipe.train.batch or space.choice("batch", BATCHES)
    mix = space.choice("mix", ("none", "mixup", "cutmix"))
    return Training(batch, mix, {"none": 0.0, "mixup": 0.2, "cutmix": 1.0}[mix])
