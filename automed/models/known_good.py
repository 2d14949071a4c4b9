"""Choices that have worked on small medical images: what a search tries before it draws.

Read without Keras, because the engine enqueues them before any worker runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from automed.models.space import Value

Choices = dict[str, Value]

TRAINING: Choices = {
    "normalise": "dataset",
    "pool": "average",
    "dropout": 0.2,
    "augment": "light",
    "loss": "cross_entropy",
    "label_smoothing": 0.05,
    "optimiser": "adamw",
    "adamw.learning_rate": 3e-3,
    "adamw.weight_decay": 0.02,
    "batch": 64,
    "mix": "none",
}

# Of each architecture first a small, quick one, then a larger one that is held back more.
ARCHITECTURE: dict[str, tuple[Choices, ...]] = {
    "cnn": (
        {"depth": 3, "width": 24, "kernel": 3, "normalisation": "batch", "dropout": 0.1, "detail": False},
        {"depth": 4, "width": 24, "kernel": 3, "normalisation": "batch", "dropout": 0.2, "detail": False},
    ),
    "resnet": (
        {"stages": 3, "blocks": 1, "width": 16, "squeeze_excitation": False, "dropout": 0.1, "detail": False},
        {"stages": 4, "blocks": 1, "width": 16, "squeeze_excitation": True, "dropout": 0.2, "detail": False},
    ),
    "mobilenet": (
        {
            "stages": 3,
            "blocks": 1,
            "width": 16,
            "expansion": 4,
            "kernel": 3,
            "squeeze_excitation": False,
            "detail": False,
        },
        {
            "stages": 3,
            "blocks": 2,
            "width": 24,
            "expansion": 4,
            "kernel": 3,
            "squeeze_excitation": True,
            "detail": False,
        },
    ),
}
LARGER: Choices = {"augment": "strong", "pool": "both", "mix": "mixup"}


def known_good(architectures: Sequence[str], backbones: Sequence[str] = ()) -> list[Choices]:
    """Complete choices, each under the names that the builders ask for, the small ones of all architectures first.

    Args:
        architectures: of the recipe, in its order.
        backbones: of the recipe; two starts are given for each.

    Names that a recipe does not ask for (`batch` where it is fixed) are given all the same: a space leaves them alone.
    """
    starts = [_starts(name, backbones) for name in architectures]
    return [choices for level in zip_longest(*starts) for choices in level if choices is not None]


def _starts(architecture: str, backbones: Sequence[str]) -> list[Choices]:
    if architecture == "pretrained":
        return [_pretrained(name, *start) for start in (("late", 2.0), ("all", 1.5)) for name in backbones]
    found = []
    for position, own in enumerate(ARCHITECTURE.get(architecture, ())):
        named = {f"{architecture}.{name}": value for name, value in own.items()}
        found.append({"architecture": architecture, **TRAINING, **(LARGER if position else {}), **named})
    return found


def _pretrained(backbone: str, unfreeze: str, enlarge: float) -> Choices:
    own: Choices = {"backbone": backbone, "enlarge": enlarge, "unfreeze": unfreeze, "rate": 0.1}
    named = {f"pretrained.{name}": value for name, value in own.items()}
    return {"architecture": "pretrained", **TRAINING, **named, "adamw.learning_rate": 2e-3}
