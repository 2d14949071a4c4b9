"""Inputs of example cases on a page: each kind says how data.json describes it, and how one record of it is shown.

A new kind is one file, a macro in templates/inputs.html, and one line here.
"""

from __future__ import annotations

from automed.registry import Entry, Table

INPUTS = Table(
    "kind of input on a page",
    {
        "image": Entry("automed.report.inputs.image:Image", "the picture"),
        "signal": Entry("automed.report.inputs.signal:Signal", "a trace of each channel"),
        "text": Entry("automed.report.inputs.tokens:Text", "the first words"),
        "sequence": Entry("automed.report.inputs.tokens:Sequence", "the first letters, in groups of ten"),
        "tabular": Entry("automed.report.inputs.tabular:Tabular", "names and values"),
    },
)
