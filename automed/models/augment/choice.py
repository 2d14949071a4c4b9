"""Which augmentation an input gets."""

from __future__ import annotations

from collections.abc import Sequence

from automed.models import augment
from automed.models.augment.images import STRENGTHS, AugmentImages
from automed.models.augment.signals import AugmentSignals
from automed.models.augment.tokens import AugmentTokens
from automed.models.facts import InputFacts
from automed.models.space import Space

Layer = AugmentImages | AugmentSignals | AugmentTokens


def layer(space: Space, named: Sequence[str] | None, facts: InputFacts, deviation: float, name: str) -> Layer | None:
    """The augmentation that `space` chooses among none, light and strong; None where nothing is to be changed.

    Asks for `augment` where `named` has anything that fits the input.

    Args:
        space: where the choice comes from.
        named: `train.augment`.
        facts: of the input.
        deviation: standard deviation of the prepared pixels of an image.
        name: of the layer.

    Returns:
        A layer that takes the prepared input, or the raw one where its `raw` is true.
    """
    kinds = augment.fitting(named, facts)
    if not kinds or (strength := space.choice("augment", ("none", *STRENGTHS))) == "none":
        return None
    if facts.kind == "image":
        return AugmentImages(kinds, STRENGTHS[strength], deviation, name=name)
    if facts.kind == "signal":
        return AugmentSignals(kinds, strength, facts, name=name)
    return AugmentTokens(kinds, strength, facts.facts.get("complement"), name=name)
