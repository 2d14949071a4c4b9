"""Whether explanations of this model can be trusted: checks on its own test cases, each with an interval and a verdict.

A check is one file with one function and one line here. A verdict is passed, failed or could not be decided; the
verdict on a method is the worst of its checks that count.
"""

from __future__ import annotations

from automed.registry import Entry, Table

CHECKS = Table(
    "check of an explanation",
    {
        "skill": Entry("automed.explain.validation.skill:check", "the model itself does better than chance"),
        "faithfulness": Entry(
            "automed.explain.validation.faithfulness:check", "removing what is marked matters more than other things"
        ),
        "randomisation": Entry(
            "automed.explain.validation.randomisation:check", "the map changes when the weights are randomised"
        ),
        "stability": Entry("automed.explain.validation.stability:check", "other seeds and slight noise, the same map"),
        "agreement": Entry("automed.explain.validation.agreement:check", "methods mark the same places"),
        "localisation": Entry("automed.explain.validation.localisation:check", "what is marked lies where the sign is"),
        "groups": Entry("automed.explain.validation.groups:check", "explanations are as good for every group"),
    },
)
