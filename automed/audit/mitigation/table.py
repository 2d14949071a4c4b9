"""Ways of narrowing gaps beside plain training: what mitigation.json holds, and what may be concluded from it.

Every model meets the same groups and the same resamples. Whether a method helps is asked of the group where a model
does worst, because a gap also closes when a group that did well does worse. The group is looked for anew in each model
and each resample: held against the group that is worst under plain training, chance alone would make every method look
good.

Source: Zong, Yang and Hospedales 2023, MEDFAIR, ICLR, arXiv:2210.01725: worst-group performance as the measure, and
that none of 11 methods did better than plain training with any certainty over 9 data sets of medical images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from automed.audit.groups import Division
from automed.audit.mitigation.figures import MACRO_F1, Compared, Figures, Model, compared, take
from automed.audit.mitigation.words import conclude
from automed.evaluate import METRICS
from automed.evaluate.intervals import RESAMPLES, draw, rests_on, summarise
from automed.evaluate.metrics import Metric, Point
from automed.evaluate.multiplicity import holm
from automed.evaluate.paired import difference_of
from automed.evaluate.questions import questions
from automed.evaluate.sample import Sample
from automed.evaluate.scores import METHOD, as_json

PLAIN = "plain"
MEASURES = ("macro_f1", "worst_group", "gap")
NO_GROUP = "not estimable: macro-F1 is estimable in fewer than two groups of this attribute"
NO_PAIR = "not estimable: no class has enough records in two groups of this attribute"


@dataclass(frozen=True, eq=False)
class Method:
    """One way of narrowing gaps, tried.

    Attributes:
        key: as the recipe names it.
        sample: the test records with this model's probabilities and decisions; None where it was not to be had.
        setting: what was set or searched, for people and machines.
        seconds: of training.
        note: what a reader must know of it.
        reason: why there is no sample.
    """

    key: str
    sample: Sample | None
    setting: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    note: str = ""
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class _Judged:
    """One model's figures on the records as they are (R = 1) and on the resamples."""

    point: Figures
    drawn: Figures

    def of(self, measure: str) -> tuple[Point, NDArray[np.float64]]:
        """Value and resampled values of one of MEASURES."""
        one, many = (
            {"macro_f1": each.macro_f1, "worst_group": each.worst, "gap": each.gap}[measure]
            for each in (self.point, self.drawn)
        )
        value = float(one[0])
        return Point(value) if np.isfinite(value) else Point(None, NO_PAIR if measure == "gap" else NO_GROUP), many


