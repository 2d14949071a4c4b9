"""The parts of a recipe that say how finalists are judged: probabilities, operating point, robustness, groups."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from automed.recipe.part import Part, Share, UnitInterval

URGENT = "urgent"  # all urgent classes together, where there are several classes
RULES_WITH_VALUE = ("sensitivity", "specificity", "cost", "net_benefit")


class Threshold(Part):
    """How the operating threshold of each question is chosen on validation.

    youden: highest sensitivity + specificity. sensitivity, specificity: at least `value` is reached, with the best of
    the other. cost: `value` is how many false alarms one missed case is worth. net_benefit: the threshold is the
    probability `value` itself, at which acting and not acting are held to be equally good. f1: highest F1.
    """

    rule: Literal["youden", "sensitivity", "specificity", "cost", "net_benefit", "f1"] = "youden"
    value: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _value(self) -> Self:
        if (self.rule in RULES_WITH_VALUE) != (self.value is not None):
            raise ValueError(f"{self.rule} {'needs' if self.rule in RULES_WITH_VALUE else 'takes no'} value")
        if self.rule in ("sensitivity", "specificity", "net_benefit") and not 0 < (self.value or 0) < 1:
            raise ValueError(f"value of {self.rule} must lie between 0 and 1, got {self.value:g}")
        return self


class Evaluate(Part):
    """How probabilities are calibrated and used, and what else is asked of each finalist.

    `calibration`: auto takes the map of lowest cross-validated log-loss on validation. `threshold` left out: youden,
    and of several labels f1. `prevalence`: by class the share to expect where the model will be used, at which
    predictive values are given as well. `coverage` of prediction sets. `accept`: the largest error rate among answered
    records, from which the threshold of abstaining follows. `robustness`: whether the test is repeated under
    corruptions. `sites`: a column; the best model is trained again without each of its sites and tested there.
    """

    calibration: Literal["auto", "temperature", "platt", "isotonic", "none"] = "auto"
    threshold: Threshold | None = None
    prevalence: dict[str, Share] = Field(default_factory=dict)
    coverage: Share = 0.9
    accept: Share = 0.1
    robustness: bool = True
    sites: str | None = None


GapKind = Literal["equal_opportunity", "equalised_odds", "demographic_parity", "worst_group"]
Mitigation = Literal["reweight", "resample", "penalty", "thresholds"]


class Audit(Part):
    """What is held against groups of patients: every column of `data.sensitive`, and every crossing of two.

    A group of fewer than `min_group` records, or one in which a figure rests on fewer than 5 events, is not estimable.
    `gap` is the largest difference between groups that is accepted. `select`: best ranks finalists by validation
    macro-F1; fair takes, of those within `distance` of the best, the one whose worst group fares best. `gate` names the
    gaps that `automed audit --gate` refuses; demographic parity is not among them unless it is asked for, since where
    a disease is more common in a group, more of it should be flagged. `mitigate`: ways of narrowing gaps, each trained
    with the choices of the best model and compared with it.
    """

    min_group: Annotated[int, Field(ge=1)] = 20
    gap: UnitInterval = 0.10
    select: Literal["best", "fair"] = "best"
    distance: UnitInterval = 0.02
    gate: tuple[GapKind, ...] = ("equal_opportunity", "equalised_odds", "worst_group")
    mitigate: tuple[Mitigation, ...] = ()
    permutations: Annotated[int, Field(ge=200, le=100_000)] = 2000
