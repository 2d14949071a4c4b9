"""Source `phantom`: synthetic records with a known answer."""

from __future__ import annotations

from automed.data.phantoms import PHANTOMS
from automed.data.records import Records
from automed.recipe import PhantomData, Recipe


def read(recipe: Recipe) -> Records:
    """The records of the phantom that the recipe names."""
    assert isinstance(recipe.data, PhantomData)
    records: Records = PHANTOMS.load(recipe.data.phantom)(recipe)
    return records