def compare(
    plain: Method,
    others: Sequence[Method],
    division: Division,
    patient: NDArray[np.int64],
    *,
    urgent: Sequence[int] = (),
    min_group: int = 20,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Each method beside plain training, on the same n test records.

    Args:
        plain: the model as it was chosen.
        others: the methods that the recipe asks for, in its order.
        division: of the records by the attribute that was acted on.
        patient: int64 (n,), patient of each record, 0 to patients - 1.
        urgent: indices of the classes that must not be missed.
        min_group: records that a group needs.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        {"attribute", "groups": [{"name", "n", "reason": why macro-F1 is not estimable in it, or None}], "rows": [...],
        "conclusion", "verdict": better, none_better, undecided or none_tried, "correction", "interval"}.
        A row, plain first: {"method", "setting", "seconds", "note", "reason", "macro_f1": figure, "worst_group": figure
        and "group", "gap": figure with "question" and "between" (the group of lowest sensitivity, that of highest),
        "against": None of plain, else {measure: {"difference": method minus plain, "ci95", "p", "p_holm", "model",
        "baseline", "n", "events", "reason"}}}. A figure is {"value", "ci95", "n", "events", "reason"}. Rows without a
        model have None for figures, and a reason.
    """
    assert plain.sample is not None
    groups = compared(plain.sample, division, patient, urgent, min_group, draw(patient, resamples, seed))
    tried = [plain, *(method for method in others if method.sample is not None)]
    judged = _judge([method.sample for method in tried if method.sample], groups, patient, urgent, resamples, seed)
    found = dict(zip((method.key for method in tried), judged, strict=True))
    rows = [_row(method, found.get(method.key), groups, patient, urgent) for method in (plain, *others)]
    reference = found[PLAIN]
    for row, method in zip(rows[1:], others, strict=True):
        if method.key in found:
            row["against"] = _against(found[method.key], reference, plain.sample, groups, patient, urgent)
    for measure in MEASURES:
        family = [row["against"][measure] for row in rows[1:] if row["against"]]
        for test, corrected in zip(family, holm([test["p"] for test in family]), strict=True):
            test["p_holm"] = corrected
    verdict, conclusion = conclude(rows)
    return {
        "attribute": {"key": division.key, "note": division.note},
        "groups": _groups(groups, min_group),
        "rows": rows,
        "conclusion": conclusion,
        "verdict": verdict,
        "correction": "Holm, over the methods, for each measure on its own",
        "interval": {"method": METHOD, "level": 0.95, "resamples": resamples, "seed": seed},
    }


def _groups(groups: Compared, min_group: int) -> list[dict[str, Any]]:
    described = [
        {"name": name, "n": len(rows), "reason": reason}
        for name, rows, reason in zip(groups.names, groups.rows, groups.reasons, strict=True)
    ]
    for name, n in groups.too_small.items():
        described.append({"name": name, "n": n, "reason": f"not estimable: {n} records, {min_group} are needed"})
    return described


def _judge(
    samples: Sequence[Sample],
    groups: Compared,
    patient: NDArray[np.int64],
    urgent: Sequence[int],
    resamples: int,
    seed: int,
) -> list[_Judged]:
    models = [Model(sample, groups, urgent) for sample in samples]
    parts: list[list[Figures]] = [[] for _ in samples]
    with threadpool_limits(1, user_api="blas"):
        for weights in draw(patient, resamples, seed):
            for own, model in zip(parts, models, strict=True):
                own.append(model.figures(weights))
    return [
        _Judged(
            model.point(),
            Figures(
                np.concatenate([part.macro_f1 for part in own]),
                np.concatenate([part.by_group for part in own]),
                np.concatenate([part.sensitivity for part in own]),
                groups.judged,
            ),
        )
        for model, own in zip(models, parts, strict=True)
    ]


def _row(
    method: Method, judged: _Judged | None, groups: Compared, patient: NDArray[np.int64], urgent: Sequence[int]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "method": method.key,
        "setting": dict(method.setting) or None,
        "seconds": method.seconds,
        "note": method.note or None,
        "reason": method.reason,
        **dict.fromkeys((*MEASURES, "against")),
    }
    if judged is None or method.sample is None:
        return row
    metric: Metric = METRICS.load(MACRO_F1)
    point, drawn = judged.of("macro_f1")
    row["macro_f1"] = as_json(summarise(point, drawn, patient, rests_on(method.sample, metric)))
    row["worst_group"] = _worst(method.sample, judged, groups, patient, metric)
    row["gap"] = _gap(method.sample, judged, groups, patient, urgent)
    return row


def _worst(
    sample: Sample, judged: _Judged, groups: Compared, patient: NDArray[np.int64], metric: Metric
) -> dict[str, Any]:
    """Macro-F1 of the worst group; its interval is that of this group, and not of being the worst."""
    point, _ = judged.of("worst_group")
    if point.value is None:
        none = np.full(len(judged.drawn.macro_f1), np.nan)
        return as_json(summarise(point, none, patient, rests_on(sample, metric))) | {"group": None}
    place = int(np.nanargmin(judged.point.by_group[0]))
    rows = groups.rows[place]
    events = rests_on(take(sample, rows), metric)
    estimate = summarise(point, judged.drawn.by_group[:, place], patient[rows], events)
    return as_json(estimate) | {"group": groups.names[place]}


def _gap(
    sample: Sample, judged: _Judged, groups: Compared, patient: NDArray[np.int64], urgent: Sequence[int]
) -> dict[str, Any]:
    """The largest gap in sensitivity; its interval is that of the two groups in which it was found."""
    point, _ = judged.of("gap")
    if point.value is None:
        none = np.full(len(judged.drawn.macro_f1), np.nan)
        estimate = summarise(point, none, patient, np.zeros(len(patient), dtype=bool))
        return as_json(estimate) | {"question": None, "between": None}
    question = int(np.where(groups.judged.sum(axis=0) > 1, judged.point.gaps[0], -np.inf).argmax())
    values = np.where(groups.judged[:, question], judged.point.sensitivity[0, :, question], np.nan)
    low, high = int(np.nanargmin(values)), int(np.nanargmax(values))
    high = high if high != low else next(g for g in np.flatnonzero(groups.judged[:, question]).tolist() if g != low)
    truth = questions(sample, urgent)[question].truth
    rows = np.union1d(groups.rows[low], groups.rows[high])
    drawn = judged.drawn.sensitivity[:, high, question] - judged.drawn.sensitivity[:, low, question]
    # The smaller side decides whether there is enough: a hundred records cannot make up for three in the other group.
    smaller = min((groups.rows[low], groups.rows[high]), key=lambda each: int(truth[each].sum()))
    events = np.isin(rows, smaller) & truth[rows]
    estimate = summarise(point, drawn, patient[rows], events, low=-1.0)
    between = [groups.names[low], groups.names[high]]
    return as_json(estimate) | {"question": groups.asked[question], "between": between}


def _against(
    judged: _Judged,
    plain: _Judged,
    sample: Sample,
    groups: Compared,
    patient: NDArray[np.int64],
    urgent: Sequence[int],
) -> dict[str, dict[str, Any]]:
    metric: Metric = METRICS.load(MACRO_F1)
    overall = rests_on(sample, metric)
    positive = np.zeros(len(patient), dtype=bool)
    for place, question in enumerate(questions(sample, urgent)):
        for group in np.flatnonzero(groups.judged[:, place]):
            positive[groups.rows[group]] |= question.truth[groups.rows[group]]
    found = {}
    for measure, events in zip(MEASURES, (overall, overall, positive), strict=True):
        (one, first), (two, second) = judged.of(measure), plain.of(measure)
        drawn = first - second
        valid = drawn[np.isfinite(drawn)]
        found[measure] = as_json(difference_of((one, two), valid, len(drawn), patient, events))
    return found
