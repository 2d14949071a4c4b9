"""Where the reference standard comes from, and how the data are told apart by site: what the recipe says of both."""

from __future__ import annotations

from dataclasses import dataclass

from automed.recipe import Recipe
from automed.recipe.sources import AnyData, FolderData, MedmnistData, NpzData, PhantomData, SampleData, TableData
from automed.report import words


@dataclass(frozen=True)
class Source:
    """What the recipe says of the records.

    Attributes:
        standard: where the reference standard is taken from, a sentence.
        site: the column that names sites; None where the recipe names none.
        split: the kind of division, as the recipe writes it.
        dropped: whether records without a label were left out before any count.
    """

    standard: str
    site: str | None
    split: str
    dropped: bool


def read_source(recipe: Recipe) -> Source:
    """What a recipe tells of its data; every word of a user is cleaned."""
    dropped = isinstance(recipe.data, TableData) and recipe.data.unlabelled == "drop"
    site = recipe.evaluate.sites or (recipe.split.column if recipe.split.by == "site" else None)
    return Source(_standard(recipe.data), None if site is None else words.clean(site), recipe.split.by, dropped)


def _standard(data: AnyData) -> str:
    match data:
        case TableData():
            text = f"The column “{words.clean(data.target)}” of the table."
        case FolderData():
            text = "The name of the folder in which a file lies."
        case NpzData():
            text = "The labels that the file of arrays holds."
        case MedmnistData():
            text = f"The labels of the MedMNIST set {words.clean(data.name)}."
        case SampleData():
            text = f"The labels of the sample {words.clean(data.sample)}."
        case PhantomData():
            return "Known without error, for the program that drew the records set it. It is no diagnosis."
        case _:
            text = "As the source of the data gives it."
    return f"{text} Who set it, how and when is not part of this run."
