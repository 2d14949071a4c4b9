"""One input of each kind, small and made up: its facts as data.json has them, and records with gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from automed.models.facts import InputFacts
from automed.recipe import Recipe

CLASSES = ("benign", "malignant", "other")
BACKBONES = ("SqueezeNet",)
STEPS, TOKENS = 24, 20


def image(shape: tuple[int, int, int] = (28, 28, 1)) -> InputFacts:
    """An image of this shape with plausible statistics."""
    return InputFacts("image", shape, {"mean": (140.0,) * shape[2], "std": (45.0,) * shape[2], "dtype": "uint8"})


def signal(steps: int = STEPS, channels: int = 3, gaps: float = 0.1) -> InputFacts:
    """A regular signal, with the share of values that are missing."""
    facts = {
        "channels": [f"lead {i}" for i in range(channels)],
        "roles": ["value"] * channels,
        "mean": [10.0 * i for i in range(channels)],
        "std": [1.0 + i for i in range(channels)],
        "usable": [True] * channels,
        "irregular": False,
        "gaps": gaps,
        "dtype": "float32",
    }
    return InputFacts("signal", (steps, channels), facts)


def irregular(steps: int = STEPS, variables: int = 3) -> InputFacts:
    """Irregular observations: values carried forward, masks, and the time since each variable was last seen."""
    facts = {
        "channels": [f"{role} {i}" for role in ("value", "mask", "elapsed") for i in range(variables)],
        "roles": [role for role in ("value", "mask", "elapsed") for _ in range(variables)],
        "mean": [5.0] * variables + [0.0] * variables + [2.0] * variables,
        "std": [2.0] * variables + [1.0] * variables + [3.0] * variables,
        "usable": [True] * 3 * variables,
        "irregular": True,
        "dtype": "float32",
    }
    return InputFacts("signal", (steps, 3 * variables), facts)


def text(tokens: int = TOKENS, words: int = 30) -> InputFacts:
    """A text of a small vocabulary."""
    vocabulary = ["", "[unknown]", *(f"word{i}" for i in range(words))]
    return InputFacts("text", (tokens,), {"vocabulary": vocabulary, "embedding": None, "dtype": "int32"})


def dna(tokens: int = TOKENS) -> InputFacts:
    """A stretch of DNA: A, C, G and T are 2 to 5, and N is unknown."""
    facts = {
        "alphabet": ["", "N", "A", "C", "G", "T"],
        "complement": [0, 1, 5, 4, 3, 2],
        "vectors": [[0.0] * 4, [0.25] * 4, *np.eye(4).tolist()],
        "embedding": None,
        "dtype": "uint8",
    }
    return InputFacts("sequence", (tokens,), facts)


def columns() -> InputFacts:
    """Two numbers, one of which never varies, and two categories."""
    features = [
        {"name": "age", "kind": "number", "mean": 60.0, "std": 12.0},
        {"name": "sex", "kind": "category", "levels": ["", "f", "m"]},
        {"name": "site", "kind": "number", "mean": 1.0, "std": 0.0},
        {"name": "place", "kind": "category", "levels": ["", "arm", "back", "leg"]},
    ]
    return InputFacts("tabular", (4,), {"features": features, "dtype": "float32"})


CASES = {
    "image": image(),
    "signal": signal(),
    "irregular": irregular(),
    "text": text(),
    "sequence": dna(),
    "tabular": columns(),
}


def records(facts: InputFacts, n: int = 6, seed: int = 0) -> np.ndarray:
    """Records by chance, as the store keeps them; the last is absent, and of steps the one before it ends early."""
    random = np.random.default_rng(seed)
    shape = (n, *facts.shape)
    if facts.kind == "image":
        x = random.integers(0, 256, shape, dtype=np.uint8)
        x[-1] = 0
        return x
    if facts.kind == "signal":
        return _series(facts, random, shape)
    if facts.kind == "tabular":
        levels = [len(feature.get("levels", ())) for feature in facts.facts["features"]]
        numbers = random.normal(60.0, 12.0, shape)
        codes = np.stack([random.integers(0, max(1, count), n) for count in levels], axis=1)
        x = np.where(np.array(levels) > 0, codes, numbers).astype(np.float32)
        x[random.random(shape) < 0.2] = np.nan
        x[-1] = np.nan
        return x
    count = len(facts.facts.get("vocabulary") or facts.facts["alphabet"])
    tokens = random.integers(1, count, shape)
    tokens[-2, facts.shape[0] // 2 :] = 0
    tokens[-1] = 0
    return tokens.astype(facts.facts["dtype"])


def _series(facts: InputFacts, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    mean, std = (np.array(facts.facts[key], np.float32) for key in ("mean", "std"))
    x = random.normal(mean, std, shape).astype(np.float32)
    gaps = random.random(shape) < 0.2
    if facts.facts["irregular"]:
        count = shape[2] // 3
        seen = random.random((*shape[:2], count)) < 0.4
        seen[-2, shape[1] // 2 :] = False
        at = np.arange(shape[1])[:, None]
        latest = np.maximum.accumulate(np.where(seen, at, -1), axis=1)
        carried = np.take_along_axis(x[..., :count], np.maximum(latest, 0), axis=1)
        x = np.concatenate([np.where(latest < 0, np.nan, carried), seen, at - latest], axis=2).astype(np.float32)
    else:
        x[gaps] = np.nan
        x[-2, shape[1] // 2 :] = np.nan
    x[-1] = np.nan
    return x


def recipe_of(
    inputs: Mapping[str, InputFacts], *architectures: str, task: str = "multiclass", augment: Any = None
) -> Recipe:
    """A recipe with inputs of these kinds that offers these architectures."""
    needed: dict[str, dict[str, Any]] = {
        "image": {},
        "signal": {},
        "text": {"column": "note"},
        "sequence": {"column": "dna", "alphabet": "dna"},
        "tabular": {"columns": ["age", "sex", "site", "place"], "categories": ["sex", "place"]},
    }
    return Recipe.model_validate(
        {
            "name": "contract",
            "data": {"source": "phantom", "phantom": "dermoscopy", "task": task},
            "inputs": {name: {"kind": facts.kind, **needed[facts.kind]} for name, facts in inputs.items()},
            "search": {"architectures": architectures},
            "train": {"augment": augment},
            "pretrained": {"backbones": BACKBONES, "weights": "none"},
        }
    )
