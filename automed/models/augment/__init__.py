"""Augmentation: records changed by chance while training, each kind of input in its own way.

The layers are of our own classes and therefore only in the model that is trained, never in the one that is saved.
"""

from __future__ import annotations

from collections.abc import Sequence

from automed.models.facts import InputFacts

# What a recipe may name under `train.augment` for each kind of input, and what it gets where it names nothing.
OF_IMAGES = ("flip", "vertical_flip", "rotate", "zoom", "translate", "brightness", "contrast")
OF_SIGNALS = ("scale", "jitter", "time_shift", "lead_drop")
OF_IRREGULAR = ("scale", "jitter")  # a shift or a lost channel would contradict the masks and times beside it
USUAL = {
    "image": ("flip", "rotate", "zoom", "brightness"),
    "signal": ("scale", "jitter", "time_shift"),
    "irregular": ("jitter",),
    "text": ("word_drop",),
}


def fitting(named: Sequence[str] | None, facts: InputFacts) -> tuple[str, ...]:
    """The augmentations of one input.

    Args:
        named: `train.augment`; None takes what is usual for the kind of input. A sequence has nothing usual: a letter
            that is lost may be the one that counts, and a gene has a strand.
        facts: of the input.
    """
    kind = facts.kind
    irregular = kind == "signal" and bool(facts.facts.get("irregular"))
    if named is None:
        return USUAL.get("irregular" if irregular else kind, ())
    able: tuple[str, ...] = {"image": OF_IMAGES, "signal": OF_SIGNALS, "text": ("word_drop",)}.get(kind, ())
    if irregular:
        able = OF_IRREGULAR
    if kind == "sequence":
        able = ("word_drop", *(("reverse_complement",) if facts.facts.get("complement") else ()))
    return tuple(name for name in named if name in able)
