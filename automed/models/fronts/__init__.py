"""Fronts: from the raw array of an input to what an encoder reads, inside the saved model.

Each is one file a kind of input with `prepare(space, raw, facts, name, architecture) -> Front`. Missing values are
replaced before anything is computed from them, so that neither a prediction nor a gradient ever meets NaN.
"""

from __future__ import annotations

from automed.registry import Entry, Table

FRONTS = Table(
    "kind of input",
    {
        "image": Entry("automed.models.fronts.image:prepare", "pixels to about zero mean and unit deviation"),
        "signal": Entry("automed.models.fronts.signal:prepare", "channels normalised, what is missing marked"),
        "text": Entry("automed.models.fronts.tokens:prepare", "tokens to vectors"),
        "sequence": Entry("automed.models.fronts.tokens:prepare", "letters to vectors"),
        "tabular": Entry("automed.models.fronts.tabular:prepare", "numbers normalised, categories to vectors"),
    },
)
