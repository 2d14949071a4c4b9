"""Occlusion: what hiding one part after another changes."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import Attribution
from automed.explain.players.record import ask_many, divide, fills, lay_out
from automed.explain.subject import Arrays, Subject
from automed.recipe.explain import Explain

UNIT = "fall in probability when hidden"


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
) -> Attribution:
    """Hide each player of a record alone; its value is how much the probability falls.

    Values do not add up to anything: parts of which one is enough each get nothing, parts that are all needed each get
    everything.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: by input (b, *shape), where stand-ins come from.
        classes: int64 (n,), the class that is explained of each record.
        settings: `parts`, players at most.
        seed: of the stand-ins.

    Source: Zeiler and Fergus 2014, arXiv:1311.2901, section 4.2 (with parts of a record in place of a grey square).
    """
    started = time.monotonic()
    classes = np.asarray(classes, np.int64)
    games = [divide(subject, records, i, background, settings.parts, seed) for i in range(len(classes))]
    # The first row shows everything, each further one hides a player.
    asked = [(game, np.concatenate([np.ones((1, len(game)), bool), ~np.eye(len(game), dtype=bool)])) for game in games]
    answers = [answer[:, wanted] for answer, wanted in zip(ask_many(asked), classes, strict=True)]
    values, parts = lay_out(subject, games, [answer[0] - answer[1:] for answer in answers])
    return Attribution(
        method="occlusion",
        explainer="automed.explain.occlusion",
        reason="Each part of the record is hidden alone.",
        classes=classes,
        values=values,
        output=np.array([answer[0] for answer in answers], np.float32),
        base=None,
        parameters={
            "parts": settings.parts,
            "fill": fills(subject),
            "references": max((game.references for game in games), default=0),
            "background": len(background[subject.names[0]]),
            "seed": seed,
        },
        unit=UNIT,
        notes={"players": np.array([len(game) for game in games], np.float32)},
        parts=parts,
        seconds=time.monotonic() - started,
    )
