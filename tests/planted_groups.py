"""Records of patients in groups, with decisions whose rates in each group are known."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automed.audit.gap import Gap
from automed.audit.gaps import decide, measure
from automed.audit.groups import Division, cross, divide
from automed.audit.subject import Subject
from automed.evaluate.questions import questions
from automed.evaluate.sample import collect


def subject(
    y: ArrayLike,
    predicted: ArrayLike,
    patient: ArrayLike | None = None,
    classes: int = 2,
    urgent: Sequence[int] = (),
    attributes: Mapping[str, Sequence[str | None]] | None = None,
) -> Subject:
    """A subject with these decisions; the probabilities say no more than they do."""
    decided = np.asarray(predicted)
    if decided.ndim == 2:
        probabilities = np.where(decided == 1, 0.9, 0.1)
    else:
        probabilities = np.full((len(decided), classes), 0.1 / (classes - 1))
        probabilities[np.arange(len(decided)), decided] = 0.9
    names = [f"c{k}" for k in range(probabilities.shape[1])]
    sample = collect(y, probabilities, predicted=decided, classes=names)
    codes = np.arange(len(decided)) if patient is None else np.unique(patient, return_inverse=True)[1]
    columns = {key: np.array(values, dtype=object) for key, values in (attributes or {}).items()}
    return Subject(sample, codes.astype(np.int64), tuple(questions(sample, urgent)), columns)


def by(code: ArrayLike, names: Sequence[str] | None = None, key: str = "group") -> Division:
    """Records divided by whole numbers, every number a group."""
    whole = np.asarray(code, dtype=np.int64)
    return Division(key, tuple(names or (f"g{k}" for k in range(int(whole.max()) + 1))), whole)


def gaps_of(found: Sequence[Gap]) -> dict[str, Gap]:
    return {gap.kind: gap for gap in found}


def measured(one: Subject, division: Division, **chosen: Any) -> dict[str, Gap]:
    """The four gaps, by kind, decided among themselves."""
    settings = {"min_group": 10, "limit": 0.1, "resamples": 400, "permutations": 400, "seed": 0} | chosen
    return gaps_of(decide(measure(one, division, **settings), settings["limit"]))


def _patients(rng: np.random.Generator, n: int, per_patient: float) -> NDArray[np.int64]:
    """Patient of each of about n records."""
    count = max(1, round(n / per_patient))
    return np.repeat(np.arange(count), 1 + rng.poisson(per_patient - 1, count))


def planted(
    seed: int,
    n: int,
    sensitivity: Sequence[float],
    shares: Sequence[float],
    *,
    specificity: float = 0.9,
    prevalence: float = 0.4,
    per_patient: float = 1.5,
    alike: float = 0.5,
) -> tuple[Subject, Division]:
    """Two classes; each group is served with its own sensitivity. Records of a patient are decided alike in part."""
    rng = np.random.default_rng(seed)
    patient = _patients(rng, n, per_patient)
    count, size = int(patient.max()) + 1, len(patient)
    group = rng.choice(len(shares), count, p=shares)[patient]
    y = (rng.random(count) < prevalence).astype(np.int64)[patient]
    luck = np.where(rng.random(size) < alike, rng.random(count)[patient], rng.random(size))
    predicted = (luck < np.where(y == 1, np.array(sensitivity)[group], 1 - specificity)).astype(np.int64)
    return subject(y, predicted, patient), by(group, [f"g{k}" for k in range(len(shares))])


def nothing_planted(seed: int, classes: int, *, same_prevalence: bool) -> Subject:
    """600 to 1,500 records with three attributes of unequal groups; given the class, decisions know no group.

    Unless `same_prevalence`, how common the classes are differs by group.
    """
    rng = np.random.default_rng(seed)
    patient = _patients(rng, int(rng.integers(600, 1501)), 1.5)
    count, n = int(patient.max()) + 1, len(patient)
    codes = [rng.choice(len(p), count, p=p) for p in ([0.7, 0.3], [0.6, 0.3, 0.1], [0.4, 0.3, 0.2, 0.07, 0.03])]
    weights = np.tile([0.75, 0.25] if classes == 2 else [0.55, 0.2, 0.15, 0.1], (count, 1))
    if not same_prevalence:
        weights[:, 0] *= np.array([1, 0.6])[codes[0]] * np.array([1, 0.7, 0.4])[codes[1]]
    weights /= weights.sum(axis=1, keepdims=True)
    own = (rng.random((count, 1)) > weights.cumsum(axis=1)).sum(axis=1)
    y = own[patient]
    if not same_prevalence:
        y = np.where(rng.random(n) < 0.9, y, rng.integers(0, classes, n))
    confusion = np.full((classes, classes), 0.2 / (classes - 1))
    np.fill_diagonal(confusion, 0.8)
    luck = np.where(rng.random(n) < 0.6, rng.random(count)[patient], rng.random(n))
    predicted = np.minimum((luck[:, None] > confusion[y].cumsum(axis=1)).sum(axis=1), classes - 1)
    attributes: dict[str, Sequence[str | None]] = {
        key: [f"{key} {value}" for value in code[patient].tolist()] for key, code in zip("abc", codes, strict=True)
    }
    return subject(y, predicted, patient, classes, (1, 3) if classes == 4 else (), attributes)


def audited(
    one: Subject, *, draws: int = 500, seed: int = 0, crossings: bool = True, without: Sequence[str] = ()
) -> list[Gap]:
    """The gaps of every attribute and every crossing of two, decided together; some kinds set aside before.

    Of 24 gaps at least 480 permutations are needed: with fewer, no corrected p can be under .05.
    """
    found = [divide(key, values, 20) for key, values in one.attributes.items()]
    if crossings:
        found += [cross(first, second) for first, second in itertools.combinations(found, 2)]
    gaps = [gap for division in found for gap in measure(one, division, 20, 0.1, draws, draws, seed)]
    gaps = [gap for gap in gaps if gap.kind not in without]
    assert len(gaps) / (1 + draws) < 0.05
    return decide(gaps, 0.1)
