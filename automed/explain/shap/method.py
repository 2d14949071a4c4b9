"""Shapley values by the explainer that suits the model; where one cannot, the next one does and says why."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.shap import coalitions, deep, expected_gradients
from automed.explain.shap.choice import Explainer, choose
from automed.explain.subject import Arrays, Subject
from automed.recipe.explain import Explain

WORDS: dict[Explainer, str] = {
    "gradient": "expected gradients",
    "exact": "exact Shapley values",
    "permutation": "sampled Shapley values",
    "kernel": "Kernel SHAP",
    "deep": "DeepExplainer",
}


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
) -> Attribution:
    """Explain records by Shapley values, in units of probability.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: by input (b, *shape), training records; b may be 1.
        classes: int64 (n,), the class that is explained of each record.
        settings: `explainer`, auto or one by name; `parts` and `samples`.
        seed: where chance comes from.

    Returns:
        Values whose `reason` says why this explainer computed them, and why one that was asked for did not.

    Source: Lundberg and Lee 2017, arXiv:1705.07874.
    """
    started = time.monotonic()
    refused: list[str] = []
    for choice in choose(subject, settings.explainer, settings.parts):
        try:
            found = _run(choice.explainer)(subject, records, background, classes, settings, seed)
        except NotApplicable as error:
            refused.append(f"Given up: {WORDS[choice.explainer]}, since {error.what}.")
            continue
        reason = " ".join([*refused, "Instead:", choice.reason] if refused else [choice.reason])
        parameters = {**found.parameters, "asked": settings.explainer, "background": len(background[subject.names[0]])}
        return dataclasses.replace(found, reason=reason, parameters=parameters, seconds=time.monotonic() - started)
    raise NotApplicable(" ".join(refused))


def _run(explainer: Explainer) -> Callable[[Subject, Arrays, Arrays, npt.NDArray[np.int64], Explain, int], Attribution]:
    """The function of an explainer."""
    if explainer == "gradient":
        return expected_gradients.explain
    if explainer == "deep":
        return deep.explain
    return partial(coalitions.explain, explainer=explainer)
