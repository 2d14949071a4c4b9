"""Expected gradients: shap.GradientExplainer on one class a record, with as many samples as the record needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import Attribution, Floats, NotApplicable
from automed.explain.shap.sampler import Sampler, sampler_of
from automed.explain.subject import Array, Arrays, InputSpec, Subject, take
from automed.recipe.explain import Explain

ROUND = 50  # samples between two looks, and records a call: shap's own batch
ADDS_UP = 0.01  # of probability: gap that is small enough; ours
RELIABLE = 0.9  # of a record's map, at least; Nunnally 1978 asks .9 where single cases are decided on
NOTHING = 0.05  # of probability: a smaller change needs no explanation


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
) -> Attribution:
    """Expected gradients of the explained class of each record.

    Samples are drawn until the values add up to within ADDS_UP and two halves of them agree, or `samples` are drawn:
    the number doubles each time. A record's values do not depend on which others are explained with it.

    What a record does not have (NaN) is missing all the way from the background to the record, so that no step
    lies between a number and NaN: its values are 0, and the base is the mean over the background with these gaps.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: by input (b, *shape).
        classes: int64 (n,).
        settings: `samples`, at most so many a record.
        seed: where chance comes from.

    Raises:
        NotApplicable: an input has no gradient, SHAP fails on the model, or the values miss most of what there is to
            explain.

    Source: Erion et al. 2021, Nature Machine Intelligence 3:620 (expected gradients); Brown 1910 and
        Spearman 1910, British Journal of Psychology 3 (reliability of two halves).
    """
    sampler = sampler_of(subject)
    output = subject.of_class(records, classes)
    usual = subject.predict(background).mean(axis=0, dtype=np.float64)
    base = np.zeros(len(classes), np.float32)
    found = []
    for i, wanted in enumerate(classes):
        record = take(records, slice(i, i + 1))
        gapped = aligned(record, background)
        same = all(gapped[name] is background[name] for name in subject.names)
        base[i] = (usual if same else subject.predict(gapped).mean(axis=0, dtype=np.float64))[wanted]
        moved = float(output[i]) - float(base[i])
        found.append(_one(subject, sampler, record, gapped, int(wanted), moved, settings.samples, seed))
    values = {
        spec.name: np.array([one.values[spec.name] for one in found], np.float32).reshape(-1, *spec.map_shape)
        for spec in subject.inputs
    }
    attribution = Attribution(
        method="shap",
        explainer=sampler.name,
        reason="",
        classes=np.asarray(classes, np.int64),
        values=values,
        output=output,
        base=base,
        parameters={"samples": settings.samples, "adds_up": ADDS_UP, "reliable": RELIABLE, "seed": seed},
        notes={
            "samples": np.array([one.samples for one in found], np.float32),
            "reliability": np.array([one.reliability for one in found], np.float32),
        },
    )
    if len(found):
        _check(attribution, float(np.mean([one.noise for one in found])))
    return attribution


def _check(found: Attribution, noise: float) -> None:
    """Refuse values that miss most of what moves the probability, by more than chance does."""
    assert found.base is not None
    assert found.gap is not None
    moved, gap = float(np.abs(found.output - found.base).mean()), float(found.gap.mean())
    if moved > NOTHING and gap > max(moved / 2, 3 * noise):
        raise NotApplicable(
            f"its gradients explain less than half of what moves the probability (moved by {moved:.2f}, gap {gap:.2f})"
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """Expected gradients of one record; `noise` is how far the sums over two halves lie from the sum over all."""

    values: Mapping[str, Floats]
    samples: int
    reliability: float
    noise: float


def _one(
    subject: Subject,
    sampler: Sampler,
    record: Arrays,
    background: Arrays,
    wanted: int,
    moved: float,
    samples: int,
    seed: int,
) -> _Found:
    """Expected gradients of one record, (1, *shape) by input, that are to add up to `moved`."""
    x, references = ([np.asarray(one[name], np.float32) for name in subject.names] for one in (record, background))
    step = max(1, min(ROUND, samples // 2))  # two rounds at least, to hold one against the other

    def draw(count: int, drawn: int) -> dict[str, Floats]:
        chance = int(np.random.SeedSequence([seed, drawn]).generate_state(1)[0])
        raw = sampler(x, references, wanted, count, step, chance)
        return {spec.name: _map(spec, own, one) for spec, own, one in zip(subject.inputs, x, raw, strict=True)}

    mean, total, reliability, noise = draw(step, 0), step, 0.0, 0.0
    while 2 * total <= samples:
        more = draw(total, total)
        reliability, noise = _reliability(mean, more), abs(_sum(mean) - _sum(more)) / 2
        mean = {name: np.asarray((mean[name] + more[name]) / 2, np.float32) for name in mean}
        total *= 2
        if abs(moved - _sum(mean)) <= ADDS_UP and reliability >= RELIABLE:
            break
    return _Found(mean, total, reliability, noise)


def _map(spec: InputSpec, own: Array, values: Array) -> Floats:
    """Raw values (1, *shape) as a map; 0 where the record has nothing."""
    there = ~np.isnan(own)
    if not np.isfinite(values[there]).all():
        raise NotApplicable("its gradients are not numbers")
    return np.asarray(spec.summed(np.where(there, values, 0.0))[0], np.float32)


def aligned(record: Arrays, background: Arrays) -> dict[str, Array]:
    """The background with the gaps of one record, and with none where the record has a number.

    A number that a background record lacks is the mean of the others at that place, or else that of its last axis (the
    channel), or else the record's own.

    Args:
        record: by input (1, *shape).
        background: by input (b, *shape).
    """
    made = {}
    for name, values in background.items():
        own = record[name]
        if not np.issubdtype(values.dtype, np.floating) or not (np.isnan(values).any() or np.isnan(own).any()):
            made[name] = values
            continue
        there = ~np.isnan(values)
        filled = np.where(there, values, 0.0)
        usual = _mean(filled, there, 0)
        usual = np.where(np.isnan(usual), _mean(filled, there, tuple(range(values.ndim - 1))), usual)
        usual = np.where(np.isnan(usual), own, usual)
        made[name] = np.where(np.isnan(own), np.nan, np.where(there, values, usual)).astype(values.dtype)
    return made


def _mean(filled: Array, there: Array, axis: int | tuple[int, ...]) -> Array:
    """Mean over what is there, NaN where nothing is."""
    count = there.sum(axis=axis, keepdims=True)
    return np.where(count > 0, filled.sum(axis=axis, keepdims=True) / np.maximum(count, 1), np.nan)


def _sum(maps: Mapping[str, Floats]) -> float:
    return sum(float(values.sum(dtype=np.float64)) for values in maps.values())


def _reliability(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> float:
    """Reliability of the mean of two maps, from the correlation r of the two: 2 r / (1 + r); 1 of maps of zeros."""
    a, b = (np.nan_to_num(np.concatenate([values.ravel() for values in maps.values()])) for maps in (one, other))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 1.0 if np.array_equal(a, b) else 0.0
    r = max(0.0, float(np.corrcoef(a, b)[0, 1]))
    return 2 * r / (1 + r)
