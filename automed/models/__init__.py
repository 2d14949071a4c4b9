"""Architectures: what a recipe may name under `search.architectures`, and which kinds of input each one serves.

Raw input -> front -> encoder -> pooling -> fusion -> head. A front (`fronts/`, one file a kind of input) makes the raw
array ready, an encoder (`encoders/`, one file an architecture, `build(space, shape) -> keras.Model`) turns that into
features; `assembly.py` puts them together. The choices that a search tries first stand in `known_good.py`. Keras is
imported when one is loaded, never by this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from automed.errors import UsageError
from automed.registry import Entry, Table

if TYPE_CHECKING:
    from automed.recipe import Recipe

ARCHITECTURES = Table(
    "architecture",
    {
        "cnn": Entry("automed.models.encoders.cnn:build", "plain convolutional network, VGG style"),
        "resnet": Entry(
            "automed.models.encoders.resnet:build",
            "residual network with pre-activation; squeeze-excitation as a choice",
        ),
        "mobilenet": Entry(
            "automed.models.encoders.mobilenet:build", "mobile network of inverted bottlenecks: the smallest files"
        ),
        "pretrained": Entry(
            "automed.models.encoders.pretrained:build", "a published network with its weights, fine-tuned"
        ),
        "cnn1d": Entry("automed.models.encoders.cnn1d:build", "plain convolutional network over steps"),
        "resnet1d": Entry("automed.models.encoders.resnet1d:build", "residual network over steps"),
        "inceptiontime": Entry(
            "automed.models.encoders.inceptiontime:build", "convolutions of several lengths side by side"
        ),
        "tcn": Entry("automed.models.encoders.tcn:build", "causal convolutions with growing gaps"),
        "gru": Entry("automed.models.encoders.gru:build", "gated recurrent units, one way or both"),
        "lstm": Entry("automed.models.encoders.lstm:build", "long short-term memory, one way or both"),
        "grud": Entry("automed.models.encoders.grud:build", "gated recurrent units that let old observations fade"),
        "transformer": Entry("automed.models.encoders.transformer:build", "small self-attention network"),
        "bag": Entry("automed.models.encoders.bag:build", "average of word vectors: the order is left aside"),
        "mlp": Entry("automed.models.encoders.mlp:build", "dense layers over columns, with gates"),
    },
)

# Of each kind of input the architectures that suit it, in the order in which a search meets them: cheap and good first.
_IMAGE = ("cnn", "resnet", "mobilenet", "pretrained")
_SIGNAL = ("cnn1d", "resnet1d", "gru", "inceptiontime", "tcn", "transformer", "lstm")
_IRREGULAR = ("grud", "gru", "cnn1d", "tcn", "transformer", "lstm", "resnet1d", "inceptiontime")
_SEQUENCE = ("cnn1d", "gru", "tcn", "transformer", "lstm", "resnet1d")
_TEXT = ("bag", "gru", "cnn1d", "lstm", "transformer", "tcn", "resnet1d")
SUITED = {"image": _IMAGE, "signal": _SIGNAL, "text": _TEXT, "sequence": _SEQUENCE, "tabular": ("mlp",)}

# Not offered unless the recipe names it: its weights may have to be fetched.
ON_REQUEST = ("pretrained",)


def suited(kind: str, irregular: bool = False) -> tuple[str, ...]:
    """The architectures that serve a kind of input; `irregular` is a signal that was not observed at even steps."""
    return _IRREGULAR if irregular else SUITED[kind]


def kinds_of(architecture: str) -> tuple[str, ...]:
    """The kinds of input that an architecture serves; raises UsageError for an unknown name."""
    ARCHITECTURES[architecture]
    return tuple(kind for kind, names in SUITED.items() if architecture in (*names, *(_IRREGULAR * (kind == "signal"))))


def offered(recipe: Recipe, inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The architectures among which the search chooses for each input.

    Args:
        recipe: `search.architectures` names them; where it is empty, all that suit an input are offered, but for
            `pretrained`.
        inputs: by name what is known of each: `kind`, and `irregular` where it is true. The entries of data.json do.

    Returns:
        Names by input, in the recipe's order, at least one each.

    Raises:
        UsageError: an unknown architecture.
        RecipeError: none that is named suits an input, or one suits no input.
    """
    named = recipe.search.architectures
    found: dict[str, tuple[str, ...]] = {}
    for name, entry in inputs.items():
        able = suited(str(entry["kind"]), bool(entry.get("irregular")))
        found[name] = tuple(a for a in (named or able) if a in able and (named or a not in ON_REQUEST))
        if not found[name]:
            raise recipe.fail(
                "search.architectures",
                f"names none that suits the {entry['kind']} input {name!r}",
                hint=f"Add one of {', '.join(able)}.",
            )
    for architecture in named:
        kinds = kinds_of(architecture)
        if not any(architecture in names for names in found.values()):
            lacks = ", whose observations are irregular" if architecture == "grud" else ""
            raise recipe.fail(
                "search.architectures",
                f"names {architecture!r}, which suits no input of the recipe",
                hint=f"It serves {' and '.join(kinds)} inputs{lacks}. Leave it out.",
            )
    return found


def title(choices: Mapping[str, Any]) -> str:
    """What a candidate is called: its architecture, `cnn`, or those of its inputs in their order, `cnn+mlp`.

    Raises:
        UsageError: the choices name none.
    """
    if "architecture" in choices:
        return str(choices["architecture"])
    of_inputs = [str(value) for name, value in choices.items() if name.endswith(".architecture")]
    if not of_inputs:
        raise UsageError("the choices name no architecture", where="choices")
    return "+".join(of_inputs)
