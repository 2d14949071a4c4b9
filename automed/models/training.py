"""The choices of a trial that no model, loss or optimiser asks for: batch size and mixing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automed.models.facts import InputFacts
from automed.models.space import Space
from automed.recipe import Recipe

BATCHES = (32, 64, 128)
ALPHA = {"none": 0.0, "mixup": 0.2, "cutmix": 1.0}


@dataclass(frozen=True)
class Training:
    """How batches are made.

    Args:
        batch: records a batch.
        mix: none; mixup (arXiv:1710.09412), pairs are averaged; cutmix (arXiv:1905.04899), a patch of an image or a
            stretch of a signal goes from one to the other of a pair. Targets are mixed in the same proportion.
        alpha: the share of the first of a pair is drawn from Beta(alpha, alpha); 0 where nothing is mixed.
    """

    batch: int
    mix: str
    alpha: float


def training_choices(space: Space, recipe: Recipe, inputs: Mapping[str, InputFacts]) -> Training:
    """Ask for `batch`, unless the recipe fixes it, and for `mix`, where the inputs can be mixed."""
    batch = recipe.train.batch or space.choice("batch", BATCHES)
    offers = mixes(inputs)
    mix = space.choice("mix", offers) if len(offers) > 1 else "none"
    return Training(batch, mix, ALPHA[mix])


def mixes(inputs: Mapping[str, InputFacts]) -> tuple[str, ...]:
    """The ways in which records may be mixed: none for tokens, columns and signals with gaps, which have no middle."""
    images = all(facts.kind == "image" for facts in inputs.values())
    signals = all(_without_gaps(facts) for facts in inputs.values())
    return tuple(ALPHA) if images or signals else ("none",)


def _without_gaps(facts: InputFacts) -> bool:
    return facts.kind == "signal" and not facts.facts.get("irregular") and facts.facts.get("gaps") == 0
