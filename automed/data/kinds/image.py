"""The kind `image`: pictures of one size, grey or colour, decoded once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import pandas as pd

from automed.data import cache
from automed.data.cache import Cached
from automed.data.checks import duplicates
from automed.data.checks.duplicates import Duplicates
from automed.data.dataset import channel_statistics
from automed.data.decode.images import EXTENSIONS
from automed.data.kinds.kind import ABSENT, Fitted, Held, Index, Progress
from automed.data.paths import Pattern
from automed.data.records import Files, Items, Records
from automed.data.texts import texts
from automed.recipe import ImageInput, Recipe


class Image:
    """uint8 (m, h, w, c); a picture that is absent is black."""

    noun = "picture"

    def fields(self, recipe: Recipe, name: str) -> Iterator[tuple[str, str]]:
        pattern = Pattern.parse(recipe, name, EXTENSIONS)
        for field in pattern.fields:
            yield pattern.key, field

    def items(self, recipe: Recipe, name: str, frame: pd.DataFrame, rows: Index) -> Items:
        pattern = Pattern.parse(recipe, name, EXTENSIONS)
        return pattern.files(recipe, {field: texts(frame[field]) for field in pattern.fields}, rows)

    def read(self, recipe: Recipe, records: Records, name: str, progress: Progress | None = None) -> Held:
        spec = recipe.inputs[name]
        assert isinstance(spec, ImageInput)
        entry = cache.load(records, name, spec, progress)
        items, reasons = records.items[name], dict(entry.unreadable)
        if isinstance(items, Files):
            reasons.update({place: ABSENT for place in reasons if not items.paths[place].name})
        return Held(entry, reasons)

    def duplicates(self, held: Held, position: Index) -> Duplicates | None:
        return duplicates.find_pictures(self._entry(held).values, position)

    def fit(self, recipe: Recipe, held: Held, name: str, position: Index, train: Index, rows: Index) -> Fitted:
        seen = position[train]
        absent = np.array([place for place, reason in held.unreadable.items() if reason == ABSENT], np.int64)
        mean, deviation = channel_statistics(self._entry(held).values, np.setdiff1d(seen, absent))
        return Fitted({"mean": mean, "std": deviation})

    def store(self, recipe: Recipe, held: Held, name: str, fitted: Fitted) -> Cached:
        return self._entry(held)

    @staticmethod
    def _entry(held: Held) -> Cached:
        return cast(Cached, held.content)


KIND = Image()
