"""Many tests at once: Holm's correction, and one model against every other finalist and baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.errors import DataError
from automed.evaluate.delong import delong_paired
from automed.evaluate.intervals import RESAMPLES, encode
from automed.evaluate.paired import differences, draw_metrics
from automed.evaluate.sample import Sample
from automed.evaluate.scores import as_json


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Correct p values for their number: at any level, the chance of one or more false alarms stays at that level.

    scipy corrects for the share of false alarms only (false_discovery_control), hence the few lines here.

    Args:
        p: 0 to 1; None of a test that could not be made, which does not count and stays None.

    Source: Holm 1979, Scand J Statist 6:65-70.
    """
    made = [place for place, value in enumerate(p) if value is not None]
    values = np.array([p[place] for place in made], dtype=np.float64)
    order = np.argsort(values, kind="stable")
    raised = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    corrected: list[float | None] = [None] * len(p)
    for rank, place in enumerate(order):
        corrected[made[place]] = float(raised[rank])
    return corrected


def comparisons(
    candidates: Mapping[str, Sample],
    patient: ArrayLike | None,
    own: str,
    *,
    names: Sequence[str] = ("macro_f1", "auroc", "accuracy"),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """One model against every other on the same records, corrected for the number of others.

    Each candidate is resampled once, and all meet the same resamples. The tests of one metric are a family of their
    own.

    Args:
        candidates: n records with the predictions of each finalist and baseline, by name.
        patient: (n,) keys of the patients; None where every record is a patient of its own.
        own: the name of the model that the others are held against.
        names: of those METRICS that suit the task.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        [{"against": name, metric: {"difference": own minus other, "ci95", "p", "p_holm", "model": value of own,
        "baseline": value of the other, "n", "events", "reason"}, ...}, ...] in the order of `candidates`, own left out;
        difference, ci95, p and p_holm are null together. AUROC also has "delong": {"difference", "se", "ci95", "p",
        "p_holm", "reason"} of two classes, and null of more or of labels.

    Raises:
        DataError: there is no candidate of that name, or the candidates are not of the same records.
    """
    if own not in candidates:
        raise DataError(f"there is no model {own!r} to compare with the others")
    model = candidates[own]
    codes = encode(patient, len(model.y))
    others = [name for name in candidates if name != own]
    first = draw_metrics(model, codes, names, resamples=resamples, seed=seed)
    found: list[dict[str, Any]] = []
    for name in others:
        second = draw_metrics(candidates[name], codes, names, resamples=resamples, seed=seed)
        figures = differences(model, candidates[name], first, second, codes, names)
        found.append({"against": name} | {metric: as_json(figure) for metric, figure in figures.items()})
        if "auroc" in names:
            found[-1]["auroc"]["delong"] = _delong(model, candidates[name], codes, figures["auroc"].reason)
    for metric in names:
        _correct([entry[metric] for entry in found])
    if "auroc" in names:
        _correct([entry["auroc"]["delong"] for entry in found if entry["auroc"]["delong"]])
    return found


def _correct(family: list[dict[str, Any]]) -> None:
    """Put p_holm beside each p of a family of tests."""
    for test, corrected in zip(family, holm([test["p"] for test in family]), strict=True):
        test["p_holm"] = corrected


def _delong(model: Sample, other: Sample, codes: NDArray[np.int64], reason: str | None) -> dict[str, Any] | None:
    """The same test without resampling, where the bootstrap could make it; None of other tasks than two classes."""
    if model.task == "multilabel" or len(model.classes) != 2:
        return None
    if reason:
        return {"difference": None, "se": None, "ci95": None, "p": None, "reason": reason}
    positive = model.positive
    found = delong_paired(
        model.inside[:, positive], model.probabilities[:, positive], other.probabilities[:, positive], codes
    )
    ci95 = None if found.ci95 is None else list(found.ci95)
    why = None if ci95 else "not estimable: the placements of all records differ alike"
    return {"difference": found.difference, "se": found.se, "ci95": ci95, "p": found.p, "reason": why}
