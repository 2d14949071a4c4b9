"""What a finalist's scores.json holds: figures with intervals and comparisons with the baselines, as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from numpy.typing import ArrayLike

from automed.evaluate.intervals import RESAMPLES, Estimate, estimates
from automed.evaluate.paired import Difference, paired
from automed.evaluate.sample import collect

METHOD = "percentile interval of a bootstrap over patients"


def score(
    y: ArrayLike,
    probabilities: ArrayLike,
    patient: ArrayLike | None,
    classes: Sequence[str],
    seed: int = 0,
    resamples: int = RESAMPLES,
    positive: int | None = None,
    predicted: ArrayLike | None = None,
    task: str | None = None,
) -> dict[str, Any]:
    """Every figure about one model on one split.

    Args:
        y: integers (n,), index of the reference class; or (n, labels) of 0 and 1 where a record may bear several.
        probabilities: floats (n, classes), each row adding up to 1; of labels, each between 0 and 1.
        patient: (n,) keys of the patients; None where every record is a patient of its own.
        classes: keys of the classes or labels, in the order of the columns.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        positive: index of the positive (urgent) class of two, whose AUROC and AUPRC are given; the last where left out.
        predicted: integers, the decisions, shaped like `y`; the most probable class where left out. Labels need them.
        task: multiclass, multilabel or ordinal; told by the shape of `y` where left out.

    Returns:
        {metric: {"value", "ci95", "n", "events", "reason"}, ...} for each metric of METRICS that suits the task;
        "per_class": {class key: {"precision" | "recall" | "specificity" | "f1" | "auroc" | "auprc": the same five,
        "support": int}};
        "confusion": {"classes", "matrix": (classes, classes) counts, rows the reference standard,
        "ci95": (classes, classes, 2)}; of labels matrix is (labels, 2, 2), a table a label whose rows and columns are
        without and with it, and ci95 (labels, 2, 2, 2);
        "n", "patients", and "interval": {"method", "level", "resamples", "seed"}.
        value and ci95 are null together where a figure is not estimable; reason then says why.

    Raises:
        DataError: shapes disagree, there are no records, a row of probabilities is no distribution, or decisions about
            labels are missing.
    """
    sample = collect(y, probabilities, predicted=predicted, positive=positive, classes=classes, task=task)
    found = estimates(sample, patient, resamples=resamples, seed=seed)
    per_class = {
        key: {name: as_json(column[k]) for name, column in found.by_class.items()} | {"support": int(sample.support[k])}
        for k, key in enumerate(sample.classes)
    }
    return {
        **{name: as_json(estimate) for name, estimate in found.overall.items()},
        "per_class": per_class,
        "confusion": {
            "classes": list(sample.classes),
            "matrix": found.confusion.tolist(),
            "ci95": found.confusion_ci95.tolist(),
        },
        "n": len(sample.y),
        "patients": found.patients,
        "interval": {"method": METHOD, "level": 0.95, "resamples": resamples, "seed": seed},
    }


def compare(
    y: ArrayLike,
    p_model: ArrayLike,
    p_baseline: ArrayLike,
    patient: ArrayLike | None,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    positive: int | None = None,
    predicted: ArrayLike | None = None,
    predicted_baseline: ArrayLike | None = None,
    task: str | None = None,
) -> dict[str, Any]:
    """The model against a baseline on the same records: macro-F1, AUROC and accuracy.

    Args:
        y: as in `score`.
        p_model: floats (n, classes), of the model.
        p_baseline: floats (n, classes), of the baseline.
        patient: (n,) keys of the patients; None where every record is a patient of its own.
        classes: keys of the classes, named in reasons; their indices where left out.
        seed: of the bootstrap; both models meet the same resamples.
        resamples: of the bootstrap.
        positive: as in `score`.
        predicted: the model's decisions, as in `score`.
        predicted_baseline: the baseline's.
        task: as in `score`.

    Returns:
        {metric: {"difference", "ci95", "p", "model", "baseline", "n", "events", "reason"}}; difference, ci95 and p are
        null together where the difference is not estimable.

    Raises:
        DataError: as `score`.
    """
    model = collect(y, p_model, predicted=predicted, positive=positive, classes=classes, task=task)
    baseline = collect(y, p_baseline, predicted=predicted_baseline, positive=positive, classes=classes, task=task)
    found = paired(model, baseline, patient, resamples=resamples, seed=seed)
    return {name: as_json(difference) for name, difference in found.items()}


def as_json(figure: Estimate | Difference) -> dict[str, Any]:
    """A figure as JSON values: its fields, the interval as a list or null."""
    values = asdict(figure)
    values["ci95"] = None if figure.ci95 is None else list(figure.ci95)
    return values
