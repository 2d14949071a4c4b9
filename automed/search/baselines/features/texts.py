"""Simple features of texts for trees: TF-IDF of the words that tell classes apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.feature_selection import chi2

from automed.errors import DataError
from automed.search.baselines.features.grams import Grams
from automed.search.baselines.material import Array, Floats, Indices

FIRST_WORD = 2  # 0 is padding, 1 an unknown word
RAREST = 3  # training records
MOST = 20_000  # words looked at
WORDS = 300  # kept: trees split by few, and each costs time

TOKEN_S = 2e-7  # seconds of one thread for one token, read twice and counted, rounded up


@dataclass(frozen=True, eq=False)
class Texts:
    """TF-IDF (sublinear, of length 1) of 300 words at most, those with the largest chi-squared against the classes.

    Attributes:
        length: tokens of a text.
        grams: the words, None before they are chosen.
        weights: their inverse document frequencies.
    """

    length: int
    grams: Grams | None = None
    weights: Any = None
    rounding: float = 1e-5
    categories: tuple[int, ...] = ()

    @classmethod
    def of(cls, name: str, values: Array, facts: Mapping[str, Any], alike: int) -> Texts:
        check_tokens(name, values)
        return cls(values.shape[1])

    @property
    def width(self) -> int:
        return WORDS if self.grams is None else len(self.grams.known)

    @property
    def seconds(self) -> float:
        return self.length * TOKEN_S

    def fit(self, values: Array, train: Indices, y: Indices) -> Texts:
        grams = Grams.learn(values, train, longest=1, first=FIRST_WORD, rarest=min(RAREST, len(train)), most=MOST)
        counts = grams.count(values, train)
        if len(grams.known) > WORDS:
            score = np.nan_to_num(chi2(counts > 0, y)[0])
            kept = np.sort(np.argsort(-score, kind="stable")[:WORDS])
            grams, counts = grams.keep(kept), counts[:, kept]
        weights = TfidfTransformer(sublinear_tf=True).fit(counts) if counts.shape[1] else None
        return replace(self, grams=grams, weights=weights)

    def __call__(self, values: Array, positions: Indices) -> Floats:
        if self.grams is None or self.weights is None or not len(positions):
            return np.empty((len(positions), self.width), np.float32)
        weighted: csr_array = self.weights.transform(self.grams.count(values, positions))
        return np.asarray(weighted.toarray(), dtype=np.float32)


def check_tokens(name: str, values: Array) -> None:
    """Raises DataError where an array is not whole numbers (records, length)."""
    if values.ndim != 2 or values.dtype.kind not in "iu":
        got = f"{values.dtype} {values.shape}"
        raise DataError(f"expected whole numbers (records, length), got {got}", where=f"input {name}")
