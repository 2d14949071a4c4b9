"""Where a model fails: its most certain errors, its least certain decisions, and parts of the test where errors gather.

Records are named by their number in the data, for people to look at; nothing says whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.evaluate.certainty.selective import certainty
from automed.evaluate.intervals import RESAMPLES
from automed.evaluate.pockets import SMALLEST, Part, beyond_chance, clusters, compare, frequent_inside
from automed.evaluate.questions import Question
from automed.evaluate.sample import Sample

SHOWN = 12
EXAMPLES = 6
MISSING = "missing"
NO_FEATURES = "the model's features of these records were not given"


def gallery(
    sample: Sample,
    questions: Sequence[Question],
    record: NDArray[np.int64],
    features: NDArray[np.float32] | None,
    attributes: Mapping[str, NDArray[np.object_]],
    codes: NDArray[np.int64],
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """What to look at when asking how a model fails.

    Args:
        sample: n records with decisions.
        questions: of the same records.
        record: int64 (n,), the number of each record in the data.
        features: float32 (n, width), what the network makes of each record before it decides; None where not known.
        attributes: by sensitive column, object (n,): text, or None where missing.
        codes: int64 (n,), patient of each record, 0 to patients - 1.
        seed: of the clusters and of the bootstrap.
        resamples: of the bootstrap.

    Returns:
        {"missed": {question key: up to 12 false negatives, the most certain first}, "false_alarms": {question key: up
        to 12 false positives, likewise}, each a list of {"record", "probability": of the answer yes, "truth": [keys],
        "decided": [keys]}; "least_certain": up to 12 {"record", "certainty", "truth", "decided", "right"};
        "slices": as `pockets.compare`, of each attribute value and class, with "beyond_chance": bool;
        "clusters": {"reason": why there are none, or null, "tested": how many, "named": those beyond chance, each as
        `pockets.compare` and "frequent": as `pockets.frequent_inside`, "confusions": up to 5 {"truth": [keys],
        "decided": [keys], "records"}, "examples": up to 6 record numbers of errors, the most certain first}}}.
    """
    keys = _keys(sample)
    wrong = ~sample.right
    parts = _parts(sample, attributes)
    slices = compare(parts, wrong, codes, resamples=resamples, seed=seed)
    missed, alarms = {}, {}
    for question in questions:
        missed[question.key] = _worst(question, question.truth & ~question.decided, record, keys, rising=True)
        alarms[question.key] = _worst(question, ~question.truth & question.decided, record, keys, rising=False)
    return {
        "missed": missed,
        "false_alarms": alarms,
        "least_certain": _least_certain(sample, record, keys),
        "slices": [entry | {"beyond_chance": beyond_chance(entry)} for entry in slices],
        "clusters": _clusters(sample, record, features, parts, codes, keys, seed, resamples),
    }


Keys = tuple[list[list[str]], list[list[str]]]


def _keys(sample: Sample) -> Keys:
    """Of each record the keys of its true classes or labels, and of those decided for."""
    inside, named = (
        [[sample.classes[k] for k in np.flatnonzero(row)] for row in table] for table in (sample.inside, sample.named)
    )
    return inside, named


def _parts(sample: Sample, attributes: Mapping[str, NDArray[np.object_]]) -> list[Part]:
    found = []
    for column, values in attributes.items():
        names = np.array([MISSING if value is None else str(value) for value in values], dtype=object)
        found += [Part(column, name, np.asarray(names == name)) for name in sorted(set(names.tolist()))]
    for k, key in enumerate(sample.classes):
        found.append(Part("class", key, sample.inside[:, k]))
    # A part that is empty or everything has nothing to be compared with.
    return [part for part in found if 0 < part.inside.sum() < len(sample.y)]


def _worst(
    question: Question, where: NDArray[np.bool_], record: NDArray[np.int64], keys: Keys, *, rising: bool
) -> list[dict[str, Any]]:
    rows = np.flatnonzero(where)
    by = question.probability[rows]
    order = rows[np.argsort(by if rising else -by, kind="stable")][:SHOWN]
    return [
        {
            "record": int(record[row]),
            "probability": float(question.probability[row]),
            "truth": keys[0][row],
            "decided": keys[1][row],
        }
        for row in order
    ]


def _least_certain(sample: Sample, record: NDArray[np.int64], keys: Keys) -> list[dict[str, Any]]:
    sure = certainty(sample)
    return [
        {
            "record": int(record[row]),
            "certainty": float(sure[row]),
            "truth": keys[0][row],
            "decided": keys[1][row],
            "right": bool(sample.right[row]),
        }
        for row in np.argsort(sure, kind="stable")[:SHOWN]
    ]


def _clusters(
    sample: Sample,
    record: NDArray[np.int64],
    features: NDArray[np.float32] | None,
    parts: list[Part],
    codes: NDArray[np.int64],
    keys: Keys,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    nothing: dict[str, Any] = {"reason": None, "tested": 0, "named": []}
    if features is None:
        return nothing | {"reason": NO_FEATURES}
    broken = int((~np.isfinite(features).all(axis=1)).sum())
    if broken:
        return nothing | {"reason": f"the features of {broken} of {len(features)} records hold NaN or infinity"}
    group = clusters(features, seed)
    groups = [Part("cluster", str(number), group == number) for number in np.unique(group)]
    if len(groups) < 2:
        return nothing | {"reason": f"{len(features)} records make no two groups of {SMALLEST} or more"}
    compared = compare(groups, ~sample.right, codes, resamples=resamples, seed=seed)
    sure = certainty(sample)
    named = []
    for part, entry in zip(groups, compared, strict=True):
        if not beyond_chance(entry):
            continue
        rows = np.flatnonzero(part.inside & ~sample.right)
        examples = rows[np.argsort(-sure[rows], kind="stable")][:EXAMPLES]
        named.append(
            entry
            | {
                "frequent": frequent_inside(part.inside, parts, codes),
                "confusions": _confusions(rows, keys),
                "examples": [int(record[row]) for row in examples],
            }
        )
    named.sort(key=lambda entry: -entry["difference"]["value"])
    return nothing | {"tested": sum(entry["p"] is not None for entry in compared), "named": named}


def _confusions(rows: NDArray[np.int64], keys: Keys) -> list[dict[str, Any]]:
    counts: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    for row in rows:
        pair = (tuple(keys[0][row]), tuple(keys[1][row]))
        counts[pair] = counts.get(pair, 0) + 1
    return [
        {"truth": list(truth), "decided": list(decided), "records": count}
        for (truth, decided), count in sorted(counts.items(), key=lambda item: -item[1])[:5]
    ]
