"""The metrics on weighted records, for many resamples at once.

A resample is a vector of whole numbers, how often each record was drawn; a metric of it equals the metric of the
records written out that many times. Confusion matrices of all resamples are one matrix product, and the curves need one
sort a class or label. The second axis of every weight matrix is the resample, so that sums run over contiguous rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.sample import Sample

Floats = NDArray[np.float64]


class Resamples:
    """A sample under many weightings; each part is computed when it is first asked for.

    Args:
        sample: n records.
        weights: float64 (n, resamples), whole numbers.
    """

    def __init__(self, sample: Sample, weights: Floats) -> None:
        self.sample = sample
        self.weights = weights

    @cached_property
    def total(self) -> Floats:
        """Records in each resample: float64 (resamples,). Not constant, for patients differ in their records."""
        return np.asarray(self.weights.sum(axis=0))

    @cached_property
    def tables(self) -> Floats:
        """Weighted counts of each question: float64 (resamples, questions, answers, answers), rows the reference."""
        size, questions = self.sample.answers, self.sample.reference.shape[1]
        indicator, cells = self.sample.cells
        counts = np.zeros((self.weights.shape[1], questions * size * size))
        counts[:, cells] = (indicator.T @ self.weights).T
        return counts.reshape(-1, questions, size, size)

    @property
    def confusion(self) -> Floats:
        """The same, as this task has it: (resamples, classes, classes), or of labels (resamples, labels, 2, 2)."""
        return self.tables.reshape(-1, *self.sample.table_shape)

    @cached_property
    def true(self) -> Floats:
        """Records that each answer is true of: float64 (resamples, answers of all questions)."""
        return self._flat(self.tables.sum(axis=3))

    @cached_property
    def right(self) -> Floats:
        """Those of them that it was decided for: float64 (resamples, answers of all questions)."""
        return self._flat(np.diagonal(self.tables, axis1=2, axis2=3))

    @property
    def support(self) -> Floats:
        """Records of each class in the reference standard: float64 (resamples, classes)."""
        return self.true[:, self.sample.own]

    @cached_property
    def named(self) -> Floats:
        """Records predicted as each class: float64 (resamples, classes)."""
        return self._flat(self.tables.sum(axis=2))[:, self.sample.own]

    @property
    def hits(self) -> Floats:
        """Records of each class that are predicted as it: float64 (resamples, classes)."""
        return self.right[:, self.sample.own]

    def _flat(self, counts: Floats) -> Floats:
        return counts.reshape(len(counts), -1)

    @cached_property
    def curves(self) -> tuple[Floats, Floats]:
        """AUROC and AUPRC of each class against the rest: twice float64 (resamples, classes)."""
        pairs = [self._curves(k) for k in range(len(self.sample.classes))]
        return np.stack([roc for roc, _ in pairs], axis=1), np.stack([pr for _, pr in pairs], axis=1)

    def _curves(self, k: int) -> tuple[Floats, Floats]:
        """Both areas from weights added up along falling scores; records with one score enter together.

        AUROC is the mean, over the records inside the class, of the share of outside records that score lower (half
        where equal). Average precision is their mean precision at their own score.
        """
        scores, inside = self.sample.probabilities[:, k], self.sample.inside[:, k]
        order = np.argsort(-scores, kind="stable")
        positives, negatives = order[inside[order]], order[~inside[order]]
        if not (positives.size and negatives.size):
            nothing = np.full(self.weights.shape[1], np.nan)
            return nothing, nothing
        falling_in, falling_out = -scores[positives], -scores[negatives]
        drawn = self.weights[positives]
        inside_so_far = np.cumsum(drawn, axis=0)
        outside_so_far = np.zeros((negatives.size + 1, self.weights.shape[1]))
        np.cumsum(self.weights[negatives], axis=0, out=outside_so_far[1:])
        above = outside_so_far[np.searchsorted(falling_out, falling_in, side="left")]
        not_below = outside_so_far[np.searchsorted(falling_out, falling_in, side="right")]
        found = inside_so_far[np.searchsorted(falling_in, falling_in, side="right") - 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            inside_total, outside_total = inside_so_far[-1], outside_so_far[-1]
            beaten = outside_total - (above + not_below) / 2
            roc = np.einsum("ij,ij->j", drawn, beaten) / (inside_total * outside_total)
            # A record that was not drawn adds nothing, even where its precision is 0/0.
            precision = found / np.maximum(found + not_below, 1)
            average = np.einsum("ij,ij->j", drawn, precision) / inside_total
        return roc, np.where(np.isnan(roc), np.nan, average)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, NaN where the denominator is 0."""
    undefined = np.full(denominator.shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator > 0))


