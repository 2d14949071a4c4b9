"""How long evaluation and audit of a finalist take, beside a loop that draws patients and asks scikit-learn.

    .venv/bin/python tests/performance/resampling.py [judging] [--quick]

The loop answers less: of every resample eight scores of the finalist and of the two baselines that it is held against,
and precision, recall and F1 of each class in each group of three attributes and of their crossings. Ours answers
that with paired tests, calibration, prediction sets, net benefit, gaps, permutation tests and the rest; its scores draw
2,000 resamples whatever is asked of the rest.
"""

from __future__ import annotations

import itertools

import measuring
import numpy as np
from judging import Made, judge, simulate
from measuring import Asked, Measurement
from sklearn import metrics

from automed.evaluate.sample import Sample

CLASSES = 7


def plain(made: Made, resamples: int) -> list[list[float]]:
    """The loop: patients with replacement, then a call of scikit-learn for each figure."""
    random = np.random.default_rng(0)
    patient = made.said["finalist"].test.patient
    rows = [np.flatnonzero(patient == each) for each in np.unique(patient)]
    names = list(made.attributes.values())
    for one, two in itertools.combinations(made.attributes.values(), 2):
        names.append(one + " " + two)
    samples = [made.said[name].sample() for name in ("finalist", "boosting", "majority")]
    answers = []
    for _ in range(resamples):
        drawn = np.concatenate([rows[k] for k in random.integers(0, len(rows), len(rows))])
        figures = [figure for sample in samples for figure in overall(sample, drawn)]
        for values in names:
            here = values[drawn]
            for group in np.unique(here):
                figures += in_group(samples[0], drawn[here == group])
        answers.append(figures)
    return answers


def overall(sample: Sample, drawn: np.ndarray) -> list[float]:
    """The eight scores that we report of a model."""
    y, predicted, p = sample.y[drawn], sample.predicted[drawn], sample.probabilities[drawn]
    p = p / p.sum(axis=1, keepdims=True)
    every = np.arange(CLASSES)
    one_hot = np.eye(CLASSES)[y]
    return [
        metrics.accuracy_score(y, predicted),
        metrics.balanced_accuracy_score(y, predicted),
        metrics.f1_score(y, predicted, labels=every, average="macro", zero_division=0.0),
        metrics.roc_auc_score(y, p, labels=every, multi_class="ovr", average="macro"),
        metrics.average_precision_score(one_hot, p, average="macro"),
        metrics.matthews_corrcoef(y, predicted),
        metrics.log_loss(y, p, labels=every),
        float(((one_hot - p) ** 2).sum(axis=1).mean()),
    ]


def in_group(sample: Sample, drawn: np.ndarray) -> list[float]:
    """Precision, recall and F1 of each class."""
    y, predicted = sample.y[drawn], sample.predicted[drawn]
    found = metrics.precision_recall_fscore_support(y, predicted, labels=np.arange(CLASSES), zero_division=0.0)
    return np.concatenate(found[:3]).tolist()


def judging(asked: Asked) -> list[Measurement]:
    """Both on the same simulated predictions with the same number of resamples."""
    records, resamples = asked.size(2000, 400), asked.size(200, 20)
    made = simulate(records, CLASSES)

    def ours() -> float:
        return measuring.clocked(lambda: judge(made, resamples, lambda _, work: work()))

    found = measuring.alternating(ours, lambda: measuring.clocked(lambda: plain(made, resamples)), 1)
    sizes = {"records": records, "classes": CLASSES, "resamples": resamples}
    against = f"a loop over scikit-learn: {resamples:,} resamples of {records:,} records, fewer figures"
    return [measuring.row("evaluate and audit", *found, "s", against, **sizes)]


FIGURES = {"judging": judging}

if __name__ == "__main__":
    measuring.main(FIGURES)
