"""What else was fitted on validation for using a model: operating thresholds, prediction sets, when to abstain.

All of it stands in the model's card, beside calibration and the rule of decision (`readout`), so that a model is used
elsewhere as it was tested here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automed.errors import DataError
from automed.evaluate.certainty import conformal, selective
from automed.evaluate.certainty.conformal import KINDS, Sets
from automed.evaluate.certainty.selective import Abstain
from automed.evaluate.operating.threshold import Operating, choose
from automed.evaluate.questions import questions
from automed.evaluate.sample import Sample
from automed.recipe.evaluate import Evaluate, Threshold


@dataclass(frozen=True)
class Fitted:
    """What a card holds besides calibration and decision; empty of a model that says nothing of it.

    Attributes:
        operating: by key of a question its threshold.
        sets: "marginal" and "by_class" prediction sets; none of labels.
        abstain: from which certainty on the model answers.
    """

    operating: Mapping[str, Operating] = field(default_factory=dict)
    sets: Mapping[str, Sets] = field(default_factory=dict)
    abstain: Abstain | None = None

    def as_json(self) -> dict[str, Any]:
        """For the card: {"operating": {key: ...}, "prediction_sets": {kind: ...}, "abstain": ... or null}."""
        return {
            "operating": {key: one.as_json() for key, one in self.operating.items()},
            "prediction_sets": {kind: one.as_json() for kind, one in self.sets.items()},
            "abstain": None if self.abstain is None else self.abstain.as_json(),
        }


def rule_of(settings: Evaluate, task: str) -> Threshold:
    """How thresholds are chosen where the recipe leaves it open."""
    return settings.threshold or (Threshold(rule="f1") if task == "multilabel" else Threshold())


def fit(settings: Evaluate, validation: Sample, urgent: Sequence[int]) -> Fitted:
    """Fit all of it.

    Args:
        settings: the recipe's `evaluate`.
        validation: records with calibrated probabilities and the model's decisions.
        urgent: indices of the classes that must not be missed.
    """
    rule = rule_of(settings, validation.task)
    operating = {q.key: choose(rule, q.truth, q.probability) for q in questions(validation, urgent)}
    sets: dict[str, Sets] = {}
    if validation.task != "multilabel":
        y, p = validation.y, validation.probabilities
        sets = {kind: conformal.fit(y, p, settings.coverage, by_class) for kind, by_class in KINDS.items()}
    return Fitted(operating, sets, selective.choose(validation, settings.accept))


def read(card: Mapping[str, Any]) -> Fitted:
    """What a card says; nothing where another program wrote it.

    Raises:
        DataError: the card is damaged.
    """
    try:
        abstain = card.get("abstain")
        return Fitted(
            {str(key): Operating.read(one) for key, one in (card.get("operating") or {}).items()},
            {str(kind): Sets.read(one) for kind, one in (card.get("prediction_sets") or {}).items()},
            None if abstain is None else Abstain.read(abstain),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise DataError("the card's operating points, prediction sets or abstaining are damaged") from problem
