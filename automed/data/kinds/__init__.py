"""Kinds of input: how each is read, fitted on the training records, and laid out for a model.

`KINDS` names them: each is a `Kind`, whose parts `automed.data.kinds.kind` explains. A new kind is one file and one
line here, and a front in `automed.models`.
"""

from automed.registry import Entry, Table

KINDS = Table(
    "kind of input",
    {
        "image": Entry("automed.data.kinds.image:KIND", "pictures of one size, grey or colour"),
        "signal": Entry("automed.data.kinds.signal:KIND", "series over time: ECG, vitals, irregular observations"),
        "text": Entry("automed.data.kinds.text:KIND", "notes and reports"),
        "sequence": Entry("automed.data.kinds.sequence:KIND", "DNA, protein, SMILES"),
        "tabular": Entry("automed.data.kinds.tabular:KIND", "numbers and categories"),
    },
)
