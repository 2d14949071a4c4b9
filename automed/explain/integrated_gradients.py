"""Integrated gradients: the change in probability from a neutral reference to the record, shared out among elements."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from automed.data.kinds.tokens import PADDING, UNKNOWN
from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.copies import Entry
from automed.explain.gradients import Floats, Gradients, asking, rows_of
from automed.explain.subject import Array, Arrays, Subject
from automed.recipe.explain import Explain

STEPS = (16, 48, 144)  # along the way, until the values add up
ADDS_UP = 0.01  # of probability: a smaller gap is not seen in any picture
SOFT = 0.25  # of the longer side: a blur that leaves neither what lies in the middle nor its texture; ours
NOTHING = 0.05  # of probability: a smaller change needs no explanation
CALLS = 8  # large calls whose points on the way are made at once
WORDS = {
    "image": "the image strongly blurred",
    "signal": "each channel at its mean over training records",
    "text": "unknown words",
    "sequence": "unknown letters",
    "tabular": "each number at its mean over training records",
}


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
) -> Attribution:
    """Integrate gradients along the straight line from a reference to each record.

    The reference is the record without what could tell the classes apart, and otherwise as much like a record as it can
    be. An image is strongly blurred: black would be a colour, and a black image one that the model has never seen. A
    signal stands at the mean of each channel over the training records, and so does a number of a table; what is
    missing stays missing. A text consists of unknown words, as long as it is. What has no values in between stays as it
    is on the whole way: masks and elapsed times of an irregular signal (their values are 0, so that when something was
    measured has no share), and categories of a table (their values are NaN: nothing is said of them).

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: by input (b, *shape).
        classes: int64 (n,).
        settings: not read.
        seed: not read: there is no chance in it.

    Raises:
        NotApplicable: no input has a gradient, or the values miss most of what there is to explain.

    Source: Sundararajan, Taly and Yan 2017, arXiv:1703.01365, equation 1; Gauss-Legendre points for the integral.
    """
    started = time.monotonic()
    copy, ask = asking(subject)
    ends = copy.feed(records)
    starts = [_reference(entry, records, background) for entry in copy.entries]
    rest = ends[len(copy.entries) :]
    output, base = subject.of_class(records, classes), ask([*starts, *rest], classes)[0]
    sums = [np.zeros(start.shape, np.float32) for start in starts]
    taken = np.zeros(len(classes), np.int64)
    waiting = np.arange(len(classes))
    for steps in STEPS:
        found = _integral(ask, [s[waiting] for s in starts], [e[waiting] for e in ends], classes[waiting], steps)
        total = np.zeros(len(waiting))
        for place, one in enumerate(found):
            sums[place][waiting] = one
            total += one.reshape(len(waiting), -1).sum(axis=1, dtype=np.float64)
        taken[waiting] = steps
        waiting = waiting[np.abs(output[waiting] - base[waiting] - total) > ADDS_UP]
        if not len(waiting):
            break
    _check(output, base, sums)
    kinds = dict.fromkeys(entry.spec.kind for entry in copy.entries)
    return Attribution(
        method="integrated_gradients",
        explainer="integrated gradients",
        reason=f"The model has gradients; the way begins at {', '.join(WORDS[kind] for kind in kinds)}.",
        classes=classes,
        values={entry.spec.name: _map(entry, one) for entry, one in zip(copy.entries, sums, strict=True)},
        output=output,
        base=base,
        parameters={
            "steps": list(STEPS),
            "adds_up": ADDS_UP,
            "reference": {entry.spec.name: WORDS[entry.spec.kind] for entry in copy.entries},
        },
        notes={"steps": taken.astype(np.float32)},
        seconds=time.monotonic() - started,
    )


def _check(output: Floats, base: Floats, sums: list[Floats]) -> None:
    """Refuse values that miss most of what moves the probability: then the network moves in steps."""
    total = np.zeros(len(output))
    for one in sums:
        total += one.reshape(len(one), -1).sum(axis=1, dtype=np.float64)
    moved, gap = (float(np.abs(output - base - part).mean()) if len(output) else 0.0 for part in (0.0, total))
    if moved > NOTHING and gap > moved / 2:
        raise NotApplicable(
            f"its gradients explain less than half of what moves the probability (moved by {moved:.2f}, gap {gap:.2f})"
        )


def _integral(
    ask: Gradients, starts: list[Floats], ends: list[Array], classes: npt.NDArray[np.int64], steps: int
) -> list[Floats]:
    """Mean gradient along the way times the way, of each entry; 0 where a number is missing."""
    places, weights = np.polynomial.legendre.leggauss(steps)
    places, weights = (places + 1) / 2, weights / 2
    entries, n = len(starts), len(classes)
    ways = [end - start for start, end in zip(starts, ends[:entries], strict=True)]
    mean = [np.zeros(start.shape) for start in starts]
    record, step = (part.ravel() for part in np.indices((n, steps)))
    chunk = CALLS * rows_of(list(starts))
    for begin in range(0, n * steps, chunk):
        who, when = record[begin : begin + chunk], step[begin : begin + chunk]
        between = [
            (start[who] + _along(places[when], way) * way[who]).astype(np.float32)
            for start, way in zip(starts, ways, strict=True)
        ]
        gradients = ask([*between, *(one[who] for one in ends[entries:])], classes[who])[1]
        for total, gradient in zip(mean, gradients, strict=True):
            np.add.at(total, who, _along(weights[when], gradient) * gradient)
    return [np.asarray(np.nan_to_num(way) * total, np.float32) for way, total in zip(ways, mean, strict=True)]


def _along(numbers: npt.NDArray[np.float64], like: Array) -> npt.NDArray[np.float64]:
    """One number a row, to be multiplied with arrays of more axes."""
    return numbers.reshape(-1, *[1] * (like.ndim - 1))


def _reference(entry: Entry, records: Arrays, background: Arrays) -> Floats:
    """(n, ...) at the entry."""
    spec, raw = entry.spec, records[entry.spec.name]
    if entry.table is not None:
        if len(entry.table) <= UNKNOWN:
            raise NotApplicable(f"the tokens of {spec.name} have no vector for an unknown one")
        return entry.values(np.where(raw != PADDING, UNKNOWN, PADDING))
    if spec.kind == "image":
        soft = SOFT * max(spec.shape[:2])
        return np.asarray(ndimage.gaussian_filter(raw.astype(np.float32), (0, soft, soft, 0), mode="nearest"))
    usual = background[spec.name].astype(np.float64)
    there = ~np.isnan(usual)
    axes = tuple(range(usual.ndim - 1))
    count = there.sum(axis=axes)
    mean = np.where(there, usual, 0.0).sum(axis=axes) / np.maximum(count, 1)
    made = np.where(np.isnan(raw) | (count == 0), raw, mean).astype(np.float32)
    roles = spec.facts.get("roles") or ()
    fixed = [*entry.closed, *(place for place, role in enumerate(roles) if role != "value")]
    made[..., fixed] = raw[..., fixed]
    return np.asarray(made, np.float32)


def _map(entry: Entry, values: Floats) -> Floats:
    if entry.table is not None:
        return np.asarray(values.sum(axis=-1), np.float32)
    maps = entry.spec.summed(values)
    maps[..., list(entry.closed)] = np.nan
    return maps
