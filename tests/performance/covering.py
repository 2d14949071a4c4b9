"""How often the nominal 95 % intervals hold the truth: on simulated records whose true figures are known.

python tests/performance/covering.py [--simulations 400] [--resamples 500] [--records 50 200 1000] [--seed 0]
                                     [--calibration]

Each simulation draws test records anew and asks automed's own functions for their intervals. Either every record is of
a patient of its own, or patients have 1 to 6 records that resemble each other, in what the model sees and in what it
cannot know. The latter are also judged as if each record were a patient, to show what that would claim.

What a record is like does not depend on how many its patient has, so that the true figures are the same throughout.
They are those of one very large sample of the same kind; the ECE of a calibrated model, the slope, and the gap where
none is planted are known exactly.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr, ndtr, softmax
from sklearn import config_context
from threadpoolctl import threadpool_limits

from automed.audit import gaps
from automed.audit.gap import EQUAL_OPPORTUNITY
from automed.audit.groups import divide
from automed.audit.subject import Subject
from automed.evaluate.calibration.bins import BINS, PER_BIN, binned
from automed.evaluate.calibration.measures import ece_estimate
from automed.evaluate.calibration.slopes import logistic
from automed.evaluate.certainty.conformal import Sets, fit
from automed.evaluate.intervals import Estimate, draw, encode, rests_on, summarise
from automed.evaluate.metrics import ACCURACY, AUROC, BRIER, MACRO_F1
from automed.evaluate.operating.rates import rates
from automed.evaluate.operating.utility import decision_curve
from automed.evaluate.paired import draw_metrics, paired
from automed.evaluate.questions import Question
from automed.evaluate.sample import Sample, collect
from automed.evaluate.shares import Share, shares

Floats = NDArray[np.float64]
Limits = tuple[float, float] | None

LARGE = 400_000
SEEN, UNKNOWN = 0.5, 0.9  # how far records of a patient agree in what the model sees, and in what it cannot know
THRESHOLD = 0.3
STRICTER = 0.5  # in the disadvantaged group of the planted gap
TOO_EXTREME = 1.6  # factor on the log-odds of the overconfident model: its slope is 1 / 1.6
MIN_GROUP = 20  # as recipes have it where they say nothing
FEWER = 0.4  # share of patients in the smaller group
OVER = "overconfident model"


@dataclass(frozen=True, eq=False)
class World:
    """n simulated test records: a task of three classes with two models, a question of two answers with two models.

    Attributes:
        patient: int64 (n,).
        model, rival: of three classes.
        truth: bool (n,), the answer to the question.
        chance: float64 (n,), the true probability of yes; the first model says just that.
        over: float64 (n,), what an overconfident model says.
        group: int64 (n,), 0 or 1, an attribute of the patient.
    """

    patient: NDArray[np.int64]
    model: Sample
    rival: Sample
    truth: NDArray[np.bool_]
    chance: Floats
    over: Floats
    group: NDArray[np.int64]


def simulated(n: int, rng: np.random.Generator, *, clustered: bool) -> World:
    """Draw n records; each hidden quantity is standard normal and partly shared by the records of a patient."""
    sizes = rng.integers(1, 7, n) if clustered else np.ones(n, dtype=np.int64)
    patient = np.repeat(np.arange(n), sizes)[:n]

    def hidden(columns: int, shared: float) -> Floats:
        common, own = rng.standard_normal((2, n, columns))
        return np.asarray(np.sqrt(shared) * common[patient] + np.sqrt(1 - shared) * own)

    # The best of utilities with Gumbel noise is a draw from their softmax, whatever the noise shares within a patient.
    seen, other = hidden(3, SEEN), hidden(3, SEEN)
    utility = np.array([0.9, 0.4, -0.6]) + 1.6 * seen
    y = np.argmax(utility - np.log(-log_ndtr(hidden(3, UNKNOWN))), axis=1)
    model = collect(y, softmax(utility, axis=1))
    rival = collect(y, softmax(np.array([0.9, 0.4, -0.6]) + 1.6 * (0.8 * seen + 0.6 * other), axis=1))

    odds = -1.0 + 1.7 * hidden(1, SEEN)[:, 0]
    noise = hidden(1, UNKNOWN)[:, 0]
    truth = odds + np.log(ndtr(noise)) - log_ndtr(-noise) > 0  # logistic noise
    group = (rng.random(n) < FEWER).astype(np.int64)[patient]
    return World(patient, model, rival, truth, expit(odds), expit(0.4 + TOO_EXTREME * odds), group)


def decided(world: World, threshold: float | Floats) -> NDArray[np.bool_]:
    return np.asarray(world.chance >= threshold)


def asked_of_groups(world: World, *, planted: bool) -> NDArray[np.bool_]:
    """Decisions: with a planted gap, the smaller group must reach a stricter threshold."""
    return decided(world, np.where(world.group == 1, STRICTER if planted else THRESHOLD, THRESHOLD))


def truths(world: World, sets: Sets) -> dict[str, Callable[[int], float]]:
    """The true figures by name, for a number of test records, on which the bins of an ECE depend."""
    truth, flagged = world.truth, decided(world, THRESHOLD)
    two = of_two(world)
    planted = asked_of_groups(world, planted=True)
    first, second = (float(planted[truth & (world.group == k)].mean()) for k in (0, 1))
    odds = THRESHOLD / (1 - THRESHOLD)
    known = {
        "accuracy": ACCURACY(world.model).value,
        "macro-F1": MACRO_F1(world.model).value,
        "sensitivity": float(flagged[truth].mean()),
        "specificity": float((~flagged[~truth]).mean()),
        "PPV": float(truth[flagged].mean()),
        "AUROC": AUROC(two).value,
        "Brier": BRIER(two).value,
        f"slope, {OVER}": 1 / TOO_EXTREME,
        "net benefit": float((flagged & truth).mean() - odds * (flagged & ~truth).mean()),
        "coverage of sets": float(sets.apply(world.model.probabilities)[np.arange(LARGE), world.model.y].mean()),
        "macro-F1, difference": (MACRO_F1(world.model).value or 0.0) - (MACRO_F1(world.rival).value or 0.0),
        "gap, planted": abs(first - second),
        "gap, none": 0.0,
        "ECE, calibrated model": 0.0,
    }
    found: dict[str, Callable[[int], float]] = {name: lambda n, v=value: float(v) for name, value in known.items()}
    found[f"ECE, {OVER}"] = lambda n: true_ece(world.chance, world.over, int(np.clip(n // PER_BIN, 1, BINS)))
    return found


def true_ece(chance: Floats, said: Floats, bins: int) -> float:
    """With the true probabilities in place of answers, in as many bins as automed cuts so many records into."""
    place = np.searchsorted(np.quantile(said, np.linspace(0, 1, bins + 1))[1:-1], said)
    return float(np.abs(np.bincount(place, chance - said)).sum() / len(said))


def of_two(world: World) -> Sample:
    p = world.chance
    return collect(world.truth.astype(np.int64), np.column_stack([1 - p, p]), predicted=decided(world, THRESHOLD) * 1)


def intervals(world: World, sets: Sets, codes: NDArray[np.int64], resamples: int, seed: int) -> dict[str, Limits]:
    """What automed says of these records: limits by figure, None where it is not estimable."""
    found: dict[str, Estimate] = {}
    asked = (("accuracy", "accuracy", ACCURACY, world.model), ("macro-F1", "macro_f1", MACRO_F1, world.model))
    two = of_two(world)
    asked_two = (("AUROC", "auroc", AUROC, two), ("Brier", "brier", BRIER, two))
    for group in (asked, asked_two):
        sample = group[0][3]
        drawn = draw_metrics(sample, codes, [key for _, key, _, _ in group], resamples=resamples, seed=seed)
        for name, key, metric, _ in group:  # as intervals.estimates has it, which would compute all other metrics too
            values = np.where(drawn["complete"] > 0, drawn[key], np.nan) if metric.rarest else drawn[key]
            low, high = metric.bounds(sample)
            found[name] = summarise(metric(sample), values, codes, rests_on(sample, metric), low=low, high=high)
    yielded = rates(world.truth, decided(world, THRESHOLD), codes, resamples=resamples, seed=seed)
    found |= {"sensitivity": yielded["sensitivity"], "specificity": yielded["specificity"], "PPV": yielded["ppv"]}
    found["net benefit"] = decision_curve(
        world.truth, world.chance, codes, THRESHOLD, resamples=resamples, seed=seed
    ).net_benefit
    held = sets.apply(world.model.probabilities)[np.arange(len(codes)), world.model.y]
    everyone = np.ones(len(codes), dtype=bool)
    share = shares({"": Share(held, everyone)}, codes, resamples=resamples, seed=seed)
    found["coverage of sets"] = share[""]
    found |= calibration(world, codes, resamples, seed)
    limits: dict[str, Limits] = {name: estimate.ci95 for name, estimate in found.items()}
    difference = paired(world.model, world.rival, codes, names=("macro_f1",), resamples=resamples, seed=seed)
    limits["macro-F1, difference"] = difference["macro_f1"].ci95
    for name, planted in (("gap, planted", True), ("gap, none", False)):
        limits[name] = gap(world, codes, resamples, seed, planted=planted)
    return limits


def calibration(world: World, codes: NDArray[np.int64], resamples: int, seed: int) -> dict[str, Estimate]:
    truth = world.truth
    rare = truth if 2 * truth.sum() <= len(truth) else ~truth
    slopes = logistic(truth, world.over)
    said = {"ECE, calibrated model": world.chance, f"ECE, {OVER}": world.over}
    families = {"slope": slopes} | {name: binned(truth, p) for name, p in said.items()}
    rows = np.concatenate([family.rows for family in families.values()])
    sums = np.concatenate([rows @ weights for weights in draw(codes, resamples, seed)], axis=1)
    ends = np.cumsum([len(family.rows) for family in families.values()])[:-1]
    drawn = {
        name: family.read(part) for (name, family), part in zip(families.items(), np.split(sums, ends), strict=True)
    }
    found = {
        name: ece_estimate(truth, p, drawn[name]["ece"], drawn[name]["chance"], codes, rare) for name, p in said.items()
    }
    slope = slopes.point("slope")
    values = drawn["slope"]["slope"]
    found[f"slope, {OVER}"] = summarise(slope, values, codes, rare, low=-np.inf, high=np.inf)
    return found


def gap(world: World, codes: NDArray[np.int64], resamples: int, seed: int, *, planted: bool) -> Limits:
    """Of the sensitivities of two groups."""
    flagged = asked_of_groups(world, planted=planted)
    p = world.chance
    sample = collect(world.truth.astype(np.int64), np.column_stack([1 - p, p]), predicted=flagged.astype(np.int64))
    question = Question("1", (1,), world.truth, p, flagged)
    subject = Subject(sample, codes, (question,), {})
    division = divide("group", [f"{k}" for k in world.group.tolist()], MIN_GROUP)
    measured = gaps.measure(subject, division, MIN_GROUP, 0.1, resamples, 1, seed)
    return next(found.ci95 for found in measured if found.kind == EQUAL_OPPORTUNITY)


def resemblance(values: NDArray[np.generic], patient: NDArray[np.int64]) -> float:
    """Intraclass correlation of what is seen, by analysis of variance.

    Source: Donner 1986, Int Stat Rev 54:67-82, section 2.
    """
    x = values.astype(np.float64)
    _, patient = np.unique(patient, return_inverse=True)
    size = np.bincount(patient)
    means = np.bincount(patient, x) / size
    n, groups = len(x), len(size)
    between = (size * (means - x.mean()) ** 2).sum() / (groups - 1)
    within = ((x - means[patient]) ** 2).sum() / (n - groups)
    typical = (n - (size**2).sum() / n) / (groups - 1)
    return float((between - within) / (between + (typical - 1) * within))


def main(simulations: int, resamples: int, records: list[int], seed: int, *, only_calibration: bool) -> None:
    started = time.monotonic()
    large = simulated(LARGE, np.random.default_rng([seed, 1]), clustered=False)
    tuning = simulated(1000, np.random.default_rng([seed, 2]), clustered=False)
    sets = fit(tuning.model.y, tuning.model.probabilities, 0.9)
    true = truths(large, sets)
    families = simulated(LARGE, np.random.default_rng([seed, 3]), clustered=True)
    flagged, everyone = decided(families, THRESHOLD), np.ones(LARGE, dtype=bool)
    seen = {
        "class": (families.model.y == 0, everyone),
        "class decided rightly": (families.model.right, everyone),
        "answer": (families.truth, everyone),
        "flagged, of positives": (flagged, families.truth),
        "flagged, of negatives": (flagged, ~families.truth),
    }
    print(f"{simulations} simulations each, {resamples} resamples; patients have 1 record, or 1 to 6 (mean 3.5)")
    print(
        "intraclass correlation where they have several: "
        + ", ".join(
            f"{name} {resemblance(values[at], families.patient[at]):.2f}" for name, (values, at) in seen.items()
        )
    )
    shares_true = np.bincount(large.model.y) / LARGE
    print(f"classes {', '.join(f'{share:.2f}' for share in shares_true)}; answer yes {large.truth.mean():.2f}")
    ways = ("1 record a patient", "several, patients drawn", "several, records drawn")
    table: dict[tuple[str, int, str], list[Limits]] = {}
    for n in records:
        for number in range(simulations):
            for clustered in (False, True):
                world = simulated(n, np.random.default_rng([seed, 4, n, number, clustered]), clustered=clustered)
                drawn = [(ways[1 if clustered else 0], encode(world.patient, n))]
                drawn += [(ways[2], encode(None, n))] if clustered else []
                for way, codes in drawn:
                    found = (
                        {name: one.ci95 for name, one in calibration(world, codes, resamples, number).items()}
                        if only_calibration
                        else intervals(world, sets, codes, resamples, number)
                    )
                    for name, limits in found.items():
                        table.setdefault((name, n, way), []).append(limits)
        print(f"{n} records: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    show(true, table, records, ways)
    print(f"\n{time.monotonic() - started:.0f} s")


def show(
    true: dict[str, Callable[[int], float]],
    table: dict[tuple[str, int, str], list[Limits]],
    records: list[int],
    ways: tuple[str, ...],
) -> None:
    """Print the share of intervals that hold the truth, and where the others lie."""
    print("\nheld: % of the estimable intervals that hold the truth, with its standard error")
    print("low, high: % that lie wholly below, above the truth; n.e.: % not estimable; width: median")
    for way in ways:
        print(f"\n{way}")
        print(f"{'':28}{'records':>8}{'truth':>8}{'held':>12}{'low':>7}{'high':>7}{'n.e.':>7}{'width':>8}")
        for name in (name for name in true if (name, records[0], way) in table):
            for n in records:
                target, limits = true[name](n), table[name, n, way]
                given = np.array([pair for pair in limits if pair is not None]).reshape(-1, 2)
                missing = 100 * (1 - len(given) / len(limits))
                line = f"{name if n == records[0] else '':28}{n:8}{target:8.3f}"
                if not len(given):
                    print(f"{line}{'-':>12}{'-':>7}{'-':>7}{missing:7.1f}{'-':>8}")
                    continue
                slack = 1e-9  # of rounding, where the truth is 0 and so is the limit
                low, high = (given[:, 1] < target - slack).mean(), (given[:, 0] > target + slack).mean()
                held = 1 - low - high
                error = np.sqrt(held * (1 - held) / len(given))
                width = np.median(given[:, 1] - given[:, 0])
                figures = f"{100 * held:7.1f} ±{100 * error:3.1f}{100 * low:7.1f}{100 * high:7.1f}"
                print(f"{line}{figures}{missing:7.1f}{width:8.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--records", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--calibration", action="store_true", help="only slope and ECE")
    given = parser.parse_args()
    # Thousands of small calls: what scikit-learn would check in each of them is known to be sound, and a second BLAS
    # thread would wait longer than it helps.
    with config_context(assume_finite=True, skip_parameter_validation=True), threadpool_limits(1, user_api="blas"):
        main(given.simulations, given.resamples, given.records, given.seed, only_calibration=given.calibration)
