"""How fast records are explained, beside SHAP and LIME used as their documentation shows.

    .venv/bin/python tests/performance/explaining.py [kernel | table | gradients | lime] [--quick]

The two ways of doing each are those of `explanations.py`, which also says how far their values agree.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import measuring
from measuring import Asked, Measurement

from automed import runtime


def beside(what: str, against: str, kind: str, plain: str, ours: str, asked: Asked, **more: str) -> list[Measurement]:
    """Seconds a record of two ways of `explanations`, in turns, once both have been traced for one record."""
    runtime.prepare_here()
    import explanations
    import keras

    keras.utils.set_random_seed(explanations.SEED)
    records, samples = asked.size(2, 1), asked.size(400, 60)
    given = getattr(explanations, kind)(records)
    alone = dataclasses.replace(
        given, records={name: x[:1] for name, x in given.records.items()}, classes=given.classes[:1]
    )

    def way(name: str) -> Any:
        work = partial(getattr(explanations, name), samples=samples, **more)
        work(alone)
        return lambda: measuring.clocked(lambda: work(given)) / records

    found = measuring.alternating(way(ours), way(plain), asked.size(3, 1))
    sizes = {"records": records, "evaluations": samples}
    return [measuring.row(f"explain: {what}", *found, "s/record", against, **sizes)]


def players(explainer: str, kind: str, what: str) -> measuring.Figure:
    """SHAP over players: superpixels of an image, columns of a table."""
    name = f"shap.{explainer.capitalize()}Explainer, a record at a time, through model.predict"
    return partial(beside, what, name, kind, "plain_players", "our_players", explainer=explainer)


GRADIENTS = "shap.GradientExplainer, called for all records"
LIME = "lime_image.LimeImageExplainer through model.predict"
FIGURES: measuring.Figures = {
    "kernel": players("kernel", "images", "SHAP kernel, an image"),
    "table": players("kernel", "tables", "SHAP kernel, a table"),
    "gradients": partial(
        beside, "SHAP expected gradients, an image", GRADIENTS, "images", "plain_gradients", "our_gradients"
    ),
    "lime": partial(beside, "LIME, an image", LIME, "images", "plain_lime", "our_lime"),
}

if __name__ == "__main__":
    measuring.main(FIGURES)
