"""Why a model says what it says of one record, and whether that answer can be trusted.

Every method is one file with `explain(subject, records, background, classes, settings, seed) -> Attribution` and one
line here. Methods explain the probability of one class a record, so that their numbers can be compared and added up.
What they give is then tested on the model's own cases (`validation/`). This room is handed a model and arrays.
"""

from __future__ import annotations

from automed.registry import Entry, Table

METHODS = Table(
    "explanation method",
    {
        "shap": Entry("automed.explain.shap.method:explain", "Shapley values, by the explainer that suits the model"),
        "lime": Entry("automed.explain.lime:explain", "a linear model fitted around the record, from several seeds"),
        "gradcam": Entry("automed.explain.gradcam:explain", "where the last convolution looked"),
        "integrated_gradients": Entry(
            "automed.explain.integrated_gradients:explain", "gradients summed along the way from a reference"
        ),
        "occlusion": Entry("automed.explain.occlusion:explain", "what hiding one part after another changes"),
    },
)
