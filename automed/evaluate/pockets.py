"""Where errors gather: parts of the test in which the model errs more often than elsewhere, beyond chance.

A part is a cluster of records that the network sees as alike, a value of an attribute, or a class. The clusters are
made without looking at errors, so that testing them for errors is fair. Nothing here says why a part is difficult.

Source: d'Eon, d'Eon, Wright and Leyton-Brown 2022, FAccT, 1962-1981 (errors gather in the space of the last features);
Oakden-Rayner et al. 2020, ACM CHIL, 151-159 (why hidden parts of a test matter in medicine).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from automed.evaluate.intervals import RESAMPLES, Estimate, summarise
from automed.evaluate.metrics import Point
from automed.evaluate.multiplicity import holm
from automed.evaluate.resamples import Floats
from automed.evaluate.scores import as_json
from automed.evaluate.shares import Share, draw_shares, point

CLUSTERS = 10
SMALLEST = 20
DIMENSIONS = 10
LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Part:
    """Some of n records.

    Attributes:
        of: what divides the records: a column, `class`, or `cluster`.
        name: the value, the key of the class, or the number of the cluster.
        inside: bool (n,).
    """

    of: str
    name: str
    inside: NDArray[np.bool_]


def clusters(features: NDArray[np.float32], seed: int) -> NDArray[np.int64]:
    """Group records that the network sees as alike: at most 10 groups, about 40 records or more each.

    Features are standardised and brought to 10 principal components; k-means finds the groups.

    Args:
        features: float32 (n, width), finite.
        seed: of the components and of k-means.

    Returns:
        int64 (n,), the group of each record.
    """
    count = min(CLUSTERS, len(features) // (2 * SMALLEST))
    varied = features[:, np.ptp(features, axis=0) > 0].astype(np.float64)
    if count < 2 or not varied.size:
        return np.zeros(len(features), dtype=np.int64)
    # One thread, so that the order of sums, and with it the groups, does not hang on the machine's cores.
    with threadpool_limits(1):
        scaled = StandardScaler().fit_transform(varied)
        near = PCA(min(DIMENSIONS, *scaled.shape), random_state=seed).fit_transform(scaled)
        # Of records that are copies of a few there are fewer groups than k-means would warn about.
        distinct = len(np.unique(near.round(9), axis=0))
        found = KMeans(min(count, distinct), n_init=4, random_state=seed).fit_predict(near)
    return np.asarray(found, dtype=np.int64)


def compare(
    parts: Sequence[Part],
    wrong: NDArray[np.bool_],
    codes: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The share of errors inside each part against that in the rest, corrected for the number of parts.

    A part of fewer than 20 records, or with fewer outside it, is not tested.

    Args:
        parts: of n records.
        wrong: bool (n,), the errors.
        codes: int64 (n,), patient of each record, 0 to patients - 1.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        [{"of", "name", "records", "errors", "error": share of errors inside, "rest": in the rest, "difference": inside
        minus rest, "p", "p_holm"}, ...] in the order of `parts`; error, rest and difference are figures with value,
        ci95, n, events and reason; p and p_holm are null where a part is not tested, and the reason is that of
        difference.
    """
    asked = [Share(wrong, inside) for part in parts for inside in (part.inside, ~part.inside)]
    drawn = draw_shares(asked, codes, resamples=resamples, seed=seed)
    found: list[dict[str, Any]] = []
    for place, part in enumerate(parts):
        inside, rest = asked[2 * place], asked[2 * place + 1]
        one, other = drawn[:, 2 * place], drawn[:, 2 * place + 1]
        difference = _difference(inside, rest, one - other, codes)
        found.append(
            {
                "of": part.of,
                "name": part.name,
                "records": int(part.inside.sum()),
                "errors": int(wrong[part.inside].sum()),
                "error": as_json(summarise(point(inside), one, codes, part.inside)),
                "rest": as_json(summarise(point(rest), other, codes, ~part.inside)),
                "difference": as_json(difference),
                "p": None if difference.value is None else _test(part.inside, wrong, codes),
            }
        )
    return [entry | {"p_holm": corrected} for entry, corrected in zip(found, _corrected(parts, found), strict=True)]


def _corrected(parts: Sequence[Part], found: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """Holm's p of each part. A part and its complement, as the two values of an attribute are, make one test."""
    halves = [(part.inside ^ part.inside[0]).tobytes() for part in parts]
    tests = dict(zip(halves, (entry["p"] for entry in found), strict=True))
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    return [corrected[half] for half in halves]


def beyond_chance(entry: Mapping[str, Any]) -> bool:
    """Whether errors gather in a part that `compare` looked at."""
    return entry["p_holm"] is not None and entry["p_holm"] < LEVEL and entry["difference"]["value"] > 0


def frequent_inside(inside: NDArray[np.bool_], parts: Sequence[Part], codes: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Which attribute values and classes are more frequent inside a group of records than outside, beyond chance.

    Returns:
        [{"of", "name", "inside": records of the part inside the group, "records": inside the group in all, "outside":
        records of the part outside it, "rest": outside in all, "p_holm"}, ...], the most certain first.
    """
    p = [_test(inside, part.inside, codes) for part in parts]
    size, rest = int(inside.sum()), int((~inside).sum())
    found = []
    for part, corrected in zip(parts, holm(p), strict=True):
        within = int((part.inside & inside).sum())
        without = int((part.inside & ~inside).sum())
        if corrected is not None and corrected < LEVEL and within * rest > without * size:
            entry = {"of": part.of, "name": part.name, "inside": within, "records": size}
            found.append(entry | {"outside": without, "rest": rest, "p_holm": corrected})
    return sorted(found, key=lambda entry: float(entry["p_holm"]))


def _difference(inside: Share, rest: Share, drawn: Floats, codes: NDArray[np.int64]) -> Estimate:
    smaller = min(inside.among, rest.among, key=np.count_nonzero)
    one, other = point(inside), point(rest)
    reason = one.reason or other.reason
    if not reason and smaller.sum() < SMALLEST:
        reason = f"not tested: rests on {int(smaller.sum())} records, {SMALLEST} are needed"
    value = None if one.value is None or other.value is None else one.value - other.value
    return summarise(Point(value, reason), drawn, codes, smaller, low=-1.0, high=1.0)


def _test(inside: NDArray[np.bool_], event: NDArray[np.bool_], codes: NDArray[np.int64]) -> float | None:
    """Fisher's exact test of whether an event is as frequent inside as outside; None where one side has no patients.

    Where patients have several records, the counts of either side are first divided by its design effect: as many
    independent records as would know the share as well.

    Source: Rao and Scott 1992, Biometrics 48:577-585 (counts of clustered data).
    """
    table = []
    for side in (inside, ~inside):
        if not side.any():
            return None
        effect = _design_effect(event[side], codes[side])
        table.append([event[side].sum() / effect, (~event[side]).sum() / effect])
    return float(fisher_exact(np.rint(table).astype(np.int64)).pvalue)


def _design_effect(event: NDArray[np.bool_], codes: NDArray[np.int64]) -> float:
    """How much more a share varies for patients having several records; at least 1, so that no test gains by it."""
    _, patient = np.unique(codes, return_inverse=True)
    patients = int(patient.max()) + 1
    share = float(event.mean())
    if patients in (1, len(event)) or share in (0.0, 1.0):
        return float(len(event) / patients) if share in (0.0, 1.0) or patients == 1 else 1.0
    residual = np.bincount(patient, weights=event - share, minlength=patients)
    variance = patients / (patients - 1) * float(residual @ residual)
    return max(1.0, variance / (len(event) * share * (1 - share)))
