"""Players of a table's row: columns."""

from __future__ import annotations

import numpy as np

from automed.explain.players.record import Division
from automed.explain.subject import Array, InputSpec

DRAWS = 8  # training records whose values stand in for a hidden one


class Columns:
    """One column a player; runs of neighbouring ones where there are more than parts.

    A missing value is a player too: that a test was not made may speak for a class.
    """

    fill = "values of training records"

    def divide(self, spec: InputSpec, record: Array, parts: int, seed: int) -> Division:
        """Cut a row into at most `parts` runs of columns; a row in which everything is missing has none."""
        count = spec.shape[0]
        if np.isnan(record).all():
            return Division(np.full(count, -1, np.int32), ())
        runs = min(count, parts)
        part = np.arange(count, dtype=np.int32) * runs // count
        members = [np.flatnonzero(part == run) for run in range(runs)]
        names = (
            spec.elements[one[0]] if len(one) == 1 else f"{spec.elements[one[0]]} to {spec.elements[one[-1]]}"
            for one in members
        )
        return Division(part.astype(np.int32), tuple(names))

    def stand_ins(self, spec: InputSpec, record: Array, background: Array, seed: int) -> Array:
        """Rows of up to `DRAWS` training records: (r, columns); nothing known where there is none.

        A hidden column has the values of other patients, whatever the shown columns are: the interventional value of
        a coalition. Numbers, categories and what is missing are alike in this.

        Source: Janzing, Minorics and Bloebaum 2020, arXiv:1910.13413 (why interventional).
        """
        there = background[~np.isnan(background).all(axis=1)]
        if not len(there):
            return np.full((1, *record.shape), np.nan, record.dtype)
        drawn = np.random.default_rng(seed).permutation(len(there))[:DRAWS]
        return np.asarray(there[drawn].astype(record.dtype))


KIND = Columns()