def _mean_defined(values: Floats) -> Floats:
    """Mean over the classes that are not NaN."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


def precision(resamples: Resamples) -> Floats:
    """float64 (resamples, classes), NaN where none was predicted."""
    return _ratio(resamples.hits, resamples.named)


def recall(resamples: Resamples) -> Floats:
    """float64 (resamples, classes), NaN where the class is absent."""
    return _ratio(resamples.hits, resamples.support)


def specificity(resamples: Resamples) -> Floats:
    """float64 (resamples, classes), NaN where nothing is outside the class."""
    outside = resamples.total[:, None] - resamples.support
    return _ratio(outside - (resamples.named - resamples.hits), outside)


def f1(resamples: Resamples) -> Floats:
    """float64 (resamples, classes), NaN where the class is neither in the reference standard nor predicted."""
    return _ratio(2 * resamples.hits, resamples.support + resamples.named)


def _mcc(resamples: Resamples) -> Floats:
    tables = resamples.tables
    total = resamples.total[:, None]
    support, named = tables.sum(axis=3), tables.sum(axis=2)
    right = np.diagonal(tables, axis1=2, axis2=3).sum(axis=2)
    covariance = right * total - (support * named).sum(axis=2)
    spread_reference = total**2 - (support**2).sum(axis=2)
    spread_predicted = total**2 - (named**2).sum(axis=2)
    value = covariance / np.sqrt(np.maximum(spread_reference * spread_predicted, 1))
    return _mean_defined(np.where(spread_reference > 0, value, np.nan))


def _qwk(resamples: Resamples) -> Floats:
    ranks = np.arange(resamples.sample.answers)
    distance = np.square(ranks[:, None] - ranks)
    table = resamples.confusion
    reference, decided = table.sum(axis=2), table.sum(axis=1)
    observed = np.einsum("rjk,jk->r", table, distance)
    expected = np.einsum("rj,jk,rk->r", reference, distance, decided) / resamples.total
    return np.where((reference > 0).sum(axis=1) > 1, 1 - _ratio(observed, expected), np.nan)


def _ranked(resamples: Resamples, which: int) -> Floats:
    # A plain mean: one class without a curve leaves the resample without a value.
    return np.asarray(resamples.curves[which][:, list(resamples.sample.ranked)].mean(axis=1))


def _mean(resamples: Resamples, per_record: Floats) -> Floats:
    return _ratio(per_record @ resamples.weights, resamples.total)


OVERALL: Mapping[str, Callable[[Resamples], Floats]] = {
    "macro_f1": lambda resamples: _mean_defined(f1(resamples)),
    "accuracy": lambda resamples: _mean(resamples, resamples.sample.right.astype(np.float64)),
    "balanced_accuracy": lambda resamples: _mean_defined(_ratio(resamples.right, resamples.true)),
    "auroc": lambda resamples: _ranked(resamples, 0),
    "auprc": lambda resamples: _ranked(resamples, 1),
    "mcc": _mcc,
    "qwk": _qwk,
    "rank_error": lambda resamples: _mean(resamples, np.abs(resamples.sample.y - resamples.sample.predicted) * 1.0),
    "brier": lambda resamples: _mean(resamples, resamples.sample.squared_error),
    "log_loss": lambda resamples: _mean(resamples, resamples.sample.surprise),
}
BY_CLASS: Mapping[str, Callable[[Resamples], Floats]] = {
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
    "f1": f1,
    "auroc": lambda resamples: resamples.curves[0],
    "auprc": lambda resamples: resamples.curves[1],
}
