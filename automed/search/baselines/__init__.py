"""What every candidate must beat: the majority class, and classical models that suit the kinds of input.

All see the training records alone and load no Keras. They are meant to be strong: where a search does not beat them,
that is a result. `automed.search.BASELINES` names them; `default_baselines` chooses where a recipe names none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automed.recipe import Recipe

READS = {
    "majority": ("image", "signal", "text", "sequence", "tabular"),
    "boosting": ("image", "signal", "text", "sequence", "tabular"),
    "tfidf": ("text",),
    "kmer": ("sequence",),
    "minirocket": ("signal",),
}
SUITED = {"text": ("tfidf",), "sequence": ("kmer",), "signal": ("minirocket", "boosting")}


def default_baselines(kinds: Sequence[str], *, irregular: bool = False) -> tuple[str, ...]:
    """The baselines of a recipe that names none.

    Args:
        kinds: the kind of each input.
        irregular: whether a signal among them was observed at irregular times: convolution then has little to hold on
            to, and summaries of the observations do better.
    """
    suited: tuple[str, ...] = ("boosting",)
    if len(set(kinds)) == 1 and not irregular:
        suited = SUITED.get(kinds[0], suited)
    return "majority", *(name for name in suited if suits(name, kinds))


def baselines_of(recipe: Recipe, inputs: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The baselines of a recipe: those it names, or what suits its inputs.

    Args:
        recipe: `search.baselines`.
        inputs: by name `kind`, and `irregular` where it is true; the entries of data.json do.
    """
    if recipe.search.baselines is not None:
        return recipe.search.baselines
    irregular = any(bool(entry.get("irregular")) for entry in inputs.values())
    return default_baselines([str(entry["kind"]) for entry in inputs.values()], irregular=irregular)


def suits(name: str, kinds: Sequence[str]) -> bool:
    """Whether a baseline reads one of these kinds of input at least; others beside it are left out."""
    return not set(READS[name]).isdisjoint(kinds)
