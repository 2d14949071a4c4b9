"""Choices that have worked on small medical sets: what a search tries before it draws.

Read without Keras, because the engine enqueues them before any worker runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from automed.models import offered
from automed.models.facts import placed
from automed.models.space import Value
from automed.recipe import Recipe

Choices = dict[str, Value]
Inputs = Mapping[str, Mapping[str, Any]]

TRAINING: Choices = {
    "dropout": 0.2,
    "loss": "cross_entropy",
    "label_smoothing": 0.05,
    "optimiser": "adamw",
    "adamw.learning_rate": 3e-3,
    "adamw.weight_decay": 0.02,
    "batch": 64,
    "mix": "none",
}
# Few patients, many variables: the networks learn patients by heart within ten epochs unless they are held back.
IRREGULAR: Choices = {**TRAINING, "dropout": 0.5, "adamw.learning_rate": 2e-3, "adamw.weight_decay": 0.1}
FUSION: Choices = {"fusion": "concat", "input_dropout": 0.0}
COMBINATIONS = 4  # of the architectures of several inputs, small ones and as many larger ones

# Of each architecture first a small, quick one, then a larger one that is held back more.
ARCHITECTURE: dict[str, tuple[Choices, Choices]] = {
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
    "cnn1d": (
        {"depth": 3, "width": 32, "kernel": 5, "normalisation": "batch", "dropout": 0.1, "detail": False},
        {"depth": 4, "width": 64, "kernel": 5, "normalisation": "batch", "dropout": 0.2, "detail": False},
    ),
    "resnet1d": (
        {"blocks": 3, "width": 32, "dropout": 0.1, "detail": False},
        {"blocks": 4, "width": 64, "dropout": 0.2, "detail": False},
    ),
    "inceptiontime": (
        {"modules": 3, "width": 16, "kernel": 40, "dropout": 0.0, "detail": False},
        {"modules": 6, "width": 16, "kernel": 40, "dropout": 0.1, "detail": False},
    ),
    "tcn": (
        {"levels": 4, "width": 32, "kernel": 3, "dropout": 0.1, "detail": False},
        {"levels": 6, "width": 64, "kernel": 3, "dropout": 0.2, "detail": False},
    ),
    "gru": (
        {"units": 64, "layers": 1, "bidirectional": True, "dropout": 0.1, "detail": False},
        {"units": 128, "layers": 1, "bidirectional": True, "dropout": 0.3, "detail": False},
    ),
    "lstm": (
        {"units": 64, "layers": 1, "bidirectional": True, "dropout": 0.1, "detail": False},
        {"units": 128, "layers": 1, "bidirectional": True, "dropout": 0.3, "detail": False},
    ),
    "grud": (
        {"units": 64, "layers": 1, "bidirectional": False, "dropout": 0.3, "detail": False},
        {"units": 64, "layers": 1, "bidirectional": True, "dropout": 0.4, "detail": False},
    ),
    "transformer": (
        {"blocks": 1, "width": 64, "heads": 4, "dropout": 0.1, "detail": False},
        {"blocks": 3, "width": 64, "heads": 4, "dropout": 0.2, "detail": False},
    ),
    "bag": ({"together": 1, "dropout": 0.3}, {"together": 2, "dropout": 0.3}),
    "mlp": (
        {"depth": 2, "width": 64, "block": "plain", "select": False, "dropout": 0.2},
        {"depth": 2, "width": 128, "block": "gated", "select": True, "dropout": 0.3},
    ),
}
# What goes with the small one of a kind of input, and with the larger one.
OF_KIND: dict[str, tuple[Choices, Choices]] = {
    "image": (
        {"normalise": "dataset", "pool": "average", "augment": "light"},
        {"normalise": "dataset", "pool": "both", "augment": "strong"},
    ),
    "signal": ({"pool": "average", "augment": "light"}, {"pool": "max", "augment": "strong"}),
    "text": (
        {"pool": "max", "augment": "light", "embedding.size": 64},
        {"pool": "attention", "augment": "strong", "embedding.size": 64},
    ),
    "sequence": (
        {"pool": "max", "augment": "light", "embedding.size": 16},
        {"pool": "attention", "augment": "light", "embedding.size": 32},
    ),
    "tabular": (
        {"augment": "light", "categories": "one_hot", "embedding.size": 4},
        {"augment": "light", "categories": "embedded", "embedding.size": 4},
    ),
}
# A recurrent network has read all by its last steps: an average over the early ones would thin that out. Words without
# an order are averaged: the strongest of each feature would be one rare word's.
POOL: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("gru", "lstm", "grud"), ("attention", "max")),
    "bag": ("average", "attention"),
}
LEARNING_RATE = {"transformer": 1e-3, "pretrained": 2e-3}


class _Start(NamedTuple):
    """Choices of one input, and those of the whole candidate that go with them."""

    own: Choices
    common: Choices


def known_good(recipe: Recipe, inputs: Inputs) -> list[Choices]:
    """Complete choices, each under the names that the builders ask for, the small ones of all architectures first.

    Args:
        recipe: `search.architectures` and `pretrained.backbones` are read; two starts are given for each backbone.
        inputs: by name what is known of each: the entries of data.json.

    Names that a recipe does not ask for (`batch` where it is fixed) are given all the same: a space leaves them alone.
    Several inputs meet in a few combinations, side by side.

    Raises:
        RecipeError: no architecture that is named suits an input.
    """
    names = offered(recipe, inputs)
    starts = {
        name: [_starts(architecture, entry, recipe.pretrained.backbones) for architecture in names[name]]
        for name, entry in inputs.items()
    }
    if len(inputs) == 1:
        (alone,) = starts.values()
        flat = [start for level in zip_longest(*alone) for start in level if start is not None]
        return [{**start.own, **start.common} for start in flat]
    widest = min(COMBINATIONS, max(len(of_input) for of_input in starts.values()))
    return [_combine(starts, place, larger) for larger in (False, True) for place in range(widest)]


def _combine(starts: Mapping[str, list[list[_Start]]], place: int, larger: bool) -> Choices:
    """For each input one of its architectures, in turn."""
    common: Choices = {**FUSION, "input_dropout": 0.1} if larger else dict(FUSION)
    rate = float(TRAINING["adamw.learning_rate"] or 0.0)
    found: Choices = {}
    # Of what concerns the whole candidate, the most careful that one of its inputs asks for.
    held = dict.fromkeys(("dropout", "adamw.weight_decay"), 0.0)
    for name, of_input in starts.items():
        levels = of_input[place % len(of_input)]
        start = levels[-1 if larger else 0]
        found |= {f"{name}.{key}": value for key, value in start.own.items()}
        rate = min(rate, float(start.common["adamw.learning_rate"] or 0.0))
        held = {key: max(value, float(start.common[key] or 0.0)) for key, value in held.items()}
        common |= start.common
    return {**found, **common, **held, "adamw.learning_rate": rate, "mix": "none"}


def _starts(architecture: str, entry: Mapping[str, Any], backbones: tuple[str, ...]) -> list[_Start]:
    kind = str(entry["kind"])
    training = IRREGULAR if entry.get("irregular") else TRAINING
    rate: Choices = {"adamw.learning_rate": LEARNING_RATE.get(architecture, training["adamw.learning_rate"])}
    if architecture == "pretrained":
        return [
            _Start({"architecture": architecture, **OF_KIND[kind][0], **_backbone(name, *how)}, {**TRAINING, **rate})
            for how in (("late", 2.0), ("all", 1.5))
            for name in backbones
        ]
    found = []
    for position, own in enumerate(ARCHITECTURE[architecture]):
        choices: Choices = {"architecture": architecture, **OF_KIND[kind][position], **_vectors(entry, position)}
        if architecture in POOL:
            choices["pool"] = POOL[architecture][position]
        if kind == "sequence" and placed(entry) and not position:
            choices["pool"] = "flatten"
        choices |= {f"{architecture}.{name}": value for name, value in own.items()}
        mix: Choices = {"mix": "mixup"} if position else {}
        if entry.get("irregular"):
            choices["augment"] = "strong"
        found.append(_Start(choices, {**training, **rate, **mix}))
    return found


def _vectors(entry: Mapping[str, Any], position: int) -> Choices:
    """Where the vectors of tokens come from: published ones first, those of an alphabet after learnt ones."""
    if entry.get("embedding"):
        return {"embedding.vectors": ("tuned", "frozen")[position]}
    return {"embedding.vectors": ("learnt", "fixed")[position]} if entry.get("vectors") else {}


def _backbone(name: str, unfreeze: str, enlarge: float) -> Choices:
    own: Choices = {"backbone": name, "enlarge": enlarge, "unfreeze": unfreeze, "rate": 0.1}
    return {f"pretrained.{key}": value for key, value in own.items()}
