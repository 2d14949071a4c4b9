"""The part of a recipe that says how finalists are explained, and when an explanation counts as validated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automed.recipe.part import Part, UnitInterval

Method = Literal["shap", "lime", "gradcam", "integrated_gradients", "occlusion"]


class Thresholds(Part):
    """When a check of an explanation is passed; an interval that holds the threshold leaves it undecided.

    `randomised`: rank correlation with the map of the same network with random weights, at most. Adebayo et al. 2018,
        arXiv:1810.03292, show methods near 1 that do not depend on the weights and give no limit; .5 is ours.
    `stable`: rank correlation between maps of other seeds, or of a record with noise, at least. Agarwal et al. 2022
        (OpenXAI, arXiv:2206.11104) measure it and give no limit; .7 is ours.
    `noise`: of the deviation of each element, how much is added; records whose prediction it changes do not count.
    """

    randomised: UnitInterval = 0.5
    stable: UnitInterval = 0.7
    noise: Annotated[float, Field(gt=0, le=1)] = 0.05


class Explain(Part):
    """What `explain` shows of each finalist, and what it is tested with.

    `methods` left out: those that suit the inputs. `explainer` is that of SHAP: auto takes the one that suits the
    model. `parts` is into how many players (superpixels, segments, tokens) a record is cut at most; `samples`, how
    many of their coalitions are asked of the model for each case, by LIME for each of its seeds; `background`, how
    many training records stand for what is hidden. `tested` is the number of test records on which explanations are
    validated.
    """

    methods: tuple[Method, ...] | None = None
    cases: Annotated[int, Field(ge=1, le=500)] = 12
    validate_: bool = Field(default=True, alias="validate")
    explainer: Literal["auto", "gradient", "exact", "permutation", "kernel", "deep"] = "auto"
    parts: Annotated[int, Field(ge=1, le=1000)] = 40
    samples: Annotated[int, Field(ge=16, le=100_000)] = 400
    background: Annotated[int, Field(ge=1, le=10_000)] = 32
    tested: Annotated[int, Field(ge=2, le=10_000)] = 24
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    thresholds: Thresholds = Thresholds()
