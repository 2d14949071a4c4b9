"""Integrated gradients: the change in probability from a neutral reference to the record, shared out among elements."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.copies import UNKNOWN, Differentiable, Entry, differentiable
from automed.explain.gradients import Gradients
from automed.explain.subject import Array, Arrays, Subject
from automed.recipe.explain import Explain

STEPS = (16, 48, 144)  # along the way, until the values add up
ADDS_UP = 0.01  # of probability: a smaller gap is not seen in any picture
SOFT = 0.1  # of an image's longer side: what the blur of its reference leaves has no structure


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
) -> Attribution:
    """Integrate gradients along the straight line from a reference to each record.

    The reference is the record without its structure: an image strongly blurred (black would be a colour), a signal at
    the training records' mean of each channel, a text of unknown words, a table at the training records' means.
    Categories of a table have no gradient: they stay as they are, and get NaN.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: by input (b, *shape).
        classes: int64 (n,).
        settings: not read.
        seed: not read: there is no chance in it.

    Raises:
        NotApplicable: no input has a gradient.

    Source: Sundararajan, Taly and Yan 2017, arXiv:1703.01365, equation 1; Gauss-Legendre points for the integral.
    """
    started = time.monotonic()
    copy = differentiable(subject)
    ask = Gradients(copy)
    ends = copy.feed(records)
    starts = [_reference(entry, records, background) for entry in copy.entries]
    rest = ends[len(copy.entries) :]
    output, base = subject.of_class(records, classes), ask([*starts, *rest], classes)[0]
    sums = [np.zeros(end.shape, np.float32) for end in starts]
    taken = np.zeros(len(classes), np.int64)
    waiting = np.arange(len(classes))
    for steps in STEPS:
        found = _integral(ask, [s[waiting] for s in starts], [e[waiting] for e in ends], classes[waiting], steps)
        total = np.zeros(len(waiting))
        for place, one in enumerate(found):
            sums[place][waiting] = one
            total += np.nan_to_num(one).reshape(len(waiting), -1).sum(axis=1)
        taken[waiting] = steps
        waiting = waiting[np.abs(output[waiting] - base[waiting] - total) > ADDS_UP]
        if not len(waiting):
            break
    return Attribution(
        method="integrated_gradients",
        explainer="integrated gradients",
        reason="The model has gradients with respect to its input.",
        classes=classes,
        values={entry.spec.name: _map(entry, one) for entry, one in zip(copy.entries, sums, strict=True)},
        output=output,
        base=base,
        parameters={"steps": int(taken.max(initial=0)), "reference": "the record without its structure"},
        notes={"steps": taken.astype(np.float32)},
        seconds=time.monotonic() - started,
    )


def _integral(
    ask: Gradients, starts: list[Array], ends: list[Array], classes: npt.NDArray[np.int64], steps: int
) -> list[npt.NDArray[np.float32]]:
    """Mean gradient along the way times the way, of each entry."""
    places, weights = np.polynomial.legendre.leggauss(steps)
    places, weights = (places + 1) / 2, weights / 2
    entries = len(starts)
    mean: list[npt.NDArray[np.float64]] = [np.zeros(start.shape) for start in starts]
    for place, weight in zip(places, weights, strict=True):
        between = [(s + place * (e - s)).astype(np.float32) for s, e in zip(starts, ends[:entries], strict=True)]
        gradients = ask([*between, *ends[entries:]], classes)[1]
        for total, gradient in zip(mean, gradients, strict=True):
            total += weight * gradient
    return [
        np.asarray(np.nan_to_num(end - start) * total, np.float32)
        for start, end, total in zip(starts, ends[:entries], mean, strict=True)
    ]


def _reference(entry: Entry, records: Arrays, background: Arrays) -> npt.NDArray[np.float32]:
    """(n, ...) at the entry."""
    spec, raw = entry.spec, records[entry.spec.name]
    if entry.table is not None:
        if len(entry.table) <= UNKNOWN:
            raise NotApplicable(f"the tokens of {spec.name} have no vector for an unknown one")
        return np.asarray(entry.table[np.where(raw != 0, UNKNOWN, 0)], np.float32)
    if spec.kind == "image":
        soft = SOFT * max(spec.shape[:2])
        return np.asarray(ndimage.gaussian_filter(raw.astype(np.float32), (0, soft, soft, 0), mode="nearest"))
    usual = background[spec.name].astype(np.float64)
    there = ~np.isnan(usual)
    axes = tuple(range(usual.ndim - 1))
    count = there.sum(axis=axes)
    mean = np.where(count > 0, np.where(there, usual, 0.0).sum(axis=axes) / np.maximum(count, 1), 0.0)
    made = np.where(np.isnan(raw), np.nan, np.broadcast_to(mean, raw.shape)).astype(np.float32)
    if entry.closed:
        made[..., list(entry.closed)] = raw[..., list(entry.closed)]
    return made


def _map(entry: Entry, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if entry.table is not None:
        return np.asarray(values.sum(axis=-1), np.float32)
    maps = entry.spec.summed(values)
    if entry.closed:
        maps[..., list(entry.closed)] = np.nan
    return maps


__all__ = ["Differentiable", "explain"]
