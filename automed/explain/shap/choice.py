"""Which explainer computes the Shapley values of a model, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from automed.explain.subject import InputSpec, Subject

Explainer = Literal["gradient", "exact", "permutation", "kernel", "deep"]

FEW = 10  # players whose 1,024 coalitions are always asked; shap.Explainer draws the line there too


@dataclass(frozen=True)
class Choice:
    """One explainer that may do, and a sentence for people."""

    explainer: Explainer
    reason: str


def choose(subject: Subject, asked: Explainer | Literal["auto"], parts: int) -> tuple[Choice, ...]:
    """Explainers in the order in which they are tried; the last one can explain any model.

    Args:
        subject: the model.
        asked: explain.explainer of the recipe: auto, or one by name.
        parts: players at most.
    """
    suiting = _suiting(subject, parts)
    if asked == "auto":
        return suiting
    named = Choice(asked, f"The recipe asks for it ({asked}).")
    if asked in ("permutation", "kernel"):
        return (named,)
    if asked == "exact":  # who wants values of players is not given those of pixels
        return (named, suiting[-1])
    return (named, *(one for one in suiting if one.explainer != asked))


def limit(samples: int) -> int:
    """Players at most whose coalitions are all asked, when `samples` coalitions are allowed."""
    return max(FEW, int(math.log2(samples)))


def _suiting(subject: Subject, parts: int) -> tuple[Choice, ...]:
    """What suits the inputs, the best first, and sampled Shapley values last."""
    if len(subject.inputs) > 1:
        return (
            _sampled(
                f"The model reads {len(subject.inputs)} inputs: sampled Shapley values share its answer out among the "
                "parts of all of them in one unit."
            ),
        )
    spec = subject.inputs[0]
    if spec.kind == "tabular":
        columns = min(spec.shape[0], parts)
        sampled = _sampled(
            f"The table has {columns} columns, too many for all their coalitions: orders of them are drawn by chance."
        )
        if columns > FEW:
            return (sampled,)
        return (
            Choice("exact", f"The table has {columns} columns: all {2**columns:,} coalitions of them can be asked."),
            sampled,
        )
    if spec.kind == "image":
        return (
            Choice("gradient", "The input is an image: expected gradients give each pixel its own share."),
            _sampled("Sampled Shapley values of superpixels need no gradient."),
        )
    if spec.kind == "signal" and not irregular(spec):
        return (
            Choice("gradient", "The input is a regular signal: expected gradients give each time step its own share."),
            _sampled("Sampled Shapley values of stretches of time need no gradient."),
        )
    if spec.kind == "signal":
        return (
            _sampled(
                "The signal is irregular: a value, its mask and its elapsed time change together, which gradients do "
                "not know; sampled Shapley values hide them together."
            ),
        )
    return (
        _sampled(
            "Words and letters have no values in between to take gradients at: orders of them are drawn by chance."
        ),
    )


def _sampled(reason: str) -> Choice:
    return Choice("permutation", reason)


def irregular(spec: InputSpec) -> bool:
    """Whether a signal's channels include masks and elapsed times."""
    return any(role != "value" for role in spec.facts.get("roles") or ())
