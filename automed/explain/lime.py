"""LIME: a linear model that behaves like the network around one record, fitted by the library `lime`."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from lime.lime_base import LimeBase
from sklearn.metrics import pairwise_distances

from automed.explain.attribution import Attribution
from automed.explain.players.record import Bools, ask_many, divide, fills, lay_out
from automed.explain.subject import Arrays, Subject
from automed.recipe.explain import Explain

Doubles = npt.NDArray[np.float64]

SEEDS = 3  # local models a record: their mean is the explanation, their spread says how far it can be relied on
WIDTH = 0.25  # of the kernel over cosine distances: lime.lime_image (lime.lime_text has 25 over 100 times the distance)
WIDTH_OF_TABLES = 0.75  # times the root of the number of columns, over Euclidean distances: lime.lime_tabular


@dataclass(frozen=True)
class Local:
    """A local model: `slopes` (p,), what it gives with no player shown, and its weighted R2."""

    slopes: Doubles
    intercept: float
    r2: float


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
) -> Attribution:
    """Fit a linear model of which players are shown to the probability of the class, near the whole record.

    Drawing, distances, kernel and fit are those of lime's explainer of images, whatever the players are; a table has
    the distance and kernel of lime's explainer of tables. What differs is how the model is asked: for the coalitions of
    all records and seeds at once, in full batches. `lime.lime_image.LimeImageExplainer` with the same seed, superpixels
    and fill gives the same numbers, but hides pixel by pixel in Python and asks for one record at a time: with batches
    as full it took five times as long (28 x 28 pixels, 1,200 samples).
    `lime.lime_tabular.LimeTabularExplainer` is not used: without bins it draws numbers from a normal distribution, its
    slopes are per standard deviation and say nothing about the patient's own value, and it cannot take a missing
    value. Here a column is shown, or has the values of other patients, as lime does with categories.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: by input (b, *shape), where stand-ins come from.
        classes: int64 (n,), the class that is explained of each record.
        settings: `parts`, players at most; `samples`, coalitions for each of the `SEEDS` local models of a record.
        seed: where chance comes from.

    Returns:
        Mean slopes over the seeds, and intercepts as `base`. `notes`: "r2", weighted R2 of the local models, mean; and
        "spread", the standard deviation of a slope over the seeds, mean over players, relative to the mean absolute
        slope. Both are NaN of a record without players.

    Source: Ribeiro, Singh and Guestrin 2016, arXiv:1602.04938, section 3.
    """
    started = time.monotonic()
    classes = np.asarray(classes, np.int64)
    table = all(spec.kind == "tabular" for spec in subject.inputs)
    games = [divide(subject, records, i, background, settings.parts, seed) for i in range(len(classes))]
    seeds = seeds_of(seed)
    drawn = {p: [coalitions(p, settings.samples, one) for one in seeds] for p in {len(game) for game in games}}
    answers = ask_many([(game, np.concatenate(drawn[len(game)])) for game in games])
    slopes, bases, outputs, fits, spreads = [], [], [], [], []
    for game, wanted, answer in zip(games, classes, answers, strict=True):
        told = answer[:, wanted].astype(np.float64)
        outputs.append(told[0])
        if not len(game):
            slopes.append(np.zeros(0))
            bases.append(told[0])
            fits.append(np.nan)
            spreads.append(np.nan)
            continue
        models = [
            fit(shown, part, table=table, seed=one)
            for shown, part, one in zip(drawn[len(game)], np.split(told, SEEDS), seeds, strict=True)
        ]
        each = np.array([model.slopes for model in models])
        slopes.append(each.mean(axis=0))
        bases.append(float(np.mean([model.intercept for model in models])))
        fits.append(float(np.mean([model.r2 for model in models])))
        spreads.append(spread(each))
    values, parts = lay_out(subject, games, slopes)
    return Attribution(
        method="lime",
        explainer="lime.lime_base.LimeBase",
        reason=f"A linear model is fitted around the record {SEEDS} times, with other parts hidden each time.",
        classes=classes,
        values=values,
        output=np.array(outputs, np.float32),
        base=np.array(bases, np.float32),
        parameters={
            "parts": settings.parts,
            "samples": settings.samples,
            "seeds": SEEDS,
            "distance": "euclidean" if table else "cosine",
            "kernel_width": f"{WIDTH_OF_TABLES} sqrt(players)" if table else WIDTH,
            "fill": fills(subject),
            "references": max((game.references for game in games), default=0),
            "background": len(background[subject.names[0]]),
            "seed": seed,
        },
        notes={
            "r2": np.array(fits, np.float32),
            "spread": np.array(spreads, np.float32),
            "players": np.array([len(game) for game in games], np.float32),
        },
        parts=parts,
        seconds=time.monotonic() - started,
    )


def seeds_of(seed: int) -> list[int]:
    """Seeds of the local models; those of two different `seed` have nothing in common."""
    return [int(one) for one in np.random.SeedSequence(seed).generate_state(SEEDS)]


def coalitions(p: int, samples: int, seed: int) -> Bools:
    """What lime.lime_image draws: each player is shown or not like a coin, and all of them in the first row."""
    drawn = np.random.RandomState(seed).randint(0, 2, samples * p).reshape(samples, p)  # as lime does
    drawn[0] = 1
    return drawn.astype(bool)


def fit(shown: Bools, answers: Doubles, *, table: bool, seed: int) -> Local:
    """The local model of one record.

    Args:
        shown: bool (m, p), all players in the first row.
        answers: (m,), the probability of the class.
        table: whether distance and kernel are those of tables.
        seed: of the library.
    """
    data, p = shown.astype(np.float64), shown.shape[1]
    # The cosine of nothing is not defined: with one player, one distance of two would be without meaning.
    euclidean = table or p == 1
    distances = pairwise_distances(data, data[:1], metric="euclidean" if euclidean else "cosine").ravel()
    width = WIDTH_OF_TABLES * math.sqrt(p) if euclidean else WIDTH
    base = LimeBase(partial(_kernel, width=width), random_state=seed % 2**32)
    intercept, found, r2, _ = base.explain_instance_with_data(
        data, answers[:, None], distances, 0, p, feature_selection="none"
    )
    slopes = np.zeros(p)
    for player, slope in found:
        slopes[player] = slope
    return Local(slopes, float(intercept), float(r2))


def spread(slopes: Doubles) -> float:
    """How much slopes (seeds, p) differ between seeds, relative to their size; 0 where all of them are 0."""
    size = float(np.abs(slopes.mean(axis=0)).mean())
    deviation = float(slopes.std(axis=0, ddof=1).mean())
    return deviation / size if size > 0 else 0.0


def _kernel(distances: Doubles, width: float) -> Any:
    """lime's exponential kernel."""
    return np.sqrt(np.exp(-(distances**2) / width**2))
